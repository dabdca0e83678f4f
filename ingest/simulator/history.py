"""A year of past sessions, through the same events, metering and writes as live ones.

Two processes plan and write, each its own share of the evses, so that they never meet in a row.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.book import Book, Station, Token
from ingest.events import Status, Transaction
from ingest.sessions import apply
from ingest.simulator.network import Evse, Site
from ingest.simulator.plan import PlannedSession, plan_days
from ingest.simulator.seed import id_tokens
from ingest.simulator.troubles import Trouble, concern, start_fails, troubles
from ingest.store import station_of, store
from ingest.translate import Reading
from sql.database import AsyncConnection, async_connect
from sql.processes import end_with_parent
from sql.queries import load_async_queries

queries = load_async_queries("ingest")

STATUS_DAYS = 3
GAP = timedelta(minutes=5)  # between a session and the troubles around it
FAILED = timedelta(seconds=40)  # how long people try
BATCH_ROWS = 4000
SHARE = 4  # evses a task takes at a time: small enough for a smooth progress bar
AC_SECONDS, DC_SECONDS = 1800.0, 180.0  # between readings; live ones come every 30 s


class Past(NamedTuple):
    """An evse whose past is to be written, and when it could not be used."""

    station_id: str
    firmware_version: str
    time_zone: str
    evse: Evse
    troubles: list[Trouble]


Share = list[Past]


def write_history(
    dsn: str,
    sites: Sequence[Site],
    *,
    days: int,
    processes: int,
    progress: Callable[[int], object],
    done: Collection[tuple[str, int]] = (),
) -> int:
    """Write the days up to now; `progress` hears of evses done. Returns the sessions written.

    `done`: station_id and evse_id of those to leave as they are. An evse's past is written whole
    or not at all, so an interrupted history can be continued.
    """
    end = datetime.now(UTC)
    known = troubles(sites, end - timedelta(days=days), end)
    evses: Share = [
        Past(station.station_id, station.firmware_version, site.time_zone, evse, [
            one for one in known if concern(one, station.station_id, evse.evse_id)])
        for site in sites
        for station in site.stations
        for evse in station.evses
        if (station.station_id, evse.evse_id) not in done
    ]  # fmt: skip
    shares = [evses[i : i + SHARE] for i in range(0, len(evses), SHARE)]
    context = multiprocessing.get_context("spawn")
    written = 0
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare) as pool:
        futures = {pool.submit(_write, dsn, share, days): len(share) for share in shares}
        try:
            for future in as_completed(futures):
                written += future.result()
                progress(futures[future])
        except BaseException:  # Ctrl-C, too
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return written


def _prepare() -> None:
    """In a writing process: Ctrl-C is for the parent, which lets it finish what it is at."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def _write(dsn: str, share: Share, days: int) -> int:
    return asyncio.run(_write_share(dsn, share, days))


async def _write_share(dsn: str, share: Share, days: int) -> int:
    connection = await async_connect(dsn, application_name="kilowatch history")
    async with connection:
        await connection.execute("SET synchronous_commit = off")  # made again if it is lost
        rows = await queries.stations(connection, station_ids=[one.station_id for one in share])
        stations = {row[0]: station_of(row) for row in rows}
        written = 0
        for past in share:
            async with connection.transaction():
                written += await _write_evse(connection, stations[past.station_id], past, days)
    return written


async def _write_evse(connection: AsyncConnection, station: Station, past: Past, days: int) -> int:
    rng = Random(f"drivers {station.station_id}")
    drivers = id_tokens()
    book, written = await _book(connection, drivers), 0
    last_at = datetime.min.replace(tzinfo=UTC)
    for planned in _sessions(past, days):
        driver = rng.choice(drivers)
        failed_at = planned.started_at - timedelta(seconds=rng.uniform(60, 240))
        if start_fails(rng, past.firmware_version) and failed_at > last_at:
            _play_failure(book, station, planned, failed_at, driver)
            written += 1
        _play(book, station, planned, driver)
        last_at = planned.unplugged_at + timedelta(seconds=60)
        written += 1
        if len(book.fast_rows) >= BATCH_ROWS or not book.session_ids:
            await _store(connection, book)
            book = await _book(connection, drivers)
    await _store(connection, book)
    return written


