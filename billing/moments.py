"""Whether a tariff's restrictions hold at a moment of a session. Pure.

`min_*` and starts are inclusive, `max_*` and ends exclusive. Times of day, dates and days are
what the clock on the wall shows.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from billing.cdrs import ChargingPeriod
from billing.money import Number
from billing.tariffs import DAYS, Restrictions
from billing.times import minutes_of


class Moment(NamedTuple):
    """A moment inside a period: what has been used up to it, and at what level."""

    local: datetime
    kwh: Fraction
    seconds: Fraction  # since charging (or, before that, the reservation) began
    period: ChargingPeriod
    length: timedelta  # of the period


Test = Callable[[Restrictions, Moment], bool]


def holds(given: Restrictions, moment: Moment) -> bool:
    """All of them, or none given; `reservation` is judged elsewhere, it holds for whole periods."""
    return all(test(given, moment) for test in TESTS)


def _time_of_day(given: Restrictions, moment: Moment) -> bool:
    """An end before the start wraps past midnight; an end equal to it means the whole day."""
    if given.start_time is None and given.end_time is None:
        return True
    now = moment.local.hour * 60 + moment.local.minute
    start = minutes_of(given.start_time or "00:00")
    end = minutes_of(given.end_time or "00:00")
    return start <= now < end if start < end else now >= start or now < end


def _date(given: Restrictions, moment: Moment) -> bool:
    today = moment.local.date()
    started = given.start_date is None or given.start_date <= today
    return started and (given.end_date is None or today < given.end_date)


def _day(given: Restrictions, moment: Moment) -> bool:
    return not given.day_of_week or DAYS[moment.local.weekday()] in given.day_of_week


def _kwh(given: Restrictions, moment: Moment) -> bool:
    return _within(given.min_kwh, moment.kwh, moment.kwh, given.max_kwh)


def _duration(given: Restrictions, moment: Moment) -> bool:
    return _within(given.min_duration, moment.seconds, moment.seconds, given.max_duration)


def _current(given: Restrictions, moment: Moment) -> bool:
    if given.min_current is None and given.max_current is None:
        return True
    idle = None if moment.period.volume("ENERGY") else 0
    return _at_level(given.min_current, given.max_current, "CURRENT", moment, idle)


def _power(given: Restrictions, moment: Moment) -> bool:
    if given.min_power is None and given.max_power is None:
        return True
    return _at_level(given.min_power, given.max_power, "POWER", moment, average_kw(moment))


def average_kw(moment: Moment) -> Fraction | int | None:
    """The period's energy over its length: what the power was when no one says."""
    energy = moment.period.volume("ENERGY")
    if not energy:
        return 0
    hours = Fraction(moment.length // timedelta(microseconds=1), 3_600_000_000)
    return Fraction(energy) / hours if hours else None


def _at_level(
    least: Number | None,
    most: Number | None,
    name: str,
    moment: Moment,
    otherwise: Fraction | int | None,
) -> bool:
    """The whole period must lie within: its lowest value counts for min_*, its highest for max_*.

    A value nobody measured holds nothing: no price may depend on it.
    """
    low = _first(moment.period, (f"MIN_{name}", name, f"MAX_{name}"), otherwise)
    high = _first(moment.period, (f"MAX_{name}", name, f"MIN_{name}"), otherwise)
    return low is not None and high is not None and _within(least, low, high, most)


def _first(
    period: ChargingPeriod, names: tuple[str, ...], otherwise: Fraction | int | None
) -> Number | Fraction | None:
    found = (period.volume(name) for name in names)
    return next((value for value in found if value is not None), otherwise)


def _within(
    least: Number | None, low: Number | Fraction, high: Number | Fraction, most: Number | None
) -> bool:
    return (least is None or low >= least) and (most is None or high < most)


TESTS: tuple[Test, ...] = (_time_of_day, _date, _day, _kwh, _duration, _current, _power)
