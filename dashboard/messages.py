"""What an OCPP message says, in plain words; beside it the page shows the frame as it came.

Pure: from the texts of a call and its answer to one sentence in the reader's language. A message
that is not in the lists below, or is not what the standard says, has no plain words: "".
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from dashboard.format import Format
from dashboard.i18n import mark, t
from dashboard.readings import reading_words
from dashboard.states import fault_words, state_word

Payload = Mapping[str, Any]

STATUSES = {
    "Available": "available", "Preparing": "preparing", "Charging": "charging",
    "SuspendedEV": "suspended", "Finishing": "finished", "Reserved": "reserved",
    "Faulted": "faulted", "Unavailable": "unavailable", "EVConnected": "preparing",
    "Idle": "finished",
}  # fmt: skip
OTHER_STATUSES = {"SuspendedEVSE": mark("Paused by charger"), "Occupied": mark("Occupied")}
ANSWERS = {
    "Accepted": mark("accepted"), "Blocked": mark("blocked"), "Expired": mark("expired"),
    "Invalid": mark("not known"), "ConcurrentTx": mark("already charging elsewhere"),
    "Unknown": mark("not known"), "Pending": mark("pending"), "Rejected": mark("refused"),
}  # fmt: skip
GRANTED = ("Accepted", "Unlocked", "Scheduled", "RebootRequired")


def plain_words(action: str | None, frame: str | None, answer: str | None, form: Format) -> str:
    """The sentence for a call of `action` and its answer, both as JSON texts of the wire."""
    say = SAID.get(action or "") or ASKED.get(action or "")
    call, reply = _parts(frame), _reply(answer)
    if say is None or len(call) < 4 or not isinstance(call[3], dict):
        return ""
    try:
        words = say(call[3], form)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ArithmeticError):
        return ""  # not what the standard says: the raw frame is the better picture
    return _judged(words, reply) if action in ASKED else words + _answered(reply)


def _parts(text: str | None) -> list[Any]:
    """A frame of the wire; empty when it is none."""
    found = _read(text)
    return found if isinstance(found, list) else []


def _reply(text: str | None) -> list[Any]:
    """An answer as a frame; those to commands are logged as their payload alone."""
    found = _read(text)
    if isinstance(found, dict):
        return [4, "", found["error"]] if found.get("error") else [3, "", found]
    return found if isinstance(found, list) else []


def _read(text: str | None) -> Any:
    try:
        return json.loads(text or "[]")
    except ValueError:
        return None


def _judged(words: str, reply: list[Any]) -> str:
    """What became of a command of ours."""
    if len(reply) > 2 and reply[0] == 4:
        return t("Refused, {reason}: {what}", reason=reply[2], what=words)
    body = reply[2] if len(reply) > 2 and isinstance(reply[2], dict) else None
    if body is None:
        return words
    status = str(body.get("status", "Accepted"))
    if status in GRANTED:
        return t("Accepted: {what}", what=words)
    info = body.get("statusInfo")
    why = info.get("additionalInfo") or info.get("reasonCode") if isinstance(info, dict) else ""
    return t("Refused, {reason}: {what}", reason=why or status, what=words)


def _answered(reply: list[Any]) -> str:
    """Our answer, where it decides something and was not simply yes."""
    if len(reply) < 3 or not isinstance(reply[2], dict):
        return ""
    body = reply[2]
    info = body.get("idTagInfo") or body.get("idTokenInfo") or body
    status = info.get("status") if isinstance(info, dict) else None
    if not isinstance(status, str) or status == "Accepted":
        return ""
    return " \u2192 " + (t(ANSWERS[status]) if status in ANSWERS else status)


def _where(number: Any) -> str:
    return t("evse {n}", n=number) if number else t("the station")


def _status(payload: Payload, _form: Format) -> str:
    number = payload.get("evseId", payload.get("connectorId"))
    status = str(payload.get("connectorStatus") or payload["status"])
    known = state_word(STATUSES[status]) if status in STATUSES else None
    word = (known or t(OTHER_STATUSES.get(status, status))).lower()
    fault = fault_words(payload.get("errorCode"))
    return t("Status: {where}", where=_where(number)) + _then(word, fault)


def _then(*parts: str) -> str:
    return "".join(f", {part}" for part in parts if part)


def _boot(payload: Payload, _form: Format) -> str:
    station = payload.get("chargingStation") or {
        "vendorName": payload.get("chargePointVendor"), "model": payload.get("chargePointModel"),
        "firmwareVersion": payload.get("firmwareVersion"),
    }  # fmt: skip
    names = ("vendorName", "model", "firmwareVersion")
    return t("Booted: {what}", what=" ".join(str(station[n]) for n in names if station.get(n)))


def _authorize(payload: Payload, _form: Format) -> str:
    return t("Asked about {token}", token=_token(payload))


def _token(payload: Payload) -> str:
    token = payload.get("idToken") or payload.get("idTag") or "\u2013"
    return str(token.get("idToken") if isinstance(token, dict) else token)


def _started(payload: Payload, form: Format) -> str:
    meter = t("meter {energy}", energy=form.kwh(payload["meterStart"]))
    where = _where(payload["connectorId"])
    return t("Started: {where}", where=where) + _then(_token(payload), meter)


def _stopped(payload: Payload, form: Format) -> str:
    meter = t("meter {energy}", energy=form.kwh(payload["meterStop"]))
    return t("Ended: {what}", what=meter) + _then(_reason(payload.get("reason")))


def _reason(reason: str | None) -> str:
    return t(STOPS[reason]) if reason in STOPS else reason or ""


def _readings(payload: Payload, form: Format) -> str:
    where = _where(payload.get("evseId") or payload.get("connectorId"))
    return t("Reading: {where}", where=where) + _then(reading_words(payload["meterValue"], form))


def _event(payload: Payload, form: Format) -> str:
    """TransactionEvent: what the car does and what the meter shows."""
    info, kind = payload["transactionInfo"], payload["eventType"]
    read = reading_words(payload.get("meterValue") or [], form, with_power=kind != "Ended")
    if kind == "Ended":
        return t("Ended: {what}", what=read or "\u2013") + _then(_reason(info.get("stoppedReason")))
    state = info.get("chargingState")
    word = state_word(STATUSES[state]) if state in STATUSES else t("Session goes on")
    if kind == "Started":
        where = _where((payload.get("evse") or {}).get("id"))
        token = _token(payload) if payload.get("idToken") else ""
        return t("Started: {where}", where=where) + _then(token, word.lower(), read)
    joint = " " if state == "Charging" and read else ", " if read else ""
    return f"{word}{joint}{read}"


def _notify(payload: Payload, _form: Format) -> str:
    event = payload["eventData"][0]
    component = event["component"]
    what = fault_words(event.get("techCode")) or f"{event['variable']['name']}"
    said = {"true": "", "false": t("over")}.get(str(event["actualValue"]), event["actualValue"])
    where = _where((component.get("evse") or {}).get("id"))
    return t("Event: {where}", where=where) + _then(what, said)


def _start(payload: Payload, _form: Format) -> str:
    where = _where(payload.get("evseId") or payload.get("connectorId"))
    return t("start on {where} with {token}", where=where, token=_token(payload))


def _stop(payload: Payload, _form: Format) -> str:
    return t("stop session {id}", id=payload["transactionId"])


def _unlock(payload: Payload, _form: Format) -> str:
    return t("unlock {where}", where=_where(payload.get("evseId") or payload.get("connectorId")))


def _availability(payload: Payload, _form: Format) -> str:
    where = _where((payload.get("evse") or {}).get("id") or payload.get("connectorId"))
    kind = payload.get("type") or payload.get("operationalStatus")
    if kind == "Operative":
        return t("put {where} into service", where=where)
    return t("take {where} out of service", where=where)


def _named(text: str, name: str) -> Callable[[Payload, Format], str]:
    """A text with {what} from one field."""
    return lambda payload, _form: t(text, what=payload[name])


def _fixed(text: str) -> Callable[[Payload, Format], str]:
    return lambda _payload, _form: t(text)


# Why a session ended, in the words of both versions.
STOPS = {
    "Local": mark("ended at the station"), "Remote": mark("ended remotely"),
    "EVDisconnected": mark("cable pulled out"), "EmergencyStop": mark("emergency stop"),
    "HardReset": mark("restart"), "SoftReset": mark("restart"), "Reboot": mark("restart"),
    "PowerLoss": mark("power lost"), "DeAuthorized": mark("not authorised"),
    "Other": mark("other reason"),
    "UnlockCommand": mark("unlocked remotely"), "StoppedByEV": mark("ended by the car"),
}  # fmt: skip

# What stations tell, and what we ask of them; a new message is one line more.
SAID: dict[str, Callable[[Payload, Format], str]] = {
    "BootNotification": _boot,
    "StatusNotification": _status,
    "Heartbeat": _fixed(mark("Still there")),
    "Authorize": _authorize,
    "StartTransaction": _started,
    "StopTransaction": _stopped,
    "MeterValues": _readings,
    "TransactionEvent": _event,
    "NotifyEvent": _notify,
    "NotifyReport": _fixed(mark("Report of its variables")),
    "FirmwareStatusNotification": _named(mark("Firmware: {what}"), "status"),
    "DiagnosticsStatusNotification": _named(mark("Diagnostics: {what}"), "status"),
    "LogStatusNotification": _named(mark("Log: {what}"), "status"),
    "SecurityEventNotification": _named(mark("Security: {what}"), "type"),
}
ASKED: dict[str, Callable[[Payload, Format], str]] = {
    "RemoteStartTransaction": _start,
    "RequestStartTransaction": _start,
    "RemoteStopTransaction": _stop,
    "RequestStopTransaction": _stop,
    "UnlockConnector": _unlock,
    "ChangeAvailability": _availability,
    "Reset": _fixed(mark("restart the station")),
    "ClearCache": _fixed(mark("forget remembered tokens")),
    "GetConfiguration": _fixed(mark("tell the configuration")),
    "GetBaseReport": _fixed(mark("tell all variables")),
    "GetVariables": _fixed(mark("tell some variables")),
    "SetVariables": _fixed(mark("set variables")),
    "TriggerMessage": _named(mark("send {what} now"), "requestedMessage"),
    "ChangeConfiguration": _named(mark("set {what}"), "key"),
}
