"""What an administrator does to stations and id tokens from the command line."""

import secrets
from typing import Any

from ingest.auth import hash_password
from sql import RequestError
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("admin")

# Nobody mistakes one of these for another on a scratched label
CODE_LETTERS, CODE_ENDS = "CFGHJKMNPQRTVWXY", "234679CFGHJKMNPQRTVWXY"


def has_station(connection: Connection, station_id: str) -> bool:
    return bool(queries.has_station(connection, station_id=station_id))


def add_station(
    connection: Connection,
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
    if has_station(connection, station_id):
        raise RequestError(
            f"station {station_id} exists; to change its password: "
            f"python app.py station password {station_id}"
        )
    with connection.transaction():
        site_id = _site_id(connection, site) if site else None
        queries.add_station(
            connection,
            station_id=station_id,
            site_id=site_id,
            password_hash=hash_password(password),
        )
        for evse_id in range(1, evses + 1):
            evse_key = queries.add_evse(
                connection,
                station_id=station_id,
                evse_id=evse_id,
                public_code=new_code(),
                max_power_w=max_power_w,
            )
            queries.add_connector(connection, evse_key=evse_key, standard=standard)
        _audit(connection, "station.add", station_id)


def _site_id(connection: Connection, site: str) -> int:
    if site.isdigit():
        if not queries.has_site(connection, site_id=int(site)):
            raise RequestError(f"no site has the number {site}")
        return int(site)
    found = queries.site_by_name(connection, name=site)
    return int(found if found is not None else queries.add_site(connection, name=site))


def new_code() -> str:
    """A public code such as K7-4M2Q: what stands on the evse and in its QR code's address."""
    first = secrets.choice(CODE_LETTERS) + secrets.choice("234679")
    return first + "-" + "".join(secrets.choice(CODE_ENDS) for _ in range(4))


def set_password(connection: Connection, station_id: str, password: str) -> None:
    changed = queries.set_password(
        connection, station_id=station_id, password_hash=hash_password(password)
    )
    if not changed:
        raise RequestError(f"no station is called {station_id}; see: python app.py station list")
    _audit(connection, "station.password", station_id)


def approve_station(connection: Connection, station_id: str, password: str) -> None:
    """Accept a station that has presented itself and waits; it hears of it at its next boot."""
    password_hash = hash_password(password)
    if not queries.approve(connection, station_id=station_id, password_hash=password_hash):
        raise RequestError(f"no station {station_id} is waiting; see: python app.py station list")
    _audit(connection, "station.approve", station_id)


def list_stations(connection: Connection) -> list[Any]:
    """(station_id, site, evses, version, is_online, last_seen_at, registration), by site."""
    return list(queries.list_stations(connection))


def add_token(
    connection: Connection, id_token: str, status: str, parent: str | None, *, concurrent: bool
) -> None:
    queries.put_token(
        connection, id_token=id_token, status=status, parent=parent, is_concurrent=concurrent
    )
    _audit(connection, "token.add", id_token)


def block_token(connection: Connection, id_token: str) -> None:
    if not queries.block_token(connection, id_token=id_token):
        raise RequestError(f"no id token {id_token}; see: python app.py token list")
    _audit(connection, "token.block", id_token)


def list_tokens(connection: Connection) -> list[Any]:
    """(id_token, status, expires_at, parent_id_token)."""
    return list(queries.list_tokens(connection))


def _audit(connection: Connection, action: str, subject: str) -> None:
    queries.audit(connection, actor="command line", action=action, subject=subject)
