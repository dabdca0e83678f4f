"""Calls to stations that more than one part puts into `command`, in the spelling of the station's
OCPP version. Pure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """An OCPP call in wire spelling."""

    action: str
    payload: dict[str, Any]


def is_16(ocpp_version: str | None) -> bool:
    """Whether the station speaks 1.6; one that never said so is taken to."""
    return not (ocpp_version or "").removeprefix("ocpp").startswith("2")


def start(ocpp_version: str | None, evse_id: int, id_token: str, start_id: int) -> Call:
    """Start a session; `start_id` is ours and comes back in 2.0.1's first event."""
    if is_16(ocpp_version):
        return Call("RemoteStartTransaction", {"connectorId": evse_id, "idTag": id_token})
    token = {"idToken": id_token, "type": "Central"}
    payload = {"evseId": evse_id, "idToken": token, "remoteStartId": start_id}
    return Call("RequestStartTransaction", payload)


def stop(ocpp_version: str | None, transaction_id: str) -> Call:
    """Stop a session by the id the station knows it by."""
    if is_16(ocpp_version):
        return Call("RemoteStopTransaction", {"transactionId": int(transaction_id)})
    return Call("RequestStopTransaction", {"transactionId": transaction_id})
