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
from sql.queries import load_queries

hours = load_queries("utilisation")

WEEK_DAYS = 92  # the longest period whose hours are read from the facts of single evses
DAILY = 100  # days that are drawn one by one
STAYS = 100  # days whose stays are listed one by one
STATES = ("preparing", "charging", "suspended", "finished")


def grain_of(period: Period) -> str:
    return "day" if period.days <= DAILY else "month"


def read_spent(scope: Scope, period: Period) -> list[Spent]:
    """Shares of every day or month of a period that its evses were occupied."""
    rows: list[Row] = []
    with deps().connection() as connection:
        for kind, first, until in parts(period):
            edges = {"start": midnight(first, period.zone), "end": midnight(until, period.zone)}
            if kind == "month":
                rows += queries.month_states(connection, **edges, **scope.keys)
            elif scope.evse_keys is None:
                rows += queries.fleet_days(connection, **edges)
            else:
                rows += queries.days(connection, **edges, **scope.keys)
    return spent(_placed(rows, period), buckets(period))


def parts(period: Period) -> list[tuple[str, date, date]]:
    """What is read of a period: its days, or its whole months and the days before and after."""
    if grain_of(period) == "day":
        return [("day", period.first, period.until)]
    first = period.first if period.first.day == 1 else shifted(period.first, 1)
    until = max(first, shifted(period.until, 0))
    whole = [("day", period.first, first), ("month", first, until), ("day", until, period.until)]
    return [part for part in whole if part[1] < part[2]]


def _placed(rows: Iterable[Row], period: Period) -> Iterable[Row]:
    """Days of a month that is not whole belong to its bucket."""
    for row in rows:
        day = row["bucket"].astimezone(period.zone).date()
        if grain_of(period) == "month":
            day = max(shifted(day, 0), period.first)
        yield row | {"bucket": midnight(day, period.zone)}


def buckets(period: Period) -> list[Any]:
    """Beginnings of all days or months of a period; the first month may not be whole."""
    if grain_of(period) == "day":
        days: Iterable[date] = (period.first + timedelta(days=n) for n in range(period.days))
        return [midnight(day, period.zone) for day in days]
    found = [period.first]
    while (following := shifted(found[-1], 1)) < period.until:
        found.append(following)
    return [midnight(day, period.zone) for day in found]


def spent(rows: Iterable[Row], of: Sequence[Any]) -> list[Spent]:
    """Rows of bucket, state, seconds as shares of each bucket's time in service."""
    seconds: dict[Any, dict[str, int]] = {}
    for row in rows:
        states = seconds.setdefault(row["bucket"], {})
        states[row["state"]] = states.get(row["state"], 0) + row["seconds"]
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
    of = week_period(scope, period)
    edges = {"start": of.start, "end": of.end}
    with deps().connection() as connection:
        if scope.evse_keys is None:
            rows = queries.fleet_week(connection, **edges)
        else:
            rows = queries.week(connection, **edges, **scope.keys)
    return Week({(row["weekday"], row["hour"]): row for row in rows}, of)


def week_period(scope: Scope, period: Period) -> Period:
    """What the week by hour is made of: for single evses the last 92 days."""
    if scope.evse_keys is None:
        return period
    first = max(period.first, period.until - timedelta(days=WEEK_DAYS))
    return Period(first, period.until, period.zone)


def read_hour(scope: Scope, period: Period, weekday: int, hour: int) -> list[Row]:
    """One hour of the week, date by date, newest first: bucket, seconds, occupied, charging,
    idle."""
    of = week_period(scope, period)
    asked = {"start": of.start, "end": of.end, "weekday": weekday, "hour": hour}
    with deps().connection() as connection:
        if scope.evse_keys is None:
            rows: list[Row] = hours.fleet_hour(connection, **asked)
        else:
            rows = hours.hour(connection, **asked, **scope.keys)
    return rows


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
