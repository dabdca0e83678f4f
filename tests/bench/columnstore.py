"""What a reading takes in TimescaleDB's columnstore: of a year on a real one, of a sample in
WebAssembly, where nothing else can be measured."""

import random
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from sql.database import Connection, connect
from sql.migrate import migrate
from tests.bench.report import Table
from tests.browser.web import free_port

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "timescale" / "server.mjs"
# a chunk of seven days as ten busy evses fill it: 140 sessions of 40 readings, or of 8
EVSES, MINUTES, DAYS = 10, 40, 7
ZONE = "Europe/Stockholm"
COMPRESSED = """
SELECT sum(s.before_compression_total_bytes)::bigint, sum(s.after_compression_total_bytes)::bigint
FROM chunk_columnstore_stats('meter_value') s WHERE s.after_compression_total_bytes IS NOT NULL"""
COMPRESS = "SELECT count(compress_chunk(c, true)) FROM show_chunks('meter_value') c"


@contextmanager
def database(url: str) -> Iterator[str]:
    """A migrated database of its own on a real TimescaleDB."""
    name = f"bench_{secrets.token_hex(4)}"
    dsn = urlsplit(url)._replace(path=f"/{name}").geturl()
    with connect(url) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    try:
        migrate(dsn, ZONE)
        yield dsn
    finally:
        with connect(url) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def native(dsn: str, bar: int) -> Table:
    """All that `scale` has written."""
    with connect(dsn) as connection:
        return _table("TimescaleDB's columnstore", [_row(connection, "a year of 1,000 evses", bar)])


def sample(bar: int) -> Table:
    """Small samples in WebAssembly: the layout of the columnstore is the same there."""
    title = "TimescaleDB's columnstore, a sample in WebAssembly"
    if shutil.which("node") is None or not (ROOT / "node_modules").exists():
        return _table(title, [["not measured: Node.js or its packages are missing", *[""] * 4]])
    rows = []
    for sessions, what in ((14, "7 days of 10 evses, 14 sessions each"), (25, "25 sessions each")):
        with _wasm() as connection:
            _fill(connection, sessions)
            rows.append(_row(connection, what, bar))
    return _table(title, rows)


def _table(title: str, rows: list[list[str]]) -> Table:
    columns = ["readings of", "readings", "bytes each as rows", "bytes each in the columnstore",
               "bar"]  # fmt: skip
    return Table(title, columns, rows)


def _row(connection: Connection, what: str, bar: int) -> list[str]:
    count = connection.execute("SELECT count(*) FROM meter_value").fetchone()
    connection.execute(COMPRESS.encode())
    found = connection.execute(COMPRESSED.encode()).fetchone()
    assert count
    assert found
    return [what, f"{count[0]:,}", *(f"{size / count[0]:.1f}" for size in found), str(bar)]


@contextmanager
def _wasm() -> Iterator[Connection]:
    port = free_port()
    started = subprocess.Popen(
        ["node", str(SERVER), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout
    assert started.stdin
    try:
        started.stdout.readline()  # ready
        url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        migrate(url, ZONE)
        with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as wasm:
            yield wasm
    finally:
        started.stdin.close()
        started.stdout.close()
        started.wait(30)


READINGS = """
INSERT INTO meter_value (measured_at, received_at, recorded_at, session_id, reading_hash, energy_wh,
    energy_delta_wh, evse_key, evse_id, power_w, current_a, voltage_v, soc_pct, station_id, source,
    context)
SELECT at, at + late, at + late + interval '4.1 ms', %(session)s,
    hashint8extended(%(session)s * 64 + q, 0), 1000000 + %(session)s * 100 + q * 180, 180,
    %(evse)s, 1, 10800 - q %% 7 * 10, round((15.7 - q %% 7 * 0.02)::numeric, 1),
    228 + (q * 7) %% 50 / 10.0, 20 + q, 'S' || %(evse)s, 'meter', 'Sample.Periodic'
FROM generate_series(1, %(minutes)s) q
CROSS JOIN LATERAL (SELECT %(at)s::timestamptz + q * interval '1 minute' AS at,
    (80 + (%(session)s * q) %% 800) * interval '1.003 ms' AS late) t"""


def _fill(connection: Connection, sessions: int) -> None:
    """A chunk's worth, long ago, a session a statement."""
    dice = random.Random(1)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    for evse in range(1, EVSES + 1):
        for number in range(sessions):
            at = since + timedelta(days=DAYS) * number / sessions
            at += timedelta(milliseconds=dice.randrange(3_600_000))
            session = evse * 1000 + number
            connection.execute(
                READINGS, {"session": session, "evse": evse, "minutes": MINUTES, "at": at}
            )
