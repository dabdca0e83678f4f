"""What the pages Reliability and Utilisation read: time per state, attempts, outages, evidence.

One read of all evses serves the figures, the rankings and the sums, so that they always agree.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from flask import current_app

from dashboard.data import Row, deps
from dashboard.periods import Period, shifted, spans
from dashboard.uptime import (
    Seconds,
    Tries,
    gathered,
    lost,
    rates,
    seconds_of,
    total,
    tries_of,
)
from sql.queries import load_queries

queries = load_queries("uptime")
RATE_MONTHS = 3  # how far back an evse's own rate of sessions is looked at
RATES_SECONDS = 900
EVIDENCE = timedelta(minutes=15)  # around the beginning and the end of an outage


@dataclass(frozen=True)
class Scope:
    """Which evses a view is about; None: all of them."""

    evse_keys: list[int] | None = None
    station_ids: list[str] | None = None
    site_id: int | None = None

    @property
    def keys(self) -> dict[str, Any]:
        return {"evse_keys": self.evse_keys}

    @property
    def stations(self) -> dict[str, Any]:
        return {"station_ids": self.station_ids}


def read_scope(site: str, station: str) -> Scope:
    """The evses of a site or a station; an unknown one has none."""
    if not site and not station:
        return Scope()
    with deps().connection() as connection:
        rows = queries.scope(
            connection, site_id=int(site) if site else None, station_id=station or None,
            evse_id=None,
        )  # fmt: skip
    sites = {row["site_id"] for row in rows}
    return Scope(
        [row["evse_key"] for row in rows],
        sorted({row["station_id"] for row in rows}),
        int(site) if site else next(iter(sites), None),
    )


def read_evses(scope: Scope) -> list[Row]:
    """The evses of a scope that is not the whole fleet: evse_key, station_id, evse_id."""
    with deps().connection() as connection:
        rows = queries.scope(connection, site_id=None, station_id=None, evse_id=None)
    wanted = set(scope.evse_keys or ())
    return [row for row in rows if row["evse_key"] in wanted]


@dataclass(frozen=True)
class Line:
    """One evse in a period: its time, its attempts, and what an hour of it is worth."""

    evse: Row
    seconds: Seconds
    tries: Tries
    rate: float
    energy_wh: int = 0

    @property
    def lost(self) -> float:
        return lost(self.seconds.down, self.rate)


@dataclass(frozen=True)
class Group:
    """Lines of one site, station or evse together."""

    lines: Sequence[Line]
    seconds: Seconds
    tries: Tries
    lost: float
    energy_wh: int

    @property
    def evse(self) -> Row:
        return self.lines[0].evse


def gather(lines: Iterable[Line], key: Callable[[Row], Any]) -> list[Group]:
    found: dict[Any, list[Line]] = {}
    for line in lines:
        found.setdefault(key(line.evse), []).append(line)
    return [together(some) for some in found.values()]


def together(lines: Sequence[Line]) -> Group:
    return Group(
        lines,
        total(line.seconds for line in lines),
        sum((line.tries for line in lines), Tries()),
        sum(line.lost for line in lines),
        sum(line.energy_wh for line in lines),
    )


def known_since() -> datetime | None:
    """When the first evse came into service; None: no time is booked yet."""
    with deps().connection() as connection:
        found: datetime | None = queries.known_since(connection)
    return found


def read_lines(scope: Scope, period: Period, today: date, *, energy: bool = True) -> list[Line]:
    """Every evse that was in service within a period; `energy`: with what it delivered."""
    of_rate = _of_rate(period)
    with deps().connection() as connection:
        rows = queries.evse_seconds(connection, **spans(period, today), **scope.keys)
        tries = _tries(connection, scope, period, today)
        delivered = _delivered(connection, scope, period, today) if energy else {}
    rate = _rates(rows, tries) if of_rate == period else _kept_rates(scope, of_rate, today)
    return [_line(row, tries, rate, delivered) for row in rows]


def _delivered(connection: Any, scope: Scope, period: Period, today: date) -> dict[int, int]:
    """Wh of each evse."""
    rows = queries.energy(connection, **spans(period, today), **scope.stations)
    return {row["evse_key"]: row["energy_wh"] for row in rows}


def _rates(rows: Iterable[Row], tries: dict[int, Tries]) -> dict[int, float]:
    usable = {row["evse_key"]: seconds_of(row).usable for row in rows}
    return rates(usable, {key: one.succeeded for key, one in tries.items()})


def _kept_rates(scope: Scope, months: Period, today: date) -> dict[int, float]:
    """The rates of some months: an estimate that a quarter of an hour changes little."""
    kept: dict[Any, tuple[float, dict[int, float]]]
    kept = current_app.extensions.setdefault("kilowatch_rates", {})
    key, now = (tuple(scope.station_ids or ()), months, today), monotonic()
    if key not in kept or kept[key][0] < now - RATES_SECONDS:
        for old in [one for one, (at, _) in kept.items() if at < now - RATES_SECONDS]:
            kept.pop(old, None)
        kept[key] = (now, _read_rates(scope, months, today))
    return kept[key][1]


def _read_rates(scope: Scope, months: Period, today: date) -> dict[int, float]:
    with deps().connection() as connection:
        rows = queries.evse_seconds(connection, **spans(months, today), **scope.keys)
        return _rates(rows, _tries(connection, scope, months, today))


def _of_rate(period: Period) -> Period:
    """What is long enough says by itself how much an evse is used."""
    if period.days >= 28 * RATE_MONTHS:
        return period
    until = shifted(period.until - timedelta(days=1), 1)
    return Period(shifted(until, -RATE_MONTHS), until, period.zone)


def _line(
    row: Row, tries: dict[int, Tries], rate: dict[int, float], energy: dict[int, int]
) -> Line:
    key = row["evse_key"]
    return Line(
        row, seconds_of(row), tries.get(key, Tries()), rate.get(key, 0.0), energy.get(key, 0)
    )


def _tries(connection: Any, scope: Scope, period: Period, today: date) -> dict[int, Tries]:
    rows = queries.evse_attempts(connection, **spans(period, today), **scope.stations)
    return {row["evse_key"]: tries_of(row) for row in rows}


@dataclass(frozen=True)
class Build:
    """A vendor's model with one firmware, and how its attempts went."""

    row: Row
    tries: Tries

    @property
    def name(self) -> str:
        return " ".join(self.row[n] for n in ("vendor", "model") if self.row[n]) or "\u2013"


