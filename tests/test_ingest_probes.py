"""Ghost sessions: real stations over WebSockets, silence by rows dated in the past."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp_messages import begin, event201, sample16, start16, status16, status201, stop16, values16
from stations import Csms, Payload, RawStation, RefusedError, ago, serving, session

from ingest.thresholds import EVIDENCE_GRACE, GHOST_OFFLINE, GHOST_UNMETERED, STOP_GRACE
from ingest.watchdog import watch_sessions
from sql.database import Connection, connect

LONG_AGO = timedelta(hours=5)
OUTCOMES = "SELECT outcome FROM probe ORDER BY probe_id"
ASKED = "SELECT action FROM command ORDER BY command_id"


class Watcher:
    """Rounds of the watchdog, at once or as of so many seconds from now."""

    def __init__(self, csms: Csms, connection: Connection, eventually: Any) -> None:
        self.csms, self.connection, self.eventually = csms, connection, eventually

    async def look(self, seconds: float = 0) -> None:
        now = datetime.now(UTC) + timedelta(seconds=seconds)
        await asyncio.to_thread(watch_sessions, self.connection, now)

    async def asked(self, number: int) -> None:
        """Wait until the watchdog's n-th command has been answered."""
        query = "SELECT 1 FROM command HAVING count(*) = %s AND bool_and(finished_at IS NOT NULL)"
        await self.eventually(query, [number], channel="command_done")

    def age(self, **time: float) -> None:
        """As if everything that arrived had arrived so much earlier."""
        past = timedelta(**time) if time else LONG_AGO
        for table, column in (
            ("session", "recorded_at"), ("meter_value", "received_at"), ("probe", "began_at"),
            ("station", "contact_changed_at"), ("station", "booted_at"), ("probe", "ended_at"),
        ):  # fmt: skip
            self.csms.rows(f"UPDATE {table} SET {column} = {column} - %s::interval", past)  # noqa: S608

    @property
    def outcomes(self) -> list[Any]:
        return [row[0] for row in self.csms.rows(OUTCOMES)]

    @property
    def actions(self) -> list[Any]:
        return [row[0] for row in self.csms.rows(ASKED)]

    @property
    def alerts(self) -> list[Any]:
        query = "SELECT kind, evse_id FROM alert WHERE resolved_at IS NULL ORDER BY 1"
        return self.csms.rows(query)


@pytest.fixture
async def csms(database: str) -> AsyncIterator[Csms]:
    async with serving(database, "S1") as found:
        yield found


@pytest.fixture
def watcher(csms: Csms, connection: Connection, async_eventually: Any) -> Watcher:
    return Watcher(csms, connection, async_eventually)


async def charge(station: RawStation, hours_ago: float = 5) -> int:
    """A 1.6 session whose last reading is an hour younger than its start."""
    at = ago(hours=hours_ago)
    transaction = await begin(station, 1000, at)
    for minutes in (20, 40, 60):
        samples = [sample16(1000 + 50 * minutes)]
        read_at = at + timedelta(minutes=minutes)
        await station.call("MeterValues", values16(samples, read_at, transactionId=transaction))
    return transaction


def answering(**answers: Payload | RefusedError) -> Callable[[str, Payload], Any]:
    return lambda action, _payload: answers.get(action, {"status": "Accepted"})


async def test_a_session_that_is_heard_of_is_left_in_peace(csms: Csms, watcher: Watcher) -> None:
    async with csms.station() as station:
        await charge(station, hours_ago=1.1)  # its last reading is six minutes old
        watcher.age()
        csms.rows("UPDATE meter_value SET received_at = measured_at")
        await watcher.look()
        assert watcher.actions == []


async def test_what_arrived_lately_counts_even_if_it_is_old(csms: Csms, watcher: Watcher) -> None:
    async with csms.station() as station:
        await charge(station)  # five hours ago by the station's clock, which may be wrong
        csms.rows("UPDATE session SET recorded_at = recorded_at - interval '5 hours'")
        csms.rows("UPDATE station SET contact_changed_at = now() - interval '5 hours'")
        await watcher.look()
        assert watcher.actions == []


