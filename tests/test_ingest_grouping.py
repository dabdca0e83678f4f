"""Which failures have their build in common, and which came by chance."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.grouping import (
    Failure,
    Limits,
    clusters,
    expected_failures,
    is_more_than_chance,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMITS = Limits()


def failure(
    station: str, site: int | None, minutes: float = 0, changed: float | None = None,
    key: str = "faulted: Volt One 1.2",
) -> Failure:  # fmt: skip
    """Noticed so many minutes after NOW; its firmware has been there for so many days."""
    at = NOW + timedelta(minutes=minutes)
    since = None if changed is None else at - timedelta(days=changed)
    return Failure("faulted", key, "Volt", "One", "1.2", station, site, at, at, since)


def found(*failures: Failure) -> list[tuple[set[str], bool]]:
    return [
        ({one.station_id for one in cluster.failures}, cluster.is_after_change)
        for cluster in clusters(failures, LIMITS)
    ]


def test_three_stations_in_two_sites_within_an_hour_hang_together() -> None:
    assert found(failure("A", 1), failure("B", 1, 20), failure("C", 2, 59)) == [
        ({"A", "B", "C"}, False)
    ]


def test_one_site_two_stations_or_hours_between_do_not() -> None:
    assert found(failure("A", 1), failure("B", 1), failure("C", 1)) == []
    assert found(failure("A", 1), failure("B", 2)) == []
    assert found(failure("A", 1), failure("B", 2, 50), failure("C", 3, 100)) == []
    assert found(failure("A", 1), failure("A", 1, 1), failure("B", 2)) == []  # two evses of one


def test_each_kind_and_build_counts_for_itself() -> None:
    other = "faulted: Volt One 1.3"
    assert found(failure("A", 1), failure("B", 2), failure("C", 3, key=other)) == []


def test_after_a_change_of_firmware_two_are_enough() -> None:
    assert found(failure("A", 1, 0, 2), failure("B", 2, 4000, 5)) == [({"A", "B"}, True)]
    assert found(failure("A", 1, 0, 2), failure("B", 2, 4000, 8)) == []
    assert found(failure("A", 1, 0, -1), failure("B", 2, 4000, -1)) == []  # changed afterwards


def test_stations_without_a_site_stand_apart() -> None:
    assert found(*(failure(name, None) for name in "ABC")) == [({"A", "B", "C"}, False)]


@given(st.lists(st.tuples(st.sampled_from("ABCDEF"), st.integers(1, 3), st.integers(0, 300))))
def test_what_hangs_together_is_spread_over_sites_and_close_in_time(
    rows: list[tuple[str, int, int]],
) -> None:
    for cluster in clusters([failure(*row) for row in rows], LIMITS):
        times = [one.noticed_at for one in cluster.failures]
        assert max(times) - min(times) <= timedelta(seconds=LIMITS.window)
        assert len({one.station_id for one in cluster.failures}) >= LIMITS.stations
        assert len({one.site_id for one in cluster.failures}) >= LIMITS.sites


def test_three_where_none_is_usual_are_no_chance_and_three_of_thousands_are() -> None:
    assert is_more_than_chance(3, 0)
    assert is_more_than_chance(3, 0.05)
    assert not is_more_than_chance(3, 1)
    assert not is_more_than_chance(11, 10)
    assert is_more_than_chance(30, 10)
    assert not is_more_than_chance(5, 5000)


@given(st.integers(1, 60), st.floats(0, 500))
def test_more_is_never_more_usual(seen: int, expected: float) -> None:
    judged = [is_more_than_chance(count, expected) for count in range(seen, seen + 5)]
    assert all(later or not earlier for earlier, later in pairwise(judged))
    assert not is_more_than_chance(0, expected)


def test_what_is_expected_grows_with_stations_and_time() -> None:
    month = 30 * 86_400
    assert expected_failures(720, 1000, month, 1000, 3600) == 1
    assert expected_failures(720, 1000, month, 100, 7200) == 0.2
    assert expected_failures(0, 0, month, 0, 3600) == 0
