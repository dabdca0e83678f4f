"""An ingest process under test, and stations as raw as the wire: a tiny OCPP client.

`async with serving(database) as csms` runs a real server on a free port of loopback;
`async with csms.station("S1") as station` connects one to it.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ingest.server import Ingest
from sql.admin.passwords import hash_password
from sql.database import connect as connect_database
from sql.settings import Settings

PASSWORD = "correct horse"
SUBPROTOCOLS: dict[str, Any] = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
VERSIONS = ("1.6", "2.0.1")
PATIENCE = 20.0  # seconds; a test that waits longer has failed
Payload = dict[str, Any]
SUMS = "SELECT coalesce(sum(energy_delta_wh), 0)::bigint FROM meter_value WHERE session_id = %s"

password_hash = cache(hash_password)  # argon2 is slow on purpose


class RefusedError(Exception):
    """A CALLERROR: its code, description and details."""

    def __init__(self, code: str, description: str, details: Any) -> None:
        super().__init__(code, description, details)
        self.code, self.description, self.details = code, description, details


class RawStation:
    """One connected station. Frames that answer none of its CALLs wait in `strays`; CALLs of the
    server are answered by `obey` (action and payload to payload) and wait in `orders`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.strays: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.orders: asyncio.Queue[tuple[str, Payload]] = asyncio.Queue()
        self.obey: Callable[[str, Payload], Any] = lambda _action, _payload: {"status": "Accepted"}
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self._sent = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.socket:
                await self._take(json.loads(text))
        for future in self._answers.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection has closed"))

    async def _take(self, frame: list[Any]) -> None:
        if frame[0] == 2:
            await self._on_order(*frame[1:])
        elif frame[1] in self._answers:
            self._answers.pop(frame[1]).set_result(frame)
        else:
            self.strays.put_nowait(frame)

    async def _on_order(self, message_id: str, action: str, payload: Payload) -> None:
        self.orders.put_nowait((action, payload))
        answer = self.obey(action, payload)
        if isinstance(answer, RefusedError):
            frame = [4, message_id, answer.code, answer.description, answer.details]
            await self.socket.send(json.dumps(frame))
        elif answer is not None:
            await self.socket.send(json.dumps([3, message_id, answer]))

    def post(self, action: str, payload: Payload, message_id: str | None = None) -> Any:
        """Send a CALL; the future of its answer's frame."""
        self._sent += 1
        message_id = message_id or f"{self._sent}"
        future = asyncio.get_running_loop().create_future()
        self._answers[message_id] = future
        frame = json.dumps([2, message_id, action, payload])
        return asyncio.gather(self.socket.send(frame), future)

    async def call(self, action: str, payload: Payload, message_id: str | None = None) -> Payload:
        """Send a CALL; its result. Raises RefusedError."""
        async with asyncio.timeout(PATIENCE):
            _, frame = await self.post(action, payload, message_id)
        if frame[0] == 4:
            raise RefusedError(*frame[2:])
        return dict(frame[2])

    async def say(self, frame: str | bytes) -> None:
        await self.socket.send(frame)

    async def stray(self) -> list[Any]:
        return await asyncio.wait_for(self.strays.get(), PATIENCE)

    async def order(self) -> tuple[str, Payload]:
        """The server's next CALL."""
        return await asyncio.wait_for(self.orders.get(), PATIENCE)

    async def closed(self) -> int | None:
        """Wait for the end of the connection; its close code."""
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE)
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


class Csms:
    """A running server and its database."""

    def __init__(self, ingest: Ingest, port: int, dsn: str) -> None:
        self.ingest, self.port, self.dsn = ingest, port, dsn

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return rows(self.dsn, query, *parameters)

    def one(self, query: str, *parameters: Any) -> Any:
        """The only row; its only column, if there is but one."""
        (row,) = self.rows(query, *parameters)
        return row[0] if len(row) == 1 else row

    @asynccontextmanager
    async def station(
        self, station_id: str = "S1", version: str = "1.6", **options: Any
    ) -> AsyncIterator[RawStation]:
        station = RawStation(await dial(self.port, station_id, [version], **options))
        try:
            yield station
        finally:
            await station.close()


async def dial(
    port: int, station_id: str, versions: list[str], *, password: str | None = PASSWORD,
    user: str | None = None, path: str | None = None, scheme: str = "ws", **options: Any,
) -> ClientConnection:  # fmt: skip
    """Open a WebSocket as a station does."""
    headers = {}
    if password is not None:
        basic = f"{user or station_id}:{password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(basic).decode()}"
    return await connect(
        f"{scheme}://127.0.0.1:{port}{path or '/ocpp/' + quote(station_id)}",
        subprotocols=[SUBPROTOCOLS.get(version, version) for version in versions] or None,
        additional_headers=headers, proxy=None, compression=None, ping_interval=None, **options,
    )  # fmt: skip


def rows(dsn: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connect_database(dsn) as connection:
        cursor = connection.execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def add_stations(dsn: str, *station_ids: str, evses: int = 2) -> None:
    """Register stations, and the id token TAG, which may charge anywhere at once."""
    rows(dsn, "INSERT INTO id_token (id_token, is_concurrent) VALUES ('TAG', true)"
         " ON CONFLICT DO NOTHING")  # fmt: skip
    for station_id in station_ids:
        rows(dsn, "INSERT INTO station (station_id, password_hash) VALUES (%s, %s)",
             station_id, password_hash(PASSWORD))  # fmt: skip
        rows(dsn, "INSERT INTO evse (station_id, evse_id, max_power_w)"
             " SELECT %s, n, 22000 FROM generate_series(1, %s) n", station_id, evses)  # fmt: skip


def add_token(dsn: str, id_token: str, status: str = "Accepted", **columns: Any) -> None:
    names = ["id_token", "status", *columns]
    marks = ", ".join(["%s"] * len(names))
    query = f"INSERT INTO id_token ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    rows(dsn, query, id_token, status, *columns.values())


@asynccontextmanager
async def serving(dsn: str, *station_ids: str, **settings: Any) -> AsyncIterator[Csms]:
    """Run an ingest process's server in this process, with these stations registered."""
    add_stations(dsn, *station_ids)
    ingest = Ingest(Settings(ocpp_port=0, **settings), dsn, "a secret key")
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(ingest.run(ready))
    await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield Csms(ingest, ready.result(), dsn)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def stamp(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z")


def session(csms: Csms, columns: str, **where: Any) -> Any:
    """Columns of the only session (or that of `where`), whose facts must add up."""
    ((name, value),) = where.items() or {"true": "true"}.items()
    found = csms.one(
        f"SELECT session_id, energy_wh, {columns} FROM session WHERE {name} = %s",  # noqa: S608
        value,
    )
    assert csms.one(SUMS, found[0]) == found[1]
    return found[2] if len(found) == 3 else found[2:]
