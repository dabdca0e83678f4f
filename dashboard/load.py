"""What the page Energy and load reads: load by quarter of the day, peaks of sites, energy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dashboard.data import Row, deps
from dashboard.load_curve import (
    Load,
    SitePeak,
    Span,
    curve_of_day,
    last_year_of,
    load_of,
    site_peak,
)
from dashboard.periods import Period, midnight, shifted, spans
from dashboard.reliability import Scope
from sql.queries import load_queries

queries = load_queries("load")
energy = load_queries("energy")


@dataclass(frozen=True)
class Place:
    """What a load is of: a site (0: the whole fleet), or single evses."""

    site_id: int = 0
    evse_keys: list[int] | None = None


def place_of(scope: Scope, site: str, station: str) -> Place:
    """Of a station its evses, as their own rollup is small; of a site its rollup."""
    if station:
        return Place(evse_keys=scope.evse_keys)
    return Place(int(site)) if site else Place()


def read_load(place: Place, period: Period, now: datetime) -> Load | None:
    """Of a period, or of the last year of a longer one; None: no energy was ever measured."""
    of = last_year_of(period)
    with deps().connection() as connection:
        since = queries.since(connection, **vars(place))
        if since is None:
            return None
        over = spans(of, now.astimezone(of.zone).date())
        rows = queries.quarters(connection, **over, **vars(place))
        fullest = queries.fullest(connection, start=of.start, end=of.end, **vars(place))
        rating = queries.rating(connection, **vars(place))
    return load_of(rows, fullest, Span(of, since.astimezone(of.zone).date(), now), rating)


def read_day(place: Place, day: date, period: Period, now: datetime) -> tuple[float | None, ...]:
    """The curve of one day."""
    one = Period(day, day + timedelta(days=1), period.zone)
    with deps().connection() as connection:
        rows = queries.day(connection, start=one.start, end=one.end, **vars(place))
    return curve_of_day(rows, one, now)


def read_site_peaks(site: str, period: Period) -> list[SitePeak]:
    """Sites by how much of their grid connection they have used at once."""
    with deps().connection() as connection:
        rows = queries.sites(
            connection, start=period.start, end=period.end, site_id=int(site) if site else None
        )
    return [site_peak(row) for row in rows]


def read_limit(site_id: int) -> int | None:
    """What a site's grid connection takes, in W."""
    with deps().connection() as connection:
        found: int | None = queries.grid_limit(connection, site_id=site_id)
    return found


@dataclass(frozen=True)
class Energy:
    """Energy of a period: by bucket (its beginning in UTC), by station, sessions begun."""

    buckets: dict[datetime, int]
    peak_power_w: float | None
    by_station: list[Row]
    sessions: int
    complete_until: datetime

    @property
    def total_wh(self) -> int:
        return sum(self.buckets.values())


def read_energy(grain: str, period: Period, station_ids: Sequence[str] | None) -> Energy:
    """Of all stations (None) or some; grain: hour, day or month."""
    asked = {"station_ids": None if station_ids is None else list(station_ids)}
    edges = {"start": period.start, "end": period.end}
    with deps().connection() as connection:
        rows = _rows(connection, grain, period, asked)
        return Energy(
            _summed(rows, grain, period),
            max((row["peak_power_w"] or 0 for row in rows), default=None),
            energy.by_station(connection, **edges, **asked),
            energy.sessions_begun(connection, **edges, **asked),
            energy.complete_until(connection),
        )


def _rows(connection: Any, grain: str, period: Period, asked: dict[str, Any]) -> list[Row]:
    if grain != "month":
        read = energy.hours if grain == "hour" else energy.days
        found: list[Row] = read(connection, start=period.start, end=period.end, **asked)
        return found
    rows: list[Row] = []
    for read, first, until in _parts(period):
        edges = {"start": midnight(first, period.zone), "end": midnight(until, period.zone)}
        rows += read(connection, **edges, **asked) if first < until else []
    return rows


def _parts(period: Period) -> list[tuple[Any, date, date]]:
    """Whole months from their rows, the days before and after them from theirs."""
    first = period.first if period.first.day == 1 else shifted(period.first, 1)
    until = shifted(period.until, 0)
    if until <= first:
        return [(energy.days, period.first, period.until)]
    return [(energy.days, period.first, first), (energy.months, first, until),
            (energy.days, until, period.until)]  # fmt: skip


def _summed(rows: list[Row], grain: str, period: Period) -> dict[datetime, int]:
    """Days of a month that is not whole are added up."""
    found: dict[datetime, int] = {}
    for row in rows:
        at = row["bucket"]
        if grain == "month":
            day = at.astimezone(period.zone).date()
            at = midnight(max(shifted(day, 0), period.first), period.zone)
        # in UTC: of the two hours when clocks go back, a zone's times would be equal
        found[at.astimezone(UTC)] = found.get(at.astimezone(UTC), 0) + row["energy_wh"]
    return found
