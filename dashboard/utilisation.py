"""What the page Utilisation reads beside the evses' seconds: days, the week by hour, idle stays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dashboard.data import Row, deps
from dashboard.figures_time import Spent
from dashboard.periods import Period, midnight, shifted
from dashboard.reliability import Scope, queries
from dashboard.uptime import Seconds, share

WEEK_DAYS = 92  # the longest period whose hours are read from the facts of single evses
DAILY = 100  # days that are drawn one by one
STAYS = 100  # days whose stays are listed one by one
STATES = ("preparing", "charging", "suspended", "finished")


def grain_of(period: Period) -> str:
    return "day" if period.days <= DAILY else "month"


def read_spent(scope: Scope, period: Period) -> list[Spent]:
    """Shares of every day or month of a period that its evses were occupied."""
    edges = {"start": period.start, "end": period.end}
    with deps().connection() as connection:
        if grain_of(period) == "month":
            rows = queries.month_states(connection, **edges, **scope.keys)
        elif scope.evse_keys is None:
            rows = queries.fleet_days(connection, **edges)
        else:
            rows = queries.days(connection, **edges, **scope.keys)
    return spent(rows, buckets(period))


def buckets(period: Period) -> list[Any]:
    """Beginnings of all days or months of a period."""
    if grain_of(period) == "day":
        days: Iterable[date] = (period.first + timedelta(days=n) for n in range(period.days))
    else:
        count = (period.until.year - period.first.year) * 12
        count += period.until.month - period.first.month
        days = (shifted(period.first, n) for n in range(count))
    return [midnight(day, period.zone) for day in days]


def spent(rows: Iterable[Row], of: Sequence[Any]) -> list[Spent]:
    """Rows of bucket, state, seconds as shares of each bucket's time in service."""
    seconds: dict[Any, dict[str, int]] = {}
    for row in rows:
        seconds.setdefault(row["bucket"], {})[row["state"]] = row["seconds"]
    return [_spent(bucket, seconds.get(bucket, {})) for bucket in of]


def _spent(bucket: Any, seconds: dict[str, int]) -> Spent:
    whole = sum(seconds.values())
    charging, preparing = (share(seconds.get(s, 0), whole) for s in ("charging", "preparing"))
    idle = share(seconds.get("suspended", 0) + seconds.get("finished", 0), whole)
    return Spent(bucket, charging, idle, preparing)


@dataclass(frozen=True)
class Week:
    """Seconds by (weekday 1 to 7, hour 0 to 23); `period`: of which time."""

    cells: dict[tuple[int, int], Row]
    period: Period

    def value(self, weekday: int, hour: int, what: str) -> float | None:
        row = self.cells.get((weekday, hour))
        return share(row[what], row["seconds"]) if row else None

    def day(self, weekday: int, what: str) -> float | None:
        rows = [row for (day, _), row in self.cells.items() if day == weekday]
        return share(sum(row[what] for row in rows), sum(row["seconds"] for row in rows))

    def peak(self, what: str) -> tuple[int, int] | None:
        """The fullest hour of the week."""
        found = {(day, hour): self.value(day, hour, what) for day, hour in self.cells}
        known = [key for key, value in found.items() if value is not None]
        return max(known, key=lambda key: (found[key] or 0, -key[0]), default=None)


def read_week(scope: Scope, period: Period) -> Week:
    """Of the whole fleet from its hours; of single evses from their facts, the last 92 days."""
    if scope.evse_keys is None:
        of = period
    else:
        first = max(period.first, period.until - timedelta(days=WEEK_DAYS))
        of = Period(first, period.until, period.zone)
    edges = {"start": of.start, "end": of.end}
    with deps().connection() as connection:
        if scope.evse_keys is None:
            rows = queries.fleet_week(connection, **edges)
        else:
            rows = queries.week(connection, **edges, **scope.keys)
    return Week({(row["weekday"], row["hour"]): row for row in rows}, of)


def read_stays(scope: Scope, period: Period) -> list[Row]:
    """Sessions by the time between the last energy and the end; nothing for long periods."""
    if period.days > STAYS:
        return []
    with deps().connection() as connection:
        rows: list[Row] = queries.idle_lengths(
            connection, start=period.start, end=period.end, **scope.keys
        )
    return rows


def per_day(energy_wh: int, seconds: Seconds) -> float | None:
    """Watt-hours per evse-day in service."""
    return share(energy_wh * 86400, seconds.in_service)
