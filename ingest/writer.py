"""Group commit: messages become durable together, and are answered only then.

One task per process. While a batch commits, the next one gathers, so the load itself sets the
size of the batches; at rest a message is committed at once. In between, where messages keep coming
but few at a time, a batch waits a little for more: a commit costs about a millisecond of CPU, and
a message a tenth of that.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import psycopg
from psycopg import errors
from psycopg.types.json import set_json_dumps

from ingest import store
from ingest.book import MAX_EVSES, Book, Session, Station
from ingest.events import Event, Metering, Outcome, Transaction
from ingest.sessions import apply
from ingest.translate import encode_extra
from sql import DatabaseError
from sql.database import AsyncConnection, async_connect

log = logging.getLogger("kilowatch.ingest")

BATCH = 2000
FEW, LINGER_SECONDS = 100, 0.004
LOGGED_BYTES = 64 * 1024
MILLISECOND = timedelta(milliseconds=1)
STUCK_SECONDS = 15.0  # no commit takes that long, unless the database hangs
GONE_SECONDS = 5.0  # then stations are better served by a closed socket: they buffer
REDO = (
    store.ConflictError, errors.UniqueViolation, errors.DeadlockDetected,
    errors.SerializationFailure,
)  # fmt: skip
# The server's fault, not the data's: gone, full, read-only after a failover, migrated meanwhile
LOST = (
    psycopg.OperationalError, psycopg.InterfaceError, DatabaseError, OSError,
    errors.ReadOnlySqlTransaction, errors.FeatureNotSupported, errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
    # a schema that is being changed is no message's fault
    errors.UndefinedColumn, errors.UndefinedTable, errors.UndefinedFunction,
    errors.InsufficientPrivilege,
)  # fmt: skip
MOST_REDOS = 25


class Message(msgspec.Struct):
    """A station's CALL on its way to disk. `answer` encodes the result; `reply` sends it."""

    station: Station
    event: Event
    received_at: datetime
    message_id: str
    action: str
    frame: bytes
    answer: Callable[[Outcome], bytes]
    reply: Callable[[bytes], None]
    error_code: str | None = None

    def is_logged(self) -> bool:
        """MeterValues are kept as meter values; their frames only while the station is traced."""
        bulk = isinstance(self.event, Metering) or (
            isinstance(self.event, Transaction) and self.event.is_bulk
        )
        traced = self.station.trace_until
        return not bulk or (traced is not None and traced > self.received_at)


