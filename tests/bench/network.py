"""Fill a database with a network in a lifelike mixture of states, as large as asked for."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.simulator.network import Site, demo_network
from sql.database import Connection

MIXTURE = {
    "available": 58, "charging": 29, "preparing": 2, "suspended": 2, "finished": 3, "faulted": 1.5,
    "unavailable": 1, "offline": 3.5,
}  # fmt: skip
STATUS = {
    "available": ("Available", None), "charging": ("Occupied", "Charging"),
    "preparing": ("Occupied", "EVConnected"), "suspended": ("Occupied", "SuspendedEV"),
    "finished": ("Occupied", "Idle"), "faulted": ("Faulted", None),
    "unavailable": ("Unavailable", None), "offline": ("Available", None),
}  # fmt: skip
FAULTS = ("ConnectorLockFailure", "GroundFailure", "HighTemperature", "OtherError")


def fill(connection: Connection, evses: int = 400, seed: int = 7, history_days: int = 0) -> int:
    """Write sites until there are so many evses; return how many there are.

    `history_days` adds finished sessions and their readings, a few a day and evse.
    """
    rng = random.Random(seed)
    written = 0
    lap = 0
    with connection.transaction():
        while written < evses:
            for number, site in enumerate(demo_network(seed + lap)):
                dark = lap == 0 and number == 0
                written += _site(connection, site, lap, rng, dark)
                if written >= evses:
                    break
            lap += 1
        _sessions(connection, rng)
        _incidents(connection)
        if history_days:
            _history(connection, rng, history_days)
    connection.execute("ANALYZE")
    return written


def _site(connection: Connection, site: Site, lap: int, rng: random.Random, dark: bool) -> int:
    spread = 0.0 if lap == 0 else 0.6
    tail = f" {lap + 1}" if lap else ""
    site_id = connection.execute(
        "INSERT INTO site (operator_id, name, address, city, latitude, longitude, grid_limit_w,"
        " help_phone) VALUES (1, %s, %s, %s, %s, %s, %s, %s) RETURNING site_id",
        [site.name + tail, site.address, site.city, site.latitude + rng.uniform(-spread, spread),
         site.longitude + rng.uniform(-spread, spread), site.grid_limit_w, site.help_phone],
    ).fetchone()  # fmt: skip
    assert site_id is not None
    return sum(_station(connection, s, site_id[0], lap, rng, dark) for s in site.stations)


def _station(
    connection: Connection, station: Any, site_id: int, lap: int, rng: random.Random, dark: bool
) -> int:
    station_id = f"{station.station_id}{f'-{lap}' if lap else ''}"
    offline = dark or rng.random() < 0.03
    now = datetime.now(UTC)
    seen = now - timedelta(minutes=rng.randint(5, 600) if offline and not dark else 21)
    connection.execute(
        "INSERT INTO station (station_id, site_id, vendor, model, serial_number, firmware_version,"
        " ocpp_version, is_online, last_seen_at, contact_changed_at, booted_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())",
        [station_id, site_id, station.vendor, station.model, station.serial_number,
         station.firmware_version, station.ocpp_version, not offline,
         seen if offline else now, seen],
    )  # fmt: skip
    for evse in station.evses:
        _evse(connection, station_id, evse, lap, rng)
    return len(station.evses)


def _evse(connection: Connection, station_id: str, evse: Any, lap: int, rng: random.Random) -> None:
    state = rng.choices(list(MIXTURE), list(MIXTURE.values()))[0]
    status, charging_state = STATUS[state]
    code = f"{evse.public_code}{lap or ''}"
    at = datetime.now(UTC) - timedelta(minutes=rng.expovariate(1 / 90))
    found = connection.execute(
        "WITH e AS (INSERT INTO evse (station_id, evse_id, public_code, max_power_w)"
        " VALUES (%s, %s, %s, %s) RETURNING evse_key)"
        " INSERT INTO connector SELECT evse_key, 1, %s, %s, %s, %s, %s FROM e RETURNING evse_key",
        [station_id, evse.evse_id, code, evse.max_power_w, evse.standard, status, charging_state,
         at, rng.choice(FAULTS) if state == "faulted" else None],
    ).fetchone()  # fmt: skip
    assert found is not None


def _sessions(connection: Connection, rng: random.Random) -> None:
    """A running session on every evse that charges or has stopped drawing."""
    rows = connection.execute(
        "SELECT e.evse_key, e.station_id, e.evse_id, e.max_power_w, c.charging_state, s.site_id"
        " FROM evse e JOIN connector c USING (evse_key) JOIN station s USING (station_id)"
        " WHERE c.charging_state IN ('Charging', 'SuspendedEV')"
    ).fetchall()
    for key, station_id, evse_id, max_power_w, charging_state, site_id in rows:
        session_id = _next_session(connection)
        minutes = rng.randint(4, 55)
        power = max_power_w * rng.uniform(0.3, 0.9) if charging_state == "Charging" else 0.0
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)
        energy = int(max_power_w * 0.6 * minutes / 60)
        connection.execute(
            "INSERT INTO session (session_id, site_id, station_id, evse_id, evse_key, connector_id,"
            " transaction_id, id_token, started_at, meter_start_wh, energy_wh, register_wh,"
            " register_at, power_w, soc_pct, charging_state)"
            " VALUES (%s, %s, %s, %s, %s, 1, %s, %s, %s, 0, %s, %s, now(), %s, %s, %s)",
            [session_id, site_id, station_id, evse_id, key, str(session_id), f"TAG{key:06}", start,
             energy, energy, power, rng.randint(20, 90), charging_state],
        )  # fmt: skip
        if max_power_w > 22000:
            _readings(connection, key, station_id, evse_id, session_id, start, minutes, energy)


def _next_session(connection: Connection) -> int:
    row = connection.execute("SELECT nextval('session_id_seq')").fetchone()
    assert row is not None
    return int(row[0])


def _readings(  # noqa: PLR0917 - one line of one table
    connection: Connection, key: int, station_id: str, evse_id: int, session_id: int,
    start: datetime, minutes: int, energy: int,
) -> None:  # fmt: skip
    """A reading a minute that adds up to the session's energy."""
    connection.execute(
        "INSERT INTO meter_value (measured_at, received_at, session_id, reading_hash, energy_wh,"
        " energy_delta_wh, evse_key, evse_id, power_w, soc_pct, station_id, source)"
        " SELECT %(start)s + i * interval '1 minute', now(), %(session)s, i,"
        "  %(energy)s * i / %(n)s, %(energy)s * i / %(n)s - %(energy)s * (i - 1) / %(n)s,"
        "  %(key)s, %(evse)s, %(energy)s * 60 / %(n)s * (1.02 + 0.05 * sin(i) - i * 0.004),"
        "  20 + i, %(station)s, 'meter' FROM generate_series(1, %(n)s) i",
        {"start": start, "session": session_id, "energy": energy, "n": minutes, "key": key,
         "evse": evse_id, "station": station_id},
    )  # fmt: skip


