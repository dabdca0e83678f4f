"""Time that does not count against uptime: who excluded what, and why. Rows, never edits.

The job `timelines` folds the evses anew when a row comes or is revoked; the figures follow it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_login import current_user
from psycopg.types.json import Jsonb

from dashboard.data import deps
from dashboard.i18n import mark
from dashboard.reliability import queries

ACTING = ("operator", "manager")  # and admins
LONGEST = timedelta(days=366)
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
REASONS = ("scheduled_maintenance", "electricity_supply", "vandalism", "natural_disaster",
           "vehicle", "limited_hours")  # fmt: skip
LEAST_NOTE, MOST_NOTE = 5, 500
WRONG = {
    "what": mark("Choose what it is about: a site, a station or an evse that is there."),
    "from": mark("From must be a date and time such as 2026-11-22 14:00."),
    "until": mark("Until must be a date and time such as 2026-11-22 16:00."),
    "order": mark("Until must be after from, and at most a year after it."),
    "far": mark("The year must lie between 2000 and 2200."),
    "reason": mark("Choose a reason."),
    "note": mark("Write in a few words what proves it: who confirmed it, or a case number."),
}


@dataclass(frozen=True)
class Wish:
    """An exclusion as asked for: one of site_id, station_id, evse_key."""

    site_id: int | None
    station_id: str | None
    evse_key: int | None
    from_at: datetime
    until_at: datetime
    reason: str
    note: str

    @property
    def subject(self) -> str:
        if self.site_id is not None:
            return f"site {self.site_id}"
        return f"station {self.station_id}" if self.station_id else f"evse {self.evse_key}"


def read_time(text: str, zone: ZoneInfo) -> datetime | None:
    """A wall-clock time of a zone as forms write it, 2026-11-22T14:00 or with a blank; None: it
    is none. An hour that the clocks show twice means its first."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if len(text.strip()) <= len("2026-11-22"):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


class WrongError(ValueError):
    """What was asked for makes no sense; `what` is a key of WRONG."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def read_wish(
    what: str, edges: tuple[str, str], reason: str, note: str, zone: ZoneInfo
) -> Wish:  # fmt: skip
    """The exclusion that a form asks for. Raises WrongError."""
    kind, _, name = what.partition(":")
    ids = {"site": (_number(name), None, None), "station": (None, name or None, None),
           "evse": (None, None, _number(name))}.get(kind, (None, None, None))  # fmt: skip
    if ids == (None, None, None):
        raise WrongError("what")
    if reason not in REASONS:
        raise WrongError("reason")
    if len(note.strip()) < LEAST_NOTE:
        raise WrongError("note")
    return Wish(*ids, *_edges(edges, zone), reason, note.strip()[:MOST_NOTE])


def _edges(edges: tuple[str, str], zone: ZoneInfo) -> tuple[datetime, datetime]:
    from_at, until_at = (read_time(text, zone) for text in edges)
    if from_at is None or until_at is None:
        raise WrongError("from" if from_at is None else "until")
    if not timedelta() < until_at - from_at <= LONGEST:
        raise WrongError("order")
    if not FIRST <= from_at < LAST:
        raise WrongError("far")
    return from_at, until_at


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def exclude(wish: Wish) -> None:
    """Write it down with its line in the audit log; said twice it counts once. Raises WrongError
    where there is no such site, station or evse."""
    row = vars(wish) | {"created_by": current_user.email}
    with deps().transaction() as connection:
        if not queries.subject_exists(connection, **{name: row[name] for name in SUBJECT}):
            raise WrongError("what")
        exclusion_id = queries.exclude(connection, **row)
        if exclusion_id is not None:
            detail = {"exclusion_id": exclusion_id, "from": wish.from_at.isoformat(),
                      "until": wish.until_at.isoformat(), "reason": wish.reason,
                      "note": wish.note}  # fmt: skip
            _audit(connection, "exclude_time", wish.subject, detail)


SUBJECT = ("site_id", "station_id", "evse_key")


def revoke(exclusion_id: int) -> bool:
    """It counts again; False when somebody was quicker."""
    with deps().transaction() as connection:
        done = queries.revoke(connection, exclusion_id=exclusion_id, revoked_by=current_user.email)
        if done is not None:
            _audit(connection, "revoke_exclusion", f"exclusion {exclusion_id}", {})
    return done is not None


def _audit(connection: Any, action: str, subject: str, detail: dict[str, Any]) -> None:
    queries.audit(
        connection, actor=current_user.email, action=action, subject=subject, detail=Jsonb(detail)
    )
