"""What a batch of messages reads and changes, in memory: the writer loads it, `sessions` works on
it, the writer stores it. No I/O here."""

from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec

from ingest.events import Status
from ingest.metering import FLAGS, Fact, Meter, Register
from ingest.signed import Signed
from ingest.translate import Reading, stable_hash

MAX_EVSES = 100  # more than any station has; a wild connectorId must not create rows for ever


class Evse(NamedTuple):
    evse_key: int
    evse_id: int
    max_power_w: int | None


class Station(msgspec.Struct):
    """A station as its messages need it; `evses` has evse 0, its main meter, as -station_key."""

    station_id: str
    station_key: int
    operator_id: int | None
    site_id: int | None
    registration_status: str
    heartbeat_seconds: int
    trace_until: datetime | None
    evses: dict[int, Evse]
    entry_version: int = 0  # of what would let it in now

    def evse(self, evse_id: int | None) -> Evse:
        """The evse, or the station itself for ids that no evse has."""
        return self.evses.get(evse_id or 0) or Evse(-self.station_key, 0, None)


class Token(NamedTuple):
    id_token: str
    status: str
    expires_at: datetime | None
    parent_id_token: str | None
    is_concurrent: bool
    open_evse_keys: list[int]


class Session(msgspec.Struct):
    """A row of `session`; `version` is the one stored, None before the first commit."""

    session_id: int
    operator_id: int | None
    site_id: int | None
    station_id: str
    evse_id: int
    evse_key: int
    connector_id: int | None
    transaction_id: str
    id_token: str | None
    started_at: datetime
    ended_at: datetime | None = None
    meter_start_wh: int | None = None
    meter_stop_wh: int | None = None
    energy_wh: int = 0
    register_wh: int | None = None
    register_at: datetime | None = None
    power_w: float | None = None
    power_at: datetime | None = None
    soc_pct: float | None = None
    charging_state: str | None = None
    state_at: datetime | None = None
    first_reading_at: datetime | None = None
    last_reading_at: datetime | None = None
    charged_until: datetime | None = None
    candidate_wh: int | None = None
    candidate_at: datetime | None = None
    candidate_seen: int = 0
    energy_basis: str | None = None
    power_sum: int = 0
    interval_at: datetime | None = None
    interval_mwh: int = 0
    lag_seconds: int | None = None
    lag_at: datetime | None = None
    limit_w: int | None = None
    stop_reason: str | None = None
    stopped_by: str | None = None
    flags: list[str] = []
    remote_start_id: int | None = None
    seq_no: int | None = None
    start_hash: int | None = None
    version: int | None = None

    @property
    def owner(self) -> str:
        """What its readings' hashes are bound to."""
        return f"{self.station_id} {self.transaction_id}"

    def flag(self, *names: str) -> None:
        if names:
            self.flags = [*self.flags, *(n for n in dict.fromkeys(names) if n not in self.flags)]

    def meter(self) -> Meter:
        return Meter(
            self.limit_w,
            _register(self.register_at, self.register_wh),
            _register(self.candidate_at, self.candidate_wh),
            self.candidate_seen,
            self.energy_basis,
            self.power_at,
            self.power_w,
            self.power_sum,
            self.interval_at,
            self.interval_mwh,
        )

    def keep(self, meter: Meter) -> None:
        """Take over where the meter's fold stands."""
        self.register_at, self.register_wh = meter.base or (None, None)
        self.candidate_at, self.candidate_wh = meter.candidate or (None, None)
        self.candidate_seen, self.energy_basis = meter.seen, meter.basis
        self.power_at, self.power_sum = meter.power_at, meter.power_sum
        self.power_w = meter.power_w if self.ended_at is None else None
        self.interval_at, self.interval_mwh = meter.interval_at, meter.interval_mwh

    def judge(self, flags: set[str]) -> None:
        """A recomputation knows which of the fold's own flags hold."""
        self.flags = [flag for flag in self.flags if flag not in FLAGS or flag in flags]
        self.flag(*sorted(flags))

    def saw(self, reading: Reading) -> None:
        """The newest reading moves the live row."""
        at = reading.measured_at
        if self.last_reading_at is None or at >= self.last_reading_at:
            self.last_reading_at = at
            self.soc_pct = self.soc_pct if reading.soc_pct is None else reading.soc_pct
        self.first_reading_at = min(at, self.first_reading_at or at)
        self.flag(*reading.flags)


