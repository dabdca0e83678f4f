"""What makes a session implausible: one list for billing, the jobs and the pages. Pure.

A doubt holds a session back until a human has looked. Each has a sentence in Swedish and English
(dashboard/pages/doubt_words.py); docs/quarantine.md says what the limits are and why.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from msgspec import Struct

# The same as ingest/metering.py allows between two readings.
TOLERANCE_PERCENT = 120
SLACK_WH = 1_000
UNKNOWN_LIMIT_W, UNKNOWN_SLACK_WH = 1_000_000, 25_000

# The largest batteries there are: cars up to 250 kWh on any charger, lorries 750 kWh on large ones.
CAR_WH, LORRY_WH = 250_000, 750_000
LORRY_FROM_W = 100_000
LONGEST = timedelta(days=31)
AHEAD = timedelta(hours=1)  # what clocks may differ
POWER_SAYS_WH = 1_000  # less than that nobody asks about
OVERLAP = timedelta(minutes=1)


class Point(NamedTuple):
    """A register and when it was read."""

    at: datetime
    register_wh: int


class Seen(Struct, frozen=True):
    """A session as it is judged. `ended_at` None: it still runs, and is judged as of now.

    `power_wh`: what its power readings add up to, None when there are none. `registers` are needed
    only for sessions flagged for theirs. `overlaps`: the session on the same evse that lay at the
    same time, and for how many seconds.
    """

    session_id: int
    started_at: datetime
    ended_at: datetime | None
    energy_wh: int
    limit_w: int | None = None
    flags: tuple[str, ...] = ()
    power_wh: int | None = None
    overlaps: tuple[int, int] | None = None
    registers: tuple[Point, ...] = ()


class Doubt(NamedTuple):
    """A reason, and the numbers it was found by: Wh, W, seconds, instants as ISO 8601."""

    reason: str
    detail: dict[str, Any]


Test = Callable[[Seen, datetime], dict[str, Any] | None]


def doubts_of(seen: Seen, now: datetime) -> list[Doubt]:
    """Everything that is implausible about a session, in the order of REASONS."""
    found = ((reason, test(seen, now)) for reason, test in TESTS.items())
    return [Doubt(reason, detail) for reason, detail in found if detail is not None]


def most_wh(limit_w: int | None, seconds: float) -> int:
    """What an evse can have delivered in so long, with what meters and clocks may be off."""
    watts = UNKNOWN_LIMIT_W if limit_w is None else limit_w
    slack = UNKNOWN_SLACK_WH if limit_w is None else SLACK_WH
    return watts * TOLERANCE_PERCENT * max(int(seconds), 0) // 360_000 + slack


def vehicle_wh(limit_w: int | None) -> int:
    """More than any vehicle that charges there takes in."""
    return LORRY_WH if limit_w is None or limit_w >= LORRY_FROM_W else CAR_WH


def believable_wh(limit_w: int | None, seconds: float) -> int:
    """The most that people may state as a session's energy; of times that make no sense nothing
    follows."""
    most = vehicle_wh(limit_w)
    return min(most, most_wh(limit_w, seconds)) if seconds > 0 else most


def _flagged(name: str) -> Test:
    return lambda seen, _now: {} if name in seen.flags else None


def _end(seen: Seen, now: datetime) -> datetime:
    return seen.ended_at or max(seen.started_at, now)


def _seconds(seen: Seen, now: datetime) -> int:
    return int((_end(seen, now) - seen.started_at).total_seconds())


def _decreased(seen: Seen, _now: datetime) -> dict[str, Any] | None:
    if "register_decreased" not in seen.flags:
        return None
    return _step(lowest_fall(seen.registers))


def _jumped(seen: Seen, _now: datetime) -> dict[str, Any] | None:
    if "register_jumped" not in seen.flags:
        return None
    found = highest_jump(seen.registers, seen.limit_w)
    return _step(found) | ({"limit_w": seen.limit_w} if found else {})


def _step(found: tuple[Point, Point] | None) -> dict[str, Any]:
    if found is None:
        return {}
    before, after = found
    return {
        "before_wh": before.register_wh, "after_wh": after.register_wh,
        "before_at": before.at.isoformat(), "after_at": after.at.isoformat(),
    }  # fmt: skip


def lowest_fall(registers: Sequence[Point]) -> tuple[Point, Point] | None:
    """The two readings in a row between which the register fell most; None: it never fell."""
    steps = [step for step in pairwise(sorted(set(registers))) if _rise(step) < 0]
    return min(steps, key=_rise, default=None)


def highest_jump(registers: Sequence[Point], limit_w: int | None) -> tuple[Point, Point] | None:
    """The two readings in a row between which it rose most beyond what the evse can deliver."""

    def beyond(step: tuple[Point, Point]) -> int:
        return _rise(step) - most_wh(limit_w, (step[1].at - step[0].at).total_seconds())

    steps = [step for step in pairwise(sorted(set(registers))) if beyond(step) > 0]
    return max(steps, key=beyond, default=None)


def _rise(step: tuple[Point, Point]) -> int:
    return step[1].register_wh - step[0].register_wh


def _negative(seen: Seen, _now: datetime) -> dict[str, Any] | None:
    return {"energy_wh": seen.energy_wh} if seen.energy_wh < 0 else None


def _too_much(seen: Seen, now: datetime) -> dict[str, Any] | None:
    seconds = _seconds(seen, now)
    most = most_wh(seen.limit_w, seconds)
    if seen.energy_wh <= most:
        return None
    return {"energy_wh": seen.energy_wh, "most_wh": most, "limit_w": seen.limit_w,
            "seconds": max(seconds, 0)}  # fmt: skip


def _beyond_vehicle(seen: Seen, _now: datetime) -> dict[str, Any] | None:
    most = vehicle_wh(seen.limit_w)
    return {"energy_wh": seen.energy_wh, "most_wh": most} if seen.energy_wh > most else None


def _stands_still(seen: Seen, _now: datetime) -> dict[str, Any] | None:
    """Power flowed past a register that did not move, or ten times as much as it counted."""
    if "register_frozen" in seen.flags:
        return {"energy_wh": seen.energy_wh, "power_wh": seen.power_wh}
    if seen.power_wh is None or seen.power_wh < max(POWER_SAYS_WH, 10 * seen.energy_wh):
        return None
    return {"energy_wh": seen.energy_wh, "power_wh": seen.power_wh}


def _reversed(seen: Seen, now: datetime) -> dict[str, Any] | None:
    return {} if "times_reversed" in seen.flags or _seconds(seen, now) < 0 else None


def _too_long(seen: Seen, now: datetime) -> dict[str, Any] | None:
    seconds = _seconds(seen, now)
    return {"seconds": seconds} if seconds > LONGEST.total_seconds() else None


def _in_future(seen: Seen, now: datetime) -> dict[str, Any] | None:
    at = max(seen.started_at, seen.ended_at or seen.started_at)
    return {"at": at.isoformat()} if at > now + AHEAD else None


def _overlaps(seen: Seen, _now: datetime) -> dict[str, Any] | None:
    if seen.overlaps is None or seen.overlaps[1] < OVERLAP.total_seconds():
        return None
    return {"session_id": seen.overlaps[0], "seconds": seen.overlaps[1]}


TESTS: dict[str, Test] = {
    "register_decreased": _decreased,
    "register_jumped": _jumped,
    "register_negative": _flagged("register_negative"),
    "interval_implausible": _flagged("interval_implausible"),
    "energy_from_power": _flagged("energy_from_power"),
    "signature_invalid": _flagged("signature_invalid"),
    "signed_register_differs": _flagged("signed_register_differs"),
    "energy_negative": _negative,
    "too_much_energy": _too_much,
    "beyond_vehicle": _beyond_vehicle,
    "meter_stands_still": _stands_still,
    "start_missing": _flagged("start_missing"),
    "times_reversed": _reversed,
    "too_long": _too_long,
    "in_future": _in_future,
    "overlaps": _overlaps,
}
REASONS = tuple(TESTS)
# Flags that the metering explains, and what the id token was at the beginning: nothing wrong is
# counted, the page says them all the same.
HARMLESS = frozenset({
    "register_reset", "register_rolled_over", "power_implausible", "stop_lost", "stop_late",
    "ghost", "value_unreadable", "unit_unknown", "clock_skew", "clock_implausible",
    "clock_unreadable", "transaction_unknown", "imported", "time_ambiguous", "time_nonexistent",
    "offline", "token_blocked", "token_expired", "token_invalid", "token_unknown",
    "token_concurrenttx",
})  # fmt: skip
# flags whose doubt needs the session's registers
REGISTER_FLAGS = frozenset({"register_decreased", "register_jumped"})
