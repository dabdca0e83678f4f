"""Sessions of earlier systems into the database: file order, a batch a transaction.

What is stored already is found by `identity`; so an import that was interrupted, or a later export
that overlaps an earlier one, adds what is missing and nothing else.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from ingest.columns import array, arrays
from ingest.importing import FileError
from ingest.importing.booking import QUARTERS, make_book, quarters_of
from ingest.importing.judging import Judge, Judged, Known, Problem, Taken
from ingest.importing.rows import Fleet, KnownEvse, Reader, Row
from ingest.importing.tables import Record, RejectsFile, Table, records
from ingest.store import store
from sql.database import AsyncConnection, Connection, async_connect
from sql.queries import load_async_queries, load_queries

queries, ingest_queries = load_async_queries("importing"), load_async_queries("ingest")
sync_queries = load_queries("importing")

Batch = list[tuple[Record, Row | Problem]]

BATCH = 2000  # rows
TRIES = 5  # of a batch that met others' locks
SHOWN = 20  # problems that are printed
ROW_COLUMNS = (
    "line", "status", "session_id", "identity", "content", "field", "problem", "cells",
)  # fmt: skip


class BusyError(FileError):
    """Another import is going on."""


class Summary(msgspec.Struct):
    """What became of a file's rows: imported, known, changed, rejected, and flags of sessions."""

    counts: Counter[str] = msgspec.field(default_factory=Counter)
    energy_wh: int = 0
    first_problems: list[Problem] = []
    run_id: int | None = None

    @property
    def is_clean(self) -> bool:
        return not (self.counts["rejected"] or self.counts["changed"])

    def add(self, judged: Judged) -> None:
        self.counts.update(problem.status for problem in judged.problems)
        self.counts.update({"imported": len(judged.good), "known": judged.known})
        self.counts.update(flag for row in judged.good for flag in row.flags)
        self.energy_wh += sum(row.energy_wh for row in judged.good)
        self.first_problems += judged.problems[: SHOWN - len(self.first_problems)]


