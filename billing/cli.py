"""`tariff price | lint | add | list` for the command line.

`add` and `list` open the database through the callable that the program puts into click's
`obj`: a function without arguments that gives a context manager of a migrated connection.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import IO, Any, NoReturn
from zoneinfo import ZoneInfo, available_timezones

import click
import msgspec

from billing import BillingError
from sql.database import Connection

Opened = Callable[[], AbstractContextManager[Connection]]
ENCODER = msgspec.json.Encoder(decimal_format="number")


def fail(message: object) -> NoReturn:
    """Bad input: one clear line, exit code 2."""
    click.echo(f"kilowatch: {message}", err=True)
    sys.exit(2)


@click.group()
def tariff() -> None:
    """Price sessions, check tariffs, say where they apply."""


@tariff.command("price")
@click.argument("tariff_file", metavar="TARIFF.json", type=click.File("rb"))
@click.argument("cdr_file", metavar="CDR.json", type=click.File("rb"))
@click.option(
    "--time-zone",
    envvar="KILOWATCH_TIME_ZONE",
    default="Europe/Stockholm",
    show_default=True,
    help="Times, dates and days of the tariff's restrictions are this zone's.",
)
def price_command(tariff_file: IO[bytes], cdr_file: IO[bytes], time_zone: str) -> None:
    """Price a session: an OCPI 2.2.1 tariff and CDR in, the cost and its breakdown out (JSON)."""
    from billing.cdrs import read_cdr
    from billing.pricing import price
    from billing.tariffs import read_tariff

    if time_zone not in available_timezones():
        fail(f"--time-zone: expected a time zone such as Europe/Stockholm, got {time_zone}")
    given = _reading(tariff_file, read_tariff)
    cdr = _reading(cdr_file, read_cdr)
    try:
        result = price(given, cdr, ZoneInfo(time_zone))
    except BillingError as error:
        fail(f"{cdr_file.name}: {error}")
    told = {"tariff_id": given.id, "time_zone": time_zone, **msgspec.structs.asdict(result)}
    click.echo(msgspec.json.format(ENCODER.encode(told), indent=2))


def _reading(file: IO[bytes], read: Callable[[bytes], Any]) -> Any:
    try:
        return read(file.read())
    except BillingError as error:
        fail(f"{file.name}: {error}")


@tariff.command("lint")
@click.argument("tariff_file", metavar="TARIFF.json", type=click.File("rb"))
@click.option("--power-kw", type=click.IntRange(1), help="What the evse delivers; 50 if left out.")
def lint_command(tariff_file: IO[bytes], power_kw: int | None) -> None:
    """Say what breaks the rules for showing prices (AFIR) and why; exit code 1 if anything does."""
    from billing.linter import lint
    from billing.tariffs import read_tariff

    findings = lint(_reading(tariff_file, read_tariff), power_kw)
    for finding in findings:
        weight = "breaks" if finding.breaks else "advice"
        click.echo(f"{weight}\t{finding.rule}\t{finding.field}\t{finding.reason}")
    if not findings:
        click.echo("nothing to remark")
    sys.exit(any(finding.breaks for finding in findings))


@tariff.command("add")
@click.argument("tariff_file", metavar="FILE", type=click.File("rb"))
@click.option("--operator", help="Number or name; the first operator if no place is given.")
@click.option("--site", help="Number or name.")
@click.option("--station", metavar="ID")
@click.option("--evse", metavar="CODE", help="Public code, or STATION/NUMBER.")
@click.option("--valid-from", metavar="TIME", help="ISO 8601, e.g. 2026-12-01T00:00+01:00.")
@click.pass_obj
def add_command(
    opened: Opened, /, tariff_file: IO[bytes], valid_from: str | None, **places: str | None
) -> None:
    """Add a tariff and let it apply to an operator, a site, a station or an evse."""
    from billing.assignment import add_tariff, find_place

    chosen = [(kind, name) for kind, name in places.items() if name is not None]
    if len(chosen) > 1:
        fail("give one of --operator, --site, --station and --evse")
    begins = None if valid_from is None else _instant(valid_from)
    document = _reading(tariff_file, _for_drivers)
    with opened() as connection:
        try:
            place = find_place(connection, *chosen[0]) if chosen else find_place(connection)
            fingerprint = add_tariff(connection, document, place, begins)
        except BillingError as error:
            fail(error)
    click.echo(f"{document['id']}: {place.name}, from {begins or 'now'}")
    click.echo(fingerprint)


def _for_drivers(text: bytes) -> dict[str, Any]:
    """The document of a tariff that drivers can be shown; checked before the database is opened."""
    from billing.reading import parse
    from billing.tariffs import TariffError, read_tariff

    document = parse(text, TariffError)
    read_tariff(document, vat_required=True)
    return document


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--valid-from: expected a time such as 2026-12-01T00:00+01:00, got {text}")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


@tariff.command("list")
@click.pass_obj
def list_command(opened: Opened) -> None:
    """List tariffs: number, id, currency, where they apply and from when, hash."""
    from billing.assignment import list_tariffs, stored

    with opened() as connection:
        for number, document, fingerprint, begins, place in list_tariffs(connection):
            known = stored(document)
            cells = (number, known.id, known.currency, place, begins, fingerprint)
            click.echo("\t".join("-" if cell is None else str(cell) for cell in cells))
