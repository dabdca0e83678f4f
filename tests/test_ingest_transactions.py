"""Transactions are sacred: repeated, late, reordered, lost; counted once, never refused."""

from datetime import timedelta

import pytest
from ocpp_messages import (
    BOOT,
    begin,
    event201,
    sample16,
    start16,
    stop16,
    values16,
)
from stations import add_token, ago, serving, session


async def test_a_1_6_session_from_start_to_stop(database: str) -> None:
    at = ago(hours=1)
    add_token(database, "TAG")
    async with serving(database, "S1") as csms, csms.station() as station:
        answer = await station.call("StartTransaction", start16(1000, at, tag="tag"))
        assert answer["idTagInfo"] == {"status": "Accepted"}
        number = answer["transactionId"]
        values = values16([sample16(3)], at + timedelta(minutes=20), transactionId=number)
        values["meterValue"][0]["sampledValue"] = [sample16("3.5", unit="kWh")]
        await station.call("MeterValues", values)
        stop = stop16(
            number, 9000, at + timedelta(minutes=50), idTag="TAG", reason="EVDisconnected"
        )
        assert await station.call("StopTransaction", stop) == {"idTagInfo": {"status": "Accepted"}}
        found = session(csms, "energy_wh, meter_start_wh, meter_stop_wh, stop_reason, flags")
        assert found == (8000, 1000, 9000, "EVDisconnected", [])
        assert csms.one("SELECT sum(energy_wh)::bigint FROM energy_15min") == 8000


async def test_a_2_0_1_session_from_start_to_end(database: str) -> None:
    at = ago(hours=1)
    add_token(database, "TAG", parent_id_token="FLEET")
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        started = event201("Started", "T", 0, at, wh=1000, tag="TAG", state="Charging")
        answer = await station.call("TransactionEvent", started)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        assert answer["idTokenInfo"]["groupIdToken"]["idToken"] == "FLEET"
        updated = event201("Updated", "T", 1, at + timedelta(minutes=20), wh=3500)
        assert await station.call("TransactionEvent", updated) == {}
        ended = event201("Ended", "T", 2, at + timedelta(minutes=50), wh=9000)
        await station.call("TransactionEvent", ended)
        found = session(csms, "energy_wh, meter_start_wh, meter_stop_wh, flags, seq_no")
        assert found == (8000, 1000, 9000, [], 2)


@pytest.mark.parametrize("message_id", ["again", "1"])
async def test_a_repeated_start_gets_the_same_answer_and_one_session(
    database: str, message_id: str
) -> None:
    async with serving(database, "S1") as csms:
        start = start16(1000, ago(minutes=5))
        async with csms.station() as station:
            first = await station.call("StartTransaction", start, "1")
            assert await station.call("StartTransaction", start, message_id) == first
        async with csms.station() as station:
            assert await station.call("StartTransaction", start, message_id) == first
            stop = stop16(first["transactionId"], 2000)
            stopped = await station.call("StopTransaction", stop)
            assert await station.call("StopTransaction", stop, message_id) == stopped
            later = {**stop, "meterStop": 9000}
            await station.call("StopTransaction", later)
            assert await station.call("StartTransaction", start, message_id) == first
        assert session(csms, "meter_stop_wh, flags")[0] == 2000
        assert first["transactionId"] > 0


async def test_repeated_starts_at_once_are_one_session(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        start = start16(0, ago(minutes=5))
        waiting = [station.post("StartTransaction", start) for _ in range(20)]
        answers = [(await one)[1][2]["transactionId"] for one in waiting]
        assert len(set(answers)) == 1
        assert csms.one("SELECT count(*) FROM session") == 1


async def test_a_start_repeated_at_another_worker_is_the_same_session(database: str) -> None:
    async with serving(database, "S1") as one, serving(database) as two:
        start = start16(0, ago(minutes=30))
        async with one.station() as station:
            first = await station.call("StartTransaction", start)
            number = first["transactionId"]
            values = values16([sample16(500)], ago(minutes=20), transactionId=number)
            await station.call("MeterValues", values)
        async with two.station() as station:
            assert await station.call("StartTransaction", start) == first
            values = values16([sample16(900)], ago(minutes=10), transactionId=number)
            await station.call("MeterValues", values)
        async with one.station() as station:
            # its memory of the session is old: the database says so
            await station.call("StopTransaction", stop16(number, 1500))
        assert session(one, "energy_wh") == 1500


async def test_a_stop_touches_only_its_own_station(database: str) -> None:
    async with serving(database, "S1", "S2") as csms:
        async with csms.station("S1") as owner, csms.station("S2") as mallory:
            number = await begin(owner, 0, ago(minutes=5))
            await mallory.call("StopTransaction", stop16(number, 99999))
            values = values16([sample16(99999)], transactionId=number)
            await mallory.call("MeterValues", values)
        assert session(csms, "ended_at, energy_wh", station_id="S1") == (None, 0)
        assert csms.rows("SELECT count(*) FROM session") == [(1,)]
        kept = csms.rows("SELECT DISTINCT session_id, flags FROM meter_value"
                         " WHERE station_id = 'S2'")  # fmt: skip
        assert kept == [(None, ["transaction_unknown"])]


@pytest.mark.parametrize("number", [-1, 0, 2**31, 10**30])
async def test_a_transaction_nobody_knows_is_answered(database: str, number: int) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        assert await station.call("StopTransaction", stop16(number, 5)) == {}
        await station.call("MeterValues", values16([sample16(5)], transactionId=number))
        assert csms.rows("SELECT FROM session") == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1, 0, 2, 1), (1, 2, 0)])
