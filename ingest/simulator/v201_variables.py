"""The device model of a virtual 2.0.1 station: variables to get, set and report (B05-B07)."""

from ingest.simulator.link import Payload, Reply
from ingest.simulator.station import VirtualStation

Key = tuple[str, str]
_HEARTBEAT: Key = ("OCPPCommCtrlr", "HeartbeatInterval")
_INTERVAL: Key = ("SampledDataCtrlr", "TxUpdatedInterval")
_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"


class Variables:
    """Values by component and variable; the two intervals change what the station does."""

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        spec = station.spec
        self._fixed: dict[Key, str] = {
            ("ChargingStation", "VendorName"): spec.vendor,
            ("ChargingStation", "Model"): spec.model,
            ("ChargingStation", "SerialNumber"): spec.serial_number,
            ("ChargingStation", "FirmwareVersion"): spec.firmware_version,
            ("ChargingStation", "SupplyPhases"): "3",
            ("AuthCtrlr", "AuthorizeRemoteStart"): "false",
            ("TxCtrlr", "TxStartPoint"): "Authorized",
            ("SampledDataCtrlr", "TxUpdatedMeasurands"): _MEASURANDS,
        }

    def get(self, payload: Payload) -> Reply:
        """Answer GetVariables."""
        return {"getVariableResult": [self._get(q) for q in payload["getVariableData"]]}, None

    def set(self, payload: Payload) -> Reply:
        """Answer SetVariables."""
        return {"setVariableResult": [self._set(q) for q in payload["setVariableData"]]}, None

    def report(self) -> list[Payload]:
        """Return every variable as a row of NotifyReport."""
        rows = [self._row({"name": name}, variable) for name, variable in self._values()]
        for evse in self._station.spec.evses:
            component = {"name": "EVSE", "evse": {"id": evse.evse_id}}
            rows.append(_row(component, "Power", str(evse.max_power_w), "ReadOnly", "W"))
        return rows

    def _values(self) -> dict[Key, str]:
        return self._fixed | {
            _HEARTBEAT: f"{self._station.contact.heartbeat_s:g}",
            _INTERVAL: f"{self._station.meter_interval_s:g}",
        }

    def _get(self, query: Payload) -> Payload:
        key, result = _key(query), _echo(query)
        status = self._known(key)
        if status != "Accepted":
            return result | {"attributeStatus": status}
        return result | {"attributeStatus": "Accepted", "attributeValue": self._values()[key]}

    def _set(self, query: Payload) -> Payload:
        key, value = _key(query), query["attributeValue"]
        status = self._known(key)
        if status == "Accepted" and (key in self._fixed or not _is_interval(value)):
            status = "Rejected"
        if status == "Accepted":
            self._change(key, float(value))
        return _echo(query) | {"attributeStatus": status}

    def _change(self, key: Key, seconds: float) -> None:
        if key == _HEARTBEAT:
            self._station.contact.heartbeat_s = seconds
        else:
            self._station.meter_interval_s = seconds

    def _known(self, key: Key) -> str:
        values = self._values()
        if key in values:
            return "Accepted"
        has_component = any(component == key[0] for component, _ in values)
        return "UnknownVariable" if has_component else "UnknownComponent"

    def _row(self, component: Payload, variable: str) -> Payload:
        key = (component["name"], variable)
        mutability = "ReadOnly" if key in self._fixed else "ReadWrite"
        return _row(component, variable, self._values()[key], mutability)


def _row(
    component: Payload, variable: str, value: str, mutability: str, unit: str | None = None
) -> Payload:
    characteristics: Payload = {"dataType": "string", "supportsMonitoring": False}
    if unit is not None:
        characteristics = {"dataType": "decimal", "supportsMonitoring": False, "unit": unit}
        characteristics["maxLimit"] = float(value)
    return {
        "component": component,
        "variable": {"name": variable},
        "variableAttribute": [{"type": "Actual", "value": value, "mutability": mutability}],
        "variableCharacteristics": characteristics,
    }


def _key(query: Payload) -> Key:
    return query["component"]["name"], query["variable"]["name"]


def _echo(query: Payload) -> Payload:
    result: Payload = {"component": query["component"], "variable": query["variable"]}
    if "attributeType" in query:
        result["attributeType"] = query["attributeType"]
    return result


def _is_interval(value: str) -> bool:
    return value.isdecimal() and int(value) > 0
