"""One virtual station: keeps a connection, boots, says what happens, obeys what it is told."""

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

from ingest.simulator.evse import Fault, Guest, LiveSession, StopReason, VirtualEvse
from ingest.simulator.link import CallRefusedError, Link, Payload, Reply
from ingest.simulator.meter import now
from ingest.simulator.outbox import Message, Outbox
from ingest.simulator.plan import Reading, Visit, plan_visit
from ingest.simulator.spec import Pace, VirtualStationSpec

_LOG = logging.getLogger(__name__)
_LAST_WORDS_S = 2.0  # how long a simulator that ends waits for its last stops to be answered
_DEFAULT_HEARTBEAT_S = 300.0
_REMOTE_VISIT_S = 900.0  # who starts from a phone stays long enough to watch it


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


class VirtualStation:
    """A station over a real WebSocket; ``run`` it until it is cancelled."""

    def __init__(
        self,
        spec: VirtualStationSpec,
        url: str,
        rng: Random,
        dialects: dict[str, Callable[["VirtualStation"], Dialect]],
        pace: Pace | None = None,
    ) -> None:
        self.spec = spec
        self.station_id = spec.station_id
        self.site_id = spec.site_id
        self.rng = rng
        self.pace = pace or Pace()
        self.meter_interval_s = self.pace.meter_interval_s
        self.heartbeat_s = _DEFAULT_HEARTBEAT_S
        self.refuses_starts = False
        self.is_accepted = False
        self.is_online = False
        self.rebooted = asyncio.Event()  # a new one after every reboot
        self.accepted = asyncio.Event()
        self.outbox = Outbox(self.pace.retry_s)
        registers = spec.registers_wh or tuple(rng.randrange(10**6, 9 * 10**7) for _ in spec.evses)
        self.evses = {
            evse.evse_id: VirtualEvse(evse, register_wh, self)
            for evse, register_wh in zip(spec.evses, registers, strict=True)
        }
        self._dialect = dialects[spec.version](self)
        self._url = f"{url.rstrip('/')}/{quote(spec.station_id, safe='')}"
        self._socket: ClientConnection | None = None
        self._silences: set[str] = set()
        self._reachable = asyncio.Event()
        self._reachable.set()
        self._boot_reason: str | None = "PowerUp"
        self._boot_now = asyncio.Event()
        self._failures = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    # What the world does to the station.

    async def run(self) -> None:
        """Stay connected until cancelled, then end running sessions and hang up."""
        contact = asyncio.create_task(self._stay_connected())
        try:
            await asyncio.wait({contact})
            contact.result()
        finally:
            await self._wind_down()
            for task in (contact, *self._tasks):
                task.cancel()
            await asyncio.gather(contact, *self._tasks, return_exceptions=True)

    def receive(self, evse_id: int, guest: Guest) -> "asyncio.Task[bool]":
        """Let a driver come to an evse; the task says in the end whether they charged."""
        return self.start_task(self.evses[evse_id].serve(guest))

    def start_task(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run something beside everything else, at most until the station ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def lose_contact(self, reason: str) -> None:
        """Cut the line without a goodbye; nothing gets through until every reason is gone."""
        self._silences.add(reason)
        self._reachable.clear()
        if self._socket is not None:
            self._socket.transport.abort()

    def regain_contact(self, reason: str) -> None:
        """Take back one reason for silence."""
        if reason not in self._silences:
            return
        self._silences.discard(reason)
        if not self._silences:
            self._failures = 0
            self._reachable.set()

    def freeze_meters(self, is_frozen: bool) -> None:
        """Stop or start the counting of every register; power is not affected."""
        for evse in self.evses.values():
            evse.meter.set_frozen(is_frozen, now())

    def fail(self, evse_id: int, fault: Fault) -> None:
        """Break an evse until ``recover`` or a reboot."""
        self.evses[evse_id].fail(fault)

    def recover(self, evse_id: int) -> None:
        """Mend an evse."""
        self.evses[evse_id].recover()

    # What the central system asks for; the dialects translate.

    def remote_start(self, evse_id: int | None, **guest: Any) -> bool:
        """Start on the given or the first free evse for a driver who plugs in shortly."""
        free = [e for e in self.evses.values() if e.is_free and evse_id in {None, e.evse_id}]
        if not free or self.refuses_starts or not self.is_accepted:
            return False
        visit = self._remote_visit(free[0])
        self.receive(
            free[0].evse_id,
            Guest(visit, is_remote=True, arrives_after_s=self.rng.uniform(2, 6), **guest),
        )
        return True

    def session_of(self, transaction: str | int) -> LiveSession | None:
        """Return the running session with this transaction id (1.6: number), if any."""
        sessions = (evse.session for evse in self.evses.values())
        return next(
            (s for s in sessions if s and transaction in {s.transaction_id, s.number}), None
        )

    def reboot(self, reason: StopReason) -> None:
        """End sessions, forget faults, come back with a BootNotification."""
        self.start_task(self._reboot(reason))

    def boot_again(self) -> None:
        """Send a BootNotification: at once while waiting for acceptance, else in turn."""
        if self.is_accepted:
            self.outbox.put(self._dialect.boot("Triggered"))
        self._boot_now.set()

    # What the evses tell.

    async def authorize(self, guest: Guest) -> bool:
        """Ask whether the token may charge; a station that cannot ask lets it."""
        if not self.is_online:
            return True
        try:
            answer = await self.outbox.ask(self._dialect.authorize(guest))
        except OSError:
            return True
        except (CallRefusedError, TimeoutError):
            return False
        return self._dialect.is_authorized(answer)

    def tell_status(self, evse: VirtualEvse) -> None:
        """Say how an evse is; a station without contact says it when it is back."""
        if self.is_online:
            self.tell(*self._dialect.status(evse))

    def tell_started(self, session: LiveSession, reading: Reading) -> None:
        """Say that a session began."""
        self.tell(self._dialect.started(session, reading))

    def tell_metered(self, session: LiveSession, reading: Reading) -> None:
        """Say what the meter shows."""
        self.tell(self._dialect.metered(session, reading))

    def tell_phase(self, session: LiveSession, reading: Reading) -> None:
        """Say that power began or ended."""
        self.tell(*self._dialect.phase(session, reading))

    def tell_ended(self, session: LiveSession, reading: Reading) -> None:
        """Say that a session ended."""
        self.tell(self._dialect.ended(session, reading))

    def tell(self, *messages: Message) -> None:
        """Queue messages."""
        for message in messages:
            self.outbox.put(message)

    # Contact.

    async def _stay_connected(self) -> None:
        while True:
            await self._reachable.wait()
            try:
                await self._converse()
            except (OSError, WebSocketException, TimeoutError, CallRefusedError) as error:
                self._note_failure(error)
            except (LookupError, TypeError, ValueError) as error:
                _LOG.warning("%s: answer makes no sense: %r", self.station_id, error)
                self._failures += 1
            self.is_online = False
            self.outbox.forget_passing()
            await asyncio.sleep(self._pause_s())

    def _note_failure(self, error: Exception) -> None:
        """Say once why a station never came up; later losses are part of the play."""
        self._failures += 1
        is_news = self._failures == 1 and not self.accepted.is_set()
        level = logging.WARNING if is_news else logging.DEBUG
        _LOG.log(level, "%s: no contact with %s: %s", self.station_id, self._url, error)

    def _pause_s(self) -> float:
        """Back off exponentially with jitter, so that a fleet does not return in step."""
        if self._boot_reason == "RemoteReset" and self._failures <= 1:
            return self.pace.real(self.pace.reboot_s)
        longest_s = self.pace.backoff_s * 2.0 ** min(self._failures, 10)
        return min(longest_s, self.pace.backoff_limit_s) * self.rng.uniform(0.5, 1)

    async def _converse(self) -> None:
        credentials = b64encode(f"{self.station_id}:{self.spec.password}".encode()).decode()
        async with connect(
            self._url,
            subprotocols=[Subprotocol(self._dialect.subprotocol)],
            additional_headers={"Authorization": f"Basic {credentials}"},
            compression=None,
            proxy=None,
            close_timeout=2,
        ) as socket:
            if socket.subprotocol != self._dialect.subprotocol:
                raise ConnectionRefusedError(f"it does not speak {self._dialect.subprotocol}")
            if self._silences:  # cut while the handshake was under way
                raise ConnectionResetError("line cut")
            self._socket = socket
            try:
                await self._use(socket)
            finally:
                self._socket = None

    async def _use(self, socket: ClientConnection) -> None:
        link = Link(
            socket, self._dialect.handle, self.pace.call_timeout_s, self._dialect.malformed_code
        )
        await _until_first_ends(link.listen(), self._talk(link))

    async def _talk(self, link: Link) -> None:
        if self._boot_reason is not None:
            await self._boot(link, self._boot_reason)
        self._boot_reason, self.is_accepted, self.is_online = None, True, True
        self._failures = 0
        self.accepted.set()
        self.tell(*self._dialect.station_status())
        for evse in self.evses.values():
            self.tell_status(evse)
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
            await _wait(self._boot_now, interval_s or self.pace.retry_s)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            self.tell(self._dialect.heartbeat())

    # Endings.

    async def _reboot(self, reason: StopReason) -> None:
        await self._end_sessions(reason)
        if reason is StopReason.SOFT_RESET:
            await _wait_for(self.outbox.emptied(), 5.0)
        self._boot_reason = "RemoteReset"
        self.is_accepted = self.is_online = False
        for evse in self.evses.values():
            evse.recover()
        if self._socket is not None:
            await self._socket.close()
        rebooted, self.rebooted = self.rebooted, asyncio.Event()
        rebooted.set()

    async def _end_sessions(self, reason: StopReason) -> None:
        sessions = [evse.session for evse in self.evses.values() if evse.session]
        for session in sessions:
            session.stop(reason)
        for session in sessions:
            await session.ended.wait()

    async def _wind_down(self) -> None:
        await self._end_sessions(StopReason.POWER_LOSS)
        if self.is_online:
            await _wait_for(self.outbox.emptied(), _LAST_WORDS_S)

    def _remote_visit(self, evse: VirtualEvse) -> Visit:
        for _ in range(20):
            visit = plan_visit(self.rng, evse.evse)
            if min(visit.stop_s, visit.curve.full_s) >= _REMOTE_VISIT_S:
                break
        return visit


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


async def _wait(event: asyncio.Event, seconds: float) -> None:
    await _wait_for(event.wait(), seconds)


async def _wait_for(work: Coroutine[Any, Any, Any], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        pass
