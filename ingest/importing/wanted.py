"""What a file says of stations, whatever its format: only what it says, None for the rest."""

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from babel.core import get_global

from ingest.book import MAX_EVSES
from ingest.importing import RowError
from ingest.importing.amounts import mark_of, number

T = TypeVar("T", bound=msgspec.Struct)

# OCPI's names of what people call connectors
STANDARDS = {
    "type1": "IEC_62196_T1", "typ1": "IEC_62196_T1", "j1772": "IEC_62196_T1",
    "type2": "IEC_62196_T2", "typ2": "IEC_62196_T2", "mennekes": "IEC_62196_T2",
    "ccs": "IEC_62196_T2_COMBO", "ccs2": "IEC_62196_T2_COMBO", "combo": "IEC_62196_T2_COMBO",
    "ccs1": "IEC_62196_T1_COMBO", "chademo": "CHADEMO", "schuko": "DOMESTIC_F",
}  # fmt: skip
OCPI_NAME = re.compile("[A-Z][A-Z0-9_]{1,39}")
CODE = re.compile(r"[\w*.:~-]{1,40}")
MOST_W = 10_000_000


class Place(msgspec.Struct):
    """A site. `external_id`: its number in the file's source, which outlives its name."""

    name: str | None = None
    external_id: str | None = None
    address: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str | None = None
    grid_limit_w: int | None = None
    help_phone: str | None = None


class Evse(msgspec.Struct):
    """`connectors`: their standards by number, None where the file does not say."""

    public_code: str | None = None
    max_power_w: int | None = None
    connectors: dict[int, str | None] = {}


class Station(msgspec.Struct):
    """`line`: where the file begins to speak of it; for JSON its place, from 1."""

    line: int
    station_id: str
    place: Place | None = None
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    password: str | None = None
    evses: dict[int, Evse] = {}


class Faulty(msgspec.Struct):
    """A row or an object that can't be taken, and why; `is_gone`: as it is not there (any more)."""

    line: int
    field: str
    problem: str
    cells: Any
    is_gone: bool = False


def merged(old: T, new: T) -> T:
    """What two rows say of the same thing. Raises RowError where they contradict."""
    first, second = (msgspec.to_builtins(one) for one in (old, new))
    return msgspec.convert(_merged(first, {**second, "line": None}, ""), type=type(old))


def _merged(old: Any, new: Any, where: str) -> Any:
    if old is None or new is None:
        return new if old is None else old
    if isinstance(old, dict):
        return {key: _merged(old.get(key), new.get(key), str(key)) for key in {**old, **new}}
    if old != new:
        raise RowError(where, str(new), f"{old}, as an earlier row says")
    return old


def gather(found: Iterator[Station | Faulty]) -> tuple[list[Station], list[Faulty]]:
    """Rows of one station become one; codes that two evses claim belong to the first."""
    stations: dict[str, Station] = {}
    faulty: list[Faulty] = []
    codes: dict[str, tuple[str, int]] = {}
    for one in found:
        if isinstance(one, Faulty):
            faulty.append(one)
            continue
        try:
            _claim(codes, one)
            known = stations.get(one.station_id)
            stations[one.station_id] = one if known is None else merged(known, one)
        except RowError as error:
            faulty.append(Faulty(one.line, error.field, str(error), shown(one)))
    return list(stations.values()), faulty


def shown(station: Station) -> Any:
    """A station as people and logs may see it: without its password."""
    return msgspec.to_builtins(msgspec.structs.replace(station, password=None))


def _claim(codes: dict[str, tuple[str, int]], station: Station) -> None:
    for evse_id, evse in station.evses.items():
        if evse.public_code is not None:
            mine = (station.station_id, evse_id)
            owner = codes.setdefault(evse.public_code, mine)
            if owner != mine:
                expected = f"a code of its own; {owner[0]}/{owner[1]} has it"
                raise RowError("public_code", evse.public_code, expected)


Check = Callable[[str, str], Any]


def plain(most: int) -> Check:
    def check(field: str, text: str) -> str:
        if not text.isprintable() or len(text) > most:
            raise RowError(field, text[:60], f"1 to {most} printable characters")
        return text

    return check


def whole(least: int, most: int) -> Check:
    def check(field: str, text: str) -> int:
        if not text.isdecimal() or not least <= int(text[:12]) <= most:
            raise RowError(field, text[:60], f"a whole number from {least} to {most}")
        return int(text)

    return check


def degrees(most: int) -> Check:
    def check(field: str, text: str) -> float:
        try:
            value = float(_decimal(text))
        except (ValueError, ArithmeticError):
            value = math.inf
        if not -most <= value <= most:
            raise RowError(field, text[:60], f"degrees from -{most} to {most}")
        return value

    return check


def watts(unit: int) -> Check:
    """Power in W, of a number of W (1) or kW (1000)."""

    def check(field: str, text: str) -> int:
        try:
            bare = re.sub(r"(?i)\s*k?w$", "", text)
            factor = 1000 if text.lower().endswith("kw") else unit
            value = int(_decimal(bare) * factor)
        except (ValueError, ArithmeticError):
            value = 0
        if not 1 <= value <= MOST_W:
            name = "W" if unit == 1 else "kW"
            raise RowError(field, text[:60], f"a number of {name} up to {MOST_W // unit}")
        return value

    return check


def _decimal(text: str) -> Decimal:
    """22, 22.5, 22,5: coordinates and ratings have no thousands."""
    mark = mark_of(text)
    return number(text, "," if mark in (",", "?,") else ".")


def country(field: str, text: str) -> str:
    """Two letters, of two or three."""
    code = text.upper()
    found = get_global("territory_aliases").get(code, [code]) if len(code) == 3 else [code]
    if len(found) != 1 or not re.fullmatch("[A-Z]{2}", str(found[0])):
        raise RowError(field, text[:60], "a country's two or three letters, e.g. SE")
    return str(found[0])


def time_zone(field: str, text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):
        raise RowError(field, text[:60], "a time zone such as Europe/Stockholm") from None


def standard(field: str, text: str) -> str:
    """A connector in OCPI's spelling, or as people call it."""
    known = STANDARDS.get(re.sub(r"[\W_]", "", text.lower()))
    if known is None and not OCPI_NAME.fullmatch(text):
        raise RowError(field, text[:60], "a connector in OCPI's spelling, e.g. IEC_62196_T2")
    return known or text


def public_code(field: str, text: str) -> str:
    if not CODE.fullmatch(text):
        raise RowError(field, text[:60], "1 to 40 letters, digits or * . : ~ - _")
    return text


station_id = plain(48)
evse_id = connector_id = whole(1, MAX_EVSES)
