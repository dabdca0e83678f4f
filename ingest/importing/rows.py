"""One row of a file of sessions: read, checked on its own, and named, so that it is known again."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.importing import RowError, amounts, times
from ingest.importing.mapping import DURATIONS, ENERGIES, Mapping
from ingest.importing.tables import Record

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # of a clock that was never set: 1970, 1980, 1999
LONGEST = timedelta(days=31)
AHEAD = timedelta(minutes=5)  # clocks differ
ROUNDED = timedelta(seconds=61)  # times and durations are rounded to minutes, each on its own
ENDS = {
    "charging_duration": "",
    "charging_seconds": "seconds",
    "charging_minutes": "minutes",
    "duration": "",
    "duration_seconds": "seconds",
    "duration_minutes": "minutes",
    "duration_hours": "hours",
}
CHARGING = ("charging_duration", "charging_seconds", "charging_minutes")
TEXT_LIMITS = {"id_token": 255, "reference": 255, "stop_reason": 255}


class KnownEvse(NamedTuple):
    """An evse of this installation and what its sessions are given."""

    evse_key: int
    evse_id: int
    max_power_w: int | None
    station_id: str
    operator_id: int | None
    site_id: int | None


class Fleet:
    """All evses, by station and by public code, whatever the letters' case."""

    def __init__(self, evses: Sequence[tuple[KnownEvse, str | None]]) -> None:
        self._stations: dict[str, dict[int, KnownEvse]] = {}
        self._codes: dict[str, KnownEvse] = {}
        for evse, code in evses:
            self._stations.setdefault(evse.station_id.lower(), {})[evse.evse_id] = evse
            if code:
                self._codes[code.lower()] = evse

    def by_code(self, code: str) -> KnownEvse:
        evse = self._codes.get(code.lower())
        if evse is None:
            raise RowError("public_code", code, "the code of an evse here")
        return evse

    def find(self, station: str, evse: str) -> KnownEvse:
        """By the station's id and the evse's number. Raises RowError."""
        evses = self._stations.get(station.lower())
        if evses is None:
            if (one := self._codes.get(station.lower())) is not None:
                return one
            raise RowError("station", station, "the id of a station here")
        if not evse and len(evses) == 1:
            return next(iter(evses.values()))
        number = evse.rsplit(None, 1)[-1] if evse else ""  # also: Connector 1
        found = evses.get(int(number)) if number.isdecimal() and len(number) < 9 else None
        if found is None:
            known = ", ".join(map(str, sorted(evses))) or "none are known yet"
            raise RowError("evse", evse, f"an evse of {station}: {known}")
        return found


class Reader(NamedTuple):
    """How the rows of one file are read. `oldest`: readings before are gone (retention)."""

    mapping: Mapping
    fleet: Fleet
    source: str
    zone: ZoneInfo
    order: times.Order | None
    mark: amounts.Mark
    now: datetime
    oldest: datetime = EARLIEST


class Row(NamedTuple):
    """A session as a row tells it. `charged_until`: energy flowed from the start until then;
    `meter_start_wh`: None where the file has no meters."""

    line: int
    evse: KnownEvse
    started_at: datetime
    ended_at: datetime
    charged_until: datetime
    energy_wh: int
    meter_start_wh: int | None
    id_token: str | None
    connector_id: int | None
    stop_reason: str | None
    flags: tuple[str, ...]
    identity: str
    content: str


def read_row(reader: Reader, record: Record) -> Row:
    """Raises RowError for the first thing that is wrong."""
    if record.problem is not None:
        raise RowError("row", record.problem, "a row as the header says")
    evse = _evse(reader, record.cells)
    span = _span(reader, record.cells)
    texts = {name: _plain(reader, name, record.cells) for name in TEXT_LIMITS}
    meter_start_wh, energy_wh = _energy(reader, record.cells)
    charged_until = _charged_until(reader, record.cells, span)
    said = (
        evse.station_id, evse.evse_id, span.started_at, span.ended_at, charged_until, energy_wh,
        meter_start_wh, texts["id_token"], texts["stop_reason"],
    )  # fmt: skip
    own = texts["reference"] or (evse.station_id, evse.evse_id, span.started_at)
    return Row(
        record.line, evse, span.started_at, span.ended_at, charged_until, energy_wh, meter_start_wh,
        texts["id_token"], _connector(reader, record.cells), texts["stop_reason"], span.flags,
        _hash(reader.source, own), _hash(*said),
    )  # fmt: skip


def _hash(*parts: object) -> str:
    """128 bits in hexadecimal, the same in every process and version."""
    text = "\0".join(
        part.isoformat() if isinstance(part, datetime) else str(part) for part in parts
    )
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _evse(reader: Reader, cells: Sequence[str]) -> KnownEvse:
    mapping = reader.mapping
    station = mapping.text("station", cells)
    if code := mapping.text("public_code", cells):
        return reader.fleet.by_code(code)
    if not station:
        raise RowError("station", "", "the id of a station here")
    station = mapping.stations.get(station.lower(), station)
    station, _, own_evse = station.partition("/")  # [stations] may name the evse: KW-7/2
    evse = own_evse or mapping.text("evse", cells) or mapping.text("connector", cells)
    return reader.fleet.find(station, evse)


