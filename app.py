"""Kilowatch: the command line, the WSGI `server`, and the only place that imports every part.

A command imports the part it belongs to when it runs, so that `--help` answers at once.
"""

import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if sys.argv[1:2] == ["web"]:
    # before anything opens a socket or imports psycopg: the web part serves hundreds of streams
    from gevent import monkey

    monkey.patch_all()

import click

from billing.cli import tariff
from billing.double.cli import stripe_double
from billing.drivers_cli import company, driver
from billing.finance_cli import audit_books, close_month_command
from dashboard.cli import api_token, user
from ingest.audit_cli import DAY, MONTH, audit_numbers, days_of
from ingest.cli import ingest, simulate, station, token
from ingest.importing.cli import session
from sql import DatabaseError
from sql.cli import dsn_of, fail, key_of, log_to_stderr, migrated, settings
from sql.move_cli import timescale_move
from sql.settings import HIDDEN, PREFIX, Settings, origins

if TYPE_CHECKING:
    from datetime import date

    from flask import Flask

    from sql.database import Connection


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(context: click.Context) -> None:
    """Kilowatch runs a network of EV charging stations."""
    context.obj = lambda: migrated(settings())


for command in (
    ingest,
    simulate,
    station,
    session,
    token,
    user,
    api_token,
    tariff,
    stripe_double,
    close_month_command,
    driver,
    company,
    timescale_move,
):
    cli.add_command(command)


@cli.command()
def migrate() -> None:
    """Bring the database up to date."""
    from sql.migrate import migrate

    given = settings()
    dsn = dsn_of(given)
    try:
        names = migrate(dsn, given.time_zone)
    except DatabaseError as error:
        fail(error)
    click.echo("\n".join(f"applied {name}" for name in names) or "up to date")


@cli.command()
@click.option("--month", type=MONTH, help="Only that month of the operator's.")
@click.option("--day", type=DAY, help="Only that day of the numbers.")
@click.option("--numbers", is_flag=True, help="Only the numbers.")
@click.option("--books", is_flag=True, help="Only the books.")
@click.pass_context
def audit(
    context: click.Context, month: "date | None", day: "date | None", numbers: bool, books: bool
) -> None:
    """Recompute the numbers from raw facts and check the books; exit code 1 if anything differs."""
    if (month and day) or (books and (numbers or day)):
        fail("give --month or --day, --numbers or --books; the books know no days", 2)
    with context.obj() as connection:
        agree = books or audit_numbers(connection, *days_of(month, day))
        if not numbers and day is None:
            agree = audit_books(connection, month) and agree
    sys.exit(not agree)


@cli.command("settings")
@click.option("--value", "name", metavar="NAME", help="Print one setting's value, nothing else.")
def show_settings(name: str | None) -> None:
    """Show all settings and where each comes from; secrets are hidden."""
    given = settings()
    if name is not None:
        click.echo(_value(given, name))
        return
    for field, origin in origins(os.environ).items():
        value = str(getattr(given, field))
        shown = "(hidden)" if field in HIDDEN and value else value
        click.echo(f"{PREFIX}{field.upper()}={shown}  ({origin})")


def _value(given: Settings, name: str) -> str:
    field = name.removeprefix(PREFIX).lower()
    if field not in Settings.__struct_fields__:
        fail(f"{name} is no setting; see: python app.py settings", 2)
    if field == "database_url":
        return dsn_of(given)
    return key_of(given) if field == "secret_key" else str(getattr(given, field))


def __getattr__(name: str) -> Any:
    """`app:server` for any WSGI server; made when asked for, as it opens the database."""
    if name == "server":
        return make_server()
    raise AttributeError(name)


@cli.command()
def web() -> None:
    """Serve the dashboard, the public pages, the API and Stripe's webhook."""
    from dashboard.server import ServeError, serve

    given = settings()
    log_to_stderr()
    with migrated(given):
        pass
    try:
        serve(given, make_server)
    except ServeError as error:
        fail(error)


