"""Transactions are sacred: repeated, late, reordered, odd; counted once, never refused."""

from datetime import timedelta
from typing import Any

import pytest
from ocpp_messages import (
    BOOT,
    authorize,
    begin,
    event201,
    sample16,
    start16,
    status16,
    status201,
    stop16,
    values16,
)
from stations import Csms, add_token, ago, serving

KWH = {"unit": "kWh"}
ENERGY = "Energy.Active.Import.Register"
SUMS = "SELECT coalesce(sum(energy_delta_wh), 0)::bigint FROM meter_value WHERE session_id = %s"


def session(csms: Csms, columns: str, **where: Any) -> Any:
    """Columns of the only session (or that of `where`), whose facts must add up."""
    ((name, value),) = where.items() or {"true": "true"}.items()
    found = csms.one(
        f"SELECT session_id, energy_wh, {columns} FROM session WHERE {name} = %s",  # noqa: S608
        value,
    )
    assert csms.one(SUMS, found[0]) == found[1]
    return found[2] if len(found) == 3 else found[2:]


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


@pytest.mark.parametrize(
    "time", ["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "0001-01-01T00:00:00+10:00", "soon"]
)
async def test_clocks_that_cannot_be_right_are_flagged_and_the_arrival_counts(
    database: str, time: str
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        begun = await station.call("StartTransaction", {**start16(0), "timestamp": time})
        await station.call("StopTransaction",
                           {**stop16(begun["transactionId"], 500), "timestamp": time})  # fmt: skip
        flag = "clock_unreadable" if time[:4] in ("soon", "0001") else "clock_implausible"
        found = session(csms, "energy_wh, flags, started_at > now() - interval '1 minute'")
        assert found == (500, [flag], True)
        assert csms.one("SELECT count(*) FROM meter_value WHERE measured_at < now()"
                        " AND measured_at > now() - interval '1 minute'") == 2  # fmt: skip
        frames = csms.rows("SELECT frame FROM message_log WHERE action LIKE '%%Transaction'")
        assert all(time in frame for (frame,) in frames)


async def test_registers_that_fall_or_jump_are_flagged_and_not_counted(database: str) -> None:
    at = ago(minutes=100)
    async with serving(database, "S1") as csms, csms.station() as station:
        number = await begin(station, 1000, at)
        for minute, register in ((10, 2000), (20, 1500), (30, 50_000_000), (40, 3000)):
            values = values16([sample16(register)], at + timedelta(minutes=minute),
                              transactionId=number)  # fmt: skip
            await station.call("MeterValues", values)
        await station.call("StopTransaction", stop16(number, 4000, at + timedelta(minutes=50)))
        energy_wh, flags = session(csms, "energy_wh, flags")
        assert (energy_wh, sorted(flags)) == (3000, ["register_decreased", "register_jumped"])


@pytest.mark.parametrize(
    ("register", "kept"), [(10**30, None), (2**53, None), (-5, -5), (2**31, 2**31)]
)
async def test_registers_of_any_size_are_answered(
    database: str, register: int, kept: int | None
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        number = await begin(station, register, ago(minutes=5))
        await station.call("StopTransaction", stop16(number, register))
        assert number > 0
        assert session(csms, "meter_start_wh, energy_wh") == (kept, 0)
        assert csms.ingest.writer.set_aside == 0


@pytest.mark.parametrize(
    ("samples", "columns"),
    [
        ([sample16("1.2345", unit="kWh")], {"energy_wh": 1235}),
        ([sample16("7.4", measurand="Power.Active.Import", unit="kW")], {"power_w": 7400}),
        ([sample16(n, measurand="Power.Active.Import", phase=f"L{n}") for n in (1, 2, 3)],
         {"power_w": 6}),
        ([sample16(n * 100, phase=f"L{n}") for n in (1, 2, 3)], {"energy_wh": 600}),
        ([sample16(n, measurand="Current.Import", phase=f"L{n}") for n in (1, 2, 3)],
         {"current_a": 3}),
        ([sample16(50, measurand="SoC", location="EV")], {"soc_pct": 50}),
        ([sample16("²")], {"energy_wh": None, "flags": ["value_unreadable"]}),
        ([sample16("9E+999999")], {"energy_wh": None, "flags": ["value_unreadable"]}),
        ([sample16("1e-300", measurand="SoC")], {"soc_pct": 0}),
        ([sample16("NaN")], {"energy_wh": None, "flags": ["value_unreadable"]}),
        ([sample16("\0<script>")], {"extra": {ENERGY: "<script>"}}),
        ([sample16(7, location="Inlet")], {"energy_wh": None, "extra": {f"{ENERGY} Inlet": 7}}),
    ],
)  # fmt: skip
async def test_sampled_values_of_every_kind_find_their_column(
    database: str, samples: list[Any], columns: dict[str, Any]
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("MeterValues", values16(samples))
        found = csms.one(f"SELECT {', '.join(columns)}, evse_id FROM meter_value")  # noqa: S608
        assert found == (*columns.values(), 1)
        assert csms.ingest.writer.set_aside == 0


async def test_2_0_1_values_come_with_units_and_multipliers(database: str) -> None:
    at = ago(minutes=30)
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        event = event201("Started", "T", 0, at, wh=0)
        await station.call("TransactionEvent", event)
        event = event201("Updated", "T", 1, at + timedelta(minutes=10), wh=0)
        unit = {"unit": "kWh", "multiplier": -1}
        sample = {"value": 12.5, "unitOfMeasure": unit}
        event["meterValue"][0]["sampledValue"] = [sample]
        await station.call("TransactionEvent", event)
        assert session(csms, "energy_wh") == 1250


async def test_2_0_1_numbers_may_have_a_point_and_any_size(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        event = event201("Started", "T", 0, ago(minutes=5), wh=1, evse=1)
        event["evse"] = {"id": 1.0, "connectorId": 10**12}
        event["transactionInfo"]["remoteStartId"] = 10**12
        event["seqNo"] = 10**40
        await station.call("TransactionEvent", event)
        assert session(csms, "evse_id, seq_no, remote_start_id") == (1, None, None)
        await station.call("StatusNotification", status201("Faulted", evse=10**12, connector=1))
        await station.call("StatusNotification", status201("Available", evse=1, connector=0))
        assert csms.ingest.writer.set_aside == 0
        assert csms.one("SELECT status FROM station") is None
        assert csms.rows("SELECT connector_id, status FROM connector") == [(1, "Available")]


async def test_an_empty_transaction_id_is_an_id_too(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        for number, kind in enumerate(("Started", "Updated", "Ended")):
            event = event201(kind, "", number, ago(minutes=30 - number * 10), wh=number * 100)
            await station.call("TransactionEvent", event)
        assert csms.ingest.writer.set_aside == 0
        assert session(csms, "energy_wh, ended_at IS NULL") == (200, False)


async def test_the_newest_status_by_the_station_s_time_wins(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        for status, minutes in (
            ("Faulted", 5),
            ("Charging", 10),
            ("Available", 1),
            ("Charging", 3),
        ):
            await station.call("StatusNotification", status16(status, ago(minutes=minutes)))
        assert csms.one("SELECT status FROM connector") == "Available"
        assert csms.one("SELECT count(*) FROM status_history") == 4


async def test_statuses_pipelined_in_one_batch_are_ordered_too(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        waiting = [
            station.post("StatusNotification", status16(status, ago(minutes=minutes)))
            for status, minutes in (("Available", 1), ("Charging", 3), ("Faulted", 5))
        ]
        for one in waiting:
            await one
        assert csms.one("SELECT status FROM connector") == "Available"


async def test_connector_0_is_the_station_and_a_wild_one_is_neither(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("StatusNotification", status16("Available", connector=0))
        for connector in (-1, 101, 10**9):
            await station.call("StatusNotification", status16("Faulted", connector=connector))
        assert csms.one("SELECT status FROM station") == "Available"
        assert csms.one("SELECT count(*) FROM evse") == 2
        await station.call("MeterValues", values16([sample16(5)], connector=0))
        assert csms.one("SELECT evse_id, evse_key < 0, energy_delta_wh FROM meter_value") == (
            0,
            True,
            None,
        )


async def test_evses_appear_as_messages_name_them(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        waiting = [
            station.post("StatusNotification", status16("Available", connector=3)),
            station.post("BootNotification", BOOT["1.6"]),
            station.post("StatusNotification", status16("Available", connector=3)),
            station.post("StatusNotification", status16("Available", connector=4)),
        ]
        for one in waiting:
            await one
        found = csms.rows("SELECT evse_id FROM connector JOIN evse USING (evse_key) ORDER BY 1")
        assert found == [(3,), (4,)]
        assert csms.one("SELECT status FROM station") is None


TOKENS = [
    ("Accepted", {}, "Accepted", "Accepted"), ("Blocked", {}, "Blocked", "Blocked"),
    ("Accepted", {"expires_at": "2020-01-01T00:00:00Z"}, "Expired", "Expired"),
    ("Invalid", {}, "Invalid", "Invalid"), (None, {}, "Invalid", "Unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "columns", "said16", "said201"), TOKENS)
async def test_tokens_are_judged(
    database: str, status: str | None, columns: dict[str, Any], said16: str, said201: str
) -> None:
    if status:
        add_token(database, "Tag-1", status, parent_id_token="FLEET", **columns)
    async with serving(database, "S1") as csms:
        async with csms.station() as station:
            info = (await station.call("Authorize", authorize("1.6", "TAG-1")))["idTagInfo"]
            assert info["status"] == said16
            assert info.get("parentIdTag") == ("FLEET" if status else None)
            start = start16(0, ago(minutes=5), tag="tAG-1")
            answer = await station.call("StartTransaction", start)
            assert answer["idTagInfo"]["status"] == said16
            assert answer["transactionId"] > 0
        async with csms.station("S1", "2.0.1") as station:
            info = (await station.call("Authorize", authorize("2.0.1", "TAG-1")))["idTokenInfo"]
            assert info["status"] == said201
        flags = [] if said201 == "Accepted" else [f"token_{said201.lower()}"]
        assert session(csms, "flags") == flags


async def test_one_token_charges_one_vehicle_unless_it_may_more(database: str) -> None:
    add_token(database, "ONE")
    add_token(database, "MANY", is_concurrent=True)
    async with serving(database, "S1") as csms, csms.station() as station:
        for tag, second in (("ONE", "ConcurrentTx"), ("MANY", "Accepted")):
            said = []
            for connector in (1, 2):
                start = start16(0, ago(minutes=5), connector, tag)
                answer = await station.call("StartTransaction", start)
                said.append(answer["idTagInfo"]["status"])
            assert said == ["Accepted", second]


async def test_two_starts_in_one_batch_see_each_other(database: str) -> None:
    add_token(database, "ONE")
    async with serving(database, "S1") as csms, csms.station() as station:
        starts = [station.post("StartTransaction", start16(0, ago(minutes=5), connector, "ONE"))
                  for connector in (1, 2)]  # fmt: skip
        said = [(await one)[1][2]["idTagInfo"]["status"] for one in starts]
        assert sorted(said) == ["Accepted", "ConcurrentTx"]


async def test_nul_and_markup_in_texts_are_kept_harmless(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        boot = {"chargePointVendor": "<b>\0Volt", "chargePointModel": "'; DROP TABLE x"}
        await station.call("BootNotification", boot, "id\0")
        await station.call("StatusNotification", status16("Faulted", info="\0<script>"))
        await begin(station, 0, ago(minutes=5), tag="T\0AG")
        assert csms.one("SELECT vendor, model FROM station") == ("<b>Volt", "'; DROP TABLE x")
        assert csms.one("SELECT info FROM connector") == "<script>"
        assert session(csms, "id_token") == "TAG"
        assert csms.ingest.writer.set_aside == 0


async def test_guessing_tokens_is_slowed_down_but_orders_are_still_obeyed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.peer.GUESS_PAUSE", 0.5)
    async with serving(database, "S1") as csms, csms.station() as station:
        for number in range(10):
            await station.call("Authorize", authorize("1.6", f"GUESS{number}"))
        guess = station.post("Authorize", authorize("1.6", "GUESS"))
        answer = await csms.ingest.presence.peers["S1"].call("ClearCache", {})
        assert answer.payload == {"status": "Accepted"}
        assert not guess.done()
        assert (await guess)[1][2]["idTagInfo"]["status"] == "Invalid"
