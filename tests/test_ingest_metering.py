"""Every reading ends as a delta and flags: the fold alone, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.metering import ESTIMATED, Fact, Meter, Point, Recomputed, recompute

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LIMIT_W = 22_000


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def registers(*values: int | None, every: float = 5) -> list[Point]:
    return [Point(at(i * every), value) for i, value in enumerate(values)]


def powers(*values: float | None, every: float = 5) -> list[Point]:
    return [Point(at(i * every), None, value) for i, value in enumerate(values)]


def intervals(*values: int, context: str = "Sample.Periodic", every: float = 5) -> list[Point]:
    return [Point(at(i * every), None, None, v * 1000, context) for i, v in enumerate(values, 1)]


def counted(points: list[Point], limit_w: int | None = LIMIT_W) -> tuple[int, set[str]]:
    found = recompute(points, limit_w)
    return found.energy_wh, found.flags


@pytest.mark.parametrize(
    ("values", "energy_wh", "flags"),
    [
        ((1000, 2000, 3000), 2000, set()),
        ((1000, 1000, 1000), 0, set()),
        ((1000, None, 3000), 2000, set()),
        # a sample rounds 1234.6, meterStop cuts it off
        ((1000, 1235, 1234), 235, set()),
        ((1000, 2000, 1500, 3000), 2000, {"register_decreased"}),
        ((1000, 2000, 1500, 1600, 3000), 2000, {"register_decreased"}),
        ((1000, 50_000_000, 3000), 2000, {"register_jumped"}),
        # a lifetime register after the session's own
        ((0, 910_000, 911_000, 912_000), 2000, {"register_jumped"}),
        ((0, 910_000), 0, {"register_jumped"}),
        # and the other way round
        ((910_000, 0, 500, 1000, 1500), 1500, {"register_decreased", "register_reset"}),
        ((910_000, 0, 910_500, 600, 911_000), 1000, {"register_decreased"}),
        # the meter restarted at 0: what it counted before it was read again is not invented
        ((5000, 6000, 300, 1300, 2300), 3000, {"register_decreased", "register_reset"}),
        ((5000, 6000, 300, 1300), 1000, {"register_decreased"}),
        # displays of 5 and 7 digits, a counter of 32 bits with and without a sign
        ((99_000, 99_900, 100, 1100), 2100, {"register_rolled_over"}),
        ((9_999_500, 9_999_900, 100, 1100), 1600, {"register_rolled_over"}),
        ((2**32 - 500, 500, 1500), 2000, {"register_rolled_over"}),
        ((2**31 - 500, -(2**31) + 500, -(2**31) + 1500), 2000, {"register_rolled_over"}),
        ((2**16 * 1000 - 500, 500, 1500), 2000, {"register_rolled_over"}),
        # a glitch that looks like one, and comes back
        ((99_900, 0, 100_200), 300, {"register_rolled_over"}),
        ((-5, 100, 1100), 1000, {"register_negative"}),
        ((100, -1, 1100), 1000, {"register_negative"}),
        ((100,), 0, set()),
        ((), 0, set()),
    ],
)
def test_a_register_counts_what_it_plausibly_shows(
    values: tuple[int | None, ...], energy_wh: int, flags: set[str]
) -> None:
    assert counted(registers(*values)) == (energy_wh, flags)


def test_a_fall_is_confirmed_by_three_instants_not_by_three_copies_of_one() -> None:
    points = registers(5000, 6000, 300)
    points += [Point(at(15), 300 + i) for i in range(3)]
    assert counted(points) == (1000, {"register_decreased"})
    assert counted([*points, Point(at(20), 1300)]) == (
        2000, {"register_decreased", "register_reset"},
    )  # fmt: skip


def test_an_evse_without_a_rating_is_trusted_further() -> None:
    assert counted(registers(0, 40_000, every=15), None) == (40_000, set())
    assert counted(registers(0, 910_000, every=15), None) == (0, {"register_jumped"})


def test_intervals_add_up_where_no_register_counts() -> None:
    assert counted(intervals(500, 600, 700)) == (1800, set())
    # the part of a Wh that one leaves goes into the next
    thirds = [Point(at(i), None, None, 333, "Sample.Periodic") for i in range(1, 31)]
    assert counted(thirds) == (9, set())
    assert counted([Point(START, 1000), *intervals(500, 600)]) == (1100, set())


def test_an_interval_that_began_before_the_session_is_not_counted() -> None:
    first = Point(START, None, None, 900_000, "Transaction.Begin")
    assert counted([first, *intervals(500)]) == (500, set())
    assert counted(intervals(900, 500, context="Sample.Clock")) == (500, set())


def test_intervals_that_no_evse_can_have_delivered_are_flagged() -> None:
    assert counted(intervals(500, 60_000, 500)) == (1000, {"interval_implausible"})
    assert counted(intervals(500, -60, 500)) == (1000, {"interval_implausible"})


def test_of_two_series_of_intervals_the_sampled_one_counts() -> None:
    sampled = intervals(500, 500, 500)
    aligned = [Point(at(n), None, None, 1_500_000, "Sample.Clock") for n in (1, 16)]
    assert counted([*sampled, *aligned]) == (1500, set())
    # what comes with the end of the transaction joins the series there is
    end = Point(at(17), None, None, 100_000, "Transaction.End")
    assert counted([*intervals(900, 1500, context="Sample.Clock", every=7), end]) == (1600, set())


def test_power_is_integrated_where_nothing_else_is_known() -> None:
    assert counted(powers(6000, 6000, 6000, every=10)) == (2000, {"energy_from_power"})
    # the mean of both ends; what flows back counts nothing
    assert counted(powers(0, 12_000, every=10)) == (1000, {"energy_from_power"})
    assert counted(powers(-12_000, 12_000, every=10)) == (1000, {"energy_from_power"})
    # half watts and odd milliseconds get lost at the end alone
    assert counted(powers(*[100.0] * 361, every=1 / 6)) == (100, {"energy_from_power"})


def test_silence_is_not_integrated() -> None:
    points = [Point(at(minute), None, 6000) for minute in (0, 10, 40, 50)]
    assert counted(points) == (2000, {"energy_from_power"})


def test_power_beyond_the_rating_is_capped_or_not_believed() -> None:
    assert counted(powers(24_000, 24_000, every=15)) == (5500, {"energy_from_power"})
    assert counted(powers(7_400_000, 7_400_000)) == (0, {"power_implausible"})
    assert counted([Point(START, 0, 7_400_000), Point(at(5), 600, 7400)]) == (
        600, {"power_implausible"},
    )  # fmt: skip


def test_a_register_takes_the_place_of_what_power_and_intervals_estimated() -> None:
    estimate = [Point(START, 1000), *powers(6000, 6000, 6000, every=10)]
    assert counted(estimate) == (2000, {"energy_from_power"})
    found = recompute([*estimate, Point(at(25), 2900)], LIMIT_W)
    assert (found.energy_wh, found.flags) == (1900, set())
    assert [fact.at for fact in found.facts] == [START, at(25)]
    by_interval = [*estimate, *intervals(700, 700, every=10)]
    assert counted(by_interval) == (1400, set())
    assert counted([*by_interval, Point(at(25), 2900)]) == (1900, set())


def test_one_register_alone_counts_nothing_so_the_estimate_stays() -> None:
    points = [*powers(6000, 6000, 6000, every=10), Point(at(20), 5000, 6000)]
    assert counted(points) == (2000, {"energy_from_power"})


def test_a_register_that_stands_still_under_power_is_flagged() -> None:
    points = [Point(at(5 * i), 4000, 11_000) for i in range(4)]
    found = recompute(points, LIMIT_W)
    assert (found.energy_wh, found.flags) == (0, {"register_frozen"})
    assert [point.at for point in found.flagged] == [at(15)]  # the first to show it
    # coarse registers stand still for a while, full batteries for long
    assert counted([Point(at(i), 4000 + i // 9 * 1000, 7000) for i in range(60)]) == (6000, set())
    assert counted([Point(at(5 * i), 4000, 300) for i in range(100)]) == (0, set())
    # one reading under power, then the plug is pulled
    assert counted([Point(START, 4000, 22_000), Point(at(15), 4000, 0)]) == (0, set())


def test_a_register_that_never_moves_is_flagged_at_the_stop_too() -> None:
    points = [Point(START, 0), *powers(*[7000] * 10), Point(at(50), 0)]
    assert counted(points) == (0, {"register_frozen"})


def test_the_last_reading_that_added_energy_is_known() -> None:
    found = recompute(registers(0, 500, 1000, 1000, 1000), LIMIT_W)
    assert found.charged_until == at(10)
    assert recompute(registers(0, 0), LIMIT_W).charged_until is None
    assert recompute([Point(START, 0), Point(at(15), 900)], LIMIT_W).charged_until == at(15)


CONTEXTS = ("Sample.Periodic", "Sample.Clock", "Transaction.Begin", "Transaction.End")


@st.composite
def points(draw: st.DrawFn) -> list[Point]:
    """A session as the field sends it: readings with a register, power, intervals, or some."""
    now, register_wh, found = START, draw(st.sampled_from([0, 910_000, 99_000, 2**32 - 900])), []
    for _ in range(draw(st.integers(1, 16))):
        now += timedelta(seconds=draw(st.integers(1, 1500)), microseconds=draw(st.integers(0, 999)))
        register_wh += draw(st.integers(0, 2500))
        odd = draw(st.sampled_from([0] * 8 + [-700, -(10**5), -(2**32), 10**6, -register_wh]))
        known: dict[str, Any] = {}
        if draw(st.integers(0, 3)):
            known["register_wh"] = register_wh + odd
        if draw(st.integers(0, 3)):
            known["power_w"] = draw(st.floats(-500, 30_000, width=32))
        if not draw(st.integers(0, 3)):
            known["interval_mwh"] = draw(st.integers(-1000, 2_500_000))
            known["context"] = draw(st.sampled_from(CONTEXTS))
        found.append(Point(now, **known))
    return found


def step_by_step(sent: list[Point], limit_w: int | None) -> Recomputed:
    """What the fast path does, with the state carried over in its parts as a session's row does."""
    meter, facts, flags, charged_until = Meter(limit_w), list[Fact](), set[str](), None
    for point in sent:
        state = [getattr(meter, name) for name in Meter.__struct_fields__[:-1]]
        meter = Meter(*state)
        step = meter.read(point)
        if step.restarts:
            facts, flags, charged_until = [], flags - ESTIMATED, None
        facts += step.facts
        charged_until = point.at if step.facts else charged_until
        flags |= {*step.flags, *(["energy_from_power"] if step.is_estimate else [])}
    return Recomputed(meter, facts, flags, {}, charged_until, None)


@settings(max_examples=400, deadline=None)
@given(sent=points(), limit_w=st.sampled_from([None, 3700, LIMIT_W]), data=st.data())
def test_both_paths_agree_on_energy_flags_and_state_whatever_comes_in_any_order(
    sent: list[Point], limit_w: int | None, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations([*sent, *sent[:3]]))
    slow, fast = recompute(shuffled, limit_w), step_by_step(sent, limit_w)
    assert slow.facts == fast.facts
    assert (slow.flags, slow.charged_until) == (fast.flags, fast.charged_until)
    for name in Meter.__struct_fields__[:-1]:
        assert getattr(slow.meter, name) == getattr(fast.meter, name)


@settings(max_examples=400, deadline=None)
@given(sent=points())
def test_energy_is_never_negative_never_more_than_the_evse_can_give_and_in_its_time(
    sent: list[Point],
) -> None:
    found = recompute(sent, LIMIT_W)
    assert all(fact.energy_wh > 0 for fact in found.facts)
    first, last = sent[0].at, sent[-1].at
    assert all(first <= fact.at <= last for fact in found.facts)
    hours = (last - first) / timedelta(hours=1)
    assert found.energy_wh <= LIMIT_W * 1.2 * (hours + 0.25) + 1000 * len(sent)
