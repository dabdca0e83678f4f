"""OCPP 1.6 (edition 2 and the security whitepaper): the only place for its words.

To add a message: write `def read_<message>` (payload to event) and its answer, and add them to
HANDLERS. Payloads have passed the standard's schema.
"""

from datetime import datetime

from ingest.events import (
    Authorization,
    Boot,
    Metering,
    Outcome,
    Status,
    TokenInfo,
    Transaction,
)
from ingest.handler import HEARTBEAT, Handler, Payload, answer_boot, constant, utc_text
from ingest.signed import of_text
from ingest.translate import REGISTER, Reading, Sample, instant, reading, stable_hash

# ChargePointStatus (7.7) -> connector status, charging state of 2.0.1
STATUSES: dict[str, tuple[str, str | None]] = {
    "Available": ("Available", None),
    "Preparing": ("Occupied", "EVConnected"),
    "Charging": ("Occupied", "Charging"),
    "SuspendedEV": ("Occupied", "SuspendedEV"),
    "SuspendedEVSE": ("Occupied", "SuspendedEVSE"),
    "Finishing": ("Occupied", "Idle"),
    "Reserved": ("Reserved", None),
    "Unavailable": ("Unavailable", None),
    "Faulted": ("Faulted", None),
}
# 1.6 knows fewer token statuses (7.2)
TOKEN_STATUSES = {"Unknown": "Invalid"}


def read_boot(payload: Payload, _at: datetime) -> Boot:
    return Boot(
        payload["chargePointVendor"],
        payload["chargePointModel"],
        payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"),
        payload.get("firmwareVersion"),
    )


def read_status(payload: Payload, received_at: datetime) -> Status:
    at, flags = instant(payload.get("timestamp"), received_at)
    status, charging_state = STATUSES[payload["status"]]
    error = payload["errorCode"]
    return Status(
        evse_id=payload["connectorId"],
        connector_id=1 if payload["connectorId"] else 0,
        status=status,
        charging_state=charging_state,
        at=at,
        error_code=None if error == "NoError" else error,
        info=payload.get("info"),
        vendor_error_code=payload.get("vendorErrorCode"),
        flags=flags,
    )


def read_start(payload: Payload, received_at: datetime) -> Transaction:
    at, flags = instant(payload["timestamp"], received_at)
    begin = _register(payload["meterStart"], "Transaction.Begin", payload, received_at)
    content = [payload[k] for k in ("connectorId", "idTag", "timestamp", "meterStart")]
    return Transaction(
        "start",
        at,
        None,
        [begin],
        evse_id=payload["connectorId"],
        connector_id=1,
        id_token=payload["idTag"],
        start_hash=stable_hash(*content),
        flags=flags,
    )


def read_stop(payload: Payload, received_at: datetime) -> Transaction:
    at, flags = instant(payload["timestamp"], received_at)
    readings = [_reading(mv, received_at) for mv in payload.get("transactionData", ())]
    end = _register(payload["meterStop"], "Transaction.End", payload, received_at)
    return Transaction(
        "end",
        at,
        str(payload["transactionId"]),
        [*readings, end],
        id_token=payload.get("idTag"),
        stop_reason=payload.get("reason", "Local"),
        flags=flags,
    )


def read_meter_values(payload: Payload, received_at: datetime) -> Transaction | Metering:
    readings = [_reading(mv, received_at) for mv in payload["meterValue"]]
    transaction_id = payload.get("transactionId")
    if transaction_id is None:
        return Metering(payload["connectorId"], readings)
    return Transaction(
        "update",
        received_at,
        str(transaction_id),
        readings,
        evse_id=payload["connectorId"],
        is_bulk=True,
    )


def _register(value: int, context: str, payload: Payload, received_at: datetime) -> Reading:
    sample = Sample(value, REGISTER, None, "Outlet", "Wh")
    return reading(payload["timestamp"], context, [sample], received_at)


def _reading(meter_value: Payload, received_at: datetime) -> Reading:
    sampled = meter_value["sampledValue"]
    samples = [
        Sample(
            value["value"],
            value.get("measurand", REGISTER),
            value.get("phase"),
            value.get("location", "Outlet"),
            value.get("unit"),
        )
        for value in sampled
    ]
    contexts = (v["context"] for v in sampled if "context" in v)
    context = next(contexts, "Sample.Periodic")
    result = reading(meter_value["timestamp"], context, samples, received_at)
    if "value_unreadable" in result.flags:
        return _signed_apart(meter_value, received_at, samples, context) or result
    return result


def _signed_apart(
    meter_value: Payload, received_at: datetime, samples: list[Sample], context: str
) -> Reading | None:
    """Values of format SignedData are no numbers; looked for only where one was not readable."""
    sampled = meter_value["sampledValue"]
    texts = [value["value"] for value in sampled if value.get("format") == "SignedData"]
    if not texts:
        return None
    plain = [s for s, v in zip(samples, sampled, strict=True) if v.get("format") != "SignedData"]
    result = reading(meter_value["timestamp"], context, plain, received_at)
    result.signed += tuple(map(of_text, texts))
    return result


def read_authorize(payload: Payload, _at: datetime) -> Authorization:
    return Authorization(payload["idTag"])


def token_info(token: TokenInfo | None) -> Payload:
    if token is None:
        return {"status": "Invalid"}
    info: Payload = {"status": TOKEN_STATUSES.get(token.status, token.status)}
    if token.expires_at:
        info["expiryDate"] = utc_text(token.expires_at)
    if token.parent and len(token.parent) <= 20:
        info["parentIdTag"] = token.parent
    return info


def answer_authorize(outcome: Outcome) -> Payload:
    return {"idTagInfo": token_info(outcome.token)}


def answer_start(outcome: Outcome) -> Payload:
    return {
        "transactionId": int(outcome.transaction_id or 0),
        "idTagInfo": token_info(outcome.token),
    }


def answer_stop(outcome: Outcome) -> Payload:
    return {"idTagInfo": token_info(outcome.token)} if outcome.token else {}


HANDLERS: dict[str, Handler] = {
    "Authorize": Handler(read_authorize, answer_authorize),
    "BootNotification": Handler(read_boot, answer_boot),
    "DataTransfer": constant(status="UnknownVendorId"),
    "DiagnosticsStatusNotification": constant(),
    "FirmwareStatusNotification": constant(),
    "Heartbeat": HEARTBEAT,
    "LogStatusNotification": constant(),
    "MeterValues": Handler(read_meter_values, lambda _: {}),
    "SecurityEventNotification": constant(),
    "SignCertificate": constant(status="Rejected"),
    "SignedFirmwareStatusNotification": constant(),
    "StartTransaction": Handler(read_start, answer_start),
    "StatusNotification": Handler(read_status, lambda _: {}),
    "StopTransaction": Handler(read_stop, answer_stop),
}
