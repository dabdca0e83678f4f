"""Decisions about implausible sessions: booked once, beside what was measured, for good."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from charged import NOON, after, charged, place
from ocpp_messages import begin, sample16, stop16, values16
from stations import SUMS, ago, rows, serving, session

from ingest import decisions
from ingest.decisions import apply_decisions, judge_sessions
from sql.database import Connection, connect
from sql.quarantine import judge

READ_AT = NOON + timedelta(hours=1)
PARTS = ((10, 4_000), (20, 6_000), (25, 2_000))
LATER = datetime(2027, 1, 1, tzinfo=UTC)  # than every session of these tests


@pytest.fixture
def charge(connection: Connection) -> int:
    """A session of 12 kWh in 25 minutes; its number."""
    place(connection)
    return charged(connection, PARTS)


def decide(
    connection: Connection, session_id: int, decision: str, energy_wh: int | None = None,
    reason: str = "the display showed it",
) -> None:  # fmt: skip
    connection.execute(
        "INSERT INTO session_decision (session_id, decision, energy_wh, reasons, reason,"
        " decided_by) VALUES (%s, %s, %s, ARRAY(SELECT reason FROM open_doubt"
        " WHERE session_id = %s), %s, 'carol@example.org')",
        [session_id, decision, energy_wh, session_id, reason],
    )


def energy(connection: Connection, session_id: int) -> tuple[int, int, int]:
    """(energy, of it by decisions, version); the facts and every roll-up say the same."""
    row = connection.execute(
        "SELECT energy_wh, correction_wh, version, evse_key FROM session WHERE session_id = %s",
        [session_id],
    ).fetchone()
    assert row is not None
    for level in ("energy_15min", "energy_day"):
        found = connection.execute(
            f"SELECT sum(energy_wh) FROM {level} WHERE evse_key = %s".encode(),  # noqa: S608
            [row[3]],
        ).fetchone()
        assert found == (row[0],), level
    assert connection.execute(SUMS.encode(), [session_id]).fetchone() == (row[0],)
    return row[:3]


def booked(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT energy_delta_wh FROM meter_value WHERE source = 'correction'"
        " ORDER BY measured_at, recorded_at"
    ).fetchall()


def applied(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT decision, old_wh, new_wh, applied_at IS NOT NULL FROM session_decision"
        " ORDER BY decision_id"
    ).fetchall()


# -- booking ----------------------------------------------------------------------------------


def test_a_correction_is_facts_beside_the_old_ones(connection: Connection, charge: int) -> None:
    decide(connection, charge, "correct", 9_000)
    apply_decisions(connection)
    assert energy(connection, charge) == (9_000, -3_000, 1)
    assert applied(connection) == [("correct", 12_000, 9_000, True)]
    # a quarter less in the first quarter of an hour, and in the second
    assert booked(connection) == [(-1_000,), (-2_000,)]
    kept = connection.execute(
        "SELECT energy_delta_wh FROM meter_value WHERE source = 'meter' ORDER BY measured_at"
    ).fetchall()
    assert kept == [(4_000,), (6_000,), (2_000,)]


def test_voided_and_then_accepted_after_all(connection: Connection, charge: int) -> None:
    decide(connection, charge, "void", 0)
    apply_decisions(connection)
    assert energy(connection, charge) == (0, -12_000, 1)
    decide(connection, charge, "accept")
    apply_decisions(connection)
    assert energy(connection, charge) == (12_000, 0, 2)
    assert applied(connection) == [("void", 12_000, 0, True), ("accept", 0, 12_000, True)]


def test_accepting_books_nothing(connection: Connection, charge: int) -> None:
    decide(connection, charge, "accept")
    apply_decisions(connection)
    assert energy(connection, charge) == (12_000, 0, 0)
    assert booked(connection) == []
    assert applied(connection) == [("accept", 12_000, 12_000, True)]


def test_of_two_decisions_nobody_got_to_the_newest_holds(
    connection: Connection, charge: int
) -> None:
    decide(connection, charge, "void", 0)
    decide(connection, charge, "correct", 15_000)
    apply_decisions(connection)
    assert energy(connection, charge) == (15_000, 3_000, 1)
    assert applied(connection) == [(d, 12_000, 15_000, True) for d in ("void", "correct")]


def test_a_decision_of_what_is_true_already_changes_nothing(
    connection: Connection, charge: int
) -> None:
    decide(connection, charge, "correct", 12_000)
    apply_decisions(connection)
    assert (energy(connection, charge), booked(connection)) == ((12_000, 0, 0), [])


def test_the_bucket_is_asked_to_be_refreshed_and_viewers_hear_of_it(
    connection: Connection, charge: int
) -> None:
    connection.execute("LISTEN evse")
    connection.execute("LISTEN payment")
    connection.execute("DELETE FROM rollup_refresh_request")
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, currency,"
        " hold) VALUES ('AAAA-AAA', 'guest', 1, 11, %s, 'SEK', 1)", [charge],
    )  # fmt: skip
    decide(connection, charge, "correct", 9_000)
    apply_decisions(connection)
    assert connection.execute(
        "SELECT from_at, to_at FROM rollup_refresh_request"
    ).fetchall() == [(after(10), after(25))]  # fmt: skip
    heard = {notice.channel for notice in connection.notifies(timeout=5, stop_after=3)}
    assert heard == {"evse", "payment"}


def test_two_jobs_at_a_time_book_it_once(database: str, connection: Connection) -> None:
    place(connection)
    sessions = [charged(connection, PARTS) for _ in range(6)]
    for session_id in sessions:
        decide(connection, session_id, "correct", 7_777)
    barrier = threading.Barrier(3)

    def work() -> None:
        with connect(database) as own:
            barrier.wait()
            apply_decisions(own)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sums = connection.execute(
        "SELECT s.energy_wh, s.version, sum(m.energy_delta_wh) FROM session s"
        " JOIN meter_value m USING (session_id) GROUP BY s.session_id"
    ).fetchall()
    assert sums == [(7_777, 1, 7_777)] * 6


def test_a_job_that_dies_before_its_commit_has_done_nothing(
    database: str, connection: Connection, charge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(connection, charge, "void", 0)
    own = connect(database)

    def die(*_: Any, **__: Any) -> None:
        own.close()
        raise psycopg.OperationalError("killed")

    with monkeypatch.context() as patched:
        patched.setitem(decisions.queries._methods, "note_applied", die)
        with pytest.raises(psycopg.OperationalError):
            apply_decisions(own)
    assert energy(connection, charge) == (12_000, 0, 0)
    apply_decisions(connection)
    assert energy(connection, charge) == (0, -12_000, 1)


def test_a_session_that_is_gone_keeps_no_other_decision_waiting(
    connection: Connection, charge: int
) -> None:
    decide(connection, 999_999, "void", 0)
    decide(connection, charge, "void", 0)
    apply_decisions(connection)
    assert energy(connection, charge)[0] == 0


# -- readings that come later, through the real server ----------------------------------------


async def test_late_readings_never_undo_a_correction(database: str) -> None:
    at = ago(minutes=100)
    async with serving(database, "S1") as csms, csms.station() as station:
        number = await begin(station, 1_000, at)
        await station.call("StopTransaction", stop16(number, 9_000, at + timedelta(minutes=60)))
        with connect(database) as connection:
            session_id = csms.one("SELECT session_id FROM session")
            decide(connection, session_id, "correct", 5_000)
            apply_decisions(connection)
            assert session(csms, "correction_wh") == -3_000
            late = values16([sample16(4_000)], at + timedelta(minutes=20), transactionId=number)
            await station.call("MeterValues", late)
            higher = values16([sample16(9_700)], at + timedelta(minutes=70), transactionId=number)
            await station.call("MeterValues", higher)
            # at every moment the session is the sum of its facts; then what was decided again
            assert session(csms, "correction_wh") == -3_000
            assert csms.one("SELECT energy_wh FROM session") == 5_700
            judge_sessions(connection)
        assert session(csms, "correction_wh") == -3_700
        assert csms.one("SELECT energy_wh FROM session") == 5_000
        assert csms.one("SELECT count(*) FROM session_change") == 0


async def test_a_session_that_still_runs_is_counted_on_and_ends_at_what_was_decided(
    database: str,
) -> None:
    """The worker holds the session in memory: its next reading finds another version there."""
    at = ago(minutes=100)
    async with serving(database, "S1") as csms, csms.station() as station:
        number = await begin(station, 1_000, at)
        await station.call("MeterValues", values16([sample16(3_000)], at + timedelta(minutes=20),
                                                   transactionId=number))  # fmt: skip
        session_id = csms.one("SELECT session_id FROM session")
        with connect(database) as connection:
            decide(connection, session_id, "correct", 500)
            apply_decisions(connection)
            for minute, register in ((30, 4_000), (40, 5_000)):
                reading = values16([sample16(register)], at + timedelta(minutes=minute),
                                   transactionId=number)  # fmt: skip
                await station.call("MeterValues", reading)
                assert session(csms, "correction_wh") == -1_500
            assert csms.one("SELECT energy_wh FROM session") == 2_500
            stop = stop16(number, 5_000, at + timedelta(minutes=60))
            await station.call("StopTransaction", stop)
            judge_sessions(connection)
        assert session(csms, "correction_wh") == -3_500
        assert csms.one("SELECT energy_wh FROM session") == 500


# -- judging ----------------------------------------------------------------------------------


def doubts(connection: Connection) -> list[Any]:
    return connection.execute("SELECT reason FROM open_doubt ORDER BY 1").fetchall()


def items(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT subject, evidence, resolved_by, decision FROM review_item ORDER BY 1"
    ).fetchall()


def test_a_session_without_a_payment_is_judged_and_people_are_asked_once(
    connection: Connection, charge: int
) -> None:
    odd = charged(connection, [(10, 912_000)])
    for _ in range(2):
        judge_sessions(connection, LATER)
        connection.execute("INSERT INTO session_change (session_id) VALUES (%s)", [odd])
    found = connection.execute("SELECT session_id, reason, detail FROM session_doubt").fetchall()
    assert {row[:2] for row in found} == {
        (odd, "beyond_vehicle"), (odd, "too_much_energy"), (odd, "overlaps"),
        (charge, "overlaps"),
    }  # fmt: skip
    assert [row[0] for row in items(connection)] == sorted([f"session {charge}", f"session {odd}"])


def test_a_doubt_that_later_readings_explain_frees_the_session(
    connection: Connection, charge: int
) -> None:
    connection.execute("UPDATE session SET flags = ARRAY['start_missing']")
    judge_sessions(connection, LATER)
    assert doubts(connection) == [("start_missing",)]
    connection.execute("UPDATE session SET flags = '{}'")
    judge_sessions(connection, LATER)
    assert doubts(connection) == []
    assert items(connection) == [
        (f"session {charge}", {"doubts": ["start_missing"]}, "kilowatch", "charge")
    ]
    connection.execute("UPDATE session SET flags = ARRAY['start_missing']")
    judge_sessions(connection, LATER)
    assert (doubts(connection), len(items(connection))) == ([("start_missing",)], 2)


def test_who_accepts_accepts_what_was_known_and_no_more(
    connection: Connection, charge: int
) -> None:
    connection.execute("UPDATE session SET flags = ARRAY['register_jumped']")
    judge_sessions(connection, LATER)
    decide(connection, charge, "accept")
    assert (doubts(connection), items(connection)[0][2:]) == ([], ("carol@example.org", "charge"))
    connection.execute("UPDATE session SET flags = flags || '{register_decreased}'")
    judge_sessions(connection, LATER)
    assert doubts(connection) == [("register_decreased",)]


def test_what_people_have_stated_is_doubted_no_more(connection: Connection, charge: int) -> None:
    connection.execute("UPDATE session SET flags = ARRAY['register_jumped']")
    judge_sessions(connection, LATER)
    decide(connection, charge, "void", 0)
    assert judge(connection, [charge], LATER).keys() == {charge}  # until it is booked
    apply_decisions(connection)
    connection.execute("UPDATE session SET flags = flags || '{register_decreased}'")
    judge_sessions(connection, LATER)
    assert (doubts(connection), judge(connection, [charge], LATER)) == ([], {})


def test_a_meter_that_stands_still_while_power_flows_is_found(connection: Connection) -> None:
    place(connection)
    still = charged(connection, [(m, 0, 11_000) for m in range(0, 60, 10)], minutes=60)
    charged(connection, [(m, 0, 20) for m in range(0, 60, 10)], minutes=60)
    judge_sessions(connection, LATER)
    found = connection.execute("SELECT session_id, reason, detail FROM session_doubt").fetchall()
    # 50 minutes of 11 kW; what came after the last reading nobody knows
    assert found == [(still, "meter_stands_still", {"energy_wh": 0, "power_wh": 9_167})]


def test_the_readings_that_jumped_are_kept_as_evidence(connection: Connection, charge: int) -> None:
    for minute, register in ((5, 1_000), (12, 3_000), (18, 950_000), (22, 4_000)):
        connection.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " session_id, source, reading_hash, energy_wh) VALUES (11, 'CP1', 1, %s, now(), %s,"
            " 'meter', %s, %s)", [after(minute), charge, register, register],
        )  # fmt: skip
    connection.execute("UPDATE session SET flags = '{register_jumped,register_decreased}'")
    judge_sessions(connection, LATER)
    found = connection.execute("SELECT reason, detail FROM session_doubt ORDER BY 1").fetchall()
    steps = {reason: (detail["before_wh"], detail["after_wh"]) for reason, detail in found}
    assert steps == {"register_jumped": (3_000, 950_000), "register_decreased": (950_000, 4_000)}


# -- what the rows refuse ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "energy_wh", "reason"),
    [("correct", -1, "why not"), ("correct", 10_000_001, "why not"), ("correct", None, "why not"),
     ("void", 5, "why not"), ("accept", 5, "why not"), ("void", 0, " a "), ("forget", None, "why"),
     ("correct", 5, "x" * 501)],
)  # fmt: skip
def test_a_wrong_decision_is_refused(
    connection: Connection, charge: int, decision: str, energy_wh: int | None, reason: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        decide(connection, charge, decision, energy_wh, reason)


@pytest.mark.parametrize(
    "change",
    ["UPDATE session_decision SET energy_wh = 1", "UPDATE session_decision SET reason = 'other'",
     "UPDATE session_decision SET new_wh = 1", "DELETE FROM session_decision"],
)  # fmt: skip
def test_a_decision_is_final(connection: Connection, charge: int, change: str) -> None:
    decide(connection, charge, "void", 0)
    apply_decisions(connection)
    with pytest.raises(psycopg.errors.RestrictViolation, match="decide anew"):
        connection.execute(change.encode())


def test_months_to_come_know_corrections_too(connection: Connection, database: str) -> None:
    connection.execute("CALL ensure_partitions('2031-01-01', '2031-01-02')")
    insert = (
        "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, source,"
        " reading_hash, energy_delta_wh) VALUES (1, 'S', 1, '2031-01-01', now(), %s, 1, 1)"
    )
    connection.execute(insert, ["correction"])
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(insert, ["guess"])
    assert rows(database, "SELECT source FROM meter_value") == [("correction",)]
