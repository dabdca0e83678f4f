"""Id tokens from a CSV file: a row each. Said again, nothing changes; none is ever removed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ingest.columns import arrays
from ingest.importing import FileError, RowError
from ingest.importing.mapping import plain as bare
from ingest.importing.mapping import told
from ingest.importing.progress import Progress
from ingest.importing.sessions import ROW_COLUMNS
from ingest.importing.tables import Record, Table, records
from ingest.importing.wanted import Faulty
from sql import fields
from sql.admin.tokens import CHECKS, put_token
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("importing")

# Field: its column's other names, without spaces, case and signs
COLUMNS = {
    "id_token": "idtag token tag tagg tagid taggid rfid rfidtag uid idtoken kort kortnummer bricka",
    "status": "state tillstand",
    "parent": "parentidtoken parentidtag group grupp",
    "concurrent": "isconcurrent flera",
    "expires_at": "expires expirydate validuntil giltigtill utgar",
}


class Outcome(msgspec.Struct):
    """What became of the rows; `done` says which lines were taken."""

    taken: int = 0
    unchanged: int = 0
    done: list[tuple[int, str]] = []
    faulty: list[Faulty] = []

    @property
    def counts(self) -> dict[str, int]:
        return {"imported": self.taken, "unchanged": self.unchanged, "rejected": len(self.faulty)}


def import_tokens(
    connection: Connection, table: Table, zone: ZoneInfo, actor: str, progress: Progress,
    *, dry_run: bool,
) -> tuple[Outcome, int | None]:  # fmt: skip
    """Add and change the tokens of a file, all in one transaction. Raises FileError: nothing was
    imported. Returns what became of the rows and the number of the run, if it is kept."""
    columns = columns_of(table.header)
    checks: dict[str, fields.Check] = {
        **CHECKS, "concurrent": fields.yes, "expires_at": fields.last_day(zone),
    }  # fmt: skip
    outcome, seen = Outcome(), dict[str, int]()
    progress.begin(table.lines)
    line = 0
    with connection.transaction(force_rollback=dry_run):
        for record in records(table):
            try:
                row = _read(columns, checks, record, seen)
                _take(connection, actor, record.line, row, outcome)
            except RowError as error:
                cells = dict(zip(table.header, record.cells, strict=False))
                outcome.faulty.append(Faulty(record.line, error.field, str(error), cells))
            progress.done(record.line - line)
            line = record.line
        run_id = _keep(connection, table, outcome)
    return outcome, None if dry_run else run_id


def columns_of(header: tuple[str, ...]) -> dict[str, int]:
    """Fields by the place of their column. Raises FileError without a column of tokens."""
    places = {bare(name): place for place, name in reversed(list(enumerate(header)))}
    found = {}
    for field, others in COLUMNS.items():
        names = [name for name in (bare(field), *others.split()) if name in places]
        if names:
            found[field] = places.pop(names[0])
    if "id_token" not in found:
        raise FileError(f"no column id_token; {told(header)}")
    return found


def _read(
    columns: dict[str, int], checks: dict[str, fields.Check], record: Record, seen: dict[str, int]
) -> dict[str, Any]:
    if record.problem is not None:
        raise RowError("row", record.problem, "a row as the header says")
    said = {}
    for field, place in columns.items():
        text = record.cells[place].strip()
        said[field] = checks[field](field, text) if text else None
    if said["id_token"] is None:
        raise RowError("id_token", "", "an id token")
    first = seen.setdefault(said["id_token"].lower(), record.line)
    if first != record.line:
        raise RowError("id_token", said["id_token"], f"a token once; line {first} has it")
    return said


def _take(
    connection: Connection, actor: str, line: int, row: dict[str, Any], outcome: Outcome
) -> None:
    changed = put_token(
        connection, actor, row["id_token"], row.get("status") or "Accepted", row.get("parent"),
        concurrent=bool(row.get("concurrent")), expires_at=row.get("expires_at"),
    )  # fmt: skip
    if changed:
        outcome.taken += 1
        outcome.done.append((line, row["id_token"]))
    else:
        outcome.unchanged += 1


def _keep(connection: Connection, table: Table, outcome: Outcome) -> int:
    """What the file was and what became of it, line by line."""
    run_id = queries.start_run(
        connection, kind="id_tokens", source="csv", file_name=table.path.name,
        sha256=table.sha256, settings=json.dumps({"source": "csv"}),
    )  # fmt: skip
    rows = list(_rows(outcome))
    if rows:
        columns = dict(zip(ROW_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        queries.add_rows(connection, run_id=run_id, **arrays(columns))
    counts = json.dumps(outcome.counts)
    queries.finish_run(connection, run_id=run_id, counts=counts, at=datetime.now(UTC))
    return int(run_id)


def _rows(outcome: Outcome) -> Iterator[tuple[Any, ...]]:
    for line, what in outcome.done:
        yield (line, "imported", None, None, None, None, what, None)
    for one in outcome.faulty:
        yield (
            one.line,
            "rejected",
            None,
            None,
            None,
            one.field,
            one.problem,
            json.dumps(one.cells),
        )