def make_server() -> "Flask":
    """The WSGI application, with a pool of this process's own."""
    from msgspec.structs import replace

    from billing.webhooks import create_blueprint
    from dashboard import create_app
    from sql.database import sync_pool

    given = settings()
    given = replace(given, secret_key=key_of(given))
    pool = sync_pool(dsn_of(given), application_name="kilowatch web", transaction_seconds=30)
    pool.open()
    server = create_app(given, pool)
    server.register_blueprint(create_blueprint(pool.connection, given.stripe_webhook_secret))
    return server


@cli.command()
def jobs() -> None:
    """Run payments and the recurring work: watchdog, rollups, retention, reconciliation."""
    from threading import Thread

    from apscheduler.schedulers.blocking import BlockingScheduler

    from billing.jobs import jobs_of, make_worker
    from ingest.jobs import JOBS
    from sql.jobs import run_job

    given = settings()
    log_to_stderr()
    with migrated(given):
        pass
    dsn = dsn_of(given)
    scheduler = BlockingScheduler(job_defaults={"coalesce": True, "misfire_grace_time": None})
    for job in (*JOBS, *jobs_of(given)):
        scheduler.add_job(
            run_job, "interval", [dsn, job], seconds=job.seconds, id=job.name,
            # a process that is started every morning would never do what is due once a day
            next_run_time=datetime.now(UTC) + timedelta(seconds=min(job.seconds, 5)),
        )  # fmt: skip
    worker = make_worker(given, dsn)
    thread = Thread(target=worker.run, name="billing", daemon=True)
    signal.signal(signal.SIGTERM, lambda *_: scheduler.shutdown(wait=False))
    thread.start()
    with suppress(KeyboardInterrupt):
        scheduler.start()
    worker.close()
    thread.join(5)


@cli.command()
def run() -> None:
    """Run everything on this machine: ingest, web and jobs."""
    from sql.processes import family

    given = settings()
    _check_ports(given)
    with migrated(given):
        pass
    key_of(given)
    with family(given) as children:
        for _ in range(given.workers):
            children.start("ingest")
        children.start("web")
        children.start("jobs")
        if ended := children.wait():
            fail(f"{ended} has ended; everything else is stopped")


@cli.command()
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True,
    help="How much history to write at the first start.",
)  # fmt: skip
@click.option(
    "--panel-port", type=click.IntRange(1, 65535), default=8060, show_default=True,
    help="Page with the buttons cut site, refuse start, freeze meter.",
)  # fmt: skip
@click.option(
    "--stripe-port", type=click.IntRange(1, 65535), default=8070, show_default=True,
    help="Stripe's double, unless KILOWATCH_STRIPE_API_KEY names an account of Stripe's.",
)  # fmt: skip
def demo(days: int, panel_port: int, stripe_port: int) -> None:
    """Show everything: a simulated network with a year of history, live. Ctrl-C ends it."""
    from billing.demo import double_command, double_settings
    from sql.processes import family

    given = settings()
    _check_ports(given, panel_port, None if given.stripe_api_key else stripe_port)
    if not given.database_url:
        click.echo("Starting the embedded database ...")
    key = key_of(given)
    stripe = {} if given.stripe_api_key else double_settings(key, stripe_port)
    with family(given, stripe) as children:
        with migrated(given) as connection:
            stations, own_password = _demo_data(given, connection, key, days)
            if stripe:
                _demo_books(given, connection, stripe[f"{PREFIX}STRIPE_API_KEY"])
            passwords = _demo_users(connection, key)
        logs = given.data_dir / "demo.log"
        fleet = ["simulate", "--stations", str(stations), "--panel-port", str(panel_port)]
        double = [double_command(given, stripe_port)] if stripe else []
        for command in (*double, ["ingest"], ["web"], ["jobs"], fleet):
            children.start(*command, log=logs)
        if problem := children.wait_until_ready(f"http://{_web(given)}/readyz"):
            fail(f"{problem} has ended; its last words are in {logs}")
        _introduce(given, passwords, own_password, panel_port)
        if problem := children.wait():
            fail(f"{problem} has ended; its last words are in {logs}")