async def test_2_0_1_events_in_any_order_make_the_same_session(
    database: str, order: tuple[int, ...]
) -> None:
    at = ago(hours=1)
    events = [
        event201("Started", "T", 0, at, wh=100, tag="TAG"),
        event201("Updated", "T", 1, at + timedelta(minutes=10), wh=2000),
        event201("Ended", "T", 2, at + timedelta(minutes=20), wh=5000, offline=True),
    ]
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        for number in order:
            await station.call("TransactionEvent", events[number])
        columns = "energy_wh, meter_start_wh, started_at, ended_at, id_token, flags"
        end = at + timedelta(minutes=20)
        assert session(csms, columns) == (4900, 100, at, end, "TAG", ["offline"])
        assert csms.one("SELECT count(*) FROM meter_value WHERE source = 'meter'") == 3


async def test_pipelined_events_in_any_order_are_one_session(database: str) -> None:
    at = ago(hours=2)
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        waiting = []
        for number in (9, 3, 0, 5, 1, 2, 4, 8, 7, 6, 3, 0):
            kind = {0: "Started", 9: "Ended"}.get(number, "Updated")
            when = at + timedelta(minutes=10 * number)
            event = event201(kind, "T", number, when, wh=100 * number)
            waiting.append(station.post("TransactionEvent", event, f"{len(waiting)}"))
        for one in waiting:
            assert (await one)[1][0] == 3
        assert session(csms, "energy_wh, flags") == (900, [])


async def test_an_evse_that_is_told_late_is_still_the_session_s(database: str) -> None:
    at = ago(hours=1)
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        for number, evse in ((0, None), (1, None), (2, 2)):
            kind = "Started" if number == 0 else "Updated"
            when = at + timedelta(minutes=10 * number)
            event = event201(kind, "T", number, when, wh=1000 * number, evse=evse)
            await station.call("TransactionEvent", event)
        assert session(csms, "energy_wh, evse_id") == (2000, 2)


async def test_a_start_on_a_busy_evse_ends_the_old_session_as_lost_and_its_stop_repairs_it(
    database: str,
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        first = await begin(station, 0, ago(minutes=60))
        await station.call("MeterValues", values16([sample16(700)], ago(minutes=40),
                                                   transactionId=first))  # fmt: skip
        second = await begin(station, 1000, ago(minutes=10))
        found = session(csms, "flags, energy_wh, ended_at", transaction_id=str(first))
        assert found[:2] == (["stop_lost"], 700)
        end = ago(minutes=20)
        await station.call("StopTransaction", stop16(first, 1000, end))
        found = session(csms, "flags, energy_wh, ended_at", transaction_id=str(first))
        assert found == (["stop_late"], 1000, end)
        assert session(csms, "ended_at", transaction_id=str(second)) is None


async def test_a_start_that_was_buffered_does_not_end_a_newer_session(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        newer = await begin(station, 1000, ago(minutes=10))
        older = await begin(station, 0, ago(minutes=60))
        await station.call("StopTransaction", stop16(older, 1000, ago(minutes=20)))
        assert session(csms, "ended_at, flags", transaction_id=str(newer)) == (None, [])
        assert session(csms, "energy_wh, flags", transaction_id=str(older)) == (1000, [])


async def test_a_boot_during_a_session_does_not_end_it(database: str) -> None:
    async with serving(database, "S1") as csms:
        async with csms.station() as station:
            number = await begin(station, 0, ago(minutes=30))
        async with csms.station() as station:
            await station.call("BootNotification", BOOT["1.6"])
            assert session(csms, "ended_at") is None
            await station.call("StopTransaction", stop16(number, 800))
        assert session(csms, "energy_wh") == 800


async def test_an_empty_transaction_id_is_an_id_too(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        for number, kind in enumerate(("Started", "Updated", "Ended")):
            event = event201(kind, "", number, ago(minutes=30 - number * 10), wh=number * 100)
            await station.call("TransactionEvent", event)
        assert csms.ingest.writer.set_aside == 0
        assert session(csms, "energy_wh, ended_at IS NULL") == (200, False)
