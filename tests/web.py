"""What tests of the web parts share: an app on a database of its own, and a small network."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from dashboard import api, auth, login, public
from dashboard.deps import Deps
from sql.database import Connection, sync_pool
from sql.settings import Settings

ALICE, PASSWORD = "alice@example.org", "correct horse battery"


@contextmanager
def web_app(database: str, **settings: str) -> Iterator[Flask]:
    """The server-rendered pages and the API; Dash and the live streams are not here."""
    chosen = Settings(database_url=database, secret_key="s" * 32, **settings)
    with sync_pool(database, max_size=3) as pool:
        deps = Deps(chosen, pool)
        app = Flask("test", static_folder=None)
        auth.install(app, deps)
        for part in (login, public, api):
            app.register_blueprint(part.create_blueprint(deps))
        yield app


def add_user(connection: Connection, email: str = ALICE, role: str = "operator") -> None:
    connection.execute(
        "INSERT INTO app_user (email, name, role, password_hash) VALUES (%s, 'Alice', %s, %s)",
        [email, role, auth.hash_password(PASSWORD)],
    )


def add_site(
    connection: Connection, name: str, city: str = "", at: tuple[float, float] | None = None
) -> int:
    latitude, longitude = at or (None, None)
    row = connection.execute(
        "INSERT INTO site (operator_id, name, address, city, latitude, longitude, help_phone)"
        " VALUES (1, %s, 'Storgatan 1', %s, %s, %s, '08-465 004 20') RETURNING site_id",
        [name, city, latitude, longitude],
    ).fetchone()
    assert row
    return int(row[0])


def add_evse(
    connection: Connection, site_id: int | None, station_id: str, code: str,
    *, standard: str = "IEC_62196_T2_COMBO", power_w: int = 150_000, status: str = "Available",
    charging_state: str | None = None, online: bool = True,
) -> int:  # fmt: skip
    """One more evse of a station (made when it is not there yet); its evse_key."""
    connection.execute(
        "INSERT INTO station (station_id, site_id, is_online, last_seen_at, contact_changed_at)"
        " VALUES (%s, %s, %s, now(), now() - interval '3 hours') ON CONFLICT DO NOTHING",
        [station_id, site_id, online],
    )
    row = connection.execute(
        "INSERT INTO evse (station_id, evse_id, public_code, max_power_w) SELECT %s,"
        " (SELECT count(*) + 1 FROM evse WHERE station_id = %s), %s, %s RETURNING evse_key",
        [station_id, station_id, code, power_w],
    ).fetchone()
    assert row
    connection.execute(
        "INSERT INTO connector (evse_key, connector_id, standard, status, charging_state,"
        " status_at) VALUES (%s, 1, %s, %s, %s, now() - interval '1 hour')",
        [row[0], standard, status, charging_state],
    )
    return int(row[0])
