"""Stations and their evses: registered, given passwords, moved, traced, retired."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg

from sql import fields
from sql.admin import audit, queries
from sql.admin.passwords import hash_password
from sql.admin.sites import site_named
from sql.database import Connection
from sql.fields import FieldError, FormError, RefusedError

# Nobody mistakes one of these for another on a scratched label
CODE_LETTERS, CODE_ENDS = "CFGHJKMNPQRTVWXY", "234679CFGHJKMNPQRTVWXY"
MOST_EVSES = 100
TRACED = timedelta(hours=24)
STATION_CHECKS: dict[str, fields.Check] = {
    "station_id": fields.station_id,
    "site": fields.plain(200),
    "evses": fields.whole(1, MOST_EVSES),
    "max_power_w": fields.watts(1000),
    "standard": fields.standard,
}
EVSE_CHECKS: dict[str, fields.Check] = {
    "evse_id": fields.whole(1, MOST_EVSES),
    "public_code": fields.public_code,
    "max_power_w": fields.watts(1000),
    "standard": fields.standard,
}


def has_station(connection: Connection, station_id: str) -> bool:
    return bool(queries.has_station(connection, station_id=station_id))


def add_station(  # noqa: PLR0913 - a station is described by all of these
    connection: Connection,
    actor: str,
    station_id: str,
    password: str,
    *,
    site: str | None,
    evses: int,
    max_power_w: int | None,
    standard: str | None,
) -> None:
    """Register a station with its evses, one connector each.

    `site` is a site's number or name; a new name becomes a new site.
    """
    try:
        with connection.transaction():
            site_id = site_named(connection, actor, site) if site else None
            queries.add_station(
                connection, station_id=station_id, site_id=site_id,
                password_hash=hash_password(password),
            )  # fmt: skip
            for evse_id in range(1, evses + 1):
                _add_evse(connection, station_id, evse_id, new_code(), max_power_w, standard)
            after = {"site": site, "evses": evses, "max_power_w": max_power_w, "standard": standard}
            audit(connection, actor, "station.add", station_id, after=after)
    except psycopg.errors.UniqueViolation:
        raise RefusedError(
            "station {station} exists; to change its password: "
            "python app.py station password {station}", station=station_id,
        ) from None  # fmt: skip


def new_code() -> str:
    """A public code such as K7-4M2Q: what stands on the evse and in its QR code's address."""
    first = secrets.choice(CODE_LETTERS) + secrets.choice("234679")
    return first + "-" + "".join(secrets.choice(CODE_ENDS) for _ in range(4))


def _add_evse(
    connection: Connection, station_id: str, evse_id: int, code: str | None,
    max_power_w: int | None, standard: str | None,
) -> None:  # fmt: skip
    evse_key = queries.add_evse(
        connection, station_id=station_id, evse_id=evse_id, public_code=code,
        max_power_w=max_power_w,
    )  # fmt: skip
    queries.add_connector(connection, evse_key=evse_key, standard=standard)


def put_evse(
    connection: Connection, actor: str, station_id: str, evse: dict[str, Any]
) -> None:  # fmt: skip
    """Change an evse (evse_id, public_code, max_power_w, standard), or add it: without a code it is
    given one. Raises FormError: another evse has the code."""
    evse_id = evse["evse_id"]
    after = {name: evse[name] for name in ("public_code", "max_power_w", "standard")}
    subject = f"{station_id} evse {evse_id}"
    try:
        with connection.transaction():
            _check_station(connection, station_id)
            before = queries.evse_now(connection, station_id=station_id, evse_id=evse_id)
            if before is None:
                after["public_code"] = after["public_code"] or new_code()
                _add_evse(connection, station_id, evse_id, *after.values())
            else:
                after["public_code"] = after["public_code"] or before["public_code"]
                queries.change_evse(connection, station_id=station_id, evse_id=evse_id, **after)
            if before != after:
                action = "evse.change" if before else "evse.add"
                audit(connection, actor, action, subject, before, after)
    except psycopg.errors.UniqueViolation:
        code = str(evse["public_code"])
        taken = FieldError("public_code", code, "a code that no other evse has")
        raise FormError({"public_code": taken}) from None


def change_station(
    connection: Connection, actor: str, station_id: str, values: dict[str, Any]
) -> None:
    """Move it and say more of it: site_id, router, note. What is left out stays."""
    with connection.transaction():
        before = queries.station_now(connection, station_id=station_id)
        if before is None:
            raise _unknown(station_id)
        after = {**before, **values}
        if after != before:
            queries.change_station(connection, station_id=station_id, **after)
            audit(connection, actor, "station.change", station_id, before, after)


def set_password(connection: Connection, actor: str, station_id: str, password: str) -> None:
    """A new password; the socket that is open with the old one is closed within a second."""
    _change(
        connection, actor, "station.password", station_id,
        lambda: queries.set_password(
            connection, station_id=station_id, password_hash=hash_password(password)
        ),
    )  # fmt: skip


def approve_station(connection: Connection, actor: str, station_id: str, password: str) -> None:
    """Accept a station that has presented itself and waits; it hears of it at its next boot."""
    password_hash = hash_password(password)
    with connection.transaction():
        if not queries.approve(connection, station_id=station_id, password_hash=password_hash):
            raise RefusedError(
                "no station {station} is waiting; see: python app.py station list",
                station=station_id,
            )
        audit(connection, actor, "station.approve", station_id)


def trace(
    connection: Connection, actor: str, station_id: str, until: datetime | None
) -> None:  # fmt: skip
    """Keep readings in the log of messages until then; None: no longer. From its next boot or
    connection on."""
    action = "station.trace" if until else "station.untrace"
    after = {"until": until.isoformat()} if until else None
    _change(
        connection, actor, action, station_id,
        lambda: queries.trace_station(connection, station_id=station_id, until=until), after,
    )  # fmt: skip


def retire(connection: Connection, actor: str, station_id: str, now: datetime) -> None:
    """Out of service for good: it can't connect, nobody sees it, its time is not counted; what it
    did stays. Raises RequestError: a vehicle is charging."""
    with connection.transaction():
        _check_station(connection, station_id)
        if queries.open_sessions(connection, station_id=station_id):
            raise RefusedError(
                "a vehicle is charging at {station}: stop the session first", station=station_id
            )
        if queries.retire_station(connection, station_id=station_id, at=now):
            audit(connection, actor, "station.retire", station_id)


def bring_back(connection: Connection, actor: str, station_id: str) -> None:
    """A retired station belongs to the network again."""
    with connection.transaction():
        if queries.bring_station_back(connection, station_id=station_id):
            audit(connection, actor, "station.bring_back", station_id)


def list_stations(connection: Connection) -> list[Any]:
    """(station_id, site, evses, version, is_online, last_seen_at, registration), by site."""
    return list(queries.list_stations(connection))


def _change(
    connection: Connection, actor: str, action: str, station_id: str,
    work: Callable[[], int], after: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    with connection.transaction():
        if not work():
            raise _unknown(station_id)
        audit(connection, actor, action, station_id, after=after)


def _check_station(connection: Connection, station_id: str) -> None:
    if not has_station(connection, station_id):
        raise _unknown(station_id)


def _unknown(station_id: str) -> RefusedError:
    return RefusedError(
        "no station is called {station}; see: python app.py station list", station=station_id
    )
