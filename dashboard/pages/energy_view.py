"""Which energy an address asks for, and what is read of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from dashboard import load, reliability
from dashboard.i18n import mark
from dashboard.load_curve import Load
from dashboard.pages import analysis
from dashboard.periods import Period, midnight
from dashboard.uptime import share

GRAINS = {"hour": mark("Hour"), "day": mark("Day"), "month": mark("Month")}
MOST_BARS = 800


@dataclass(frozen=True)
class View(analysis.View):
    """What the address asks for; anything odd in it falls back to the default."""

    page: ClassVar[str] = "energy"
    presets: ClassVar[tuple[str, ...]] = ("today", "yesterday", "7d", "30d", "12m")
    usual: ClassVar[str] = "30d"

    grain: str = ""

    @classmethod
    def own(cls, parameters: Any, today: date) -> dict[str, str]:  # noqa: ARG003
        return {"grain": analysis.one_of(parameters, "grain", GRAINS)}

    def grain_of(self, period: Period) -> str:
        """The wished one where it makes sense of the period, else the usual one."""
        return self.grain if self.grain in grains(period) else usual_grain(period)


def grains(period: Period) -> list[str]:
    """Which bars a period can be drawn with: neither one alone nor more than fit."""
    fits = {"hour": period.days * 25 <= MOST_BARS, "day": 1 < period.days <= MOST_BARS,
            "month": period.days > 31}  # fmt: skip
    return [grain for grain in GRAINS if fits[grain]]


def usual_grain(period: Period) -> str:
    if period.days == 1:
        return "hour"
    return "day" if period.days <= 100 else "month"


@dataclass(frozen=True)
class Part:
    """One of the two that are compared: what it is about, its energy and its load."""

    place: load.Place
    period: Period
    energy: load.Energy
    load: Load | None
    limit_w: int | None = None  # what the grid connection of its site takes

    @property
    def peak_w(self) -> float | None:
        return self.load.peak.power_w if self.load and self.load.peak else None

    @property
    def coincidence(self) -> float | None:
        return self.load.coincidence if self.load else None

    @property
    def load_factor(self) -> float | None:
        return self.load.load_factor if self.load else None

    @property
    def per_session(self) -> float | None:
        return share(self.energy.total_wh, self.energy.sessions)

    @property
    def known_from(self) -> datetime:
        """Before it nothing is known."""
        return midnight(self.load.born if self.load else self.period.until, self.period.zone)


def read_part(site: str, station: str, period: Period, grain: str, now: datetime) -> Part:
    scope = reliability.read_scope(site, station)
    place = load.place_of(scope, site, station)
    found = load.read_energy(grain, period, scope.station_ids)
    limit = load.read_limit(int(site)) if site and not station else None
    return Part(place, period, found, load.read_load(place, period, now), limit)


def read_other(against: analysis.Against | None, grain: str, now: datetime) -> Part | None:
    """What is held against; None: nothing."""
    if against is None:
        return None
    return read_part(against.site, against.station, against.period, grain, now)


def buckets(
    grain: str, start: datetime, end: datetime, zone: ZoneInfo
) -> list[tuple[datetime, datetime]]:
    """Begin and end of every bucket; days of 23 and 25 hours and months come out right."""
    found, begin = [], start
    while begin < end:
        finish = _next(grain, begin, zone)
        found.append((begin, finish))
        begin = finish
    return found


def _next(grain: str, begin: datetime, zone: ZoneInfo) -> datetime:
    if grain == "hour":
        return (begin.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    local = begin.astimezone(zone).replace(tzinfo=None)
    if grain == "day":
        return (local + timedelta(days=1)).replace(tzinfo=zone)
    return (local.replace(day=1) + timedelta(days=32)).replace(day=1, tzinfo=zone)
