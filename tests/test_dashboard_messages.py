"""OCPP messages in plain words: both versions, both languages, and nothing made up."""

import json
from typing import Any

import pytest

from dashboard.format import Format
from dashboard.i18n import in_language
from dashboard.messages import ASKED, SAID, plain_words
from dashboard.readings import totals

POWER = {"value": 87.4, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}}
ENERGY = {"value": 31420, "measurand": "Energy.Active.Import.Register"}
CHARGE = {"value": 65, "measurand": "SoC", "unitOfMeasure": {"unit": "Percent"}}
READ = [{"timestamp": "2026-11-22T16:42:05Z", "sampledValue": [POWER, ENERGY, CHARGE]}]


def said(action: str, payload: Any, answer: Any = None, language: str = "en") -> str:
    frame = json.dumps([2, "1", action, payload])
    reply = None if answer is None else json.dumps([3, "1", answer])
    with in_language(language):
        words = plain_words(action, frame, reply, Format(language))
    return words.replace("\u00a0", " ").replace("\u202f", " ")


def event(kind: str, state: str | None, **more: Any) -> dict[str, Any]:
    info = {"transactionId": "t1"} | ({"chargingState": state} if state else {})
    return {"eventType": kind, "transactionInfo": info, "meterValue": READ} | more


@pytest.mark.parametrize(
    ("action", "payload", "words"),
    [
        ("TransactionEvent", event("Updated", "Charging"),
         "Charging 87.4 kW, meter 31.42 kWh, 65 %"),
        ("TransactionEvent", event("Updated", "SuspendedEVSE"),
         "Session goes on, 87.4 kW, meter 31.42 kWh, 65 %"),
        ("TransactionEvent", event("Started", "EVConnected", evse={"id": 2}, meterValue=[]),
         "Started: evse 2, plugged in, not started"),
        ("TransactionEvent", {"eventType": "Ended", "meterValue": READ,
         "transactionInfo": {"transactionId": "t1", "stoppedReason": "EVDisconnected"}},
         "Ended: meter 31.42 kWh, 65 %, cable pulled out"),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": [
            {"value": "31.42", "unit": "kWh"}]}]}, "Reading: evse 1, meter 31.42 kWh"),
        ("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"},
         "Status: evse 1, available"),
        ("StatusNotification", {"connectorId": 0, "status": "Faulted",
         "errorCode": "GroundFailure"}, "Status: the station, fault, ground failure"),
        ("StatusNotification", {"evseId": 2, "connectorId": 1, "connectorStatus": "Occupied"},
         "Status: evse 2, occupied"),
        ("BootNotification", {"chargePointVendor": "Kvistel", "chargePointModel": "V150",
         "firmwareVersion": "3.12"}, "Booted: Kvistel V150 3.12"),
        ("BootNotification", {"reason": "PowerUp", "chargingStation":
         {"vendorName": "Kvistel", "model": "V150"}}, "Booted: Kvistel V150"),
        ("StartTransaction", {"connectorId": 2, "idTag": "TAG", "meterStart": 178821},
         "Started: evse 2, TAG, meter 179 kWh"),
        ("StopTransaction", {"transactionId": 1, "meterStop": 1500, "reason": "Local"},
         "Ended: meter 1.50 kWh, ended at the station"),
        ("Heartbeat", {}, "Still there"),
    ],
)  # fmt: skip
def test_what_a_station_says_is_said_in_plain_words(
    action: str, payload: dict[str, Any], words: str
) -> None:
    assert said(action, payload) == words


def test_an_answer_that_decides_something_is_told() -> None:
    ask = {"idToken": {"idToken": "TAG", "type": "ISO14443"}}
    assert said("Authorize", ask, {"idTokenInfo": {"status": "Accepted"}}) == "Asked about TAG"
    blocked = {"idTagInfo": {"status": "Blocked"}}
    assert said("Authorize", {"idTag": "TAG"}, blocked) == "Asked about TAG \u2192 blocked"


def test_a_command_says_what_became_of_it() -> None:
    payload = {"connectorId": 2, "idTag": "TAG"}
    asked = "start on evse 2 with TAG"
    assert said("RemoteStartTransaction", payload) == asked
    assert said("RemoteStartTransaction", payload, {"status": "Accepted"}) == f"Accepted: {asked}"
    info = {"status": "Rejected", "statusInfo": {"reasonCode": "Full", "additionalInfo": "no bay"}}
    assert said("RequestStartTransaction", payload, info) == f"Refused, no bay: {asked}"
    with in_language("en"):
        bare = plain_words("Reset", '[2, "", "Reset", {}]', '{"status": "Accepted"}', Format("en"))
        assert bare == "Accepted: restart the station"
        error = '[4, "1", "NotSupported", "", {}]'
        words = plain_words("Reset", '[2, "1", "Reset", {"type": "Soft"}]', error, Format("en"))
    assert words == "Refused, NotSupported: restart the station"


def test_it_is_said_in_swedish_too() -> None:
    words = said("TransactionEvent", event("Updated", "Charging"), language="sv")
    assert words == "Laddar 87,4 kW, mätare 31,42 kWh, 65 %"
    status = {"connectorId": 1, "status": "Finishing", "errorCode": "NoError"}
    assert said("StatusNotification", status, language="sv") == "Läge: laddare 1, klar, kabel kvar"


@pytest.mark.parametrize("action", [*SAID, *ASKED, "DataTransfer", ""])
@pytest.mark.parametrize(
    "payload", [{}, [], None, {"meterValue": 3, "transactionInfo": [], "status": {"a": 1}}]
)
def test_what_is_not_the_standards_never_breaks_the_page(action: str, payload: Any) -> None:
    assert isinstance(said(action, payload, payload), str)


@pytest.mark.parametrize("text", [None, "", "not json", "{}", "[2]", '[2, "1", "Heartbeat"]'])
def test_a_frame_that_is_none_has_no_plain_words(text: str | None) -> None:
    assert plain_words("Heartbeat", text, text, Format("en")) == ""


def test_phases_are_added_up_unless_there_is_a_total() -> None:
    phases = [{"value": "5", "measurand": "Power.Active.Import", "unit": "kW", "phase": f"L{n}"}
              for n in (1, 2, 3)]  # fmt: skip
    assert totals(phases) == {"Power.Active.Import": 15000}
    assert totals(
        [*phases, {"value": "14000", "measurand": "Power.Active.Import", "unit": "W"}]
    ) == {"Power.Active.Import": 14000}
    milli = {"value": 1, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}
    assert totals([milli]) == {"Energy.Active.Import.Register": 1000}
