"""The live hub: one per web worker. PostgreSQL says what changed, viewers get the changed rows.

A notification names evses; the hub gathers names for up to 50 ms, reads the current rows once,
serialises once and hands the frame to every viewer. Rows come from `evse_watched`, so the picture
never depends on which notifications arrived: after a lost connection the hub listens first, reads
everything, and publishes whatever differs from what viewers were told.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram

from dashboard.channel import Channel
from dashboard.states import DRIVER
from sql import DatabaseError
from sql.database import Connection
from sql.queries import load_queries

log = logging.getLogger(__name__)
queries = load_queries("live")

LISTEN = ("evse", "incident", "command_done", "payment", "file_done", "review_item",
          "period_close_done", "import_request", "app_user")  # fmt: skip
GATHER_SECONDS = 0.05
BEAT_SECONDS = 2.0
SWEEP_SECONDS = 60.0  # read everything now and then, should a notification ever be lost
TODAY_SECONDS = 10.0
RATES_SECONDS = 3600.0  # what is normal is worked out hourly
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
WAKE_SECONDS = 0.5

# what finance pages are told: that something happened to these; they read the rows themselves
FINANCE = {"file_done": "files", "review_item": "reviews", "period_close_done": "months",
           "import_request": "imports"}  # fmt: skip

COLUMNS = (
    "evse_key", "state", "state_since", "power_w", "energy_wh", "soc_pct", "session_id",
    "started_at", "id_token", "error_code", "charging_state", "is_online", "register_at",
)  # fmt: skip
NETWORK = (
    "evse_key", "station_id", "evse_id", "public_code", "max_power_w", "site_id", "site", "city",
    "latitude", "longitude",
)  # fmt: skip
INCIDENT = (
    "incident_id", "kind", "severity", "site_id", "site", "owner", "opened_at", "acknowledged_at",
    "acknowledged_by", "cause", "next_step", "stations", "evses", "drivers", "station_id", "alerts",
    "detail", "grouped_by", "lost_per_day", "notes", "told",
)  # fmt: skip
TODAY = (
    "energy_wh", "sessions", "currency", "net", "holds", "day_visits", "day_first_successes",
    "week_visits", "week_first_successes",
)  # fmt: skip
COMMAND = (
    "command_id", "station_id", "action", "status", "response", "requested_by", "requested_at",
    "claimed_at", "finished_at", "payload",
)  # fmt: skip

# What anyone may see of a state: whether the evse can be used, never a cause, never who.
PUBLIC_KINDS = {state: kind for state, (kind, _, _) in DRIVER.items()} | {
    "charging": "busy",
    "suspended": "idle",
    "unknown": "unknown",
}
Row = tuple[Any, ...]


def columns(names: tuple[str, ...], rows: Iterable[Row]) -> dict[str, list[Any]]:
    """Rows as one array per column: a third of the size, and what the map wants."""
    turned = list(zip(*rows, strict=True)) or [() for _ in names]
    return {name: list(values) for name, values in zip(names, turned, strict=True)}


@dataclass
class News:
    """What notifications said since the last look."""

    keys: set[int] = field(default_factory=set)
    everything: bool = False
    incidents: bool = False
    commands: list[int] = field(default_factory=list)
    payments: set[int] = field(default_factory=set)
    finance: dict[str, set[int]] = field(default_factory=dict)
    accounts: bool = False

    def note(self, channel: str, payload: str) -> None:
        if channel == "incident":
            self.incidents = True
        elif channel == "command_done":
            self.commands += _numbers(payload)
        elif channel == "payment":
            self.payments.update(_numbers(payload))
        elif channel in FINANCE:
            self.finance.setdefault(FINANCE[channel], set()).update(_numbers(payload))
        elif channel == "app_user":
            self.accounts = True
        elif payload == "*":
            self.everything = True
        else:
            self.keys.update(_numbers(payload))


def _numbers(payload: str) -> list[int]:
    return [int(word) for word in payload.split(",") if word.strip().isdecimal()]


class Metrics:
    """What /metrics tells about the hub."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Histogram(
            "kilowatch_live_lag_seconds",
            "From a notification's arrival to its frame handed to all viewers",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
            registry=registry,
        )
        self.connected = Gauge(
            "kilowatch_live_connected", "1 while the hub hears the database", registry=registry
        )


