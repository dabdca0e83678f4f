"""Energy spread over quarters of an hour, purely: what every roll-up is a sum of."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

QUARTER = timedelta(minutes=15)
MICROSECOND = timedelta(microseconds=1)


class Fact(NamedTuple):
    """Wh that were delivered in the quarter of an hour that `at` lies in."""

    at: datetime
    energy_wh: int


def quarter(at: datetime) -> datetime:
    """The start of the quarter of an hour that `at` lies in (all zones' offsets are multiples)."""
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def spread(start_at: datetime, end_at: datetime, energy_wh: int) -> list[Fact]:
    """Spread energy over the quarters between two instants, evenly in time.

    Whole Wh that sum exactly: each part is the difference of two rounded cumulative shares.
    The part of the quarter that `end_at` lies in is dated `end_at`, so that it can stand on its
    reading's row.
    """
    if energy_wh == 0:
        return []
    if end_at <= start_at or _is_one_quarter(start_at, end_at):
        return [Fact(end_at, energy_wh)]
    last = quarter(end_at)
    total = (end_at - start_at) // MICROSECOND
    facts, counted, at = [], 0, start_at
    while at < end_at:
        border = min(quarter(at) + QUARTER, end_at)
        share = energy_wh * ((border - start_at) // MICROSECOND) // total
        if share > counted:
            facts.append(Fact(end_at if quarter(at) == last else at, share - counted))
        counted, at = share, border
    return facts


def _is_one_quarter(start_at: datetime, end_at: datetime) -> bool:
    """As nearly always; a tenth of the cost of finding both quarters."""
    return end_at - start_at < QUARTER and start_at.minute // 15 == end_at.minute // 15


def difference(target: Iterable[Fact], recorded: Iterable[Fact] = ()) -> list[Fact]:
    """What must be booked, per quarter, so that `recorded` sums to `target` in each of them."""
    sums: dict[datetime, int] = {}
    dated: dict[datetime, datetime] = {}
    for sign, facts in ((1, target), (-1, recorded)):
        for at, energy_wh in facts:
            key = quarter(at)
            sums[key] = sums.get(key, 0) + sign * energy_wh
            dated[key] = min(at, dated.get(key, at))
    return [Fact(dated[key], energy_wh) for key, energy_wh in sorted(sums.items()) if energy_wh]
