"""Stations of a file into the database: what it says and nothing else; said again, nothing.

One transaction for the whole file. Nothing is ever removed, and what a station says itself (its
maker, once it has booted; states; contact) is left alone.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.columns import arrays
from ingest.importing import FileError, RowError
from ingest.importing.sessions import ROW_COLUMNS
from ingest.importing.sites import Sites, differences
from ingest.importing.wanted import Evse, Faulty, Station, shown
from sql.admin import COMMAND_LINE, audit
from sql.admin.passwords import hash_password
from sql.admin.stations import new_code
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("importing")

MADE = ("vendor", "model", "serial_number")


class Outcome(msgspec.Struct):
    """What became of the stations; `done` says it station by station."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    without_password: int = 0
    done: list[tuple[int, str]] = []
    faulty: list[Faulty] = []
    gone: int = 0
    unit: str = "line"  # what the place of a faulty one is called

    @property
    def counts(self) -> dict[str, int]:
        """As the run keeps them."""
        return {
            "added": self.added, "changed": self.changed, "unchanged": self.unchanged,
            "rejected": len(self.faulty), "gone": self.gone,
        }  # fmt: skip

    def refuse(self, found: list[Faulty]) -> None:
        """Keep what can't be taken; what the file itself says is not there is only counted."""
        self.faulty += [one for one in found if not one.is_gone]
        self.gone += sum(one.is_gone for one in found)


class Stored(msgspec.Struct):
    """A station as it is in the database."""

    site_id: int | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    has_booted: bool
    has_password: bool
    evses: dict[int, Evse] = {}


def stored(connection: Connection, station_ids: list[str]) -> dict[str, Stored]:
    """Stations by id, with their evses."""
    rows = queries.stored_stations(connection, station_ids=station_ids)
    found = {row[0]: Stored(*row[1:]) for row in rows}
    for row in queries.stored_evses(connection, station_ids=station_ids):
        connectors = {int(key): value for key, value in row[5].items()}
        found[row[0]].evses[row[1]] = Evse(row[3], row[4], connectors)
    return found


class StationImporter:
    """Writes stations of one file, in one transaction of the caller's."""

    def __init__(
        self, connection: Connection, operator_id: int, source: str, actor: str = COMMAND_LINE
    ) -> None:
        self.outcome = Outcome()
        self._actor = actor
        self._connection = connection
        self._sites = Sites(connection, operator_id, source)

    def put_all(self, stations: list[Station], progress: Callable[[int], Any]) -> None:
        """Every station, or in `outcome.faulty` why not."""
        known = stored(self._connection, [station.station_id for station in stations])
        codes = [e.public_code for s in stations for e in s.evses.values() if e.public_code]
        rows = queries.code_owners(self._connection, codes=codes)
        owners = {code: (station_id, evse_id) for code, station_id, evse_id in rows}
        for station in stations:
            try:
                _check_codes(station, owners)
                self._put(station, known.get(station.station_id))
            except RowError as error:
                faulty = Faulty(station.line, error.field, str(error), shown(station))
                self.outcome.faulty.append(faulty)
            progress(1)

    def _put(self, station: Station, old: Stored | None) -> None:
        changes: list[str] = []
        site_id = old.site_id if old else None
        if station.place is not None:
            site_id, changes = self._sites.put(station.place, site_id)
        changes += self._put_station(station, old, site_id)
        for evse_id, evse in station.evses.items():
            kept = old.evses.get(evse_id) if old else None
            changes += self._put_evse(station.station_id, evse_id, evse, kept)
        self._note(station, old, changes)

    def _put_station(self, station: Station, old: Stored | None, site_id: int | None) -> list[str]:
        if old and old.has_booted:
            for name in MADE:  # it has said so itself
                setattr(station, name, None)
        changes = differences(old, station, MADE) if old else ["new station"]
        if old and site_id != old.site_id:
            changes.append(f"site number {old.site_id} -> {site_id}")
        sets_password = station.password is not None and not (old and old.has_password)
        if sets_password and old:
            changes.append("its first password")
        if changes:
            queries.put_station(
                self._connection, station_id=station.station_id, site_id=site_id,
                password_hash=hash_password(station.password or "") if sets_password else None,
                **{name: getattr(station, name) for name in MADE},
            )  # fmt: skip
        self.outcome.without_password += not (sets_password or (old and old.has_password))
        return changes

    def _put_evse(self, station_id: str, evse_id: int, evse: Evse, old: Evse | None) -> list[str]:
        name = f"evse {evse_id} "
        if old is None:
            changes = [f"new evse {evse_id}"]
        else:
            changes = differences(old, evse, ("public_code", "max_power_w"), name)
            changes += [
                f"{name}connector {key} {old.connectors.get(key, 'new')} -> {standard}"
                for key, standard in evse.connectors.items()
                if key not in old.connectors or standard not in (None, old.connectors[key])
            ]
        if changes:
            code = evse.public_code or (None if old and old.public_code else new_code())
            evse_key = queries.put_evse(
                self._connection, station_id=station_id, evse_id=evse_id, public_code=code,
                max_power_w=evse.max_power_w,
            )  # fmt: skip
            for connector_id, standard in (evse.connectors or {1: None}).items():
                about = {"connector_id": connector_id, "standard": standard}
                queries.put_connector(self._connection, evse_key=evse_key, **about)
        return changes

    def _note(self, station: Station, old: Stored | None, changes: list[str]) -> None:
        outcome = self.outcome
        if not changes:
            outcome.unchanged += 1
            return
        if old is None:
            outcome.added += 1
        else:
            outcome.changed += 1
        outcome.done.append((station.line, f"{station.station_id}: {', '.join(changes)}"))
        audit(
            self._connection, self._actor, "station.import", station.station_id,
            after={"changes": changes},
        )  # fmt: skip


def _check_codes(station: Station, owners: dict[str, tuple[str, int]]) -> None:
    for evse_id, evse in station.evses.items():
        owner = owners.get(evse.public_code or "")
        if owner is not None and owner != (station.station_id, evse_id):
            expected = f"a code of its own; {owner[0]}/{owner[1]} has it"
            raise RowError("public_code", evse.public_code or "", expected)


def find_operator(connection: Connection, operator: str | None) -> int:
    """By number or name; the first without. Raises FileError."""
    found = queries.find_operator(connection, operator=operator)
    if found is None:
        raise FileError(f"no operator is called {operator} (--operator)")
    return int(found)


def keep_run(
    connection: Connection, source: str, file_name: str, sha256: str, outcome: Outcome
) -> int:
    """What the file was and what became of it, line by line; the run's number."""
    settings = json.dumps({"source": source})
    run_id = queries.start_run(
        connection, kind="stations", source=source, file_name=file_name, sha256=sha256,
        settings=settings,
    )  # fmt: skip
    rows = {row[0]: row for row in _rows(outcome)}  # a line that is wrong is rejected
    if rows:
        columns = dict(zip(ROW_COLUMNS, map(list, zip(*rows.values(), strict=True)), strict=True))
        queries.add_rows(connection, run_id=run_id, **arrays(columns))
    queries.finish_run(
        connection, run_id=run_id, counts=json.dumps(outcome.counts), at=datetime.now(UTC)
    )
    return int(run_id)


def _rows(outcome: Outcome) -> Iterator[tuple[Any, ...]]:
    for line, what in outcome.done:
        yield (line, "imported", None, None, None, None, what, None)
    for one in outcome.faulty:
        cells = json.dumps(one.cells)
        yield (one.line, "rejected", None, None, None, one.field, one.problem, cells)
