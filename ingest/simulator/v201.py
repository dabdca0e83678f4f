"""A virtual station's OCPP 2.0.1: events to messages, commands to actions.

OCPP 2.0.1 part 2: use cases B (boot, variables, reports, reset), E (transactions), F (remote
control), G (availability), J (meter values), N (monitored events).
"""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from ocpp.v201.enums import Action

from ingest.simulator.evse import Fault, Guest, LiveSession, Phase, StopReason, VirtualEvse
from ingest.simulator.link import CallRefusedError, Payload, Reply
from ingest.simulator.meter import now, samples
from ingest.simulator.outbox import Message
from ingest.simulator.plan import Reading
from ingest.simulator.station import VirtualStation
from ingest.simulator.v16 import wire_time
from ingest.simulator.v201_variables import Variables

_CHARGING_STATES = {
    Phase.PLUGGED: "EVConnected",
    Phase.CHARGING: "Charging",
    Phase.CAR_FULL: "SuspendedEV",
    Phase.FINISHED: "EVConnected",
}
# What triggered the last event, and the reason it gives.
_ENDINGS = {
    StopReason.DRIVER: ("StopAuthorized", "Local"),
    StopReason.REMOTE: ("RemoteStop", "Remote"),
    StopReason.SOFT_RESET: ("ResetCommand", "Reboot"),
    StopReason.HARD_RESET: ("ResetCommand", "ImmediateReset"),
    StopReason.UNLOCKED: ("UnlockCommand", "Other"),
    StopReason.FAULT: ("AbnormalCondition", "Other"),
    StopReason.NOT_AUTHORIZED: ("Deauthorized", "DeAuthorized"),
    StopReason.POWER_LOSS: ("AbnormalCondition", "PowerLoss"),
}
_KNOWN_ACTIONS = {str(action.value) for action in Action}
_REPORT_PART = 5


