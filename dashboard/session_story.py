"""Everything known of one session: its readings, what happened around it, its money, its frames.

Each part is read by its own short query; nothing keeps a transaction open.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashboard import doubts, trails
from dashboard.data import Row, deps
from dashboard.doubts import Doubted
from dashboard.explorer import queries
from dashboard.trails import Trail

BEFORE, AFTER = timedelta(minutes=15), timedelta(minutes=15)
READINGS = 200  # a page of them
FRAMES = 80


@dataclass(frozen=True)
class Story:
    """One session's rows; `trail` holds its money, `doubted` why it may be held back."""

    row: Row
    sums: Row
    trail: Trail
    doubted: Doubted
    signed: list[Row] = field(default_factory=list)
    statuses: list[Row] = field(default_factory=list)
    states: list[Row] = field(default_factory=list)
    authorizations: list[Row] = field(default_factory=list)
    commands: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    imported: Row | None = None
    document: str | None = None

    @property
    def payment(self) -> Row | None:
        return self.trail.payment

    @property
    def price(self) -> Row | None:
        """The record in force."""
        return next((row for row in self.trail.cdrs if not row["is_credit"]), None)

    @property
    def balances(self) -> bool:
        """Whether the readings add up to the session's energy."""
        return int(self.sums["energy_wh"]) == int(self.row["energy_wh"])


def read(session_id: int, now: datetime) -> Story | None:
    """The session with this number; None when there is none."""
    ids = {"session_id": session_id}
    trail = trails.read_trail(session_id=session_id)
    with deps().connection() as connection:
        row = queries.session(connection, **ids)
        if row is None or trail is None:
            return None
        station = {"station_id": row["station_id"]}
        around = {
            "from_at": row["started_at"] - BEFORE,
            "until_at": (row["ended_at"] or now) + AFTER,
        }
        token = row["id_token"]
        return Story(
            row,
            queries.reading_sums(connection, **ids),
            trail,
            doubts.read([session_id])[session_id],
            queries.signed(connection, **ids),
            queries.statuses(connection, evse_key=row["evse_key"], **around),
            queries.states(connection, **ids),
            queries.authorizations(connection, of_token=token, **station, **around)
            if token
            else [],
            queries.commands(connection, **station, **around),
            queries.attempts(connection, **ids, **station, **_wide(around)),
            queries.imported(connection, **ids),
            queries.cdr_document(connection, **ids),
        )


def _wide(around: dict[str, datetime]) -> dict[str, datetime]:
    """Attempts begin with their first fact, which may lie well before the session."""
    return {"from_at": around["from_at"] - timedelta(days=1), "until_at": around["until_at"]}


def read_readings(session_id: int, after_place: int, at_most: int = READINGS) -> list[Row]:
    """Rows of readings in the order of time, from a place on."""
    with deps().connection() as connection:
        rows: list[Row] = queries.readings(
            connection, session_id=session_id, after_place=after_place, at_most=at_most
        )
    return rows


def read_messages(row: Row, now: datetime) -> list[Row]:
    """The station's frames of that time."""
    with deps().connection() as connection:
        rows: list[Row] = queries.messages(
            connection,
            station_id=row["station_id"],
            transaction_id=row["transaction_id"],
            from_at=row["started_at"] - timedelta(minutes=3),
            until_at=(row["ended_at"] or now) + timedelta(minutes=3),
            at_most=FRAMES,
        )
    return rows