@dataclass(frozen=True)
class Other:
    """What a period is held against: the one before, or another site in the same one."""

    scope: Scope
    period: Period


@dataclass(frozen=True)
class Past:
    """The same figures of what they are held against, and the twelve months up to this one."""

    seconds: Seconds
    tries: Tries
    months: list[Row]
    repairs: Row
    repairs_before: Row | None
    repair_months: list[Row]


def read_builds(scope: Scope, period: Period, today: date) -> list[Build]:
    with deps().connection() as connection:
        rows = queries.attempts(connection, **spans(period, today), **scope.stations)
    return [Build(row, tries_of(row)) for row in rows]


def read_seconds(scope: Scope, period: Period, today: date) -> Seconds:
    with deps().connection() as connection:
        return gathered(queries.seconds(connection, **spans(period, today), **scope.keys))


def read_past(scope: Scope, period: Period, today: date, other: Other | None = None) -> Past:
    """Without `other` there is nothing to hold against."""
    year = period.year()
    edges = {"start": year.start, "end": year.end, **scope.keys}
    with deps().connection() as connection:
        return Past(
            *(_held(connection, other, today) if other else (Seconds(), Tries())),
            queries.months(connection, **edges),
            _repairs(connection, scope, period),
            _repairs(connection, other.scope, other.period) if other else None,
            queries.repair_months(connection, **edges),
        )


def _held(connection: Any, other: Other, today: date) -> tuple[Seconds, Tries]:
    over = spans(other.period, today)
    tries = queries.attempts(connection, **over, **other.scope.stations)
    seconds = queries.seconds(connection, **over, **other.scope.keys)
    return gathered(seconds), sum((tries_of(row) for row in tries), Tries())


