"""The load of sites is the sum of the stations that stand there, whatever comes late or moves."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from facts import insert, random_facts
from fleet import ANCHORS

from dashboard.periods import Period, spans
from sql.database import Connection, connect
from sql.queries import load_queries

ZONE = "Europe/Stockholm"
REFRESH = "CALL refresh_rollups('2024-01-01', now())"
QUARTER = "date_bin('15 minutes', measured_at, timestamptz '2000-01-01 00:00+00')"
# one statement, one snapshot: writers may be at work
QUARTERS = f"""
WITH wanted AS (
    SELECT s.site_id, {QUARTER} AS bucket, sum(energy_delta_wh)::bigint AS energy_wh
    FROM meter_value JOIN station s USING (station_id)
    WHERE evse_id > 0 AND s.site_id IS NOT NULL GROUP BY 1, 2 HAVING sum(energy_delta_wh) <> 0
    UNION ALL
    SELECT 0, {QUARTER}, sum(energy_delta_wh)::bigint FROM meter_value
    WHERE evse_id > 0 GROUP BY 2 HAVING sum(energy_delta_wh) <> 0)
(SELECT site_id, bucket, energy_wh FROM energy_site_15min EXCEPT ALL SELECT * FROM wanted)
UNION ALL (SELECT * FROM wanted EXCEPT ALL SELECT site_id, bucket, energy_wh FROM energy_site_15min)
"""  # noqa: S608
DAYS = f"""
WITH wanted AS (
    SELECT site_id, date_trunc('day', bucket, '{ZONE}') AS bucket, sum(energy_wh)::bigint,
        max(energy_wh), (array_agg(bucket ORDER BY energy_wh DESC, bucket))[1]
    FROM energy_site_15min GROUP BY 1, 2),
found AS (SELECT site_id, bucket, energy_wh, peak_wh, peak_at FROM energy_site_day
    WHERE energy_wh <> 0)
(SELECT * FROM found EXCEPT ALL SELECT * FROM wanted WHERE sum <> 0)
UNION ALL (SELECT * FROM wanted WHERE sum <> 0 EXCEPT ALL SELECT * FROM found)
"""  # noqa: S608
LOADS = f"""
WITH wanted AS (
    SELECT site_id, date_trunc('month', bucket, '{ZONE}') AS bucket, (extract(hour FROM local) * 4
        + floor(extract(minute FROM local) / 15))::smallint AS quarter, sum(energy_wh)::bigint
    FROM energy_site_15min CROSS JOIN LATERAL (SELECT bucket AT TIME ZONE '{ZONE}' AS local) l
    GROUP BY 1, 2, 3 HAVING sum(energy_wh) <> 0)
(SELECT site_id, bucket, quarter, energy_wh FROM energy_site_load EXCEPT ALL SELECT * FROM wanted)
UNION ALL (SELECT * FROM wanted EXCEPT ALL
    SELECT site_id, bucket, quarter, energy_wh FROM energy_site_load)
