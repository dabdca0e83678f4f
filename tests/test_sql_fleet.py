"""The fleet's rollups say what those of the evses say, at every moment and whatever comes late."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from facts import Fact, insert, random_facts
from fleet import ANCHORS, assert_fleet_is_exact, energy_answers

from sql.database import Connection, connect

REFRESH = "CALL refresh_rollups('2024-01-01', now())"


def test_the_fleet_is_the_sum_of_its_evses(connection: Connection) -> None:
    insert(connection, random_facts(1, 100))
    connection.execute(REFRESH)
    insert(connection, random_facts(2, 200, [datetime.now(UTC)]))
    assert_fleet_is_exact(connection)


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_late_counts_at_once_and_after_every_refresh(
    plain_database: str, seed: int
) -> None:
    """Late for the quarters, late for the months, within the day, in the future: in any order."""
    dice = random.Random(seed)
    facts = random_facts(seed, 300, ANCHORS())
    dice.shuffle(facts)
    with connect(plain_database) as plain:
        while facts:
            some = [facts.pop() for _ in range(min(len(facts), dice.randint(1, 150)))]
            insert(plain, some)
            assert_fleet_is_exact(plain)
            if dice.random() < 0.5:
                plain.execute(REFRESH)
                assert_fleet_is_exact(plain)


def test_moving_the_watermark_while_readings_come_loses_none(plain_database: str) -> None:
    """Three writers and the job at once; the sums of one moment agree at every moment."""

    def write(number: int) -> None:
        facts = random_facts(number, 1000 + 10 * number, ANCHORS())
        with connect(plain_database) as plain:
            for start in range(0, len(facts), 25):
                insert(plain, facts[start : start + 25])

    def refresh(_: int) -> None:
        with connect(plain_database) as plain:
            for _ in range(15):
                _push_back(plain)
                plain.execute(REFRESH)
                assert_fleet_is_exact(plain)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda job: job[0](job[1]), _jobs(write, refresh)))
    with connect(plain_database) as plain:
        assert_fleet_is_exact(plain)


def _jobs(write: Any, refresh: Any) -> list[tuple[Any, int]]:
    return [(write, 1), (refresh, 0), (write, 2), (write, 3)]


MOVED = "SELECT isfinite(fleet_until) AND isfinite(month_until) FROM rollup.watermark"


def _push_back(plain: Connection) -> None:
    """Forget what is materialised: the watermark has its way to go again."""
    with plain.transaction():
        plain.execute("LOCK TABLE ONLY meter_value IN SHARE MODE")
        plain.execute("SELECT rollup.fold()")
        plain.execute("UPDATE rollup.watermark SET fleet_until = '-infinity', "
                      "month_until = '-infinity'")  # fmt: skip
        for table in ("fleet_15min", "fleet_day", "month"):
            plain.execute(f"DELETE FROM rollup.{table}".encode())  # noqa: S608


def test_a_writer_that_can_not_be_stopped_only_postpones_the_watermark(plain_database: str) -> None:
    with connect(plain_database) as plain, connect(plain_database) as busy:
        insert(plain, random_facts(5, 500))
        with busy.transaction():
            insert(busy, random_facts(6, 600)[:10])
            plain.execute(REFRESH)
            assert plain.execute(MOVED).fetchone() == (False,)
            assert_fleet_is_exact(plain)
        plain.execute(REFRESH)
        assert plain.execute(MOVED).fetchone() == (True,)
        assert_fleet_is_exact(plain)


def test_the_energy_pages_answer_what_the_readings_say(connection: Connection) -> None:
    facts = random_facts(7, 700, ANCHORS())
    insert(connection, facts)
    connection.execute(REFRESH)
    for period in energy_answers(connection):
        assert period.answer == period.expected, period.what


SESSION = """
INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at)
VALUES ('oak', 1, 1, %s, %s) RETURNING session_id"""
DAYS = "SELECT bucket, sessions FROM session_fleet_day WHERE sessions <> 0 ORDER BY 1"
COUNTED = """
SELECT date_trunc('day', started_at, 'Europe/Stockholm'), count(*) FROM session
GROUP BY 1 ORDER BY 1"""


def test_sessions_are_counted_on_the_day_they_began(connection: Connection) -> None:
    dice = random.Random(8)
    now = datetime.now(UTC)
    for number in range(60):
        at = now - timedelta(hours=dice.randint(0, 100))
        connection.execute(SESSION.encode(), [str(number), at])
        if number % 3 == 0:
            moved = "UPDATE session SET started_at = %s WHERE transaction_id = %s"
            connection.execute(moved, [at - timedelta(days=1), str(number // 2)])
        if number % 7 == 0:
            connection.execute("DELETE FROM session WHERE transaction_id = %s", [str(number // 3)])
        if number % 10 == 0:
            connection.execute(REFRESH)
        days = connection.execute(DAYS).fetchall()
        assert days == connection.execute(COUNTED).fetchall()


STAYS = "SELECT bucket, bin, stays, seconds FROM session_idle_day WHERE stays <> 0 ORDER BY 1, 2"
STAYED = """
SELECT date_trunc('day', started_at, 'Europe/Stockholm'),
    width_bucket(idle, ARRAY[900, 1800, 3600, 7200, 14400]::numeric[]), count(*), sum(idle)