class Importer:
    """One import of one file. `dry_run`: look at everything, write nothing."""

    def __init__(
        self, table: Table, reader: Reader, rejects: RejectsFile, *, dry_run: bool
    ) -> None:
        self.summary = Summary()
        self._table, self._reader, self._rejects = table, reader, rejects
        self._judge = Judge(reader, table.sha256)
        self._dry_run = dry_run
        self._months: set[tuple[int, int]] = set()

    async def run(self, dsn: str, settings: dict[str, Any], progress: Callable[[int], Any]) -> None:
        """`progress` hears of lines done. Raises FileError when another import is going on."""
        connection = await async_connect(dsn, application_name="kilowatch import")
        async with connection:
            if not await queries.try_lock(connection):
                raise BusyError("another import is going on: try again when it has ended")
            if not self._dry_run:
                self.summary.run_id = await self._start(connection, settings)
            await self._take_all(connection, progress)
            if not self._dry_run:
                await self._finish(connection)

    async def _take_all(self, connection: AsyncConnection, progress: Callable[[int], Any]) -> None:
        line = 0
        for batch in self._batches():
            judged = await self._take(connection, batch)
            self.summary.add(judged)
            self._rejects.add((p.record, p.field, p.text) for p in judged.problems)
            progress(batch[-1][0].line - line)
            line = batch[-1][0].line
        progress(self._table.lines - line)

    async def _start(self, connection: AsyncConnection, settings: dict[str, Any]) -> int:
        run_id = await queries.start_run(
            connection,
            kind="sessions",
            source=self._reader.source,
            file_name=self._table.path.name,
            sha256=self._table.sha256,
            settings=json.dumps(settings),
        )
        return int(run_id)

    async def _finish(self, connection: AsyncConnection) -> None:
        counts = json.dumps(self.summary.counts)
        run_id = self.summary.run_id
        await queries.finish_run(connection, run_id=run_id, counts=counts, at=datetime.now(UTC))

    def _batches(self) -> Iterator[Batch]:
        batch: Batch = []
        quarters = 0
        for record in records(self._table):
            row = self._judge.read(record)
            batch.append((record, row))
            quarters += quarters_of([row]) if isinstance(row, Row) else 0
            if len(batch) >= BATCH or quarters >= QUARTERS:
                yield batch
                batch, quarters = [], 0
        if batch:
            yield batch

    async def _take(self, connection: AsyncConnection, batch: Batch) -> Judged:
        """One batch: judged beside what is stored, and stored."""
        rows = [row for _, row in batch if isinstance(row, Row)]
        known = await _known(connection, rows)
        judged = self._judge.judge(batch, known, await _taken(connection, rows))
        if not self._dry_run:
            await self._write(connection, judged)
            self._judge.seen.clear()  # the database knows them now
        return judged

    async def _write(self, connection: AsyncConnection, judged: Judged) -> None:
        await self._make_room(connection, judged.good)
        for attempt in range(1, TRIES + 1):
            try:
                async with connection.transaction():
                    await self._write_all(connection, judged)
                return
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                if attempt == TRIES:
                    raise

    async def _write_all(self, connection: AsyncConnection, judged: Judged) -> None:
        good = judged.good
        ids = [r[0] for r in await ingest_queries.new_session_ids(connection, count=len(good))]
        if good:
            await store(connection, make_book(good, ids, self._reader.now), careful=False)
            await queries.part_from_drivers(connection, session_ids=array(ids))
        rows = [*_imported(good, ids), *map(self._rejected, judged.problems)]
        if rows:
            columns = dict(zip(ROW_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
            await queries.add_rows(connection, run_id=self.summary.run_id, **arrays(columns))

    async def _make_room(self, connection: AsyncConnection, good: list[Row]) -> None:
        """Partitions for months long past; without one the rows lie in the default partition."""
        for at in (at for row in good for at in (row.started_at, row.ended_at)):
            if (at.year, at.month) not in self._months:
                self._months.add((at.year, at.month))
                with suppress(psycopg.errors.LockNotAvailable):
                    await queries.make_room(connection, from_at=at, to_at=at)

    def _rejected(self, problem: Problem) -> tuple[Any, ...]:
        cells = json.dumps(_named(self._table.header, problem.record.cells))
        line = problem.record.line
        return (line, problem.status, None, None, None, problem.field, problem.text, cells)


def _imported(rows: Iterable[Row], session_ids: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    for row, session_id in zip(rows, session_ids, strict=True):
        yield (row.line, "imported", session_id, row.identity, row.content, None, None, None)


def _named(header: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    """The cells by their columns' names; by place where there is none, or one twice."""
    named: dict[str, str] = {}
    for place, cell in enumerate(cells):
        name = header[place] if place < len(header) else ""
        named[name if name and name not in named else f"column {place + 1}"] = cell
    return named


async def _known(connection: AsyncConnection, rows: list[Row]) -> dict[str, Known]:
    found = await queries.known_rows(connection, identities=array([row.identity for row in rows]))
    known = [Known(identity.replace("-", ""), content.replace("-", ""), *rest)
             for identity, content, *rest in found]  # fmt: skip
    return {one.identity: one for one in known}


async def _taken(connection: AsyncConnection, rows: list[Row]) -> dict[int, Taken]:
    """By line: a session that is on the evse already at the row's time."""
    found = await queries.overlapping_sessions(
        connection,
        places=array([row.line for row in rows]),
        evse_keys=array([row.evse.evse_key for row in rows]),
        starts=array([row.started_at for row in rows]),
        ends=array([row.ended_at for row in rows]),
    )
    return {line: Taken(*taken) for line, *taken in found}


def load_fleet(connection: Connection) -> Fleet:
    """All evses, for `Reader`."""
    rows = sync_queries.known_evses(connection)
    return Fleet([(KnownEvse(*row[:6]), row[6]) for row in rows])


def kept_from(connection: Connection) -> datetime | None:
    """Before this instant readings are gone, so nothing can be imported."""
    found: datetime | None = sync_queries.kept_from(connection)
    return found
