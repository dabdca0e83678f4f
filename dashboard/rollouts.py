"""The roll-out: which stations are expected, connected, proven by a session; who was refused."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.data import Row, deps
from sql.queries import load_queries

queries = load_queries("rollout")

STEPS = ("expected", "connected", "proven")
PAGE = 100
REFUSED_DAYS = 7


@dataclass(frozen=True)
class Rollout:
    """Counts per site, the stations at one step, refused connections of the last week."""

    sites: list[Row]
    stations: list[Row]
    refused: list[Row]

    def count(self, step: str) -> int:
        return sum(row[step] for row in self.sites)


def read_rollout(step: str, site_id: int | None, after: str, now: datetime) -> Rollout:
    """Stations: one more than a page, where there are more."""
    since = now - timedelta(days=REFUSED_DAYS)
    with deps().connection() as connection:
        return Rollout(
            queries.sites(connection, now=now),
            queries.stations(connection, step=step, site_id=site_id, after=after, now=now,
                             at_most=PAGE + 1),
            queries.refused(connection, since=since, at_most=PAGE),
        )  # fmt: skip