FROM session CROSS JOIN LATERAL (SELECT extract(epoch FROM ended_at - charged_until) AS idle) i
WHERE charged_until < ended_at GROUP BY 1, 2 ORDER BY 1, 2"""


def test_stays_after_the_last_energy_are_counted_whatever_changes(connection: Connection) -> None:
    dice = random.Random(9)
    now = datetime.now(UTC)
    for number in range(80):
        began = now - timedelta(hours=dice.randint(10, 100))
        connection.execute(SESSION.encode(), [str(number), began])
        changed = dice.choice(["ended_at", "charged_until", "started_at"])
        at = began + timedelta(minutes=dice.randint(0, 500), seconds=0.5)
        update = f"UPDATE session SET {changed} = %s WHERE transaction_id = %s"  # noqa: S608
        for name in {str(number), str(dice.randint(0, number))}:
            connection.execute(update.encode(), [at, name])
            full = "UPDATE session SET charged_until = started_at WHERE transaction_id = %s"
            connection.execute(full.encode(), [name])
        if number % 9 == 0:
            connection.execute("DELETE FROM session WHERE transaction_id = %s", [str(number // 2)])
        if number % 13 == 0:
            connection.execute(REFRESH)
        stays = connection.execute(STAYS).fetchall()
        assert stays == connection.execute(STAYED).fetchall()
    assert stays


def test_a_fleet_without_readings_has_empty_rollups(connection: Connection) -> None:
    connection.execute("CALL process_refresh_requests()")
    for view in ("energy_fleet_15min", "energy_fleet_day", "session_fleet_day", "session_idle_day"):
        assert connection.execute(f"SELECT FROM {view}".encode()).fetchall() == []


def test_the_beginning_of_months_is_the_operators(connection: Connection) -> None:
    def month_from(at: str) -> object:
        row = connection.execute("SELECT month_from(%s)", [at]).fetchone()
        return row and row[0]

    assert month_from("2026-10-31T23:00Z") == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert month_from("2026-10-31T22:59Z") == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert month_from("2026-02-28T23:00:01Z") == datetime(2026, 3, 31, 22, tzinfo=UTC)


def late(fact: Fact, by: timedelta) -> Fact:
    at = datetime.fromisoformat(fact["measured_at"]) - by
    return fact | {"measured_at": at.isoformat()}


def test_a_reading_older_than_anything_counts(plain_database: str) -> None:
    with connect(plain_database) as plain:
        facts = random_facts(9, 900, [datetime.now(UTC)])
        insert(plain, facts[:50])
        plain.execute(REFRESH)
        insert(plain, [late(fact, timedelta(days=3000)) for fact in facts[50:]])
        assert_fleet_is_exact(plain)
        plain.execute(REFRESH)
        assert_fleet_is_exact(plain)


def test_a_failed_insert_leaves_nothing_in_the_fleet(plain_database: str) -> None:
    with connect(plain_database) as plain:
        facts = random_facts(10, 950)
        insert(plain, facts[:100])
        plain.execute(REFRESH)
        with plain.transaction(force_rollback=True):
            insert(plain, facts[100:])
        assert_fleet_is_exact(plain)
