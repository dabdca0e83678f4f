"""Looks for what nobody reports, and tells staff: docs/watchdogs.md has a table of all of it.

Rounds of different pace: contact and faults every two seconds, sessions every quarter of a minute,
what is compared with an evse's own past every minute, that past itself once an hour.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ingest import thresholds as at
from ingest.alerts import Watch, gather, queries, settle
from ingest.levels import given
from ingest.probing import forget, probe_contact, probe_sessions
from sql.database import Connection


def watch(connection: Connection, now: datetime) -> None:
    """Contact and faults; each step is a statement that can be repeated."""
    queries.expire_leases(connection, now=now)
    probe_contact(connection, now)
    queries.end_our_outage(connection, now=now, grace_seconds=at.RETURN_GRACE)
    for one in CONTACT:
        settle(connection, one, now)
    _open_outages(connection, now)
    gather(connection, now)


def _open_outages(connection: Connection, now: datetime) -> None:
    """What takes many stations at once: ourselves, sites, routers."""
    ours = given(connection, "platform", grace=at.RESTART_GRACE)
    queries.open_platform_outage(connection, now=now, grace_seconds=ours["grace"])
    dark = given(connection, "site_dark", grace=at.DARK_GRACE)
    queries.open_dark_sites(connection, now=now, grace_seconds=dark["grace"], window=at.FLAP_WINDOW)
    router = given(connection, "router_down", grace=at.DARK_GRACE, together=at.ROUTER_TOGETHER)
    queries.open_dark_routers(
        connection, now=now, grace_seconds=router["grace"], together=router["together"],
        window=at.FLAP_WINDOW,
    )  # fmt: skip


def watch_sessions(connection: Connection, now: datetime) -> None:
    """Sessions that are none, or that deliver nothing."""
    probe_sessions(connection, now)
    for one in SESSIONS:
        settle(connection, one, now)


def watch_fleet(connection: Connection, now: datetime) -> None:
    """Evses and stations that are not as they used to be."""
    for one in FLEET:
        settle(connection, one, now)


def watch_clocks(connection: Connection, now: datetime) -> None:
    """Clocks, by what stations have said within the last hour."""
    settle(connection, CLOCKS, now)


def watch_own(connection: Connection, now: datetime) -> None:
    """Our own affairs: payments, jobs, certificates, messages."""
    for one in OWN:
        settle(connection, one, now)


def find_normals(connection: Connection, now: datetime) -> None:
    """What is normal for each evse, from its last 90 days."""
    queries.compute_normals(
        connection, now=now, days=at.NORMAL_DAYS, least=at.NORMAL_SESSIONS,
        success_wh=at.SUCCESS_WH, slow_pct=at.DERATED_BELOW_PCT, power_seconds=at.POWER_SECONDS,
        power_wh=at.POWER_WH,
    )  # fmt: skip
    queries.compute_intervals(connection, now=now)


def forget_watched(connection: Connection, now: datetime) -> None:
    """Refused connections, probes and our own commands of long ago."""
    forget(connection, now)


def _query(name: str, **standard: float) -> Callable[[Connection, datetime], list[Any]]:
    """The query of a kind, with the thresholds of that kind as staff have set them."""

    def find(connection: Connection, now: datetime) -> list[Any]:
        thresholds = given(connection, name, **standard) if standard else {}
        found: list[Any] = getattr(queries, name)(connection, now=now, **thresholds)
        return found

    return find


CONTACT = (
    Watch("offline", _query("offline", grace=at.OFFLINE_GRACE), needs_contact=False),
    Watch("faulted", _query("faulted")),
)
SESSIONS = (
    Watch("ghost_session", _query("ghost_session", shown=at.GHOST_SHOWN), needs_contact=False),
    Watch("no_energy", _query("no_energy", patience=at.NO_ENERGY, success_wh=at.SUCCESS_WH)),
    Watch("meter_frozen", _query("meter_frozen")),
    Watch("failing_starts", _query("failing_starts")),
    Watch("stuck_preparing", _query("stuck_preparing", patience=at.STUCK_PREPARING)),
)
FLEET = (
    Watch(
        "silent_evse",
        _query(
            "silent_evse", gaps=at.SILENT_GAPS, least=at.SILENT_LEAST, settle=at.SILENT_SETTLE,
            away=at.SILENT_AWAY,
            success_wh=at.SUCCESS_WH,
        ),
    ),
    Watch(
        "derated",
        _query(
            "derated", chance=at.DERATED_CHANCE, least=at.DERATED_LEAST,
            stale_days=at.DERATED_STALE_DAYS,
        ),
        needs_contact=False,
    ),
    Watch(
        "rejected_connections",
        _query(
            "rejected_connections", times=at.REFUSED_TIMES, window=at.REFUSED_WINDOW,
            over=at.REFUSED_OVER,
        ),
        needs_contact=False,
    ),
)  # fmt: skip
CLOCKS = Watch(
    "clock_off",
    _query(
        "clock_off", off=at.CLOCK_OFF, keep=at.CLOCK_KEEP, window=at.CLOCK_WINDOW,
        samples=at.CLOCK_SAMPLES, least=at.CLOCK_LEAST, replay=at.REPLAY_SECONDS,
    ),
)  # fmt: skip
OWN = (
    Watch(
        "payment_stuck", _query("payment_stuck", patience=at.PAYMENT_STUCK), needs_contact=False,
        is_refreshed=True,
    ),
    Watch(
        "job_failed", _query("job_failed", failures=at.JOB_FAILURES, late=at.JOB_LATE),
        needs_contact=False, is_refreshed=True,
    ),
    Watch(
        "certificate", _query("certificate", ahead_days=at.CERTIFICATE_AHEAD_DAYS),
        needs_contact=False, is_refreshed=True,
    ),
    Watch(
        "undelivered",
        _query("undelivered", shown=at.UNDELIVERED, late=at.UNDELIVERED_LATE),
        needs_contact=False, is_refreshed=True,
    ),
)  # fmt: skip
