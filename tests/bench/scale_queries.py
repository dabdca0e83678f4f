"""Every named query that the dashboard reads with, and what people ask it for: each run draws a
station, a session, a payment, a driver anew."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dashboard.api import MOST_BUCKETS
from dashboard.periods import last_days, last_months, month, spans
from sql.database import Connection
from sql.queries import Queries, load_queries
from tests.prepared import PARAMETER

DASHBOARD = Path(__file__).parents[2] / "dashboard"
LOADED = re.compile(r'load_queries\("(\w+)"\)')
WRITES = re.compile(r"\b(INSERT INTO|UPDATE \w+|DELETE FROM|pg_notify|FOR UPDATE|CALL)\b")
ZONE = ZoneInfo("Europe/Stockholm")
Parameters = dict[str, Any]


class Case(NamedTuple):
    """A query as somebody asks it; `overrides`: what is not drawn. A year view is fleet-wide."""

    part: str
    name: str
    variant: str = ""
    overrides: Callable[["Subject"], Parameters] = lambda _: {}
    is_year_view: bool = False

    @property
    def title(self) -> str:
        return f"{self.part}.{self.name}{', ' + self.variant if self.variant else ''}"

    @property
    def queries(self) -> Queries:
        return load_queries(self.part)

    def names(self) -> list[str]:
        found = PARAMETER.finditer(self.queries.texts[self.name])
        return sorted({match[1] for match in found if match[1]})


class Subject:
    """Somebody's question: one row of everything that parameters are about."""

    def __init__(self, connection: Connection, dice: random.Random) -> None:
        self.now = datetime.now(UTC)
        rows = {name: _sample(connection, query) for name, query in SAMPLES.items()}
        self.row: Callable[[str], Any] = lambda name: dice.choice(rows[name])

    def midnight(self, days: int = 0) -> datetime:
        day = self.now.astimezone(ZONE).replace(
            hour=0, minute=0, second=0, microsecond=0, tzinfo=None
        )
        return (day + timedelta(days=days)).replace(tzinfo=ZONE)

    def month(self, back: int) -> datetime:
        """The beginning of the month so many before this one."""
        local = self.midnight()
        count = local.year * 12 + local.month - 1 - back
        return local.replace(year=count // 12, month=count % 12 + 1, day=1)


def _sample(connection: Connection, query: str) -> list[Any]:
    return connection.execute(query.encode()).fetchall() or [(None,) * 9]


SAMPLES = {
    "station": "SELECT station_id, site_id FROM station ORDER BY random() LIMIT 300",
    "running": "SELECT session_id, evse_key, started_at FROM session WHERE ended_at IS NULL"
    " AND evse_key > 0 ORDER BY random() LIMIT 300",
    "session": "SELECT session_id FROM session WHERE session_id > 10000000"
    " ORDER BY session_id LIMIT 300",
    "payment": "SELECT p.payment_id, p.reference, p.owner_hash, p.evse_key, r.receipt_id, r.secret,"
    " r.number, p.card_last4, e.public_code FROM payment p JOIN receipt r USING (payment_id)"
    " JOIN evse e USING (evse_key) WHERE p.owner_hash IS NOT NULL ORDER BY p.key LIMIT 300",
    "sold": "SELECT booked_at, journal_id FROM journal WHERE kind = 'earned'"
    " ORDER BY md5(journal_id::text) LIMIT 300",
    "command": "SELECT command_id FROM command ORDER BY random() LIMIT 300",
    "tariff": "SELECT hash FROM tariff",
    "driver": "SELECT driver_id FROM driver",
    "attempt": "SELECT attempt_id FROM attempt ORDER BY attempt_id LIMIT 300",
    "outage": "SELECT outage_id FROM outage ORDER BY random() LIMIT 300",
    "worth": "SELECT array_agg(evse_key), array_agg(0.0001::float8) FROM evse",
    "evses": "SELECT array_agg(evse_key) FROM evse GROUP BY evse_key % 50",
    "site": "SELECT site_id, array_agg(station_id) FROM station GROUP BY 1",
    "incident": "SELECT incident_id, array[incident_id], opened_at FROM incident"
    " ORDER BY incident_id LIMIT 300",
}

# what a parameter is when nothing else is said: always the same, of the calendar, or of a row drawn
ALWAYS: Parameters = {
    "action": "",
    "address": "203.0.113.7",
    "build_id": None,
    "cause": None,
    "after": "",
    "after_evse": 0,
    "after_line": -1,
    "q": "",
    "run_id": 1,
    "request_id": 1,
    "show": "",
    "wanted": "",
    "what": "",
    "who": "",
    "whom": "",
    "begin": "k",
    "begins": "s%",
    "exact": "t1",
    "folded": "s1",
    "log_id": 1,
    "patterns": ["%s%"],
    "after_station": "",
    "amount": None,
    "at_most": 50,
    "card": None,
    "card_setup_id": 1,
    "channel": None,
    "credits_only": False,
    "currency": "SEK",
    "cursor_at": None,
    "cursor_id": None,
    "direction": "",
    "email": "alice@example.org",
    "errors_only": False,
    "file_id": 1,
    "first_key": 1,
    "file_request_id": 1,
    "hide_heartbeats": True,
    "handover_id": 1,
    "kind": None,
    "limit": 501,
    "operator_id": 1,
    "owner": None,
    "pattern": None,
    "after_place": 0,
    "flag": None,
    "is_doubted": False,
    "is_ended": False,
    "is_flagged": False,
    "is_open": False,
    "least_seconds": None,
    "least_wh": None,
    "level": "month",
    "looked_at": 51,
    "most_seconds": None,
    "most_wh": None,
    "of_channel": None,
    "of_evse": None,
    "of_hour": None,
    "of_operator": None,
    "of_site": None,
    "of_station": None,
    "of_tariff": None,
    "of_token": None,
    "scope": 0,
    "stations": [],
    "transaction_id": "now5",
    "words": None,
    "public_code": None,
    "requested_by": "alice@example.org",
    "secret_hash": b"x" * 32,
    "series": None,
    "severity": None,
    "site_id": None,
    "sort": "lost",
    "statement_id": 1,
    "station_ids": None,
    "step": "connected",
    "subject": "incident 1",
    "time_zone": ZONE.key,
    "token_hash": b"x" * 32,
    "user_id": 1,
    "weekday": 5,
    "hour": 13,
    "zone": ZONE.key,
}
WHEN: dict[str, Callable[[Subject], Any]] = {
    "at": lambda s: s.midnight(-3),
    "end": lambda s: s.month(0),
    "first_day": lambda s: s.month(11).date(),
    "from_at": lambda s: s.month(0),
    "month": lambda s: s.month(1).date(),
    "now": lambda s: s.now,
    "since": lambda s: s.midnight(-30),
    "start": lambda s: s.month(1),
    "until": lambda s: s.midnight(1),
    "until_day": lambda s: s.midnight(1).date(),
    "until_at": lambda s: s.midnight(1),
}
DRAWN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "attempt_id": lambda rows: rows["attempt"][0],
    "before_at": lambda rows: rows["sold"][0],
    "before_id": lambda rows: rows["sold"][1],
    "command_id": lambda rows: rows["command"][0],
    "driver_id": lambda rows: rows["driver"][0],
    "evse_id": lambda _: 1,
    "evse_key": lambda rows: rows["payment"][3],
    "evse_keys": lambda rows: [rows["payment"][3], rows["running"][1]],
    "incident_id": lambda rows: rows["incident"][0],
    "incident_ids": lambda rows: rows["incident"][1],
    "keys": lambda rows: rows["evses"][0],
    "outage_id": lambda rows: rows["outage"][0],
    "number": lambda rows: rows["payment"][6],
    "owner_hash": lambda rows: rows["payment"][2],
    "payment_id": lambda rows: rows["payment"][0],
    "payment_ids": lambda rows: [rows["payment"][0]],
    "receipt_id": lambda rows: rows["payment"][4],
    "receipt_ids": lambda rows: [str(rows["payment"][4])],
    "reference": lambda rows: rows["payment"][1],
    "rated": lambda rows: rows["worth"][0],
    "rates": lambda rows: rows["worth"][1],
    "secret": lambda rows: rows["payment"][5],
    "session_id": lambda rows: rows["session"][0],
    "session_ids": lambda rows: [rows["session"][0]],
    "started_at": lambda rows: rows["running"][2],
    "station_id": lambda rows: rows["station"][0],
    "tariff_hash": lambda rows: rows["tariff"][0],
    "tariff_hashes": lambda rows: [rows["tariff"][0]],
}


