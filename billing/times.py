"""Instants, local time and the moments at which a clock, a date or a day turns. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def utc(at: datetime) -> datetime:
    """The instant in UTC; without an offset it is UTC already (OCPI, type DateTime)."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def microseconds(span: timedelta) -> int:
    return span // MICROSECOND


def minutes_of(clock: str) -> int:
    """Minutes since midnight of "HH:MM"."""
    return int(clock[:2]) * 60 + int(clock[3:])


def turns(start: datetime, end: datetime, minutes: Iterable[int], zone: ZoneInfo) -> list[datetime]:
    """Instants strictly inside (start, end) at which a local clock may pass one of `minutes`.

    An hour that comes twice is met twice. Where the clock jumps, the jump itself is an instant:
    02:30 of a night without it begins to hold at 03:00. A few instants too many do no harm, as a
    split by itself changes no price.
    """
    found = set(_jumps(start, end, zone))
    wanted = [time(minute // 60, minute % 60) for minute in set(minutes)]
    for day in _dates(start, end, zone):
        for clock in wanted:
            for fold in (0, 1):
                local = datetime.combine(day, clock, zone).replace(fold=fold)
                found.add(local.astimezone(UTC))
    return sorted(at for at in found if start < at < end)


def _dates(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        yield day
        day += DAY


def _jumps(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The instants at which the zone's offset changes (zoneinfo does not tell them)."""
    at = start
    while at < end:
        after = min(at + DAY, end)
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield _jump(at, after, zone)
        at = after


def _jump(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """Offsets change on whole seconds: halve the span until one second is left."""
    offset = start.astimezone(zone).utcoffset()
    low, high = int(start.timestamp()), int(end.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
