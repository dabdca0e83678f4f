"""What stations say, in both versions, as short as their payloads allow."""

from datetime import datetime
from typing import Any

from stations import Payload, RawStation, stamp

BOOT: dict[str, Payload] = {
    "1.6": {"chargePointVendor": "Volt AB", "chargePointModel": "Duo"},
    "2.0.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "Volt AB", "model": "Duo"}},
}


def authorize(version: str, id_token: str) -> Payload:
    if version == "1.6":
        return {"idTag": id_token}
    return {"idToken": {"idToken": id_token, "type": "ISO14443"}}


def status16(status: str, at: datetime | None = None, connector: int = 1, **more: Any) -> Payload:
    return {
        "connectorId": connector, "status": status, "errorCode": "NoError", "timestamp": stamp(at),
        **more,
    }  # fmt: skip


def status201(
    status: str, at: datetime | None = None, evse: int = 1, connector: int = 1
) -> Payload:
    return {
        "evseId": evse, "connectorId": connector, "connectorStatus": status, "timestamp": stamp(at),
    }  # fmt: skip


def start16(wh: Any, at: datetime | None = None, connector: int = 1, tag: str = "TAG") -> Payload:
    return {"connectorId": connector, "idTag": tag, "meterStart": wh, "timestamp": stamp(at)}


def stop16(transaction: int, wh: Any, at: datetime | None = None, **more: Any) -> Payload:
    return {"transactionId": transaction, "meterStop": wh, "timestamp": stamp(at), **more}


def sample16(value: Any, **more: Any) -> Payload:
    return {"value": str(value), **more}


def values16(
    samples: list[Payload], at: datetime | None = None, connector: int = 1, **more: Any
) -> Payload:
    meter_value = [{"timestamp": stamp(at), "sampledValue": samples}]
    return {"connectorId": connector, "meterValue": meter_value, **more}


def event201(
    kind: str,
    transaction: str,
    seq_no: int,
    at: datetime | None = None,
    *,
    wh: float | None = None,
    tag: str | None = None,
    evse: int | None = 1,
    state: str | None = None,
    **more: Any,
) -> Payload:
    """A TransactionEvent; `kind` is Started, Updated or Ended, `wh` the register."""
    info: Payload = {"transactionId": transaction}
    if state:
        info["chargingState"] = state
    payload: Payload = {
        "eventType": kind, "timestamp": stamp(at), "seqNo": seq_no, "transactionInfo": info,
        "triggerReason": "MeterValuePeriodic" if kind == "Updated" else "Authorized", **more,
    }  # fmt: skip
    if evse is not None:
        payload["evse"] = {"id": evse, "connectorId": 1}
    if tag is not None:
        payload["idToken"] = {"idToken": tag, "type": "ISO14443"}
    if wh is not None:
        payload["meterValue"] = [{"timestamp": stamp(at), "sampledValue": [{"value": wh}]}]
    return payload


async def begin(station: RawStation, wh: int, at: datetime, **more: Any) -> int:
    """Start a 1.6 transaction; its id."""
    answer = await station.call("StartTransaction", start16(wh, at, **more))
    return int(answer["transactionId"])
