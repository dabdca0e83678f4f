"""One import of stations: which format, the work, what became of it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import click

from ingest.importing import FileError, nobil, ocpi, stations_csv
from ingest.importing.progress import Progress
from ingest.importing.stations import Outcome, StationImporter, find_operator, keep_run
from ingest.importing.tables import open_table
from ingest.importing.wanted import Faulty, Station, gather
from sql.admin import COMMAND_LINE
from sql.database import Connection

SHOWN = 20  # of what was done, and of what was not
BOM = b"\xef\xbb\xbf"


def import_stations(
    connection: Connection,
    file: Path,
    form: str | None,
    operator: str | None,
    progress: Progress,
    actor: str = COMMAND_LINE,
    *,
    dry_run: bool,
) -> tuple[Outcome, int | None]:
    """Import a file of stations. Raises FileError: nothing was imported. Returns what became of
    them and the number of the run, if it is kept."""
    form, source, found = read_file(file, form)
    operator_id = find_operator(connection, operator)
    stations, faulty = gather(found)
    if not stations and not faulty:
        raise FileError(f"{file} has no stations")
    with connection.transaction(force_rollback=dry_run):
        importer = StationImporter(connection, operator_id, source, actor)
        importer.outcome.refuse(faulty)
        importer.outcome.unit = "line" if form == "csv" else "number"
        progress.begin(len(stations))
        importer.put_all(stations, progress.done)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        run_id = keep_run(connection, source, file.name, sha256, importer.outcome)
    return importer.outcome, None if dry_run else run_id


def read_file(file: Path, form: str | None) -> tuple[str, str, Iterator[Station | Faulty]]:
    """Format, source and what the file says. Raises FileError."""
    try:
        octets = file.read_bytes().removeprefix(BOM)
    except OSError as error:
        raise FileError(f"can't read {file}: {error.strerror}") from error
    form = form or guess(octets)
    if form == "nobil":
        return form, nobil.SOURCE, nobil.read(octets)
    if form == "ocpi":
        return form, ocpi.source(octets), ocpi.read(octets)
    return form, "csv", stations_csv.read(open_table(file))


def guess(octets: bytes) -> str:
    """csv, nobil or ocpi, by how the file begins."""
    if octets.lstrip()[:1] not in (b"{", b"["):
        return "csv"
    return "nobil" if b'"chargerstations"' in octets[:100_000] else "ocpi"


def report(outcome: Outcome, *, dry_run: bool) -> None:
    """What was done, station by station, and what was not."""
    for _, what in outcome.done[:SHOWN]:
        click.echo(what)
    if (more := len(outcome.done) - SHOWN) > 0:
        click.echo(f".. and {more:,} more")
    would = "would be " if dry_run else ""
    click.echo(
        f"{outcome.added:,} {would}added, {outcome.changed:,} {would}changed, "
        f"{outcome.unchanged:,} as they were, {len(outcome.faulty):,} rejected"
    )
    if outcome.gone:
        click.echo(f"{outcome.gone:,} left out: removed, planned or closed, as the file says")
    if outcome.without_password:
        click.echo(
            f"{outcome.without_password:,} have no password yet and can't connect; "
            "to set one: python app.py station password ID"
        )
    for one in outcome.faulty[:SHOWN]:
        where = "" if one.field == "row" else f"{one.field}: "
        click.echo(f"{outcome.unit} {one.line}: {where}{one.problem}", err=True)
    if (more := len(outcome.faulty) - SHOWN) > 0:
        click.echo(f".. and {more:,} more", err=True)
