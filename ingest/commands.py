"""Commands to stations: rows of `command`, sent by the worker that holds the socket.

NOTIFY wakes, a sweep makes sure. A row is claimed and committed before anything is sent, so a
command is sent at most once; one whose answer never came ends as `unknown` and is not repeated.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ingest.codec import Answer, encode, encode_call, problem
from ingest.peer import NotSentError
from ingest.presence import Presence
from ingest.store import insert_logs
from ingest.writer import LOST, text_of
from sql.database import AsyncConnection, async_connect
from sql.queries import load_async_queries

log = logging.getLogger("kilowatch.ingest")
queries = load_async_queries("ingest")

SWEEP_SECONDS = 2.0
RETRY_SECONDS = 1.0


class Order(NamedTuple):
    """A claimed row of `command`."""

    command_id: int
    station_id: str
    action: str
    payload: dict[str, Any]


class Result(NamedTuple):
    """How a command ended; `log_row` is of what went over the wire."""

    status: str
    response: dict[str, Any]
    log_row: tuple[Any, ...] | None = None


class Dispatcher:
    """Listens for commands, takeovers and what staff change on a connection of its own."""

    def __init__(self, dsn: str, presence: Presence) -> None:
        self.dsn, self.presence = dsn, presence
        self._busy: set[str] = set()  # stations with a command on its way
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen for ever; after a lost connection listen again, then sweep."""
        while True:
            try:
                connection = await async_connect(self.dsn, application_name="kilowatch commands")
                async with connection:
                    await connection.execute("LISTEN command")
                    await connection.execute("LISTEN connection")
                    await connection.execute("LISTEN entry")
                    await self._follow(connection)
            except LOST as error:
                log.warning("commands wait: %s", " ".join(str(error).split())[:200])
                await asyncio.sleep(1.0)

    async def _follow(self, connection: AsyncConnection) -> None:
        while True:
            await self._sweep()
            async for notice in connection.notifies(timeout=SWEEP_SECONDS):
                if notice.channel == "connection":
                    self.presence.on_takeover(notice.payload)
                elif notice.channel == "entry":
                    self.presence.on_entry(notice.payload)
                elif notice.payload in self.presence.peers:
                    await self._claim([notice.payload])
                else:
                    await self._refuse_unreachable()

    async def _sweep(self) -> None:
        async with self.presence.pool.connection() as connection:
            rows = await queries.queued_stations(connection)
            await queries.lose_commands(connection)
        if rows:
            await self._refuse_unreachable()
            await self._claim([row[0] for row in rows if row[0] in self.presence.peers])

    async def _refuse_unreachable(self) -> None:
        async with self.presence.pool.connection() as connection:
            await queries.refuse_unreachable(connection)

    async def _claim(self, station_ids: list[str]) -> None:
        """One command a station at a time: the next waits in the database, where it can expire."""
        idle = set(station_ids) - self._busy
        if not idle:
            return
        self._busy |= idle
        try:
            async with self.presence.pool.connection() as connection:
                rows = await queries.claim_commands(
                    connection, station_ids=sorted(idle), worker_id=self.presence.worker_id
                )
        except BaseException:
            self._busy -= idle
            raise
        self._busy -= idle - {row[1] for row in rows}
        for row in rows:
            task = asyncio.create_task(self._execute(Order(*row)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _execute(self, order: Order) -> None:
        try:
            await self._finish(order, await self._send(order))
        finally:
            self._busy.discard(order.station_id)
        with suppress(*LOST):  # then the sweep will
            await self._claim([order.station_id])

    async def _send(self, order: Order) -> Result:
        peer = self.presence.peers.get(order.station_id)
        if peer is None:
            return Result("refused", {"error": "StationOffline"})
        if (why := problem(peer.version, order.action, order.payload)) is not None:
            return Result("refused", {"error": "InvalidPayload", "detail": why})
        sent_at = datetime.now(UTC)
        try:
            answer = await peer.call(order.action, order.payload)
        except NotSentError:
            return Result("refused", {"error": "StationOffline"})
        except TimeoutError:
            return Result("unknown", {"error": "Timeout"}, _log_row(order, sent_at))
        except ConnectionError:
            return Result("unknown", {"error": "ConnectionClosed"}, _log_row(order, sent_at))
        return _result(answer, _log_row(order, sent_at, answer))

    async def _finish(self, order: Order, result: Result) -> None:
        """Store the outcome and its log row, however long the database is away."""
        while True:
            try:
                async with self.presence.pool.connection() as connection, connection.transaction():
                    await queries.finish_command(
                        connection,
                        command_id=order.command_id,
                        status=result.status,
                        response=encode(result.response).decode(),
                    )
                    if result.log_row:
                        await insert_logs(connection, [result.log_row])
                return
            except LOST as error:
                log.warning("command %d: outcome not stored yet: %s", order.command_id, error)
                await asyncio.sleep(RETRY_SECONDS)


def _result(answer: Answer, log_row: tuple[Any, ...]) -> Result:
    if answer.error_code:
        response = {"error": answer.error_code, "detail": answer.description}
        return Result("answered", response, log_row)
    return Result("answered", answer.payload if isinstance(answer.payload, dict) else {}, log_row)


def _log_row(order: Order, sent_at: datetime, answer: Answer | None = None) -> tuple[Any, ...]:
    took_ms = (datetime.now(UTC) - sent_at).total_seconds() * 1000
    frame = text_of(encode_call("", order.action, order.payload))
    given = None if answer is None else text_of(encode(answer.payload))
    error_code = "NoAnswer" if answer is None else answer.error_code or None
    return (
        order.station_id, sent_at, "out", "", order.action, frame, given, took_ms, error_code,
    )  # fmt: skip