SPANS = spans(month(datetime.now(UTC).date(), ZONE), datetime.now(UTC).date())


def given(case: Case, subject: Subject) -> Parameters:
    """The parameters of one run."""
    rows = {name: subject.row(name) for name in SAMPLES}
    usual = {
        **ALWAYS,
        **{name: value(subject) for name, value in WHEN.items()},
        **spans(month(subject.month(1).date(), ZONE), subject.now.date()),
        **{name: value(rows) for name, value in DRAWN.items()},
        **case.overrides(subject),
    }
    return {name: usual[name] for name in case.names()}


def _period(days: int | None, of: str = "") -> Callable[[Subject], Parameters]:
    """The last days, or this month and the eleven before it; of a site, a station or all."""

    def parameters(subject: Subject) -> Parameters:
        start = subject.midnight(1 - days) if days else subject.month(11)
        found: Parameters = {"start": start, "end": subject.midnight(1)}
        if of == "site":
            found["station_ids"] = subject.row("site")[1]
        if of == "station":
            found["station_ids"] = [subject.row("station")[0]]
        return found

    return parameters


def _load(days: int, of: str = "") -> Callable[[Subject], Parameters]:
    """Load of the fleet, a site or a station's two evses."""

    def parameters(subject: Subject) -> Parameters:
        keys = [subject.row("payment")[3], subject.row("running")[1]]
        today = subject.now.astimezone(ZONE).date()
        return {
            **spans(last_days(today, days, ZONE), today),
            "site_id": subject.row("site")[0] if of == "site" else 0,
            "evse_keys": keys if of == "station" else None,
        }

    return parameters


