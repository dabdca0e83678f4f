"""Virtual stations obey: every remote command, in both versions."""

import asyncio
import re
from collections.abc import Awaitable
from typing import Any

import pytest
from simulator_csms import Csms
from virtual_stations import (  # noqa: F401 - fixtures
    LONG_VISIT,
    START,
    VERSIONS,
    Stations,
    csms,
    dave,
    energies,
    has_begun,
    is_over,
    last_status,
    station_of,
)

from ingest.simulator.evse import Fault


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
async def test_it_puts_its_log_where_it_is_told_or_says_that_it_failed(
    version: str, csms: Csms, station_of: Stations
) -> None:
    await station_of(version)
    taken: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
        taken.put_nowait(head.split(b"\r\n")[0] + b"\n" + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await csms.call("ODH-01", *_log_to(version, f"http://127.0.0.1:{port}/logs/abc"))
        assert answer.get("fileName", answer.get("filename", "")).startswith("ODH-01-")
        text = (await asyncio.wait_for(taken.get(), 20)).decode()
        assert text.startswith("PUT /logs/abc")
        assert "BootNotification" in text
        told = ["Uploading", "Uploaded"]
        await csms.until(lambda: [m["status"] for m in _log_words(csms)] == told)
    await csms.call("ODH-01", *_log_to(version, "ftp://127.0.0.1/logs"))
    failed = "UploadFailed" if version == "1.6" else "UploadFailure"
    await csms.until(lambda: _log_words(csms)[-1]["status"] == failed)


def _log_to(version: str, location: str) -> tuple[str, dict[str, Any]]:
    if version == "1.6":
        return "GetDiagnostics", {"location": location}
    log = {"logType": "DiagnosticsLog", "requestId": 7, "log": {"remoteLocation": location}}
    return "GetLog", log


def _log_words(csms: Csms) -> list[Any]:
    return csms.of("DiagnosticsStatusNotification", "LogStatusNotification")
