"""What one shift tells the next, and the maintenance that is planned."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_login import current_user
from psycopg.types.json import Jsonb

from dashboard.data import Row, deps
from dashboard.incidents import queries
from sql.queries import load_queries

live = load_queries("live")

SHIFT = timedelta(hours=8)  # where nobody has handed over for long, a shift began so long ago
LONGEST_SHIFT = timedelta(hours=24)
AHEAD = timedelta(days=7)  # windows that the next shift may meet
MOST, MOST_TEXT = 100, 10_000


@dataclass(frozen=True)
class Shift:
    """The shift that goes on: since when, what is open with its notes, what was resolved."""

    since: datetime
    last: Row | None
    opened: list[Row]
    notes: dict[int, list[Row]]
    resolved: list[Row]
    windows: list[Row]


def read_shift(now: datetime) -> Shift:
    with deps().connection() as connection:
        last = queries.last_handover(connection)
        since = last["at"] if last else now - SHIFT
        since = max(since, now - LONGEST_SHIFT)
        opened = [_dated(row) for row in live.open_incidents(connection)]
        numbers = [row["incident_id"] for row in opened]
        notes: dict[int, list[Row]] = {}
        for note in queries.notes_of(connection, incident_ids=numbers):
            notes.setdefault(note["incident_id"], []).append(note)
        resolved = queries.resolved_since(connection, since=since, at_most=MOST)
        windows = queries.windows(connection, now=now, since=now, site_id=None, at_most=MOST)
    ahead = [row for row in windows if row["from_at"] < now + AHEAD and not row["revoked_at"]]
    return Shift(since, last, opened, notes, resolved, ahead)


def _dated(row: Row) -> Row:
    """The hub's rows have seconds; pages want instants."""
    ats = {name: row[name] for name in ("opened_at", "acknowledged_at")}
    return row | {name: datetime.fromtimestamp(at, UTC) if at else None
                  for name, at in ats.items()}  # fmt: skip


KEPT = ("incident_id", "kind", "severity", "site", "station_id", "stations", "evses", "owner",
        "cause", "detail")  # fmt: skip


def snapshot(shift: Shift) -> list[dict[str, Any]]:
    """The incidents as they are now, with their notes, for who reads the list later."""
    found = []
    for row in [*shift.opened, *shift.resolved]:
        notes = [
            {"at": note["at"].isoformat(), "author": note["author"], "text": note["text"]}
            for note in shift.notes.get(row["incident_id"], [])
        ]
        ats = {name: row[name].isoformat() if row.get(name) else None
               for name in ("opened_at", "resolved_at")}  # fmt: skip
        found.append({name: row[name] for name in KEPT} | ats | {"notes": notes})
    return found


def hand_over(text: str, now: datetime) -> int:
    """Keep the list as it stands, with what the shift has to say; its number."""
    listed = snapshot(read_shift(now))
    kept = text.replace("\x00", "").strip()[:MOST_TEXT]
    with deps().transaction() as connection:
        number: int = queries.hand_over(
            connection, author=current_user.name, text=kept, incidents=Jsonb(listed)
        )
        queries.audit(connection, actor=current_user.email, action="hand_over",
                      subject=f"handover {number}",
                      detail=Jsonb({"incidents": len(listed)}))  # fmt: skip
    return number


def read_handover(handover_id: int) -> Row | None:
    with deps().connection() as connection:
        row: Row | None = queries.handover(connection, handover_id=handover_id)
    return row


def read_handovers(at_most: int = 20) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.handovers(connection, at_most=at_most)
    return rows


def read_planned_alerts(now: datetime) -> list[Row]:
    """What goes on under planned maintenance and therefore alarms nobody."""
    with deps().connection() as connection:
        rows: list[Row] = queries.planned_alerts(connection, now=now, at_most=MOST)
    return rows


def read_windows(now: datetime, site_id: int | None = None, at_most: int = MOST) -> list[Row]:
    """Maintenance that goes on, is to come, or was within the last 90 days; of a site or all."""
    since = now - timedelta(days=90)
    with deps().connection() as connection:
        rows: list[Row] = queries.windows(
            connection, now=now, since=since, site_id=site_id, at_most=at_most
        )
    return rows
