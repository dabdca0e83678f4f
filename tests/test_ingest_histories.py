"""Random histories through the real writer and database: whatever arrives, in whatever order and
through whatever failures, the energy facts are what the readings say."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ocpp_messages import sample16, values16

from ingest import store
from ingest.book import Station
from ingest.events import Transaction
from ingest.metering import FLAGS, Recomputed, quarter, recompute
from ingest.recount import point
from ingest.store import station_of
from ingest.translate import INTERVAL, Reading
from ingest.v16 import read_meter_values
from ingest.writer import Message, Writer
from sql.database import Connection, async_connect
from sql.queries import load_async_queries

START = datetime(2026, 11, 20, 21, 50, tzinfo=UTC)
queries = load_async_queries("ingest")
LIMIT_W = 22_000


class Flaky:
    """Fails some commits before they happen, and some after, when nobody knows."""

    def __init__(self, rng: random.Random, share: float) -> None:
        self.rng, self.share = rng, share
        self.store, self.settled = store.store, store.settled

    async def before(self, *args: Any, **options: Any) -> None:
        await self.store(*args, **options)
        if self.rng.random() < self.share:
            raise psycopg.OperationalError("cut before the commit")

    def after(self, *args: Any) -> None:
        if self.rng.random() < self.share:
            raise psycopg.OperationalError("cut after the commit")
        self.settled(*args)


@asynccontextmanager
async def writers(dsn: str, count: int) -> AsyncIterator[list[Writer]]:
    made = [Writer(dsn, lambda: None) for _ in range(count)]
    tasks = [asyncio.create_task(writer.run()) for writer in made]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def send(writer: Writer, station: Station, event: Transaction, at: datetime) -> None:
    """Put one message and wait until it is answered, that is, durable."""
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    writer.put(
        Message(
            station, event, at, str(id(answered)), "TransactionEvent", b"[]", lambda _: b"[]",
            answered.set_result,
        )
    )  # fmt: skip
    await answered


async def a_station(dsn: str, name: str) -> Station:
    async with await async_connect(dsn) as connection:
        await queries.add_stations(connection, station_ids=[name], registration_status="Accepted")
        await queries.add_evses(connection, station_id=name, evse_ids=[1])
        await connection.execute(
            "UPDATE evse SET max_power_w = %s WHERE station_id = %s", [LIMIT_W, name]
        )
        row = (await queries.stations(connection, station_ids=[name]))[0]
    return station_of(row)


def an_event(kind: Any, readings: list[Reading], at: datetime) -> Transaction:
    return Transaction(kind, at, "T1", readings, evse_id=1, connector_id=1, opens=True)


def registers(draw: st.DrawFn, at: datetime, register_wh: int) -> list[dict[str, str]]:
    """Samples of a register, in total or per phase, in Wh or kWh."""
    kind = draw(st.sampled_from(["Wh", "Wh", "kWh", "phases"]))
    if kind == "phases":
        parts = (register_wh - 2 * (register_wh // 3), register_wh // 3, register_wh // 3)
        return [sample16(part, phase=f"L{n}") for n, part in enumerate(parts, 1)]
    text = register_wh if kind == "Wh" else f"{register_wh / 1000:.3f}"
    return [sample16(text, unit=kind)]


@st.composite
def histories(draw: st.DrawFn) -> list[list[Reading]]:
    """Messages with one to three readings each: mostly rising registers, some lower, some jumping,
    falling for good, rolling over or standing still; power, intervals or all of them; some
    repeated, some late, in disorder."""
    carries = draw(st.sets(st.sampled_from(["register", "power", "interval"]), min_size=1))
    at, readings, base = START, [], draw(st.sampled_from([0, 5, 99_950, 700_000, 2**32 - 4000]))
    register_wh, is_frozen = base, draw(st.integers(0, 5)) == 0
    for _ in range(draw(st.integers(2, 14))):
        at += timedelta(seconds=draw(st.integers(1, 2400)), milliseconds=draw(st.integers(0, 999)))
        register_wh += 0 if is_frozen else draw(st.integers(0, 2500))
        if draw(st.integers(0, 12)) == 0:
            register_wh = register_wh % 10**5 if base == 99_950 else 0
        odd = draw(st.sampled_from([0, 0, 0, 0, 0, 0, -700, -50_000, 60_000, 2_000_000]))
        samples = []
        if "register" in carries and draw(st.integers(0, 4)):
            samples += registers(draw, at, max(0, register_wh + odd) % 2**32)
        if "power" in carries and draw(st.integers(0, 4)):
            power_kw = draw(st.floats(-1, 24)) if odd == 0 else 7400.0
            samples.append(sample16(power_kw, measurand="Power.Active.Import", unit="kW"))
        if "interval" in carries:
            energy_kwh = draw(st.floats(-0.001, 0.9))
            samples.append(sample16(energy_kwh, measurand=INTERVAL, unit="kWh"))
        context = draw(st.sampled_from(["Sample.Periodic", "Sample.Periodic", "Sample.Clock"]))
        values = [{**sample, "context": context} for sample in samples or [sample16(1, unit="A")]]
        readings += read_meter_values(values16(values, at), at).readings
    readings += draw(st.lists(st.sampled_from(readings), max_size=4))
    if draw(st.booleans()):
        readings = draw(st.permutations(readings))
    messages = []
    while readings:
        size = draw(st.integers(1, 3))
        messages.append(readings[:size])
        readings = readings[size:]
    return messages


def check(connection: Connection, name: str, messages: list[list[Reading]]) -> None:
    """The facts are exactly what one fold over all readings gives, per quarter and in sum."""
    connection.execute("CALL process_refresh_requests()")  # what the job does every 5 s
    # these stations live some days ago: what came in time then is behind the watermark of today
    connection.execute("CALL refresh_rollups(now() - interval '40 days', now())")
    readings = [reading for message in messages for reading in message]
    expected = recompute([point(reading) for reading in readings], LIMIT_W)
    wanted: Counter[datetime] = Counter()
    for at, energy_wh in expected.facts:
        wanted[quarter(at)] += energy_wh
    rows = connection.execute(
        "SELECT measured_at, energy_delta_wh FROM meter_value WHERE station_id = %s", [name]
    ).fetchall()
    found: Counter[datetime] = Counter()
    for at, delta_wh in rows:
        found[quarter(at)] += delta_wh or 0
    assert +found == +wanted
    assert all(value >= 0 for value in found.values())
    kept = connection.execute(
        "SELECT count(*) FROM meter_value WHERE station_id = %s AND context IS NOT NULL", [name]
    ).fetchone()
    assert kept == (len({(r.measured_at, r.hash(name)) for r in readings}),)
    total = sum(wanted.values())
    check_session(connection, name, expected, total)
    for level in ("energy_15min", "energy_day", "energy_month"):
        query = f"SELECT coalesce(sum(energy_wh), 0) FROM {level} WHERE station_id = %s"  # noqa: S608
        assert connection.execute(query, [name]).fetchone() == (total,)


def check_session(connection: Connection, name: str, expected: Recomputed, total: int) -> None:
    """The session's row says what the fold says, and where it stands."""
    (session,) = connection.execute(
        "SELECT energy_wh, charged_until, meter_start_wh, register_wh, register_at, candidate_wh,"
        " candidate_at, candidate_seen, energy_basis, power_at, power_sum, interval_at,"
        " interval_mwh, flags, ended_at IS NULL FROM session WHERE station_id = %s", [name],
    ).fetchall()  # fmt: skip
    meter = expected.meter
    base, candidate = meter.base or (None, None), meter.candidate or (None, None)
    assert session[:3] == (total, expected.charged_until, expected.meter_start_wh)
    assert session[3:8] == (*base[::-1], *candidate[::-1], meter.seen)
    assert session[8:10] == (meter.basis, meter.power_at)
    assert session[10:13] == (meter.power_sum, meter.interval_at, meter.interval_mwh)
    assert FLAGS.intersection(session[13]) == expected.flags
    assert session[14] is False