async def test_a_station_that_has_just_come_back_may_tell_first(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        await charge(station)
        watcher.age()
        csms.rows("UPDATE station SET contact_changed_at = now() - interval '29 minutes'")
        await watcher.look()
        assert watcher.actions == []


async def test_a_ghost_is_probed_stopped_softly_and_closed_at_its_last_evidence(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        station.obey = answering(
            TriggerMessage={"status": "Accepted"}, RemoteStopTransaction={"status": "Rejected"}
        )
        transaction = await charge(station)
        version = session(csms, "version")
        watcher.age()
        await watcher.look()
        payload = {"requestedMessage": "MeterValues", "connectorId": 1}
        assert await station.order() == ("TriggerMessage", payload)
        await watcher.asked(1)
        await watcher.look()  # it may need a moment to send what it was asked for
        assert watcher.actions == ["TriggerMessage"]
        await watcher.look(EVIDENCE_GRACE + 5)
        payload = {"requestedMessage": "StatusNotification", "connectorId": 1}
        assert await station.order() == ("TriggerMessage", payload)
        await watcher.asked(2)
        await watcher.look(EVIDENCE_GRACE + 5)
        assert await station.order() == ("RemoteStopTransaction", {"transactionId": transaction})
        await watcher.asked(3)
        assert session(csms, "ended_at") is None
        await watcher.look()
    columns = "ended_at = last_reading_at, energy_wh, flags, stop_reason, meter_stop_wh, power_w"
    assert session(csms, columns) == (True, 3000, ["ghost"], None, None, None)
    assert session(csms, "version") == version + 1
    assert watcher.outcomes == ["closed"]
    assert watcher.alerts == [("ghost_session", 1)]
    logged = csms.rows("SELECT action, answer FROM message_log WHERE direction = 'out' ORDER BY 1")
    assert [row[0] for row in logged] == ["RemoteStopTransaction", "TriggerMessage",
                                          "TriggerMessage"]  # fmt: skip


async def test_a_session_without_any_reading_ends_when_it_began(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        station.obey = answering(RemoteStopTransaction={"status": "Rejected"},
                                 TriggerMessage={"status": "NotImplemented"})  # fmt: skip
        await station.call("StatusNotification", status16("Available", ago(hours=1)))
        await begin(station, 1000, ago(hours=2))
        await station.call("StatusNotification", status16("Available", ago(hours=1)))
        watcher.age()
        for number in (1, 2, 3):
            await watcher.look()
            await watcher.asked(number)
        await watcher.look()
    assert session(csms, "ended_at = started_at, energy_wh, flags") == (True, 0, ["ghost"])


async def test_a_reading_that_follows_the_probe_saves_the_session(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        transaction = await charge(station)
        watcher.age()
        await watcher.look()
        await watcher.asked(1)
        await station.call("MeterValues", values16([sample16(5000)], transactionId=transaction))
        await watcher.look()
        assert watcher.outcomes == ["alive"]
        await watcher.look(60)
        assert len(watcher.actions) == 1
    assert session(csms, "ended_at") is None
    assert watcher.alerts == []


async def test_a_connector_that_says_it_is_charging_saves_the_session(
    csms: Csms, watcher: Watcher
) -> None:
    """A station whose readings don't name their transaction."""
    async with csms.station() as station:
        await charge(station)
        watcher.age()
        await watcher.look()
        await watcher.asked(1)
        await watcher.look(EVIDENCE_GRACE + 5)
        await watcher.asked(2)
        await station.call("StatusNotification", status16("Charging"))
        await watcher.look(EVIDENCE_GRACE + 5)
        assert watcher.outcomes == ["alive"]
        assert watcher.actions == ["TriggerMessage"] * 2
        # and for the next half an hour nobody asks again
        await watcher.look(60)
        assert watcher.actions == ["TriggerMessage"] * 2


async def test_a_station_that_can_t_be_asked_is_believed_for_a_day(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        refusal = RefusedError("NotImplemented", "", {})
        station.obey = answering(TriggerMessage=refusal)
        await charge(station)
        await station.call("StatusNotification", status16("SuspendedEV", ago(hours=4)))
        watcher.age()
        for number in (1, 2):
            await watcher.look()
            await watcher.asked(number)
        await watcher.look()
        assert watcher.outcomes == ["believed"]
        csms.rows("UPDATE probe SET ended_at = ended_at - interval '2 days'")
        watcher.age(days=1)
        await watcher.look(GHOST_UNMETERED)
        for number in (3, 4):
            await watcher.asked(number)
            await watcher.look(GHOST_UNMETERED)
        assert watcher.actions[-1] == "RemoteStopTransaction"


async def test_a_session_without_meter_values_has_a_day(csms: Csms, watcher: Watcher) -> None:
    async with csms.station() as station:
        await begin(station, 1000, ago(hours=20))
        watcher.age(hours=20)
        await watcher.look()
        assert watcher.actions == []
        watcher.age(hours=5)
        csms.rows("UPDATE session SET started_at = started_at - interval '5 hours'")
        csms.rows("UPDATE session SET last_reading_at = started_at, first_reading_at = started_at")
        await watcher.look()
        assert watcher.actions == ["TriggerMessage"]


async def test_a_long_meter_interval_is_waited_for_three_times(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        await charge(station, hours_ago=1.9)  # every 20 minutes; the last one 54 minutes ago
        watcher.age()
        await watcher.look()
        assert watcher.actions == []
        await watcher.look(7 * 60)
        assert watcher.actions == ["TriggerMessage"]


async def test_an_evse_that_says_it_is_free_is_asked_after_minutes(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        await charge(station, hours_ago=1.1)
        await station.call("StatusNotification", status16("Available", ago(minutes=4)))
        watcher.age()
        await watcher.look()
        assert watcher.actions == []
        await watcher.look(70)
        assert watcher.actions == ["TriggerMessage"]
        assert csms.one("SELECT reason FROM probe") == "available"


async def test_a_boot_during_a_session_does_not_end_it_but_makes_it_doubtful(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        transaction = await charge(station, hours_ago=1.2)
        watcher.age()
        csms.rows("UPDATE meter_value SET received_at = measured_at")
        csms.rows("UPDATE station SET booted_at = now() - interval '6 minutes'")
        await watcher.look()
        assert csms.one("SELECT reason FROM probe") == "booted"
        await watcher.asked(1)
        await station.call("MeterValues", values16([sample16(5000)], transactionId=transaction))
        await watcher.look()
        assert watcher.outcomes == ["alive"]
    assert session(csms, "ended_at") is None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ({"ongoingIndicator": True, "messagesInQueue": False}, "alive"),
        ({"ongoingIndicator": False, "messagesInQueue": True}, "alive"),
        ({"ongoingIndicator": False, "messagesInQueue": False}, "closed"),
    ],
)
async def test_2x_is_asked_for_the_transaction_itself(
    csms: Csms, watcher: Watcher, status: Payload, outcome: str
) -> None:
    async with csms.station(version="2.0.1") as station:
        station.obey = answering(GetTransactionStatus=status)
        at = ago(hours=5)
        await station.call(
            "TransactionEvent", event201("Started", "tx-1", 0, at, wh=1000, tag="TAG")
        )
        at += timedelta(minutes=15)
        await station.call("TransactionEvent", event201("Updated", "tx-1", 1, at, wh=3000))
        watcher.age()
        # one reading tells no interval: the evse's own is the measure
        csms.rows("INSERT INTO evse_normal (evse_key, meter_interval_seconds)"
                  " SELECT evse_key, 900 FROM session")  # fmt: skip
        await watcher.look()
        assert await station.order() == ("GetTransactionStatus", {"transactionId": "tx-1"})
        await watcher.asked(1)
        await watcher.look()
    assert watcher.outcomes == [outcome]
    is_closed = outcome == "closed"
    assert session(csms, "ended_at IS NOT NULL, energy_wh") == (is_closed, 2000)


async def test_2x_that_can_t_tell_is_asked_for_an_event_then_to_stop(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station(version="2.0.1") as station:
        station.obey = answering(
            GetTransactionStatus=RefusedError("NotSupported", "", {}),
            TriggerMessage={"status": "Rejected"}, RequestStopTransaction={"status": "Rejected"},
        )  # fmt: skip
        at = ago(hours=30)
        await station.call(
            "TransactionEvent", event201("Started", "tx-1", 0, at, wh=1000, tag="TAG")
        )
        await station.call("StatusNotification", status201("Available", ago(hours=29)))
        watcher.age(hours=30)
        for number in (1, 2, 3):
            await watcher.look()
            await watcher.asked(number)
        await watcher.look()
    assert watcher.actions == ["GetTransactionStatus", "TriggerMessage", "RequestStopTransaction"]
    assert watcher.outcomes == ["closed"]
    assert session(csms, "flags") == ["ghost"]


async def test_a_soft_stop_that_works_is_the_end_and_no_ghost(csms: Csms, watcher: Watcher) -> None:
    async with csms.station() as station:
        station.obey = answering(TriggerMessage={"status": "NotImplemented"})
        transaction = await charge(station)
        watcher.age()
        for number in (1, 2, 3):
            await watcher.look()
            await watcher.asked(number)
        await watcher.look()
        assert session(csms, "ended_at") is None  # accepted: its end is on the way
        await station.call("StopTransaction", stop16(transaction, 4500))
        await watcher.look(STOP_GRACE + 5)
    assert watcher.outcomes == ["ended"]
    assert session(csms, "energy_wh, flags, meter_stop_wh") == (3500, [], 4500)
    assert watcher.alerts == []


async def test_a_stop_that_was_accepted_but_never_comes_is_not_waited_for(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        station.obey = answering(TriggerMessage={"status": "NotImplemented"})
        await charge(station)
        watcher.age()
        for number in (1, 2, 3):
            await watcher.look()
            await watcher.asked(number)
        await watcher.look(STOP_GRACE + 5)
    assert session(csms, "flags") == ["ghost"]


async def ghost(csms: Csms, watcher: Watcher, station: RawStation) -> int:
    station.obey = answering(TriggerMessage={"status": "NotImplemented"},
                             RemoteStopTransaction={"status": "Rejected"})  # fmt: skip
    transaction = await charge(station)
    watcher.age()
    for number in (1, 2, 3):
        await watcher.look()
        await watcher.asked(number)
    await watcher.look()
    assert session(csms, "flags") == ["ghost"]
    return transaction


async def test_a_stop_that_comes_after_all_replaces_the_guess(csms: Csms, watcher: Watcher) -> None:
    async with csms.station() as station:
        transaction = await ghost(csms, watcher, station)
        assert watcher.alerts == [("ghost_session", 1)]
        ended_at = ago(hours=3)
        await station.call("StopTransaction", stop16(transaction, 7000, ended_at))
        columns = "ended_at, energy_wh, meter_stop_wh, flags"
        assert session(csms, columns) == (ended_at, 6000, 7000, ["stop_late"])
        await watcher.look()
    assert watcher.alerts == []


async def test_readings_that_come_after_all_move_the_end_of_a_ghost(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        transaction = await ghost(csms, watcher, station)
        at = ago(hours=3)
        await station.call("MeterValues", values16([sample16(6500)], at, transactionId=transaction))
    assert session(csms, "ended_at, energy_wh, flags") == (at, 5500, ["ghost"])


async def test_a_message_that_arrives_while_the_ghost_is_closed_wins(
    csms: Csms, watcher: Watcher
) -> None:
    """The ingest worker holds the session in memory; both write by compare-and-set."""
    async with csms.station() as station:
        transaction = await ghost(csms, watcher, station)
        for wh in (6500, 7000):
            await station.call("MeterValues", values16([sample16(wh)], ago(hours=3 - wh / 1e4),
                                                       transactionId=transaction))  # fmt: skip
    assert session(csms, "energy_wh") == 6000


async def test_the_next_session_of_the_evse_ends_the_alert(csms: Csms, watcher: Watcher) -> None:
    async with csms.station() as station:
        await ghost(csms, watcher, station)
        await station.call("StartTransaction", start16(9000))
        await watcher.look()
    assert watcher.alerts == []


async def test_a_station_that_never_answers_loses_the_session_too(
    csms: Csms, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.peer.CALL_SECONDS", 0.05)
    async with csms.station() as station:
        station.obey = lambda _action, _payload: None
        await charge(station)
        watcher.age()
        for number in (1, 2, 3):
            await watcher.look()
            await watcher.asked(number)
        await watcher.look()
    assert session(csms, "flags") == ["ghost"]


async def test_a_session_of_a_station_that_is_gone_for_a_week_is_closed(
    csms: Csms, watcher: Watcher
) -> None:
    async with csms.station() as station:
        transaction = await charge(station)
    await watcher.eventually("SELECT 1 FROM station WHERE NOT is_online", [], channel="evse")
    watcher.age()
    await watcher.look(GHOST_OFFLINE - 6 * 3600)
    assert watcher.outcomes == []
    await watcher.look(GHOST_OFFLINE)
    assert (watcher.outcomes, watcher.actions) == (["closed"], [])
    assert session(csms, "ended_at = last_reading_at, flags") == (True, ["ghost"])
    # what it kept meanwhile is the truth
    async with csms.station() as station:
        await station.call("StopTransaction", stop16(transaction, 9000, ago(hours=1)))
    assert session(csms, "energy_wh, flags") == (8000, ["stop_late"])


async def test_a_probe_goes_on_after_a_restart_and_two_watchdogs_ask_once(
    csms: Csms, watcher: Watcher, database: str
) -> None:
    async with csms.station() as station:
        await charge(station)
        watcher.age()

        def rounds() -> None:
            with connect(database) as connection:
                for _ in range(5):
                    watch_sessions(connection, datetime.now(UTC))

        await asyncio.gather(*(asyncio.to_thread(rounds) for _ in range(2)))
        await watcher.asked(1)
        await asyncio.gather(*(asyncio.to_thread(rounds) for _ in range(2)))
        assert watcher.actions == ["TriggerMessage"]
        assert csms.one("SELECT count(*), max(tries) FROM probe") == (1, 1)


async def test_viewers_are_told_when_a_ghost_is_closed(
    csms: Csms, watcher: Watcher, database: str
) -> None:
    with connect(database) as listener:
        async with csms.station() as station:
            await ghost(csms, watcher, station)
            key = str(csms.one("SELECT evse_key FROM session"))
            listener.execute("LISTEN evse")
            csms.rows("UPDATE session SET ended_at = NULL, flags = '{}'")
            csms.rows("DELETE FROM probe")
            for number in (4, 5, 6):
                await watcher.look()
                await watcher.asked(number)
            await watcher.look()
        told = [note.payload for note in listener.notifies(timeout=5, stop_after=1)]
    assert key in told
