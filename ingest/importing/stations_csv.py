"""Stations from a CSV file: a row per station, evse or connector."""

from collections.abc import Iterator

from ingest.importing import FileError, RowError, wanted
from ingest.importing.mapping import plain as bare
from ingest.importing.mapping import told
from ingest.importing.tables import Record, Table, records
from ingest.importing.wanted import Check, Evse, Faulty, Place, Station

# Column: what it holds, and its other names (without spaces, case and signs)
COLUMNS: dict[str, tuple[Check, str]] = {
    "station_id": (wanted.station_id, "station id chargepointid chargeboxid chargerid laddstation"),
    "evse_id": (wanted.evse_id, "evse evsenumber outlet uttag"),
    "connector_id": (wanted.connector_id, "connector connectornumber kontakt"),
    "public_code": (wanted.public_code, "code kod evsecode"),
    "standard": (wanted.standard, "connectortype connectorstandard plug kontakttyp type typ"),
    "max_power_w": (wanted.watts(1), "powerw maxw effektw"),
    "max_power_kw": (wanted.watts(1000), "powerkw maxkw effektkw power effekt kw"),
    "site": (wanted.plain(200), "sitename location locationname plats anlaggning name"),
    "address": (wanted.plain(200), "street adress gatuadress gata"),
    "city": (wanted.plain(100), "town ort stad postort"),
    "country": (wanted.country, "countrycode land landskod"),
    "latitude": (wanted.degrees(90), "lat latitud breddgrad"),
    "longitude": (wanted.degrees(180), "lon lng long longitud langdgrad"),
    "time_zone": (wanted.time_zone, "timezone tz tidszon"),
    "grid_limit_w": (wanted.watts(1), "gridlimitw"),
    "grid_limit_kw": (wanted.watts(1000), "gridlimitkw gridlimit"),
    "help_phone": (wanted.plain(40), "phone helpphone telefon"),
    "vendor": (wanted.plain(100), "manufacturer make tillverkare fabrikat"),
    "model": (wanted.plain(100), "modell"),
    "serial_number": (wanted.plain(100), "serial serialno serienummer"),
    "password": (wanted.plain(200), "losenord"),
}
OF_PLACE = ("address", "city", "country", "latitude", "longitude", "time_zone", "help_phone")


def columns_of(header: tuple[str, ...]) -> dict[str, int]:
    """Fields by the place of their column. Raises FileError without a column of station ids."""
    places = {bare(name): place for place, name in reversed(list(enumerate(header)))}
    found = {}
    for field, (_, others) in COLUMNS.items():
        names = [name for name in (bare(field), *others.split()) if name in places]
        if names:
            found[field] = places.pop(names[0])
    if "station_id" not in found:
        raise FileError(f"no column station_id; {told(header)}")
    return found


def read(table: Table) -> Iterator[Station | Faulty]:
    """The rows as stations."""
    columns = columns_of(table.header)
    for record in records(table):
        try:
            yield _station(columns, record)
        except RowError as error:
            yield Faulty(record.line, error.field, str(error), _open(table, columns, record))


def _open(table: Table, columns: dict[str, int], record: Record) -> dict[str, str]:
    """The cells as they are kept: a password is not."""
    secret = columns.get("password")
    pairs = enumerate(zip(table.header, record.cells, strict=False))
    return {name: cell for place, (name, cell) in pairs if place != secret}


def _station(columns: dict[str, int], record: Record) -> Station:
    if record.problem is not None:
        raise RowError("row", record.problem, "a row as the header says")
    said = {}
    for field, place in columns.items():
        if text := record.cells[place].strip():
            said[field] = COLUMNS[field][0](field, text)
    if "station_id" not in said:
        raise RowError("station_id", "", "the id of a station")
    return Station(
        record.line, said["station_id"], _place(said), said.get("vendor"), said.get("model"),
        said.get("serial_number"), said.get("password"), _evses(said),
    )  # fmt: skip


def _place(said: dict[str, object]) -> Place | None:
    about = {name: said[name] for name in OF_PLACE if name in said}
    grid_limit_w = said.get("grid_limit_w", said.get("grid_limit_kw"))
    if "site" not in said:
        if about or grid_limit_w:
            raise RowError("site", "", f"the name of the site whose {', '.join(about)} it is")
        return None
    return Place(said["site"], grid_limit_w=grid_limit_w, **about)  # type: ignore[arg-type]


def _evses(said: dict[str, object]) -> dict[int, Evse]:
    """An evse if the row speaks of one; number 1 where it gives none."""
    of_connector = {"connector_id", "standard"} & said.keys()
    of_evse = {"evse_id", "public_code", "max_power_w", "max_power_kw"} & said.keys()
    if not of_connector and not of_evse:
        return {1: Evse(connectors={1: None})}
    power_w = said.get("max_power_w", said.get("max_power_kw"))
    connectors = {said.get("connector_id", 1): said.get("standard")}
    evse = Evse(said.get("public_code"), power_w, connectors)  # type: ignore[arg-type]
    return {said.get("evse_id", 1): evse}  # type: ignore[dict-item]
