"""What the measurements of money stand on: a network, a price, finished sessions. All by SQL."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from billing.assignment import add_tariff, find_place
from billing.reading import Document
from sql.database import Connection

SITES, STATIONS_A_SITE = 20, 10  # two evses a station
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BATCH = 20_000  # sessions a statement


class Session(NamedTuple):
    session_id: int
    site_id: int
    station_id: str


def build(connection: Connection, tariff: Document, sites: int = SITES) -> str:
    """Sites with stations and evses, all at one price; its hash."""
    connection.execute(
        "INSERT INTO site (operator_id, name, address, city, help_phone)"
        " SELECT 1, 'Site ' || n, 'Storgatan ' || n, 'Kalmar', '08-465 004 20'"
        " FROM generate_series(1, %s) n",
        [sites],
    )
    connection.execute(
        "INSERT INTO station (station_id, site_id, is_online, ocpp_version, contact_changed_at)"
        " SELECT 'B' || site_id || '-' || n, site_id, true, '2.0.1', now()"
        " FROM site, generate_series(1, %s) n",
        [STATIONS_A_SITE],
    )
    connection.execute(
        "INSERT INTO evse (station_id, evse_id, public_code, max_power_w)"
        " SELECT station_id, n, 'B-' || lpad((row_number() OVER ())::text, 4, '0'), 150000"
        " FROM station, generate_series(1, 2) n"
    )
    connection.execute(
        "INSERT INTO connector (evse_key, connector_id, status, status_at)"
        " SELECT evse_key, 1, 'Available', now() FROM evse"
    )
    added = add_tariff(connection, tariff, find_place(connection), LONG_AGO)
    connection.execute("ANALYZE")
    return added


def add_sessions(connection: Connection, count: int, since: datetime) -> list[Session]:
    """Finished sessions of 24 to 72 minutes, from `since` on until now.

    Each has eight readings, the last without energy: the car was full and stayed.
    """
    length = (datetime.now(UTC) - since - timedelta(hours=2)) / count
    added: list[Session] = []
    for first in range(0, count, BATCH):
        size = min(BATCH, count - first)
        rows = connection.execute(SESSIONS, [size, first, since, length, size]).fetchall()
        added += [Session(*row) for row in rows]
        connection.execute(READINGS, [added[first].session_id, added[-1].session_id])
    connection.execute("ANALYZE session, meter_value")
    return added


SESSIONS = """
WITH place AS (
    SELECT row_number() OVER (ORDER BY evse_key) - 1 AS place, count(*) OVER () AS places, *
    FROM evse JOIN station USING (station_id)
)
INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, connector_id,
    transaction_id, id_token, started_at, ended_at, energy_wh, meter_start_wh, meter_stop_wh,
    register_wh, register_at, first_reading_at, last_reading_at, stop_reason)
SELECT 1, site_id, station_id, evse_id, evse_key, 1, gen_random_uuid()::text, 'TAG' || n,
    at, at + length, wh, 1000000, 1000000 + wh, 1000000 + wh, at + length, at + length / 8,
    at + length, 'EVDisconnected'
FROM generate_series(0, %s - 1) i
CROSS JOIN LATERAL (SELECT i + %s AS n) n
CROSS JOIN LATERAL (SELECT %s::timestamptz + n * %s::interval AS at,
    interval '24 minutes' + (n %% 49) * interval '1 minute' AS length,
    (4000 + (n * 7919 %% 5200)) * 7 AS wh) s
JOIN place ON place.place = n %% places
ORDER BY i LIMIT %s
RETURNING session_id, site_id, station_id"""
READINGS = """
INSERT INTO meter_value (measured_at, received_at, session_id, reading_hash, energy_wh,
    energy_delta_wh, evse_key, evse_id, power_w, station_id, source)
SELECT started_at + (ended_at - started_at) * q / 8, now(), session_id, session_id * 16 + q,
    meter_start_wh + energy_wh / 7 * least(q, 7), CASE WHEN q < 8 THEN energy_wh / 7 ELSE 0 END,
    evse_key, evse_id, CASE WHEN q < 8 THEN 60000 ELSE 0 END, station_id, 'meter'
FROM session, generate_series(1, 8) q WHERE session_id BETWEEN %s AND %s"""
