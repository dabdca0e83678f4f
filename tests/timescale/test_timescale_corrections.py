"""Corrections by people's decisions: equal on both engines, in the columnstore too."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from facts import rollup

from ingest.decisions import apply_decisions, judge_sessions
from sql.database import Connection, connect

pytestmark = [pytest.mark.node, pytest.mark.timescale]
BEGAN = datetime(2026, 2, 3, 10, 50, tzinfo=UTC)
KEY, STATION = 7_032, "CORRECTED"


def a_session(connection: Connection) -> int:
    """12 kWh over an hour, its register jumped; its number."""
    row = connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, ended_at, first_reading_at, last_reading_at, energy_wh, flags)"
        " VALUES (703200, %s, 1, %s, 't', %s, %s, %s, %s, 12000, '{register_jumped}')"
        " RETURNING session_id",
        [STATION, KEY, BEGAN, BEGAN + timedelta(hours=1), BEGAN, BEGAN + timedelta(hours=1)],
    ).fetchone()
    assert row is not None
    for minute in range(10, 61, 10):
        connection.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " session_id, source, reading_hash, energy_wh, energy_delta_wh)"
            " VALUES (%s, %s, 1, %s, now(), %s, 'meter', %s, %s, 2000)",
            [KEY, STATION, BEGAN + timedelta(minutes=minute), row[0], minute, minute * 200],
        )
    return int(row[0])


def outcome(connection: Connection) -> Any:
    """The session, its doubts, its facts and every roll-up."""
    connection.execute("CALL process_refresh_requests()")
    return (
        connection.execute(
            "SELECT energy_wh, correction_wh, version FROM session WHERE session_id = 703200"
        ).fetchall(),
        connection.execute("SELECT reason, detail FROM session_doubt ORDER BY 1").fetchall(),
        connection.execute(
            "SELECT measured_at, source, energy_delta_wh FROM meter_value WHERE evse_key = %s"
            " ORDER BY 1, 2, 3", [KEY],
        ).fetchall(),
        [rollup(connection, level, KEY) for level in ("energy_15min", "energy_day")],
    )  # fmt: skip


def decide(connection: Connection, session_id: int, decision: str, energy_wh: int | None) -> None:
    connection.execute(
        "INSERT INTO session_decision (session_id, decision, energy_wh, reasons, reason,"
        " decided_by) VALUES (%s, %s, %s, '{register_jumped}', 'display', 'carol')",
        [session_id, decision, energy_wh],
    )
    apply_decisions(connection)


def test_decisions_leave_the_same_facts_on_both_engines(
    wasm: Connection, plain_database: str
) -> None:
    with connect(plain_database) as plain:
        for connection in (wasm, plain):
            session_id = a_session(connection)
            judge_sessions(connection)
            connection.execute("CALL refresh_rollups('2026-02-01', '2026-03-01')")
            if connection is wasm:
                connection.execute("SELECT compress_chunk(c) FROM show_chunks('meter_value') c")
            for decision, energy_wh in (("correct", 7_001), ("void", 0), ("correct", 15_500)):
                decide(connection, session_id, decision, energy_wh)
        found = outcome(plain)
        assert outcome(wasm) == found
        assert found[0] == [(15_500, 3_500, 3)]
        decide(wasm, session_id, "accept", None)
        assert outcome(wasm)[0] == [(12_000, 0, 4)]


def test_no_other_source_is_let_in(wasm: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        wasm.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " source, reading_hash) VALUES (1, 'S', 1, now(), now(), 'guess', 1)"
        )
