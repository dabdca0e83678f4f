"""Time per state and outages are booked once, and booked right when evidence comes late."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp_messages import event201, status201
from stations import ago, serving

from ingest.timelines import book_time, differences
from sql.database import Connection, connect

START = datetime(2026, 3, 27, 10, tzinfo=UTC)  # two days before the clocks go forward
UNTIL = START + timedelta(days=5)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


class Evses:
    """Two stations with two evses each, whose raw facts are written as ingest writes them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        for station_id in ("S1", "S2"):
            self.run("INSERT INTO station (station_id) VALUES (%s)", station_id)
            self.run("INSERT INTO evse (station_id, evse_id) VALUES (%s, 1), (%s, 2)",
                     station_id, station_id)  # fmt: skip
        self.run("INSERT INTO connector (evse_key, connector_id) SELECT evse_key, 1 FROM evse")
        self.keys = [key for (key,) in self.rows("SELECT evse_key FROM evse ORDER BY evse_key")]

    def run(self, query: str, *parameters: Any) -> None:
        self.connection.execute(query, parameters)

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        return self.connection.execute(query, parameters).fetchall()

    def contact(self, station_id: str, is_online: bool, when: datetime,
                cause: str | None = None) -> None:  # fmt: skip
        self.run("UPDATE station SET is_online = %s, offline_cause = %s, contact_changed_at = %s"
                 " WHERE station_id = %s", is_online, cause, when, station_id)  # fmt: skip

    def status(self, key: int, when: datetime, status: str, charging: str | None = None) -> None:
        self.run("INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status,"
                 " charging_state, status_at, received_at) SELECT %s, station_id, evse_id, 1, %s,"
                 " %s, %s, now() FROM evse WHERE evse_key = abs(%s) ON CONFLICT DO NOTHING",
                 key, status, charging, when, key)  # fmt: skip

    def session(self, key: int, start: datetime, end: datetime | None,
                flowed: datetime | None) -> int:  # fmt: skip
        ((session_id,),) = self.rows(
            "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at,"
            " ended_at, charged_until) SELECT station_id, evse_id, evse_key,"
            " gen_random_uuid()::text, %s, %s, %s FROM evse WHERE evse_key = %s"
            " RETURNING session_id", start, end, flowed, key)  # fmt: skip
        return int(session_id)

    def facts(self, key: int) -> list[Any]:
        return self.rows("SELECT state, cause, sum(seconds)::int FROM state_fact"
                         " WHERE evse_key = %s GROUP BY 1, 2 HAVING sum(seconds) <> 0"
                         " ORDER BY min(started_at)", key)  # fmt: skip

    def outages(self, key: int) -> list[Any]:
        return self.rows("SELECT cause, started_at, ended_at, excluded_because FROM outage"
                         " WHERE evse_key = %s ORDER BY started_at", key)  # fmt: skip


@pytest.fixture
def evses(connection: Connection) -> Evses:
    return Evses(connection)


def test_hours_days_and_months_sum_to_the_time_in_service(evses: Evses) -> None:
    key = evses.keys[0]
    evses.contact("S1", True, START)
    evses.status(key, START, "Available")
    evses.session(key, at(30), at(34), at(33))
    book_time(evses.connection, UNTIL)
    lengths = evses.rows("SELECT bucket, sum(seconds)::int FROM state_day WHERE evse_key = %s"
                         " AND bucket > '2026-03-27 12:00Z' AND bucket < '2026-03-30 12:00Z'"
                         " GROUP BY 1 ORDER BY 1", key)  # fmt: skip
    assert [seconds / 3600 for _, seconds in lengths] == [24, 23, 24]
    assert evses.rows("SELECT state, sum(seconds)::int FROM state_hour WHERE evse_key = %s"
                      " AND state <> 'available' GROUP BY 1 ORDER BY 1", key) == [
        ("charging", 3 * 3600), ("suspended", 3600)
    ]  # fmt: skip
    assert differences(evses.connection, START, at(100), UNTIL) == []


