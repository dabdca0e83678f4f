"""A session cut into pieces within which every restriction either holds or does not. Pure.

Inside a period everything is used evenly: a piece has the share of the period's volumes that it
has of its length. A period without length is cut by energy alone.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.cdrs import Cdr, ChargingPeriod
from billing.moments import Moment
from billing.tariffs import Tariff
from billing.times import microseconds, minutes_of, turns

WHOLE = Fraction(1)


class Cuts(NamedTuple):
    """Where a tariff can change: minutes of the day, kWh and seconds into the session."""

    minutes: frozenset[int]
    kwh: frozenset[Fraction]
    seconds: frozenset[int]
    any_restriction: bool


class Piece(NamedTuple):
    """`share` of a period's volumes; `moment` lies inside (None: the tariff never asks)."""

    number: int  # of the period
    period: ChargingPeriod
    start: datetime
    end: datetime
    share: Fraction
    length: timedelta  # of the whole period
    moment: Moment | None


def cuts_of(tariff: Tariff) -> Cuts:
    minutes: set[int] = set()
    kwh: set[Fraction] = set()
    seconds: set[int] = set()
    given = [element.restrictions for element in tariff.elements]
    for each in given:
        clocks = (each.start_time, each.end_time)
        minutes.update(minutes_of(clock) for clock in clocks if clock is not None)
        if any(clocks) or each.start_date or each.end_date or each.day_of_week:
            minutes.add(0)  # the day turns, and with it a time of day with one end left open
        kwh.update(Fraction(limit) for limit in (each.min_kwh, each.max_kwh) if limit is not None)
        seconds.update(s for s in (each.min_duration, each.max_duration) if s is not None)
    restricted = any(not each.is_empty for each in given)
    return Cuts(frozenset(minutes), frozenset(kwh), frozenset(seconds), restricted)


def pieces(cdr: Cdr, cuts: Cuts, zone: ZoneInfo) -> Iterator[Piece]:
    """All pieces of the session in order."""
    begun, used = _begun(cdr), Fraction(0)
    for index, (period, end) in enumerate(_with_ends(cdr)):
        if cuts.any_restriction:
            energy = Fraction(period.volume("ENERGY") or 0)
            yield from _cut(index, period, end, _Past(begun, used, energy), cuts, zone)
            used += energy
        else:
            start = period.start_date_time
            yield Piece(index, period, start, end, WHOLE, end - start, None)


def _with_ends(cdr: Cdr) -> Iterator[tuple[ChargingPeriod, datetime]]:
    ends = [period.start_date_time for period in cdr.charging_periods[1:]] + [cdr.end_date_time]
    return zip(cdr.charging_periods, ends, strict=True)


def is_reservation(period: ChargingPeriod) -> bool:
    return period.volume("RESERVATION_TIME") is not None and not any(
        period.volume(used) for used in ("ENERGY", "TIME", "PARKING_TIME")
    )


def _begun(cdr: Cdr) -> datetime:
    """When charging began: durations leave the reservation before it out."""
    first, *rest = cdr.charging_periods
    if not is_reservation(first):
        return cdr.start_date_time
    return next((p.start_date_time for p in rest if not is_reservation(p)), cdr.start_date_time)


class _Past(NamedTuple):
    begun: datetime
    used: Fraction  # kWh before the period
    energy: Fraction  # kWh in it


def _cut(
    index: int, period: ChargingPeriod, end: datetime, past: _Past, cuts: Cuts, zone: ZoneInfo
) -> Iterator[Piece]:
    start, length = period.start_date_time, end - period.start_date_time
    points = [Fraction(0), *sorted(_points(start, end, past, cuts, zone)), WHOLE]
    for low, high in pairwise(points):
        middle = (low + high) / 2
        passed = _part(length, middle)
        moment = Moment(
            (start + passed).astimezone(zone),
            past.used + past.energy * middle,
            Fraction(microseconds(start + passed - past.begun), 1_000_000),
            period,
            length,
        )
        begins, ends = start + _part(length, low), start + _part(length, high)
        yield Piece(index, period, begins, ends, high - low, length, moment)


def _part(length: timedelta, share: Fraction) -> timedelta:
    whole = microseconds(length) * share.numerator // share.denominator
    return timedelta(microseconds=whole)


def _points(
    start: datetime, end: datetime, past: _Past, cuts: Cuts, zone: ZoneInfo
) -> set[Fraction]:
    """Places strictly between 0 and 1 at which some restriction starts or stops holding."""
    found: set[Fraction] = set()
    length = microseconds(end - start)
    if length:
        instants = [past.begun + timedelta(seconds=seconds) for seconds in cuts.seconds]
        if cuts.minutes:
            instants += turns(start, end, cuts.minutes, zone)
        found.update(Fraction(microseconds(at - start), length) for at in instants)
    if past.energy:
        found.update((limit - past.used) / past.energy for limit in cuts.kwh)
    return {place for place in found if 0 < place < 1}
