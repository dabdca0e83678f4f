"""The job that tells receivers: rules and open incidents become rows of `delivery`.

E-mails go into billing's outbox; webhooks are sent by `ingest.webhooks`. Each step is a statement
that can be repeated, by any number of processes.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from ingest.telling import Incident, Message, Receiver, Rule, messages, resolved_at
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("alerting")

KEEP = timedelta(days=400)


def tell(connection: Connection, now: datetime) -> None:
    """One round: what is over or said, what is new, and what goes by e-mail."""
    queries.recall_mails(connection, now=now)
    queries.expire_mails(connection, now=now)
    queries.follow_mails(connection, now=now)
    queries.drop_messages(connection, now=now)
    queries.close_messages(connection)
    _put(connection, _ends(connection) + _news(connection, now), now)
    queries.queue_mails(connection, now=now)


def forget_messages(connection: Connection, now: datetime) -> None:
    """What was sent long ago."""
    queries.forget_messages(connection, before=now - KEEP)


def _news(connection: Connection, now: datetime) -> list[Message]:
    """What is to be said of open incidents and does not stand there yet."""
    rules = [Rule(*row) for row in queries.rules(connection)]
    if not rules:
        return []
    receivers = {row[0]: Receiver(*row) for row in queries.receivers(connection)}
    said, told = _said(connection)
    return [
        message
        for row in queries.open_incidents(connection)
        for incident in [Incident(*row)]
        for message in messages(
            incident, rules, receivers, frozenset(told[incident.incident_id]), now
        )
        if said.get(message[:4], message.at) is not None
    ]


def _said(
    connection: Connection,
) -> tuple[dict[tuple[Any, ...], datetime | None], defaultdict[int, set[int]]]:
    """Of messages that stand there: None, unless they are held and may still move. And who knows of
    which incident."""
    said: dict[tuple[Any, ...], datetime | None] = {}
    told: defaultdict[int, set[int]] = defaultdict(set)
    for (
        incident_id,
        receiver_id,
        event,
        times,
        state,
        next_at,
        is_closed,
    ) in queries.messages_of_open(connection):
        said[incident_id, receiver_id, event, times] = next_at if state == "held" else None
        if event in ("raised", "escalated") and state == "sent" and not is_closed:
            told[incident_id].add(receiver_id)
    return said, told


def _ends(connection: Connection) -> list[Message]:
    """Of incidents that are over: to those who were told of them."""
    found = []
    for (
        incident_id,
        receiver_id,
        quiet_from,
        quiet_until,
        severity,
        zone,
        ended_at,
        times,
    ) in queries.ended(connection):
        receiver = Receiver(receiver_id, quiet_from, quiet_until)
        at = resolved_at(receiver, severity, zone, ended_at, times)
        found.append(Message(incident_id, receiver_id, "resolved", times, None, at))
    return found


def _put(connection: Connection, found: list[Message], now: datetime) -> None:
    if found:
        rows = [one._asdict() | {"at": one.at.isoformat()} for one in found]
        queries.put_messages(connection, messages=Jsonb(rows), now=now)
