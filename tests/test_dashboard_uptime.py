"""Periods read whole months where they can, and lose or double no day."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from dashboard.periods import Period, last_months, month, shifted, spans
from dashboard.uptime import Seconds, Tries, gathered, pareto, rates, uptime

ZONE = ZoneInfo("Europe/Stockholm")
DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))


def days(first: date, until: date) -> set[date]:
    return {first + timedelta(days=n) for n in range((until - first).days)}


def read(period: Period, today: date) -> dict[date, int]:
    """How often each day is read, as the queries read: months whole, head and tail with signs."""
    found: dict[date, int] = {}
    parts = spans(period, today)
    for name, sign in (("months", 1), ("head", parts["head_sign"]), ("tail", parts["tail_sign"])):
        first, until = parts[f"{name}_from"].date(), parts[f"{name}_until"].date()
        for day in days(first, until):
            found[day] = found.get(day, 0) + sign
    return {day: n for day, n in found.items() if n and day <= today}


@given(DAYS, st.integers(1, 400), DAYS)
def test_a_period_is_read_once_whatever_months_it_touches(
    first: date, length: int, today: date
) -> None:
    period = Period(first, first + timedelta(days=length), ZONE)
    expected = {day: 1 for day in days(period.first, period.until) if day <= today}
    assert read(period, today) == expected


@given(DAYS, st.integers(1, 400))
def test_a_period_reads_few_days_beside_its_months(first: date, length: int) -> None:
    period = Period(first, first + timedelta(days=length), ZONE)
    parts = spans(period, date(2030, 1, 1))
    beside = sum((parts[f"{n}_until"].date() - parts[f"{n}_from"].date()).days
                 for n in ("head", "tail"))  # fmt: skip
    assert beside <= 31


def test_whole_months_read_no_days() -> None:
    parts = spans(last_months(date(2026, 11, 22), 12, ZONE), date(2026, 11, 22))
    assert parts["head_from"] == parts["head_until"]
    assert parts["tail_from"] == parts["tail_until"]
    assert parts["months_from"].isoformat() == "2025-11-01T00:00:00+01:00"


def test_the_period_before_a_month_is_a_month_and_before_28_days_are_28_days() -> None:
    assert month(date(2026, 3, 15), ZONE).before() == month(date(2026, 2, 1), ZONE)
    period = Period(date(2026, 3, 10), date(2026, 4, 7), ZONE)
    assert period.before() == Period(date(2026, 2, 10), date(2026, 3, 10), ZONE)


def test_the_year_of_a_month_ends_with_it() -> None:
    year = month(date(2026, 10, 1), ZONE).year()
    assert (year.first, year.until) == (date(2025, 11, 1), date(2026, 11, 1))
    assert shifted(date(2026, 1, 31), -1) == date(2025, 12, 1)


def test_uptime_is_the_formula_of_nevi() -> None:
    # a month of 30 days, 20 hours down of which 8 excluded
    assert uptime(30 * 86400, 20 * 3600, 8 * 3600) == (30 * 24 - 12) / (30 * 24)
    assert uptime(0, 0, 0) is None


def test_time_without_contact_counts_as_down_and_an_exclusion_only_where_it_was_down() -> None:
    rows = [
        {"state": "available", "cause": None, "excluded_because": None, "seconds": 600},
        {"state": "unknown", "cause": "network", "excluded_because": None, "seconds": 100},
        {"state": "unknown", "cause": "csms", "excluded_because": "csms", "seconds": 50},
        {"state": "available", "cause": "failed_starts", "excluded_because": None, "seconds": 150},
        {"state": "finished", "cause": None, "excluded_because": None, "seconds": 100},
    ]  # fmt: skip
    found = gathered(rows)
    assert (found.in_service, found.down, found.excluded) == (1000, 300, 50)
    assert found.uptime == 0.75
    assert found.uptime_without_exclusions == 0.7
    assert found.connected == 0.85
    assert found.occupancy == 0.1
    assert found.idle_share == 1.0
    assert found + found == gathered(rows + rows)


def test_an_evse_without_a_day_of_usable_time_gets_the_rate_of_all() -> None:
    found = rates({1: 864_000, 2: 86_400, 3: 0}, {1: 90, 2: 18, 3: 0})
    assert found == {1: 90 / 864_000, 2: 18 / 86_400, 3: 108 / 950_400}


def test_nothing_in_service_gives_no_figure_instead_of_a_wrong_one() -> None:
    assert Seconds().uptime is None
    assert Tries().success is None
    assert pareto([]) == []
    assert pareto([3, 1]) == [0.75, 1.0]
