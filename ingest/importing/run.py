"""One import of sessions: how the file is read, the work, what became of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from ingest.importing import FileError, mapping, times
from ingest.importing.evidence import manner
from ingest.importing.progress import Bar, Progress
from ingest.importing.rows import EARLIEST, Reader
from ingest.importing.sessions import Importer, Summary, kept_from, load_fleet
from ingest.importing.tables import DELIMITERS, RejectsFile, Table, open_table, records
from sql.database import Connection

ENCODINGS = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
FLAGS = {
    "time_ambiguous": "with a time of the hour that autumn shows twice",
    "time_nonexistent": "with a time of the hour that spring leaves out",
}


def import_file(
    connection: Connection,
    dsn: str,
    file: Path,
    given: mapping.Given,
    said: dict[str, str | None],
    rejects: Path | None,
    *,
    dry_run: bool,
) -> Summary:
    """Import a CSV file of sessions, telling what is done.

    `said`: time_zone, date_order, decimal, source; what is None the mapping file or the file
    itself says. Raises FileError: nothing was imported.
    """
    table = open_table(file)
    said = {name: value or given.settings.get(name) for name, value in said.items()}
    reader = make_reader(connection, table, given, said)
    _introduce(table, reader)
    with Bar("Checking" if dry_run else "Importing") as bar:
        return take(dsn, table, reader, bar, rejects, dry_run=dry_run)


def take(
    dsn: str, table: Table, reader: Reader, progress: Progress, rejects: Path | None = None,
    *, dry_run: bool,
) -> Summary:  # fmt: skip
    """The work itself. Raises FileError: another import is going on."""
    with RejectsFile(rejects, table.header, table.delimiter) as rejected:
        importer = Importer(table, reader, rejected, dry_run=dry_run)
        progress.begin(table.lines)
        asyncio.run(importer.run(dsn, _settings(table, reader), progress.done))
    return importer.summary


def make_reader(
    connection: Connection, table: Table, given: mapping.Given, said: dict[str, str | None]
) -> Reader:
    """How the rows are to be read. Raises FileError."""
    columns = mapping.make_mapping(table.header, given)
    zone = zone_of(said["time_zone"] or "UTC")
    order, mark = said["date_order"], said["decimal"]
    if order not in (None, "dmy", "mdy"):
        raise FileError(f"date_order: expected dmy or mdy, found {order}")
    if mark not in (None, ".", ","):
        raise FileError(f"decimal: expected . or a comma, found {mark}")
    written = manner(records(table), columns, order, mark)
    return Reader(
        columns, load_fleet(connection), said["source"] or "csv", zone, written.order,
        written.mark, datetime.now(UTC), max(kept_from(connection) or EARLIEST, EARLIEST),
    )  # fmt: skip


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a path, a folder of zones
        raise FileError(
            f"{name} is no time zone: expected one as in Europe/Stockholm (--time-zone)"
        ) from None


def _settings(table: Table, reader: Reader) -> dict[str, Any]:
    """What is kept with the run: enough to read the file the same way again."""
    return {
        "columns": dict(mapping.described(table.header, reader.mapping)),
        "stations": reader.mapping.stations,
        "time_zone": reader.zone.key,
        "date_order": reader.order,
        "decimal": reader.mark,
        "encoding": table.encoding,
        "delimiter": table.delimiter,
    }


def _introduce(table: Table, reader: Reader) -> None:
    order: dict[times.Order | None, str] = {"dmy": ", day before month", "mdy": ", month first"}
    click.echo(
        f"{table.path.name}: {ENCODINGS.get(table.encoding, table.encoding)}, "
        f"{DELIMITERS.get(table.delimiter, table.delimiter)} between columns, "
        f"times in {reader.zone.key}{order.get(reader.order, '')}, "
        f"fractions after a {'comma' if reader.mark == ',' else 'point'}"
    )
    for field, columns in mapping.described(table.header, reader.mapping):
        click.echo(f"  {field:<18}{columns}")


def report(summary: Summary, rejects: Path | None, *, dry_run: bool) -> None:
    """What became of the rows, and the first of those that were not imported."""
    counts = summary.counts
    kwh = f"{summary.energy_wh / 1000:,.3f} kWh"
    verb = "would be imported" if dry_run else "imported"
    click.echo(
        f"{counts['imported']:,} {verb} ({kwh}), {counts['known']:,} known already, "
        f"{counts['changed']:,} changed since, {counts['rejected']:,} rejected"
    )
    for flag, what in FLAGS.items():
        if counts[flag]:
            click.echo(f"{counts[flag]:,} of them {what} ({flag})")
    for problem in summary.first_problems:
        where = "" if problem.field in ("row", "changed") else f"{problem.field}: "
        click.echo(f"line {problem.record.line}: {where}{problem.text}", err=True)
    _tell_the_rest(summary, rejects)


def _tell_the_rest(summary: Summary, rejects: Path | None) -> None:
    bad = summary.counts["rejected"] + summary.counts["changed"]
    if more := bad - len(summary.first_problems):
        click.echo(f".. and {more:,} more", err=True)
    if bad and rejects is not None:
        click.echo(f"all of them, with their columns: {rejects}", err=True)
    elif bad:
        click.echo("to get them as a file to correct: --rejects FILE", err=True)
