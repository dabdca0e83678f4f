"""Virtual stations against a strict central system: whole sessions, silences, every command."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from simulator_csms import Csms, running_csms

from ingest.simulator.controls import Controls
from ingest.simulator.evse import Fault, Guest
from ingest.simulator.fleet import DIALECTS, run_fleet
from ingest.simulator.network import CCS, TYPE_2, Evse
from ingest.simulator.plan import Visit
from ingest.simulator.spec import Pace, VirtualStationSpec
from ingest.simulator.station import VirtualStation
from ingest.simulator.vehicle import Vehicle, charge_curve

SPEED = 600.0
HUB = Evse(1, "K7-4MQQ", 150_000, CCS)
POST = Evse(2, "K7-4MQR", 22_000, TYPE_2)
REGISTERS = (45_000_000, 7_000_123)
PACE = Pace(
    speed=SPEED,
    meter_interval_s=0.05,
    call_timeout_s=0.2,
    retry_s=0.02,
    backoff_s=0.02,
    backoff_limit_s=0.1,
)
# 300 s at 150 kW, then full; the driver is gone after 420 s: 0.7 s of real time.
CAR = Vehicle(80_000, 11_000, 3, 200_000, 0.2, 12_500, knee_soc=0.6)
VISIT = Visit(charge_curve(CAR, HUB), stop_s=420.0, unplug_s=440.0)
AC_VISIT = Visit(charge_curve(replace(CAR, wanted_wh=900.0), POST), stop_s=420.0, unplug_s=440.0)
LONG_VISIT = replace(VISIT, stop_s=60_000.0, unplug_s=60_020.0)
VERSIONS = ["1.6", "2.0.1"]
START = {"1.6": "RemoteStartTransaction", "2.0.1": "RequestStartTransaction"}

Stations = Callable[..., Awaitable[VirtualStation]]


@pytest_asyncio.fixture
async def csms() -> AsyncIterator[Csms]:
    async with running_csms() as (csms, url, _):
        csms.url = url  # type: ignore[attr-defined]
        yield csms


@pytest_asyncio.fixture
async def station_of(csms: Csms) -> AsyncIterator[Stations]:
    """Start stations of either version, accepted unless told otherwise; end them afterwards."""
    running: list[asyncio.Task[None]] = []

    async def start(version: str, is_awaited: bool = True) -> VirtualStation:
        spec = VirtualStationSpec(
            "ODH-01", "secret", version, (HUB, POST), "ODH", registers_wh=REGISTERS
        )
        station = VirtualStation(spec, csms.url, Random(1), DIALECTS, PACE)  # type: ignore[attr-defined]
        running.append(asyncio.create_task(station.run()))
        if is_awaited:
            await csms.until(lambda: len(csms.of("StatusNotification")) >= 2)
        return station

    yield start
    for task in running:
        task.cancel()
    for task in running:
        with suppress(asyncio.CancelledError):
            await task


def dave(visit: Visit = VISIT) -> Guest:
    return Guest(visit, "DAVE-01")


def energies(csms: Csms) -> list[tuple[datetime, int, float]]:
    """Return (instant, register in Wh, power in W) of every reading inside a session, in order."""
    readings = []
    for payload in csms.of("MeterValues", "TransactionEvent"):
        for meter_value in payload.get("meterValue", []):
            values = {v["measurand"]: float(v["value"]) for v in meter_value["sampledValue"]}
            at = datetime.fromisoformat(meter_value["timestamp"])
            register_wh = round(values["Energy.Active.Import.Register"])
            readings.append((at, register_wh, values["Power.Active.Import"]))
    return readings


def events(csms: Csms) -> list[str]:
    return [payload["eventType"] for payload in csms.of("TransactionEvent")]


def is_over(csms: Csms) -> bool:
    return bool(csms.of("StopTransaction")) or "Ended" in events(csms)


def has_begun(csms: Csms, n: int = 1) -> bool:
    return len(csms.of("StartTransaction")) + events(csms).count("Started") >= n


def last_status(csms: Csms, evse_id: int = 1) -> str | None:
    for payload in reversed(csms.of("StatusNotification")):
        if payload.get("evseId", payload["connectorId"]) == evse_id:
            return str(payload.get("status", payload.get("connectorStatus")))
    return None


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_boots_and_tells_how_every_connector_is(
    version: str, csms: Csms, station_of: Stations
) -> None:
    await station_of(version)
    await csms.until(lambda: last_status(csms, 2) == "Available")
    assert csms.received[0].action == "BootNotification"
    assert last_status(csms, 1) == "Available"


async def test_a_whole_1_6_session_is_said_in_order(csms: Csms, station_of: Stations) -> None:
    station = await station_of("1.6")
    assert await station.receive(1, dave())
    await csms.until(lambda: csms.received[-1].payload.get("status") == "Available")
    said = [r.payload.get("status", r.action) for r in csms.received[4:]]
    statuses = [word for word in said if word != "MeterValues"]
    assert statuses == [
        "Preparing",
        "Authorize",
        "StartTransaction",
        "Charging",
        "SuspendedEV",
        "StopTransaction",
        "Finishing",
        "Available",
    ]
    [start], [stop] = csms.of("StartTransaction"), csms.of("StopTransaction")
    assert start["meterStart"] == REGISTERS[0]
    assert stop["meterStop"] == REGISTERS[0] + int(12_500 / SPEED)
    assert stop["transactionId"] == 1
    assert {payload["transactionId"] for payload in csms.of("MeterValues")} == {1}


async def test_a_whole_2_0_1_session_is_said_in_order(csms: Csms, station_of: Stations) -> None:
    station = await station_of("2.0.1")
    assert await station.receive(1, dave())
    await csms.until(lambda: is_over(csms) and last_status(csms) == "Available")
    session = csms.of("TransactionEvent")
    assert [event["seqNo"] for event in session] == list(range(len(session)))
    assert len({event["transactionInfo"]["transactionId"] for event in session}) == 1
    states = [event["transactionInfo"]["chargingState"] for event in session]
    changes = [states[0]] + [b for a, b in pairwise(states) if a != b]
    assert changes == ["EVConnected", "Charging", "SuspendedEV", "EVConnected"]
    assert session[-1]["transactionInfo"]["stoppedReason"] == "Local"
    assert not any(event["offline"] for event in session)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("evse_id", "visit"), [(1, VISIT), (2, AC_VISIT)], ids=["dc", "ac"])
async def test_registers_rise_and_agree_with_power_and_time(
    version: str, evse_id: int, visit: Visit, csms: Csms, station_of: Stations
) -> None:
    station = await station_of(version)
    assert await station.receive(evse_id, dave(visit))
    await csms.until(lambda: is_over(csms))
    readings = energies(csms)
    assert len(readings) >= 5
    for (at, wh, before_w), (later_at, later_wh, after_w) in pairwise(readings):
        hours = (later_at - at).total_seconds() / 3600
        limit_w = station.evses[evse_id].evse.max_power_w
        assert 0 <= later_wh - wh <= limit_w * hours + 1
        if before_w == after_w:
            assert later_wh - wh == pytest.approx(before_w * hours, abs=1)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_blocked_token_starts_nothing(
    version: str, csms: Csms, station_of: Stations
) -> None:
    csms.blocked_tokens.add("DAVE-01")
    station = await station_of(version)
    assert not await station.receive(1, dave())
    await csms.until(lambda: last_status(csms) == "Available")
    assert csms.of("Authorize")
    assert not has_begun(csms)


async def test_a_pending_station_asks_again_and_says_nothing_else(
    csms: Csms, station_of: Stations
) -> None:
    csms.boot_statuses = ["Pending", "Accepted"]
    await station_of("1.6", is_awaited=False)
    await csms.until(lambda: csms.received)
    answer = await csms.call("ODH-01", "RemoteStartTransaction", {"idTag": "DAVE-01"})
    assert answer["status"] == "Rejected"
    trigger = {"requestedMessage": "BootNotification"}
    assert (await csms.call("ODH-01", "TriggerMessage", trigger))["status"] == "Accepted"
    await csms.until(lambda: csms.of("StatusNotification"))
    assert [r.action for r in csms.received[:2]] == ["BootNotification"] * 2


async def test_one_call_is_outstanding_and_commands_are_answered_meanwhile(
    csms: Csms, station_of: Stations
) -> None:
    station = await station_of("1.6")
    csms.silent_for["Heartbeat"] = 1
    trigger = {"requestedMessage": "Heartbeat"}
    await csms.call("ODH-01", "TriggerMessage", trigger)
    await csms.until(lambda: csms.of("Heartbeat"))
    before = len(csms.received)
    station.fail(1, Fault.GROUND_FAILURE)
    answer = await csms.call("ODH-01", "GetConfiguration", {"key": ["HeartbeatInterval"]})
    assert answer["configurationKey"][0]["value"] == "300"
    assert len(csms.received) == before  # the status waits its turn
    await csms.until(lambda: last_status(csms) == "Faulted")


@pytest.mark.parametrize("version", VERSIONS)
async def test_transaction_messages_are_repeated_unchanged_until_answered(
    version: str, csms: Csms, station_of: Stations
) -> None:
    action = "StartTransaction" if version == "1.6" else "TransactionEvent"
    csms.silent_for[action] = 1
    csms.refuse_for[action] = 1
    station = await station_of(version)
    assert await station.receive(1, dave())
    await csms.until(lambda: is_over(csms))
    first, second, third, *rest = csms.of(action)
    assert first == second == third
    assert third not in rest


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_offline_is_replayed_in_order_with_its_own_times(
    version: str, csms: Csms, station_of: Stations
) -> None:
    station = await station_of(version)
    station.lose_contact("spell")
    await csms.until(lambda: not csms.peers)
    heard = len(csms.received)
    assert await station.receive(1, dave())
    assert len(csms.received) == heard
    back_at = station.evses[1].read().at
    station.regain_contact("spell")
    await csms.until(lambda: is_over(csms))
    readings = energies(csms)
    instants = [at for at, _, _ in readings]
    assert instants == sorted(instants)
    assert len(readings) >= 5
    assert all(at < back_at for at in instants)
    assert readings[-1][1] == REGISTERS[0] + int(12_500 / SPEED)
    assert "BootNotification" not in [r.action for r in csms.received[heard:]]
    assert all(event["offline"] for event in csms.of("TransactionEvent"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_losing_contact_amid_a_session_loses_nothing(
    version: str, csms: Csms, station_of: Stations
) -> None:
    station = await station_of(version)
    visit = station.receive(1, dave())
    await csms.until(lambda: len(energies(csms)) >= 3)
    station.lose_contact("spell")
    await csms.until(lambda: not csms.peers)
    station.regain_contact("spell")
    await visit
    await csms.until(lambda: is_over(csms))
    if version == "2.0.1":
        numbers = [event["seqNo"] for event in csms.of("TransactionEvent")]
        assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    stop = csms.of("StopTransaction")[0]["meterStop"] if version == "1.6" else energies(csms)[-1][1]
    assert stop == REGISTERS[0] + int(12_500 / SPEED)


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_starts_and_stops_from_afar(
    version: str, csms: Csms, station_of: Stations
) -> None:
    await station_of(version)
    start: dict[str, Any] = {"connectorId": 1, "idTag": "PAY-77"}
    if version == "2.0.1":
        token = {"idToken": "PAY-77", "type": "Central"}
        start = {"evseId": 1, "idToken": token, "remoteStartId": 42}
    assert (await csms.call("ODH-01", START[version], start))["status"] == "Accepted"
    await csms.until(lambda: len(energies(csms)) >= 2)
    assert not csms.of("Authorize")
    if version == "1.6":
        assert csms.of("StartTransaction")[0]["idTag"] == "PAY-77"
        stop: tuple[str, dict[str, Any]] = ("RemoteStopTransaction", {"transactionId": 1})
    else:
        info = csms.of("TransactionEvent")[0]["transactionInfo"]
        assert info["remoteStartId"] == 42
        stop = ("RequestStopTransaction", {"transactionId": info["transactionId"]})
    assert (await csms.call("ODH-01", *stop))["status"] == "Accepted"
    await csms.until(lambda: is_over(csms))
    last = csms.of("StopTransaction", "TransactionEvent")[-1]
    assert last.get("reason", last.get("transactionInfo", {}).get("stoppedReason")) == "Remote"
    assert (await csms.call("ODH-01", *stop))["status"] == "Rejected"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_reset_mends_faults_and_boots_again(
    version: str, csms: Csms, station_of: Stations
) -> None:
    station = await station_of(version)
    station.fail(2, Fault.CONNECTOR_LOCK_FAILURE)
    await csms.until(lambda: last_status(csms, 2) == "Faulted")
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: has_begun(csms))
    kind = "Soft" if version == "1.6" else "OnIdle"
    assert (await csms.call("ODH-01", "Reset", {"type": kind}))["status"] == "Accepted"
    await csms.until(lambda: len(csms.of("BootNotification")) == 2)
    await csms.until(lambda: last_status(csms, 2) == "Available")
    assert is_over(csms)
    if version == "2.0.1":
        assert csms.of("BootNotification")[1]["reason"] == "RemoteReset"


async def test_an_immediate_reset_ends_the_session_for_that_reason(
    csms: Csms, station_of: Stations
) -> None:
    station = await station_of("2.0.1")
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: has_begun(csms))
    await csms.call("ODH-01", "Reset", {"type": "Immediate"})
    await csms.until(lambda: is_over(csms))
    assert csms.of("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "ImmediateReset"


async def test_unlocking_in_1_6_ends_the_session(csms: Csms, station_of: Stations) -> None:
    station = await station_of("1.6")
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: has_begun(csms) and csms.of("MeterValues"))
    answer = await csms.call("ODH-01", "UnlockConnector", {"connectorId": 1})
    assert answer["status"] == "Unlocked"
    await csms.until(lambda: is_over(csms))
    assert csms.of("StopTransaction")[0]["reason"] == "UnlockCommand"


async def test_unlocking_in_2_0_1_never_ends_a_session(csms: Csms, station_of: Stations) -> None:
    station = await station_of("2.0.1")
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: has_begun(csms))
    plug = {"evseId": 1, "connectorId": 1}
    answer = await csms.call("ODH-01", "UnlockConnector", plug)
    assert answer["status"] == "OngoingAuthorizedTransaction"
    station.fail(2, Fault.CONNECTOR_LOCK_FAILURE)
    answer = await csms.call("ODH-01", "UnlockConnector", {"evseId": 2, "connectorId": 1})
    assert answer["status"] == "UnlockFailed"
    answer = await csms.call("ODH-01", "UnlockConnector", {"evseId": 9, "connectorId": 1})
    assert answer["status"] == "UnknownConnector"


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_sends_the_messages_it_is_asked_for(
    version: str, csms: Csms, station_of: Stations
) -> None:
    await station_of(version)
    for wanted in ("Heartbeat", "StatusNotification", "MeterValues", "BootNotification"):
        before = len(csms.of(wanted))
        answer = await csms.call("ODH-01", "TriggerMessage", {"requestedMessage": wanted})
        assert answer["status"] == "Accepted"
        await csms.until(lambda wanted=wanted, before=before: len(csms.of(wanted)) > before)
    answer = await csms.call(
        "ODH-01", "TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"}
    )
    assert answer["status"] == "NotImplemented"


async def test_a_transaction_event_can_be_triggered(csms: Csms, station_of: Stations) -> None:
    station = await station_of("2.0.1")
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: has_begun(csms))
    wanted = {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}
    assert (await csms.call("ODH-01", "TriggerMessage", wanted))["status"] == "Accepted"
    await csms.until(
        lambda: any(e["triggerReason"] == "Trigger" for e in csms.of("TransactionEvent"))
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_availability_changes_at_once_or_after_the_session(
    version: str, csms: Csms, station_of: Stations
) -> None:
    def change(evse_id: int, kind: str) -> Awaitable[Any]:
        payload: dict[str, Any] = {"connectorId": evse_id, "type": kind}
        if version == "2.0.1":
            payload = {"evse": {"id": evse_id}, "operationalStatus": kind}
        return csms.call("ODH-01", "ChangeAvailability", payload)

    station = await station_of(version)
    assert (await change(2, "Inoperative"))["status"] == "Accepted"
    await csms.until(lambda: last_status(csms, 2) == "Unavailable")
    assert not await station.receive(2, dave())
    assert (await change(2, "Operative"))["status"] == "Accepted"
    await csms.until(lambda: last_status(csms, 2) == "Available")
    station.receive(1, dave())
    await csms.until(lambda: has_begun(csms))
    assert (await change(1, "Inoperative"))["status"] == "Scheduled"
    await csms.until(lambda: last_status(csms, 1) == "Unavailable")
    assert (await change(9, "Inoperative"))["status"] == "Rejected"


async def test_configuration_is_told_and_changed(csms: Csms, station_of: Stations) -> None:
    station = await station_of("1.6")
    told = await csms.call("ODH-01", "GetConfiguration", {"key": ["NumberOfConnectors", "Odd"]})
    assert told["configurationKey"] == [
        {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
    ]
    assert told["unknownKey"] == ["Odd"]
    assert len((await csms.call("ODH-01", "GetConfiguration", {}))["configurationKey"]) > 5
    for key, value, expected in (
        ("MeterValueSampleInterval", "15", "Accepted"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("Odd", "1", "NotSupported"),
    ):
        change = {"key": key, "value": value}
        answer = await csms.call("ODH-01", "ChangeConfiguration", change)
        assert answer["status"] == expected
    assert station.meter_interval_s == 15


async def test_variables_are_told_changed_and_reported(csms: Csms, station_of: Stations) -> None:
    station = await station_of("2.0.1")

    def variable(component: str, name: str, **more: str) -> dict[str, Any]:
        return {"component": {"name": component}, "variable": {"name": name}} | more

    queries = [variable("ChargingStation", "Model"), variable("ChargingStation", "Mood")]
    got = await csms.call("ODH-01", "GetVariables", {"getVariableData": queries})
    statuses = [result["attributeStatus"] for result in got["getVariableResult"]]
    assert statuses == ["Accepted", "UnknownVariable"]
    changes = [
        variable("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="15"),
        variable("ChargingStation", "Model", attributeValue="X"),
        variable("Toaster", "Heat", attributeValue="1"),
    ]
    done = await csms.call("ODH-01", "SetVariables", {"setVariableData": changes})
    statuses = [result["attributeStatus"] for result in done["setVariableResult"]]
    assert statuses == ["Accepted", "Rejected", "UnknownComponent"]
    assert station.meter_interval_s == 15
    wanted = {"requestId": 7, "reportBase": "FullInventory"}
    assert (await csms.call("ODH-01", "GetBaseReport", wanted))["status"] == "Accepted"
    await csms.until(lambda: csms.of("NotifyReport") and not csms.of("NotifyReport")[-1]["tbc"])
    parts = csms.of("NotifyReport")
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert {part["requestId"] for part in parts} == {7}


@pytest.mark.parametrize("version", VERSIONS)
async def test_other_commands_are_refused_by_the_right_name(
    version: str, csms: Csms, station_of: Stations
) -> None:
    await station_of(version)
    assert await csms.call("ODH-01", "ClearCache", {}) == "NotSupported"
    assert await csms.call("ODH-01", "MakeCoffee", {}) == "NotImplemented"
    malformed = {"1.6": "FormationViolation", "2.0.1": "FormatViolation"}[version]
    assert await csms.call("ODH-01", "Reset", {}) == malformed


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_ground_failure_ends_the_session_until_it_recovers(
    version: str, csms: Csms, station_of: Stations
) -> None:
    station = await station_of(version)
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: has_begun(csms))
    station.fail(1, Fault.GROUND_FAILURE)
    await csms.until(lambda: is_over(csms) and last_status(csms) == "Faulted")
    station.recover(1)
    await csms.until(lambda: last_status(csms) != "Faulted")
    if version == "2.0.1":
        assert csms.of("NotifyEvent")[0]["eventData"][0]["techCode"] == "GroundFailure"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_that_ends_stops_its_sessions_first(
    version: str, csms: Csms, station_of: Stations
) -> None:
    station = await station_of(version)
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: has_begun(csms))
    [task] = [t for t in asyncio.all_tasks() if t.get_coro().__qualname__ == "VirtualStation.run"]  # type: ignore[union-attr]
    task.cancel()
    await csms.until(lambda: is_over(csms) and not csms.peers)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_frozen_meter_shows_power_but_counts_nothing(
    version: str, csms: Csms, station_of: Stations
) -> None:
    controls = Controls()
    station = await station_of(version)
    controls.attach(station)
    station.receive(1, dave(LONG_VISIT))
    await csms.until(lambda: len(energies(csms)) >= 3)
    controls.freeze_meter("ODH-01")
    frozen_wh = station.evses[1].read().register_wh
    seen = len(energies(csms))
    await csms.until(lambda: len(energies(csms)) >= seen + 3)
    assert {wh for _, wh, _ in energies(csms)[seen + 1 :]} == {frozen_wh}
    assert controls.in_force() == [("freeze", "ODH-01")]
    controls.thaw_meter("ODH-01")
    await csms.until(lambda: energies(csms)[-1][1] > frozen_wh or energies(csms)[-1][2] == 0)
    assert [wh for _, wh, _ in energies(csms)] == sorted(wh for _, wh, _ in energies(csms))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_told_to_refuse_starts_nothing(
    version: str, csms: Csms, station_of: Stations
) -> None:
    controls = Controls()
    station = await station_of(version)
    controls.attach(station)
    controls.refuse_start("ODH")
    start: dict[str, Any] = {"idTag": "DAVE-01"}
    if version == "2.0.1":
        start = {"idToken": {"idToken": "DAVE-01", "type": "Central"}, "remoteStartId": 1}
    assert (await csms.call("ODH-01", START[version], start))["status"] == "Rejected"
    assert not await station.receive(1, dave())
    assert not has_begun(csms)
    controls.allow_start("ODH")
    assert (await csms.call("ODH-01", START[version], start))["status"] == "Accepted"


async def test_a_fleet_charges_at_once_and_a_cut_site_returns(csms: Csms) -> None:
    specs = [
        VirtualStationSpec(
            f"{site}-{n:02}", "secret", VERSIONS[n % 2], (HUB, replace(HUB, evse_id=2)), site
        )
        for site in ("ODH", "GRN")
        for n in range(4)
    ]
    controls = Controls()
    fleet = asyncio.create_task(
        run_fleet(
            specs,
            csms.url,  # type: ignore[attr-defined]
            speed=30,
            seed=1,
            id_tokens=["DAVE-01"],
            controls=controls,
        )
    )
    await csms.until(lambda: len(csms.peers) == 8 and has_begun(csms, 2))
    controls.cut_site("ODH")
    await csms.until(lambda: {peer[:3] for peer in csms.peers} == {"GRN"})
    controls.restore_site("ODH")
    await csms.until(lambda: len(csms.peers) == 8)
    fleet.cancel()
    with suppress(asyncio.CancelledError):
        await fleet
    await csms.until(lambda: not csms.peers)
