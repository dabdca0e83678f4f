"""From button to OCPP, and from row to proof."""

# ruff: noqa: E501 - tables of cases read better wide

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard import commands
from dashboard.commands import Call, Progress

AT = datetime(2026, 11, 22, 16, 39, tzinfo=UTC)


def row(action: str = "Reset", status: str = "answered", **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "action": action, "status": status, "payload": {}, "response": {"status": "Accepted"},
        "requested_at": AT, "finished_at": AT, "booted_at": None, "started_at": None,
        "energy_wh": None, "ended_at": None,
    }  # fmt: skip
    return base | more


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (commands.start("1.6", 2, "T", 9), Call("RemoteStartTransaction", {"connectorId": 2, "idTag": "T"})),
        (commands.start("2.0.1", 2, "T", 9), Call("RequestStartTransaction", {
            "evseId": 2, "idToken": {"idToken": "T", "type": "Central"}, "remoteStartId": 9})),
        (commands.stop("1.6", "7"), Call("RemoteStopTransaction", {"transactionId": 7})),
        (commands.stop("2.0.1", "a-7"), Call("RequestStopTransaction", {"transactionId": "a-7"})),
        (commands.unlock("1.6", 1), Call("UnlockConnector", {"connectorId": 1})),
        (commands.unlock("2.0.1", 1), Call("UnlockConnector", {"evseId": 1, "connectorId": 1})),
        (commands.restart("1.6"), Call("Reset", {"type": "Soft"})),
        (commands.restart("2.0.1"), Call("Reset", {"type": "Immediate"})),
        (commands.availability("1.6", 0, in_service=False), Call("ChangeAvailability", {
            "connectorId": 0, "type": "Inoperative"})),
        (commands.availability("2.0.1", 0, in_service=True), Call("ChangeAvailability", {
            "operationalStatus": "Operative"})),
        (commands.availability("2.0.1", 3, in_service=True), Call("ChangeAvailability", {
            "operationalStatus": "Operative", "evse": {"id": 3}})),
    ],
)  # fmt: skip
def test_each_button_speaks_the_stations_version(call: Call, expected: Call) -> None:
    assert call == expected


@pytest.mark.parametrize("version", [None, "", "1.6", "ocpp1.6"])
def test_a_station_of_unknown_version_is_taken_for_1_6(version: str | None) -> None:
    assert commands.is_16(version)
    assert not commands.is_16("ocpp2.0.1")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (row(status="queued"), Progress("wait", "wait", "todo")),
        (row(status="claimed"), Progress("ok", "wait", "todo")),
        (row(status="unknown"), Progress("ok", "bad", "todo")),
        (row(status="refused", response={"error": "StationOffline"}), Progress("bad", "todo", "todo", "StationOffline")),
        (row(response={"status": "Rejected"}), Progress("ok", "bad", "todo", "Rejected")),
        (row(response={"error": "NotSupported", "detail": ""}), Progress("ok", "bad", "todo", "NotSupported")),
        (row(), Progress("ok", "ok", "wait")),
        (row(booted_at=AT.replace(minute=41)), Progress("ok", "ok", "ok", proven_at=AT.replace(minute=41))),
        (row("RequestStartTransaction", started_at=AT, energy_wh=99), Progress("ok", "ok", "wait")),
        (row("RequestStartTransaction", started_at=AT, energy_wh=400), Progress("ok", "ok", "ok", proven_at=AT)),
        (row("RemoteStopTransaction", ended_at=AT), Progress("ok", "ok", "ok", proven_at=AT)),
        (row("UnlockConnector", response={"status": "Unlocked"}), Progress("ok", "ok", "none")),
        (row("GetConfiguration", response={"configurationKey": []}), Progress("ok", "ok", "none")),
    ],
)  # fmt: skip
def test_a_command_is_proven_by_what_the_station_did(
    found: dict[str, Any], expected: Progress
) -> None:
    assert commands.progress(found, {}) == expected


def test_taking_out_of_service_is_proven_by_the_state() -> None:
    asked = row("ChangeAvailability", payload={"connectorId": 1, "type": "Inoperative"})
    assert commands.progress(asked, {1: "charging", 2: "unavailable"}).proof == "wait"
    assert commands.progress(asked, {1: "unavailable", 2: "available"}).proof == "ok"
    whole = row("ChangeAvailability", payload={"operationalStatus": "Operative"})
    assert commands.progress(whole, {1: "unavailable", 2: "available"}).proof == "wait"


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_expert_payloads_are_of_the_version(version: str) -> None:
    actions = commands.expert_actions(version)
    assert ("GetConfiguration" in actions) == (version == "1.6")
    assert ("GetBaseReport" in actions) == (version == "2.0.1")
