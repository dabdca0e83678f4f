"""OCPP 2.0.1 (edition 3): stations' messages to events, outcomes to answers.

To add a message: write its reader and answer and add them to HANDLERS. Payloads have passed the
standard's schema.
"""

from datetime import datetime
from typing import Any

from ingest.events import (
    Authorization,
    Boot,
    Metering,
    Outcome,
    Status,
    TokenInfo,
    Transaction,
)
from ingest.handler import HEARTBEAT, Handler, Payload, answer_boot, constant, fitting, utc_text
from ingest.signed import of_object
from ingest.translate import REGISTER, Reading, Sample, instant, reading

KINDS: dict[str, Any] = {"Started": "start", "Updated": "update", "Ended": "end"}
PERIODIC = ("MeterValuePeriodic", "MeterValueClock")


def read_boot(payload: Payload, _at: datetime) -> Boot:
    station = payload["chargingStation"]
    return Boot(
        station["vendorName"],
        station["model"],
        station.get("serialNumber"),
        station.get("firmwareVersion"),
    )


def read_status(payload: Payload, received_at: datetime) -> Status:
    at, flags = instant(payload["timestamp"], received_at)
    evse_id = int(payload["evseId"])
    connector_id = fitting(payload["connectorId"]) or 0
    if evse_id > 0:  # only the station itself has a connector 0
        connector_id = max(connector_id, 1)
    return Status(evse_id, connector_id, payload["connectorStatus"], None, at, flags=flags)


def read_transaction(payload: Payload, received_at: datetime) -> Transaction:
    """TransactionEventRequest (2.0.1 part 2, 1.60.1)."""
    at, flags = instant(payload["timestamp"], received_at)
    info, evse = payload["transactionInfo"], payload.get("evse", {})
    if payload.get("offline"):
        flags += ("offline",)
    return Transaction(
        KINDS[payload["eventType"]],
        at,
        info["transactionId"],
        [_reading(mv, received_at) for mv in payload.get("meterValue", ())],
        evse_id=fitting(evse.get("id")),
        connector_id=fitting(evse.get("connectorId")),
        id_token=_id_token(payload.get("idToken")),
        opens=True,
        charging_state=info.get("chargingState"),
        stop_reason=info.get("stoppedReason"),
        remote_start_id=fitting(info.get("remoteStartId")),
        seq_no=fitting(payload["seqNo"], 2**63 - 1),
        flags=flags,
        is_bulk=payload["triggerReason"] in PERIODIC,
    )


def _id_token(token: Payload | None) -> str | None:
    """None also for NoAuthorization, whose token is empty (start button)."""
    return (token or {}).get("idToken") or None


def read_meter_values(payload: Payload, received_at: datetime) -> Metering:
    return Metering(
        int(payload["evseId"]), [_reading(mv, received_at) for mv in payload["meterValue"]]
    )


def _reading(meter_value: Payload, received_at: datetime) -> Reading:
    sampled = meter_value["sampledValue"]
    contexts = (v["context"] for v in sampled if "context" in v)
    context = next(contexts, "Sample.Periodic")
    samples = [_sample(value) for value in sampled]
    result = reading(meter_value["timestamp"], context, samples, received_at)
    signed = [v["signedMeterValue"] for v in sampled if "signedMeterValue" in v]
    if signed:
        result.signed += tuple(map(of_object, signed))
    return result


def _sample(value: Payload) -> Sample:
    unit = value.get("unitOfMeasure", {})
    return Sample(
        value["value"],
        value.get("measurand", REGISTER),
        value.get("phase"),
        value.get("location", "Outlet"),
        unit.get("unit"),
        fitting(unit.get("multiplier", 0)) or 0,
    )


def read_authorize(payload: Payload, _at: datetime) -> Authorization:
    return Authorization(payload["idToken"]["idToken"])


def token_info(token: TokenInfo | None) -> Payload:
    if token is None:
        return {"status": "Unknown"}
    info: Payload = {"status": token.status}
    if token.expires_at:
        info["cacheExpiryDateTime"] = utc_text(token.expires_at)
    if token.parent and len(token.parent) <= 36:
        info["groupIdToken"] = {"idToken": token.parent, "type": "Central"}
    return info


def answer_authorize(outcome: Outcome) -> Payload:
    return {"idTokenInfo": token_info(outcome.token)}


def answer_transaction(outcome: Outcome) -> Payload:
    return {"idTokenInfo": token_info(outcome.token)} if outcome.token else {}


HANDLERS: dict[str, Handler] = {
    "Authorize": Handler(read_authorize, answer_authorize),
    "BootNotification": Handler(read_boot, answer_boot),
    "ClearedChargingLimit": constant(),
    "DataTransfer": constant(status="UnknownVendorId"),
    "FirmwareStatusNotification": constant(),
    "Get15118EVCertificate": constant(status="Failed", exiResponse=""),
    "GetCertificateStatus": constant(status="Failed"),
    "Heartbeat": HEARTBEAT,
    "LogStatusNotification": constant(),
    "MeterValues": Handler(read_meter_values, lambda _: {}),
    "NotifyChargingLimit": constant(),
    "NotifyCustomerInformation": constant(),
    "NotifyDisplayMessages": constant(),
    "NotifyEVChargingNeeds": constant(status="Rejected"),
    "NotifyEVChargingSchedule": constant(status="Accepted"),
    "NotifyEvent": constant(),
    "NotifyMonitoringReport": constant(),
    "NotifyReport": constant(),
    "PublishFirmwareStatusNotification": constant(),
    "ReportChargingProfiles": constant(),
    "ReservationStatusUpdate": constant(),
    "SecurityEventNotification": constant(),
    "SignCertificate": constant(status="Rejected"),
    "StatusNotification": Handler(read_status, lambda _: {}),
    "TransactionEvent": Handler(read_transaction, answer_transaction),
}
