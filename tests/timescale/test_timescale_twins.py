"""TimescaleDB and PostgreSQL look the same and answer the same numbers to the last Wh."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from catalog import shape
from facts import ANCHORS, LEVELS, expected, insert, random_facts, rollup

from sql.database import Connection, connect

pytestmark = [pytest.mark.node, pytest.mark.timescale]
ZONE = ZoneInfo("Europe/Stockholm")


def assert_equal_rollups(wasm: Connection, plain: Connection, first_key: int) -> None:
    for level in LEVELS:
        assert rollup(wasm, level, first_key) == rollup(plain, level, first_key), level


def test_the_twins_have_one_shape(wasm: Connection, plain_database: str) -> None:
    with connect(plain_database) as plain:
        ours, theirs = shape(wasm), shape(plain)
    for part in theirs:
        assert ours[part] == theirs[part], part


@pytest.mark.parametrize("seed", range(2))
def test_the_twins_answer_the_same_numbers(
    wasm: Connection, plain_database: str, seed: int
) -> None:
    key = 1000 + 10 * seed
    facts = random_facts(seed, key)
    with connect(plain_database) as plain:
        for connection in (wasm, plain):
            insert(connection, facts)
            connection.execute("CALL refresh_rollups('2025-01-01', '2027-01-01')")
        assert_equal_rollups(wasm, plain, key)
        assert rollup(wasm, "energy_day", key) == expected(facts, "energy_day", ZONE)


def test_late_and_repeated_facts_count_once_after_their_refresh(
    wasm: Connection, plain_database: str
) -> None:
    key = 2000
    now = datetime.now(UTC)
    anchors = [*ANCHORS, now - timedelta(hours=3), now - timedelta(days=8), now]
    facts = random_facts(3, key, anchors)
    with connect(plain_database) as plain:
        for connection in (wasm, plain):
            insert(connection, facts[::2])
            connection.execute("CALL refresh_rollups('2025-01-01', now())")
            insert(connection, facts)  # late, half of it for the second time
            connection.execute(
                "INSERT INTO rollup_refresh_request (from_at, to_at) "
                "VALUES ('2025-12-01', '2026-06-02'), ('2026-06-02', now() + interval '2 days')"
            )
            connection.execute("CALL process_refresh_requests()")
            left = connection.execute("SELECT count(*) FROM rollup_refresh_request").fetchone()
            assert left == (0,)
        assert_equal_rollups(wasm, plain, key)


def test_a_refresh_never_hides_readings_to_come(wasm: Connection, plain_database: str) -> None:
    key = 3000
    now = datetime.now(UTC)
    far = random_facts(4, key, [now + timedelta(days=9999)])
    near = [f for f in random_facts(5, key, [now]) if f["measured_at"] > now.isoformat()]
    with connect(plain_database) as plain:
        for connection in (wasm, plain):
            insert(connection, far)
            connection.execute("CALL refresh_rollups('-infinity', 'infinity')")
            insert(connection, near)
        assert_equal_rollups(wasm, plain, key)


def test_forgetting_readings_keeps_their_rollups(wasm: Connection, plain_database: str) -> None:
    key = 4000
    cutoff = min(ANCHORS) - timedelta(days=100)  # the other tests' facts stay
    facts = random_facts(6, key, [cutoff - timedelta(days=70), cutoff + timedelta(days=20)])
    with connect(plain_database) as plain:
        for connection in (wasm, plain):
            insert(connection, facts)
            connection.execute("CALL refresh_rollups('2024-01-01', now())")
            before = {level: rollup(connection, level, key) for level in LEVELS}
            keep = datetime.now(UTC) - cutoff
            connection.execute("CALL enforce_retention(%s)", [keep])
            row = connection.execute(
                "SELECT count(*) FROM meter_value WHERE measured_at < %s",
                [cutoff - timedelta(days=31)],
            ).fetchone()
            assert row == (0,)
            connection.execute("CALL refresh_rollups('2024-01-01', now())")
            assert {level: rollup(connection, level, key) for level in LEVELS} == before
        assert_equal_rollups(wasm, plain, key)


def test_readings_are_never_kept_for_less_than_90_days(wasm: Connection) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="90 days"):
        wasm.execute("CALL enforce_retention(interval '30 days')")
