"""What the page Drivers reads: distinct users, lengths and energies, as fold_visits counted.

Only sessions that have ended are counted. Distinct users of a period are exact sums (see
visitor_gap in docs/sessions.md), whatever the days are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dashboard.data import Row, deps
from dashboard.explorer import visits as queries
from dashboard.periods import Period, shifted
from dashboard.uptime import share

DAILY = 100  # days that are drawn one by one
LENGTHS = (0, 15, 30, 45, 60, 90, 120, 180, 240, 360, 720)  # minutes where the bins begin
ENERGIES = (0, 100, 5_000, 10_000, 15_000, 20_000, 30_000, 40_000, 50_000, 60_000, 80_000)  # Wh


@dataclass(frozen=True)
class Counts:
    """Of one period and place: users, new ones, and sessions by length, energy, hour, channel."""

    users: int
    new_users: int
    parts: dict[str, dict[str, Row]]

    def _sum(self, name: str) -> int:
        return sum(row[name] for row in self.parts.get("channel", {}).values())

    @property
    def sessions(self) -> int:
        return self._sum("sessions")

    @property
    def energy_wh(self) -> int:
        return self._sum("energy_wh")

    @property
    def seconds(self) -> int:
        return self._sum("seconds")

    @property
    def returning(self) -> int:
        return self.users - self.new_users

    @property
    def per_user(self) -> float | None:
        return share(self.sessions, self.users)

    def of(self, what: str, part: object) -> int:
        """Sessions in one bin."""
        row = self.parts.get(what, {}).get(str(part))
        return int(row["sessions"]) if row else 0


def read_counts(period: Period, site: str) -> Counts:
    days = {"first_day": period.first, "until_day": period.until, "scope": int(site or 0)}
    with deps().connection() as connection:
        users = queries.users(connection, **days)
        rows = queries.totals(connection, **days)
    parts: dict[str, dict[str, Row]] = {}
    for row in rows:
        parts.setdefault(row["what"], {})[row["part"]] = row
    return Counts(users["users"], users["new_users"], parts)


@dataclass(frozen=True)
class Bucket:
    """A day or month, and who came then."""

    first: date
    users: int
    new_users: int
    sessions: int


def grain_of(period: Period) -> str:
    return "day" if period.days <= DAILY else "month"


def firsts(period: Period) -> list[date]:
    """The first days of all days or months of a period."""
    if grain_of(period) == "day":
        return [period.first + timedelta(days=n) for n in range(period.days)]
    count = (period.until.year - period.first.year) * 12 + period.until.month - period.first.month
    last = count + (period.until.day > 1)
    return [shifted(period.first, n) for n in range(last)]


def last_of(first: date, period: Period) -> date:
    """The last day of the bucket that begins then."""
    if grain_of(period) == "day":
        return first
    return shifted(first, 1) - timedelta(days=1)


def read_buckets(period: Period, site: str) -> list[Bucket]:
    """Months are whole ones, also where the period begins within one."""
    level, starts = grain_of(period), firsts(period)
    asked = {
        "level": level,
        "scope": int(site or 0),
        "first_day": min(starts),
        "until_day": last_of(max(starts), period) + timedelta(days=1),
    }
    with deps().connection() as connection:
        users = {row["bucket"]: row for row in queries.buckets(connection, **asked)}
        sessions = {
            r["bucket"]: r["sessions"] for r in queries.session_buckets(connection, **asked)
        }
    return [_bucket(first, users.get(first), sessions.get(first, 0)) for first in starts]


def _bucket(first: date, row: Row | None, sessions: int) -> Bucket:
    return Bucket(first, row["users"] if row else 0, row["new_users"] if row else 0, sessions)


@dataclass(frozen=True)
class SiteCounts:
    """One site in a period; site_id -1: sessions without one."""

    site_id: int
    name: str | None
    sessions: int
    energy_wh: int
    seconds: int
    users: int
    new_users: int


def read_sites(period: Period) -> list[SiteCounts]:
    """The sites that sessions were at, most users first; who is new is new there."""
    days = {"first_day": period.first, "until_day": period.until}
    with deps().connection() as connection:
        rows = queries.sites(connection, **days)
        users = {row["site_id"]: row for row in queries.users_by_site(connection, **days)}
    nobody = {"users": 0, "new_users": 0}
    found = [
        SiteCounts(**row, **{k: users.get(row["site_id"], nobody)[k] for k in nobody})
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.users, -one.sessions, one.site_id))


def bins(edges: Sequence[int]) -> list[tuple[int, int, int | None]]:
    """(number, from, below) of every bin; the last one has no end."""
    ends: list[int | None] = [*edges[1:], None]
    return [(n, edge, ends[n]) for n, edge in enumerate(edges)]
