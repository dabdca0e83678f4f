"""Energy that people state, spread over the quarters of what was counted, exactly."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.corrections import Counted, corrections
from ingest.quarters import Fact, quarter

START = datetime(2026, 10, 25, 0, 7, tzinfo=UTC)
END = START + timedelta(hours=2, minutes=20)
AT = st.integers(0, 140 * 60).map(lambda seconds: START + timedelta(seconds=seconds))
MEASURED = st.builds(
    Counted, AT, st.integers(0, 9_000), st.sampled_from(["meter", "split", "power", "import"])
)
BOOKED = st.builds(
    Counted, AT, st.integers(-9_000, 9_000), st.sampled_from(["adjustment", "correction"])
)
FACTS = st.lists(MEASURED | BOOKED, max_size=20)


def total(facts: list[Counted]) -> int:
    return sum(each.energy_wh for each in facts)


def booked(changes: list[Fact]) -> list[Counted]:
    return [Counted(at, energy_wh, "correction") for at, energy_wh in changes]


@given(FACTS, st.integers(0, 10**7))
def test_all_facts_sum_to_what_was_stated_and_a_second_time_changes_nothing(
    facts: list[Counted], stated_wh: int
) -> None:
    changes = corrections(facts, stated_wh, START, END)
    after = [*facts, *booked(changes)]
    assert total(after) == stated_wh
    assert corrections(after, stated_wh, START, END) == []
    assert all(quarter(START) <= at <= END + timedelta(minutes=15) for at, _ in changes)


@given(FACTS, st.lists(st.integers(0, 10**7), max_size=3))
def test_accepting_what_was_measured_undoes_every_correction_quarter_by_quarter(
    facts: list[Counted], stated: list[int]
) -> None:
    measured = [each for each in facts if each.source != "correction"]
    for stated_wh in stated:
        facts = [*facts, *booked(corrections(facts, stated_wh, START, END))]
    facts = [*facts, *booked(corrections(facts, None, START, END))]
    assert by_quarter(facts) == by_quarter(measured)


def by_quarter(facts: list[Counted]) -> dict[datetime, int]:
    sums: dict[datetime, int] = {}
    for each in facts:
        sums[quarter(each.at)] = sums.get(quarter(each.at), 0) + each.energy_wh
    return {at: wh for at, wh in sums.items() if wh}


@given(st.lists(MEASURED, min_size=1, max_size=20), st.integers(0, 10**6))
def test_no_quarter_falls_below_nothing_and_each_keeps_its_share(
    facts: list[Counted], stated_wh: int
) -> None:
    after = by_quarter([*facts, *booked(corrections(facts, stated_wh, START, END))])
    assert all(wh > 0 for wh in after.values())
    before, whole = by_quarter(facts), total(facts)
    for at, wh in before.items():
        assert abs(after.get(at, 0) - stated_wh * wh / whole) <= 1


def test_half_of_it_is_half_of_every_quarter_at_its_readings() -> None:
    facts = [Counted(START + timedelta(minutes=5), 1_000, "meter"),
             Counted(START + timedelta(minutes=8), 2_000, "split"),
             Counted(START + timedelta(minutes=30), 4_000, "meter")]  # fmt: skip
    assert corrections(facts, 3_500, START, END) == [
        (START + timedelta(minutes=5), -500),
        # a split's energy came after its date: the correction stands at the quarter's end
        (datetime(2026, 10, 25, 0, 29, 59, 999_999, tzinfo=UTC), -1_000),
        (START + timedelta(minutes=30), -2_000),
    ]


def test_where_nothing_was_counted_it_is_spread_evenly_over_the_session() -> None:
    changes = corrections([], 1_400, START, END)
    assert [wh for _, wh in changes] == [80, *[150] * 8, 120]
    assert changes[-1].at == END


def test_a_session_that_lasted_no_time_gets_its_energy_at_its_instant() -> None:
    assert corrections([], 500, START, START) == [Fact(START, 500)]
    (change,) = corrections([], 500, END, START)  # an end before the start
    assert change.energy_wh == 500
