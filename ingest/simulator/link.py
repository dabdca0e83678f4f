"""OCPP-J on one WebSocket, the station's side: one CALL at a time out, all CALLs in answered."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
from websockets.asyncio.client import ClientConnection

_LOG = logging.getLogger(__name__)
CALL, CALLRESULT, CALLERROR = 2, 3, 4
Payload = dict[str, Any]
# The answer's payload, and what to do once the answer is on its way.
Reply = tuple[Payload, Callable[[], None] | None]


class CallRefusedError(Exception):
    """The other side answered this CALL with a CALLERROR."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class Link:
    """Frames in and out of one connection; ``handle`` answers the CALLs that come in.

    ``handle(action, payload)`` returns a ``Reply`` or raises ``CallRefusedError``.
    """

    def __init__(
        self,
        socket: ClientConnection,
        handle: Callable[[str, Payload], Reply],
        timeout_s: float = 30.0,
        malformed_code: str = "FormationViolation",
        note: Callable[[str, str], None] = lambda _direction, _frame: None,
    ) -> None:
        self._socket = socket
        self._handle = handle
        self._timeout_s = timeout_s
        self._malformed_code = malformed_code
        self._note = note  # hears every frame
        self._turn = asyncio.Lock()
        self._waiting: tuple[str, asyncio.Future[Payload]] | None = None

    async def call(self, action: str, payload: Payload) -> Payload:
        """Return the CALLRESULT's payload.

        Raises CallRefusedError on a CALLERROR, TimeoutError when no answer comes in time and
        ``websockets.ConnectionClosed`` when the connection ends first.
        """
        async with self._turn:
            answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            message_id = str(uuid4())
            self._waiting = (message_id, answer)
            try:
                await self._send([CALL, message_id, action, payload])
                async with asyncio.timeout(self._timeout_s):
                    return await answer
            finally:
                self._waiting = None

    async def listen(self) -> None:
        """Answer and dispatch frames until the connection closes (raises ConnectionClosed)."""
        while True:
            text = await self._socket.recv()
            self._note("in ", str(text))
            try:
                frame = msgspec.json.decode(text, type=list[Any])
                await self._receive(frame)
            except (LookupError, TypeError, ValueError) as error:
                _LOG.warning("unreadable frame ignored: %r: %.200r", error, text)

    async def _send(self, frame: list[Any]) -> None:
        text = msgspec.json.encode(frame).decode()
        self._note("out", text)
        await self._socket.send(text)

    async def _receive(self, frame: list[Any]) -> None:
        if frame[0] == CALL:
            await self._answer(*frame[1:4])
        elif self._waiting is not None and self._waiting[0] == frame[1]:
            self._settle(self._waiting[1], frame)

    def _settle(self, answer: asyncio.Future[Payload], frame: list[Any]) -> None:
        if answer.done():
            return
        if frame[0] == CALLRESULT:
            answer.set_result(frame[2])
        else:
            answer.set_exception(CallRefusedError(*frame[2:4]))

    async def _answer(self, message_id: str, action: str, payload: Payload) -> None:
        try:
            result, afterwards = self._handle(action, payload)
        except CallRefusedError as refusal:
            await self._send([CALLERROR, message_id, refusal.code, refusal.description, {}])
        except (KeyError, TypeError, ValueError) as error:
            await self._send([CALLERROR, message_id, self._malformed_code, repr(error)[:255], {}])
        else:
            await self._send([CALLRESULT, message_id, result])
            if afterwards is not None:
                afterwards()
