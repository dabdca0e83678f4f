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

from ingest.translate import INTERVAL

ENERGY, EXPORT = "Energy.Active.Import.Register", "Energy.Active.Export.Register"
POWER = "Power.Active.Import"


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
        ([sample16(7, unit="Celsius")],
         {"energy_wh": None, "extra": {f"{ENERGY} Celsius": 7}, "flags": ["unit_unknown"]}),
        ([sample16("0.5005", measurand=INTERVAL, unit="kWh")],
         {"energy_wh": None, "extra": {INTERVAL: 500.5}}),
        ([sample16(n / 10, measurand=INTERVAL, phase=f"L{n}", unit="kWh") for n in (1, 2, 3)],
         {"extra": {f"{INTERVAL} L1": 100, f"{INTERVAL} L2": 200, f"{INTERVAL} L3": 300,
                    INTERVAL: 600}}),
        ([sample16(8, measurand=EXPORT), sample16(-7400, measurand="Power.Active.Import")],
         {"energy_wh": None, "power_w": -7400, "extra": {EXPORT: 8}}),
        ([sample16(1000), sample16(400, phase="L1"), sample16(300, phase="L2")],
         {"energy_wh": 1000}),
        ([sample16("+01234.5")], {"energy_wh": 1235}),
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


async def test_units_of_2_0_1_are_the_station_s_to_spell(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        for seq_no, value in enumerate([1000, 1.5]):
            event = event201("Updated", "T", seq_no, ago(minutes=20 - seq_no * 10), wh=value)
            if seq_no:
                event["meterValue"][0]["sampledValue"][0]["unitOfMeasure"] = {"unit": "kwh"}
            await station.call("TransactionEvent", event)
        assert session(csms, "energy_wh") == 500


async def test_a_session_without_registers_is_counted_from_intervals(database: str) -> None:
    at = ago(minutes=70)
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        await station.call("TransactionEvent", event201("Started", "T", 0, at))
        for n in range(1, 5):
            sent_at = at + timedelta(minutes=10 * n)
            event = event201("Updated", "T", n, sent_at, wh=0.1234)
            (sample,) = event["meterValue"][0]["sampledValue"]
            sample |= {"measurand": INTERVAL, "unitOfMeasure": {"unit": "kWh"}}
            await station.call("TransactionEvent", event)
        await station.call("TransactionEvent", event201("Ended", "T", 5, at + timedelta(hours=1)))
        found = session(csms, "energy_wh, energy_basis, flags, charged_until, meter_start_wh")
        assert found == (493, "interval", [], at + timedelta(minutes=40), None)


async def test_a_session_of_power_alone_is_estimated_until_a_register_tells(database: str) -> None:
    at = ago(minutes=70)
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        await station.call("TransactionEvent", event201("Started", "T", 0, at, wh=5000))
        for n in range(6):
            event = event201("Updated", "T", n + 1, at + timedelta(minutes=10 * n + 1), wh=6)
            (sample,) = event["meterValue"][0]["sampledValue"]
            sample |= {"measurand": POWER, "unitOfMeasure": {"unit": "kW"}}
            await station.call("TransactionEvent", event)
        found = session(csms, "energy_wh, energy_basis, flags, power_w")
        assert found == (5000, "power", ["energy_from_power"], 6000)
        # an estimate is marked where it stands, and peaks are still seen
        query = "SELECT source, flags FROM meter_value WHERE energy_delta_wh > 0 GROUP BY 1, 2"
        assert csms.rows(query) == [("power", None)]
        ended = event201("Ended", "T", 7, at + timedelta(hours=1), wh=10_500)
        await station.call("TransactionEvent", ended)
        found = session(csms, "energy_wh, energy_basis, flags, power_w")
        assert found == (5500, "register", [], None)


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