def _running(subject: Subject) -> Parameters:
    session_id, evse_key, started_at = subject.row("running")
    return {"session_id": session_id, "evse_key": evse_key, "started_at": started_at}


def _fixed(**values: Any) -> Callable[[Subject], Parameters]:
    return lambda _: values


def _whole(days: int) -> Callable[[Subject], Parameters]:
    """The API, for all stations at once."""
    return lambda s: {
        "station_id": None, "since": s.midnight(1 - days), "limit": MOST_BUCKETS + 1,
    }  # fmt: skip


def _months(subject: Subject) -> Parameters:
    """The twelve whole months before this one, of all evses."""
    today = subject.now.astimezone(ZONE).date()
    return {**spans(last_months(today, 12, ZONE), today), "evse_keys": None, "station_ids": None}


def _sessions(**asked: Any) -> Callable[[Subject], Parameters]:
    """The explorer over a year, from its first page on."""
    return lambda s: {
        "from_at": s.month(11), "until_at": s.midnight(1), "before_at": s.midnight(3650),
        "before_id": 0, "sort": "", "at_most": 51, "evse_keys": [], **asked,
    }  # fmt: skip


def _of_site(subject: Subject) -> Parameters:
    return _sessions(of_site=subject.row("site")[0])(subject)


def _of_station(subject: Subject) -> Parameters:
    return _sessions(of_station=subject.row("station")[0])(subject)


def _ragged(subject: Subject) -> Parameters:
    """A year that begins and ends within months."""
    return {"first_day": subject.midnight(-360).date(), "until_day": subject.midnight(-3).date()}


