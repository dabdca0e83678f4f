"""Probes in the database: begun, asked and ended, each step once however many watchdogs there are.

A question is a row of `command` like any other: whichever worker holds the socket sends it, and
question and answer stand in the message log.
"""

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from ingest import thresholds
from ingest.probes import Ask, End, Probe, judge
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("probe")
GHOSTS = {
    "silence": thresholds.GHOST_SILENCE,
    "intervals": thresholds.GHOST_INTERVALS,
    "unmetered": thresholds.GHOST_UNMETERED,
    "doubt": thresholds.GHOST_DOUBT,
    "offline": thresholds.GHOST_OFFLINE,
    "at_most": thresholds.MOST_PROBES,
}


def probe_contact(connection: Connection, now: datetime) -> None:
    """Ask stations that are silent on an open socket; who does not answer is out of contact."""
    queries.doubt_contact(
        connection, now=now, slack=thresholds.SILENCE_SLACK, at_most=thresholds.MOST_PROBES
    )
    _go_on(connection, "contact", now)


def probe_sessions(connection: Connection, now: datetime) -> None:
    """Ask about sessions without news, stop them softly, close ghosts at their last evidence."""
    queries.doubt_sessions(connection, now=now, **GHOSTS)
    _go_on(connection, "session", now)


def _go_on(connection: Connection, kind: str, now: datetime) -> None:
    read = queries.open_contact_probes if kind == "contact" else queries.open_session_probes
    probes = [Probe(*row) for row in read(connection)]
    judged = [(probe, judge(probe, now)) for probe in probes]
    _ask(connection, [(p, v) for p, v in judged if isinstance(v, Ask)], now)
    _end(connection, [(p, v.outcome) for p, v in judged if isinstance(v, End)], now)


def _ask(connection: Connection, asked: list[tuple[Probe, Ask]], now: datetime) -> None:
    calls = [
        {
            "probe_id": probe.probe_id, "was": probe.command_id, "station_id": probe.station_id,
            "step": ask.step, "action": ask.call.action, "payload": ask.call.payload,
        }
        for probe, ask in asked
    ]  # fmt: skip
    if calls:
        queries.ask(connection, calls=Jsonb(calls), now=now)


def _end(connection: Connection, ended: list[tuple[Probe, str]], now: datetime) -> None:
    if not ended:
        return
    outcomes = [_outcome(probe, outcome) for probe, outcome in ended if outcome != "closed"]
    closed = [_outcome(probe, outcome) for probe, outcome in ended if outcome == "closed"]
    if outcomes:
        queries.end_probes(connection, outcomes=Jsonb(outcomes), now=now)
    if closed:
        queries.close_ghosts(connection, ghosts=Jsonb(closed), now=now)


def _outcome(probe: Probe, outcome: str) -> dict[str, Any]:
    return {
        "probe_id": probe.probe_id, "outcome": outcome, "station_id": probe.station_id,
        "session_id": probe.session_id, "version": probe.version,
    }  # fmt: skip


def forget(connection: Connection, now: datetime) -> None:
    """Delete what is older than it is kept for."""
    queries.forget(
        connection, now=now, attempts_days=thresholds.KEEP_ATTEMPTS_DAYS,
        probes_days=thresholds.KEEP_PROBES_DAYS, commands_days=thresholds.KEEP_COMMANDS_DAYS,
    )  # fmt: skip
