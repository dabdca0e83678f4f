"""Incidents as staff handle them: read one or many, take, assign, acknowledge, note, close.

Everybody's board follows by the notification that comes with the row; who did what stands in the
audit log in the same transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_login import current_user
from psycopg.types.json import Jsonb

from dashboard import reliability
from dashboard.data import Row, deps
from dashboard.reliability import Evidence
from dashboard.search import escaped
from sql.queries import load_queries

queries = load_queries("incidents")

ACTING = ("operator",)  # and admins, who may do everything
SEVERITIES = ("critical", "high", "low")
MOST_ALERTS, MOST_DEEDS, PAGE = 200, 200, 50
MOST_NOTE = 2000
AROUND = timedelta(minutes=15)  # an alert: what was said before and after it
NEWEST = 2**62


@dataclass(frozen=True)
class Incident:
    """One incident with all that belongs to it."""

    row: Row
    alerts: list[Row]
    evses: list[Row]
    notes: list[Row]
    deeds: list[Row]
    messages: list[Row]

    @property
    def is_open(self) -> bool:
        return self.row["resolved_at"] is None


def read_incident(incident_id: int) -> Incident | None:
    """None: there is no such incident."""
    with deps().connection() as connection:
        row = queries.incident(connection, incident_id=incident_id)
        if row is None:
            return None
        about = {"incident_id": incident_id}
        site = row["site_id"] if row["kind"] == "site_dark" else None
        return Incident(
            row,
            queries.alerts_of(connection, at_most=MOST_ALERTS, **about),
            queries.evses_of_site(connection, site_id=site, at_most=MOST_ALERTS) if site else [],
            queries.notes_of(connection, incident_ids=[incident_id]),
            queries.deeds_of(connection, subject=_subject(incident_id), since=row["opened_at"],
                             at_most=MOST_DEEDS),
            queries.messages_of(connection, at_most=MOST_DEEDS, **about),
        )  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """Which incidents a list shows. None: any; owner "-": those that nobody has."""

    severity: str | None = None
    kind: str | None = None
    site_id: int | None = None
    owner: str | None = None
    q: str = ""
    before_id: int = NEWEST


def read_past(wanted: Wanted) -> list[Row]:
    """Incidents that are over, newest first: one more than a page, where there are more."""
    with deps().connection() as connection:
        rows: list[Row] = queries.past(
            connection, severity=wanted.severity, kind=wanted.kind, site_id=wanted.site_id,
            owner=wanted.owner, pattern=_pattern(wanted.q), before_id=wanted.before_id,
            at_most=PAGE + 1,
        )  # fmt: skip
    return rows


def _pattern(q: str) -> str | None:
    """A free text as LIKE wants it: what people type are no wildcards."""
    return f"%{escaped(q)}%" if q else None


def read_kinds() -> list[str]:
    with deps().connection() as connection:
        return [row["kind"] for row in queries.kinds(connection)]


def read_owners() -> list[str]:
    """Names of those who may be given an incident."""
    with deps().connection() as connection:
        return [row["name"] for row in queries.owners(connection)]


def read_sites() -> list[Row]:
    """site_id and name of every site."""
    with deps().connection() as connection:
        rows: list[Row] = queries.site_names(connection)
    return rows


def read_evidence(alert: Row) -> Evidence:
    """The raw facts and frames around the moment of an alert."""
    begin: datetime = alert["raised_at"]
    station = {"station_id": alert["station_id"]}
    around = {"from_at": begin - AROUND, "until_at": begin + AROUND, "at_most": 40}
    asked = reliability.queries
    with deps().connection() as connection:
        tries = (
            asked.tries(connection, evse_key=alert["evse_key"], **around)
            if alert["evse_key"] else []
        )  # fmt: skip
        return Evidence(
            {"evidence": {"began": [{"at": begin.isoformat()}]}}, [],
            asked.contacts(connection, **station, **around),
            asked.statuses(connection, evse_id=alert["evse_id"], **station, **around),
            tries, None,
            asked.messages_around(connection, **station, at=begin, at_most=6),
        )  # fmt: skip


# -- what people do ---------------------------------------------------------------------------

Deed = Callable[[Any], Any]


def take(incident_id: int) -> bool:
    """Whoever presses the button has it now. False: it is over, or theirs already."""
    owner = current_user.name
    return _do(incident_id, "assign_incident",
               lambda c: queries.assign(c, incident_id=incident_id, owner=owner),
               {"owner": owner})  # fmt: skip


def assign(incident_id: int, owner: str, note: str = "") -> bool:
    """Give an open incident to a person, with what they must know. False: it is over, theirs
    already, or there is no such person."""
    if owner not in read_owners():
        return False
    detail = {"owner": owner, "note": note.strip()[:MOST_NOTE]}

    def deed(connection: Any) -> Any:
        done = queries.assign(connection, incident_id=incident_id, owner=owner)
        if done is not None:
            _note(connection, incident_id, note)
        return done

    return _do(incident_id, "assign_incident", deed, detail)


def acknowledge(incident_id: int) -> bool:
    """Somebody has seen it; False: it is over, or somebody was quicker."""
    by = current_user.name
    return _do(incident_id, "acknowledge_incident",
               lambda c: queries.acknowledge(c, incident_id=incident_id, by=by))  # fmt: skip


def add_note(incident_id: int, text: str) -> bool:
    """False: nothing was written, or there is no such incident."""
    if not text.strip():
        return False
    return _do(incident_id, "note_incident", lambda c: _note(c, incident_id, text))


def close_as_false(incident_id: int, reason: str) -> bool:
    """Nothing was wrong, and why that is known: it is over, its alerts stay quiet until they are
    over. False: no reason, or it is over already."""
    if not reason.strip():
        return False
    by = current_user.name

    def deed(connection: Any) -> Any:
        done = queries.close_as_false(connection, incident_id=incident_id, by=by)
        if done is not None:
            _note(connection, incident_id, reason)
        return done

    return _do(incident_id, "close_incident", deed, {"reason": reason.strip()[:MOST_NOTE]})


def _note(connection: Any, incident_id: int, text: str) -> Any:
    kept = text.strip()[:MOST_NOTE]
    if not kept:
        return None
    return queries.add_note(
        connection, incident_id=incident_id, author=current_user.name, text=kept
    )


def _do(incident_id: int, action: str, deed: Deed, detail: dict[str, Any] | None = None) -> bool:
    """A deed and its line in the audit log, both or neither."""
    with deps().transaction() as connection:
        done = deed(connection)
        if done is not None:
            queries.audit(connection, actor=current_user.email, action=action,
                          subject=_subject(incident_id), detail=Jsonb(detail or {}))  # fmt: skip
    return done is not None


def _subject(incident_id: int) -> str:
    return f"incident {incident_id}"
