"""Instants as earlier systems write them: many spellings, local clocks, nights that change them.

A local time is read in the zone it is said to be of. In the hour that autumn shows twice, it is
the first of the two, unless the session would then end before it began or not last as long as the
row says; a time that spring leaves out is what a clock shows that was not put forward, unless the
session would then end before it began. Both are flagged.
"""

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Order = Literal["dmy", "mdy"]

# English, Swedish, Norwegian, Danish, German, by their first three letters
SPELLINGS = "jan feb mar,mär apr maj,may,mai jun jul aug sep okt,oct nov dec,des,dez"
MONTHS = {
    name: number for number, names in enumerate(SPELLINGS.split(), 1) for name in names.split(",")
}
NUMBERED = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:,?[ T]+(.*))?")
NAMED = re.compile(r"(\d{1,2})[. -]+([^\W\d]{3,9})\.?[ -]+(\d{4}|\d{2})(?:,?[ T]+(.*))?")
AMERICAN = re.compile(r"([^\W\d]{3,9})\.? (\d{1,2}),? (\d{4})(?:,?[ T]+(.*))?")
WEEKDAY = re.compile(r"^[^\W\d]{2,10}\.?(?:, ?| (?=\d{1,2}[. -]+[^\W\d]))")
COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)[ T]?(\d\d)(\d\d)(\d\d)?")
CLOCK = re.compile(
    r"(\d{1,2})(?:[:.](\d\d)(?:[:.](\d\d)(?:[.,](\d{1,9}))?)?)? ?([ap])?\.?(?:m\.?)?"
    r" ?(z|utc|gmt|[+-]\d\d:?(?:\d\d)?)?",
    re.IGNORECASE,
)


class AmbiguousError(ValueError):
    """A date such as 03/04/2024 where nothing says which part is the month."""


class Local(NamedTuple):
    """A time as read: the instants it may mean, the first is the likelier; `flag` says why."""

    instants: tuple[datetime, ...]
    flag: str | None = None


def parse(text: str, order: Order | None) -> datetime:
    """A time as written, with its offset if it has one. Raises ValueError."""
    text = " ".join(text.split())
    if text.isdecimal():
        return _digits(text)
    try:
        return _iso(text)
    except ValueError:
        return _spelled(text, order)


def _iso(text: str) -> datetime:
    if len(text) < 11:  # a date alone is no time
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _digits(text: str) -> datetime:
    if len(text) in (10, 13):  # seconds or milliseconds since 1970
        return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)
    if match := COMPACT.fullmatch(text):
        return datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type] # noqa: DTZ001
    raise ValueError(text)


def _spelled(text: str, order: Order | None) -> datetime:
    text = WEEKDAY.sub("", text)
    if match := NUMBERED.fullmatch(text):
        first, mark, second, third, clock = match.groups()
        year, month, day = _numbered(first, mark, second, third, order)
    elif match := NAMED.fullmatch(text):
        day, month, year = int(match[1]), _month(match[2]), _year(match[3])
        clock = match[4]
    elif match := AMERICAN.fullmatch(text):
        month, day, year = _month(match[1]), int(match[2]), int(match[3])
        clock = match[4]
    elif match := COMPACT.fullmatch(text):
        return datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type] # noqa: DTZ001
    else:
        raise ValueError(text)
    return _on(datetime(year, month, day), clock)  # noqa: DTZ001 - a wall clock's


def _numbered(
    first: str, mark: str, second: str, third: str, order: Order | None
) -> tuple[int, int, int]:
    if len(first) == 4:
        return int(first), int(second), int(third)
    a, b, year = int(first), int(second), _year(third)
    if mark == "." or a > 12:
        return year, b, a
    if order is None and b <= 12 and a != b:
        raise AmbiguousError(f"{first}{mark}{second}{mark}{third}")
    return (year, a, b) if order == "mdy" or b > 12 else (year, b, a)


def _year(text: str) -> int:
    if len(text) not in (2, 4):
        raise ValueError(text)
    return int(text) + (2000 if len(text) == 2 else 0)


def _month(name: str) -> int:
    try:
        return MONTHS[name[:3].lower()]
    except KeyError:
        raise ValueError(name) from None


def _on(day: datetime, clock: str | None) -> datetime:
    match = CLOCK.fullmatch(clock or "")
    if match is None or (match[2] is None and match[5] is None):
        raise ValueError(clock)
    hour, minute, second, fraction, half, offset = match.groups()
    if half and not 1 <= int(hour) <= 12:
        raise ValueError(clock)
    hours = int(hour) % 12 + (12 if half in ("p", "P") else 0) if half else int(hour)
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    at = day.replace(
        hour=hours, minute=int(minute or 0), second=int(second or 0), microsecond=microsecond
    )
    return _with_offset(at, offset)


def _with_offset(at: datetime, offset: str | None) -> datetime:
    if offset is None:
        return at
    if offset[0] not in "+-":
        return at.replace(tzinfo=UTC)
    return datetime.fromisoformat(f"{at.isoformat()}{offset}")


def order_of(text: str) -> Order | Literal["either"] | None:
    """What a date tells of the order of its parts; None where it has none to tell."""
    match = NUMBERED.match(" ".join(text.split()))
    if match is None or match[2] == "." or len(match[1]) == 4:
        return None
    a, b = int(match[1]), int(match[3])
    if a > 12 or b > 12:
        return "dmy" if a > 12 else "mdy"
    return "either" if a != b else None


def instants(at: datetime, zone: ZoneInfo) -> Local:
    """The instants that a time as read may mean, in UTC."""
    if at.tzinfo is not None:
        return Local((at.astimezone(UTC),))
    first, second = (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return Local((first,))
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == at:
        return Local((first, second), "time_ambiguous")
    return Local((first, second), "time_nonexistent")


class Span(NamedTuple):
    started_at: datetime
    ended_at: datetime
    flags: tuple[str, ...]


def span(start: Local, end: Local | None, lasted: timedelta | None) -> Span | None:
    """From when to when, by two times or by one and how long it took; None if there is no end.

    A minute's difference between the two is rounding.
    """
    flags = [local.flag for local in (start, end) if local is not None and local.flag]
    if end is None:
        if lasted is None:
            return None
        return Span(start.instants[0], start.instants[0] + lasted, tuple(flags))
    pairs = list(product(start.instants, end.instants))
    forward = [pair for pair in pairs if pair[0] <= pair[1]] or pairs
    if lasted is None or len(forward) == 1:
        began, ended = forward[0]
    else:
        began, ended = min(forward, key=lambda pair: abs(pair[1] - pair[0] - lasted))
    return Span(began, ended, tuple(dict.fromkeys(flags)))
