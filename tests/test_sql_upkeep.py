"""Readings and messages live in partitions that are made ahead and forgotten as a whole."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sql.database import Connection, connect

READING = """
INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, source,
    reading_hash, energy_delta_wh)
VALUES (1, 'oak-1', 1, %s, now(), 'meter', %s, 10)
"""


def one(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def test_a_migrated_database_has_13_months_behind_and_3_ahead(plain_database: str) -> None:
    with connect(plain_database) as plain:
        for months in (-13, 0, 3):
            at = datetime.now(UTC) + timedelta(days=30 * months)
            plain.execute(READING.encode(), [at, months])
        assert one(plain, "SELECT count(*) FROM meter_value_default") == 0
        assert one(plain, "SELECT count(*) FROM meter_value") == 3


def test_rows_outside_of_all_partitions_are_kept_moved_and_counted_once(
    plain_database: str,
) -> None:
    with connect(plain_database) as plain:
        plain.execute(READING.encode(), ["2040-05-05T12:00Z", 1])
        plain.execute(READING.encode(), ["2040-06-05T12:00Z", 2])
        assert one(plain, "SELECT count(*) FROM meter_value_default") == 2
        plain.execute("CALL ensure_partitions('2040-05-01', '2040-05-31')")
        assert one(plain, "SELECT count(*) FROM meter_value_default") == 1
        assert one(plain, "SELECT count(*) FROM meter_value_2040_05") == 1
        plain.execute(READING.encode(), ["2040-05-05T12:00Z", 3])
        assert one(plain, "SELECT sum(energy_wh)::int FROM energy_month") == 30
        with pytest.raises(psycopg.errors.UniqueViolation):
            plain.execute(READING.encode(), ["2040-05-05T12:00Z", 1])


def test_partitions_may_be_ensured_again(connection: Connection) -> None:
    for _ in range(2):
        connection.execute("CALL ensure_partitions(now(), now() + interval '6 months')")
    connection.execute(READING.encode(), [datetime.now(UTC) + timedelta(days=150), 1])
    assert one(connection, "SELECT sum(energy_delta_wh)::int FROM meter_value") == 10


def test_old_readings_and_messages_are_forgotten_but_their_energy_is_not(
    connection: Connection,
) -> None:
    now = datetime.now(UTC)
    old, recent = now - timedelta(days=390), now - timedelta(days=200)
    for number, at in enumerate((old, recent)):
        connection.execute(READING.encode(), [at, number])
    for days in (45, 10):
        connection.execute(
            "INSERT INTO message_log (station_id, received_at, direction, message_id) "
            "VALUES ('oak-1', %s, 'in', %s)",
            [now - timedelta(days=days), str(days)],
        )
    connection.execute("CALL refresh_rollups(%s, now())", [old])
    connection.execute("CALL enforce_retention(interval '300 days')")
    assert one(connection, "SELECT array_agg(reading_hash) FROM meter_value") == [1]
    assert one(connection, "SELECT array_agg(message_id) FROM message_log") == ["10"]
    assert one(connection, "SELECT sum(energy_wh)::int FROM energy_month") == 20
    kept = one(connection, "SELECT kept_from FROM retention WHERE relation = 'meter_value'")
    assert isinstance(kept, datetime)
    assert old < kept <= now - timedelta(days=300)


def test_retention_below_90_days_is_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="90 days"):
        connection.execute("CALL enforce_retention(interval '89 days')")


def test_a_refresh_request_has_two_finite_ends(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO rollup_refresh_request (from_at, to_at) VALUES (now(), 'infinity')"
        )


@pytest.mark.parametrize(
    "change", ["flags = '{}'", "evse_id = 0", "evse_key = -1", "source = 'guess'"]
)
def test_a_malformed_fact_is_refused(connection: Connection, change: str) -> None:
    column, value = change.split(" = ")
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            f"INSERT INTO meter_value SELECT (jsonb_populate_record(null::meter_value, "  # noqa: S608
            f"to_jsonb(fact) || to_jsonb(changed))).* FROM (SELECT now() AS measured_at, "
            f"now() AS received_at, now() AS recorded_at, 1 AS evse_key, 1 AS evse_id, "
            f"'oak-1' AS station_id, 'meter' AS source, 1 AS reading_hash, 0 AS revision) fact, "
            f"(SELECT {value} AS {column}) changed".encode()
        )


SESSION = """
INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at, ended_at)
VALUES ('oak-1', 1, 1, %s, %s, %s) RETURNING session_id
"""
PAYMENT = """
INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state, currency, hold)
VALUES ('AAAA-' || lpad(%s, 4, '0'), 'guest', 1, 1, %s, %s, 'SEK', 100)
"""


def old_session(connection: Connection, name: str, days: int, *, ended: bool = True) -> int:
    """A session of so many days ago with a reading, as if billing had not begun by then."""
    at = datetime.now(UTC) - timedelta(days=days)
    connection.execute(READING.encode(), [at, hash(name) % 1000])
    given = [name, at, at + timedelta(hours=1) if ended else None]
    row = connection.execute(SESSION.encode(), given).fetchone()
    assert row
    return int(row[0])


def refusal(connection: Connection, call: str = "CALL enforce_retention('200 days')") -> str:
    """What retention says; it must have deleted nothing."""
    readings = one(connection, "SELECT count(*) FROM meter_value")
    with pytest.raises(psycopg.errors.ObjectInUse) as refused:
        connection.execute(call.encode())
    assert one(connection, "SELECT count(*) FROM meter_value") == readings
    return str(refused.value.diag.message_primary)


def test_readings_of_a_session_that_goes_on_are_kept(connection: Connection) -> None:
    number = old_session(connection, "goes on", 300, ended=False)
    old_session(connection, "over", 310)
    said = refusal(connection)
    assert "readings before" in said
    assert f"1 session not settled yet; the oldest is session {number} of" in said
    assert "has not ended" in said


@pytest.mark.parametrize("state", ["completed", "capture_failed", "receivable", "disputed"])
def test_readings_of_a_payment_that_is_not_final_are_kept(
    connection: Connection, state: str
) -> None:
    first = old_session(connection, "first", 330)
    second = old_session(connection, "second", 300)
    for number in (first, second):
        connection.execute(PAYMENT.encode(), [str(number), number, state])
    said = refusal(connection)
    assert "2 sessions not settled yet" in said
    assert f"the oldest is session {first} of" in said
    assert f"its payment is {state}" in said
    connection.execute("UPDATE payment SET state = 'settled'")
    connection.execute("CALL enforce_retention('200 days')")
    assert one(connection, "SELECT count(*) FROM meter_value") == 0


def test_readings_of_a_session_without_its_cdr_are_kept(connection: Connection) -> None:
    number = old_session(connection, "to bill", 300)
    connection.execute("INSERT INTO ended_session (session_id) VALUES (%s)", [number])
    assert "no CDR is written yet" in refusal(connection)
    connection.execute("DELETE FROM ended_session")
    connection.execute("CALL enforce_retention('200 days')")


def test_readings_of_a_session_under_review_are_kept(connection: Connection) -> None:
    number = old_session(connection, "doubtful", 300)
    connection.execute(
        "INSERT INTO review_item (kind, subject, session_id) VALUES ('quarantine', 'x', %s)",
        [number],
    )
    assert "waits for review: quarantine" in refusal(connection)


def test_what_is_not_settled_but_newer_does_not_hold_retention_up(connection: Connection) -> None:
    old_session(connection, "old", 300)
    old_session(connection, "new", 100, ended=False)
    connection.execute("CALL enforce_retention('200 days')")
    assert one(connection, "SELECT count(*) FROM meter_value") == 1


def test_messages_of_a_session_that_is_not_settled_are_kept(connection: Connection) -> None:
    old_session(connection, "goes on", 60, ended=False)
    connection.execute(
        "INSERT INTO message_log (station_id, received_at, direction, message_id) "
        "VALUES ('oak-1', now() - interval '50 days', 'in', 'x')"
    )
    assert "messages before" in refusal(connection)
    assert one(connection, "SELECT count(*) FROM message_log") == 1
    connection.execute("CALL enforce_retention('200 days', '90 days')")
