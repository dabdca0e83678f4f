"""Energy and durations as earlier systems write them: points or commas, kWh or Wh."""

import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

Mark = Literal[".", ","]

SPACES = re.compile("[\\s'\u00a0\u2009\u202f]+")  # also what groups thousands
NUMBER = re.compile(r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:e[+-]?\d{1,2})?", re.IGNORECASE)
GROUPED = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})+")
CLOCK = re.compile(r"(?:(\d+) ?d(?:ays?)?,? ?)?(\d+):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?")
SPELLED = re.compile(
    r"(?:p?(\d+) ?d[a-z]* ?)?(?:p?t?(\d+) ?(?:h|tim)[a-z]*\.? ?)?"
    r"(?:p?t?(\d+) ?m[a-z]*\.? ?)?(?:p?t?(\d+)(?:[.,]\d+)? ?s[a-z]*\.?)?",
    re.IGNORECASE,
)
LONGEST = 40  # characters of a number; a longer one is none
WH = {"wh": Decimal(1), "kwh": Decimal(1000), "mwh": Decimal(1_000_000)}
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}


def number(text: str, mark: Mark) -> Decimal:
    """A decimal number whose fraction follows `mark`; the other one groups thousands.

    Raises ValueError.
    """
    text = SPACES.sub("", text)
    other = "," if mark == "." else "."
    if len(text) > LONGEST or not NUMBER.fullmatch(text) or text.count(mark) > 1:
        raise ValueError(text)
    whole = re.split(f"[{re.escape(mark)}eE]", text)[0]
    if other in text and not GROUPED.fullmatch(whole):
        if text.count(other) > 1 or mark in text:
            raise ValueError(text)
        return Decimal(text.replace(other, "."))  # one row of a file that is written otherwise
    return Decimal(text.replace(other, "").replace(mark, "."))


def watt_hours(text: str, unit: str, mark: Mark) -> int:
    """Energy in whole Wh; a unit in the cell ("12,5 kWh") goes before the column's.

    Raises ValueError.
    """
    match = re.fullmatch(r"(.*?)\s*(k?wh|mwh)?", text.strip(), re.IGNORECASE | re.DOTALL)
    amount, own = (match[1], match[2]) if match else (text, None)
    value = number(amount, mark) * WH[(own or unit).lower()]
    if not -(10**15) < value < 10**15:
        raise ValueError(text)
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def mark_of(text: str) -> str | None:
    """What a number tells of the mark before its fraction: `.` or `,`; `?.` or `?,` where that mark
    may as well group thousands (1.234); None where it has nothing to tell."""
    text = SPACES.sub("", re.sub("[a-zA-Z]+$", "", text.strip()))
    marks = [letter for letter in text if letter in ".,"]
    if not marks or not NUMBER.fullmatch(text):
        return None
    if len(set(marks)) == 2:
        return "," if marks[-1] == "," else "."
    if len(marks) > 1:  # 1.234.567: these group
        return "," if marks[0] == "." else "."
    if GROUPED.fullmatch(text) and not text.lstrip("+-").startswith("0"):
        return f"?{marks[0]}"
    return marks[0]


def duration(text: str, unit: str, mark: Mark) -> timedelta:
    """How long something took: a number of `unit`, h:mm, h:mm:ss, "2 h 5 min" or ISO's PT2H5M.

    Raises ValueError.
    """
    text = " ".join(text.split())
    if len(text) > LONGEST:
        raise ValueError(text)
    if match := CLOCK.fullmatch(text):
        return _summed(match.groups(), (86400, 3600, 60, 1))
    try:
        lasted = number(text, mark)
    except ValueError:
        match = SPELLED.fullmatch(text)
        if not text or match is None or not any(match.groups()):
            raise
        return _summed(match.groups(), (86400, 3600, 60, 1))
    if not unit:
        raise ValueError(text)
    return _seconds(lasted * SECONDS[unit])


def _summed(parts: Iterable[str | None], factors: Iterable[int]) -> timedelta:
    pairs = zip(parts, factors, strict=True)
    return _seconds(Decimal(sum(int(part or 0) * factor for part, factor in pairs)))


def _seconds(value: Decimal) -> timedelta:
    if not -(10**10) < value < 10**10:
        raise ValueError(str(value))
    return timedelta(seconds=float(value.quantize(Decimal("0.001"))))
