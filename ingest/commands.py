"""Commands to stations: rows of `command`, sent by the worker that holds the socket.

NOTIFY wakes, a sweep makes sure. A row is claimed and committed before anything is sent, so a
command is sent at most once; one whose answer never came ends as `unknown` and is not repeated.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from ingest.codec import encode, encode_call, problem
from ingest.peer import Peer
from ingest.presence import Presence
from ingest.store import insert_logs
from ingest.writer import LOST, text_of
from sql.database import AsyncConnection, async_connect
from sql.queries import load_async_queries

log = logging.getLogger("kilowatch.ingest")
queries = load_async_queries("ingest")

SWEEP_SECONDS = 2.0


class Dispatcher:
    """Listens for commands and takeovers on a connection of its own."""

    def __init__(self, dsn: str, presence: Presence) -> None:
        self.dsn, self.presence = dsn, presence
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen for ever; after a lost connection listen again, then sweep."""
        while True:
            try:
                connection = await async_connect(self.dsn, application_name="kilowatch commands")
                async with connection:
                    await connection.execute("LISTEN command")
                    await connection.execute("LISTEN connection")
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
                elif notice.payload in self.presence.peers:
                    await self._claim([notice.payload])
                else:
                    await self._refuse_unreachable()

    async def _sweep(self) -> None:
        async with self.presence.pool.connection() as connection:
            rows = await queries.queued_stations(connection)
            await queries.lose_commands(connection)
        mine = [row[0] for row in rows if row[0] in self.presence.peers]
        if mine:
            await self._claim(mine)
        if len(rows) > len(mine):
            await self._refuse_unreachable()

    async def _refuse_unreachable(self) -> None:
        async with self.presence.pool.connection() as connection:
            await queries.refuse_unreachable(connection)

    async def _claim(self, station_ids: list[str]) -> None:
        async with self.presence.pool.connection() as connection:
            rows = await queries.claim_commands(
                connection, station_ids=station_ids, worker_id=self.presence.worker_id
            )
        for command_id, station_id, action, payload in sorted(rows):
            peer = self.presence.peers.get(station_id)
            task = asyncio.create_task(self._execute(peer, command_id, action, payload))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _execute(
        self, peer: Peer | None, command_id: int, action: str, payload: dict[str, Any]
    ) -> None:
        try:
            status, response = await self._send(peer, action, payload)
            async with self.presence.pool.connection() as connection:
                await queries.finish_command(
                    connection,
                    command_id=command_id,
                    status=status,
                    response=encode(response).decode(),
                )
        except LOST as error:
            log.warning("command %d: outcome not stored: %s", command_id, error)

    async def _send(
        self, peer: Peer | None, action: str, payload: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        if peer is None:
            return "refused", {"error": "StationOffline"}
        if (why := problem(peer.version, action, payload)) is not None:
            return "refused", {"error": "InvalidPayload", "detail": why}
        sent_at = datetime.now(UTC)
        try:
            answer = await peer.call(action, payload)
        except TimeoutError:
            await self._log(peer, action, payload, sent_at, None, "Timeout")
            return "unknown", {"error": "Timeout"}
        except ConnectionError:
            await self._log(peer, action, payload, sent_at, None, "ConnectionClosed")
            return "unknown", {"error": "ConnectionClosed"}
        await self._log(peer, action, payload, sent_at, answer.payload, answer.error_code or None)
        if answer.error_code:
            return "answered", {"error": answer.error_code, "detail": answer.description}
        return "answered", answer.payload if isinstance(answer.payload, dict) else {}

    async def _log(
        self,
        peer: Peer,
        action: str,
        payload: dict[str, Any],
        sent_at: datetime,
        answer: Any,
        error_code: str | None,
    ) -> None:
        took_ms = (datetime.now(UTC) - sent_at).total_seconds() * 1000
        frame = text_of(encode_call("", action, payload))
        row = (
            peer.station.station_id, sent_at, "out", "", action, frame,
            None if answer is None else text_of(encode(answer)), took_ms, error_code,
        )  # fmt: skip
        async with self.presence.pool.connection() as connection:
            await insert_logs(connection, [row])
