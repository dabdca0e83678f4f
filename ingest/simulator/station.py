"""One virtual station: its evses, what it says of them, what it does when told to."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from ingest.simulator.contact import Contact, Dialect, wait_at_most
from ingest.simulator.evse import Fault, Guest, LiveSession, StopReason, VirtualEvse
from ingest.simulator.link import CallRefusedError
from ingest.simulator.log_file import name_of, upload
from ingest.simulator.meter import now
from ingest.simulator.outbox import Message
from ingest.simulator.plan import Reading, Visit, plan_visit
from ingest.simulator.spec import Pace, VirtualStationSpec

_LAST_WORDS_S = 2.0  # how long who goes down waits for the answers to its last stops
_REMOTE_VISIT_S = 900.0  # who starts from a phone stays long enough to watch it


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
        self.refuses_starts = False
        self.rebooted = asyncio.Event()  # a new one after every reboot
        registers = spec.registers_wh or tuple(rng.randrange(10**6, 9 * 10**7) for _ in spec.evses)
        self.evses = {
            evse.evse_id: VirtualEvse(evse, register_wh, self)
            for evse, register_wh in zip(spec.evses, registers, strict=True)
        }
        self._dialect = dialects[spec.version](self)
        self.contact = Contact(spec, url, self._dialect, self._greet, self.pace, rng)
        self._tasks: set[asyncio.Task[Any]] = set()

    # What the world does to the station.

    async def run(self) -> None:
        """Stay connected until cancelled, then end running sessions and hang up."""
        contact = asyncio.create_task(self.contact.keep())
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
        self.contact.lose(reason)

    def regain_contact(self, reason: str) -> None:
        """Take back one reason for silence."""
        self.contact.regain(reason)

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
        if not free or self.refuses_starts or not self.contact.is_accepted:
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

    def upload_log(self, location: str, say: Callable[[str], None]) -> str:
        """Put the log there, beside everything else; the file's name."""
        title = (
            f"{self.station_id} {self.spec.vendor} {self.spec.model} {self.spec.firmware_version}"
        )
        self.start_task(upload(self.contact.diary.text(title), location, say))
        return name_of(self.station_id, now())

    def reboot(self, reason: StopReason) -> None:
        """End sessions, forget faults, come back with a BootNotification."""
        self.start_task(self._reboot(reason))

    # What the evses tell.

    async def authorize(self, guest: Guest) -> bool:
        """Ask whether the token may charge; a station that cannot ask lets it."""
        if not self.contact.is_online:
            return True
        try:
            answer = await self.contact.outbox.ask(self._dialect.authorize(guest))
        except OSError:
            return True
        except (CallRefusedError, TimeoutError):
            return False
        return self._dialect.is_authorized(answer)

    def tell_status(self, evse: VirtualEvse) -> None:
        """Say how an evse is; a station without contact says it when it is back."""
        if self.contact.is_online:
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
            self.contact.outbox.put(message)

    def _greet(self) -> None:
        self.tell(*self._dialect.station_status())
        for evse in self.evses.values():
            self.tell_status(evse)

    # Endings.

    async def _reboot(self, reason: StopReason) -> None:
        await self._end_sessions(reason)
        if reason is StopReason.SOFT_RESET:
            await wait_at_most(_LAST_WORDS_S, self.contact.outbox.emptied())
        await self.contact.reboot()
        for evse in self.evses.values():
            evse.recover()
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
        if self.contact.is_online:
            await wait_at_most(_LAST_WORDS_S, self.contact.outbox.emptied())

    def _remote_visit(self, evse: VirtualEvse) -> Visit:
        for _ in range(20):
            visit = plan_visit(self.rng, evse.evse)
            if min(visit.stop_s, visit.curve.full_s) >= _REMOTE_VISIT_S:
                break
        return visit
