"""From a button to the OCPP call of the station's version, and from a command's row to its proof.

Pure: builds payloads in wire spelling and judges rows; sends and reads nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sql.commands import Call, is_16, start, stop

__all__ = ["Call", "is_16", "start", "stop"]  # one place for all parts, one name for pages

Row = Mapping[str, Any]

# What a station answers when it will do what it was asked.
GRANTED = frozenset(
    {"Accepted", "Unlocked", "Scheduled", "RebootRequired", "AcceptedCanceled", "Completed"}
)
SUCCESS_WH = 100  # less is no charging session to anyone
STARTS = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})
STOPS = frozenset({"RemoteStopTransaction", "RequestStopTransaction"})
LOGS = frozenset({"GetDiagnostics", "GetLog"})

# Behind Expert: what else may be sent, with a payload to start from.
EXPERT_16: dict[str, dict[str, Any]] = {
    "TriggerMessage": {"requestedMessage": "StatusNotification"},
    "GetConfiguration": {"key": []},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "300"},
    "ChangeAvailability": {"connectorId": 0, "type": "Operative"},
    "ClearCache": {},
    "GetLocalListVersion": {},
    "GetDiagnostics": {"location": "https://"},
    "UpdateFirmware": {"location": "https://", "retrieveDate": "2030-01-01T00:00:00Z"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 3600},
    "DataTransfer": {"vendorId": ""},
}
EXPERT_201: dict[str, dict[str, Any]] = {
    "TriggerMessage": {"requestedMessage": "StatusNotification"},
    "GetBaseReport": {"requestId": 1, "reportBase": "FullInventory"},
    "GetVariables": {
        "getVariableData": [
            {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
        ]
    },
    "SetVariables": {
        "setVariableData": [
            {
                "attributeValue": "300",
                "component": {"name": "OCPPCommCtrlr"},
                "variable": {"name": "HeartbeatInterval"},
            }
        ]
    },
    "ChangeAvailability": {"operationalStatus": "Operative"},
    "ClearCache": {},
    "GetLocalListVersion": {},
    "GetTransactionStatus": {},
    "GetCompositeSchedule": {"evseId": 1, "duration": 3600},
    "DataTransfer": {"vendorId": ""},
}


class CommandError(Exception):
    """What was asked makes no sense for this station now; the message is for the person."""


def expert_actions(ocpp_version: str | None) -> dict[str, dict[str, Any]]:
    return EXPERT_16 if is_16(ocpp_version) else EXPERT_201


def unlock(ocpp_version: str | None, evse_id: int) -> Call:
    if is_16(ocpp_version):
        return Call("UnlockConnector", {"connectorId": evse_id})
    return Call("UnlockConnector", {"evseId": evse_id, "connectorId": 1})


def restart(ocpp_version: str | None, evse_id: int = 0) -> Call:
    """Restart at once: sessions end as the station's kind of reset ends them. From 2.0.1 on an evse
    alone, if one is named; 1.6 knows only the whole station."""
    if is_16(ocpp_version):
        return Call("Reset", {"type": "Soft"})
    return Call("Reset", {"type": "Immediate", **({"evseId": evse_id} if evse_id else {})})


def availability(ocpp_version: str | None, evse_id: int, *, in_service: bool) -> Call:
    """Take an evse out of service or back; evse 0 is the whole station."""
    kind = "Operative" if in_service else "Inoperative"
    if is_16(ocpp_version):
        return Call("ChangeAvailability", {"connectorId": evse_id, "type": kind})
    evse = {"evse": {"id": evse_id}} if evse_id else {}
    return Call("ChangeAvailability", {"operationalStatus": kind, **evse})


def evse_of(payload: Row) -> int | None:
    """The evse a payload is about; None means the station."""
    evse = payload.get("evse")
    found = payload.get("evseId") or payload.get("connectorId")
    if isinstance(evse, dict):
        found = evse.get("id")
    return found if isinstance(found, int) and found > 0 else None


@dataclass(frozen=True)
class Progress:
    """sent -> accepted -> proven: how far a command came, and since when.

    `sent`, `answered`: ok, wait or bad; `proof`: ok, wait, todo, or none where an answer is all
    there is to see. `reason` is the station's own word for a refusal; `worked_at`: when a session
    after it first delivered.
    """

    sent: str
    answered: str
    proof: str
    reason: str = ""
    proven_at: datetime | None = None
    worked_at: datetime | None = None


def progress(row: Row, states: Mapping[int, str]) -> Progress:
    """Judge a row of the query `commands`; `states` are the evses' states now, by evse_id."""
    status = row["status"]
    if status == "refused":
        return Progress("bad", "todo", "todo", _reason(row["response"]))
    if status in ("queued", "claimed"):
        return Progress("ok" if status == "claimed" else "wait", "wait", "todo")
    if status == "unknown":
        return Progress("ok", "bad", "todo", "")
    if not is_granted(row["response"]):
        return Progress("ok", "bad", "todo", _reason(row["response"]))
    return _proof(row, states)


def is_granted(response: Any) -> bool:
    """Whether a station's answer says that it will do what it was asked."""
    if not isinstance(response, dict):
        return False
    if "status" not in response:
        return "error" not in response
    return response["status"] in GRANTED


def _reason(response: Any) -> str:
    if not isinstance(response, dict):
        return ""
    info = response.get("statusInfo") or {}
    found = info.get("additionalInfo") or info.get("reasonCode") if isinstance(info, dict) else ""
    names = ("detail", "status", "error")
    return str(found or next((response[name] for name in names if response.get(name)), ""))


def _proof(row: Row, states: Mapping[int, str]) -> Progress:
    action = row["action"]
    proven_at: datetime | None = None
    if action in STARTS:
        proven_at = row["started_at"] if (row["energy_wh"] or 0) >= SUCCESS_WH else None
    elif action in STOPS:
        proven_at = row["ended_at"]
    elif action == "Reset":
        proven_at = _restarted(row)
    elif action in LOGS:
        proven_at = row.get("log_at")
    elif action == "ChangeAvailability":
        proven_at = row["finished_at"] if _as_asked(row["payload"], states) else None
    else:
        return Progress("ok", "ok", "none")
    proof = "ok" if proven_at else "wait"
    return Progress("ok", "ok", proof, proven_at=proven_at, worked_at=row.get("worked_at"))


def _restarted(row: Row) -> datetime | None:
    """The station has booted since; an evse alone says nothing of it and is proven by a session."""
    booted_at: datetime | None = row["booted_at"]
    if evse_of(row["payload"]) is None and booted_at and booted_at > row["requested_at"]:
        return booted_at
    worked_at: datetime | None = row.get("worked_at")
    return worked_at


def _as_asked(payload: Row, states: Mapping[int, str]) -> bool:
    kind = payload.get("type") or payload.get("operationalStatus")
    evse_id = evse_of(payload)
    one = states.get(evse_id or 0)
    concerned = [one] if one else list(states.values())
    closed = [state == "unavailable" for state in concerned]
    return all(closed) if kind == "Inoperative" else not any(closed)
