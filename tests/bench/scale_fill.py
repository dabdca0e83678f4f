"""A year of readings of 1,000 evses that grows from size to size: sessions of 20 to 60 minutes with
a reading a minute, statuses, messages, commands, drivers, books.

An evse has 1,250 places for a session in the year, of seven hours each; the smallest size takes
every fiftieth of them, the next one every fifth, the largest all. Rows come in the order of time, a
day and a half per statement, through the triggers that keep the rollups.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from billing.ledger import accounts_of
from sql.database import Connection, connect
from tests.bench import closing, ledger_fill, street
from tests.bench.pricing import USUAL
from tests.bench.scale_slots import EVSES, PLACE, PLACES, SLOTS, YEAR
from tests.bench.scale_states import BASE, GROWING

SITES = 50  # of ten stations with two evses each
READINGS = 40  # of a session, on average
PLACES_A_STATEMENT = 5
ENTRIES = 500_000  # more of them: see `ledger`
LARGEST = EVSES * PLACES * READINGS


class Year(NamedTuple):
    """Where the readings are written, and when their year begins."""

    dsn: str
    since: datetime


def say(text: str) -> None:
    sys.stderr.write(f"scale: {text}\n")
    sys.stderr.flush()


def begin(dsn: str, entries: int = ENTRIES, length: timedelta = YEAR) -> Year:
    """A network with books and everything that is not readings."""
    with connect(dsn) as connection:
        tariff_hash = street.build(connection, USUAL, SITES)
        model = street.add_sessions(connection, 1, datetime.now(UTC) - timedelta(hours=4))
        closing.close(connection, model, tariff_hash, accounts_of(connection))
        seconds = ledger_fill.fill(dsn, entries, model[0].session_id, say)
        say(f"{entries:,} entries in {seconds:.0f} s")
        since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - length
        year = Year(dsn, since)
        for statement in AROUND:
            connection.execute(statement.encode())
        for statement in BASE:
            connection.execute(statement.encode(), {"since": since})
        connection.execute("CALL ensure_partitions(%s, now())", [since])
    return year


def grow(year: Year, size: int, before: int = 0) -> float:
    """Add what is missing from `before` rows to about `size`; seconds. Two connections write."""
    step, done = LARGEST // size, LARGEST // before if before else 0
    began = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        halves = [(0, PLACES // 2), (PLACES // 2, PLACES)]
        list(threads.map(lambda half: _write(year, half, step, done), halves))
    seconds = time.monotonic() - began
    with connect(year.dsn) as connection:
        # nobody folds them here
        connection.execute("TRUNCATE timeline_request, attempt_request, ended_session")
        while connection.execute("SELECT fold_visits(100000)").fetchone() != (0,):
            pass
        connection.execute("CALL refresh_rollups(%s, now())", [year.since])
        connection.execute("VACUUM ANALYZE")  # as autovacuum would have, little by little
        connection.execute("CHECKPOINT")
    return seconds


def _write(year: Year, half: tuple[int, int], step: int, done: int) -> None:
    shown = time.monotonic()
    with connect(year.dsn) as connection:
        for place in range(*half, PLACES_A_STATEMENT):
            until = min(place + PLACES_A_STATEMENT, half[1]) - 1
            _write_places(connection, year, (place, until), step, done)
            if time.monotonic() - shown > 15:
                shown = time.monotonic()
                say(f"every {step}th session, place {place} of {half[0]} to {half[1]}")


def _write_places(
    connection: Connection, year: Year, places: tuple[int, int], step: int, done: int
) -> None:
    """Places that this size has and the one before had not. done: 0, or the step before."""
    some: dict[str, Any] = {"first": places[0], "last": places[1], "step": step, "done": done}
    some |= {"since": year.since, "place": PLACE}
    with connection.transaction():
        for statement in (SESSIONS, READINGS_OF, STATUSES, *GROWING):
            connection.execute(statement.encode(), some)


SESSIONS = f"""
INSERT INTO session (session_id, operator_id, site_id, station_id, evse_id, evse_key, connector_id,
    transaction_id, id_token, driver_id, started_at, ended_at, energy_wh, meter_start_wh,
    meter_stop_wh, register_wh, register_at, power_w, soc_pct, first_reading_at, last_reading_at,
    stop_reason, recorded_at, charged_until)
SELECT session_id, 1, site_id, station_id, evse_id, evse_key, 1, session_id::text,
    'TAG' || (session_id * 7919 %% 5000),
    CASE session_id %% 20 WHEN 0 THEN session_id / 20 %% 200 + 1 END,
    began, began + minutes * interval '1 minute', minutes * (watts / 60),
    1000000 + n * 100000, 1000000 + n * 100000 + minutes * (watts / 60),
    1000000 + n * 100000 + minutes * (watts / 60), began + minutes * interval '1 minute',
    watts, 80, began + interval '1 minute', began + minutes * interval '1 minute',
    'EVDisconnected', began, began + (minutes - n %% 9) * interval '1 minute'