def play(
    connection: Connection, dsn: str, name: str, messages: list[list[Reading]],
    *, workers: int, at_once: bool, seed: int, failures: float,
) -> None:  # fmt: skip
    async def body(monkeypatch: pytest.MonkeyPatch) -> None:
        rng = random.Random(seed)
        flaky = Flaky(rng, failures)
        monkeypatch.setattr(store, "store", flaky.before)
        monkeypatch.setattr(store, "settled", flaky.after)
        station = await a_station(dsn, name)
        received_at = max(r.measured_at for m in messages for r in m) + timedelta(seconds=5)
        events = [
            an_event("start" if i == 0 else "update", message, message[0].measured_at)
            for i, message in enumerate(messages)
        ]
        async with writers(dsn, workers) as made:
            sends = [
                send(rng.choice(made), station, event, received_at + timedelta(milliseconds=i))
                for i, event in enumerate(events)
            ]
            if at_once:
                await asyncio.gather(*sends)
            else:
                for one in sends:
                    await one
            await send(rng.choice(made), station, an_event("end", [], received_at), received_at)

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(body(monkeypatch))
    check(connection, name, messages)


COUNTER = iter(range(1_000_000))


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    messages=histories(), at_once=st.booleans(), workers=st.integers(1, 2),
    seed=st.integers(0, 1 << 30), failures=st.sampled_from([0.0, 0.0, 0.25]),
)  # fmt: skip
def test_facts_are_what_the_readings_say_in_any_order_through_failures_and_takeovers(
    connection: Connection,
    database: str,
    messages: list[list[Reading]],
    at_once: bool,
    workers: int,
    seed: int,
    failures: float,
) -> None:
    play(
        connection, database, f"H{next(COUNTER)}", messages,
        workers=workers, at_once=at_once, seed=seed, failures=failures,
    )  # fmt: skip


def test_a_batch_that_fails_for_its_data_is_parted_down_to_the_guilty_message(
    connection: Connection, database: str
) -> None:
    """The others are stored and answered, the guilty one is set aside and answered too."""
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.energy_wh = 666 THEN RAISE 'a value of the devil'; END IF; RETURN NEW; END $$"
    )
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON meter_value FOR EACH ROW EXECUTE FUNCTION refuse()"
    )

    async def body() -> Writer:
        station = await a_station(database, "B1")
        async with writers(database, 1) as made:
            events = [
                an_event("start" if i == 0 else "update",
                         [Reading(START + timedelta(minutes=i), "Sample.Periodic", v)], START)
                for i, v in enumerate([600, 650, 666, 700, 720])
            ]  # fmt: skip
            await asyncio.gather(
                *(send(made[0], station, event, START + timedelta(hours=1)) for event in events)
            )
            return made[0]

    writer = asyncio.run(body())
    assert writer.set_aside == 1
    found = connection.execute(
        "SELECT energy_wh FROM meter_value WHERE energy_wh IS NOT NULL ORDER BY 1"
    ).fetchall()
    assert [row[0] for row in found] == [600, 650, 700, 720]
    assert connection.execute("SELECT energy_wh FROM session").fetchone() == (120,)
    aside = connection.execute(
        "SELECT error_code FROM message_log WHERE error_code IS NOT NULL"
    ).fetchall()
    assert aside == [("RaiseException",)]
