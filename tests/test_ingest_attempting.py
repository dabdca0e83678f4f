"""Attempts through the real path: stations, messages, commands, and what the job books of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp_messages import BOOT
from psycopg.types.json import Jsonb
from stations import Csms, RawStation, add_token, ago, rows, serving, stamp

from ingest.attempting import attempts, book_attempts, differences
from sql.commands import start
from sql.database import Connection, connect
from sql.queries import load_queries

FIELDS = "SELECT stage, outcome, reason, is_authorised FROM attempt ORDER BY started_at, key"


def booked(csms: Csms, connection: Connection, **later: float) -> list[tuple[Any, ...]]:
    """The attempts, once so much time has passed."""
    now = datetime.now(UTC) + timedelta(**later)
    book_attempts(connection, now)
    assert right(connection, now) == []
    return csms.rows(FIELDS)


def right(connection: Connection, now: datetime | None = None) -> list[Any]:
    """What a recount of everything from raw facts finds wrong."""
    first = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=800)
    return differences(connection, first, datetime.now(UTC) + timedelta(days=2), now)


def order(csms: Csms, version: str, **columns: Any) -> int:
    """A remote start of evse 1, as a page puts it."""
    call = start(version, 1, "TAG", 4711)
    names = ["station_id", "action", "payload", *columns]
    query = (
        f"INSERT INTO command ({', '.join(names)}) VALUES"  # noqa: S608
        f" ({', '.join(['%s'] * len(names))}) RETURNING command_id"
    )
    values = ("S1", call.action, Jsonb(call.payload), *columns.values())
    return int(csms.one(query, *values))


async def plug(station: RawStation, status: str, at: datetime | None = None, **more: Any) -> None:
    await station.call("StatusNotification", {
        "connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": stamp(at), **more,
    })  # fmt: skip


async def charge(
    station: RawStation, *, began: datetime, ended: datetime | None, wh: int, tag: str = "TAG",
    reason: str = "Local", evse_id: int = 1,
) -> int:  # fmt: skip
    """A session of 1.6."""
    answer = await station.call("StartTransaction", {
        "connectorId": evse_id, "idTag": tag, "meterStart": 0, "timestamp": stamp(began),
    })  # fmt: skip
    if ended is not None:
        await station.call("StopTransaction", {
            "transactionId": answer["transactionId"], "meterStop": wh, "timestamp": stamp(ended),
            "reason": reason,
        })  # fmt: skip
    return int(answer["transactionId"])


async def test_a_charge_with_all_that_belongs_to_it_is_one_attempt(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        began, ended = ago(minutes=30), ago(seconds=0)
        await plug(station, "Preparing", began - timedelta(minutes=1))
        await plug(station, "Charging", began)
        running = await charge(station, began=began, ended=None, wh=0)
        assert booked(csms, connection) == [("charge", "open", None, True)]
        await station.call("Authorize", {"idTag": "TAG"})  # to stop it
        await station.call("StopTransaction", {
            "transactionId": running, "meterStop": 4000, "reason": "Local",
            "timestamp": stamp(ended),
        })  # fmt: skip
        await plug(station, "Finishing", ended)
        await plug(station, "Available")
        assert booked(csms, connection) == [("charge", "succeeded", "Local", True)]
        kept = csms.one("SELECT key, energy_wh, cardinality(evidence), is_first FROM attempt")
        assert kept == (f"session:{running}", 4000, 2, True)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_refused_token_is_an_attempt_that_ended_at_authorisation(
    database: str, connection: Connection, version: str
) -> None:
    add_token(database, "BLOCKED", "Blocked")
    async with serving(database, "S1") as csms, csms.station(version=version) as station:
        token = {"idTag": "BLOCKED"}
        if version != "1.6":
            token = {"idToken": {"idToken": "BLOCKED", "type": "ISO14443"}}  # type: ignore[dict-item]
        await station.call("Authorize", token)
        assert booked(csms, connection) == [("authorise", "refused", "Blocked", False)]


async def test_an_accepted_token_without_a_cable_was_abandoned_once_the_time_is_over(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Authorize", {"idTag": "TAG"})
        assert booked(csms, connection) == [("authorise", "open", None, True)]
        kept = csms.one("SELECT attempt_id FROM attempt")
        assert booked(csms, connection, minutes=6) == [
            ("plug_in", "abandoned", "EVConnectTimeout", True)
        ]
        assert csms.one("SELECT attempt_id FROM attempt") == kept


async def test_an_accepted_token_with_a_cable_and_no_session_failed_at_the_start(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await plug(station, "Preparing")
        await station.call("Authorize", {"idTag": "TAG"})
        await plug(station, "Faulted", errorCode="GroundFailure")
        assert booked(csms, connection, minutes=6) == [("start", "failed", "GroundFailure", True)]
        assert csms.one("SELECT evse_id FROM attempt") == 1


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_rejected_remote_start_is_a_failed_attempt(
    database: str, connection: Connection, async_eventually: Callable[..., Any], version: str
) -> None:
    async with serving(database, "S1") as csms, csms.station(version=version) as station:
        await station.call("BootNotification", BOOT[version])
        station.obey = lambda _action, _payload: {"status": "Rejected"}
        number = order(csms, version)
        done = "SELECT FROM command WHERE command_id = %s AND status = 'answered'"
        await async_eventually(done, [number], channel="command_done")
        assert booked(csms, connection) == [("remote_start", "failed", "Rejected", True)]
        assert csms.one("SELECT key, evse_id FROM attempt") == (f"command:{number}", 1)


async def test_an_accepted_remote_start_without_a_session_is_decided_by_time_and_cable(
    database: str, connection: Connection, async_eventually: Callable[..., Any]
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("BootNotification", BOOT["1.6"])
        number = order(csms, "1.6")
        done = "SELECT FROM command WHERE command_id = %s AND status = 'answered'"
        await async_eventually(done, [number], channel="command_done")
        assert booked(csms, connection) == [("remote_start", "open", None, True)]
        assert booked(csms, connection, minutes=6) == [
            ("plug_in", "abandoned", "EVConnectTimeout", True)
        ]
        await plug(station, "Preparing")  # late news: there was a cable
        assert booked(csms, connection, minutes=6) == [("start", "failed", "NoSession", True)]
        # later still: a session that was buffered
        await charge(station, began=ago(seconds=0), ended=ago(minutes=-1), wh=500)
        assert booked(csms, connection, minutes=6) == [("charge", "succeeded", "Local", True)]
        assert csms.one("SELECT version >= 3 FROM attempt")


async def test_a_remote_start_to_a_station_out_of_contact_is_a_failed_attempt(
    database: str, connection: Connection, async_eventually: Callable[..., Any]
) -> None:
    async with serving(database, "S1") as csms:
        number = order(csms, "1.6")
        done = "SELECT FROM command WHERE command_id = %s AND status = 'refused'"
        await async_eventually(done, [number], channel="command_done")
        assert booked(csms, connection) == [("remote_start", "failed", "StationOffline", True)]


async def test_a_remote_start_and_its_session_are_one_attempt(
    database: str, connection: Connection, async_eventually: Callable[..., Any]
) -> None:
    async with serving(database, "S1") as csms, csms.station(version="2.0.1") as station:
        await station.call("BootNotification", BOOT["2.0.1"])
        number = order(csms, "2.0.1")
        done = "SELECT FROM command WHERE command_id = %s AND status = 'answered'"
        await async_eventually(done, [number], channel="command_done")
        event = {
            "eventType": "Started", "timestamp": stamp(), "triggerReason": "RemoteStart",
            "seqNo": 0, "evse": {"id": 1, "connectorId": 1},
            "transactionInfo": {"transactionId": "T1", "remoteStartId": 4711},
        }  # fmt: skip
        await station.call("TransactionEvent", event)
        assert booked(csms, connection) == [("charge", "open", None, True)]
        found = csms.one("SELECT command_id, id_token, key LIKE 'session:%%' FROM attempt")
        assert found == (number, "TAG", True)


async def test_plugged_and_unplugged_without_a_start_is_an_attempt(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await plug(station, "Available", ago(minutes=20))
        await plug(station, "Preparing", ago(minutes=10))
        assert booked(csms, connection) == [("plug_in", "open", None, False)]
        await plug(station, "Available", ago(minutes=8))
        assert booked(csms, connection) == [("plug_in", "abandoned", "EVDisconnected", False)]
        await plug(station, "Preparing", ago(minutes=7))
        await plug(station, "Faulted", ago(minutes=6), errorCode="ConnectorLockFailure")
        assert booked(csms, connection) == [
            ("plug_in", "abandoned", "EVDisconnected", False),
            ("plug_in", "failed", "ConnectorLockFailure", False),
        ]


async def test_a_retry_within_thirty_minutes_is_the_same_visit(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1", "S2") as csms, csms.station() as one:
        rows(database, "INSERT INTO site (operator_id, name) SELECT operator_id, 'Dock'"
             " FROM operator")  # fmt: skip
        rows(database, "UPDATE station SET site_id = (SELECT site_id FROM site)")
        await charge(one, began=ago(minutes=100), ended=ago(minutes=99), wh=0, reason="Other")
        async with csms.station("S2") as other:  # the neighbour does it
            await charge(other, began=ago(minutes=80), ended=ago(minutes=60), wh=5000, tag="tag")
            await charge(other, began=ago(minutes=29), ended=ago(minutes=20), wh=2000)
        booked(csms, connection)
        visits = "SELECT is_first, visit_succeeded, outcome FROM attempt ORDER BY started_at"
        assert csms.rows(visits) == [
            (True, True, "failed"),
            (False, True, "succeeded"),
            (True, True, "succeeded"),
        ]
        counted = csms.one(
            "SELECT sum(visits), sum(first_successes), sum(visit_successes)::int"
            " FROM attempt_fleet_day"
        )
        assert counted == (2, 1, 2)


async def test_two_processes_at_once_book_nothing_twice(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1", "S2", "S3") as csms:
        for name in ("S1", "S2", "S3"):
            async with csms.station(name) as station:
                for hours in range(1, 9):
                    wh = 5000 * (hours % 3)
                    await charge(station, began=ago(hours=hours), ended=ago(hours=hours - 0.7),
                                 wh=wh)  # fmt: skip

        def work() -> None:
            with connect(database) as mine:
                for _ in range(3):
                    rows(database, "INSERT INTO attempt_request (station_id, from_at)"
                         " SELECT station_id, '2000-01-01' FROM station")  # fmt: skip
                    book_attempts(mine)

        with ThreadPoolExecutor(2) as threads:
            for one in [threads.submit(work) for _ in range(2)]:
                one.result()
        assert csms.one("SELECT count(*) FROM attempt") == 24
        assert csms.one("SELECT sum(succeeded + failed) FROM attempt_month") == 24
        assert right(connection) == []


@pytest.fixture
def network(database: str) -> Iterator[Connection]:
    """A station whose past a test writes."""
    with connect(database) as connection:
        connection.execute("INSERT INTO station (station_id, vendor, model, firmware_version)"
                           " VALUES ('S1', 'Acme', 'M1', '1.0')")  # fmt: skip
        connection.execute("INSERT INTO evse (station_id, evse_id) VALUES ('S1', 1), ('S1', 2)")
        yield connection


SESSION = """
INSERT INTO session (station_id, evse_id, evse_key, transaction_id, id_token, started_at, ended_at,
    energy_wh, stop_reason)
