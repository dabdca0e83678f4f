"""Stations from a dump of NOBIL, the public database of the Nordic countries (API version 3).

NOBIL knows places and connectors, not OCPP identities: a place becomes a site with one station,
called by its International_id (SWE_03108). Connectors of the same EVSE (attributes 27, 28) are one
evse, others one each. docs/import.md says which fields were seen in real dumps.
"""

import html
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from ingest.importing import FileError, GoneError, RowError, wanted
from ingest.importing.wanted import Evse, Faulty, Place, Station

SOURCE = "nobil"
CONNECTOR, CAPACITY, MANUFACTURER, CARRIER, EVSE_UID, EVSE_ID = "4", "5", "23", "26", "27", "28"
ELECTRICITY = "1"
# attrvalid of attribute 4
STANDARDS: dict[str, tuple[str, ...]] = {
    "14": ("DOMESTIC_F",), "30": ("CHADEMO",), "31": ("IEC_62196_T1",), "32": ("IEC_62196_T2",),
    "39": ("IEC_62196_T2_COMBO",), "40": ("TESLA_S",), "50": ("IEC_62196_T2", "DOMESTIC_F"),
    "60": ("IEC_62196_T1", "IEC_62196_T2"), "87": ("MCS",),
}  # fmt: skip
NO_CAR = {"70", "82"}  # hydrogen, biogas
ZONES = {"NO": "Europe/Oslo", "SE": "Europe/Stockholm", "DK": "Europe/Copenhagen",
         "FI": "Europe/Helsinki", "IS": "Atlantic/Reykjavik"}  # fmt: skip
POSITION = re.compile(r"\(\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)")
PHONE = re.compile(r"\+?[\d][\d ()/-]{4,25}")
KW = re.compile(r"([\d.,]+)\s*kW", re.IGNORECASE)
AMPERES = re.compile(r"(\d+)\s*V.*?(?:max\s*)?(\d+)\s*A", re.IGNORECASE)


class Dump(msgspec.Struct):
    chargerstations: list[msgspec.Raw]


def read(octets: bytes) -> Iterator[Station | Faulty]:
    """The places of a dump. Raises FileError."""
    try:
        dump = msgspec.json.decode(octets, type=Dump)
    except msgspec.DecodeError as error:
        raise FileError(f"no dump of NOBIL: {error}") from error
    for line, raw in enumerate(dump.chargerstations, 1):
        try:
            found: Any = msgspec.json.decode(raw)
            yield _station(line, found)
        except RowError as error:
            gone = isinstance(error, GoneError)
            yield Faulty(line, error.field, str(error), found, gone)


def _station(line: int, found: Any) -> Station:
    csmd = found.get("csmd") if isinstance(found, dict) else None
    if not isinstance(csmd, dict):
        raise RowError("csmd", str(csmd)[:60], "an object with the place's fields")
    name = wanted.station_id("International_id", _text(csmd, "International_id"))
    if not name:
        raise RowError("International_id", "", "such as SWE_03108")
    if (status := _text(csmd, "Station_status")) not in ("", "1"):
        raise GoneError("Station_status", status, "1, in operation")
    connectors = _connectors(found)
    return Station(
        line, name, _place(csmd, name), vendor=_vendor(connectors), evses=_evses(connectors)
    )


def _text(csmd: dict[str, Any], field: str) -> str:
    value = csmd.get(field)
    return "" if value is None else " ".join(html.unescape(str(value)).split())


def _place(csmd: dict[str, Any], external_id: str) -> Place:
    land = _text(csmd, "Land_code")
    country = wanted.country("Land_code", land) if land else None
    match = POSITION.fullmatch(_text(csmd, "Position"))
    if match is None:
        raise RowError("Position", _text(csmd, "Position")[:60], "(latitude,longitude)")
    phone = PHONE.fullmatch(_text(csmd, "Contact_info"))
    street = f"{_text(csmd, 'Street')} {_text(csmd, 'House_number')}".strip()
    return Place(
        wanted.plain(200)("name", _text(csmd, "name")) or external_id,
        external_id,
        street or None,
        _text(csmd, "City") or None,
        country,
        wanted.degrees(90)("Position", match[1]),
        wanted.degrees(180)("Position", match[2]),
        ZONES.get(country or ""),
        help_phone=phone[0] if phone else None,
    )


def _connectors(found: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Attributes of each connector that charges a vehicle; an empty list where there are none."""
    attributes = found.get("attr")
    connectors = attributes.get("conn") if isinstance(attributes, dict) else None
    if not isinstance(connectors, dict):
        return {}
    return {
        wanted.evse_id("conn", str(key)): value
        for key, value in connectors.items()
        if isinstance(value, dict)
        and _attribute(value, CARRIER) in ("", ELECTRICITY)
        and _attribute(value, CONNECTOR) not in NO_CAR
    }


def _attribute(connector: dict[str, Any], kind: str, field: str = "attrvalid") -> str:
    value = connector.get(kind)
    found = value.get(field) if isinstance(value, dict) else None
    return "" if found in (None, False) else str(found).strip()


def _vendor(connectors: dict[int, dict[str, Any]]) -> str | None:
    names = {_attribute(connector, MANUFACTURER, "trans") for connector in connectors.values()}
    names = {name for name in names if name and name.lower() not in ("unspecified", "unknown")}
    return names.pop()[:100] if len(names) == 1 else None


def _evses(connectors: dict[int, dict[str, Any]]) -> dict[int, Evse]:
    """Evses keep the number of their first connector, so that a longer dump renumbers nothing."""
    evses: dict[int, Evse] = {}
    numbers: dict[str, int] = {}
    for number, connector in sorted(connectors.items()):
        own = _attribute(connector, EVSE_UID, "attrval") or _attribute(
            connector, EVSE_ID, "attrval"
        )
        evse_id = numbers.setdefault(own or f"connector {number}", number)
        evse = evses.setdefault(evse_id, Evse(_code(connector)))
        power_w = watts(_attribute(connector, CAPACITY, "trans"))
        evse.max_power_w = max(filter(None, (evse.max_power_w, power_w)), default=None)
        for standard in _standards(connector):
            evse.connectors[len(evse.connectors) + 1] = standard
    return evses


def _standards(connector: dict[str, Any]) -> tuple[str | None, ...]:
    """By NOBIL's number; one that is new to us by its name."""
    name = re.sub(r"[\W_]", "", _attribute(connector, CONNECTOR, "trans").lower())
    other = wanted.STANDARDS.get(name)
    return STANDARDS.get(_attribute(connector, CONNECTOR), (other,))


def _code(connector: dict[str, Any]) -> str | None:
    code = _attribute(connector, EVSE_ID, "attrval")
    return code if wanted.CODE.fullmatch(code) else None


def watts(text: str) -> int | None:
    """From "22 kW - 400V 3-phase max 32A" or "230V 3-phase max 16A"; None for "Unspecified" and
    for sums of several connectors ("Less then 100 kW + 43 kW")."""
    if "+" in text:
        return None
    if match := KW.search(text):
        return int(wanted.watts(1000)(CAPACITY, match[1].rstrip(".,")))
    if match := AMPERES.search(text):
        phases = math.sqrt(3) if re.search("3.?(phase|fas)", text, re.IGNORECASE) else 1
        return round(int(match[1]) * int(match[2]) * phases) or None
    return None