# What a reading moves on in its session; everything else of it changes seldom.
LIVE = (
    "energy_wh", "register_wh", "register_at", "power_w", "soc_pct", "last_reading_at", "state_at",
    "seq_no", "charged_until", "power_at",
)  # fmt: skip
steady = attrgetter(*(name for name in Session.__struct_fields__ if name not in LIVE))


def _register(at: datetime | None, register_wh: int | None) -> Register | None:
    return None if at is None or register_wh is None else Register(at, register_wh)


METER_COLUMNS: dict[str, str] = {
    "evse_key": "int4",
    "station_id": "text",
    "evse_id": "int4",
    "measured_at": "timestamptz",
    "received_at": "timestamptz",
    "session_id": "int8",
    "context": "text",
    "source": "text",
    "revision": "int4",
    "reading_hash": "int8",
    "energy_wh": "int8",
    "energy_delta_wh": "int8",
    "power_w": "float4",
    "current_a": "float4",
    "voltage_v": "float4",
    "soc_pct": "float4",
    "flags": "text[]",
    "extra": "jsonb",
}


class Late(NamedTuple):
    """A reading that is not its session's newest: the slow path counts it."""

    reading: Reading
    received_at: datetime


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What the fold made of a reading: Wh that belong to its own quarter, None if it counted
    nothing by itself; 'power' if they are an estimate; what is implausible about it."""

    delta_wh: int | None = None
    source: Literal["meter", "power"] = "meter"
    flags: tuple[str, ...] = ()


UNCOUNTED = Counted()


class SignedReading(NamedTuple):
    """A signed value, and the plain register that the same message gave with it."""

    signed: Signed
    session: Session | None
    station_id: str
    evse_id: int
    evse_key: int
    measured_at: datetime
    context: str
    register_wh: int | None


class Book(msgspec.Struct):
    """Everything a batch has loaded and everything it will write."""

    sessions: dict[tuple[str, str], Session] = {}
    loaded: dict[int, tuple[Any, ...]] = {}  # their steady part, as stored
    starts: dict[tuple[str, int], Session] = {}
    open_on: dict[int, list[Session]] = {}
    tokens: dict[str, Token] = {}
    session_ids: list[int] = []

    dirty: dict[int, Session] = {}
    late: dict[int, list[Late]] = {}
    fast_rows: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    signed: list[SignedReading] = []
    statuses: list[tuple[Station, Evse, Status, datetime]] = []
    charging_states: list[tuple[Any, ...]] = []
    authorizations: list[tuple[Any, ...]] = []
    boots: dict[str, tuple[Any, ...]] = {}
    logs: list[tuple[Any, ...]] = []
    live: set[int] = set()
    # stations' own keys, under which readings lie from before their evse was known
    main_keys: dict[str, int] = {}
    refresh: tuple[datetime, datetime] | None = None

    def add(self, session: Session) -> None:
        self.sessions[session.station_id, session.transaction_id] = session
        if session.version is not None:
            self.loaded.setdefault(session.session_id, steady(session))
        if session.start_hash is not None:
            self.starts[session.station_id, session.start_hash] = session
        opened = self.open_on.setdefault(session.evse_key, [])
        if session.ended_at is None and session not in opened:
            opened.append(session)

    def touch(self, session: Session) -> None:
        self.dirty[session.session_id] = session
        self.live.add(session.evse_key)

    def reading_row(
        self,
        station_id: str,
        evse: Evse,
        reading: Reading,
        received_at: datetime,
        session: Session | None = None,
        counted: Counted = UNCOUNTED,
    ) -> tuple[Any, ...]:
        owner = session.owner if session else station_id
        return (
            evse.evse_key, station_id, evse.evse_id, reading.measured_at, received_at,
            session.session_id if session else None, reading.context, counted.source, 0,
            reading.hash(owner), reading.register_wh, counted.delta_wh, reading.power_w,
            reading.current_a, reading.voltage_v, reading.soc_pct,
            [*reading.flags, *counted.flags] or None, reading.extra,
        )  # fmt: skip


def fact_row(
    session: Session, fact: Fact, received_at: datetime, source: str, revision: int
) -> tuple[Any, ...]:
    """Energy without a reading of its own: the part of a delta that belongs to an earlier quarter
    ('split'; 'power' if it is an estimate), or what a recomputation changed ('adjustment')."""
    key = stable_hash(session.owner, source, fact.at, received_at)
    return (
        session.evse_key, session.station_id, session.evse_id, fact.at, received_at,
        session.session_id, None, source, revision, key, None, fact.energy_wh,
        None, None, None, None, None, None,
    )  # fmt: skip
