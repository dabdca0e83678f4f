"""Energy from registers, purely. One function serves ingestion, recomputation and audit.

A session's energy is a left fold over its register readings in time order (`Meter.read`): a newest
reading continues the fold (the fast path), anything else folds all of them again (`recompute`)
and books the difference. So both paths agree by construction, and late, repeated or reordered
readings can never change what the same set of readings adds up to.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

QUARTER = timedelta(minutes=15)
TOLERANCE = 1.2  # meters and ratings are not exact
SLACK_WH = 1_000  # one reading's worth of coarse registers and clocks
UNKNOWN_LIMIT_W, UNKNOWN_SLACK_WH = 1_000_000, 25_000  # the evse's rating is not known


class Fact(NamedTuple):
    """Wh that were delivered in the quarter of an hour that `at` lies in."""

    at: datetime
    energy_wh: int


class Point(NamedTuple):
    """A register and when it was read. Points sort by time, then register."""

    at: datetime
    register_wh: int


class Meter(msgspec.Struct, gc=False):
    """The fold's state: where counting goes on from, and an implausible register in waiting.

    A register lower than the base counts nothing until the base is reached again: a true reset
    under-counts, visibly flagged, and is never billed twice. One higher than the evse could have
    delivered waits for its successor: if that continues from it, the meter jumped (a lifetime
    register after a session's own, say) and counting goes on from there without the jump.
    """

    limit_w: int | None
    base: Point | None = None
    candidate: Point | None = None

    def read(self, point: Point) -> tuple[list[Fact], str | None]:
        """Fold in the next point; returns the facts it adds and a flag, if it is implausible."""
        if self.base is None:
            self.base = point
            return [], None
        if point.register_wh < self.base.register_wh:
            return [], "register_decreased"
        origin = next((o for o in (self.base, self.candidate) if self._continues(o, point)), None)
        if origin is None:
            self.candidate = point
            return [], "register_jumped"
        self.base, self.candidate = point, None
        return split(origin, point), None

    def _continues(self, origin: Point | None, point: Point) -> bool:
        if origin is None:
            return False
        energy_wh = point.register_wh - origin.register_wh
        hours = (point.at - origin.at).total_seconds() / 3600
        limit_w, slack = self.limit_w or UNKNOWN_LIMIT_W, SLACK_WH
        if self.limit_w is None:
            slack = UNKNOWN_SLACK_WH
        return 0 <= energy_wh <= limit_w * TOLERANCE * hours + slack


def quarter(at: datetime) -> datetime:
    """The start of the quarter of an hour that `at` lies in (all zones' offsets are multiples)."""
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def split(start: Point, end: Point) -> list[Fact]:
    """Spread the energy between two points over the quarters between them, evenly in time.

    Whole Wh that sum exactly: each part is the difference of two rounded cumulative shares.
    The part of the quarter that `end` lies in is dated `end`, so that it can stand on its row.
    """
    energy_wh = end.register_wh - start.register_wh
    if energy_wh == 0:
        return []
    if end.at <= start.at or quarter(start.at) == quarter(end.at):
        return [Fact(end.at, energy_wh)]
    total = (end.at - start.at) // timedelta(microseconds=1)
    facts, counted, at = [], 0, start.at
    while at < end.at:
        border = min(quarter(at) + QUARTER, end.at)
        share = energy_wh * ((border - start.at) // timedelta(microseconds=1)) // total
        dated = end.at if quarter(at) == quarter(end.at) else at
        if share > counted:
            facts.append(Fact(dated, share - counted))
        counted, at = share, border
    return facts


class Recomputed(NamedTuple):
    meter: Meter
    facts: list[Fact]
    flags: set[str]


def recompute(points: Iterable[Point], limit_w: int | None) -> Recomputed:
    """Fold all points of a session, in whatever order they are given."""
    result = Recomputed(Meter(limit_w), [], set())
    for point in sorted(set(points)):
        facts, flag = result.meter.read(point)
        result.facts.extend(facts)
        if flag:
            result.flags.add(flag)
    return result


def difference(target: Iterable[Fact], recorded: Iterable[Fact]) -> list[Fact]:
    """What must be booked, per quarter, so that `recorded` sums to `target` in each of them."""
    sums: dict[datetime, int] = {}
    dated: dict[datetime, datetime] = {}
    for sign, facts in ((1, target), (-1, recorded)):
        for at, energy_wh in facts:
            key = quarter(at)
            sums[key] = sums.get(key, 0) + sign * energy_wh
            dated[key] = min(at, dated.get(key, at))
    return [Fact(dated[key], energy_wh) for key, energy_wh in sorted(sums.items()) if energy_wh]