def _incidents(connection: Connection) -> None:
    connection.execute(
        "WITH dark AS (SELECT min(site_id) AS site_id FROM site), i AS ("
        " INSERT INTO incident (kind, severity, site_id, opened_at, cause, next_step)"
        " SELECT 'site_dark', 'critical', site_id, now() - interval '21 minutes', NULL, NULL"
        " FROM dark RETURNING incident_id, site_id)"
        " INSERT INTO alert (incident_id, kind, station_id, raised_at)"
        " SELECT incident_id, 'offline', station_id, now() - interval '21 minutes'"
        " FROM i JOIN station USING (site_id)"
    )
    connection.execute(
        "WITH f AS (SELECT s.site_id, e.station_id, e.evse_id, c.status_at FROM connector c"
        "  JOIN evse e USING (evse_key) JOIN station s USING (station_id)"
        "  WHERE c.status = 'Faulted' ORDER BY c.status_at DESC LIMIT 3), i AS ("
        " INSERT INTO incident (kind, severity, site_id, opened_at)"
        " SELECT DISTINCT ON (site_id) 'faulted', 'high', site_id, status_at FROM f"
        " RETURNING incident_id, site_id)"
        " INSERT INTO alert (incident_id, kind, station_id, evse_id, raised_at)"
        " SELECT i.incident_id, 'faulted', f.station_id, f.evse_id, f.status_at"
        " FROM i JOIN f USING (site_id)"
    )


def _history(connection: Connection, rng: random.Random, days: int) -> None:
    """Sessions that have ended, four a day and evse, each with one reading per quarter."""
    connection.execute("SELECT setseed(%s)", [rng.random()])
    connection.execute(
        "INSERT INTO session (session_id, site_id, station_id, evse_id, evse_key, transaction_id,"
        " id_token, started_at, ended_at, meter_start_wh, meter_stop_wh, energy_wh, stop_reason)"
        " SELECT id, site_id, station_id, evse_id, evse_key, id::text, 'TAG' || id, began,"
        "  began + minutes * interval '1 minute', 0, energy, energy, 'EVDisconnected'"
        " FROM (SELECT nextval('session_id_seq') AS id, s.site_id, e.*,"
        "  date_trunc('day', now()) - d * interval '1 day' + h * interval '5 hours'"
        "   + random() * interval '90 minutes' AS began, 30 + (random() * 60)::int AS minutes,"
        "  (e.max_power_w * (0.2 + random() * 0.5))::bigint AS energy"
        "  FROM evse e JOIN station s USING (station_id), generate_series(1, %s) d,"
        "   generate_series(1, 4) h WHERE random() < 0.7) x",
        [days],
    )
    connection.execute(
        "INSERT INTO meter_value (measured_at, received_at, session_id, reading_hash, energy_wh,"
        " energy_delta_wh, evse_key, evse_id, power_w, station_id, source)"
        " SELECT started_at + q * interval '15 minutes', now(), session_id, q, energy_wh * q / 2,"
        "  energy_wh * q / 2 - energy_wh * (q - 1) / 2, evse_key, evse_id, energy_wh * 2.0,"
        "  station_id, 'meter' FROM session, generate_series(1, 2) q WHERE ended_at IS NOT NULL"
    )
