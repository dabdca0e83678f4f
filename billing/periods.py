"""A session's course as OCPI charging periods: as few as give the same price. Pure.

A price per kWh alone needs two: up to the last energy, and what came after it. Where time is sold
neighbours of one kind are merged (a period's time is then its whole length, exactly), unless a
limit of the tariff on the clock, on energy or on duration separates them; where prices depend on
power or current every reading keeps its own period.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from billing.cdrs import Cdr, ChargingPeriod, Dimension
from billing.money import Number, rounded
from billing.pricing import Plan
from billing.times import microseconds, turns
from billing.usage import Course, Interval

DIMENSIONS = {"charging": "TIME", "parking": "PARKING_TIME"}
# rounded down to whole microseconds and finer: never a second more than was measured
FINEST = 12
HOUR = 3_600_000_000


class Limits(NamedTuple):
    """What separates periods: instants of the session, Wh into it, and whether levels do."""

    instants: list[datetime]
    energy_wh: list[Fraction]
    levels: bool
    currents: bool


def cdr_of(course: Course, currency: str, zone: ZoneInfo, plan: Plan | None = None) -> Cdr:
    """The course as a CDR; without a plan every interval keeps a period of its own."""
    if plan is not None and not needs_times(plan):
        periods = tuple(_two(course))
    else:
        limits = limits_of(course, zone, plan) if plan else None
        periods = tuple(_merged(course, limits))
    return Cdr(currency, course.start, course.end, periods)


def needs_times(plan: Plan) -> bool:
    """Whether more than the session's energy decides the price."""
    times = plan.charging["TIME"] + plan.charging["PARKING_TIME"]
    return plan.cuts.any_restriction or any(component.price for _, component in times)


def hours(span: timedelta) -> Number:
    """Hours, rounded down so that no step of a second is added by a decimal."""
    return _number(rounded(Fraction(microseconds(span), HOUR), FINEST, "ROUND_FLOOR"))


def kwh(energy_wh: int) -> Number:
    return _number(Decimal(energy_wh).scaleb(-3))


def _number(value: Decimal) -> Number:
    whole = value.to_integral_value()
    return int(whole) if value == whole else value.normalize()


def _two(course: Course) -> Iterator[ChargingPeriod]:
    tail = len(course.intervals)
    while tail > 1 and course.intervals[tail - 1].energy_wh == 0:
        tail -= 1
    head, rest = course.intervals[:tail], course.intervals[tail:]
    energy_wh = sum(each.energy_wh for each in head)
    yield ChargingPeriod(course.start, _dimensions(energy_wh, _spans(head)))
    if rest:
        yield ChargingPeriod(rest[0].start, _dimensions(0, _spans(rest)))


def _spans(intervals: list[Interval]) -> dict[str, timedelta]:
    spans: dict[str, timedelta] = {}
    for each in intervals:
        if each.kind in DIMENSIONS:
            spans[each.kind] = spans.get(each.kind, timedelta()) + each.length
    return spans


def _dimensions(
    energy_wh: int, spans: dict[str, timedelta], current_a: float | None = None
) -> tuple[Dimension, ...]:
    found = [Dimension("ENERGY", kwh(energy_wh))] if energy_wh else []
    found += [Dimension(DIMENSIONS[kind], hours(span)) for kind, span in spans.items() if span]
    if current_a is not None:
        found.append(Dimension("CURRENT", _number(Decimal(str(current_a)))))
    return tuple(found)


def limits_of(course: Course, zone: ZoneInfo, plan: Plan) -> Limits:
    instants = {course.start + timedelta(seconds=seconds) for seconds in plan.cuts.seconds}
    if plan.cuts.minutes:
        instants.update(turns(course.start, course.end, plan.cuts.minutes, zone))
    given = [element.restrictions for element in plan.tariff.elements]
    currents = any(r.min_current is not None or r.max_current is not None for r in given)
    powers = any(r.min_power is not None or r.max_power is not None for r in given)
    energy_wh = sorted(limit * 1000 for limit in plan.cuts.kwh)
    return Limits(sorted(instants), energy_wh, currents or powers, currents)


def _merged(course: Course, limits: Limits | None) -> Iterator[ChargingPeriod]:
    run = course.intervals[:1]
    used = 0  # Wh before the last interval of the run
    for one, other in pairwise(course.intervals):
        if not _joins(one, other, used, limits):
            yield _period(run, limits)
            run = []
        used += one.energy_wh
        run.append(other)
    yield _period(run, limits)


def _joins(one: Interval, other: Interval, used: int, limits: Limits | None) -> bool:
    """Whether no price can change between the start of `one` and the end of `other`."""
    if limits is None or limits.levels or one.kind != other.kind:
        return False
    upto = used + one.energy_wh + other.energy_wh
    return not _inside(limits.instants, one.start, other.end) and not _inside(
        limits.energy_wh, used, upto
    )


def _inside(ordered: list[Any], low: Any, high: Any) -> bool:
    index = bisect_right(ordered, low)
    return index < len(ordered) and ordered[index] < high


def _period(run: list[Interval], limits: Limits | None) -> ChargingPeriod:
    current = run[0].current_a if limits is not None and limits.currents else None
    energy_wh = sum(each.energy_wh for each in run)
    return ChargingPeriod(run[0].start, _dimensions(energy_wh, _spans(run), current))
