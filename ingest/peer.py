"""One connected station: frames in, answers out, our own CALLs one at a time."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ingest import v16, v201
from ingest.book import Station
from ingest.codec import (
    Answer,
    Call,
    CallError,
    Version,
    check,
    decode_frame,
    encode_call,
    encode_error,
    encode_result,
    validator,
    without_nul,
)
from ingest.events import Authorization, Event, Noted, Outcome
from ingest.handler import Handler
from ingest.writer import Message

log = logging.getLogger("kilowatch.ingest")

HANDLERS: dict[Version, dict[str, Handler]] = {"1.6": v16.HANDLERS, "2.0.1": v201.HANDLERS}
MOST_IN_FLIGHT = 100  # unanswered CALLs of a station; then we stop reading its socket
UNSENT_BYTES = 4 * 1024 * 1024  # a station that sends but never reads is cut off there
CALL_SECONDS = 30.0
MOST_GUESSES, GUESS_SECONDS, GUESS_PAUSE = 10, 60.0, 1.0
MOST_ACTION = 100  # characters of an action nobody knows that are worth keeping
# What a station may send before it is accepted (2.0.1 B02.FR.09, B03.FR.07)
BEFORE_ACCEPTED = {
    "Pending": {"BootNotification", "NotifyReport", "SecurityEventNotification"},
    "Rejected": {"BootNotification"},
}


class NotSentError(ConnectionError):
    """The connection had closed before the CALL was sent."""


class Peer:
    """Reads frames by `run` until the socket closes; everything else may be called meanwhile."""

    def __init__(
        self,
        socket: ServerConnection,
        station: Station,
        version: Version,
        put: Callable[[Message], None],
        refresh: Callable[["Peer"], Any],
    ) -> None:
        self.socket, self.station, self.version = socket, station, version
        self.epoch = 0
        self.entry_version = station.entry_version  # of what let it in
        self.is_sent_away = False  # by us, for an outage of ours
        self.seen_at = self.flushed_at = datetime.now(UTC)
        self._put, self._refresh = put, refresh
        self._in_flight = 0
        self._room: asyncio.Event | None = None
        self._calls: dict[str, asyncio.Future[Answer]] = {}
        self._turn = asyncio.Lock()
        self._guesses: list[float] = []

    async def run(self) -> None:
        """Serve until the connection closes."""
        try:
            while True:
                frame = await self.socket.recv(decode=False)
                self.seen_at = datetime.now(UTC)
                await self._on_frame(frame)
                if self._in_flight >= MOST_IN_FLIGHT:
                    await self._wait_for_room()
        except ConnectionClosed:
            pass
        finally:
            for waiting in self._calls.values():
                waiting.cancel()

    async def refresh(self) -> None:
        """Look again at what the database says of the station."""
        await self._refresh(self)

    async def close(self, code: int, reason: str) -> None:
        await self.socket.close(code, reason)

    async def _wait_for_room(self) -> None:
        self._room = asyncio.Event()
        await self._room.wait()

    async def _on_frame(self, frame: bytes) -> None:
        try:
            message = decode_frame(frame)
            if isinstance(message, Answer):
                self._on_answer(message)
            else:
                await self._guard(message, frame)
        except CallError as error:
            self._refuse(error, frame)

    async def _guard(self, call: Call, frame: bytes) -> None:
        """A fault of ours costs this message, which is kept in the log, not the connection."""
        try:
            await self._on_call(call, frame)
        except CallError:
            raise
        except Exception as error:
            log.exception("%s %s", self.station.station_id, call.action)
            code, text = "InternalError", "could not be read"
            raise CallError(call.message_id, code, text, {}, call.action) from error

    def _on_answer(self, answer: Answer) -> None:
        """An answer nobody waits for (too late, invented) is dropped."""
        waiting = self._calls.get(answer.message_id)
        if waiting and not waiting.done():
            waiting.set_result(answer)

    async def _on_call(self, call: Call, frame: bytes) -> None:
        handler = self._handler(call)
        payload = check(call, self.version)
        if call.action == "BootNotification":
            await self._refresh(self)
        allowed = BEFORE_ACCEPTED.get(self.station.registration_status)
        if allowed is not None and call.action not in allowed:
            raise CallError(call.message_id, "SecurityError", "not accepted yet", {}, call.action)
        if handler.is_heartbeat:
            self.send(encode_result(call.message_id, handler.answer(Outcome())))
            return
        event = handler.read(payload, self.seen_at)
        self._in_flight += 1
        if isinstance(event, Authorization) and self._is_guessing():
            # later, not asleep: answers to our own CALLs must still be read
            loop = asyncio.get_running_loop()
            loop.call_later(GUESS_PAUSE, self._submit, call, frame, handler, event)
        else:
            self._submit(call, frame, handler, event)

    def _handler(self, call: Call) -> Handler:
        """Raises CallError for what stations don't send: unknown, or ours to send."""
        handler = HANDLERS[self.version].get(call.action)
        if handler is not None:
            return handler
        known = validator(self.version, call.action) is not None
        code = "NotSupported" if known else "NotImplemented"
        raise CallError(call.message_id, code, f"action {call.action}"[:200], {}, call.action)

    def _submit(self, call: Call, frame: bytes, handler: Handler, event: Event) -> None:
        def answer(outcome: Outcome) -> bytes:
            if isinstance(event, Authorization) and outcome.token:
                self._note_guess(outcome.token.status)
            return encode_result(call.message_id, handler.answer(outcome))

        self._put(
            Message(
                self.station, event, self.seen_at, without_nul(call.message_id), call.action,
                frame, answer, self._reply,
            )
        )  # fmt: skip

    def _refuse(self, error: CallError, frame: bytes) -> None:
        """CALLERROR at once; the frame goes to the log. 1.6 has no answer to what has no id; 2.x
        answers with id -1 (2.0.1 part 4 section 4.2.3)."""
        message_id = error.message_id
        if message_id is None:
            error.message_id = "-1"
        answer = encode_error(error, self.version)
        if message_id is not None or self.version != "1.6":
            self.send(answer)
        self._in_flight += 1
        self._put(
            Message(
                self.station, Noted(), self.seen_at, without_nul(error.message_id or "-1"),
                without_nul(error.action[:MOST_ACTION]) or "?", frame, lambda _outcome: answer,
                lambda _answer: self._done(), error.code,
            )
        )  # fmt: skip

    def _reply(self, answer: bytes) -> None:
        self.send(answer)
        self._done()

    def _done(self) -> None:
        self._in_flight -= 1
        if self._room is not None and self._in_flight < MOST_IN_FLIGHT:
            self._room.set()
            self._room = None

    def send(self, data: bytes) -> None:
        """Write without waiting, as websockets.broadcast does: one slow reader among thousands
        must not hold up the others' answers."""
        if self.socket.state.name != "OPEN":
            return
        if self.socket.transport.get_write_buffer_size() > UNSENT_BYTES:
            self.socket.transport.abort()
            return
        self.socket.protocol.send_text(data)
        self.socket.send_data()

    async def call(self, action: str, payload: Any) -> Answer:
        """Send one of our CALLs and wait for its answer; one is outstanding at a time.

        Raises TimeoutError, NotSentError, and ConnectionError when the socket closes before the
        answer.
        """
        async with self._turn:
            if self.socket.state.name != "OPEN":
                raise NotSentError("the connection has closed")
            message_id = str(uuid.uuid4())
            waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._calls[message_id] = waiting
            self.send(encode_call(message_id, action, payload))
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    return await waiting
            except asyncio.CancelledError:
                if waiting.cancelled():
                    raise ConnectionError("the connection closed") from None
                raise
            finally:
                del self._calls[message_id]

    def _note_guess(self, status: str) -> None:
        if status == "Unknown":
            now = asyncio.get_running_loop().time()
            self._guesses = [t for t in self._guesses if now - t < GUESS_SECONDS] + [now]

    def _is_guessing(self) -> bool:
        """Many unknown tokens within a minute: each further one takes a second."""
        now = asyncio.get_running_loop().time()
        return sum(now - t < GUESS_SECONDS for t in self._guesses) >= MOST_GUESSES


def remote_of(socket: ServerConnection) -> str:
    address = socket.remote_address
    return str(address[0]) if isinstance(address, tuple) else str(address)