SELECT 'S1', %(evse_id)s, evse_key, %(began)s::timestamptz::text || %(evse_id)s, %(tag)s,
    %(began)s, %(ended)s, %(wh)s, %(reason)s
FROM evse WHERE evse_id = %(evse_id)s RETURNING session_id
"""


def put(
    connection: Connection, began: datetime, minutes: float | None, wh: int, **more: Any
) -> int:
    ended = None if minutes is None else began + timedelta(minutes=minutes)
    given = {"evse_id": 1, "tag": "TAG", "reason": "Local", **more}
    row = connection.execute(
        SESSION, {"began": began, "ended": ended, "wh": wh, **given}
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_correction_moves_the_counters(network: Connection) -> None:
    began = datetime(2026, 3, 28, 22, 59, tzinfo=UTC)  # 23:59 in Stockholm, before a short day
    session_id = put(network, began, 30, 5000)
    put(network, began + timedelta(hours=3), 30, 0, reason="PowerLoss")
    put(network, began + timedelta(hours=6), None, 3000, evse_id=2)
    book_attempts(network)
    assert right(network) == []
    days = (
        "SELECT bucket, evse_id, sessions, energy_wh, failed_starts FROM session_day ORDER BY 1, 2"
    )
    first, second = datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert network.execute(days).fetchall() == [
        (first, 1, 1, 5000, 0), (second, 1, 1, 0, 1), (second, 2, 1, 3000, 0),
    ]  # fmt: skip
    network.execute("UPDATE session SET energy_wh = 50, started_at = started_at + interval '5 min'"
                    " WHERE session_id = %s", [session_id])  # fmt: skip
    book_attempts(network)
    assert right(network) == []
    assert network.execute(days).fetchall() == [
        (second, 1, 2, 50, 2), (second, 2, 1, 3000, 0),
    ]  # fmt: skip


def test_a_reading_of_a_running_session_asks_for_nothing(network: Connection) -> None:
    session_id = put(network, ago(hours=1), None, 0)
    book_attempts(network)
    network.execute("UPDATE session SET energy_wh = 5000, version = version + 1")
    assert network.execute("SELECT FROM attempt_request").fetchall() == []
    network.execute("UPDATE session SET ended_at = now() WHERE session_id = %s", [session_id])
    assert network.execute("SELECT station_id FROM attempt_request").fetchall() == [("S1",)]


def test_what_is_wrong_is_named(network: Connection) -> None:
    put(network, ago(days=2), 30, 5000)
    book_attempts(network)
    assert right(network) == []
    network.execute("UPDATE attempt SET outcome = 'failed'")
    assert [one.subject.split(":")[0] for one in right(network)] == ["session", "visits session"]
    network.execute("UPDATE attempt SET outcome = 'succeeded', visit_succeeded = false")
    assert [one.subject.split()[0] for one in right(network)] == ["visits"]
    network.execute("UPDATE attempt SET visit_succeeded = true")
    network.execute("UPDATE attempt_total SET succeeded = 2 WHERE level = 'month'")
    network.execute("UPDATE session_day_total SET energy_wh = 5001")
    assert [one.subject for one in right(network)] == [
        "totals month S1 1 build 1 charge", "session_days S1 1",
    ]  # fmt: skip


def test_an_attempt_makes_its_evses_time_look_again(network: Connection) -> None:
    began = ago(hours=3)
    put(network, began, 30, 0, reason="PowerLoss")
    network.execute("DELETE FROM timeline_request")
    book_attempts(network)
    assert network.execute("SELECT from_at FROM timeline_request").fetchall() == [(began,)]
    network.execute("DELETE FROM timeline_request")
    network.execute("UPDATE attempt SET reason = 'x'")
    assert network.execute("SELECT from_at FROM timeline_request").fetchall() == []


def test_many_different_refused_tokens_are_guesses_until_it_is_over(network: Connection) -> None:
    now = datetime.now(UTC)
    open_alerts = "SELECT kind, detail ->> 'tokens' FROM alert WHERE resolved_at IS NULL"

    def tap(token: str, seconds: int) -> None:
        network.execute("INSERT INTO authorization_history VALUES ('S1', %s, %s, 'Invalid')",
                        [now - timedelta(seconds=seconds), token])  # fmt: skip

    for number in range(5):
        tap(f"T{number}", 100 - number)
        tap(f"t{number}", 80 - number)  # the same ones again
    attempts(network, now)
    assert network.execute(open_alerts).fetchall() == []
    tap("T9", 10)
    attempts(network, now)
    assert network.execute(open_alerts).fetchall() == [("token_guessing", "6")]
    attempts(network, now + timedelta(minutes=9))
    assert len(network.execute(open_alerts).fetchall()) == 1
    attempts(network, now + timedelta(minutes=11))
    assert network.execute(open_alerts).fetchall() == []


def test_rates_of_any_period_are_what_a_count_of_its_attempts_says(network: Connection) -> None:
    network.execute("INSERT INTO site (operator_id, name) SELECT operator_id, 'Dock' FROM operator")
    network.execute("UPDATE station SET site_id = (SELECT site_id FROM site)")
    first = datetime(2025, 12, 30, 23, tzinfo=UTC)
    for day in range(70):
        at = first + timedelta(days=day, hours=day % 24)
        put(network, at, 20, 50 * (day % 5), evse_id=1 + day % 2, tag=f"T{day % 7}")
        network.execute("INSERT INTO authorization_history VALUES ('S1', %s, 'X', %s)",
                        [at + timedelta(hours=3), "Invalid" if day % 3 else "Accepted"],
                        )  # fmt: skip
    book_attempts(network)
    assert right(network) == []
    queries = load_queries("reliability")
    for begin, length in [(0, 70), (0, 1), (1, 32), (2, 59), (20, 5), (33, 36)]:
        start, end = midnight(first, begin), midnight(first, begin + length)
        expected = network.execute(
            "SELECT count(*) FILTER (WHERE outcome = 'succeeded'), count(*) FILTER (WHERE"
            " is_authorised), count(*) FILTER (WHERE is_first), count(*) FILTER (WHERE is_first"
            " AND outcome = 'succeeded') FROM attempt WHERE started_at >= %s AND started_at < %s",
            [start, end],
        ).fetchone()
        names = ("fleet", "site", "station", "build", "evse")
        for level in names:
            rows = queries.rates(
                network, start=start, end=end, level=level, site_id=None, station_id=None
            )
            assert tuple(sum(r[i] for r in rows) for i in (2, 6, 8, 9)) == expected
        days = queries.fleet_days(network, start=start, end=end)
        assert tuple(sum(r[i] for r in days) for i in (1, 2, 6, 7)) == expected
        about = {"start": start, "end": end, "site_id": None, "station_id": None}
        behind = queries.behind(
            network, **about, figure="charging", evse_id=None, build_id=None, at_most=999
        )
        assert len(behind) == expected[1] - expected[0]  # type: ignore[index]
        ends = queries.stages(network, **about)
        assert sum(sum(row[1:4]) for row in ends) == sum(
            row[3] for row in queries.reasons(network, **about, at_most=99)
        )


def test_a_visit_is_listed_with_its_tries(network: Connection) -> None:
    put(network, ago(minutes=50), 1, 0)
    put(network, ago(minutes=40), 30, 5000, evse_id=2)
    put(network, ago(minutes=40), 30, 5000, tag="OTHER")
    book_attempts(network)
    queries = load_queries("reliability")
    newest = queries.last_attempts(network, station_id="S1", at_most=10)
    assert len(newest) == 3
    visit = queries.visit(network, visit_id=newest[-1][0])
    assert [row[6] for row in visit] == ["failed", "succeeded"]


def pay(connection: Connection, at: datetime, number: int, **columns: Any) -> int:
    """A guest's payment at evse 1: always of the same browser."""
    given = {"state": "charging", "session_id": None, "start_command_id": None, **columns}
    row = connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, owner_hash, currency,"
        " hold, created_at, id_token, state, session_id, start_command_id)"
        " SELECT %(reference)s, 'guest', 1, min(evse_key), '\\xabcd', 'SEK', 30000, %(at)s,"
        " %(token)s, %(state)s, %(session_id)s, %(start_command_id)s FROM evse"
        " RETURNING payment_id",
        {"reference": f"AAAA-{number}", "at": at, "token": f"ONCE{number}", **given},
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_guest_is_one_visitor_over_several_payments(network: Connection) -> None:
    first = pay(network, ago(minutes=50), 21, state="authorised")
    network.execute("UPDATE payment SET state = 'releasing', failure = 'station_offline'")
    second = pay(network, ago(minutes=40), 22)
    network.execute(
        "INSERT INTO command (station_id, action, payload, status, response, payment_id,"
        " requested_at, finished_at) SELECT 'S1', 'RemoteStartTransaction', %s, 'answered', %s, %s,"
        " at, at FROM (SELECT now() - interval '39 minutes' AS at) a",
        [Jsonb({"connectorId": 1, "idTag": "ONCE22"}), Jsonb({"status": "Rejected"}), second],
    )
    network.execute("UPDATE payment SET start_command_id = 1, state = 'released' WHERE"
                    " payment_id = %s", [second])  # fmt: skip
    session_id = put(network, ago(minutes=30), 20, 5000, tag="once23")
    third = pay(network, ago(minutes=31), 23, start_command_id=2, session_id=session_id)
    book_attempts(network)
    assert right(network) == []
    found = network.execute(
        "SELECT payment_id, outcome, reason, is_authorised, is_first, visit_succeeded FROM attempt"
        " ORDER BY started_at"
    ).fetchall()
    assert found == [
        (first, "failed", "station_offline", True, True, True),
        (second, "failed", "Rejected", True, False, True),
        (third, "succeeded", "Local", True, False, True),
    ]


def midnight(at: datetime, days: int) -> datetime:
    """So many days after one of Stockholm's midnights in winter."""
    return at + timedelta(days=days)
