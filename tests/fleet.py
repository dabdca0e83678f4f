"""What the fleet's rollups must say, asked of the readings themselves."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import facts

from sql.database import Connection
from sql.queries import load_queries

ZONE = facts.TIME_ZONE
queries = load_queries("energy")

# one statement, one snapshot: writers may be at work
DIFFERENT = f"""
WITH fleet (level, bucket, energy_wh, peak_power_w) AS (
    SELECT 'quarter', bucket, energy_wh, peak_power_w FROM energy_fleet_15min
    UNION ALL SELECT 'day', bucket, energy_wh, peak_power_w FROM energy_fleet_day
    UNION ALL SELECT 'month ' || evse_key, bucket, energy_wh, peak_power_w FROM energy_month
), readings AS (
    SELECT measured_at, evse_key, coalesce(energy_delta_wh, 0) AS energy_wh,
        CASE WHEN flags IS NULL THEN power_w END AS peak_power_w
    FROM meter_value WHERE evse_id > 0
), wanted (level, bucket, energy_wh, peak_power_w) AS (
    SELECT 'quarter', date_bin('15 minutes', measured_at, timestamptz '2000-01-01 00:00+00'),
        sum(energy_wh)::bigint, max(peak_power_w) FROM readings GROUP BY 2
    UNION ALL
    SELECT 'day', date_trunc('day', measured_at, '{ZONE}'), sum(energy_wh)::bigint,
        max(peak_power_w) FROM readings GROUP BY 2
    UNION ALL
    SELECT 'month ' || evse_key, date_trunc('month', measured_at, '{ZONE}'),
        sum(energy_wh)::bigint, max(peak_power_w) FROM readings GROUP BY 1, 2
)
(SELECT * FROM fleet EXCEPT ALL SELECT * FROM wanted)
UNION ALL (SELECT * FROM wanted EXCEPT ALL SELECT * FROM fleet)"""  # noqa: S608


def ANCHORS() -> list[datetime]:  # noqa: N802 - as facts.ANCHORS, of today
    """Clock changes and month ends, and the days and hours about now."""
    now = datetime.now(UTC)
    near = [timedelta(days=-40), timedelta(days=-2), timedelta(hours=-20), timedelta(hours=-1)]
    return [*facts.ANCHORS[:4], *(now + away for away in near), now, now + timedelta(days=40)]


def assert_fleet_is_exact(connection: Connection) -> None:
    assert connection.execute(DIFFERENT.encode()).fetchall() == []


class Answered(NamedTuple):
    """What a query of the energy page answers, and what it must."""

    what: str
    answer: Any
    expected: Any


SUMS = """
SELECT {bucket} AS bucket, sum(energy_delta_wh)::bigint, max(power_w) FILTER (WHERE flags IS NULL)
FROM meter_value WHERE evse_id > 0 AND {bucket} >= %(start)s AND {bucket} < %(end)s
    AND (%(station_ids)s::text[] IS NULL OR station_id = ANY(%(station_ids)s))
GROUP BY 1 ORDER BY 1"""
STATIONS = f"""
SELECT station_id, sum(energy_delta_wh)::bigint FROM meter_value
WHERE evse_id > 0 AND date_trunc('day', measured_at, '{ZONE}') >= %(start)s
    AND date_trunc('day', measured_at, '{ZONE}') < %(end)s
    AND (%(station_ids)s::text[] IS NULL OR station_id = ANY(%(station_ids)s))
GROUP BY 1 HAVING sum(energy_delta_wh) <> 0 ORDER BY 2 DESC, 1"""  # noqa: S608
BUCKETS = {
    "hours": "date_bin('1 hour', measured_at, timestamptz '2000-01-01 00:00+00')",
    "days": f"date_trunc('day', measured_at, '{ZONE}')",
    "months": f"date_trunc('month', measured_at, '{ZONE}')",
}


def energy_answers(connection: Connection) -> list[Answered]:
    """Every query of the page for periods that begin and end anywhere in months."""
    found = []
    for start, end in _periods(connection):
        for station_ids in (None, [], ["station-700"], ["nobody"]):
            given = {"start": start, "end": end, "station_ids": station_ids}
            for name, bucket in BUCKETS.items():
                wanted = connection.execute(SUMS.format(bucket=bucket).encode(), given).fetchall()
                wanted = [(at, energy or 0, peak) for at, energy, peak in wanted]
                answer = getattr(queries, name)(connection, **given)
                found.append(Answered(f"{name} {given}", answer, wanted))
            ranked = [(row[0], row[2]) for row in queries.by_station(connection, **given)]
            wanted = connection.execute(STATIONS.encode(), given).fetchall()
            found.append(Answered(f"by_station {given}", ranked, wanted))
    return found


def _periods(connection: Connection) -> list[tuple[datetime, datetime]]:
    days = [
        ("2026-03-01", "2026-04-01"),
        ("2026-03-05", "2026-03-29"),
        ("2026-03-28", "2026-03-30"),
    ]
    days += [
        ("2026-02-15", "2026-11-03"),
        ("2025-12-31", "2026-03-01"),
        ("2026-10-25", "2026-10-26"),
    ]
    days += [
        ("2024-01-01", "2030-01-01"),
        ("2026-03-29", "2026-03-29"),
        ("2026-02-28", "2026-03-30"),
    ]
    found = []
    for period in days:
        at = "SELECT %s::timestamp AT TIME ZONE %s, %s::timestamp AT TIME ZONE %s"
        row = connection.execute(at.encode(), [period[0], ZONE, period[1], ZONE]).fetchone()
        assert row
        found.append((row[0], row[1]))
    return found
