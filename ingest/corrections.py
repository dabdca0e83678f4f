"""From facts as they were counted to an energy that people state. Pure.

The energy keeps its place in time: each quarter of an hour is scaled alike, so that charts and
prices by the clock follow. Where nothing was counted it is spread evenly over the session.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ingest.quarters import MICROSECOND, QUARTER, Fact, quarter, spread

PLACED = ("split", "power", "correction")  # dated by its quarter, not by a reading


class Counted(NamedTuple):
    """A fact as recorded: the Wh it adds, and where they come from."""

    at: datetime
    energy_wh: int
    source: str


def corrections(
    facts: Sequence[Counted], stated_wh: int | None, start: datetime, end: datetime
) -> list[Fact]:
    """What must be booked, per quarter, so that all facts sum to `stated_wh` (None: to what was
    measured, as if nobody had ever corrected it)."""
    measured = _per_quarter(each for each in facts if each.source != "correction")
    wanted = measured if stated_wh is None else _scaled(measured, stated_wh, start, end)
    recorded = _per_quarter(facts)
    changes = {
        at: wanted.get(at, 0) - recorded.get(at, 0) for at in sorted(wanted.keys() | recorded)
    }
    return [Fact(_dated(at, facts, end), wh) for at, wh in changes.items() if wh]


def _per_quarter(facts: Iterable[Counted | Fact]) -> dict[datetime, int]:
    sums: dict[datetime, int] = {}
    for at, energy_wh, *_ in facts:
        sums[quarter(at)] = sums.get(quarter(at), 0) + energy_wh
    return dict(sorted(sums.items()))


def _scaled(
    measured: dict[datetime, int], stated_wh: int, start: datetime, end: datetime
) -> dict[datetime, int]:
    """Whole Wh that sum exactly: each is the difference of two rounded cumulative shares."""
    positive = {at: wh for at, wh in measured.items() if wh > 0}
    whole = sum(positive.values())
    if sum(measured.values()) == stated_wh:
        return measured
    if not whole:
        return _per_quarter(spread(start, max(start, end), stated_wh))
    found, seen, counted = {}, 0, 0
    for at, energy_wh in positive.items():
        seen += energy_wh
        share = stated_wh * seen // whole
        found[at], counted = share - counted, share
    return found


def _dated(at: datetime, facts: Sequence[Counted], end: datetime) -> datetime:
    """Where the energy of the quarter that begins at `at` is counted: at its last reading, as a
    reading's energy came before it; else at the quarter's end, within the session if possible."""
    read = [f.at for f in facts if f.source not in PLACED and quarter(f.at) == at]
    if read:
        return max(read)
    last = at + QUARTER - MICROSECOND
    return max(at, min(last, end)) if end >= at else last
