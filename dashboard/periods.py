"""Periods between two midnights of the operator's zone, and the cheapest way to read one. Pure.

Rollups have a row per day and one per month. A period is whole months, and days at both ends that
are added or, where that is less, taken off a whole month.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Period:
    """[first, until) in days of a zone."""

    first: date
    until: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        return midnight(self.until, self.zone)

    @property
    def days(self) -> int:
        return (self.until - self.first).days

    @property
    def is_month(self) -> bool:
        return self.first.day == 1 and self.until == shifted(self.first, 1)

    def before(self) -> "Period":
        """The period just before: a month before months, else as many days."""
        if self.first.day == 1 and self.until.day == 1:
            months = _number(self.until) - _number(self.first)
            return Period(shifted(self.first, -months), self.first, self.zone)
        return Period(self.first - timedelta(days=self.days), self.first, self.zone)

    def year(self) -> "Period":
        """The twelve months that end with this period: the last of them is the one its last day
        lies in."""
        last = shifted(self.until - timedelta(days=1), 1)
        return Period(shifted(last, -12), last, self.zone)


def month(of: date, zone: ZoneInfo) -> Period:
    return Period(shifted(of, 0), shifted(of, 1), zone)


def last_days(today: date, days: int, zone: ZoneInfo) -> Period:
    """So many days up to and with today."""
    until = today + timedelta(days=1)
    return Period(until - timedelta(days=days), until, zone)


def last_months(today: date, months: int, zone: ZoneInfo) -> Period:
    """So many whole months that have been."""
    until = shifted(today, 0)
    return Period(shifted(until, -months), until, zone)


def shifted(day: date, months: int) -> date:
    """The first of the month so many months after that of a day."""
    number = _number(day) + months
    return date(number // 12, number % 12 + 1, 1)


def _number(day: date) -> int:
    return day.year * 12 + day.month - 1


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def spans(period: Period, today: date) -> dict[str, Any]:
    """Parameters of the queries: start and end; months, and head and tail with their signs.

    `today`: there are no rows after it, so it costs nothing to take those off.
    """
    first, until = _months(period, today)
    zone = period.zone
    head, tail = sorted((period.first, first)), sorted((until, period.until))
    return {
        "start": period.start, "end": period.end,
        "months_from": midnight(first, zone), "months_until": midnight(until, zone),
        "head_from": midnight(head[0], zone), "head_until": midnight(head[1], zone),
        "tail_from": midnight(tail[0], zone), "tail_until": midnight(tail[1], zone),
        "head_sign": 1 if period.first <= first else -1,
        "tail_sign": 1 if until <= period.until else -1,
    }  # fmt: skip


def _months(period: Period, today: date) -> tuple[date, date]:
    """Which whole months are read: those that leave the fewest days to read beside them."""
    last = period.until - timedelta(days=1)
    firsts = shifted(period.first, 0), shifted(period.first, 1)
    untils = shifted(period.until, 0), shifted(last, 1)
    whole = [(a, b) for a, b in product(firsts, untils) if a < b]
    none = (period.until, period.until)
    return min([*whole, none], key=lambda edges: _beside(period, edges, today))


def _beside(period: Period, months: tuple[date, date], today: date) -> int:
    first, until = months
    after = min(until, max(today + timedelta(days=1), period.until))
    return abs((period.first - first).days) + abs((after - period.until).days)
