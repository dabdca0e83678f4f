"""What a station told of its configuration, from the frames it came in: OCPP 1.6 keys, 2.x
variables. Pure; a part that is not as the standard says is left out, the rest is read.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Variable:
    """One setting. `component` is empty in 1.6; `is_fixed`: it cannot be set; `at`: told then."""

    component: str
    name: str
    value: str | None
    unit: str = ""
    is_fixed: bool = False
    at: datetime | None = None


@dataclass(frozen=True)
class Certificate:
    """An installed certificate as GetInstalledCertificateIds lists it."""

    use: str
    serial: str
    issuer_hash: str
    at: datetime | None = None


def variables(reports: Iterable[Row], answers: Iterable[Row]) -> list[Variable]:
    """The newest word on each, by component and name; rows are oldest first within each kind."""
    read = [one for row in reports for one in _of_report(row)]
    read += [one for row in answers for one in _of_answer(row)]
    newest: dict[tuple[str, str], Variable] = {}
    for one in sorted(read, key=lambda one: one.at.timestamp() if one.at else 0):
        newest[one.component, one.name] = one
    return sorted(newest.values(), key=lambda one: (one.component.lower(), one.name.lower()))


def _of_report(row: Row) -> list[Variable]:
    """A NotifyReport frame: [2, id, action, {reportData: [..]}]."""
    try:
        frame = json.loads(row["frame"] or "")
    except ValueError:
        return []
    body = frame[3] if isinstance(frame, list) and len(frame) > 3 else None
    return [
        found
        for item in _dicts(body, "reportData")
        if (found := _reported(item, row["received_at"])) is not None
    ]


def _reported(item: dict[str, Any], at: datetime) -> Variable | None:
    attributes = _dicts(item, "variableAttribute")
    actual = next((one for one in attributes if one.get("type", "Actual") == "Actual"), None)
    name = _named(item.get("variable"))
    if actual is None or not name:
        return None
    traits = item.get("variableCharacteristics")
    unit = str(traits.get("unit") or "") if isinstance(traits, dict) else ""
    fixed = actual.get("mutability") == "ReadOnly" or bool(actual.get("constant"))
    return Variable(_component(item.get("component")), name, _text(actual.get("value")), unit,
                    fixed, at)  # fmt: skip


def _of_answer(row: Row) -> list[Variable]:
    response, at = row["response"], row["finished_at"]
    if row["action"] == "GetConfiguration":
        return [
            Variable("", str(one["key"]), _text(one.get("value")), "", bool(one.get("readonly")),
                     at)
            for one in _dicts(response, "configurationKey") if one.get("key")
        ]  # fmt: skip
    return [
        Variable(_component(one.get("component")), name, _text(one.get("attributeValue")), at=at)
        for one in _dicts(response, "getVariableResult")
        if one.get("attributeStatus") == "Accepted" and (name := _named(one.get("variable")))
    ]


def certificates(answers: Iterable[Row]) -> list[Certificate]:
    """What is installed, by the newest answer that lists it."""
    found: list[Certificate] = []
    for row in answers:
        chain = _dicts(row["response"], "certificateHashDataChain")
        if row["action"] == "GetInstalledCertificateIds":
            found = [_installed(one, row["finished_at"]) for one in chain]
    return found


def _installed(one: dict[str, Any], at: datetime) -> Certificate:
    data = one.get("certificateHashData")
    data = data if isinstance(data, dict) else {}
    return Certificate(str(one.get("certificateType") or ""), str(data.get("serialNumber") or ""),
                       str(data.get("issuerNameHash") or "")[:16], at)  # fmt: skip


def _dicts(body: Any, name: str) -> list[dict[str, Any]]:
    found = body.get(name) if isinstance(body, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _component(value: Any) -> str:
    """EVSE 1, or EVSE 1 / connector 2: the part a variable belongs to, with its place."""
    if not isinstance(value, dict):
        return ""
    evse = value.get("evse")
    number = f" {evse['id']}" if isinstance(evse, dict) and "id" in evse else ""
    return f"{_named(value)}{number}"


def _named(value: Any) -> str:
    if not isinstance(value, dict) or not value.get("name"):
        return ""
    instance = value.get("instance")
    return f"{value['name']}[{instance}]" if instance else str(value["name"])


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
