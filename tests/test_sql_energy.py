"""Rollups are the exact sums of the facts, on every engine, in the operator's days and months."""

from zoneinfo import ZoneInfo

import pytest
from facts import LEVELS, expected, insert, random_facts, rollup

from sql.database import Connection

ZONE = ZoneInfo("Europe/Stockholm")
KEY = 100


def refresh(connection: Connection) -> None:
    connection.execute("CALL refresh_rollups('2025-01-01', '2027-01-01')")


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_exact_over_clock_changes_and_month_ends(
    connection: Connection, seed: int
) -> None:
    facts = random_facts(seed, KEY)
    insert(connection, facts)
    refresh(connection)
    for level in LEVELS:
        assert rollup(connection, level, KEY) == expected(facts, level, ZONE)


def test_a_repeated_fact_counts_once(connection: Connection) -> None:
    facts = random_facts(7, KEY)
    insert(connection, facts)
    insert(connection, facts[::3])
    refresh(connection)
    assert rollup(connection, "energy_day", KEY) == expected(facts, "energy_day", ZONE)


def test_a_late_fact_counts_once_its_time_is_refreshed(connection: Connection) -> None:
    facts = random_facts(8, KEY)
    insert(connection, facts[::2])
    refresh(connection)
    insert(connection, facts[1::2])
    connection.execute(
        "INSERT INTO rollup_refresh_request (from_at, to_at) VALUES ('2025-12-01', '2026-11-01')"
    )
    connection.execute("CALL process_refresh_requests()")
    for level in LEVELS:
        assert rollup(connection, level, KEY) == expected(facts, level, ZONE)
    left = connection.execute("SELECT count(*) FROM rollup_refresh_request").fetchone()
    assert left == (0,)


def test_a_copy_is_rolled_up_too(connection: Connection) -> None:
    with connection.cursor().copy(
        "COPY meter_value (evse_key, station_id, evse_id, measured_at, received_at, source, "
        "reading_hash, energy_delta_wh) FROM STDIN"
    ) as copy:
        for number in range(10):
            at = "2026-03-01T12:00:00Z"
            copy.write_row((1, "oak-1", 1, at, at, "meter", number, 100))
    refresh(connection)
    row = connection.execute("SELECT sum(energy_wh)::bigint FROM energy_month").fetchone()
    assert row == (1000,)


def test_the_main_meter_of_a_station_is_not_counted(connection: Connection) -> None:
    facts = [fact for fact in random_facts(9, KEY) if fact["evse_id"] == 0]
    insert(connection, facts)
    refresh(connection)
    assert connection.execute("SELECT count(*) FROM energy_15min").fetchone() == (0,)


def test_a_refresh_needs_both_ends(connection: Connection) -> None:
    with pytest.raises(Exception, match="needs both ends"):
        connection.execute("CALL refresh_rollups(NULL, now())")
