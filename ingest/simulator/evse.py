"""One evse of a virtual station: a car plugs in, charges, is full, leaves; or something fails."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol
from uuid import uuid4

from ingest.simulator.meter import Meter, now
from ingest.simulator.network import Evse
from ingest.simulator.plan import Reading, Visit
from ingest.simulator.spec import Pace


class Phase(Enum):
    """What the evse does; how a version of OCPP calls it is the version's business."""

    FREE = auto()
    PLUGGED = auto()
    CHARGING = auto()
    CAR_FULL = auto()
    FINISHED = auto()


class Fault(Enum):
    """What can break, in the words of OCPP 1.6's error codes."""

    CONNECTOR_LOCK_FAILURE = "ConnectorLockFailure"
    GROUND_FAILURE = "GroundFailure"


class StopReason(Enum):
    """Why a session ends."""

    DRIVER = auto()
    REMOTE = auto()
    SOFT_RESET = auto()
    HARD_RESET = auto()
    UNLOCKED = auto()
    FAULT = auto()
    NOT_AUTHORIZED = auto()
    POWER_LOSS = auto()


@dataclass(frozen=True, slots=True)
class Guest:
    """Who comes: the visit drawn for them, the token they show, how long they take to start.

    A guest whose start was asked for from afar is authorised already.
    """

    visit: Visit
    id_token: str
    token_type: str = "ISO14443"  # noqa: S105 (a kind, not a secret)
    is_remote: bool = False
    remote_start_id: int | None = None
    arrives_after_s: float = 0.0
    hesitates_s: float = 3.0