"""  # noqa: S608
queries = load_queries("load")


@pytest.fixture(autouse=True)
def stations(connection: Connection) -> None:
    """Three stations, two sites."""
    connection.execute(
        "INSERT INTO site (site_id, operator_id, name) VALUES (1, 1, 'A'), (2, 1, 'B')"
    )
    connection.execute("INSERT INTO station (station_id, site_id) VALUES ('station-100', 1),"
                       " ('station-200', 1), ('station-300', NULL)")  # fmt: skip


def assert_quarters(connection: Connection) -> None:
    assert connection.execute(QUARTERS.encode()).fetchall() == []
    assert connection.execute(LOADS.encode()).fetchall() == []


def assert_days(connection: Connection) -> None:
    assert connection.execute(DAYS.encode()).fetchall() == []


@pytest.mark.parametrize("seed", range(2))
def test_late_readings_and_stations_that_move_are_counted_where_they_stand(
    connection: Connection, seed: int
) -> None:
    dice = random.Random(seed)
    facts = [fact for key in (100, 200, 300) for fact in random_facts(seed, key, ANCHORS())[:250]]
    dice.shuffle(facts)
    while facts:
        insert(connection, [facts.pop() for _ in range(min(len(facts), dice.randint(1, 120)))])
        if dice.random() < 0.4:
            connection.execute(
                "UPDATE station SET site_id = %s WHERE station_id = %s",
                [dice.choice([None, 1, 2]), f"station-{dice.randint(1, 3)}00"],
            )
            connection.execute(REFRESH)
            assert_days(connection)
        if dice.random() < 0.5:
            connection.execute(REFRESH)
            assert_days(connection)
        if not connection.execute("SELECT FROM rollup.site_moved").fetchall():
            assert_quarters(connection)
    connection.execute("DELETE FROM station WHERE station_id = 'station-100'")
    connection.execute(REFRESH)
    assert_quarters(connection)
    assert_days(connection)


def test_moving_stations_while_readings_come_loses_none(
    database: str, connection: Connection
) -> None:
    """Two writers, somebody who moves stations, and the job at once."""
    facts = [random_facts(n, key, ANCHORS())[:300] for n, key in enumerate((100, 200))]

    def write(number: int) -> None:
        with connect(database) as mine:
            for start in range(0, 300, 20):
                insert(mine, facts[number][start : start + 20])

    def move(_: int) -> None:
        with connect(database) as mine:
            for n in range(40):
                mine.execute("UPDATE station SET site_id = %s WHERE station_id = %s",
                             [n % 2 + 1, f"station-{n % 3 + 1}00"])  # fmt: skip

    def refresh(_: int) -> None:
        with connect(database) as mine:
            for _n in range(20):
                mine.execute(REFRESH)

    jobs = [(write, 0), (write, 1), (move, 0), (refresh, 0)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda job: job[0](job[1]), jobs))
    connection.execute(REFRESH)
    assert connection.execute("SELECT FROM rollup.site_moved").fetchall() == []
    assert_quarters(connection)
    assert_days(connection)


def test_a_station_that_moves_while_its_first_readings_come_late(
    database: str, connection: Connection
) -> None:
    """Who moves it sees nothing of it yet; who folds sees it where it stood."""
    insert(connection, random_facts(1, 200, ANCHORS())[:50])
    connection.execute(REFRESH)
    with connect(database) as mover:
        with mover.transaction():
            mover.execute("UPDATE station SET site_id = 2 WHERE station_id = 'station-100'")
            insert(connection, random_facts(1, 100, ANCHORS())[:50])
            connection.execute(REFRESH)
        connection.execute(REFRESH)
    assert connection.execute("SELECT FROM rollup.site_moved").fetchall() == []
    assert_quarters(connection)
    assert_days(connection)


def test_a_station_that_comes_after_its_readings_brings_them(connection: Connection) -> None:
    insert(connection, random_facts(1, 900, ANCHORS())[:50])
    connection.execute(REFRESH)
    connection.execute("INSERT INTO station (station_id, site_id) VALUES ('station-900', 2)")
    connection.execute(REFRESH)
    assert_quarters(connection)
    assert_days(connection)


def test_a_site_is_held_against_its_grid_connection(connection: Connection) -> None:
    """Two evses of one site at once, 22 kW each, on a connection of 40 kW."""
    connection.execute("UPDATE site SET grid_limit_w = 40000 WHERE site_id = 1")
    connection.execute("INSERT INTO evse (station_id, evse_id, max_power_w)"
                       " VALUES ('station-100', 1, 22000), ('station-200', 1, 50000)")  # fmt: skip
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    rows = connection.execute("SELECT evse_key, station_id FROM evse ORDER BY 2").fetchall()
    for key, station_id in rows:
        connection.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " source, reading_hash, energy_delta_wh) SELECT %s, %s, 1, %s + n * interval '1 min',"
            " now(), 'meter', n, 550 FROM generate_series(0, 9) n", [key, station_id, at],
        )  # fmt: skip
    connection.execute(REFRESH)
    edges = {"start": at - timedelta(days=3), "end": at + timedelta(days=3)}
    sites = queries.sites(connection, site_id=None, **edges)
    assert [tuple(row)[1:] for row in sites] == [("A", 40000, 72000, 2, 11000, 11000, at)]
    period = Period((at - timedelta(days=40)).date(), datetime.now(UTC).date(), ZoneInfo(ZONE))
    over = spans(period, datetime.now(UTC).date())
    for place in ({"site_id": 1, "evse_keys": None}, {"site_id": 0, "evse_keys": None},
                  {"site_id": 0, "evse_keys": [key for key, _ in rows]}):  # fmt: skip
        assert [energy for _, energy in queries.quarters(connection, **over, **place)] == [11000]
        assert queries.fullest(connection, **edges, **place) == (11000, at)
        assert queries.day(connection, **edges, **place) == [(at, 11000)]
        assert queries.since(connection, **place) is not None
        assert queries.rating(connection, **place) == 72000
