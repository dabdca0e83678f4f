"""Kilowatch: the command line, the WSGI `server`, and the only place that imports every part.

Parts are imported by the command that needs them: `--help` answers at once, and the web part gets
gevent's patches before anything else is loaded.
"""

import logging
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

from sql import DatabaseError
from sql.settings import (
    HIDDEN,
    PREFIX,
    Settings,
    SettingsError,
    origins,
    read_settings,
    secret_key,
    unknown_names,
)

if TYPE_CHECKING:
    from flask import Flask

    from sql.database import Connection


def fail(message: object, code: int = 1) -> NoReturn:
    """One clear line; exit code 2 for bad usage, 1 for everything else that was expected."""
    click.echo(f"kilowatch: {message}", err=True)
    sys.exit(code)


def settings() -> Settings:
    """The environment's settings, read by the command that runs."""
    for name in unknown_names(os.environ):
        click.echo(f"kilowatch: {name} is no setting and is ignored", err=True)
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        fail(error, 2)


def dsn_of(given: Settings) -> str:
    """The database's address; starts the embedded server if that is the one."""
    from sql.database import database_url

    try:
        return database_url(given)
    except DatabaseError as error:
        fail(error)


@contextmanager
def migrated(given: Settings) -> "Iterator[Connection]":
    """A connection to a database that is up to date."""
    from sql.database import connect
    from sql.migrate import migrate

    dsn = dsn_of(given)
    try:
        migrate(dsn, given.time_zone)
        with connect(dsn) as connection:
            yield connection
    except DatabaseError as error:
        fail(error)


