"""A virtual station's contact with its central system: connect, boot, fall silent, return."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Protocol
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from ingest.simulator.evse import Guest, LiveSession, VirtualEvse
from ingest.simulator.link import CallRefusedError, Link, Payload, Reply
from ingest.simulator.log_file import Diary
from ingest.simulator.meter import now
from ingest.simulator.outbox import Message, Outbox
from ingest.simulator.plan import Reading
from ingest.simulator.spec import Pace, VirtualStationSpec

_LOG = logging.getLogger(__name__)
_DEFAULT_HEARTBEAT_S = 300.0


class Dialect(Protocol):
    """One version of OCPP: our events to messages, their commands to our actions."""

    subprotocol: str
    malformed_code: str

    def boot(self, reason: str) -> Message: ...
    def heartbeat(self) -> Message: ...
    def status(self, evse: VirtualEvse) -> list[Message]: ...
    def station_status(self) -> list[Message]: ...
    def authorize(self, guest: Guest) -> Message: ...
    def is_authorized(self, answer: Payload) -> bool: ...
    def started(self, session: LiveSession, reading: Reading) -> Message: ...
    def metered(self, session: LiveSession, reading: Reading) -> Message: ...
    def phase(self, session: LiveSession, reading: Reading) -> list[Message]: ...
    def ended(self, session: LiveSession, reading: Reading) -> Message: ...
    def handle(self, action: str, payload: Payload) -> Reply: ...


class Contact:
    """Keeps one WebSocket up and empties the outbox through it.

    ``greet`` is called after every return, to say how everything is.
    """

    def __init__(
        self,
        spec: VirtualStationSpec,
        url: str,
        dialect: Dialect,
        greet: Callable[[], None],
        pace: Pace,
        rng: Random,
    ) -> None:
        self.is_accepted = False
        self.is_online = False
        self.accepted = asyncio.Event()
        self.heartbeat_s = _DEFAULT_HEARTBEAT_S
        self.outbox = Outbox(pace.retry_s)
        self.diary = Diary()
        self._spec = spec
        self._url = f"{url.rstrip('/')}/{quote(spec.station_id, safe='')}"
        self._dialect = dialect
        self._greet = greet
        self._pace = pace
        self._rng = rng
        self._socket: ClientConnection | None = None
        self._silences: set[str] = set()
        self._reachable = asyncio.Event()
        self._reachable.set()
        self._boot_reason: str | None = "PowerUp"
        self._boot_now = asyncio.Event()
        self._failures = 0

    async def keep(self) -> None:
        """Stay connected for ever."""
        while True:
            await self._reachable.wait()
            try:
                await self._converse()
            except (OSError, WebSocketException, TimeoutError, CallRefusedError) as error:
                self._note_failure(error)
            except (LookupError, TypeError, ValueError) as error:
                _LOG.warning("%s: answer makes no sense: %r", self._spec.station_id, error)
                self._failures += 1
            self.is_online = False
            self.outbox.forget_passing()
            await asyncio.sleep(self._pause_s())

    def lose(self, reason: str) -> None:
        """Cut the line without a goodbye; nothing gets through until every reason is gone."""
        self._silences.add(reason)
        self._reachable.clear()
        if self._socket is not None:
            self._socket.transport.abort()

    def regain(self, reason: str) -> None:
        """Take back one reason for silence."""
        if reason not in self._silences:
            return
        self._silences.discard(reason)
        if not self._silences:
            self._failures = 0
            self._reachable.set()

    def boot_again(self) -> None:
        """Send a BootNotification: at once while waiting for acceptance, else in turn."""
        if self.is_accepted:
            self.outbox.put(self._dialect.boot("Triggered"))
        self._boot_now.set()

    async def reboot(self) -> None:
        """Hang up and come back after a while with a BootNotification."""
        self._boot_reason = "RemoteReset"
        self.is_accepted = self.is_online = False
        if self._socket is not None:
            await self._socket.close()

    def _note_failure(self, error: Exception) -> None:
        """Say once why a station never came up; later losses are part of the play."""
        self._failures += 1
        is_news = self._failures == 1 and not self.accepted.is_set()
        level = logging.WARNING if is_news else logging.DEBUG
        _LOG.log(level, "no contact with %s: %s", self._url, error)

    def _pause_s(self) -> float:
        """Back off exponentially with jitter, so that a fleet does not return in step."""
        if self._boot_reason == "RemoteReset" and self._failures <= 1:
            return self._pace.real(self._pace.reboot_s)
        longest_s = self._pace.backoff_s * 2.0 ** min(self._failures, 10)
        return min(longest_s, self._pace.backoff_limit_s) * self._rng.uniform(0.5, 1)

    async def _converse(self) -> None:
        identity = f"{self._spec.station_id}:{self._spec.password}"
        async with connect(
            self._url,
            subprotocols=[Subprotocol(self._dialect.subprotocol)],
            additional_headers={"Authorization": f"Basic {b64encode(identity.encode()).decode()}"},
            compression=None,
            proxy=None,
            close_timeout=2,
        ) as socket:
            if socket.subprotocol != self._dialect.subprotocol:
                raise ConnectionRefusedError(f"it does not speak {self._dialect.subprotocol}")
            if self._silences:  # cut while the handshake was under way
                raise ConnectionResetError("line cut")
            await self._use(socket)

    async def _use(self, socket: ClientConnection) -> None:
        dialect = self._dialect
        link = Link(
            socket, dialect.handle, self._pace.call_timeout_s, dialect.malformed_code,
            lambda direction, frame: self.diary.note(now(), direction, frame),
        )  # fmt: skip
        self._socket = socket
        try:
            await _until_first_ends(link.listen(), self._talk(link))
        finally:
            self._socket = None

    async def _talk(self, link: Link) -> None:
        if self._boot_reason is not None:
            await self._boot(link, self._boot_reason)
        self._boot_reason, self.is_accepted, self.is_online = None, True, True
        self._failures = 0
        self.accepted.set()
        self._greet()
        await _until_first_ends(self.outbox.send_all(link), self._beat())

    async def _boot(self, link: Link, reason: str) -> None:
        self.is_accepted = False
        while True:
            self._boot_now.clear()
            message = self._dialect.boot(reason)
            answer = await link.call(message.action, message.payload)
            interval_s = float(answer["interval"])
            if answer["status"] == "Accepted":
                self.heartbeat_s = interval_s or _DEFAULT_HEARTBEAT_S
                return
            await wait_at_most(interval_s or self._pace.retry_s, self._boot_now.wait())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            self.outbox.put(self._dialect.heartbeat())


async def wait_at_most(seconds: float, work: Coroutine[Any, Any, Any]) -> None:
    """Wait for the work, at most so many real seconds."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        pass


async def _until_first_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Run works side by side; the first to end ends the others, and its error is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
