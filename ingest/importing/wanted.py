"""What a file says of stations, whatever its format: only what it says, None for the rest."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import msgspec

from ingest.book import MAX_EVSES
from ingest.importing import RowError
from ingest.importing.amounts import mark_of, number
from sql import fields
from sql.fields import (
    CODE,
    MOST_W,
    STANDARDS,
    Check,
    country,
    plain,
    public_code,
    standard,
    time_zone,
    whole,
)

__all__ = ["CODE", "MOST_W", "STANDARDS", "Check", "country", "plain", "public_code", "standard",
           "time_zone", "whole"]  # fmt: skip

T = TypeVar("T", bound=msgspec.Struct)


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


def _decimal(text: str) -> Decimal:
    """22, 22.5, 22,5: coordinates and ratings have no thousands."""
    mark = mark_of(text)
    return number(text, "," if mark in (",", "?,") else ".")


degrees = partial(fields.degrees, read=_decimal)
watts = partial(fields.watts, read=_decimal)
station_id = fields.station_id
evse_id = connector_id = whole(1, MAX_EVSES)
