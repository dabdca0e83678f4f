"""A virtual station's OCPP 1.6: events to messages, commands to actions.

OCPP 1.6 edition 2, sections 4 (from the station), 5 (to the station) and 9 (configuration keys).
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from ocpp.v16.enums import Action

from ingest.simulator.evse import Fault, Guest, LiveSession, Phase, StopReason, VirtualEvse
from ingest.simulator.link import CallRefusedError, Payload, Reply
from ingest.simulator.meter import now, samples
from ingest.simulator.outbox import Message
from ingest.simulator.plan import Reading
from ingest.simulator.station import VirtualStation

_STATUSES = {
    Phase.FREE: "Available",
    Phase.PLUGGED: "Preparing",
    Phase.CHARGING: "Charging",
    Phase.CAR_FULL: "SuspendedEV",
    Phase.FINISHED: "Finishing",
}
_REASONS = {
    StopReason.DRIVER: "Local",
    StopReason.REMOTE: "Remote",
    StopReason.SOFT_RESET: "SoftReset",
    StopReason.HARD_RESET: "HardReset",
    StopReason.UNLOCKED: "UnlockCommand",
    StopReason.FAULT: "Other",
    StopReason.NOT_AUTHORIZED: "DeAuthorized",
    StopReason.POWER_LOSS: "PowerLoss",
}
_KNOWN_ACTIONS = {str(action.value) for action in Action}
_INTERVAL_KEYS = {"HeartbeatInterval", "MeterValueSampleInterval"}


class Dialect16:
    """OCPP 1.6 spoken by one station."""

    subprotocol = "ocpp1.6"
    malformed_code = "FormationViolation"

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self._fixed = {
            "AuthorizeRemoteTxRequests": "false",
            "NumberOfConnectors": str(len(station.spec.evses)),
            "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import,"
            "Current.Import,Voltage,SoC",
            "SupportedFeatureProfiles": "Core,FirmwareManagement,RemoteTrigger",
        }
        self._free = {"WebSocketPingInterval": "20", "LightIntensity": "80"}
        self._commands: dict[str, Callable[[Payload], Reply]] = {
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "UnlockConnector": self._unlock,
            "TriggerMessage": self._trigger,
            "ChangeAvailability": self._change_availability,
            "GetConfiguration": self._get_configuration,
            "ChangeConfiguration": self._change_configuration,
            "GetDiagnostics": self._get_diagnostics,
        }

    # From the station.

    def boot(self, reason: str) -> Message:  # noqa: ARG002 (2.0.1 tells why, 1.6 does not)
        spec = self._station.spec
        return Message(
            "BootNotification",
            {
                "chargePointVendor": spec.vendor,
                "chargePointModel": spec.model,
                "chargePointSerialNumber": spec.serial_number,
                "firmwareVersion": spec.firmware_version,
            },
        )

    def heartbeat(self) -> Message:
        return Message("Heartbeat", {})

    def station_status(self) -> list[Message]:
        return [self._status(0, "Available", None)]

    def status(self, evse: VirtualEvse) -> list[Message]:
        return [self._status(evse.evse_id, status_of(evse), evse.fault)]

    def authorize(self, guest: Guest) -> Message:
        return Message("Authorize", {"idTag": guest.id_token})

    def is_authorized(self, answer: Payload) -> bool:
        return bool(answer["idTagInfo"]["status"] == "Accepted")

    def started(self, session: LiveSession, reading: Reading) -> Message:
        payload = {
            "connectorId": session.evse_id,
            "idTag": session.guest.id_token,
            "meterStart": reading.register_wh,
            "timestamp": wire_time(reading.at),
        }
        return Message(
            "StartTransaction", payload, kept=True, answered=partial(self._learn, session)
        )

    def metered(self, session: LiveSession, reading: Reading) -> Message:
        evse = self._station.evses[session.evse_id]
        payload = self._meter_values(evse, session, reading, "Sample.Periodic")
        complete = partial(_add_number, session)
        return Message("MeterValues", payload, kept=True, complete=complete)

    def phase(self, session: LiveSession, reading: Reading) -> list[Message]:  # noqa: ARG002
        return []  # the connector's status has told it

    def ended(self, session: LiveSession, reading: Reading) -> Message:
        payload = {
            "idTag": session.guest.id_token,
            "meterStop": reading.register_wh,
            "timestamp": wire_time(reading.at),
            "reason": _REASONS[session.stop_reason or StopReason.DRIVER],
        }
        complete = partial(_add_number, session)
        return Message("StopTransaction", payload, kept=True, complete=complete)

    def _learn(self, session: LiveSession, answer: Payload) -> None:
        session.number = answer["transactionId"]
        if not self.is_authorized(answer):
            session.stop(StopReason.NOT_AUTHORIZED)

    def _status(self, connector_id: int, status: str, fault: Fault | None) -> Message:
        payload = {
            "connectorId": connector_id,
            "errorCode": fault.value if fault else "NoError",
            "status": status,
            "timestamp": wire_time(now()),
        }
        return Message("StatusNotification", payload)

    def _meter_values(
        self, evse: VirtualEvse, session: LiveSession | None, reading: Reading, context: str
    ) -> Payload:
        phases = session.guest.visit.curve.phases if session else 0
        values = [
            {"context": context, "measurand": s.measurand, "unit": s.unit, "value": f"{s.value:g}"}
            | ({"phase": s.phase} if s.phase else {})
            | {"location": "EV" if s.measurand == "SoC" else "Outlet"}
            for s in samples(evse.evse, phases, reading)
        ]
        values[0]["value"] = str(reading.register_wh)
        values[1]["value"] = str(reading.power_w)
        meter_value = {"timestamp": wire_time(reading.at), "sampledValue": values}
        return {"connectorId": evse.evse_id, "meterValue": [meter_value]}

    # To the station.

    def handle(self, action: str, payload: Payload) -> Reply:
        """Obey or refuse a command; raises CallRefusedError, KeyError or ValueError."""
        command = self._commands.get(action)
        if command is not None:
            return command(payload)
        raise CallRefusedError("NotSupported" if action in _KNOWN_ACTIONS else "NotImplemented")

    def _remote_start(self, payload: Payload) -> Reply:
        id_token, evse_id = payload["idTag"], payload.get("connectorId")
        is_accepted = self._station.remote_start(evse_id, id_token=id_token)
        return {"status": "Accepted" if is_accepted else "Rejected"}, None

    def _remote_stop(self, payload: Payload) -> Reply:
        session = self._station.session_of(int(payload["transactionId"]))
        if session is None:
            return {"status": "Rejected"}, None
        return {"status": "Accepted"}, lambda: session.stop(StopReason.REMOTE)

    def _reset(self, payload: Payload) -> Reply:
        is_hard = payload["type"] == "Hard"
        reason = StopReason.HARD_RESET if is_hard else StopReason.SOFT_RESET
        return {"status": "Accepted"}, lambda: self._station.reboot(reason)

    def _unlock(self, payload: Payload) -> Reply:
        evse = self._station.evses.get(payload["connectorId"])
        if evse is None:
            return {"status": "NotSupported"}, None
        if evse.fault is Fault.CONNECTOR_LOCK_FAILURE:
            return {"status": "UnlockFailed"}, None
        if evse.session is not None:
            evse.session.stop(StopReason.UNLOCKED)
        return {"status": "Unlocked"}, None

    def _trigger(self, payload: Payload) -> Reply:
        evse_id = payload.get("connectorId")
        if evse_id and evse_id not in self._station.evses:
            return {"status": "Rejected"}, None
        wanted: dict[str, Callable[[], None]] = {
            "BootNotification": self._station.contact.boot_again,
            "Heartbeat": lambda: self._station.tell(self.heartbeat()),
            "StatusNotification": lambda: self._tell_statuses(evse_id),
            "MeterValues": lambda: self._tell_meters(evse_id),
        }
        action = wanted.get(payload["requestedMessage"])
        if action is None:
            return {"status": "NotImplemented"}, None
        return {"status": "Accepted"}, action

    def _change_availability(self, payload: Payload) -> Reply:
        evse_id, is_operative = payload["connectorId"], payload["type"] == "Operative"
        if evse_id and evse_id not in self._station.evses:
            return {"status": "Rejected"}, None
        done = [evse.set_operative(is_operative) for evse in self._chosen(evse_id)]
        return {"status": "Accepted" if all(done) else "Scheduled"}, None

    def _get_configuration(self, payload: Payload) -> Reply:
        settings = self._settings()
        wanted = payload.get("key") or list(settings)
        known = [
            {"key": key, "readonly": key in self._fixed, "value": settings[key]}
            for key in wanted
            if key in settings
        ]
        unknown = [key for key in wanted if key not in settings]
        return {"configurationKey": known, "unknownKey": unknown}, None

    def _change_configuration(self, payload: Payload) -> Reply:
        key, value = payload["key"], payload["value"]
        if key not in self._settings():
            return {"status": "NotSupported"}, None
        if key in self._fixed or (key in _INTERVAL_KEYS and not _is_interval(value)):
            return {"status": "Rejected"}, None
        self._set(key, value)
        return {"status": "Accepted"}, None

    def _get_diagnostics(self, payload: Payload) -> Reply:
        def say(status: str) -> None:
            self._station.tell(Message("DiagnosticsStatusNotification", {"status": status}))

        return {"fileName": self._station.upload_log(payload["location"], say)}, None

    def _set(self, key: str, value: str) -> None:
        if key == "HeartbeatInterval":
            self._station.contact.heartbeat_s = float(value)
        elif key == "MeterValueSampleInterval":
            self._station.meter_interval_s = float(value)
        else:
            self._free[key] = value

    def _settings(self) -> dict[str, str]:
        intervals = {
            "HeartbeatInterval": f"{self._station.contact.heartbeat_s:g}",
            "MeterValueSampleInterval": f"{self._station.meter_interval_s:g}",
        }
        return intervals | self._fixed | self._free

    def _tell_statuses(self, evse_id: int | None) -> None:
        if not evse_id:
            self._station.tell(*self.station_status())
        for evse in self._chosen(evse_id):
            self._station.tell(*self.status(evse))

    def _tell_meters(self, evse_id: int | None) -> None:
        for evse in self._chosen(evse_id):
            payload = self._meter_values(evse, evse.session, evse.read(), "Trigger")
            complete = partial(_add_number, evse.session) if evse.session else None
            self._station.tell(Message("MeterValues", payload, complete=complete))

    def _chosen(self, evse_id: int | None) -> list[VirtualEvse]:
        return [e for e in self._station.evses.values() if not evse_id or e.evse_id == evse_id]


def status_of(evse: VirtualEvse) -> str:
    """Return the one status that 1.6 has for an evse."""
    if evse.fault is not None:
        return "Faulted"
    if not evse.is_operative:
        return "Unavailable"
    return _STATUSES[evse.phase]


def wire_time(at: datetime) -> str:
    """Return an instant as the wire spells it, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _add_number(session: LiveSession, payload: Payload) -> bool:
    """Add the transaction id; without one there is no transaction to speak of."""
    if session.number is None:
        return False
    payload["transactionId"] = session.number
    return True


def _is_interval(value: str) -> bool:
    return value.isdecimal() and int(value) > 0
