"""Which column of a file is what: as the operator says, else guessed from the columns' names."""

import re
import tomllib
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ingest.importing import FileError

FIELDS = {
    "station": "the station's id here, or its name in [stations] of the mapping",
    "evse": "number of the evse; not needed where a station has one",
    "connector": "number of the connector; OCPP 1.6's connector is the evse",
    "public_code": "code on the evse, in the place of station and evse",
    "started_at": "when the session began",
    "ended_at": "when it ended",
    "duration": "how long it lasted: h:mm, h:mm:ss, 2 h 5 min",
    "duration_seconds": "how long it lasted, a number",
    "duration_minutes": "how long it lasted, a number",
    "duration_hours": "how long it lasted, a number",
    "charging_duration": "how long energy flowed, from the start on",
    "charging_seconds": "how long energy flowed, a number",
    "charging_minutes": "how long energy flowed, a number",
    "energy_kwh": "energy of the session",
    "energy_wh": "energy of the session",
    "meter_start_kwh": "the meter at the start",
    "meter_start_wh": "the meter at the start",
    "meter_stop_kwh": "the meter at the end",
    "meter_stop_wh": "the meter at the end",
    "id_token": "id token (tag) that charged",
    "reference": "the session's own number in the earlier system",
    "stop_reason": "why it ended",
}
DURATIONS = ("duration", "duration_seconds", "duration_minutes", "duration_hours")
ENERGIES = ("energy_kwh", "energy_wh")

# Names of columns, without spaces, case and signs; the first that a file has is taken.
SYNONYMS: dict[str, str] = {
    "station": "stationid station stationname chargepointid chargepoint chargepointname chargeboxid"
    " chargebox chargerid charger chargername cpid cp evsestation laddstation laddstationid"
    " laddstolpe ladestasjon ladestation chargingstation chargingstationid ladepunkt",
    "evse": "evse evseid evsenumber evseno connectorid connector connectornumber connectorno outlet"
    " outletid socket socketid port portnumber uttag kontakt uttak",
    "public_code": "publiccode evsecode",
    "started_at": "startedat startdatetime start starttimestamp timestampstart starttid"
    " starttidpunkt startdatum startdate starttime plugintime connecttime transactionstart"
    " sessionstart chargingstart beginn startzeit begin",
    "ended_at": "endedat enddatetime stopdatetime end stop endtimestamp stoptimestamp timestampstop"
    " timestampend sluttid sluttidpunkt slutdatum stopptid stopptidpunkt enddate stopdate endtime"
    " stoptime finishtime plugouttime unplugtime disconnecttime transactionstop transactionend"
    " sessionend sessionstop ende endzeit",
    "duration": "duration totalduration sessionduration connectedtime plugintimetotal varaktighet"
    " varighet dauer",
    "duration_seconds": "durationseconds durations durationsec",
    "duration_minutes": "durationminutes durationmin durationmins minutes",
    "duration_hours": "durationhours durationh hours",
    "charging_duration": "chargingduration chargingtime chargetime laddtid ladetid ladezeit",
    "charging_seconds": "chargingseconds chargingtimeseconds chargingdurationseconds",
    "charging_minutes": "chargingminutes chargingtimeminutes chargingdurationminutes",
    "energy_kwh": "energykwh kwh totalkwh kwhdelivered energykwhdelivered deliveredkwh energi"
    " energikwh energy totalenergy totalenergykwh consumption consumptionkwh consumkwh forbrukkwh"
    " forbrukning forbrukningkwh mangdkwh energiekwh energie verbrauchkwh",
    "energy_wh": "energywh wh totalwh energydeliveredwh consumptionwh totalenergywh",
    "meter_start_kwh": "meterstartkwh startmeterkwh startvaluekwh",
    "meter_start_wh": "meterstartwh meterstart startvalue startmeter startmeterwh",
    "meter_stop_kwh": "meterstopkwh meterendkwh stopmeterkwh stopvaluekwh",
    "meter_stop_wh": "meterstopwh meterstop stopvalue meterend stopmeter stopmeterwh",
    "id_token": "idtoken idtag tag tagid rfid rfidtag rfidtagg tagg token tokenuid authid brikke"
    " bricka kort",
    "reference": "reference transactionid sessionid transactionpk cdrid"
    " chargingeventid chargingevent eventid",
    "stop_reason": "stopreason reason stopkod",
}
# A date in one column and its time in another
PAIRS = {
    "started_at": [("startdate", "starttime"), ("startdatum", "starttid"), ("date", "starttime")],
    "ended_at": [("enddate", "endtime"), ("stopdate", "stoptime"), ("slutdatum", "sluttid")],
}
LETTERS = str.maketrans("åäöæøüé", "aaoaoue")


class Mapping(NamedTuple):
    """Fields, each with the places of its columns; `stations`: names there to ids here."""

    columns: dict[str, tuple[int, ...]]
    stations: dict[str, str]

    def text(self, field: str, cells: Sequence[str]) -> str:
        places = self.columns.get(field, ())
        if len(places) == 1:
            return cells[places[0]].strip()
        return " ".join(filter(None, (cells[place].strip() for place in places)))

    def unit(self, fields: Sequence[str]) -> str | None:
        """The one of these fields that the file has."""
        return next((field for field in fields if field in self.columns), None)


class Given(NamedTuple):
    """What the operator said: columns by field, and settings of a mapping file."""

    columns: dict[str, list[str]]
    stations: dict[str, str]
    settings: dict[str, str]


SETTINGS = ("time_zone", "date_order", "decimal", "source")


