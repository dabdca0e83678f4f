"""The billing worker: woken by the database, kept honest by sweeps. Any number may run at once.

One thread listens and advances payments; a few threads send what waits in the outbox. The sweeps
find everything a notification should have told, so that losing one costs seconds, not money.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
from msgspec import Struct

from billing import outbox, webhooks
from billing.effects import Context
from billing.gateway import Gateway
from billing.payments import advance
from sql import DatabaseError
from sql.database import Connection, connect, sync_pool
from sql.queries import load_queries

log = logging.getLogger("kilowatch.billing")
queries = load_queries("payments")

LISTEN = ("payment", "outbox", "stripe_event", "evse", "command_done")
SENDERS = 8  # calls to Stripe at once
HELPERS = 6  # mails, files and the like side by side
PER_SWEEP = 500
SWEEP_SECONDS = 2.0
GATHER_SECONDS = 0.02
RETRY_SECONDS = 1.0
LATE = timedelta(days=1)  # a session may begin so long after its payment was given up
STUCK_PAUSE = timedelta(seconds=30)
LOST = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseError, OSError)


def utc_now() -> datetime:
    return datetime.now(UTC)


class News(Struct):
    """What notifications said since the last turn."""

    payments: set[int] = set()
    evses: set[int] = set()
    commands: set[int] = set()
    all_evses: bool = False
    events: bool = False
    others: set[str] = set()

    def note(self, channel: str, payload: str) -> None:
        if channel == "payment" and payload:
            self.payments.add(int(payload))
        elif channel == "command_done":
            self.commands.add(int(payload))
        elif channel == "evse" and payload == "*":
            self.all_evses = True
        elif channel == "evse":
            self.evses.update(map(int, payload.split(",")))
        elif channel == "stripe_event":
            self.events = True
        else:
            self.others.add(channel)


class Worker:
    """`others`: further work by channel (mail, file_request), called with a connection."""

    def __init__(
        self,
        dsn: str,
        gateway: Gateway,
        context: Context,
        others: dict[str, Callable[[Connection], object]] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.dsn, self.gateway, self.context, self.now = dsn, gateway, context, now
        self._others = others or {}
        self._busy: set[str] = set()
        self._closing = threading.Event()
        self._pool = sync_pool(dsn, application_name="kilowatch stripe", max_size=SENDERS)
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="stripe")
        self._helpers = ThreadPoolExecutor(HELPERS, thread_name_prefix="papers")

    def close(self) -> None:
        """End after what is under way."""
        self._closing.set()

    def run(self) -> None:
        """Work until closed; a lost database is tried again."""
        self._pool.open()
        try:
            while not self._closing.is_set():
                try:
                    with connect(self.dsn, application_name="kilowatch billing") as connection:
                        self._follow(connection)
                except LOST as error:
                    log.warning("billing waits: %s", " ".join(str(error).split())[:200])
                    self._closing.wait(RETRY_SECONDS)
                except Exception:  # a mistake of ours must not leave holds without a worker
                    log.exception("billing begins anew")
                    self._closing.wait(RETRY_SECONDS)
        finally:
            self._senders.shutdown(cancel_futures=True)
            self._helpers.shutdown(cancel_futures=True)
            self._pool.close()

    def _follow(self, connection: Connection) -> None:
        for channel in (*LISTEN, *self._others):
            connection.execute(f"LISTEN {channel}".encode())
        swept_at = 0.0
        while not self._closing.is_set():
            if time.monotonic() - swept_at >= SWEEP_SECONDS:
                self.sweep(connection)
                self._help(set(self._others))
                swept_at = time.monotonic()
            self._work(connection, self._gather(connection))

    def _gather(self, connection: Connection) -> News:
        news = News()
        for notice in connection.notifies(timeout=0.5, stop_after=1):
            news.note(notice.channel, notice.payload)
        for notice in connection.notifies(timeout=GATHER_SECONDS):
            news.note(notice.channel, notice.payload)
        return news

    def _work(self, connection: Connection, news: News) -> None:
        if news.events:
            webhooks.process(connection, self.now())
        self.advance_all(connection, self._concerned(connection, news))
        self.send_due(connection)
        self._help(news.others & self._others.keys())

    def _concerned(self, connection: Connection, news: News) -> set[int]:
        """The payments that the news may be about."""
        found = set(news.payments)
        if news.all_evses:
            found.update(row[0] for row in queries.payments_on_evses(connection))
        elif news.evses:
            since = self.now() - LATE
            rows = queries.payments_at(connection, evse_keys=list(news.evses), since=since)
            found.update(row[0] for row in rows)
        for command_id in news.commands:
            found.add(queries.payment_of_command(connection, command_id=command_id))
        return {one for one in found if one is not None}

    def advance_all(self, connection: Connection, payment_ids: set[int]) -> None:
        """Each on its own: what one payment can't do must not keep the others."""
        for payment_id in sorted(payment_ids):
            try:
                advance(connection, payment_id, self.context, self.now())
            except LOST:
                raise
            except Exception as error:
                log.exception("payment %d is stuck", payment_id)
                self._report(connection, payment_id, error)

    def _report(self, connection: Connection, payment_id: int, error: Exception) -> None:
        """A human must know; the sweep tries again, less often."""
        problem = " ".join(str(error).split())[:500]
        queries.report_stuck(
            connection, payment_id=payment_id, problem=problem, at=self.now(),
            look_at=self.now() + STUCK_PAUSE,
        )  # fmt: skip

    def sweep(self, connection: Connection) -> None:
        """Whatever is due, whether or not anybody said so."""
        webhooks.process(connection, self.now())
        rows = queries.due_payments(connection, at=self.now(), count=PER_SWEEP)
        rows += queries.woken_payments(connection)
        self.advance_all(connection, {row[0] for row in rows})
        outbox.look_again(connection, self.now())
        self.send_due(connection)

    def send_due(self, connection: Connection) -> None:
        """Hand what waits in the outbox to the senders; they come back through `payment`."""
        for due in outbox.claim(connection, self.now(), SENDERS):
            self._senders.submit(self._send, due)

    def _send(self, due: outbox.Due) -> None:
        try:
            with self._pool.connection() as connection:
                outbox.send(connection, self.gateway, due, self.now())
        except LOST as error:  # the lease ends, and somebody sends it again
            log.warning("%s of %s: outcome not stored: %s", due.call, due.about, error)
        except Exception:
            log.exception("%s of %s failed", due.call, due.about)

    def _help(self, channels: set[str]) -> None:
        """One at a time of a kind: what comes meanwhile, the next sweep finds."""
        for channel in channels - self._busy:
            self._busy.add(channel)
            self._helpers.submit(self._other, channel)

    def _other(self, channel: str) -> None:
        try:
            with connect(self.dsn, application_name=f"kilowatch {channel}") as connection:
                self._others[channel](connection)
        except Exception:
            log.exception("%s: not done", channel)
        finally:
            self._busy.discard(channel)