def _repairs(connection: Any, scope: Scope, period: Period) -> Row:
    row: Row = queries.repairs(connection, start=period.start, end=period.end, **scope.keys)
    return row


def read_evse_months(lines: Sequence[Line], period: Period) -> list[Row]:
    keys = [line.evse["evse_key"] for line in lines]
    with deps().connection() as connection:
        rows: list[Row] = queries.evse_months(
            connection, evse_keys=keys, start=period.start, end=period.end
        )
    return rows


def read_outages(
    scope: Scope, period: Period, lines: Sequence[Line], *, cause: str | None = None,
    sort: str = "lost", at_most: int = 10,
) -> list[Row]:  # fmt: skip
    """Outages of the period, those of one site and cause that began together as one."""
    worth = {line.evse["evse_key"]: line.rate for line in lines}
    first = min(worth, default=0)
    rates = [worth.get(key, 0.0) for key in range(first, max(worth, default=0) + 1)]
    with deps().connection() as connection:
        rows: list[Row] = queries.outages(
            connection, start=period.start, end=period.end, first_key=first, rates=rates,
            cause=cause, sort=sort, at_most=at_most, **scope.keys,
        )  # fmt: skip
    return rows


def read_failed(scope: Scope, period: Period, build_id: int | None, at_most: int) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.failed_attempts(
            connection, start=period.start, end=period.end, build_id=build_id, at_most=at_most,
            **scope.stations,
        )  # fmt: skip
    return rows


# -- evidence ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """An outage, those that began with it, the raw facts at its edges, the frames around them."""

    outage: Row
    mates: list[Row]
    contacts: list[Row]
    statuses: list[Row]
    tries: list[Row]
    proof: Row | None
    messages: list[Row]


def read_evidence(outage_id: int, at_most: int = 5) -> Evidence | None:
    with deps().connection() as connection:
        outage = queries.outage(connection, outage_id=outage_id)
        if outage is None:
            return None
        keys = {name: outage[name] for name in ("cause", "started_at", "site_id", "station_id")}
        edges = [outage["started_at"], *([outage["ended_at"]] if outage["ended_at"] else [])]
        begin, end = edges[0], outage["ended_at"]
        station = {"station_id": outage["station_id"]}
        around = {
            "from_at": begin - EVIDENCE,
            "until_at": (end or begin) + EVIDENCE,
            "at_most": 60,
        }
        return Evidence(
            outage,
            queries.outage_mates(connection, **keys),
            queries.contacts(connection, **station, **around),
            queries.statuses(connection, evse_id=outage["evse_id"], **station, **around),
            queries.tries(connection, evse_key=outage["evse_key"], **around),
            queries.proof(connection, evse_key=outage["evse_key"], since=end) if end else None,
            _messages(connection, outage["station_id"], edges, at_most),
        )


def _messages(connection: Any, station_id: str, edges: list[datetime], at_most: int) -> list[Row]:
    """The frames around some instants, each once, in order."""
    found: dict[tuple[Any, ...], Row] = {}
    for at in edges:
        rows = queries.messages_around(connection, station_id=station_id, at=at, at_most=at_most)
        found |= {(r["received_at"], r["direction"], r["message_id"]): r for r in rows}
    return [found[key] for key in sorted(found)]


@dataclass(frozen=True)
class Attempt:
    """One attempt and the frames around it."""

    row: Row
    messages: list[Row]


def read_attempt(attempt_id: int, at_most: int = 8) -> Attempt | None:
    with deps().connection() as connection:
        row = queries.attempt(connection, attempt_id=attempt_id)
        if row is None:
            return None
        edges = [row["started_at"], *([row["ended_at"]] if row["ended_at"] else [])]
        return Attempt(row, _messages(connection, row["station_id"], edges, at_most))


def read_exclusions(scope: Scope, period: Period, now: datetime, at_most: int = 50) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.exclusions(
            connection, start=period.start, end=period.end, now=now, site_id=scope.site_id,
            at_most=at_most, **scope.keys, **scope.stations,
        )  # fmt: skip
    return rows
