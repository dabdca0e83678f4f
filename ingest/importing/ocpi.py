"""Stations from OCPI 2.2.1 Location objects (mod_locations, 8.3.1): a list of them, the response
of a CPO's endpoint ({"data": [..]}), or one.

OCPI knows no stations. Evses of a location whose uid ends in a separator and a number (X*1, X*2)
are the evses of one station, X; any other is a station of its own with evse 1.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from ingest.book import MAX_EVSES
from ingest.importing import FileError, GoneError, RowError, wanted
from ingest.importing.wanted import Evse, Faulty, Place, Station

GONE = ("REMOVED", "PLANNED")
NUMBERED = re.compile(r"(.+)[*_.:-](\d{1,3})")
PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}
LINE_TO_LINE_V = 380  # from here on a voltage of three phases is not the one to neutral


def read(octets: bytes) -> Iterator[Station | Faulty]:
    """The stations of all locations. Raises FileError."""
    line = 0
    for raw in _locations(octets):
        try:
            location: Any = msgspec.json.decode(raw)
            if not isinstance(location, dict):
                raise RowError("location", str(location)[:60], "an object")
            place = _place(location)
        except RowError as error:
            line += 1
            yield Faulty(line, error.field, str(error), location)
            continue
        for one in _stations(location, place):
            line += 1
            one.line = line
            yield one


def source(octets: bytes) -> str:
    """Whose numbers the locations have: party and country of the first that says."""
    for raw in _locations(octets):
        location: Any = msgspec.json.decode(raw)
        if isinstance(location, dict) and location.get("party_id"):
            return f"ocpi {location.get('country_code') or ''}*{location['party_id']}"
    return "ocpi"


def _locations(octets: bytes) -> list[msgspec.Raw]:
    try:
        start = octets.lstrip()[:1]
        if start == b"[":
            return msgspec.json.decode(octets, type=list[msgspec.Raw])
        whole = msgspec.json.decode(octets, type=dict[str, msgspec.Raw])
        if "data" not in whole:
            return [msgspec.Raw(octets)]
        data = bytes(whole["data"]).lstrip()
        if data[:1] == b"[":
            return msgspec.json.decode(data, type=list[msgspec.Raw])
        return [whole["data"]]
    except msgspec.DecodeError as error:
        raise FileError(f"no locations of OCPI: {error}") from error


def _text(holder: dict[str, Any], field: str, most: int = 200) -> str | None:
    value = holder.get(field)
    if value is None or isinstance(value, dict | list):
        return None
    text = " ".join(str(value).split())
    return wanted.plain(most)(field, text) or None


def _place(location: dict[str, Any]) -> Place:
    name, number = _text(location, "name"), _text(location, "id")
    if number is None:
        raise RowError("id", "", "the location's id")
    at = location.get("coordinates")
    if not isinstance(at, dict):
        raise RowError("coordinates", str(at)[:60], "an object with latitude and longitude")
    country, zone = _text(location, "country"), _text(location, "time_zone")
    return Place(
        name or _text(location, "address") or number,
        number,
        _text(location, "address"),
        _text(location, "city"),
        wanted.country("country", country) if country else None,
        wanted.degrees(90)("latitude", str(at.get("latitude", ""))),
        wanted.degrees(180)("longitude", str(at.get("longitude", ""))),
        wanted.time_zone("time_zone", zone) if zone else None,
    )


def _stations(location: dict[str, Any], place: Place) -> Iterator[Station | Faulty]:
    evses = location.get("evses") or []
    if not isinstance(evses, list):
        yield Faulty(0, "evses", f"expected a list, found {str(evses)[:60]}", location)
        return
    uids = [str(evse.get("uid") or "") for evse in evses if isinstance(evse, dict)]
    names = station_names(uids)
    for evse in evses:
        try:
            yield _station(place, evse, names)
        except RowError as error:
            gone = isinstance(error, GoneError)
            yield Faulty(0, error.field, str(error), evse, gone)


def station_names(uids: list[str]) -> dict[str, tuple[str, int]]:
    """Station and evse number of each uid of a location."""
    groups: dict[str, list[str]] = defaultdict(list)
    for uid in uids:
        if (match := NUMBERED.fullmatch(uid)) and 1 <= int(match[2]) <= MAX_EVSES:
            groups[match[1]].append(uid)
    names = {uid: (uid, 1) for uid in uids}
    for stem, members in groups.items():
        numbers = {int(uid[len(stem) + 1 :]) for uid in members}
        if len(numbers) == len(members) and stem not in names:
            names |= {uid: (stem, int(uid[len(stem) + 1 :])) for uid in members}
    return names


def _station(place: Place, evse: Any, names: dict[str, tuple[str, int]]) -> Station:
    if not isinstance(evse, dict):
        raise RowError("evses", str(evse)[:60], "an object")
    uid = _text(evse, "uid", 48)
    if uid is None:
        raise RowError("uid", "", "the evse's uid")
    if (status := _text(evse, "status")) in GONE:
        raise GoneError("status", str(status), "an evse that is there")
    station_id, evse_id = names[str(evse["uid"])]
    connectors = evse.get("connectors") or []
    if not isinstance(connectors, list) or not all(isinstance(c, dict) for c in connectors):
        raise RowError("connectors", str(connectors)[:60], "a list of objects")
    code = _text(evse, "evse_id", 48) or ""
    power_w = max(filter(None, map(watts, connectors)), default=None)
    known = Evse(code if wanted.CODE.fullmatch(code) else None, power_w, _standards(connectors))
    return Station(0, station_id, place, evses={evse_id: known})


def _standards(connectors: list[dict[str, Any]]) -> dict[int, str | None]:
    """By their ids where these are numbers, else by their places."""
    ids = [str(connector.get("id") or "") for connector in connectors]
    are_numbers = all(one.isdecimal() and 1 <= int(one[:4]) <= MAX_EVSES for one in ids)
    found: dict[int, str | None] = {}
    for place, connector in enumerate(connectors, 1):
        text = _text(connector, "standard", 40)
        key = int(ids[place - 1]) if are_numbers and len(set(ids)) == len(ids) else place
        found[key] = wanted.standard("standard", text) if text else None
    return found or {1: None}


def watts(connector: dict[str, Any]) -> int | None:
    """The connector's rating: as it says, else from volts, amperes and phases (8.4.5)."""
    if (power := connector.get("max_electric_power")) is not None:
        return int(wanted.watts(1)("max_electric_power", str(power)))
    volts, amperes = connector.get("max_voltage"), connector.get("max_amperage")
    phases = PHASES.get(str(connector.get("power_type")))
    if not isinstance(volts, int | float) or not isinstance(amperes, int | float) or not phases:
        return None
    factor = 3**0.5 if phases == 3 and volts >= LINE_TO_LINE_V else phases
    power_w = round(volts * amperes * factor)
    return power_w if 1 <= power_w <= wanted.MOST_W else None
