"""Messages about incidents to webhooks: a signed JSON document by POST, again until it is taken.

A message is claimed (SKIP LOCKED and a lease), sent and marked. A crash between the receiver's yes
and ours sends it once more, under the same id. Addresses and secrets are never logged.
"""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec

from ingest.posting import NotTakenError, post, signature
from sql.alarms import headline
from sql.database import Connection
from sql.queries import load_queries

log = logging.getLogger("kilowatch.webhooks")
queries = load_queries("alerting")

PAUSES = tuple(timedelta(seconds=s) for s in (10, 30, 120, 600, 1800))
HOURLY = timedelta(hours=1)
GIVE_UP = timedelta(days=1)
LEASE = timedelta(minutes=2)  # longer than one attempt can take
AT_ONCE = 8
PER_ROUND = 80


class Due(NamedTuple):
    """A claimed message and whom it goes to."""

    delivery_id: int
    key: str
    event: str
    incident_id: int | None
    attempts: int
    created_at: datetime
    address: str
    secret: str
    language: str


def send_due(connection: Connection, base_url: str, now: datetime) -> int:
    """Send what waits, several at once; how many were taken."""
    sender = _Round(connection, base_url, now)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as threads:
        rounds = (sender.go(threads) for _ in range(PER_ROUND // AT_ONCE))
        return sum(taken for taken in takewhile(lambda taken: taken is not None, rounds) if taken)


class _Round:
    """One go at what is due. Only this thread talks to the database."""

    def __init__(self, connection: Connection, base_url: str, now: datetime) -> None:
        self.connection, self.base_url = connection, base_url
        self._now, self._began = now, time.monotonic()

    def now(self) -> datetime:
        """The caller's clock, going on: a lease must not be dated from the round's start."""
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def go(self, threads: ThreadPoolExecutor) -> int | None:
        """The next few, and how many were taken; None: nothing is due."""
        sent = {threads.submit(self._post, due, body): due for due, body in self._claimed()}
        if not sent:
            return None
        return sum(self._mark(sent[one], one.exception()) for one in as_completed(sent))

    def _claimed(self) -> Iterator[tuple[Due, bytes]]:
        for _ in range(AT_ONCE):
            at = self.now()
            row = queries.claim_webhook(self.connection, now=at, until=at + LEASE)
            if row is None:
                return
            due = Due(*row)
            yield due, self._body(due)

    def _body(self, due: Due) -> bytes:
        about = None
        if due.incident_id is not None:
            about = document(self.connection, due.incident_id, self.base_url)
        return msgspec.json.encode(message(due, about, self.now()))

    def _post(self, due: Due, body: bytes) -> None:
        at = int(self.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Kilowatch",
            "Kilowatch-Delivery": due.key,
            "Kilowatch-Event": due.event,
            "Kilowatch-Signature": f"t={at},v1={signature(due.secret, at, body)}",
        }
        post(due.address, body, headers)

    def _mark(self, due: Due, problem: BaseException | None) -> bool:
        now, about = self.now(), {"delivery_id": due.delivery_id}
        if problem is None:
            queries.message_sent(self.connection, **about, at=now)
            return True
        if not isinstance(problem, NotTakenError):
            log.error("delivery %d: %s", due.delivery_id, type(problem).__name__)
        error = str(problem) if isinstance(problem, NotTakenError) else type(problem).__name__
        if now - due.created_at >= GIVE_UP:
            queries.message_failed(self.connection, **about, at=now, error=error)
            log.error("delivery %d is given up: %s", due.delivery_id, error)
        else:
            queries.message_waits(
                self.connection, **about, next_at=now + pause(due.attempts), error=error
            )
            log.warning("delivery %d waits: %s", due.delivery_id, error)
        return False


def pause(attempts: int) -> timedelta:
    """After so many attempts: 10 and 30 s, 2, 10 and 30 min, then an hour."""
    return PAUSES[attempts - 1] if 1 <= attempts <= len(PAUSES) else HOURLY


def message(due: Due, incident: dict[str, Any] | None, at: datetime) -> dict[str, Any]:
    """What is sent. `text` is for people, the form that chat programs take."""
    text = "Kilowatch: test"
    if incident:
        place = incident["site"] or ""
        text = headline(due.event, incident["severity"], incident["kind"], place, due.language)
    return {"id": due.key, "event": due.event, "at": at, "text": text, "incident": incident}


def document(connection: Connection, incident_id: int, base_url: str) -> dict[str, Any] | None:
    """An incident as others may know it."""
    row = queries.alarm(connection, incident_id=incident_id)
    if row is None:
        return None
    names = (
        "incident_id", "kind", "severity", "grouped_by", "detail", "site_id", "site", "zone",
        "opened_at", "noticed_at", "acknowledged_at", "resolved_at", "resolution", "cause",
        "stations", "station_ids", "alerts",
    )  # fmt: skip
    return dict(zip(names, row, strict=True)) | {"url": f"{base_url}/app/incident/{incident_id}"}
