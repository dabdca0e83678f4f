"""Virtual stations against a strict central system: whole sessions, silences, faults."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from simulator_csms import Csms
from virtual_stations import (  # noqa: F401 - fixtures
    AC_VISIT,
    HUB,
    LONG_VISIT,
    REGISTERS,
    SPEED,
    START,
    VERSIONS,
    VISIT,
    Stations,
    csms,
    dave,
    energies,
    has_begun,
    is_over,
    last_status,
    station_of,
)

from ingest.simulator.controls import Controls
from ingest.simulator.evse import Fault
from ingest.simulator.fleet import run_fleet
from ingest.simulator.plan import Visit
from ingest.simulator.spec import VirtualStationSpec


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
