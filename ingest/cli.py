"""Commands about stations: accept them, register them, play them."""

from collections.abc import Callable
from typing import Any, TextIO

import click

from ingest.importing.cli import station_import, token_import
from sql.cli import dsn_of, fail, key_of, log_to_stderr, migrated, settings


def plain_text(most: int) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Check an argument: 1 to `most` characters that can be printed; None stays None."""

    def check(
        _context: click.Context, _parameter: click.Parameter, value: str | None
    ) -> str | None:
        if value is not None and not (value.isprintable() and 1 <= len(value) <= most):
            raise click.BadParameter(f"expected 1 to {most} printable characters")
        return value

    return check


STATION_ID = click.argument("station_id", metavar="ID", callback=plain_text(48))
TOKEN = click.argument("id_token", metavar="TOKEN", callback=plain_text(255))
PASSWORD = click.option(
    "--password", callback=plain_text(200), help="Generated and printed if left out."
)


@click.command()
def ingest() -> None:
    """Accept stations (OCPP over WebSockets)."""
    from ingest.server import run

    given = settings()
    log_to_stderr()
    with migrated(given) as connection:
        dsn = connection.info.dsn if given.database_url else dsn_of(given)
    try:
        run(given, given.database_url or dsn, key_of(given))
    except OSError as error:
        fail(
            f"can't listen on {given.ocpp_host}:{given.ocpp_port}: {error.strerror}"
            " (KILOWATCH_OCPP_HOST, KILOWATCH_OCPP_PORT)"
        )


@click.command()
@click.option("--stations", type=click.IntRange(1), default=40, show_default=True)
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
              help="How many times quicker people and cars are.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--url", help="Where to connect; this installation's own ingest if left out.")
@click.option("--panel-port", type=click.IntRange(0, 65535), default=8060, show_default=True,
              help="Page with buttons for faults: cut a site and so on; 0: none.")  # fmt: skip
def simulate(stations: int, speed: float, seed: int, url: str | None, panel_port: int) -> None:
    """Play stations, cars and drivers over real WebSockets."""
    from ingest.simulator.run import simulate

    given = settings()
    log_to_stderr()
    with migrated(given) as connection:
        try:
            simulate(
                connection,
                key_of(given),
                url=url or f"ws://{given.ocpp_host}:{given.ocpp_port}/ocpp",
                stations=stations,
                speed=speed,
                seed=seed,
                panel_port=panel_port,
            )
        except OSError as error:
            fail(f"can't listen on port {panel_port}: {error.strerror} (--panel-port)")


@click.group()
def station() -> None:
    """Add, import and list stations, set their passwords."""


station.add_command(station_import)


@station.command("add")
@STATION_ID
@PASSWORD
@click.option(
    "--site",
    callback=plain_text(200),
    help="Number or name of the site; a new name makes a new site.",
)
@click.option("--evses", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option(
    "--max-power-w", type=click.IntRange(1, 10_000_000), help="What each evse can deliver, in W."
)
@click.option("--standard", help="Connector in OCPI's spelling, e.g. IEC_62196_T2_COMBO.")
def station_add(station_id: str, password: str | None, **options: Any) -> None:
    """Register the station ID."""
    from sql.admin import COMMAND_LINE
    from sql.admin.passwords import new_password
    from sql.admin.stations import add_station

    generated = password or new_password()
    with migrated(settings()) as connection:
        add_station(connection, COMMAND_LINE, station_id, generated, **options)
    click.echo(f"added {station_id}")
    if password is None:
        click.echo(generated)


@station.command("password")
@STATION_ID
@PASSWORD
def station_password(station_id: str, password: str | None) -> None:
    """Set a station's password."""
    from sql.admin import COMMAND_LINE
    from sql.admin.passwords import new_password
    from sql.admin.stations import set_password

    generated = password or new_password()
    with migrated(settings()) as connection:
        set_password(connection, COMMAND_LINE, station_id, generated)
    click.echo(f"password of {station_id} changed" if password else generated)


@station.command("approve")
@STATION_ID
@PASSWORD
def station_approve(station_id: str, password: str | None) -> None:
    """Let in a station that awaits approval (KILOWATCH_UNKNOWN_STATIONS=pending)."""
    from sql.admin import COMMAND_LINE
    from sql.admin.passwords import new_password
    from sql.admin.stations import approve_station

    generated = password or new_password()
    with migrated(settings()) as connection:
        approve_station(connection, COMMAND_LINE, station_id, generated)
    click.echo(f"{station_id} is approved" if password else generated)


@station.command("meter-key")
@STATION_ID
@click.argument("evse_id", metavar="EVSE", type=click.IntRange(1, 100))
@click.argument("public_key", metavar="KEY", type=click.File())
def station_meter_key(station_id: str, evse_id: int, public_key: TextIO) -> None:
    """Trust the public key of an evse's meter: a file, or - for standard input, with the key in
    PEM or as DER in hexadecimal or base64. Signed readings from before are verified again."""
    from ingest.signatures import register_key

    with migrated(settings()) as connection:
        count = register_key(connection, station_id, evse_id, public_key.read().strip())
    click.echo(f"key of {station_id} evse {evse_id} registered, {count} records verified again")


@station.command("list")
def station_list() -> None:
    """List stations: id, site, evses, OCPP version, contact, last seen, registration."""
    from sql.admin.stations import list_stations

    with migrated(settings()) as connection:
        for row in list_stations(connection):
            click.echo("\t".join("-" if value is None else str(value) for value in row))


@click.group()
def token() -> None:
    """Add, import, block and list id tokens (RFID tags, app tokens)."""


token.add_command(token_import)


@token.command("add")
@TOKEN
@click.option(
    "--status",
    type=click.Choice(["Accepted", "Blocked", "Expired", "Invalid"]),
    default="Accepted",
    show_default=True,
)
@click.option("--parent", callback=plain_text(255), help="Group the token belongs to.")
@click.option("--concurrent", is_flag=True, help="May charge several vehicles at once.")
def token_add(id_token: str, status: str, parent: str | None, concurrent: bool) -> None:
    """Add an id token, or change it."""
    from sql.admin import COMMAND_LINE
    from sql.admin.tokens import put_token

    with migrated(settings()) as connection:
        put_token(connection, COMMAND_LINE, id_token, status, parent, concurrent=concurrent)
    click.echo(f"{id_token}: {status}")


@token.command("block")
@TOKEN
def token_block(id_token: str) -> None:
    """Block an id token."""
    from sql.admin import COMMAND_LINE
    from sql.admin.tokens import block_token

    with migrated(settings()) as connection:
        block_token(connection, COMMAND_LINE, id_token)
    click.echo(f"{id_token}: Blocked")


@token.command("list")
def token_list() -> None:
    """List id tokens: token, status, expiry, group."""
    from sql.admin.tokens import list_tokens

    with migrated(settings()) as connection:
        for row in list_tokens(connection):
            click.echo("\t".join("-" if value is None else str(value) for value in row))
