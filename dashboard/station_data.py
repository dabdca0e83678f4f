"""What the station page reads beside its evses: attempts, notes, what was told, what was done."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from dashboard import told
from dashboard.data import Row, deps, station

NOTE_KINDS = ("note", "host", "technician", "part")
LONGEST_NOTE = 2000


@dataclass(frozen=True)
class Tries:
    """The last attempts of a station, newest first, and the normal gap of its evses in seconds."""

    rows: list[Row] = field(default_factory=list)
    gaps: dict[int, int | None] = field(default_factory=dict)

    def of(self, evse_id: int) -> list[Row]:
        return [row for row in self.rows if row["evse_id"] == evse_id]

    def streak(self, evse_id: int) -> list[Row]:
        """The attempts that failed since the last one that did not; abandoned ones say nothing."""
        found: list[Row] = []
        for row in self.of(evse_id):
            if row["outcome"] in ("succeeded", "open"):
                break
            if row["outcome"] == "failed":
                found.append(row)
        return found


def read_tries(station_id: str, at_most: int = 10) -> Tries:
    with deps().connection() as connection:
        rows = station.attempts(connection, station_id=station_id, at_most=at_most)
        normal = station.normals(connection, station_id=station_id)
    return Tries(rows, {row["evse_id"]: row["gap_p95_seconds"] for row in normal})


@dataclass(frozen=True)
class Known:
    """What staff know: newest `contacts` by kind, `notes` newest first, power of the site now."""

    contacts: dict[str, Row]
    notes: list[Row]
    site_power_w: int


def read_known(row: Row) -> Known:
    """Of a station's row."""
    where = {"station_id": row["station_id"]}
    with deps().connection() as connection:
        contacts = station.contacts(connection, site_id=row["site_id"], **where)
        notes = station.notes(connection, at_most=20, **where)
        power = station.site_power(connection, site_id=row["site_id"])
    return Known({one["kind"]: one for one in contacts}, notes, int(power))


def add_note(station_id: str, kind: str, text: str, author: str, actor: str) -> None:
    """A line about a station, and one in the audit log; the text is stripped and not empty."""
    with deps().transaction() as connection:
        station.add_note(connection, station_id=station_id, kind=kind, author=author, text=text)
        detail: Any = Jsonb({"kind": kind, "text": text})
        station.audit(
            connection, actor=actor, action="station_note", subject=station_id, detail=detail
        )


def read_marks(station_id: str, since: datetime) -> list[Row]:
    """Commands and firmware for the timeline."""
    with deps().connection() as connection:
        rows: list[Row] = station.marks(connection, station_id=station_id, since=since)
    return rows


def read_outages(station_id: str, since: datetime, at_most: int = 50) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = station.outages(
            connection, station_id=station_id, since=since, at_most=at_most
        )
    return rows


def read_firmware(station_id: str) -> tuple[list[Row], list[Row]]:
    """Its versions newest first, and what it said of transfers lately."""
    with deps().connection() as connection:
        versions = station.firmware(connection, station_id=station_id, at_most=30)
        said = station.log_status(connection, station_id=station_id, at_most=20)
    return versions, said


def read_variables(station_id: str) -> list[told.Variable]:
    """Its configuration as it told it within 30 days, or by answers to commands."""
    with deps().connection() as connection:
        reports = station.told_reports(connection, station_id=station_id, at_most=300)
        answers = station.told_answers(connection, station_id=station_id, at_most=100)
    return told.variables(reports, answers)


def read_certificates(station_id: str) -> tuple[Row | None, list[told.Certificate]]:
    """The one it logs in with, and those it says are installed."""
    with deps().connection() as connection:
        own = station.certificate(connection, station_id=station_id)
        answers = station.told_answers(connection, station_id=station_id, at_most=100)
    return own, told.certificates(answers)


def read_logs(station_id: str) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = station.logs(connection, station_id=station_id, at_most=20)
    return rows
