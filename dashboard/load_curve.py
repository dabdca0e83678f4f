"""Load over a day: mean power of each quarter of an hour, the fullest one, and coincidence. Pure.

Energy of a quarter is exact, so its mean power is, too. Power within a quarter may be higher: what
a grid company bills is mostly the mean of 15 or 60 minutes, but peaks here are informative.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.periods import Period, midnight
from dashboard.uptime import share

QUARTER = timedelta(minutes=15)
QUARTERS = 96
LOAD_DAYS = 366  # of longer periods the last of them are read


@dataclass(frozen=True)
class Peak:
    """The fullest quarter: its mean power in W, and when it began."""

    power_w: int
    at: datetime


@dataclass(frozen=True)
class Load:
    """Mean power in W of each quarter of the day (96, None: there was none yet) over `period`, or
    from its first day with energy on; `born`: the first day with energy ever; `rating_w`: of all
    evses together."""

    period: Period
    born: date
    mean_w: tuple[float | None, ...]
    peak: Peak | None
    rating_w: int

    @property
    def coincidence(self) -> float | None:
        """The largest simultaneous power against the sum of the ratings."""
        return share(self.peak.power_w, self.rating_w) if self.peak else None

    @property
    def load_factor(self) -> float | None:
        """Mean power over the largest: the load factor."""
        known = [value for value in self.mean_w if value is not None]
        mean = sum(known) / len(known) if known else 0.0
        return share(mean, self.peak.power_w) if self.peak else None


def last_year_of(period: Period) -> Period:
    """A period, or the last 366 days of a longer one."""
    first = max(period.first, period.until - timedelta(days=LOAD_DAYS))
    return Period(first, period.until, period.zone)


@dataclass(frozen=True)
class Span:
    """Of when a load is: `born` is the first day with energy ever."""

    period: Period
    born: date
    now: datetime


def load_of(
    rows: Iterable[Mapping[str, Any]], fullest: Mapping[str, Any] | None, span: Span, rating_w: int
) -> Load:
    """From rows of quarter, energy_wh, and the fullest quarter (peak_wh, peak_at)."""
    period, first = span.period, max(span.period.first, span.born)
    counts = occurrences(first, min(period.end, span.now), period.zone)
    known = {row["quarter"]: row["energy_wh"] for row in rows}
    mean = tuple(known.get(n, 0) * 4 / count if count else None for n, count in enumerate(counts))
    peak = Peak(fullest["peak_wh"] * 4, fullest["peak_at"]) if fullest else None
    return Load(period, span.born, mean, peak, rating_w)


def occurrences(first: date, end: datetime, zone: ZoneInfo) -> list[int]:
    """How often each quarter of the day has begun between a midnight and an instant: on the days
    when clocks change some are left out, or come twice."""
    counts, day = [0] * QUARTERS, first
    while (begin := midnight(day, zone)) < end:
        day += timedelta(days=1)
        finish = midnight(day, zone)
        if finish <= end and finish.astimezone(UTC) - begin.astimezone(UTC) == timedelta(days=1):
            counts = [count + 1 for count in counts]
        else:
            for number in _quarters(begin, min(finish, end), zone):
                counts[number] += 1
    return counts


def _quarters(begin: datetime, end: datetime, zone: ZoneInfo) -> Iterable[int]:
    at = begin.astimezone(UTC)
    while at < end:
        yield quarter_of(at, zone)
        at += QUARTER


def quarter_of(at: datetime, zone: ZoneInfo) -> int:
    """0 at midnight to 95, by the clock of a zone."""
    local = at.astimezone(zone)
    return local.hour * 4 + local.minute // 15


def curve_of_day(
    rows: Iterable[Mapping[str, Any]], period: Period, now: datetime
) -> tuple[float | None, ...]:
    """Mean power in W of each quarter of one day from rows of bucket, energy_wh; an hour that came
    twice is shown as the mean of both, one that did not come is unknown."""
    counts = occurrences(period.first, min(period.end, now), period.zone)
    sums = [0.0] * QUARTERS
    for row in rows:
        sums[quarter_of(row["bucket"], period.zone)] += row["energy_wh"] * 4
    return tuple(w / n if n else None for w, n in zip(sums, counts, strict=True))


@dataclass(frozen=True)
class SitePeak:
    """A site's largest simultaneous power (mean of a quarter, W) against its grid connection."""

    site_id: int
    name: str
    energy_wh: int
    peak: Peak | None
    limit_w: int | None
    rating_w: int | None

    @property
    def headroom_w(self) -> int | None:
        """What the connection has left; below zero: more than it takes."""
        return (
            None if self.limit_w is None else self.limit_w - (self.peak.power_w if self.peak else 0)
        )

    @property
    def used(self) -> float | None:
        return share(self.peak.power_w if self.peak else 0, self.limit_w or 0)

    @property
    def coincidence(self) -> float | None:
        return share(self.peak.power_w if self.peak else 0, self.rating_w or 0)


def site_peak(row: Mapping[str, Any]) -> SitePeak:
    peak = Peak(row["peak_wh"] * 4, row["peak_at"]) if row["peak_wh"] > 0 else None
    return SitePeak(row["site_id"], row["name"], row["energy_wh"], peak, row["grid_limit_w"],
                    row["rating_w"])  # fmt: skip