def read_given(text: str | None, path: Path | None) -> Given:
    """--map and --mapping together; --map goes before. Raises FileError."""
    given = Given({}, {}, {}) if path is None else _file(path)
    for part in _parts(text or ""):
        field, sign, column = (piece.strip() for piece in part.partition("="))
        if not sign or not column:
            raise FileError(f"--map: expected field=Column, found {part.strip()}")
        given.columns[_field(field)] = [column]
    return given


def _parts(text: str) -> list[str]:
    """Split at commas that begin another `field=`, as names of columns may have commas."""
    return [part for part in re.split(r",(?=\s*\w+\s*=)", text) if part.strip()]


def _field(name: str) -> str:
    if name not in FIELDS:
        raise FileError(f"{name} is no field; there are: {', '.join(FIELDS)}")
    return name


def _file(path: Path) -> Given:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror} (--mapping)") from error
    except ValueError as error:  # no TOML, no UTF-8
        raise FileError(f"{path} is no TOML: {error} (--mapping)") from error
    if strange := document.keys() - {"columns", "stations", *SETTINGS}:
        known = ", ".join(("[columns]", "[stations]", *SETTINGS))
        raise FileError(f"{path}: {min(strange)} is unknown; there are: {known}")
    columns = {_field(k): _names(path, k, v) for k, v in _dict(path, document, "columns").items()}
    stations = {k: _text(path, k, v) for k, v in _dict(path, document, "stations").items()}
    settings = {k: _text(path, k, document[k]) for k in SETTINGS if k in document}
    return Given(columns, stations, settings)


def _dict(path: Path, document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name, {})
    if not isinstance(found, dict):
        raise FileError(f"{path}: {name}: expected a table, [{name}]")
    return found


def _text(path: Path, name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise FileError(f"{path}: {name}: expected a text in quotes, found {value!r}")
    return value


def _names(path: Path, name: str, value: object) -> list[str]:
    return [_text(path, name, one) for one in (value if isinstance(value, list) else [value])]


def make_mapping(header: Sequence[str], given: Given) -> Mapping:
    """What was said, and guesses for the other fields from columns nobody named.

    Raises FileError: a column is not there or there twice, or something needed is missing.
    """
    columns = {field: _places(header, field, names) for field, names in given.columns.items()}
    columns |= _guess(header, columns)
    mapping = Mapping(columns, {k.lower(): v for k, v in given.stations.items()})
    _check(header, mapping)
    return mapping


def _places(header: Sequence[str], field: str, names: Sequence[str]) -> tuple[int, ...]:
    """Columns by name; "Start Date+Start Time" is two, where no column is called that."""
    found = []
    for name in names:
        parts = [name] if _find(header, name) else name.split("+")
        for part in parts:
            places = _find(header, part)
            if len(places) != 1:
                said = "is there twice" if places else "is not there"
                raise FileError(f"{field}: column {part.strip()} {said}; {told(header)}")
            found.append(places[0])
    return tuple(found)


def _find(header: Sequence[str], name: str) -> list[int]:
    name = name.strip()
    exact = [place for place, column in enumerate(header) if column == name]
    return exact or [p for p, column in enumerate(header) if column.lower() == name.lower()]


def told(header: Sequence[str]) -> str:
    """The columns a file has, for a message: a file that is no table may have wild ones."""
    names = ", ".join(name for name in header if name)
    names = "".join(letter if letter.isprintable() else "?" for letter in names)
    return f"the file's columns: {names if len(names) < 500 else names[:500] + ' ..'}"


def plain(name: str) -> str:
    """A column's name as synonyms are written."""
    return re.sub(r"[\W_]+", "", name.lower().translate(LETTERS))


def _guess(header: Sequence[str], said: Dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    taken = {place for places in said.values() for place in places}
    free = {plain(name): place for place, name in reversed(list(enumerate(header)))}
    free = {name: place for name, place in free.items() if place not in taken}
    guessed: dict[str, tuple[int, ...]] = {}
    for field, names in SYNONYMS.items():
        if field in said or _has_other(field, {*said, *guessed}):
            continue
        pair = next((p for p in PAIRS.get(field, ()) if all(name in free for name in p)), None)
        found = pair or next(((name,) for name in names.split() if name in free), None)
        if found:
            guessed[field] = tuple(free.pop(name) for name in found)
    return guessed


def _has_other(field: str, known: set[str]) -> bool:
    """Energy is taken from one column, a duration too."""
    return any(field in group and known & set(group) for group in (DURATIONS, ENERGIES))


def _check(header: Sequence[str], mapping: Mapping) -> None:
    known = mapping.columns.keys()
    has_meters = any(f.startswith("meter_start") for f in known) and any(
        f.startswith("meter_stop") for f in known
    )
    missing = [
        need
        for need, is_there in (
            ("station", known & {"station", "public_code"}),
            ("started_at", "started_at" in known),
            ("ended_at or duration", known & {"ended_at", *DURATIONS}),
            ("energy_kwh or energy_wh", has_meters or known & set(ENERGIES)),
        )
        if not is_there
    ]
    if missing:
        raise FileError(
            f"no column for {', '.join(missing)}: "
            f'say which with --map "{missing[0].split()[0]}=NAME"; {told(header)}'
        )


def described(header: Sequence[str], mapping: Mapping) -> list[tuple[str, str]]:
    """Fields and their columns as people read them; the last is what is ignored."""
    lines = [(f, " + ".join(header[p] for p in places)) for f, places in mapping.columns.items()]
    used = {place for places in mapping.columns.values() for place in places}
    ignored = [name for place, name in enumerate(header) if place not in used and name]
    return [*lines, ("ignored", ", ".join(ignored))] if ignored else lines