def test_late_evidence_takes_facts_back_and_books_what_was(evses: Evses) -> None:
    key = evses.keys[0]
    evses.contact("S1", True, START)
    evses.status(key, START, "Available")
    evses.status(key, at(10), "Faulted")
    evses.status(key, at(20), "Available")
    book_time(evses.connection, at(21))
    assert [o[:3] for o in evses.outages(key)] == [("hardware", at(10), at(20))]
    evses.status(key, at(14), "Available")  # was buffered
    evses.status(key, at(16), "Faulted")
    book_time(evses.connection, at(22))
    assert [o[:3] for o in evses.outages(key)] == [
        ("hardware", at(10), at(14)), ("hardware", at(16), at(20))
    ]  # fmt: skip
    assert evses.rows("SELECT min(seconds) < 0 FROM state_fact") == [(True,)]
    assert differences(evses.connection, START, at(20), at(22)) == []


def test_an_outage_grows_over_days_and_names_its_evidence(evses: Evses) -> None:
    key = evses.keys[0]
    evses.contact("S1", True, START)
    evses.status(key, START, "Available")
    evses.contact("S1", False, at(5), "station")
    for hours in (6, 30, 54):
        book_time(evses.connection, at(hours))
    assert evses.outages(key) == [("network", at(5), None, None)]
    evses.contact("S1", True, at(60))
    book_time(evses.connection, at(61))
    assert evses.outages(key) == [("network", at(5), at(60), None)]
    ((evidence,),) = evses.rows("SELECT evidence FROM outage WHERE evse_key = %s", key)
    assert evidence["began"][0]["relation"] == "contact_history"
    assert evidence["ended"][0]["is_online"] is True


def test_time_that_is_excluded_and_taken_in_again(evses: Evses) -> None:
    key = evses.keys[0]
    evses.contact("S1", True, START)
    evses.status(key, START, "Faulted")
    evses.status(key, at(4), "Available")
    evses.run("INSERT INTO outage_exclusion (station_id, from_at, until_at, reason, created_by)"
              " VALUES ('S1', %s, %s, 'vandalism', 'bob')", START, at(4))  # fmt: skip
    book_time(evses.connection, at(5))
    assert evses.outages(key) == [("hardware", START, at(4), "vandalism")]
    evses.run("UPDATE outage_exclusion SET revoked_at = now(), revoked_by = 'bob'")
    book_time(evses.connection, at(5))
    assert evses.outages(key) == [("hardware", START, at(4), None)]
    assert evses.rows("SELECT DISTINCT excluded_because FROM state_day WHERE cause = 'hardware'"
                      ) == [(None,)]  # fmt: skip


def test_what_is_to_come_is_folded_when_it_has_come(evses: Evses) -> None:
    key = evses.keys[0]
    evses.contact("S1", True, START)
    evses.status(key, at(1), "Available")
    evses.status(key, at(2.1), "Faulted")  # a clock some minutes ahead
    book_time(evses.connection, at(2))
    assert evses.outages(key) == []
    book_time(evses.connection, at(2.2))
    assert [o[:3] for o in evses.outages(key)] == [("hardware", at(2.1), None)]


def test_a_fold_that_dies_is_done_by_the_next(
    evses: Evses, monkeypatch: pytest.MonkeyPatch
) -> None:
    evses.contact("S1", True, START)
    monkeypatch.setattr("ingest.timelines._timeline_row", _die)
    with pytest.raises(KeyboardInterrupt):
        book_time(evses.connection, UNTIL)
    monkeypatch.undo()
    assert evses.rows("SELECT count(*) FROM state_fact") == [(0,)]
    assert book_time(evses.connection, UNTIL) == 2


def _die(_one: object) -> Any:
    raise KeyboardInterrupt


