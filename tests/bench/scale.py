"""Every query behind a page over a year of 1,000 evses: one, ten and fifty million readings in one
database that grows. What the rollups cost when readings come, and what a reading takes on disk."""

import os
import random
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import psycopg
from psycopg.rows import dict_row

from sql.database import Connection, connect
from tests.bench import columnstore, limit, scale_fill
from tests.bench.report import Table
from tests.bench.rig import Database
from tests.bench.scale_fill import Year, say
from tests.bench.scale_queries import Case, Subject, cases, given

SIZES = (1_000_000, 10_000_000, 50_000_000)
RUNS, WARM = 40, 12  # statements are prepared and their plans chosen by then
BATCHES = 300  # of 200 readings, for the cost of ingestion
QUERY_MS, GROWTH, INGEST_US, COLUMN_BYTES = 100, 1.3, 25, 15
SHOWN_MS = 3  # queries that never took as long are counted, not listed


class Measured(NamedTuple):
    """One size: milliseconds per query (p50, p95), and the rest."""

    rows: int
    filled_seconds: float
    queries: dict[Case, tuple[float, float]]
    ingest_us: float | None
    reading_bytes: float
    sessions: int


def tables(base: Database, count: int = SIZES[-1]) -> list[Table]:
    """On plain PostgreSQL, and on TimescaleDB where TEST_TIMESCALE_URL names one."""
    found = _engine("PostgreSQL", base.dsn, count, base.cpu_seconds)
    if url := os.environ.get("TEST_TIMESCALE_URL"):
        with columnstore.database(url) as dsn:
            found += _engine("TimescaleDB", dsn, count, None)
            found.append(columnstore.native(dsn, COLUMN_BYTES))
    else:
        found.append(columnstore.sample(COLUMN_BYTES))
    return found


def _engine(
    engine: str, dsn: str, count: int, cpu_seconds: Callable[[], float] | None
) -> list[Table]:
    list(cases())  # complains before the long work
    entries = min(scale_fill.ENTRIES, count // 2)
    year, measured, before = scale_fill.begin(dsn, entries), [], 0
    for size in [size for size in SIZES if size < count] + [count]:
        measured.append(_measure(year, size, before, cpu_seconds))
        before = size
    return [_summary(engine, measured), _listed(engine, measured)]


def _measure(
    year: Year, size: int, before: int, cpu_seconds: Callable[[], float] | None
) -> Measured:
    seconds = scale_fill.grow(year, size, before)
    with connect(year.dsn) as connection:
        rows, sessions, total = _one(connection, COUNTED)
        say(f"{rows:,} readings after {seconds:.0f} s more, {total / 2**30:.1f} GiB in all")
        reading_bytes = _one(connection, BYTES)[0] / rows
    timed = _timed(year.dsn)
    ingest_us = cpu_seconds and _ingest(year.dsn, cpu_seconds)
    return Measured(rows, seconds, timed, ingest_us, reading_bytes, sessions)


COUNTED = """
SELECT (SELECT count(*) FROM meter_value), (SELECT count(*) FROM session),
    pg_database_size(current_database())"""
BYTES = """
SELECT coalesce((SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
    WHERE inhparent = 'meter_value'::regclass), 0)::bigint"""


def _one(connection: Connection, query: str) -> tuple[int, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row
    return row


def _timed(dsn: str) -> dict[Case, tuple[float, float]]:
    """p50 and p95 of every query, as the web asks: by one connection, rows as dicts, fetched whole.

    On one core: no parallel workers.
    """
    found = {}
    with connect(dsn, application_name="kilowatch web") as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        subject = Subject(connection, random.Random(1))
        connection.row_factory = dict_row  # type: ignore[assignment]
        for case in cases():
            found[case] = _quantiles(connection, case, subject)
    worst = max(found, key=lambda case: found[case][1])
    say(f"the slowest of {len(found)} queries: {worst.title}, p95 {found[worst][1]:.1f} ms")
    return found


def _quantiles(connection: Connection, case: Case, subject: Subject) -> tuple[float, float]:
    ask, times = getattr(case.queries, case.name), []
    for run in range(WARM + RUNS):
        parameters = given(case, subject)
        began = time.perf_counter()
        try:
            ask(connection, **parameters)
        except psycopg.Error as error:
            raise SystemExit(f"{case.title} with {parameters}: {error}") from error
        if run >= WARM:
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times), statistics.quantiles(times, n=20)[18]


def _ingest(dsn: str, cpu_seconds: Callable[[], float]) -> float:
    """The server's CPU per reading that comes now, 200 a commit, rollups kept."""
    with connect(dsn) as connection:
        limit.copy(connection, limit.batch(0))
        before = cpu_seconds()
        for number in range(1, BATCHES + 1):
            limit.copy(connection, limit.batch(number))
        used = 1e6 * (cpu_seconds() - before) / (BATCHES * limit.EVSES)
        connection.execute(f"DELETE FROM meter_value WHERE evse_key >= {10**6}".encode())  # noqa: S608
    say(f"{used:.1f} us of the database's CPU a reading")
    return used


def _summary(engine: str, measured: list[Measured]) -> Table:
    slowest = [max(one.queries, key=lambda case, one=one: one.queries[case][1]) for one in measured]
    rows = [
        ["sessions", *(f"{one.sessions:,}" for one in measured), ""],
        ["slowest query, p95 ms", *(f"{one.queries[case][1]:.1f}"
                                    for one, case in zip(measured, slowest, strict=True)),
         f"{QUERY_MS}"],
        ["- which", *(case.title for case in slowest), ""],
        ["queries over the bar", *(str(_over(one)) for one in measured), "0"],
        ["database us of CPU per reading, rollups kept",
         *(f"{one.ingest_us:.1f}" if one.ingest_us else "" for one in measured), f"{INGEST_US}"],
        ["bytes per reading, row and index",
         *(f"{one.reading_bytes:.0f}" for one in measured), ""],
        ["written in s", *(f"{one.filled_seconds:.0f}" for one in measured), ""],
    ]  # fmt: skip
    for case in measured[0].queries:
        if case.is_year_view:
            first = measured[0].queries[case][0]
            times = [f"{one.queries[case][0] / first:.2f}" for one in measured]
            rows.append([f"{case.title}: p50, times that of the first", *times, f"{GROWTH}"])
    columns = [f"{engine}, 1,000 evses, a year", *(f"{one.rows:,} readings" for one in measured)]
    return Table(f"{engine}: {len(measured[0].queries)} queries", [*columns, "bar"], rows)


def _over(one: Measured) -> int:
    return sum(p95 > QUERY_MS for _, p95 in one.queries.values())


def _listed(engine: str, measured: list[Measured]) -> Table:
    """The slower ones, the slowest first."""

    def worst(case: Case) -> float:
        return max(one.queries[case][1] for one in measured)

    slow = sorted((c for c in measured[0].queries if worst(c) >= SHOWN_MS), key=worst, reverse=True)
    rows = [[case.title, *_pairs(measured, case)] for case in slow]
    left = len(measured[0].queries) - len(slow)
    rows.append([f"the other {left}, p95", *[f"< {SHOWN_MS}"] * len(measured)])
    columns = ["p50 / p95 in ms, rows fetched", *(f"{one.rows / 1e6:.0f} M" for one in measured)]
    return Table(f"{engine}: query by query", columns, rows)


def _pairs(measured: list[Measured], case: Case) -> list[str]:
    return [f"{one.queries[case][0]:.1f} / {one.queries[case][1]:.1f}" for one in measured]
