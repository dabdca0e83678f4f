"""What the staff pages read, by named queries, each in a short transaction of its own.

A page that holds a snapshot open slows the writer down, so nothing here keeps one: rows are
fetched whole and the connection is given back.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from psycopg.types.json import Jsonb

from dashboard import periods
from dashboard.commands import Call
from dashboard.deps import Deps
from sql.queries import load_queries

Row = dict[str, Any]
board = load_queries("board")
station = load_queries("station")


def deps() -> Deps:
    """What the app of this request was given."""
    found: Deps = current_app.extensions["kilowatch"]
    return found


# -- stations and sites -----------------------------------------------------------------------


def stations() -> list[Row]:
    """Every station with `states` and `evse_keys` in the order of its evses."""
    with deps().connection() as connection:
        rows: list[Row] = board.stations(connection)
    return rows


def sites() -> list[Row]:
    """Sites that have stations: site_id, name, station_ids."""
    with deps().connection() as connection:
        rows: list[Row] = board.sites(connection)
    return rows


@dataclass(frozen=True)
class Station:
    """One station: its row, its evses as `evse_state` gives them, its last success."""

    row: Row
    evses: list[Row]
    last_success: Row | None

    @property
    def has_connected(self) -> bool:
        """Whether it was ever in contact: one that was not has lost nothing."""
        return bool(self.row["is_online"]) or self.row["contact_changed_at"] is not None

    @property
    def states(self) -> dict[int, str]:
        return {evse["evse_id"]: evse["state"] for evse in self.evses}


def read_station(station_id: str) -> Station | None:
    with deps().connection() as connection:
        row = station.station(connection, station_id=station_id)
        if row is None:
            return None
        evses = station.evses(connection, station_id=station_id)
        success = station.last_success(connection, station_id=station_id)
    return Station(row, evses, success)


def read_curve(evse: Row) -> list[Row]:
    """Readings of an evse's running session: measured_at, power_w, soc_pct, counted_wh."""
    if evse["session_id"] is None:
        return []
    keys = {name: evse[name] for name in ("evse_key", "started_at", "session_id")}
    with deps().connection() as connection:
        rows: list[Row] = station.readings(connection, **keys)
    return rows


def read_sessions(station_id: str, at_most: int = 10) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = station.sessions(connection, station_id=station_id, at_most=at_most)
    return rows


def read_history(station_id: str, since: datetime) -> list[Row]:
    """Status changes since an instant, and the one before it of each evse."""
    with deps().connection() as connection:
        rows: list[Row] = station.history(connection, station_id=station_id, since=since)
    return rows


def read_energy_days(station_id: str, since: datetime) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = station.energy_days(connection, station_id=station_id, since=since)
    return rows


@dataclass(frozen=True)
class MessageFilter:
    """Which frames of the log to show."""

    direction: str = ""
    errors_only: bool = False
    hide_heartbeats: bool = True
    action: str = ""


def read_messages(station_id: str, wanted: MessageFilter, at_most: int = 60) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = station.messages(
            connection, station_id=station_id, at_most=at_most, **vars(wanted)
        )
    return rows


def count_messages(station_id: str) -> Row:
    """`messages` and `heartbeats` of the last 24 hours."""
    with deps().connection() as connection:
        row: Row = station.message_counts(connection, station_id=station_id)
    return row


# -- commands ---------------------------------------------------------------------------------


def read_commands(station_id: str, at_most: int = 8) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = station.commands(connection, station_id=station_id, at_most=at_most)
    return rows


def enqueue(station_id: str, call: Call, requested_by: str) -> int:
    """Queue a command and write down who asked for it, both or neither; return its id."""
    with deps().transaction() as connection:
        row = {"station_id": station_id, "action": call.action, "requested_by": requested_by}
        command_id = station.enqueue(connection, payload=Jsonb(call.payload), **row)
        detail = Jsonb({"command_id": command_id, "payload": call.payload})
        station.audit(
            connection, actor=requested_by, action=call.action, subject=station_id, detail=detail
        )
    return int(command_id)


def new_start_id() -> int:
    """A remoteStartId: positive, 31 bits, not guessable from the last one."""
    return secrets.randbelow(2**31 - 1) + 1


def read_id_tokens() -> list[str]:
    """Tokens that may start a session, the installation's own first."""
    with deps().connection() as connection:
        return [row["id_token"] for row in station.id_tokens(connection)]


def midnight(at: datetime, days: int = 0) -> datetime:
    """The midnight before an instant in the operator's zone, or so many days after that one."""
    zone = deps().settings.zone
    return periods.midnight(at.astimezone(zone).date() + timedelta(days=days), zone)
