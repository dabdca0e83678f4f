"""What makes a session implausible: every rule and its limits; a plausible one has no doubt."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.pages.flag_words import FLAGS
from ingest import metering, registers
from sql import doubts
from sql.doubts import (
    HARMLESS,
    REASONS,
    Point,
    Seen,
    believable_wh,
    doubts_of,
    highest_jump,
    lowest_fall,
    most_wh,
    vehicle_wh,
)

START = datetime(2026, 6, 1, 10, tzinfo=UTC)
NOW = START + timedelta(days=2)
LIMITS = st.none() | st.integers(1_400, 400_000)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def seen(**more: Any) -> Seen:
    """20 kWh in an hour at 22 kW, unless told otherwise."""
    given: dict[str, Any] = {
        "session_id": 7, "started_at": START, "ended_at": after(60), "energy_wh": 20_000,
        "limit_w": 22_000,
    }  # fmt: skip
    return Seen(**(given | more))


def reasons(session: Seen, now: datetime = NOW) -> list[str]:
    return [doubt.reason for doubt in doubts_of(session, now)]


def detail(session: Seen, now: datetime = NOW) -> dict[str, Any]:
    ((_, found),) = doubts_of(session, now)
    return found


def test_a_plausible_session_has_no_doubt() -> None:
    assert reasons(seen()) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"energy_wh": -1}, ["energy_negative"]),
        ({"energy_wh": 27_400}, []),  # 22 kW, an hour, a fifth more, and one coarse step
        ({"energy_wh": 27_401}, ["too_much_energy"]),
        ({"energy_wh": 1_000, "ended_at": START}, []),
        ({"energy_wh": 1_001, "ended_at": START}, ["too_much_energy"]),
        ({"energy_wh": 250_001, "ended_at": after(60 * 24)}, ["beyond_vehicle"]),
        ({"energy_wh": 750_000, "limit_w": 400_000, "ended_at": after(120)}, []),
        ({"energy_wh": 750_001, "limit_w": 400_000, "ended_at": after(120)}, ["beyond_vehicle"]),
        ({"energy_wh": 910_000, "limit_w": None}, ["beyond_vehicle"]),
        ({"energy_wh": 0, "power_wh": 999}, []),
        ({"energy_wh": 0, "power_wh": 1_000}, ["meter_stands_still"]),
        ({"energy_wh": 900, "power_wh": 8_999}, []),
        ({"energy_wh": 900, "power_wh": 9_000}, ["meter_stands_still"]),
        ({"flags": ("register_frozen",)}, ["meter_stands_still"]),
        ({"flags": ("start_missing",)}, ["start_missing"]),
        ({"flags": ("times_reversed",)}, ["times_reversed"]),
        ({"ended_at": START - timedelta(seconds=1), "energy_wh": 0}, ["times_reversed"]),
        ({"ended_at": START + timedelta(days=31)}, ["in_future"]),
        ({"flags": tuple(HARMLESS)}, []),
        ({"flags": ("register_negative",)}, ["register_negative"]),
        ({"flags": ("interval_implausible",)}, ["interval_implausible"]),
        ({"flags": ("energy_from_power",)}, ["energy_from_power"]),
        ({"flags": ("register_jumped", "register_decreased")},
         ["register_decreased", "register_jumped"]),
        ({"overlaps": (9, 59)}, []),
        ({"overlaps": (9, 60)}, ["overlaps"]),
    ],
)  # fmt: skip
def test_each_doubt_begins_where_it_should(more: dict[str, Any], expected: list[str]) -> None:
    assert reasons(seen(**more)) == expected


def test_a_session_of_months_is_doubted() -> None:
    later = START + timedelta(days=40)
    assert reasons(seen(ended_at=START + timedelta(days=31)), later) == []
    longer = seen(ended_at=START + timedelta(days=31, seconds=1))
    assert detail(longer, later) == {"seconds": 31 * 86_400 + 1}


def test_a_session_that_still_runs_is_judged_as_of_now() -> None:
    running = seen(ended_at=None, energy_wh=27_401)
    assert reasons(running, after(60)) == ["too_much_energy"]
    assert reasons(running, after(61)) == []
    assert reasons(seen(ended_at=None, started_at=NOW + timedelta(minutes=30)), NOW) == [
        "too_much_energy"
    ]


def test_evidence_says_which_readings_what_the_register_said_and_the_limit() -> None:
    points = (Point(after(0), 100), Point(after(10), 2_100), Point(after(20), 1_600),
              Point(after(30), 900_000), Point(after(40), 901_000))  # fmt: skip
    fallen = seen(flags=("register_decreased",), registers=points[:3])
    assert detail(fallen) == {
        "before_wh": 2_100, "after_wh": 1_600, "before_at": "2026-06-01T10:10:00+00:00",
        "after_at": "2026-06-01T10:20:00+00:00",
    }  # fmt: skip
    jumped = detail(seen(flags=("register_jumped",), registers=points))
    assert (jumped["before_wh"], jumped["after_wh"], jumped["limit_w"]) == (1_600, 900_000, 22_000)
    assert detail(seen(flags=("register_jumped",))) == {}
    assert detail(seen(energy_wh=30_000)) == {
        "energy_wh": 30_000, "most_wh": 27_400, "limit_w": 22_000, "seconds": 3600,
    }  # fmt: skip


POINTS = st.lists(
    st.builds(Point, st.integers(0, 3000).map(after), st.integers(-10, 10**9)), max_size=12
)


@given(POINTS, LIMITS)
def test_the_oddest_step_is_one_of_the_steps(points: list[Point], limit_w: int | None) -> None:
    ordered = sorted(set(points))
    steps = list(pairwise(ordered))
    fall = lowest_fall(points)
    assert (fall is None) == all(b.register_wh >= a.register_wh for a, b in steps)
    assert fall is None or fall in steps
    jump = highest_jump(points, limit_w)
    assert jump is None or jump in steps


@given(LIMITS, st.integers(0, 172_800), st.integers(0, 10**6))
def test_what_the_evse_can_deliver_is_never_too_much(
    limit_w: int | None, seconds: int, power_w: int
) -> None:
    energy_wh = min(power_w, limit_w or 1_000_000) * seconds // 3600
    session = seen(
        limit_w=limit_w, energy_wh=energy_wh, ended_at=START + timedelta(seconds=seconds)
    )
    assert set(reasons(session)) <= {"beyond_vehicle"}


@given(
    LIMITS, st.integers(-(10**12), 10**12), st.none() | st.integers(0, 10**12),
    st.integers(-(10**6), 10**8), st.sets(st.sampled_from(sorted(HARMLESS | {*REASONS, "new"}))),
)  # fmt: skip
def test_anything_is_judged_alike_twice_and_each_reason_once(
    limit_w: int | None, energy_wh: int, power_wh: int | None, seconds: int, flags: set[str]
) -> None:
    session = seen(limit_w=limit_w, energy_wh=energy_wh, power_wh=power_wh, flags=tuple(flags),
                   ended_at=START + timedelta(seconds=seconds))  # fmt: skip
    found = reasons(session)
    assert found == reasons(session)
    assert len(found) == len(set(found))
    assert set(found) <= set(REASONS)


@given(LIMITS, st.integers(-100, 172_800))
def test_what_people_may_state_is_not_doubted_again(limit_w: int | None, seconds: int) -> None:
    most = believable_wh(limit_w, seconds)
    assert 0 < most <= vehicle_wh(limit_w)
    session = seen(limit_w=limit_w, energy_wh=most, ended_at=START + timedelta(seconds=seconds))
    assert seconds <= 0 or reasons(session) == []


@given(LIMITS, st.integers(0, 10**6))
def test_the_limit_is_the_one_that_metering_counts_by(limit_w: int | None, seconds: int) -> None:
    metered = registers.most_wh(limit_w, START, START + timedelta(seconds=seconds))
    assert abs(most_wh(limit_w, seconds) - metered) < 1


def test_every_flag_of_ingestion_is_a_doubt_or_known_to_be_harmless() -> None:
    """A new flag must be judged: does it keep money from being taken?"""
    ingest = Path(metering.__file__).parent
    text = "".join(path.read_text() for path in ingest.glob("*.py"))
    flags = {
        *metering.FLAGS,
        *FLAGS,
        *re.findall(r'(?:session|reading)\.flag\(\s*"([a-z_]+)"', text),
    }
    tested = re.findall(r'"([a-z_]+)" (?:not )?in seen\.flags|_flagged\("([a-z_]+)"\)',
                        Path(doubts.__file__).read_text())  # fmt: skip
    known = {one or other for one, other in tested} | HARMLESS
    assert {"register_jumped", "start_missing", "stop_lost"} <= flags
    assert flags <= known
