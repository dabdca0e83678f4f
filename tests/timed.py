"""Evses with a random past for tests of time, and the recount that needs no rollup."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.attempting import book_attempts
from ingest.timelines import book_time
from sql.database import Connection
from tests.web import add_evse, add_site

DAYS = 80
REASONS = ("scheduled_maintenance", "vandalism")
Span = tuple[datetime, datetime, int, str, str | None, str | None]


class Past:
    """Two sites, three stations, five evses; `fill` gives them contact, faults and sessions."""

    def __init__(self, connection: Connection, seed: int = 0) -> None:
        self.connection, self.dice = connection, random.Random(seed)
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.start = self.now - timedelta(days=DAYS)
        self.sites = [add_site(connection, name) for name in ("Ödeshög E4", "Mora")]
        self.keys = {
            (station_id, n): add_evse(connection, site_id, station_id, f"K7-{station_id}-{n}")
            for site_id, station_id, evses in (
                (self.sites[0], "ODH-01", 2), (self.sites[0], "ODH-02", 1),
                (self.sites[1], "MOR-01", 2))
            for n in range(1, evses + 1)
        }  # fmt: skip
        self.run("DELETE FROM contact_history")

    def run(self, query: str, *parameters: Any) -> None:
        self.connection.execute(query.encode(), parameters)

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        return self.connection.execute(query.encode(), parameters).fetchall()

    def contact(self, station_id: str, at: datetime, cause: str | None = None) -> None:
        """Contact comes; with a cause (station, csms) it goes."""
        self.run("INSERT INTO contact_history (station_id, at, is_online, cause) VALUES"
                 " (%s, %s, %s, %s)", station_id, at, cause is None, cause)  # fmt: skip

    def status(self, station_id: str, evse_id: int, at: datetime, status: str) -> None:
        self.run("INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status,"
                 " status_at, received_at, error_code) VALUES (%s, %s, %s, 1, %s, %s, now(),"
                 " 'GroundFailure') ON CONFLICT DO NOTHING",
                 self.keys[station_id, evse_id], station_id, evse_id, status, at)  # fmt: skip

    def session(self, station_id: str, evse_id: int, at: datetime, minutes: int, wh: int) -> None:
        self.run("INSERT INTO session (station_id, evse_id, evse_key, site_id, transaction_id,"
                 " started_at, ended_at, charged_until, energy_wh, id_token, stop_reason)"
                 " SELECT %s, %s, %s, site_id, gen_random_uuid()::text, %s::timestamptz,"
                 " %s::timestamptz, %s::timestamptz, %s, %s, 'Local'"
                 " FROM station WHERE station_id = %s",
                 station_id, evse_id, self.keys[station_id, evse_id], at,
                 at + timedelta(minutes=minutes), at + timedelta(minutes=minutes * 0.7), wh,
                 f"TAG{self.dice.randrange(6)}", station_id)  # fmt: skip

    def fill(self) -> None:
        for station_id in ("ODH-01", "ODH-02", "MOR-01"):
            self._contacts(station_id)
        for station_id, evse_id in self.keys:
            self._evse(station_id, evse_id)
        self._exclusions()
        self.book()

    def book(self) -> None:
        book_attempts(self.connection)
        book_time(self.connection)

    def _contacts(self, station_id: str) -> None:
        self.contact(station_id, self.start)
        for at in self._times(9):
            self.contact(station_id, at, self.dice.choice(["station", "station", "csms"]))
            self.contact(station_id, at + timedelta(seconds=self.dice.randrange(20, 200_000)))

    def _evse(self, station_id: str, evse_id: int) -> None:
        self.status(station_id, evse_id, self.start, "Available")
        for at in self._times(10):
            self.status(station_id, evse_id, at, self.dice.choice(["Faulted", "Unavailable"]))
            back = at + timedelta(seconds=self.dice.randrange(30, 150_000))
            self.status(station_id, evse_id, back, "Available")
        for at in self._times(40):
            minutes, wh = self.dice.randrange(1, 300), self.dice.choice([0, 50, 9000, 20_000])
            self.session(station_id, evse_id, at, minutes, wh)

    def _exclusions(self) -> None:
        whats = [("site_id", self.sites[1]), ("station_id", "ODH-01"),
                 ("evse_key", self.keys["ODH-02", 1])]  # fmt: skip
        for at in self._times(8):
            name, what = self.dice.choice(whats)
            self.run(f"INSERT INTO outage_exclusion ({name}, from_at, until_at, reason, created_by)"  # noqa: S608
                     " VALUES (%s, %s, %s, %s, 'alice')", what, at,
                     at + timedelta(hours=self.dice.randrange(1, 90)),
                     self.dice.choice(REASONS))  # fmt: skip

    def _times(self, n: int) -> list[datetime]:
        seconds = DAYS * 86400 - 3600
        return [self.start + timedelta(seconds=self.dice.randrange(1, seconds)) for _ in range(n)]

    # -- the recount ----------------------------------------------------------------------------

    def spans(self, key: int) -> Iterator[Span]:
        """(from, until, sign, state, cause, excluded_because) of the facts and of what is open."""
        facts = self.rows("SELECT started_at, seconds, state, cause, excluded_because"
                          " FROM state_fact WHERE evse_key = %s", key)  # fmt: skip
        for at, seconds, *what in facts:
            sign = 1 if seconds > 0 else -1
            yield at, at + timedelta(seconds=abs(seconds)), sign, *what
        yield from self.rows("SELECT open_since, now(), 1, state, cause, excluded_because"
                             " FROM evse_timeline WHERE evse_key = %s AND state IS NOT NULL",
                             key)  # fmt: skip

    def recount(self, keys: list[int], start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Seconds of a period by state, cause and reason, counted span by span."""
        found: Counter[tuple[str, str | None, str | None]] = Counter()
        for key in keys:
            for from_at, until, sign, *what in self.spans(key):
                length = (min(until, end) - max(from_at, start)) // timedelta(seconds=1)
                found[tuple(what)] += sign * max(0, length)  # type: ignore[index]
        names = ("state", "cause", "excluded_because")
        return [dict(zip(names, what, strict=True)) | {"seconds": n} for what, n in found.items()]