def log_to_stderr() -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)
    for noisy in ("websockets", "apscheduler", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Kilowatch runs a network of EV charging stations."""


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
    return secret_key(given) if field == "secret_key" else str(getattr(given, field))


@cli.command()
def ingest() -> None:
    """Accept stations (OCPP over WebSockets)."""
    from ingest.server import run

    given = settings()
    log_to_stderr()
    with migrated(given) as connection:
        dsn = connection.info.dsn if given.database_url else dsn_of(given)
    try:
        run(given, given.database_url or dsn, secret_key(given))
    except OSError as error:
        fail(
            f"can't listen on {given.ocpp_host}:{given.ocpp_port}: {error.strerror}"
            " (KILOWATCH_OCPP_HOST, KILOWATCH_OCPP_PORT)"
        )


@cli.command()
def web() -> None:
    """Serve the dashboard, the public page and the API."""
    from gevent import monkey

    monkey.patch_all()
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
    import msgspec

    from dashboard import create_app
    from sql.database import sync_pool

    given = settings()
    given = msgspec.structs.replace(given, secret_key=secret_key(given))
    pool = sync_pool(dsn_of(given), application_name="kilowatch web", transaction_seconds=30)
    pool.open()
    return create_app(given, pool)


def __getattr__(name: str) -> Any:
    """`app:server` for any WSGI server; made when asked for, as it opens the database."""
    if name == "server":
        return make_server()
    raise AttributeError(name)


@cli.command()
def jobs() -> None:
    """Run the recurring work: watchdog, rollups, retention."""
    from apscheduler.schedulers.blocking import BlockingScheduler

    from ingest.jobs import JOBS
    from sql.jobs import run_job

    given = settings()
    log_to_stderr()
    with migrated(given):
        pass
    dsn = dsn_of(given)
    scheduler = BlockingScheduler(job_defaults={"coalesce": True, "misfire_grace_time": None})
    for job in JOBS:
        scheduler.add_job(run_job, "interval", [dsn, job], seconds=job.seconds, id=job.name)
    signal.signal(signal.SIGTERM, lambda *_: scheduler.shutdown(wait=False))
    with suppress(KeyboardInterrupt):
        scheduler.start()


@cli.command()
def run() -> None:
    """Run everything on this machine: ingest, web and jobs."""
    from sql.processes import family

    given = settings()
    with migrated(given):
        pass
    secret_key(given)
    with family(given) as children:
        for _ in range(given.workers):
            children.start("ingest")
        children.start("web")
        children.start("jobs")
        if ended := children.wait():
            fail(f"{ended} has ended; everything else is stopped")


@cli.group()
def station() -> None:
    """Add and list stations, set their passwords."""


@station.command("add")
@click.argument("station_id", metavar="ID")
@click.option("--password", help="For Basic authentication; generated and printed if left out.")
@click.option("--site", help="Number or name of the site; a new name makes a new site.")
@click.option("--evses", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option("--max-power-w", type=click.IntRange(1), help="What each evse can deliver, in W.")
@click.option("--standard", help="Connector in OCPI's spelling, e.g. IEC_62196_T2_COMBO.")
def station_add(station_id: str, password: str | None, **options: Any) -> None:
    """Register the station ID."""
    from ingest.admin import AdminError, add_station

    generated = password or secrets.token_urlsafe(15)
    with migrated(settings()) as connection:
        try:
            add_station(connection, station_id, generated, **options)
        except AdminError as error:
            fail(error)
    click.echo(f"added {station_id}")
    if password is None:
        click.echo(generated)


@station.command("password")
@click.argument("station_id", metavar="ID")
@click.option("--password", help="Generated and printed if left out.")
def station_password(station_id: str, password: str | None) -> None:
    """Set a station's password."""
    from ingest.admin import AdminError, set_password

    generated = password or secrets.token_urlsafe(15)
    with migrated(settings()) as connection:
        try:
            set_password(connection, station_id, generated)
        except AdminError as error:
            fail(error)
    click.echo(f"password of {station_id} changed" if password else generated)


@station.command("list")
def station_list() -> None:
    """List stations: id, site, evses, OCPP version, contact, last seen."""
    from ingest.admin import list_stations

    with migrated(settings()) as connection:
        for row in list_stations(connection):
            click.echo("\t".join("-" if value is None else str(value) for value in row))


@cli.group()
def token() -> None:
    """Add, block and list id tokens (RFID tags, app tokens)."""


@token.command("add")
@click.argument("id_token", metavar="TOKEN")
@click.option(
    "--status",
    type=click.Choice(["Accepted", "Blocked", "Expired", "Invalid"]),
    default="Accepted",
    show_default=True,
)
@click.option("--parent", help="Group the token belongs to.")
@click.option("--concurrent", is_flag=True, help="May charge several vehicles at once.")
def token_add(id_token: str, status: str, parent: str | None, concurrent: bool) -> None:
    """Add an id token, or change it."""
    from ingest.admin import add_token

    with migrated(settings()) as connection:
        add_token(connection, id_token, status, parent, concurrent=concurrent)
    click.echo(f"{id_token}: {status}")


@token.command("block")
@click.argument("id_token", metavar="TOKEN")
def token_block(id_token: str) -> None:
    """Block an id token."""
    from ingest.admin import AdminError, block_token

    with migrated(settings()) as connection:
        try:
            block_token(connection, id_token)
        except AdminError as error:
            fail(error)
    click.echo(f"{id_token}: Blocked")


@token.command("list")
def token_list() -> None:
    """List id tokens: token, status, expiry, group."""
    from ingest.admin import list_tokens

    with migrated(settings()) as connection:
        for row in list_tokens(connection):
            click.echo("\t".join("-" if value is None else str(value) for value in row))


@cli.group()
def user() -> None:
    """Add the people who may log in."""


@user.command("add")
@click.argument("email")
@click.option(
    "--role", type=click.Choice(["operator", "manager", "finance", "admin"]), required=True
)
@click.option("--name", help="As shown to colleagues; the address's first part if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def user_add(email: str, role: str, name: str | None, password_stdin: bool) -> None:
    """Add a person, or change their role and password."""
    from dashboard.admin import PeopleError, put_user

    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with migrated(settings()) as connection:
        try:
            put_user(connection, email, name or email.partition("@")[0], role, password)
        except PeopleError as error:
            fail(error, 2)
    click.echo(f"{email}: {role}")


@cli.group("api-token")
def api_token() -> None:
    """Add tokens for programs that use the API."""


@api_token.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "command"]),
    multiple=True,
    help="May be repeated; both if left out.",
)
def api_token_add(name: str, scopes: tuple[str, ...]) -> None:
    """Create an API token; the last line printed is the token, which is not shown again."""
    from dashboard.admin import SCOPES, PeopleError, add_api_token

    with migrated(settings()) as connection:
        try:
            fresh = add_api_token(connection, name, scopes or SCOPES)
        except PeopleError as error:
            fail(error)
    click.echo(fresh)


if __name__ == "__main__":
    cli()
