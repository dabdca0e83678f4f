"""What a station still has to say, in order; transaction messages wait out any silence."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.simulator.link import CallRefusedError, Link, Payload

_ATTEMPTS = 3  # how often a refused transaction message is tried before the station gives it up


@dataclass(eq=False, slots=True)
class Message:
    """One CALL to come.

    ``kept`` messages survive a lost connection and are repeated with the same content until
    answered. ``complete`` adds what only an earlier answer knows; False drops the message.
    """

    action: str
    payload: Payload
    kept: bool = False
    answered: Callable[[Payload], None] | None = None
    complete: Callable[[Payload], bool] | None = None
    future: asyncio.Future[Payload] | None = field(default=None, repr=False)
    refusals: int = 0


class Outbox:
    """A queue of messages that one sender empties while there is a connection."""

    def __init__(self, retry_s: float) -> None:
        self._retry_s = retry_s
        self._messages: deque[Message] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> None:
        """Queue a message behind all others."""
        self._messages.append(message)
        self._filled.set()
        self._emptied.clear()

    async def ask(self, message: Message) -> Payload:
        """Queue a message and return its answer; raises CallRefusedError, TimeoutError or OSError.

        OSError says that the connection was lost before the answer came.
        """
        message.future = asyncio.get_running_loop().create_future()
        self.put(message)
        return await message.future

    async def emptied(self) -> None:
        """Wait until everything has been said."""
        await self._emptied.wait()

    def forget_passing(self) -> None:
        """Drop what only made sense on the connection that was lost."""
        for message in [m for m in self._messages if not m.kept]:
            self._drop(message, ConnectionResetError("connection lost"))

    async def send_all(self, link: Link) -> None:
        """Send messages in order, for as long as the connection lasts."""
        while True:
            await self._filled.wait()
            await self._send(self._messages[0], link)

    async def _send(self, message: Message, link: Link) -> None:
        if message.complete is not None and not message.complete(message.payload):
            return self._drop(message, None)
        try:
            answer = await link.call(message.action, message.payload)
        except CallRefusedError as refusal:
            await self._refused(message, refusal)
        except TimeoutError as error:
            if not message.kept:
                self._drop(message, error)
        else:
            self._accept(message, answer)
        return None

    async def _refused(self, message: Message, refusal: CallRefusedError) -> None:
        message.refusals += 1
        if not message.kept or message.refusals >= _ATTEMPTS:
            return self._drop(message, refusal)
        return await asyncio.sleep(self._retry_s * message.refusals)

    def _accept(self, message: Message, answer: Payload) -> None:
        self._remove(message)
        if message.answered is not None:
            message.answered(answer)
        if message.future is not None and not message.future.done():
            message.future.set_result(answer)

    def _drop(self, message: Message, error: Exception | None) -> None:
        self._remove(message)
        if message.future is not None and not message.future.done() and error is not None:
            message.future.set_exception(error)

    def _remove(self, message: Message) -> None:
        # A reset may have emptied the queue meanwhile.
        if message in self._messages:
            self._messages.remove(message)
        if not self._messages:
            self._filled.clear()
            self._emptied.set()