def test_a_station_that_left_is_counted_no_more(evses: Evses) -> None:
    evses.contact("S1", True, START)
    evses.status(evses.keys[0], START, "Available")
    evses.run("UPDATE station SET decommissioned_at = %s WHERE station_id = 'S1'", at(2))
    book_time(evses.connection, UNTIL)
    assert evses.facts(evses.keys[0]) == [("available", None, 7200)]
    assert evses.rows("SELECT count(*) FROM state_day WHERE bucket > %s", at(30)) == [(0,)]


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_evidence_and_any_rhythm_of_folding_books_the_same(
    evses: Evses, database: str, seed: int
) -> None:
    dice = random.Random(seed)
    doings = _history(evses, dice)
    dice.shuffle(doings)
    with connect(database) as other:
        for doing in doings:
            doing()
            if dice.random() < 0.2:
                book_time(dice.choice([evses.connection, other]), at(dice.uniform(90, 120)))
    book_time(evses.connection, UNTIL)
    assert differences(evses.connection, START - timedelta(days=1), UNTIL, UNTIL) == []
    day = datetime(2026, 3, 29, 22, tzinfo=UTC)  # one alone is folded the same
    assert differences(evses.connection, day, day + timedelta(days=1), UNTIL) == []
    sums = "SELECT evse_key, state, sum(seconds) FROM state_day GROUP BY 1, 2 ORDER BY 1, 2"
    with evses.connection.transaction():  # one now() for all
        days = evses.rows(sums)
        assert evses.rows(sums.replace("state_day", "state_hour")) == days
        assert evses.rows(sums.replace("state_day", "state_month")) == days


def _history(evses: Evses, dice: random.Random) -> list[Callable[[], object]]:
    """Things that happened to the evses, each to be written when it becomes known."""

    def past() -> datetime:
        return at(round(dice.uniform(0, 110), 4))

    doings: list[Callable[[], object]] = []
    statuses = ["Available", "Occupied", "Faulted", "Unavailable", "Reserved"]
    for key in evses.keys:
        for _ in range(10):
            told = (key, past(), dice.choice(statuses), dice.choice([None, "Charging", "Idle"]))
            doings.append(lambda told=told: evses.status(*told))  # type: ignore[misc]
        for _ in range(4):
            start = past()
            flowed = start + timedelta(hours=dice.uniform(0, 3))
            end = flowed + timedelta(hours=dice.uniform(0, 3))
            made = (key, start, end, dice.choice([flowed, None]))
            doings.append(lambda made=made: evses.session(*made))  # type: ignore[misc]
    exclude = ("INSERT INTO outage_exclusion (evse_key, from_at, until_at, reason, created_by)"
               " VALUES (%s, %s, %s, 'vehicle', 'bob')")  # fmt: skip
    for _ in range(3):
        start = past()
        span = (dice.choice(evses.keys), start, start + timedelta(hours=9))
        doings.append(lambda span=span: evses.run(exclude, *span))  # type: ignore[misc]
    online = True
    for station_id in ("S1", "S2"):
        evses.contact(station_id, True, START)
        for hours in sorted(dice.uniform(1, 100) for _ in range(4)):
            online = not online
            evses.run("INSERT INTO contact_history (station_id, at, is_online, cause)"
                      " VALUES (%s, %s, %s, %s)", station_id, at(hours), online,
                      None if online else dice.choice(["station", "csms"]))  # fmt: skip
    return doings


async def test_what_a_station_says_becomes_time_per_state(database: str) -> None:
    """Contact, statuses and 2.x charging states over a real socket, several in one batch."""
    async with serving(database, "S1") as csms, csms.station(version="2.0.1") as station:
        begun = ago(minutes=30)
        await station.call("StatusNotification", status201("Available", ago(minutes=50)))
        for number, (minutes, kind, state) in enumerate([
            (0, "Started", "EVConnected"), (2, "Updated", "Charging"),
            (20, "Updated", "SuspendedEV"), (25, "Ended", "Idle"),
        ]):  # fmt: skip
            when = begun + timedelta(minutes=minutes)
            event = event201(kind, "t1", number, when, wh=minutes * 100, state=state)
            await station.call("TransactionEvent", event)
    with connect(database) as connection:
        connection.execute("UPDATE contact_history SET at = at - interval '1 hour' WHERE is_online")
        connection.execute("INSERT INTO timeline_request (evse_key, from_at)"
                           " SELECT evse_key, now() - interval '1 day' FROM evse")  # fmt: skip
        book_time(connection, datetime.now(UTC) + timedelta(seconds=2))
        found = connection.execute(
            "SELECT state, sum(seconds)::int / 60 FROM state_fact WHERE cause IS NULL"
            " GROUP BY 1 ORDER BY min(started_at)").fetchall()  # fmt: skip
        lost = connection.execute(
            "SELECT DISTINCT state, cause FROM evse_timeline").fetchall()  # fmt: skip
    assert found == [("available", 25), ("preparing", 2), ("charging", 18), ("suspended", 5)]
    assert lost == [("unknown", "network")]
