"""What a session used and when, from its stored facts. Pure.

The readings' instants cut a session into intervals; each is one of

* charging: energy came in it, or its reading shows power while a coarse register stood still;
* waiting: none came, and some came later (a pause), or the charger itself had stopped;
* parking: none came any more, and the vehicle was still connected.

Only charging is TIME and only parking is PARKING_TIME: waiting that the charger or we caused is
never sold, and where the facts are silent it counts as waiting. docs/receipts.md has the rules.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import msgspec

from billing.cdrs import LONGEST

QUARTER = timedelta(minutes=15)
FLOWING_W = 100  # what a waiting vehicle or the meter's own noise does not reach
HALTED = frozenset({"SuspendedEVSE", "Faulted", "Unavailable"})  # the charger's doing
IDLE = frozenset({"SuspendedEV", "EVConnected", "Idle"})


class Fact(NamedTuple):
    """A row of meter_value: the Wh it adds to its session, and what it read."""

    at: datetime
    energy_wh: int
    source: str
    power_w: float | None = None
    current_a: float | None = None


class Usage(msgspec.Struct, frozen=True):
    """A session as stored; `states` are (at, charging state or status) in the order of time."""

    started_at: datetime
    ended_at: datetime | None
    energy_wh: int
    register_at: datetime | None = None
    facts: tuple[Fact, ...] = ()
    states: tuple[tuple[datetime, str], ...] = ()


class Interval(msgspec.Struct):
    """From one reading to the next; `is_read` says that a reading stands at its end."""

    start: datetime
    end: datetime
    energy_wh: int = 0
    kind: str = "waiting"
    is_read: bool = False
    power_w: float | None = None
    current_a: float | None = None

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class Course(NamedTuple):
    """The intervals, which sum to the session's energy, and what had to be done to get there."""

    start: datetime
    end: datetime
    intervals: list[Interval]
    notes: tuple[str, ...]

    def seconds(self, kind: str) -> timedelta:
        return sum((each.length for each in self.intervals if each.kind == kind), timedelta())


def course_of(usage: Usage, until: datetime) -> Course:
    """The session up to its end, or up to `until` while it runs. Whatever was stored."""
    notes: list[str] = []
    start, end = _bounds(usage, until, notes)
    intervals = _intervals(usage, start, end)
    _place(usage, intervals, notes)
    _fill_holes(intervals)
    _agree(usage, intervals, notes)
    _judge(usage, intervals)
    return Course(start, end, intervals, tuple(notes))


def _bounds(usage: Usage, until: datetime, notes: list[str]) -> tuple[datetime, datetime]:
    start = usage.started_at
    end = usage.ended_at or max([until, *(fact.at for fact in usage.facts)])
    if end < start:
        notes.append("end_before_start")
    if end - start > LONGEST:
        notes.append("longer_than_a_year")
    return start, min(max(start, end), start + LONGEST)


def _intervals(usage: Usage, start: datetime, end: datetime) -> list[Interval]:
    cuts = {start, end, *(fact.at for fact in usage.facts), *(at for at, _ in usage.states)}
    splits = [fact.at for fact in usage.facts if fact.source == "split"]
    cuts.update(_next_quarter(at) for at in splits)
    if not usage.facts and usage.register_at:
        cuts.add(usage.register_at)
    inside = sorted(at for at in cuts if start <= at <= end)
    return [Interval(a, b) for a, b in pairwise(inside)] or [Interval(start, end)]


def _next_quarter(at: datetime) -> datetime:
    """Energy split over quarters of an hour is dated where its part begins."""
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0) + QUARTER


def _place(usage: Usage, intervals: list[Interval], notes: list[str]) -> None:
    """A reading's energy came before it, a split's after its date: each goes to its interval."""
    ends = [each.end for each in intervals]
    first, last = intervals[0].start, ends[-1]
    for fact in usage.facts:
        if not first <= fact.at <= last and "readings_outside" not in notes:
            notes.append("readings_outside")
        index = min(bisect_left(ends, fact.at), len(intervals) - 1)
        found = intervals[index]
        if fact.source == "split" and found.end == fact.at and index + 1 < len(intervals):
            found = intervals[index + 1]
        found.energy_wh += fact.energy_wh
        if fact.source != "split" and found.end == fact.at:
            found.is_read = found.is_read or fact.source not in ("adjustment", "correction")
            found.power_w = fact.power_w if fact.power_w is not None else found.power_w
            found.current_a = fact.current_a if fact.current_a is not None else found.current_a


def _fill_holes(intervals: list[Interval]) -> None:
    """A correction may leave less than nothing in an interval: its neighbours make up for it."""
    for index, each in enumerate(intervals):
        if each.energy_wh < 0:
            missing, each.energy_wh = -each.energy_wh, 0
            missing = _take(reversed(intervals[:index]), missing)
            if missing and index + 1 < len(intervals):
                intervals[index + 1].energy_wh -= missing


def _take(intervals: Iterable[Interval], energy_wh: int) -> int:
    """Take so much out of them, one after the other; what they did not have."""
    for each in intervals:
        taken = max(0, min(each.energy_wh, energy_wh))
        each.energy_wh -= taken
        energy_wh -= taken
    return energy_wh


def _agree(usage: Usage, intervals: list[Interval], notes: list[str]) -> None:
    """The session row is what is sold: its energy, to the Wh."""
    difference = max(usage.energy_wh, 0) - sum(each.energy_wh for each in intervals)
    if usage.energy_wh < 0:
        notes.append("negative_energy")
    if difference and usage.facts:
        notes.append("readings_incomplete")
    if difference < 0:
        _take(reversed(intervals), -difference)
    elif difference > 0:
        _last_used(usage, intervals).energy_wh += difference


def _last_used(usage: Usage, intervals: list[Interval]) -> Interval:
    """Where energy nobody dated goes: the last interval with some, or before the last register."""
    used = [each for each in intervals if each.energy_wh > 0]
    read = [each for each in intervals if usage.register_at and each.end <= usage.register_at]
    return (used or read or intervals)[-1]


def _judge(usage: Usage, intervals: list[Interval]) -> None:
    last = max((i for i, each in enumerate(intervals) if each.energy_wh > 0), default=None)
    if last is None:
        return  # nothing was delivered: nothing is sold, not even the time
    for each in intervals[: last + 1]:
        if each.energy_wh > 0 or _shows_power(each):
            each.kind = "charging"
    tail, before = intervals[last + 1 :], "charging"
    read = max((i for i, each in enumerate(tail) if each.is_read), default=-1)
    for index, each in enumerate(tail):
        each.kind = before = _tail(usage, each, index <= read or before == "parking")


def _shows_power(interval: Interval) -> bool:
    return interval.power_w is not None and interval.power_w >= FLOWING_W


def _tail(usage: Usage, interval: Interval, is_known: bool) -> str:
    """Parking needs a sign of it: a later reading without energy or a state that says so."""
    state = _state_at(usage.states, interval.start)
    if state in HALTED or _shows_power(interval):
        return "waiting"
    return "parking" if is_known or state in IDLE else "waiting"


def _state_at(states: Sequence[tuple[datetime, str]], at: datetime) -> str | None:
    return next((state for since, state in reversed(states) if since <= at), None)