class Writer:
    """Takes messages by `put`; `run` commits them until cancelled.

    `on_gone` is called once when the database has been away for `GONE_SECONDS`: everything not
    yet durable is dropped unanswered, and stations send it again. `is_gone` tells newcomers.
    """

    def __init__(self, dsn: str, on_gone: Callable[[], None]) -> None:
        self.dsn, self.on_gone = dsn, on_gone
        self.is_gone = False
        self.cache: dict[tuple[str, str], Session] = {}
        self.commits = self.messages = self.redone = self.set_aside = 0
        self._queue: list[Message] = []
        self._waiting, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._connection: AsyncConnection | None = None
        self._lost_at: float | None = None  # monotonic: since when nothing could be committed
        self._doubt = False  # the last commit's outcome is unknown

    def put(self, message: Message) -> None:
        self._queue.append(message)
        self._waiting.set()
        self._idle.clear()

    async def run(self) -> None:
        try:
            while True:
                came_meanwhile = bool(self._queue)
                await self._waiting.wait()
                if came_meanwhile and len(self._queue) < FEW:
                    await asyncio.sleep(LINGER_SECONDS)
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                if not self._queue:
                    self._waiting.clear()
                await self._settle(batch)
                if not self._queue:
                    self._idle.set()
        finally:
            await self._disconnect()

    async def drain(self) -> None:
        """Wait until all that was put is durable, or dropped (clean shutdown)."""
        await self._idle.wait()

    async def _settle(self, batch: list[Message]) -> None:
        """Commit, redo, or part the batch until every message is stored and answered."""
        redos = 0
        while redos < MOST_REDOS:
            try:
                answers = await self._commit_in_time(batch, careful=redos > 0 or self._doubt)
            except REDO as error:
                redos += 1
                self.redone += 1
                log.info("batch of %d redone: %s", len(batch), type(error).__name__)
            except LOST as error:
                if not await self._recover(error):
                    return
            except Exception as error:
                await self._bisect(batch, error)
                return
            else:
                self._lost_at, self._doubt, self.is_gone = None, False, False
                self._answer(batch, answers)
                return
        await self._bisect(batch, RuntimeError(f"no commit in {MOST_REDOS} attempts"))

    def _answer(self, batch: list[Message], answers: list[bytes]) -> None:
        self.commits += 1
        self.messages += len(batch)
        for message, answer in zip(batch, answers, strict=True):
            message.reply(answer)

    async def _bisect(self, batch: list[Message], error: Exception) -> None:
        """One bad message must not cost the others: halve until it stands alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
            return
        await self._set_aside(batch[0], error)

    async def _set_aside(self, message: Message, error: Exception) -> None:
        """Keep what can't be booked as it came, tell staff, and answer: a station would otherwise
        send it for ever."""
        self.set_aside += 1
        log.error("%s %s set aside: %s", message.station.station_id, message.action, error)
        while True:
            try:
                answer = await self._store_aside(message, type(error).__name__)
            except LOST as lost:
                if not await self._recover(lost):
                    return
            except Exception:  # not even that: not durable, so not answered
                log.exception("%s %s is lost", message.station.station_id, message.action)
                return
            else:
                message.reply(answer)
                return

    async def _store_aside(self, message: Message, error_code: str) -> bytes:
        connection = await self._connect()
        outcome = Outcome(
            transaction_id=str(await store.new_session_id(connection)),
            registration_status=message.station.registration_status,
            heartbeat_seconds=message.station.heartbeat_seconds,
        )
        answer = message.answer(outcome)
        await store.insert_logs(connection, [self._log_row(message, answer, error_code)])
        return answer

    async def _commit_in_time(self, batch: list[Message], *, careful: bool) -> list[bytes]:
        """A database that neither fails nor answers (a stuck disk) must not hold stations either:
        they are sent away, while the commit takes what time it takes."""
        timer = asyncio.get_running_loop().call_later(STUCK_SECONDS, self._give_up)
        try:
            return await self._commit(batch, careful=careful)
        finally:
            timer.cancel()

    async def _commit(self, batch: list[Message], *, careful: bool) -> list[bytes]:
        """One transaction; returns the answers to send now that it is durable."""
        connection = await self._connect()
        # committed for themselves: a batch that is rolled back must not leave keys in memory
        await self._add_evses(connection, batch)
        book = Book()
        try:
            async with connection.transaction():
                wants = [(m.station, m.event) for m in batch]
                await store.load(connection, book, wants, self.cache)
                answers = [self._apply(book, message) for message in batch]
                await store.store(connection, book, careful=careful)
        except BaseException:
            store.forget(book, self.cache)
            raise
        store.settled(book, self.cache)
        return answers

    def _apply(self, book: Book, message: Message) -> bytes:
        outcome = apply(book, message.station, message.event, message.received_at)
        answer = message.answer(outcome)
        if message.is_logged():
            book.logs.append(self._log_row(message, answer, message.error_code))
        return answer

    @staticmethod
    def _log_row(message: Message, answer: bytes, error: str | None = None) -> tuple[object, ...]:
        took_ms = (datetime.now(message.received_at.tzinfo) - message.received_at) / MILLISECOND
        return (
            message.station.station_id, message.received_at, "in", message.message_id,
            message.action, text_of(message.frame), text_of(answer), took_ms, error,
        )  # fmt: skip

    async def _add_evses(self, connection: AsyncConnection, batch: list[Message]) -> None:
        missing: dict[str, set[int]] = {}
        for message in batch:
            evse_id = getattr(message.event, "evse_id", None)
            station = message.station
            if evse_id and 0 < evse_id <= MAX_EVSES and evse_id not in station.evses:
                missing.setdefault(station.station_id, set()).add(evse_id)
        for station_id, evse_ids in missing.items():
            # a station that has booted meanwhile is there twice
            stations = [m.station for m in batch if m.station.station_id == station_id]
            await store.add_evses(connection, stations[0], evse_ids)
            for station in stations:
                station.evses = stations[0].evses

    async def _connect(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await async_connect(self.dsn, application_name="kilowatch ingest")
            self._connection.prepare_threshold = 2
            set_json_dumps(encode_extra, self._connection)
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _recover(self, error: Exception) -> bool:
        """After a lost connection, a full disk and the like: True to try again; False when it has
        lasted too long, and what waited has been dropped unanswered."""
        log.warning("database: %s", " ".join(str(error).split())[:200])
        self.cache.clear()  # the commit's outcome is unknown: only the database knows
        self._doubt = True
        since = self._lost_at = self._lost_at or time.monotonic()
        pause = 0.05
        while True:
            await self._disconnect()
            if time.monotonic() - since > GONE_SECONDS and not self.is_gone:
                self._give_up()
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)
            with suppress(*LOST):
                await self._connect()
                was_gone, self.is_gone = self.is_gone, False
                self._lost_at = None if was_gone else since
                return not was_gone

    def _give_up(self) -> None:
        self.is_gone = True
        self._queue.clear()
        self._waiting.clear()
        self._idle.set()
        log.error("database away: stations are sent away")
        self.on_gone()


def text_of(frame: bytes) -> str:
    """A frame as PostgreSQL can keep it: valid UTF-8 without NUL."""
    return frame[:LOGGED_BYTES].decode(errors="replace").replace("\x00", "\ufffd")
