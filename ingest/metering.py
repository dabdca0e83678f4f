"""Energy from readings, purely. One function serves ingestion, recomputation and audit.

A session's energy is a left fold over its readings in time order (`Meter.read`): a newest reading
continues the fold (the fast path), anything else folds all of them again (`recompute`) and books
the difference. So both paths agree by construction, and late, repeated or reordered readings can
never change what the same set of readings adds up to.

What is counted from, best first: registers, from the second that goes on from the first; energy of
intervals; power over time. A better basis takes the place of all that a lesser one has counted.
docs/metering.md says how every reading ends as a delta and flags.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from struct import Struct as Layout
from typing import Any, NamedTuple

import msgspec

from ingest.quarters import QUARTER, Fact, difference, quarter, spread
from ingest.registers import (
    JITTER_WH,
    SLACK_WH,
    TOLERANCE,
    UNKNOWN_LIMIT_W,
    Register,
    continues,
    most_wh,
    rolled_over,
)

__all__ = [
    "ESTIMATED", "FLAGS", "QUARTER", "SLACK_WH", "Fact", "Meter", "Point", "Recomputed", "Register",
    "difference", "point_of", "quarter", "recompute", "spread",
]  # fmt: skip

INTERVAL_WH = "Energy.Active.Import.Interval"
POWER, CLOCK, INTERVAL, REGISTER = "power", "clock", "interval", "register"
BASES = (None, POWER, CLOCK, INTERVAL, REGISTER)
# What only the fold says of a session; a recomputation takes back what no longer holds.
ESTIMATED = frozenset({"energy_from_power", "interval_implausible"})
FLAGS = ESTIMATED | {
    "power_implausible", "register_decreased", "register_frozen", "register_jumped",
    "register_negative", "register_reset", "register_rolled_over",
}  # fmt: skip

MAX_GAP = timedelta(
    minutes=20
)  # between power readings; beyond it is silence, which counts nothing
FROZEN_WH = (
    2_000  # what power must have delivered while the register stood still: two steps of 1 kWh
)
FROZEN_W = 500  # what counts as charging for that, at both ends of a step
CONFIRMED = 3  # registers on a lower line before it is believed; 2 after a jump or a rollover
MILLISECOND = timedelta(milliseconds=1)
WH = 2 * 3600 * 1000  # `Meter.power_sum` counts half W milliseconds
_float32 = Layout("f")  # what a column of type real keeps


class Point(NamedTuple):
    """What a reading says about energy: its register in Wh, power in W, and the energy of the
    interval before it in mWh, with the context that tells whose interval that is."""

    at: datetime
    register_wh: int | None = None
    power_w: float | None = None
    interval_mwh: int | None = None
    context: str | None = None


def point_of(
    at: datetime,
    register_wh: int | None,
    power_w: float | None,
    extra: dict[str, Any] | None,
    context: str | None,
) -> Point:
    """The point of a reading or a row of `meter_value`."""
    interval_wh = extra.get(INTERVAL_WH) if extra else None
    if not isinstance(interval_wh, int | float):  # as text: it was no number
        return Point(at, register_wh, power_w)
    return Point(at, register_wh, power_w, round(interval_wh * 1000), context)


class Step(msgspec.Struct, frozen=True):
    """What a point adds. `restarts`: a better basis begins, nothing counted before holds."""

    facts: list[Fact]
    flags: tuple[str, ...] = ()
    restarts: bool = False
    is_estimate: bool = False


class Meter(msgspec.Struct, gc=False):
    """The fold's state: where counting goes on from, and an implausible register in waiting.

    `candidate` is the first register of a line that the base does not lead to. It counts nothing
    until it is confirmed by `seen` registers in all, each at an instant of its own: a jump (a
    lifetime register after a session's own, say) and a rollover by one more, a fall by two more.
    Until then a register that goes on from the base ends it. What lies between base and candidate
    is counted across a rollover alone.
    """

    limit_w: int | None
    base: Register | None = None
    candidate: Register | None = None
    seen: int = 0
    basis: str | None = None
    power_at: datetime | None = None
    power_w: float | None = None
    power_sum: int = 0
    interval_at: datetime | None = None
    interval_mwh: int = 0  # counted, but not yet a whole Wh
    last_at: datetime | None = None  # of this run's newest register: one instant confirms once

    def read(self, point: Point) -> Step:
        """Fold in the next point."""
        step = self._read(point)
        if point.power_w is not None:
            self.power_at, self.power_w = point.at, point.power_w
            limit_w = self.limit_w or UNKNOWN_LIMIT_W  # asked first: it is cheap
            if point.power_w > limit_w and self._watts(point.power_w) is None:
                step = msgspec.structs.replace(step, flags=(*step.flags, "power_implausible"))
        if point.register_wh is not None:
            self.last_at = point.at
        return step

    def _read(self, point: Point) -> Step:
        base = self.base
        if point.register_wh is None:
            return self._estimate(point)
        if base is None:
            return self._begin(point)
        energy_wh = point.register_wh - base.register_wh
        if -JITTER_WH <= energy_wh <= 0:
            return self._stand(point, base)
        if 0 < energy_wh <= most_wh(self.limit_w, base.at, point.at):
            return self._go_on(point, spread(base.at, point.at, energy_wh))
        return self._doubt(Register(point.at, point.register_wh), base, point)

    def _begin(self, point: Point) -> Step:
        if point.register_wh is not None and point.register_wh >= 0:
            self.base = Register(point.at, point.register_wh)
            return self._estimate(point)
        return self._estimate(point, ("register_negative",))

    def _go_on(self, point: Point, facts: list[Fact], flags: tuple[str, ...] = ()) -> Step:
        """The register has moved: it counts from here, and from now on."""
        self.base = Register(point.at, point.register_wh or 0)
        self.candidate, self.seen, self.power_sum = None, 0, 0
        restarts, self.basis = self.basis != REGISTER, REGISTER
        return Step(facts, flags, restarts)

    def _stand(self, point: Point, base: Register) -> Step:
        """The register stands still: rightly, unless power says that it should have moved."""
        restarts, self.basis = self.basis != REGISTER, REGISTER
        self._add_power(point)
        self.base = Register(point.at, base.register_wh)
        self.candidate, self.seen = None, 0
        if self.power_sum < FROZEN_WH * WH:
            return Step([], (), restarts)
        self.power_sum = 0
        return Step([], ("register_frozen",), restarts)

    def _doubt(self, register: Register, base: Register, point: Point) -> Step:
        """A register that the base does not lead to: of the line in waiting, or a new one."""
        first = self.candidate
        if first is None or not continues(self.limit_w, first, register):
            return self._wait(register, base, point)
        if register.at != self.last_at:
            self.seen += 1
        across = rolled_over(self.limit_w, base, first)
        is_fall = across is None and first.register_wh < base.register_wh
        if self.seen < (CONFIRMED if is_fall else CONFIRMED - 1):
            return self._estimate(point, ("register_decreased",) if is_fall else ())
        facts = spread(first.at, register.at, register.register_wh - first.register_wh)
        if across is not None:
            between = spread(base.at, first.at, across.register_wh - base.register_wh)
            facts = difference([*between, *facts])
        return self._go_on(point, facts, ("register_reset",) if is_fall else ())

    def _wait(self, register: Register, base: Register, point: Point) -> Step:
        rolled = rolled_over(self.limit_w, base, register) is not None
        if register.register_wh < 0 and not rolled:
            return self._estimate(point, ("register_negative",))
        self.candidate, self.seen = register, 1
        if rolled:
            return self._estimate(point, ("register_rolled_over",))
        fell = register.register_wh < base.register_wh
        return self._estimate(point, ("register_decreased" if fell else "register_jumped",))

    def _estimate(self, point: Point, flags: tuple[str, ...] = ()) -> Step:
        """What no register counts is estimated: by the reading's interval, else by power."""
        before_wh, since = self.power_sum // WH, self.power_at
        self._add_power(point)
        if self.basis == REGISTER:
            return Step([], flags)
        if point.interval_mwh is not None:
            return self._add_interval(point, since, flags)
        energy_wh = self.power_sum // WH - before_wh
        if self.basis not in (None, POWER) or not energy_wh or since is None:
            return Step([], flags)
        self.basis = POWER
        return Step(spread(since, point.at, energy_wh), flags, is_estimate=True)

    def _add_power(self, point: Point) -> None:
        """The mean of power at both ends of a step, times its length. While a register counts:
        what it should have shown since it last moved, from steps that surely charged."""
        if self.power_at is None or self.power_w is None or point.power_w is None:
            return
        if point.at - self.power_at > MAX_GAP:
            return
        begin_w, end_w = self._watts(self.power_w), self._watts(point.power_w)
        if begin_w is None or end_w is None:
            return
        if self.basis != REGISTER or min(begin_w, end_w) >= FROZEN_W:
            self.power_sum += (begin_w + end_w) * ((point.at - self.power_at) // MILLISECOND)

    def _watts(self, power_w: float) -> int | None:
        """Whole W of a power as the database keeps it, at most what the evse can give; 0 for what
        flows back, None for what can't be true."""
        limit_w = self.limit_w or UNKNOWN_LIMIT_W
        watts = round(_float32.unpack(_float32.pack(power_w))[0])
        return None if watts > limit_w * TOLERANCE else max(0, min(watts, limit_w))

    def _add_interval(self, point: Point, since: datetime | None, flags: tuple[str, ...]) -> Step:
        """Energy since the interval before. Stations may send two series, sampled and aligned to
        the clock, of the same energy: the sampled one is believed, others join the one there is."""
        series = {"Sample.Clock": CLOCK, "Sample.Periodic": INTERVAL}.get(point.context or "")
        series = series or (self.basis if self.basis in (CLOCK, INTERVAL) else CLOCK)
        if BASES.index(series) < BASES.index(self.basis) or point.at == self.interval_at:
            return Step([], flags)
        is_new = series != self.basis
        began = self._began(point, since, is_new=is_new)
        mwh, self.interval_at = point.interval_mwh or 0, point.at
        if began is None or mwh == 0:
            return Step([], flags)
        if not 0 < mwh <= most_wh(self.limit_w, began.at, point.at) * 1000:
            return Step([], (*flags, "interval_implausible"))
        restarts = is_new and self.basis is not None
        self.basis = series
        energy_wh, self.interval_mwh = divmod((0 if is_new else self.interval_mwh) + mwh, 1000)
        return Step(spread(began.known_at, point.at, energy_wh), flags, restarts)

    def _began(self, point: Point, since: datetime | None, *, is_new: bool) -> "Began | None":
        """When a point's interval began; None if it began before the session, or may have."""
        usual_at = point.at - QUARTER
        if is_new and self.basis == CLOCK:
            return Began(usual_at, point.at)
        if self.interval_at is not None:
            return Began(self.interval_at, self.interval_at)
        if self.base is not None and self.base.at < point.at:
            return Began(self.base.at, self.base.at)
        if since is None and point.context in ("Transaction.Begin", "Sample.Clock"):
            return None
        since = since or point.at
        return Began(min(since, usual_at), since)


class Began(NamedTuple):
    """An interval's begin: the earliest it may be, and what is known of it."""

    at: datetime
    known_at: datetime


class Recomputed(NamedTuple):
    """`flagged` tells which point got which flags, `charged_until` the last that added energy."""

    meter: Meter
    facts: list[Fact]
    flags: set[str]
    flagged: dict[Point, tuple[str, ...]]
    charged_until: datetime | None
    meter_start_wh: int | None

    @property
    def energy_wh(self) -> int:
        return sum(fact.energy_wh for fact in self.facts)


def recompute(points: Iterable[Point], limit_w: int | None) -> Recomputed:
    """Fold all points of a session, in whatever order they are given."""
    meter, facts, charged_until, first_wh = Meter(limit_w), list[Fact](), None, None
    flags: set[str] = set()
    flagged: dict[Point, tuple[str, ...]] = {}
    for point in sorted({kept(point) for point in points}, key=order):
        step = meter.read(point)
        first_wh = point.register_wh if first_wh is None else first_wh
        if step.restarts:
            facts.clear()
            flags -= ESTIMATED
            charged_until = None
        if step.facts:
            facts += step.facts
            charged_until = point.at
        if step.flags:
            flagged[point] = step.flags
        flags.update(step.flags, ["energy_from_power"] if step.is_estimate else [])
    return Recomputed(meter, facts, flags, flagged, charged_until, first_wh)


def kept(point: Point) -> Point:
    """The point as it will come back from the database: power loses digits there."""
    if point.power_w is None:
        return point
    return point._replace(power_w=_float32.unpack(_float32.pack(point.power_w))[0])


def order(point: Point) -> tuple[Any, ...]:
    """By time; of one instant the same order whatever order they came in."""
    at, register_wh, power_w, interval_mwh, context = point
    numbers = (register_wh, power_w, interval_mwh)
    return (at, *((n is not None, n or 0) for n in numbers), context or "")