FROM ({SLOTS}) s ORDER BY began"""  # noqa: S608
READINGS_OF = f"""
INSERT INTO meter_value (measured_at, received_at, recorded_at, session_id, reading_hash, energy_wh,
    energy_delta_wh, evse_key, evse_id, power_w, current_a, voltage_v, soc_pct, station_id, source,
    context)
SELECT at, at + late, at + late + interval '4.1 ms', session_id,
    hashint8extended(session_id * 64 + q, 0), 1000000 + n * 100000 + q * (watts / 60), watts / 60,
    evse_key, evse_id, watts - q %% 7 * 10, round((watts / 690.0 - q %% 7 * 0.02)::numeric, 1),
    228 + (q * 7 + n) %% 50 / 10.0, 20 + q, station_id, 'meter', 'Sample.Periodic'
FROM ({SLOTS}) s
CROSS JOIN LATERAL generate_series(1, minutes) q
CROSS JOIN LATERAL (SELECT began + q * interval '1 minute' AS at,
    (80 + (session_id * q) %% 800) * interval '1.003 ms' AS late) t
ORDER BY at"""  # noqa: S608
STATUSES = f"""
INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status, charging_state,
    status_at, received_at)
SELECT evse_key, station_id, evse_id, 1, status, state, at, at + interval '0.2 s'
FROM ({SLOTS}) s
CROSS JOIN LATERAL (VALUES ('Occupied', 'EVConnected', began - interval '1 minute'),
    ('Occupied', 'Charging', began),
    ('Available', NULL, began + (minutes + 3) * interval '1 minute')) c (status, state, at)
ORDER BY at"""  # noqa: S608

# every fifth evse charges now; 30 days of messages and a year of commands; two hundred drivers, of
# whom some pay by phone
AROUND = (
    """INSERT INTO driver (driver_id, email, name) SELECT n, 'driver' || n || '@example.org', 'D'
    FROM generate_series(1, 200) n""",
    """INSERT INTO driver_session (secret_hash, driver_id, expires_at)
    SELECT sha256(n::text::bytea), n, now() + interval '1 day' FROM generate_series(1, 200) n""",
    """INSERT INTO id_token (id_token, driver_id)
    SELECT 'TAG' || n, n % 200 + 1 FROM generate_series(20001, 25000) n""",
    """UPDATE payment SET owner_hash = sha256((payment_id % 2000)::text::bytea)
    WHERE channel = 'guest'""",
    """INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, connector_id,
        transaction_id, started_at, energy_wh, power_w, meter_start_wh, register_wh, register_at,
        first_reading_at, last_reading_at, driver_id)
    SELECT 1, site_id, station_id, evse_id, evse_key, 1, 'now' || evse_key,
        now() - interval '40 minutes', 40 * 180, 10800, 1000, 1000 + 40 * 180, now(),
        now() - interval '39 minutes', now(), evse_key % 200 + 1
    FROM evse JOIN station USING (station_id) WHERE evse_key % 5 = 0""",
    """INSERT INTO meter_value (measured_at, received_at, session_id, reading_hash, energy_wh,
        energy_delta_wh, evse_key, evse_id, power_w, soc_pct, station_id, source)
    SELECT started_at + q * interval '1 minute', now(), session_id, q, 1000 + q * 180, 180,
        evse_key, evse_id, 10800, 20 + q, station_id, 'meter'
    FROM session, generate_series(1, 40) q WHERE ended_at IS NULL""",
    """UPDATE connector SET status = 'Occupied', charging_state = 'Charging'
    WHERE evse_key % 5 = 0""",
    """INSERT INTO message_log (received_at, answer_ms, station_id, direction, message_id, action,
        frame, answer)
    SELECT now() - n * interval '143 minutes', 3, station_id, 'in', n::text,
        CASE n % 4 WHEN 0 THEN 'StatusNotification' ELSE 'Heartbeat' END, '[2,"17","Heartbeat",{}]',
        '[3,"17",{"currentTime":"2026-11-22T21:32:00Z"}]'
    FROM station, generate_series(1, 300) n ORDER BY n""",
    """INSERT INTO command (station_id, action, payload, status, requested_at, finished_at)
    SELECT station_id, 'RequestStopTransaction', jsonb_build_object('transactionId', 'now5'),
        'answered', now() - n * interval '3 days', now() - n * interval '3 days'
    FROM station, generate_series(0, 100) n""",
    """INSERT INTO incident (kind, severity, site_id)
    SELECT 'offline', 'high', site_id FROM site WHERE site_id % 5 = 0""",
    """INSERT INTO alert (incident_id, kind, station_id)
    SELECT incident_id, 'offline', station_id FROM incident JOIN station USING (site_id)
    WHERE station_id LIKE '%-1'""",
    """INSERT INTO app_user (email, name, role, password_hash)
    VALUES ('alice@example.org', 'Alice', 'operator', 'x')""",
    """INSERT INTO api_token (name, token_hash, scopes) VALUES ('t', sha256('1'), '{read}')""",
)
