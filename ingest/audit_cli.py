"""The numbers' part of `audit` for the command line."""

import sys
from datetime import UTC, date, datetime, timedelta

import click

from ingest.audited import Result
from sql.database import Connection

SHOWN = 50  # differences of a check; all are in the table number_difference
MOST_CHARACTERS = 2000


class _Date(click.ParamType[date]):
    """A date, perhaps without its day."""

    def __init__(self, name: str, suffix: str, example: str) -> None:
        self.name, self.suffix, self.example = name, suffix, example

    def convert(
        self, value: str | date, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(f"{value}{self.suffix}")
        except ValueError:
            self.fail(f"expected {self.example}, got {value}", param, ctx)


MONTH = _Date("YYYY-MM", "-01", "a month such as 2026-06")
DAY = _Date("YYYY-MM-DD", "", "a day such as 2026-06-30")
Days = tuple[date | None, date | None]


def days_of(month: date | None, day: date | None) -> Days:
    """The first day, and the one after the last; None: as far as there are numbers."""
    if day is not None:
        return day, day + timedelta(days=1)
    if month is not None:
        return month, (month + timedelta(days=31)).replace(day=1)
    return None, None


def audit_numbers(connection: Connection, first: date | None, until: date | None) -> bool:
    """Recompute the days' numbers from raw facts, a line per check; whether all agree."""
    from ingest.audit import audit, wanted_days

    now = datetime.now(UTC)
    days = wanted_days(connection, now, first, until)
    hidden = not sys.stderr.isatty()
    with click.progressbar(
        length=len(days), label=f"Auditing {len(days)} days", file=sys.stderr, hidden=hidden
    ) as bar:
        results = audit(connection, now, days, bar.update)
    for result in results:
        _print(result)
    if not days:
        click.echo("nothing to audit: there are no numbers in that time")
    return all(result.ok for result in results)


def _print(result: Result) -> None:
    verdict = "ok" if result.ok else "DIFFERS"
    click.echo(f"{verdict}\t{result.name}\tchecked {result.checked}")
    for one in result.found[:SHOWN]:
        line = f"\t{one.subject}\texpected {one.expected}\tfound {one.found}\t{one.evidence or ''}"
        click.echo(line[:MOST_CHARACTERS])
    if result.differences > SHOWN:
        click.echo(f"\t... and {result.differences - SHOWN} more, see table number_difference")