class LiveSession:
    """A session in progress; 1.6 learns ``number`` from the answer to its start."""

    def __init__(self, evse_id: int, guest: Guest, started_at: datetime) -> None:
        self.evse_id = evse_id
        self.guest = guest
        self.started_at = started_at
        self.transaction_id = str(uuid4())
        self.number: int | None = None
        self.seq_no = 0
        self.stop_reason: StopReason | None = None
        self.ended = asyncio.Event()
        self._stopped = asyncio.Event()

    def stop(self, reason: StopReason) -> None:
        """End the session at the next moment; the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason = reason
            self._stopped.set()

    async def stopped_within(self, seconds: float) -> bool:
        """Wait at most so many real seconds; return whether the session was stopped."""
        if self.stop_reason is None and seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()
            except TimeoutError:
                pass
        return self.stop_reason is not None


class Host(Protocol):
    """What an evse needs of its station."""

    pace: Pace
    meter_interval_s: float

    @property
    def refuses_starts(self) -> bool: ...
    async def authorize(self, guest: Guest) -> bool: ...
    def tell_status(self, evse: "VirtualEvse") -> None: ...
    def tell_started(self, session: LiveSession, reading: Reading) -> None: ...
    def tell_metered(self, session: LiveSession, reading: Reading) -> None: ...
    def tell_phase(self, session: LiveSession, reading: Reading) -> None: ...
    def tell_ended(self, session: LiveSession, reading: Reading) -> None: ...


class VirtualEvse:
    """The state of one evse and the life of a visit to it."""

    def __init__(self, evse: Evse, register_wh: int, host: Host) -> None:
        self.evse = evse
        self.evse_id = evse.evse_id
        self.phase = Phase.FREE
        self.fault: Fault | None = None
        self.is_operative = True
        self.session: LiveSession | None = None
        self.meter = Meter(register_wh, host.pace.speed)
        self._host = host
        self._is_taken = False
        self._closes_afterwards = False

    @property
    def is_free(self) -> bool:
        """Tell whether a driver could start here now."""
        return not self._is_taken and self.is_operative and self.fault is None

    @property
    def is_taken(self) -> bool:
        """Tell whether somebody is here or on the way."""
        return self._is_taken

    def read(self) -> Reading:
        """Return what the meter shows now."""
        return self.meter.read(now())

    async def serve(self, guest: Guest) -> bool:
        """Play one visit from arrival to departure; return whether it became a session."""
        if not self.is_free:
            return False
        self._is_taken = True
        try:
            await self._sleep(guest.arrives_after_s)
            self._enter(Phase.PLUGGED)
            await self._sleep(guest.hesitates_s)
            return await self._start(guest)
        finally:
            self._leave()

    def fail(self, fault: Fault) -> None:
        """Break: a running session ends, nobody can start until ``recover``."""
        self.fault = fault
        if self.session is not None:
            self.session.stop(StopReason.FAULT)
        self._host.tell_status(self)

    def recover(self) -> None:
        """Work again."""
        if self.fault is not None:
            self.fault = None
            self._host.tell_status(self)

    def set_operative(self, is_operative: bool) -> bool:
        """Open or close for drivers; return False when that has to wait for a session's end."""
        self._closes_afterwards = not is_operative and self.session is not None
        if self._closes_afterwards:
            return False
        if self.is_operative != is_operative:
            self.is_operative = is_operative
            self._host.tell_status(self)
        return True

    async def _start(self, guest: Guest) -> bool:
        if not self._can_start():
            return False
        if not guest.is_remote and not await self._host.authorize(guest):
            return False
        if not self._can_start():  # it may have broken while the token was checked
            return False
        await self._run(guest)
        return True

    def _can_start(self) -> bool:
        return self.fault is None and not self._host.refuses_starts

    async def _run(self, guest: Guest) -> None:
        at = now()
        session = self.session = LiveSession(self.evse_id, guest, at)
        self.meter.begin(guest.visit.curve, at)
        try:
            self._host.tell_started(session, self.meter.read(at))
            self._enter(Phase.CHARGING)
            self._host.tell_phase(session, self.meter.read(at))
            await self._charge(session)
        finally:
            self._end(session)
        await self._sleep(guest.visit.unplug_s - guest.visit.stop_s)

    async def _charge(self, session: LiveSession) -> None:
        real, visit = self._host.pace.real, session.guest.visit
        sample_s = self._host.meter_interval_s / 6  # the first one early: somebody is watching
        full_s, stop_s = real(visit.curve.full_s), real(visit.stop_s)
        while True:
            next_s = min(sample_s, stop_s, full_s if self.phase is Phase.CHARGING else stop_s)
            if await session.stopped_within(next_s - self._elapsed_s(session)):
                return None
            elapsed_s = self._elapsed_s(session)
            if elapsed_s >= stop_s:
                return session.stop(StopReason.DRIVER)
            if elapsed_s >= full_s and self.phase is Phase.CHARGING:
                self._fill(session)
            while elapsed_s >= sample_s:
                sample_s += self._sample(session, elapsed_s - sample_s)

    def _sample(self, session: LiveSession, late_s: float) -> float:
        """Take one reading unless a later one is due already; return the seconds to the next."""
        interval_s = self._host.meter_interval_s
        if late_s < interval_s:
            self._host.tell_metered(session, self.read())
        return interval_s

    def _fill(self, session: LiveSession) -> None:
        self._enter(Phase.CAR_FULL)
        self._host.tell_phase(session, self.read())

    def _end(self, session: LiveSession) -> None:
        at = now()
        reading = self.meter.read(at)
        self.meter.end(at)
        if session.stop_reason is None:  # the simulator itself is going down
            session.stop(StopReason.POWER_LOSS)
        self.session = None
        self._host.tell_ended(session, reading)
        session.ended.set()
        self._enter(Phase.FINISHED)

    def _leave(self) -> None:
        self._is_taken = False
        if self._closes_afterwards:
            self._closes_afterwards, self.is_operative = False, False
        self._enter(Phase.FREE)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._host.tell_status(self)

    def _elapsed_s(self, session: LiveSession) -> float:
        return (now() - session.started_at).total_seconds()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(self._host.pace.real(max(0.0, seconds)))
