"""What was used in a session, as OCPI 2.2.1's CDR tells it (module CDRs), read strictly. Pure.

Only what a price depends on is read; a whole CDR may be given. Volumes: ENERGY in kWh, TIME,
PARKING_TIME and RESERVATION_TIME in hours, currents in A, powers in kW.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from billing import BillingError
from billing.money import Number
from billing.reading import Document, convert, parse
from billing.times import utc

AMOUNTS = ("ENERGY", "TIME", "PARKING_TIME", "RESERVATION_TIME")
LEVELS = ("CURRENT", "MIN_CURRENT", "MAX_CURRENT", "POWER", "MIN_POWER", "MAX_POWER")
DIMENSIONS = (*AMOUNTS, *LEVELS, "ENERGY_EXPORT", "ENERGY_IMPORT", "STATE_OF_CHARGE")
LONGEST = timedelta(days=366)
LARGEST = 10**9
YEARS = (1970, 2199)


class CdrError(BillingError):
    """The session can't be priced; the message names the field and what was expected there."""


class Dimension(Struct, frozen=True):
    type: str
    volume: Number


class ChargingPeriod(Struct, frozen=True):
    """It ends where the next one starts; the last one with the session."""

    start_date_time: datetime
    dimensions: tuple[Dimension, ...]

    def volume(self, dimension: str) -> Number | None:
        return next((each.volume for each in self.dimensions if each.type == dimension), None)


class Cdr(Struct, frozen=True):
    """The part of a CDR (or of a running session) that decides the price; times are in UTC."""

    currency: str
    start_date_time: datetime
    end_date_time: datetime
    charging_periods: tuple[ChargingPeriod, ...]


def read_cdr(text: bytes | str | Document) -> Cdr:
    """A checked session from JSON. Raises CdrError."""
    document = text if isinstance(text, dict) else parse(text, CdrError)
    return checked(convert(document, Cdr, CdrError))


def checked(cdr: Cdr) -> Cdr:
    """The session with all times in UTC. Raises CdrError when it contradicts itself."""
    cdr = Cdr(
        cdr.currency,
        utc(cdr.start_date_time),
        utc(cdr.end_date_time),
        tuple(
            ChargingPeriod(utc(period.start_date_time), period.dimensions)
            for period in cdr.charging_periods
        ),
    )
    for field, problem in problems(cdr):
        raise CdrError(f"{field}: {problem}")
    return cdr


def problems(cdr: Cdr) -> Iterator[tuple[str, str]]:
    """(field, what was expected) of everything wrong, in the order of the fields."""
    start, end = cdr.start_date_time, cdr.end_date_time
    if not YEARS[0] <= start.year <= YEARS[1]:
        yield "start_date_time", f"expected a year from {YEARS[0]} to {YEARS[1]}, got {start}"
    if end < start:
        yield "end_date_time", f"expected a time not before start_date_time ({start}), got {end}"
    if end - start > LONGEST:
        yield "end_date_time", f"expected at most {LONGEST.days} days after start_date_time"
    if not cdr.charging_periods:
        yield "charging_periods", "expected at least one period"
    before, name = start, "start_date_time"
    for index, period in enumerate(cdr.charging_periods):
        at = f"charging_periods[{index}]"
        yield from _placed(at, period.start_date_time, before, name, end)
        yield from _dimensions(at, period)
        before, name = period.start_date_time, f"that of {at}"


def _placed(
    at: str, start: datetime, before: datetime, name: str, end: datetime
) -> Iterator[tuple[str, str]]:
    field = f"{at}.start_date_time"
    if start < before:
        yield field, f"expected a time not before {name} ({before}), got {start}"
    if start > end:
        yield field, f"expected a time not after end_date_time ({end}), got {start}"


def _dimensions(at: str, period: ChargingPeriod) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for index, (kind, volume) in enumerate((d.type, d.volume) for d in period.dimensions):
        here = f"{at}.dimensions[{index}]"
        if kind not in DIMENSIONS:
            yield f"{here}.type", f"expected one of {', '.join(DIMENSIONS)}, got {kind!r}"
        if kind in seen:
            yield f"{here}.type", f"expected each type once in a period, got {kind} again"
        seen.add(kind)
        if not Decimal(volume).is_finite() or abs(Decimal(volume)) >= LARGEST:
            yield f"{here}.volume", f"expected a number below {LARGEST}"
        elif kind in AMOUNTS and volume < 0:
            yield f"{here}.volume", f"expected 0 or more for {kind}, got {volume}"
