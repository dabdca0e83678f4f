"""How long the nightly audit takes over a day of a thousand evses: three sessions each, a reading
every 30 s, written by ingestion's own functions. Memory must not grow with the day."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from ingest.attempting import book_attempts
from ingest.audit import STEPS, WHOLES, Period, audit
from ingest.book import Book, Station, Token
from ingest.events import Authorization, Event, Status, Transaction
from ingest.sessions import apply
from ingest.store import station_of, store
from ingest.timelines import book_time
from ingest.translate import Reading
from sql.database import AsyncConnection, Connection, async_connect, connect
from sql.queries import load_async_queries
from tests.bench.report import Table
from tests.bench.rig import ROOT, Database

EVSES = 1_000
SESSIONS, MINUTES, EVERY = 3, 90, timedelta(seconds=30)
BAR_SECONDS = 30
TAG = "TAG1a"  # one of the rig's
queries = load_async_queries("ingest")


def tables(base: Database, count: int = EVSES) -> list[Table]:
    """The command, and each check by itself."""
    day = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    with connect(base.dsn) as connection:
        _build(connection, count, day - timedelta(days=1))
        began = time.monotonic()
        readings = asyncio.run(_write(base.dsn, day))
        book_attempts(connection)
        book_time(connection)
        connection.execute("VACUUM ANALYZE")
        _say(f"{readings:,} readings of {count} evses in {time.monotonic() - began:.0f} s")
        date = f"{day:%Y-%m-%d}"
        cpu, wall, mebibytes = _command(base, date)
        checks = _checks(connection, day)
    title = f"The numbers' audit of a day: {count:,} evses, {readings:,} readings"
    rows = [["`app.py audit --numbers --day`", f"{wall:.1f}", f"{cpu:.1f}", f"{mebibytes:.0f}"]]
    rows += [[name, f"{seconds:.1f}", "", ""] for name, seconds in checks if seconds >= 0.05]
    rows.append(["bar for 1,000 evses", str(BAR_SECONDS), "", ""])
    return [Table(title, ["what", "s", "CPU s, database's too", "MiB at most"], rows)]


def _say(text: str) -> None:
    sys.stderr.write(f"audit: {text}\n")


def _build(connection: Connection, evses: int, since: datetime) -> None:
    """Stations of two evses that have been in contact since then."""
    connection.execute(
        "INSERT INTO station (station_id, is_online, ocpp_version, contact_changed_at)"
        " SELECT 'A' || n, true, '1.6', %s FROM generate_series(1, %s) n", [since, evses // 2],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO evse (station_id, evse_id, max_power_w)"
        " SELECT station_id, n, 22000 FROM station, generate_series(1, 2) n"
    )
    connection.execute("UPDATE id_token SET is_concurrent = true WHERE id_token = %s", [TAG])


async def _write(dsn: str, day: datetime) -> int:
    """Everything of the day through ingestion's own functions, a station a commit; readings."""
    connection = await async_connect(dsn)
    async with connection:
        await connection.execute("SET synchronous_commit = off")
        cursor = await connection.execute("SELECT station_id FROM station")
        names = [row[0] for row in await cursor.fetchall()]
        readings = 0
        for row in await queries.stations(connection, station_ids=names):
            readings += await _write_station(connection, station_of(row), day)
    return readings


async def _write_station(connection: AsyncConnection, station: Station, day: datetime) -> int:
    ids = await queries.new_session_ids(connection, count=2 * SESSIONS)
    tokens = {TAG.lower(): Token(TAG, "Accepted", None, None, True, [])}
    book = Book(tokens=tokens, session_ids=sorted((row[0] for row in ids), reverse=True))
    dice, readings = Random(station.station_id), 0
    for evse_id in (1, 2):
        register = dice.randrange(1_000_000)
        for number in range(SESSIONS):
            begin = day + timedelta(hours=7 * number + 1, seconds=dice.randrange(3600))
            played = _session(evse_id, begin, register, dice)
            for event, at in played:
                apply(book, station, event, at)
            register += 200_000
            readings += sum(len(e.readings) for e, _ in played if isinstance(e, Transaction))
    async with connection.transaction():
        book.live.clear()
        await store(connection, book, careful=False)
    return readings


def _session(
    evse_id: int, begin: datetime, register: int, dice: Random
) -> list[tuple[Event, datetime]]:
    """As a station tells it."""
    count = MINUTES * 2
    readings = []
    for n in range(count + 1):
        register += dice.randrange(40, 90)
        readings.append(Reading(begin + n * EVERY, "Sample.Periodic", register, 7000.0))
    end = begin + count * EVERY
    name = f"{begin.timestamp():.0f}-{evse_id}"

    def told(kind: Any, at: datetime, some: list[Reading], **more: Any) -> Transaction:
        return Transaction(
            kind, at, name, some, evse_id=evse_id, connector_id=1, opens=True, **more
        )

    def status(at: datetime, status: str, charging: str | None) -> tuple[Event, datetime]:
        return Status(evse_id, 1, status, charging, at), at

    return [
        status(begin - EVERY, "Occupied", "EVConnected"),
        (Authorization(TAG), begin - EVERY / 2),
        (told("start", begin, readings[:1], id_token=TAG), begin),
        status(begin, "Occupied", "Charging"),
        (told("update", begin, readings[1:-1]), end),
        (told("end", end, readings[-1:], stop_reason="Local"), end),
        status(end, "Occupied", "Idle"),
        status(end + 4 * EVERY, "Available", None),
    ]


def _command(base: Database, date: str) -> tuple[float, float, float]:
    """CPU seconds (the database's included), seconds, and the most memory in MiB."""
    environment = {**os.environ, "KILOWATCH_DATABASE_URL": base.dsn,
                   "KILOWATCH_DATA_DIR": str(base.folder)}  # fmt: skip
    command = [sys.executable, "app.py", "audit", "--numbers", "--day", date]
    before, began = base.cpu_seconds(), time.monotonic()
    running = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    said = running.stdout.read() if running.stdout else ""
    _, status, used = os.wait4(running.pid, 0)  # what this one child has used
    wall = time.monotonic() - began
    if status:
        raise SystemExit(f"the audit is not clean:\n{said[:3000]}")
    own = used.ru_utime + used.ru_stime
    return own + base.cpu_seconds() - before, wall, used.ru_maxrss / 1024


def _checks(connection: Connection, day: datetime) -> list[tuple[str, float]]:
    """Seconds of each check by itself."""
    zone = "Europe/Stockholm"
    audit(connection, datetime.now(UTC), [day.date()])  # warm, and a check that it runs here, too
    period = Period(day - timedelta(hours=2), day + timedelta(hours=22), zone, datetime.now(UTC))
    found = []
    for check in (*STEPS, *WHOLES):
        began = time.monotonic()
        names = " ".join(result.name for result in check(connection, period))
        found.append((names, time.monotonic() - began))
    return found