def _connector(reader: Reader, cells: Sequence[str]) -> int | None:
    """Kept only where the file tells evse and connector apart."""
    if not {"evse", "connector"} <= reader.mapping.columns.keys():
        return None
    text = reader.mapping.text("connector", cells)
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise RowError("connector", text, "a number from 1 to 100")
    return int(text)


def _plain(reader: Reader, field: str, cells: Sequence[str]) -> str | None:
    text = reader.mapping.text(field, cells)
    if not text.isprintable() or len(text) > TEXT_LIMITS[field]:
        raise RowError(field, text[:60], f"at most {TEXT_LIMITS[field]} printable characters")
    return text or None


def _span(reader: Reader, cells: Sequence[str]) -> times.Span:
    start = _time(reader, "started_at", cells)
    if start is None:
        raise RowError("started_at", "", "a time")
    end = _time(reader, "ended_at", cells)
    lasted, field = _lasted(reader, DURATIONS, cells)
    span = times.span(start, end, lasted)
    if span is None:
        raise RowError("ended_at", "", "a time, or how long the session took")
    return _checked(reader, span, lasted, field or "ended_at")


def _checked(reader: Reader, span: times.Span, lasted: timedelta | None, field: str) -> times.Span:
    began, ended = span.started_at, span.ended_at
    if began < EARLIEST:
        raise RowError("started_at", _shown(reader, began), "a time after 1999")
    if ended < began:
        expected = f"a time at or after the start, {_shown(reader, began)}"
        raise RowError("ended_at", _shown(reader, ended), expected)
    if ended > reader.now + AHEAD:
        raise RowError("ended_at", _shown(reader, ended), "a time in the past")
    if ended - began > LONGEST:
        raise RowError("ended_at", str(ended - began), f"at most {LONGEST.days} days")
    if lasted is not None and abs(ended - began - lasted) > ROUNDED:
        between = f"{ended - began}, the time between start and end"
        raise RowError(field, str(lasted), between)
    return span


def _shown(reader: Reader, at: datetime) -> str:
    return at.astimezone(reader.zone).strftime("%Y-%m-%d %H:%M")


def _time(reader: Reader, field: str, cells: Sequence[str]) -> times.Local | None:
    text = reader.mapping.text(field, cells)
    if not text:
        return None
    try:
        return times.instants(times.parse(text, reader.order), reader.zone)
    except (ValueError, OverflowError):
        raise RowError(field, text[:60], "a date and a time") from None


def _lasted(
    reader: Reader, fields: Sequence[str], cells: Sequence[str]
) -> tuple[timedelta | None, str | None]:
    field = reader.mapping.unit(fields)
    text = reader.mapping.text(field, cells) if field else ""
    if not field or not text:
        return None, None
    try:
        lasted = amounts.duration(text, ENDS[field], reader.mark)
    except (ValueError, ArithmeticError):
        expected = f"a number of {ENDS[field]}" if ENDS[field] else "h:mm, h:mm:ss or 2 h 5 min"
        raise RowError(field, text[:60], expected) from None
    if lasted < timedelta(0):
        raise RowError(field, text[:60], "0 or more")
    return lasted, field


def _charged_until(reader: Reader, cells: Sequence[str], span: times.Span) -> datetime:
    """Energy flowed to the end, unless the row says for how long."""
    lasted, field = _lasted(reader, CHARGING, cells)
    if lasted is None or field is None:
        return span.ended_at
    if lasted > span.ended_at - span.started_at + ROUNDED:
        expected = f"at most {span.ended_at - span.started_at}, the whole session"
        raise RowError(field, str(lasted), expected)
    return min(span.started_at + lasted, span.ended_at)


def _energy(reader: Reader, cells: Sequence[str]) -> tuple[int | None, int]:
    """The meter at the start and what was delivered, in Wh."""
    first = _wh(reader, ("meter_start_wh", "meter_start_kwh"), cells)
    last = _wh(reader, ("meter_stop_wh", "meter_stop_kwh"), cells)
    energy = _wh(reader, ENERGIES, cells)
    if energy is None and first is not None and last is not None:
        energy = last - first
        if energy < 0:
            raise RowError("meter_stop", str(last), f"a meter at or above the start's, {first} Wh")
    field = reader.mapping.unit(ENERGIES) or "meter_stop"
    if energy is None:
        raise RowError(field, "", "the session's energy")
    if energy < 0:
        raise RowError(field, f"{energy} Wh", "0 or more")
    return first, energy


def _wh(reader: Reader, fields: Sequence[str], cells: Sequence[str]) -> int | None:
    field = reader.mapping.unit(fields)
    text = reader.mapping.text(field, cells) if field else ""
    if not field or not text:
        return None
    try:
        return amounts.watt_hours(text, field.rsplit("_", 1)[1], reader.mark)
    except (ValueError, ArithmeticError):
        unit = field.rsplit("_", 1)[1].replace("kwh", "kWh").replace("wh", "Wh")
        raise RowError(field, text[:60], f"a number of {unit}") from None