def _check_ports(
    given: Settings, panel_port: int | None = None, stripe_port: int | None = None
) -> None:
    from sql.processes import PortTakenError, check_port

    try:
        check_port(given.ocpp_host, given.ocpp_port, "KILOWATCH_OCPP_HOST, KILOWATCH_OCPP_PORT")
        check_port(given.web_host, given.web_port, "KILOWATCH_WEB_HOST, KILOWATCH_WEB_PORT")
        if panel_port is not None:
            check_port("127.0.0.1", panel_port, "python app.py demo --panel-port")
        if stripe_port is not None:
            check_port("127.0.0.1", stripe_port, "python app.py demo --stripe-port")
    except PortTakenError as error:
        fail(error)


def _demo_data(given: Settings, connection: "Connection", key: str, days: int) -> tuple[int, str]:
    from billing.demo import add_prices
    from ingest.simulator.demo import (
        book_history,
        count_evses,
        fill_history,
        has_history,
        prepare,
    )

    sites, own_password = prepare(connection, key)
    add_prices(connection)
    if not has_history(connection):
        label = f"Writing {days} days of history"
        with click.progressbar(length=count_evses(sites), label=label) as bar:
            sessions, seconds = fill_history(connection, dsn_of(given), sites, days, bar.update)
        click.echo(f"{sessions:,} sessions in {seconds:.0f} s; adding them up ...")
        seconds = book_history(connection, dsn_of(given))
        click.echo(f"Time per state, attempts and rollups in {seconds:.0f} s")
    return sum(len(site.stations) for site in sites), own_password


def _demo_books(given: Settings, connection: "Connection", stripe_key: str) -> None:
    from billing.demo import double_file
    from billing.demo_past import add_past

    billed = add_past(connection, double_file(given), stripe_key, datetime.now(UTC))
    if billed:
        click.echo(f"{billed:,} of them paid by card and booked")


def _demo_users(connection: "Connection", key: str) -> dict[str, str]:
    """One person of each role; passwords follow from the installation's key, so they stay."""
    from dashboard.admin import DEMO_USERS, put_demo_user

    return {email: put_demo_user(connection, email, key) for email in DEMO_USERS}


def _web(given: Settings) -> str:
    return f"{given.web_host}:{given.web_port}"


def _introduce(
    given: Settings, passwords: dict[str, str], own_password: str, panel_port: int
) -> None:
    from ingest.simulator.demo import OWN_STATION, OWN_TOKEN

    logins = "\n".join(f"    {email:<24}{password}" for email, password in passwords.items())
    ocpp = f"ws://{given.ocpp_host}:{given.ocpp_port}/ocpp/{OWN_STATION}"
    told: dict[str, object] = {
        "payment": "with your Stripe account" if given.stripe_api_key
        else "Stripe is a double here, with test cards"}  # fmt: skip
    told |= {"web": _web(given), "logins": logins, "ocpp": ocpp, "panel": panel_port}
    own = {"station": OWN_STATION, "password": own_password, "token": OWN_TOKEN}
    click.echo(DEMO_READY.format(**told, **own))


DEMO_READY = """
Kilowatch is ready.

  Control room        http://{web}/app/
{logins}
  Public page         http://{web}/
    choose a free charger and pay: {payment}
  Cut a site, refuse starts, freeze meters   http://127.0.0.1:{panel}/

  Connect your own station (OCPP 1.6 or 2.0.1, Basic authentication):
    address           {ocpp}
    user, password    {station}   {password}
    id token          {token}

  Ctrl-C ends everything.
"""


if __name__ == "__main__":
    cli()