SIFTED = {"looked_at": 10_000, "least_wh": 9_000_000}
OF_A_YEAR = ("attempts", "energy", "evse_attempts", "evse_seconds", "failed_attempts", "fleet_days",
             "fleet_week", "idle_lengths", "month_states", "months", "outages", "repair_months",
             "repairs", "seconds")  # fmt: skip
VARIANTS = (
    *(Case("uptime", name, "12 months", _months, is_year_view=True) for name in OF_A_YEAR),
    *(Case("uptime", name, "a month", _fixed(evse_keys=None)) for name in OF_A_YEAR),
    Case("energy", "hours", "today", _period(1)),
    Case("energy", "hours", "7 days of a station", _period(7, "station")),
    Case("energy", "hours", "30 days of a site", _period(30, "site")),
    Case("energy", "hours", "a year", _period(365), is_year_view=True),
    Case("energy", "days", "30 days", _period(30)),
    Case("energy", "days", "a year", _period(365), is_year_view=True),
    Case("energy", "days", "a year of a site", _period(365, "site")),
    Case("energy", "months", "12 months", _period(None), is_year_view=True),
    Case("energy", "months", "12 months of a site", _period(None, "site")),
    Case("energy", "months", "12 months of a station", _period(None, "station")),
    Case("energy", "by_station", "7 days", _period(7)),
    Case("energy", "by_station", "30 days", _period(30)),
    Case("energy", "by_station", "12 months", _period(None), is_year_view=True),
    Case("energy", "by_station", "12 months of a site", _period(None, "site")),
    Case("energy", "sessions_begun", "30 days", _period(30)),
    Case("energy", "sessions_begun", "12 months", _period(None), is_year_view=True),
    Case("energy", "sessions_begun", "12 months of a site", _period(None, "site")),
    Case("load", "quarters", "30 days", _load(30)),
    Case("load", "quarters", "a year", _load(365), is_year_view=True),
    Case("load", "quarters", "a year of a site", _load(365, "site")),
    Case("load", "quarters", "a year of a station", _load(365, "station")),
    Case("load", "day", "of the fleet", _load(1)),
    Case("load", "since", "of the fleet", _load(1)),
    Case("load", "since", "of a site", _load(1, "site")),
    Case("load", "fullest", "a year", _load(365), is_year_view=True),
    Case("load", "fullest", "a year of a station", _load(365, "station")),
    Case("load", "sites", "30 days", _period(30)),
    Case("load", "sites", "a year", _period(365), is_year_view=True),
    Case("load", "rating", "of the fleet", _load(1)),
    Case("utilisation", "fleet_hour", "a year", _period(365), is_year_view=True),
    Case("utilisation", "hour", "92 days of two evses", _period(92)),
    Case("api", "energy_hour", "30 days of a station"),
    Case("api", "energy_hour", "a day of all", _whole(1)),
    Case("api", "energy_day", "30 days of a station"),
    Case("api", "energy_day", "7 days of all", _whole(7)),
    Case("api", "energy_month", "a year of a station", lambda s: {"since": s.month(11)}),
    Case("api", "energy_month", "12 months of all",
         lambda s: _whole(1)(s) | {"since": s.month(11)}),
    Case("api", "sessions", "the newest",
         _fixed(station_id=None, since=None, until=None, limit=101)),
    Case("api", "sessions", "of a station", _fixed(limit=101)),
    Case("api", "stations", "a page", _fixed(station_id=None, limit=101)),
    Case("api", "stations", "of a site",
         lambda s: {"station_id": None, "site_id": s.row("site")[0]}),
    Case("station", "readings", "", _running),
    Case("driver", "power_curve", "", _running),
    Case("driver", "payments_of"),
    Case("account", "sessions_of", "a year", lambda s: {"from_at": s.midnight(-365)}),
    Case("finance", "find_payments", "by card",
         _fixed(card="4242", reference=None, number=None, since=None, until=None)),
    Case("finance", "find_payments", "by amount and time",
         lambda s: {"amount": 14_291, "reference": None, "number": None, "since": s.midnight(-1),
                    "until": s.midnight()}),
    Case("station", "site_power", "", lambda s: {"site_id": s.row("site")[0]}),
    Case("station", "contacts", "",
         lambda s: dict(zip(("station_id", "site_id"), s.row("station"), strict=False))),
    Case("finance", "find_payments", "by code",
         lambda s: {"public_code": s.row("payment")[8], "reference": None, "number": None}),
    Case("finance", "find_payments", "by reference", _fixed(number=None)),
    Case("incidents", "past", "the newest", _fixed(before_id=2**62)),
    Case("incidents", "past", "that name something",
         _fixed(before_id=2**62, pattern="%no such text%")),
    Case("rollout", "stations", "expected", _fixed(step="expected", site_id=None)),
    Case("rollout", "stations", "connected", _fixed(step="connected", site_id=None)),
    Case("rollout", "stations", "proven", _fixed(step="proven", site_id=None)),
    Case("rules", "deliveries", "the newest", _fixed(before_id=2**62)),
    Case("finance", "receipts", "the newest", _fixed(number=None)),
    Case("finance", "receipts", "by number"),
    Case("finance", "sums", "a month"),
    Case("sessions", "find", "the newest of a year", _sessions()),
    Case("sessions", "find", "of a site", _of_site),
    Case("sessions", "find", "of a station", _of_station),
    Case("sessions", "find", "of a token", _sessions(of_token="tag77")),
    Case("sessions", "find", "going on", _sessions(is_open=True)),
    Case("sessions", "find", "flagged", _sessions(is_flagged=True)),
    Case("sessions", "find", "held for review", _sessions(is_doubted=True)),
    Case("sessions", "find", "none of ten thousand", _sessions(**SIFTED)),
    Case("sessions", "find", "one channel of ten thousand",
         _sessions(looked_at=10_000, of_channel="roaming")),
    Case("sessions", "sums", "twenty thousand", _sessions(looked_at=20_000, least_wh=1)),
    Case("sessions", "sums", "of a station",
         lambda s: {**_of_station(s), "looked_at": 20_000}),
    Case("sessions", "open_sums", "a year", _sessions()),
    Case("visits", "totals", "12 months"), Case("visits", "totals", "a ragged year", _ragged),
    Case("visits", "sales", "a ragged year", _ragged),
    Case("visits", "sites", "a ragged year", _ragged),
    Case("visits", "users", "12 months"), Case("visits", "users", "a ragged year", _ragged),
    Case("visits", "users_by_site", "12 months"),
    Case("visits", "users_by_site", "a ragged year", _ragged),
    Case("visits", "buckets", "100 days", lambda s: {"level": "day",
         "first_day": s.midnight(-99).date()}),
    Case("visits", "session_buckets", "100 days", lambda s: {"level": "day",
         "first_day": s.midnight(-99).date()}),
    Case("revenue", "books", "12 months"), Case("revenue", "books", "a ragged year", _ragged),
    Case("revenue", "sold", "12 months"), Case("revenue", "buckets", "12 months"),
    Case("revenue", "stations_sold", "12 months"),
    Case("finance", "sums", "a month of a site", lambda s: {"site_id": s.row("site")[0]}),
)  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them; a query without a variant is asked as usual.

    Raises SystemExit: a query has a parameter that nobody knows a value for.
    """
    special = {(case.part, case.name) for case in VARIANTS}
    for part in sorted(
        {p for path in DASHBOARD.rglob("*.py") for p in LOADED.findall(path.read_text())}
    ):
        for name, text in load_queries(part).texts.items():
            if not WRITES.search(text) and (part, name) not in special:
                yield _checked(Case(part, name))
    yield from map(_checked, VARIANTS)


def _checked(case: Case) -> Case:
    if unknown := [name for name in case.names() if name not in ALWAYS | WHEN | DRAWN | SPANS]:
        raise SystemExit(
            f"{case.title}: tests/bench/scale_queries.py has no value for {unknown[0]}"
        )
    return case
