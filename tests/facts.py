"""Random meter values that are hard on rollups, and what the rollups must make of them."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sql.database import Connection

TIME_ZONE = "Europe/Stockholm"
LEVELS = ("energy_15min", "energy_hour", "energy_day", "energy_month")
ANCHORS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # the clock in Stockholm jumps over 02:00
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # and shows 02:00 twice
    datetime(2026, 3, 28, 23, tzinfo=UTC),  # the day of 23 hours begins
    datetime(2026, 10, 24, 22, tzinfo=UTC),  # the day of 25 hours begins
    datetime(2026, 2, 28, 23, tzinfo=UTC),  # a month begins in Stockholm
    datetime(2025, 12, 31, 23, tzinfo=UTC),  # and a year
    datetime(2026, 5, 31, 22, tzinfo=UTC),
]

Fact = dict[str, Any]
INSERT = """
INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, source,
    revision, reading_hash, energy_delta_wh, power_w, flags)
SELECT evse_key, station_id, evse_id, measured_at, received_at, source,
    revision, reading_hash, energy_delta_wh, power_w, flags
FROM jsonb_to_recordset(%s::jsonb) AS fact (evse_key int, station_id text, evse_id int,
    measured_at timestamptz, received_at timestamptz, source text, revision int,
    reading_hash bigint, energy_delta_wh bigint, power_w real, flags text[])
ON CONFLICT DO NOTHING
"""


def random_facts(seed: int, first_key: int, anchors: Iterable[datetime] = ANCHORS) -> list[Fact]:
    """About 100 facts around each anchor for three evses and a main meter from `first_key` on."""
    dice = random.Random(seed)
    return [_fact(dice, first_key, anchor) for anchor in anchors for _ in range(100)]


def _fact(dice: random.Random, first_key: int, anchor: datetime) -> Fact:
    evse_id = dice.randint(0, 3)
    # near the anchor mostly, on it and on quarters often, some a day away
    away = dice.choice([0, dice.randint(-8, 8) * 900, dice.randint(-90000, 90000)])
    at = anchor + timedelta(seconds=away, milliseconds=dice.choice([0, 0, -1, 1]))
    return {
        "evse_key": first_key + evse_id if evse_id else -first_key,
        "station_id": f"station-{first_key}",
        "evse_id": evse_id,
        "measured_at": at.isoformat(),
        "received_at": at.isoformat(),
        "source": dice.choice(["meter", "split", "adjustment", "import"]),
        "revision": dice.choice([0, 0, 0, 1]),
        "reading_hash": dice.getrandbits(62),
        "energy_delta_wh": dice.choice([None, 0, dice.randint(-500, 40000)]),
        "power_w": dice.choice([None, float(dice.randint(0, 22000))]),
        "flags": dice.choice([None, None, None, ["implausible_power"]]),
    }


def insert(connection: Connection, facts: list[Fact]) -> None:
    """Insert facts in statements of a few hundred rows; one that is there already is left out."""
    for some in _batches(facts, 200):
        connection.execute(INSERT.encode(), [json.dumps(some)])


def _batches(facts: list[Fact], size: int) -> Iterable[list[Fact]]:
    return (facts[start : start + size] for start in range(0, len(facts), size))


def rollup(connection: Connection, level: str, first_key: int) -> list[tuple[Any, ...]]:
    """The rows of one level for the evses of `random_facts`."""
    query = f"""
        SELECT bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w FROM {level}
        WHERE evse_key BETWEEN %s AND %s ORDER BY 1, 2, 3, 4"""  # noqa: S608
    parameters = [first_key, first_key + 3]
    rows = connection.execute(query.encode(), parameters).fetchall()
    return [(row[0].astimezone(UTC), *row[1:]) for row in rows]


def expected(facts: list[Fact], level: str, zone: ZoneInfo) -> list[tuple[Any, ...]]:
    """What `rollup` must return, worked out without a database."""
    groups: dict[tuple[Any, ...], list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact["evse_id"] > 0:
            at = _bucket(datetime.fromisoformat(fact["measured_at"]), level, zone)
            groups[at, fact["evse_key"], fact["station_id"], fact["evse_id"]].append(fact)
    return [(*key, _energy(group), _peak(group)) for key, group in sorted(groups.items())]


def _energy(group: list[Fact]) -> int:
    return sum(fact["energy_delta_wh"] or 0 for fact in group)


def _peak(group: list[Fact]) -> float | None:
    return max(
        (f["power_w"] for f in group if f["power_w"] is not None and not f["flags"]), default=None
    )


def _bucket(at: datetime, level: str, zone: ZoneInfo) -> datetime:
    if level == "energy_15min":
        return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    if level == "energy_hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return (day if level == "energy_day" else day.replace(day=1)).astimezone(UTC)
