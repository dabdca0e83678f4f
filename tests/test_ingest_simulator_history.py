"""The demo's past: written once, whole, however often the first start is interrupted."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from ingest.simulator.demo import book_history, fill_history, has_history, prepare
from ingest.simulator.history import write_history
from ingest.timelines import differences
from sql.database import Connection

COUNT = "SELECT evse_key, count(*) FROM session GROUP BY evse_key"
WRONG = """
SELECT count(*) FROM (SELECT session_id, s.energy_wh, sum(energy_delta_wh) AS counted
    FROM session s JOIN meter_value USING (session_id) GROUP BY session_id) x
WHERE energy_wh <> counted"""


def test_an_interrupted_history_is_continued_and_a_finished_one_left_alone(
    database: str, connection: Connection
) -> None:
    sites = prepare(connection, "key")[0][:1]
    evses = {(s.station_id, e.evse_id) for s in sites[0].stations for e in s.evses}
    later = sorted(evses)[1:]
    write_history(database, sites, days=5, processes=1, progress=int, done=later)
    before = Counter(dict(connection.execute(COUNT).fetchall()))
    connection.execute("INSERT INTO job_run (job, started_at) VALUES ('demo history', now())")
    assert len(before) == 1
    assert not has_history(connection)

    steps: list[int] = []
    written, _ = fill_history(connection, database, sites, 5, steps.append)
    after = Counter(dict(connection.execute(COUNT).fetchall()))
    assert after.total() == before.total() + written
    assert before <= after
    assert sum(steps) == len(evses)
    assert connection.execute(WRONG).fetchone() == (0,)
    assert not has_history(connection)
    book_history(connection, database)
    assert has_history(connection)
    booked = (
        "SELECT (SELECT count(*) FROM attempt WHERE session_id IS NOT NULL), count(*) FROM session"
    )
    attempts, sessions = connection.execute(booked).fetchone() or ()
    assert attempts == sessions
    assert differences(connection, datetime.now(UTC) - timedelta(days=4), datetime.now(UTC)) == []


def test_a_database_with_a_past_of_its_own_gets_no_other(connection: Connection) -> None:
    assert not has_history(connection)
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at) VALUES (1, 'S1', 1, 1, 't', now() - interval '2 days')"
    )
    assert has_history(connection)
