"""Odd times, registers, values and statuses are stored, flagged and answered."""

from datetime import timedelta
from typing import Any

import pytest
from ocpp_messages import (
    BOOT,
    begin,
    event201,
    sample16,
    start16,
    status16,
    status201,
    stop16,
    values16,
)
from stations import ago, serving, session

ENERGY = "Energy.Active.Import.Register"


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