def _sessions(past: Past, days: int) -> Iterator[PlannedSession]:
    """The days' sessions that are over by now; none while the evse could not be used."""
    evse, zone = past.evse, ZoneInfo(past.time_zone)
    rng = Random(f"history {past.station_id} {evse.evse_id}")
    end = datetime.now(UTC) - timedelta(minutes=2)
    first = (end - timedelta(days=days)).astimezone(zone).date()
    interval_s = DC_SECONDS if evse.is_dc else AC_SECONDS
    register_wh = rng.randrange(50_000, 900_000)
    for planned in plan_days(
        rng, evse, first, end.astimezone(zone).date(), zone,
        register_wh=register_wh, interval_s=interval_s,
    ):  # fmt: skip
        if planned.unplugged_at > end:
            return
        if not any(t.from_at < planned.unplugged_at + GAP and planned.started_at - GAP < t.until_at
                   for t in past.troubles):  # fmt: skip
            yield planned


async def _book(connection: AsyncConnection, drivers: Sequence[str]) -> Book:
    ids = await queries.new_session_ids(connection, count=BATCH_ROWS // 4)
    # may charge anywhere: the plan draws drivers evse by evse, and tokens are not what it is for
    tokens = {d.lower(): Token(d, "Accepted", None, None, True, []) for d in drivers}
    return Book(tokens=tokens, session_ids=sorted((row[0] for row in ids), reverse=True))


def _play(book: Book, station: Station, planned: PlannedSession, id_token: str) -> None:
    """One session as its station would have told it."""
    transaction_id = f"h{book.session_ids[-1]}"
    evse_id = planned.evse.evse_id
    first, *middle, last = [
        Reading(
            r.at, "Sample.Periodic", r.register_wh, float(r.power_w), soc_pct=r.soc_pct
        )
        for r in planned.readings
    ]  # fmt: skip
    first.context, last.context = "Transaction.Begin", "Transaction.End"
    for kind, at, readings in (
        ("start", planned.started_at, [first]),
        ("update", planned.ended_at, middle),
        ("end", planned.ended_at, [last]),
    ):
        event = Transaction(
            kind,  # type: ignore[arg-type]
            at,
            transaction_id,
            readings,
            evse_id=evse_id,
            connector_id=1,
            id_token=id_token if kind == "start" else None,
            opens=True,
            stop_reason="EVDisconnected" if kind == "end" else None,
        )
        apply(book, station, event, at)
    if planned.ended_at > datetime.now(UTC) - timedelta(days=STATUS_DAYS):
        _play_statuses(book, station, planned)


def _play_failure(
    book: Book, station: Station, planned: PlannedSession, at: datetime, id_token: str
) -> None:
    """A first attempt that came to nothing: the session ends without energy."""
    reading = Reading(at, "Transaction.Begin", planned.meter_start_wh, 0.0)
    last = Reading(at + FAILED, "Transaction.End", planned.meter_start_wh, 0.0)
    transaction_id = f"h{book.session_ids[-1]}"
    for kind, when, told in (("start", at, reading), ("end", last.measured_at, last)):
        event = Transaction(
            kind,  # type: ignore[arg-type]
            when,
            transaction_id,
            [told],
            evse_id=planned.evse.evse_id,
            connector_id=1,
            id_token=id_token if kind == "start" else None,
            opens=True,
            stop_reason="Other" if kind == "end" else None,
        )
        apply(book, station, event, when)


def _play_statuses(book: Book, station: Station, planned: PlannedSession) -> None:
    """What the connector went through, for the timelines of the last days."""
    for at, status, charging_state in (
        (planned.started_at - timedelta(seconds=20), "Occupied", "EVConnected"),
        (planned.started_at, "Occupied", "Charging"),
        (planned.full_at, "Occupied", "SuspendedEV"),
        (planned.ended_at, "Occupied", "Idle"),
        (planned.unplugged_at, "Available", None),
    ):
        event = Status(planned.evse.evse_id, 1, status, charging_state, at)
        apply(book, station, event, at)


async def _store(connection: AsyncConnection, book: Book) -> None:
    book.live.clear()  # nobody watches the past
    await store(connection, book, careful=False)
