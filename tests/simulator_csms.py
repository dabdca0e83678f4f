"""A small strict central system for tests: every frame is checked against OCA's schemas."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import count
from typing import Any
from uuid import uuid4

import jsonschema_rs
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Payload = dict[str, Any]


@cache
def validator(version: str, name: str) -> jsonschema_rs.Draft6Validator:
    """Return the schema of one payload as the `ocpp` package ships it."""
    package = {"1.6": "v16", "2.0.1": "v201"}[version]
    text = files("ocpp").joinpath(package, "schemas", f"{name}.json").read_text("utf-8-sig")
    return jsonschema_rs.validator_for(json.loads(text))


def check(version: str, action: str, is_answer: bool, payload: Any) -> None:
    """Raise ValidationError unless the payload is what the standard allows."""
    asked = action if version == "1.6" else f"{action}Request"
    validator(version, f"{action}Response" if is_answer else asked).validate(payload)


@dataclass
class Received:
    """A CALL from a station."""

    station_id: str
    action: str
    payload: Payload


@dataclass
class Peer:
    """One connected station."""

    station_id: str
    version: str
    socket: ServerConnection
    waiting: dict[str, tuple[str, "asyncio.Future[Any]"]] = field(default_factory=dict)


class Csms:
    """Answers everything correctly, remembers everything, and lists what was wrong."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.errors: list[str] = []
        self.peers: dict[str, Peer] = {}
        self.boot_statuses: list[str] = []
        self.blocked_tokens: set[str] = set()
        self.silent_for: dict[str, int] = {}
        self.refuse_for: dict[str, int] = {}
        self.connections = 0
        self._numbers = count(1)
        self._message_ids: set[str] = set()
        self._news = asyncio.Condition()

    async def until(self, is_met: Callable[[], Any]) -> Any:
        """Wait until something holds; it is looked at again after every event."""
        async with self._news, asyncio.timeout(20):
            return await self._news.wait_for(is_met)

    def of(self, *actions: str, station_id: str | None = None) -> list[Payload]:
        """Return the payloads of some actions in the order they came."""
        return [
            r.payload
            for r in self.received
            if r.action in actions and station_id in {None, r.station_id}
        ]

    async def call(self, station_id: str, action: str, payload: Payload) -> Any:
        """Return a station's answer: its payload, or the code of its CALLERROR."""
        peer = self.peers[station_id]
        message_id = str(uuid4())
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        peer.waiting[message_id] = (action, answer)
        await peer.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(10):
            return await answer

    async def serve_station(self, socket: ServerConnection) -> None:
        """Talk with one station until it hangs up."""
        peer = self._welcome(socket)
        await self._tell()
        try:
            async for text in socket:
                await self._receive(peer, json.loads(text))
                await self._tell()
        except ConnectionClosed:
            pass
        finally:
            if self.peers.get(peer.station_id) is peer:
                del self.peers[peer.station_id]
            await self._tell()

    def _welcome(self, socket: ServerConnection) -> Peer:
        assert socket.request is not None
        assert socket.subprotocol is not None
        station_id = socket.request.path.rpartition("/")[2]
        scheme, _, secret = socket.request.headers["Authorization"].partition(" ")
        if (scheme, b64decode(secret).decode()) != ("Basic", f"{station_id}:secret"):
            self.errors.append(f"bad credentials from {station_id}")
        peer = Peer(station_id, socket.subprotocol.removeprefix("ocpp"), socket)
        self.peers[station_id] = peer
        self.connections += 1
        return peer

    async def _receive(self, peer: Peer, frame: list[Any]) -> None:
        if frame[0] == 2:
            await self._answer(peer, *frame[1:])
            return
        action, future = peer.waiting.pop(frame[1])
        if frame[0] == 3:
            self._check(peer, action, True, frame[2])
        future.set_result(frame[2])

    async def _answer(self, peer: Peer, message_id: str, action: str, payload: Payload) -> None:
        if message_id in self._message_ids:
            self.errors.append(f"message id {message_id} used twice")
        self._message_ids.add(message_id)
        self._check(peer, action, False, payload)
        self.received.append(Received(peer.station_id, action, payload))
        if self.silent_for.get(action, 0) > 0:
            self.silent_for[action] -= 1
        elif self.refuse_for.get(action, 0) > 0:
            self.refuse_for[action] -= 1
            await peer.socket.send(json.dumps([4, message_id, "InternalError", "", {}]))
        else:
            answer = self._respond(peer.version, action, payload)
            check(peer.version, action, True, answer)
            await peer.socket.send(json.dumps([3, message_id, answer]))

    def _check(self, peer: Peer, action: str, is_answer: bool, payload: Any) -> None:
        try:
            check(peer.version, action, is_answer, payload)
        except jsonschema_rs.ValidationError as error:
            self.errors.append(f"{action}: {error.message}: {payload}")

    def _respond(self, version: str, action: str, payload: Payload) -> Payload:
        at = datetime.now(UTC).isoformat()
        if action == "BootNotification":
            status = self.boot_statuses.pop(0) if self.boot_statuses else "Accepted"
            return {"currentTime": at, "interval": 300 if status == "Accepted" else 1} | {
                "status": status
            }
        if action == "Heartbeat":
            return {"currentTime": at}
        if action in {"Authorize", "StartTransaction", "TransactionEvent"}:
            return self._authorize(version, action, payload)
        return {}

    def _authorize(self, version: str, action: str, payload: Payload) -> Payload:
        if version == "1.6":
            status = "Blocked" if payload["idTag"] in self.blocked_tokens else "Accepted"
            number = {"transactionId": next(self._numbers)} if action != "Authorize" else {}
            return {"idTagInfo": {"status": status}} | number
        if "idToken" not in payload:
            return {}
        is_blocked = payload["idToken"]["idToken"] in self.blocked_tokens
        return {"idTokenInfo": {"status": "Blocked" if is_blocked else "Accepted"}}

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def running_csms() -> AsyncIterator[tuple[Csms, str, Server]]:
    """Yield a central system, the URL stations take, and the server beneath."""
    csms = Csms()
    async with serve(
        csms.serve_station,
        "127.0.0.1",
        0,
        subprotocols=["ocpp2.0.1", "ocpp1.6"],  # type: ignore[list-item]
        compression=None,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield csms, f"ws://127.0.0.1:{port}/ocpp", server
    assert csms.errors == []