class Dialect201:
    """OCPP 2.0.1 spoken by one station."""

    subprotocol = "ocpp2.0.1"
    malformed_code = "FormatViolation"

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self._variables = Variables(station)
        self._event_ids = count(1)
        self._commands: dict[str, Callable[[Payload], Reply]] = {
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "Reset": self._reset,
            "UnlockConnector": self._unlock,
            "TriggerMessage": self._trigger,
            "ChangeAvailability": self._change_availability,
            "GetVariables": self._variables.get,
            "SetVariables": self._variables.set,
            "GetBaseReport": self._get_base_report,
            "GetLog": self._get_log,
        }

    # From the station.

    def boot(self, reason: str) -> Message:
        spec = self._station.spec
        station = {
            "model": spec.model,
            "vendorName": spec.vendor,
            "serialNumber": spec.serial_number,
            "firmwareVersion": spec.firmware_version,
        }
        return Message("BootNotification", {"reason": reason, "chargingStation": station})

    def heartbeat(self) -> Message:
        return Message("Heartbeat", {})

    def station_status(self) -> list[Message]:
        return []

    def status(self, evse: VirtualEvse) -> list[Message]:
        """Say the connector's status; the fault itself goes as an event (N07)."""
        status = {
            "timestamp": wire_time(now()),
            "connectorStatus": status_of(evse),
            "evseId": evse.evse_id,
            "connectorId": 1,
        }
        messages = [Message("StatusNotification", status)]
        return messages + ([self._fault_event(evse, evse.fault)] if evse.fault else [])

    def authorize(self, guest: Guest) -> Message:
        return Message("Authorize", {"idToken": _id_token(guest)})

    def is_authorized(self, answer: Payload) -> bool:
        return bool(answer.get("idTokenInfo", {}).get("status", "Accepted") == "Accepted")

    def started(self, session: LiveSession, reading: Reading) -> Message:
        trigger = "RemoteStart" if session.guest.is_remote else "Authorized"
        remote_start_id = session.guest.remote_start_id
        info = {"chargingState": "EVConnected"} | (
            {} if remote_start_id is None else {"remoteStartId": remote_start_id}
        )
        message = self._event("Started", trigger, session, reading, info)
        message.payload["idToken"] = _id_token(session.guest)
        message.payload["meterValue"] = [self._meter_value(session, reading, "Transaction.Begin")]
        message.answered = partial(self._check_token, session)
        return message

    def metered(
        self,
        session: LiveSession,
        reading: Reading,
        trigger: str = "MeterValuePeriodic",
        context: str = "Sample.Periodic",
    ) -> Message:
        message = self._event("Updated", trigger, session, reading, self._state(session))
        message.payload["meterValue"] = [self._meter_value(session, reading, context)]
        return message

    def phase(self, session: LiveSession, reading: Reading) -> list[Message]:
        state = self._state(session)
        return [self._event("Updated", "ChargingStateChanged", session, reading, state)]

    def ended(self, session: LiveSession, reading: Reading) -> Message:
        trigger, reason = _ENDINGS[session.stop_reason or StopReason.DRIVER]
        if self._station.evses[session.evse_id].fault is Fault.GROUND_FAILURE:
            reason = "GroundFault"
        info = {"chargingState": "EVConnected", "stoppedReason": reason}
        message = self._event("Ended", trigger, session, reading, info)
        message.payload["meterValue"] = [self._meter_value(session, reading, "Transaction.End")]
        return message

    def _event(
        self, kind: str, trigger: str, session: LiveSession, reading: Reading, info: Payload
    ) -> Message:
        payload = {
            "eventType": kind,
            "timestamp": wire_time(reading.at),
            "triggerReason": trigger,
            "seqNo": session.seq_no,
            "offline": not self._station.contact.is_online,
            "transactionInfo": {"transactionId": session.transaction_id} | info,
            "evse": {"id": session.evse_id, "connectorId": 1},
        }
        session.seq_no += 1
        return Message("TransactionEvent", payload, kept=True)

    def _state(self, session: LiveSession) -> Payload:
        return {"chargingState": _CHARGING_STATES[self._station.evses[session.evse_id].phase]}

    def _meter_value(self, session: LiveSession, reading: Reading, context: str) -> Payload:
        evse = self._station.evses[session.evse_id]
        return _meter_value(evse, session, reading, context)

    def _check_token(self, session: LiveSession, answer: Payload) -> None:
        if not self.is_authorized(answer):
            session.stop(StopReason.NOT_AUTHORIZED)

    def _fault_event(self, evse: VirtualEvse, fault: Fault) -> Message:
        at = wire_time(now())
        event = {
            "eventId": next(self._event_ids),
            "timestamp": at,
            "trigger": "Alerting",
            "actualValue": "true",
            "techCode": fault.value,
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": evse.evse_id, "connectorId": 1}},
            "variable": {"name": "Problem"},
        }
        return Message("NotifyEvent", {"generatedAt": at, "seqNo": 0, "eventData": [event]})

    # To the station.

    def handle(self, action: str, payload: Payload) -> Reply:
        """Obey or refuse a command; raises CallRefusedError, KeyError or ValueError."""
        command = self._commands.get(action)
        if command is not None:
            return command(payload)
        raise CallRefusedError("NotSupported" if action in _KNOWN_ACTIONS else "NotImplemented")

    def _request_start(self, payload: Payload) -> Reply:
        id_token = payload["idToken"]
        is_accepted = self._station.remote_start(
            payload.get("evseId"),
            id_token=id_token["idToken"],
            token_type=id_token["type"],
            remote_start_id=payload["remoteStartId"],
        )
        return _status("Accepted" if is_accepted else "Rejected")

    def _request_stop(self, payload: Payload) -> Reply:
        session = self._station.session_of(payload["transactionId"])
        if session is None:
            return _status("Rejected")
        return _status("Accepted", lambda: session.stop(StopReason.REMOTE))

    def _reset(self, payload: Payload) -> Reply:
        """Reset the whole station (this one cannot reset one evse alone)."""
        if payload.get("evseId"):
            return _status("Rejected")
        is_hard = payload["type"] == "Immediate"
        reason = StopReason.HARD_RESET if is_hard else StopReason.SOFT_RESET
        return _status("Accepted", lambda: self._station.reboot(reason))

    def _unlock(self, payload: Payload) -> Reply:
        evse = self._station.evses.get(payload["evseId"])
        if evse is None or payload["connectorId"] != 1:
            return _status("UnknownConnector")
        if evse.session is not None:
            return _status("OngoingAuthorizedTransaction")
        return _status("UnlockFailed" if evse.fault is Fault.CONNECTOR_LOCK_FAILURE else "Unlocked")

    def _trigger(self, payload: Payload) -> Reply:
        evses = self._chosen(payload)
        wanted: dict[str, Callable[[], None]] = {
            "BootNotification": self._station.contact.boot_again,
            "Heartbeat": lambda: self._station.tell(self.heartbeat()),
            "StatusNotification": lambda: self._tell_statuses(evses),
            "MeterValues": lambda: self._tell_meters(evses),
            "TransactionEvent": lambda: self._tell_sessions(evses),
        }
        action = wanted.get(payload["requestedMessage"])
        if action is None:
            return _status("NotImplemented")
        return _status("Accepted", action) if evses else _status("Rejected")

    def _change_availability(self, payload: Payload) -> Reply:
        evses, is_operative = self._chosen(payload), payload["operationalStatus"] == "Operative"
        if not evses:
            return _status("Rejected")
        done = [evse.set_operative(is_operative) for evse in evses]
        return _status("Accepted" if all(done) else "Scheduled")

    def _get_base_report(self, payload: Payload) -> Reply:
        request_id = payload["requestId"]
        return _status("Accepted", lambda: self._tell_report(request_id))

    def _tell_report(self, request_id: int) -> None:
        rows = self._variables.report()
        parts = [rows[n : n + _REPORT_PART] for n in range(0, len(rows), _REPORT_PART)]
        for seq_no, part in enumerate(parts):
            report = {
                "requestId": request_id,
                "generatedAt": wire_time(now()),
                "seqNo": seq_no,
                "tbc": seq_no < len(parts) - 1,
                "reportData": part,
            }
            self._station.tell(Message("NotifyReport", report))

    def _get_log(self, payload: Payload) -> Reply:
        request_id = payload["requestId"]

        def say(status: str) -> None:
            word = status.replace("Failed", "Failure")
            told = {"status": word, "requestId": request_id}
            self._station.tell(Message("LogStatusNotification", told))

        name = self._station.upload_log(payload["log"]["remoteLocation"], say)
        return {"status": "Accepted", "filename": name}, None

    def _tell_statuses(self, evses: list[VirtualEvse]) -> None:
        for evse in evses:
            self._station.tell(*self.status(evse))

    def _tell_meters(self, evses: list[VirtualEvse]) -> None:
        for evse in evses:
            value = _meter_value(evse, evse.session, evse.read(), "Trigger")
            payload = {"evseId": evse.evse_id, "meterValue": [value]}
            self._station.tell(Message("MeterValues", payload))

    def _tell_sessions(self, evses: list[VirtualEvse]) -> None:
        for evse in evses:
            if evse.session is not None:
                self._station.tell(self.metered(evse.session, evse.read(), "Trigger", "Trigger"))

    def _chosen(self, payload: Payload) -> list[VirtualEvse]:
        evse_id = payload.get("evse", {}).get("id", 0)
        return [e for e in self._station.evses.values() if evse_id in {0, e.evse_id}]


def status_of(evse: VirtualEvse) -> str:
    """Return the status of the evse's connector."""
    if evse.fault is not None:
        return "Faulted"
    if not evse.is_operative:
        return "Unavailable"
    return "Available" if evse.phase is Phase.FREE else "Occupied"


def _meter_value(
    evse: VirtualEvse, session: LiveSession | None, reading: Reading, context: str
) -> Payload:
    phases = session.guest.visit.curve.phases if session else 0
    values: list[dict[str, Any]] = [
        {
            "value": s.value,
            "measurand": s.measurand,
            "context": context,
            "unitOfMeasure": {"unit": s.unit},
            "location": "EV" if s.measurand == "SoC" else "Outlet",
        }
        | ({"phase": s.phase} if s.phase else {})
        for s in samples(evse.evse, phases, reading)
    ]
    return {"timestamp": wire_time(reading.at), "sampledValue": values}


def _id_token(guest: Guest) -> Payload:
    return {"idToken": guest.id_token, "type": guest.token_type}


def _status(status: str, afterwards: Callable[[], None] | None = None) -> Reply:
    return {"status": status}, afterwards