class Hub:
    """Follows the database in a thread (a greenlet under gevent) until closed."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        zone: ZoneInfo,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._connect, self._zone = connect, zone
        self._lock = threading.RLock()
        self.staff = Channel("staff", self._staff_picture, self._lock)
        self.public = Channel("public", self._public_picture, self._lock)
        self.metrics = Metrics(registry)
        self.ready = threading.Event()
        self.accounts_version = 0  # counts changes of who may look
        self.network: dict[str, Any] = {}
        self.network_version = ""
        self._places: dict[str, list[Any]] = {}
        self._rates: dict[int, float] = {}
        self._rows: dict[int, Row] = {}
        self._incidents: list[dict[str, Any]] = []
        self._today: dict[str, Any] = {}
        self._heard_at = self._swept_at = self._today_at = self._rated_at = 0.0
        self._published_at = 0.0
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._starting = threading.Lock()

    @property
    def is_live(self) -> bool:
        """Whether the database answered lately: only then may viewers be told so."""
        return self.ready.is_set() and time.monotonic() - self._heard_at < 2 * BEAT_SECONDS

    def start(self) -> None:
        """Begin to follow, once; called by the first viewer, hence after any fork."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-hub", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End all streams at once; the thread follows within half a second."""
        self._closing.set()
        self.staff.close()
        self.public.close()

    def join(self, seconds: float) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    # -- following the database ------------------------------------------------------------

    def _run(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            try:
                with self._connect() as connection:
                    attempt = 0
                    self._follow(connection)
            except (psycopg.Error, DatabaseError, OSError) as error:
                self._lose(error)
            self._closing.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1

    def _lose(self, error: Exception) -> None:
        self.ready.clear()
        self.metrics.connected.set(0)
        if not self._closing.is_set():
            log.warning("live view lost the database, trying again: %s", error)

    def _follow(self, connection: Connection) -> None:
        for channel in LISTEN:
            connection.execute(f"LISTEN {channel}".encode())
        self._read(connection, News(everything=True, incidents=True))
        self.ready.set()
        self.metrics.connected.set(1)
        while not self._closing.is_set():
            news, heard_at = self._gather(connection)
            self._read(connection, news)
            if heard_at:
                self.metrics.lag.observe(time.monotonic() - heard_at)

    def _gather(self, connection: Connection) -> tuple[News, float]:
        """Wait for news; after a pause the first is passed on at once, a flood in lots."""
        news, heard_at = News(), 0.0
        for note in connection.notifies(timeout=WAKE_SECONDS, stop_after=1):
            heard_at = heard_at or time.monotonic()
            news.note(note.channel, note.payload)
        pause = self._published_at + GATHER_SECONDS - time.monotonic()
        if heard_at and pause > 0:
            for note in connection.notifies(timeout=pause):
                news.note(note.channel, note.payload)
        return news, heard_at

    def _read(self, connection: Connection, news: News) -> None:
        now = time.monotonic()
        if news.everything or now - self._swept_at > SWEEP_SECONDS:
            self._sweep(connection)
        elif news.keys:
            self._update(queries.evses_by_key(connection, keys=list(news.keys)))
        if news.incidents:
            self._read_incidents(connection)
        for command_id in news.commands:
            self._read_command(connection, command_id)
        self.accounts_version += news.accounts
        if news.payments or news.finance:
            self._tell_finance(news)
        if news.payments:
            self._tell_payments(news.payments)
        if now - self._today_at > TODAY_SECONDS:
            self._read_today(connection)
        self._hear(connection)

    def _hear(self, connection: Connection) -> None:
        """Nothing was said for a while: ask, as a dead server says nothing either."""
        if time.monotonic() - self._heard_at > BEAT_SECONDS / 2:
            connection.execute("SELECT 1")
            self._heard_at = time.monotonic()

    def _sweep(self, connection: Connection) -> None:
        self._read_network(connection)
        rows = list(queries.evses(connection))
        if {row[0] for row in rows} == self._rows.keys():
            self._update(rows)
        else:
            self._replace(rows)
        self._swept_at = time.monotonic()

    def _read_network(self, connection: Connection) -> None:
        places = columns(NETWORK, queries.network(connection))
        rates = self._read_rates(connection)
        is_same = places == self._places
        if is_same and rates == self._rates:
            return
        with self._lock:
            self._places, self._rates = places, rates
            per_day = [rates.get(key) for key in places["evse_key"]]
            self.network, self.network_version = (
                {**places, "per_day": per_day}, f"{time.time_ns():x}"
            )  # fmt: skip
        if not is_same:  # for rates alone nobody draws a map anew
            self.staff.restart()

    def _read_rates(self, connection: Connection) -> dict[int, float]:
        """Sessions per day that each evse has when all is well."""
        if self._rated_at and time.monotonic() - self._rated_at < RATES_SECONDS:
            return self._rates
        self._rated_at = time.monotonic()
        return {row[0]: row[1] for row in queries.rates(connection)}

    def _replace(self, rows: list[Row]) -> None:
        with self._lock:
            self._rows = {row[0]: row for row in rows}
            self.staff.restart()
            self.public.restart()

    def _update(self, rows: Iterable[Row]) -> None:
        """Keep and publish the rows that differ from what viewers know."""
        with self._lock:
            changed = [row for row in rows if self._rows.get(row[0]) != row]
            # an evse we never drew: it needs its place on the map first
            if any(row[0] not in self._rows for row in changed):
                self._swept_at = 0.0
            shown = [row for row in changed if _public(self._rows.get(row[0])) != _public(row)]
            self._rows.update((row[0], row) for row in changed)
            if changed:
                self._publish("evses", {"evses": columns(COLUMNS, changed)})
            if shown:
                self.public.publish("evses", _public_columns(shown))

    def _publish(self, event: str, data: dict[str, Any]) -> None:
        self.staff.publish(event, {"at": time.time(), **data})
        self._published_at = time.monotonic()

    def _read_incidents(self, connection: Connection) -> None:
        found = [
            dict(zip(INCIDENT, row, strict=True)) for row in queries.open_incidents(connection)
        ]
        with self._lock:
            if found != self._incidents:
                self._incidents = found
                self._publish("incidents", {"incidents": found})

    def _read_command(self, connection: Connection, command_id: int) -> None:
        row = queries.command(connection, command_id=command_id)
        if row is not None:
            self._publish("command", {"command": dict(zip(COMMAND, row, strict=True))})

    def _tell_finance(self, news: News) -> None:
        told = {name: sorted(ids) for name, ids in news.finance.items()}
        if news.payments:
            told["payments"] = sorted(news.payments)
        with self._lock:
            self._publish("finance", {"finance": told})

    def _tell_payments(self, payment_ids: set[int]) -> None:
        """Only their numbers, and to everybody: each payer's own page asks what has changed."""
        with self._lock:
            self.public.publish("payments", {"payments": sorted(payment_ids)})
            self._published_at = time.monotonic()

    def _read_today(self, connection: Connection) -> None:
        found = dict(zip(TODAY, queries.today(connection, time_zone=self._zone.key), strict=True))
        self._today_at = time.monotonic()
        with self._lock:
            if found != self._today:
                self._today = found
                self._publish("today", {"today": found})

    # -- whole pictures ----------------------------------------------------------------------

    def _staff_picture(self) -> dict[str, Any]:
        return {
            "at": time.time(),
            "network": self.network_version,
            "evses": columns(COLUMNS, self._rows.values()),
            "incidents": self._incidents,
            "today": self._today,
        }

    def _public_picture(self) -> dict[str, list[Any]]:
        return _public_columns(self._rows.values())


def _public(row: Row | None) -> Row | None:
    return None if row is None else (row[0], PUBLIC_KINDS.get(row[1], "busy"), row[2])


def _public_columns(rows: Iterable[Row]) -> dict[str, list[Any]]:
    return columns(("evse_key", "state", "since"), (_public(row) or () for row in rows))
