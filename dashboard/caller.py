"""What a caller says of a payment: the card's last four digits, an amount, a time. Pure.

"4242 142,91 14:30", "4242 300 kr", "142,91 yesterday 14:30", "4242 2026-11-22". Whoever paid with a
phone does not know the card's digits: an amount and a time are enough.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

CARD = re.compile(r"^[\u2022*X]{0,12}(\d{4})$")
CLOCK = re.compile(r"^(\d{1,2}):(\d{2})$")
DAY = re.compile(r"^(\d{1,2})/(\d{1,2})$")
FILLING = {"KR", "SEK", "KL", "KL.", "AT", "KORT", "CARD"}
DAYS_BACK = {"IDAG": 0, "TODAY": 0, "IG\u00c5R": 1, "YESTERDAY": 1}
NEAR = timedelta(minutes=90)  # people remember when they charged, not when they paid


@dataclass(frozen=True)
class Caller:
    """`amount` in minor units; a payment was begun in [since, until)."""

    card: str | None = None
    amount: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        """Whether it is enough to look for."""
        return self.card is not None or (self.amount is not None and self.since is not None)


NOBODY = Caller()


def read(text: str, now: datetime) -> Caller:
    """What is said, in the zone of `now`; NOBODY when a word means nothing or it is too little."""
    card: str | None = None
    amount: int | None = None
    day: date | None = None
    clock: tuple[int, int] | None = None
    for word in _words(text):
        found = CARD.match(word)
        if found and card is None:
            card = found[1]
        elif (read_clock := _clock(word)) and clock is None:
            clock = read_clock
        elif (read_day := _day(word, now)) and day is None:
            day = read_day
        elif (read_amount := _amount(word)) is not None and amount is None:
            amount = read_amount
        else:
            return NOBODY
    caller = Caller(card, amount, *_window(day, clock, now))
    return caller or NOBODY


def _words(text: str) -> list[str]:
    spaced = re.sub(r"(?<=\d)(KR|SEK)\b|\b(KR|SEK)(?=\d)", " ", text.upper()[:100])
    return [word.rstrip(";.") for word in spaced.split() if word not in FILLING]


def _clock(word: str) -> tuple[int, int] | None:
    found = CLOCK.match(word)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return int(found[1]), int(found[2])


def _day(word: str, now: datetime) -> date | None:
    """Today, yesterday, 2026-11-22, or 22/11 of the last twelve months."""
    if word in DAYS_BACK:
        return now.date() - timedelta(days=DAYS_BACK[word])
    found = DAY.match(word)
    try:
        if not found:
            return date.fromisoformat(word) if re.match(r"^20\d\d-\d\d-\d\d$", word) else None
        this_year = date(now.year, int(found[2]), int(found[1]))
        return this_year if this_year <= now.date() else this_year.replace(year=now.year - 1)
    except ValueError:
        return None


def _amount(word: str) -> int | None:
    """142,91 and 142.91 in minor units."""
    try:
        value = Decimal(word.replace(",", ".")) * 100
    except InvalidOperation:
        return None
    fine = value.is_finite() and value == value.to_integral_value() and 0 <= value < 10**12
    return int(value) if fine else None


def _window(
    day: date | None, clock: tuple[int, int] | None, now: datetime
) -> tuple[datetime | None, datetime | None]:
    if day is None and clock is None:
        return None, None
    midnight = datetime.combine(day or now.date(), datetime.min.time(), now.tzinfo)
    if clock is None:
        return midnight, midnight + timedelta(days=1)
    at = midnight.replace(hour=clock[0], minute=clock[1])
    if day is None and at > now + timedelta(minutes=15):
        at -= timedelta(days=1)
    return at - NEAR, at + NEAR
