"""What is wrong with a tariff that has the right shape: one generator per part of it. Pure.

Each yields (field, what was expected and what came instead); the first is what people read.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain

from billing.money import Number, currencies, decimals_of, minor_unit
from billing.tariffs import (
    DAYS,
    DIMENSIONS,
    RESERVATIONS,
    TYPES,
    Element,
    Price,
    PriceComponent,
    Restrictions,
    Tariff,
)
from billing.times import utc

Problems = Iterator[tuple[str, str]]
MOST_DECIMALS = 4  # OCPI's number type, and enough for a price without VAT
LARGEST = 10**9
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
PAIRS = ("kwh", "current", "power", "duration")


def problems(tariff: Tariff, *, vat_required: bool) -> Problems:
    """Everything wrong with the tariff, in the order of its fields."""
    yield from _head(tariff)
    if not tariff.elements:
        yield "elements", "expected at least one element"
    for index, element in enumerate(tariff.elements):
        yield from _element(f"elements[{index}]", element, tariff, vat_required)
    yield from _bounds(tariff)


def _head(tariff: Tariff) -> Problems:
    if not tariff.id:
        yield "id", "expected a name for the tariff, got an empty one"
    if tariff.currency not in currencies():
        yield "currency", f"expected a currency of ISO 4217 such as SEK, got {tariff.currency!r}"
    if tariff.type is not None and tariff.type not in TYPES:
        yield "type", _one_of(TYPES, tariff.type)
    if tariff.start_date_time and tariff.end_date_time:
        start, end = utc(tariff.start_date_time), utc(tariff.end_date_time)
        if start >= end:
            yield "end_date_time", f"expected a time after start_date_time ({start}), got {end}"


def _element(at: str, element: Element, tariff: Tariff, vat_required: bool) -> Problems:
    if not element.price_components:
        yield f"{at}.price_components", "expected at least one price component"
    seen: set[str] = set()
    for index, component in enumerate(element.price_components):
        here = f"{at}.price_components[{index}]"
        if component.type in seen:
            yield (
                f"{here}.type",
                f"expected each type once in an element, got {component.type} again",
            )
        seen.add(component.type)
        yield from _component(here, component, tariff)
        if vat_required and component.vat is None and component.price:
            yield (
                f"{here}.vat",
                f"missing: the {component.type} price can't be shown including VAT without it; "
                "write 0 if no VAT applies",
            )
    yield from _restrictions(f"{at}.restrictions", element.restrictions)
    if element.restrictions.reservation and (extra := seen - {"FLAT", "TIME"}):
        yield (
            f"{at}.price_components",
            f"expected only FLAT and TIME for a reservation, got {min(extra)}",
        )


def _component(at: str, component: PriceComponent, tariff: Tariff) -> Problems:
    if component.type not in DIMENSIONS:
        yield f"{at}.type", _one_of(DIMENSIONS, component.type)
    may_be_negative = component.type == "ENERGY" and _never_pays_out(tariff)
    yield from _amount(f"{at}.price", component.price, MOST_DECIMALS)
    if component.price < 0 and not may_be_negative:
        yield (
            f"{at}.price",
            f"expected 0 or more, got {component.price} (only an ENERGY price may be negative, "
            "and only with a min_price of 0 or more)",
        )
    if component.vat is not None:
        yield from _amount(f"{at}.vat", component.vat, MOST_DECIMALS)
        if component.vat < 0 or component.vat > 100:
            yield f"{at}.vat", f"expected a percentage from 0 to 100, got {component.vat}"
    if not 0 <= component.step_size < LARGEST:
        yield f"{at}.step_size", f"expected 0 or more, got {component.step_size}"


def _never_pays_out(tariff: Tariff) -> bool:
    return tariff.min_price is not None and tariff.min_price.excl_vat >= 0


def _amount(at: str, value: Number, most: int) -> Problems:
    if not Decimal(value).is_finite() or abs(Decimal(value)) >= LARGEST:
        yield at, f"expected a number below {LARGEST}"
    elif decimals_of(value) > most:
        yield at, f"expected at most {most} decimals, got {value}"


def _restrictions(at: str, given: Restrictions) -> Problems:
    return chain(_clock(at, given), _days(at, given), _limits(at, given))


def _clock(at: str, given: Restrictions) -> Problems:
    for name in ("start_time", "end_time"):
        value = getattr(given, name)
        if value is not None and not TIME.fullmatch(value):
            yield f"{at}.{name}", f"expected a time of day such as 09:30, got {value!r}"
    if given.start_date and given.end_date and given.start_date >= given.end_date:
        yield (
            f"{at}.end_date",
            f"expected a date after start_date ({given.start_date}), got {given.end_date}; "
            "the end is exclusive",
        )


def _days(at: str, given: Restrictions) -> Problems:
    for index, day in enumerate(given.day_of_week):
        if day not in DAYS:
            yield f"{at}.day_of_week[{index}]", _one_of(DAYS, day)
    if given.reservation is not None and given.reservation not in RESERVATIONS:
        yield f"{at}.reservation", _one_of(RESERVATIONS, given.reservation)


def _limits(at: str, given: Restrictions) -> Problems:
    for pair in PAIRS:
        low, high = getattr(given, f"min_{pair}"), getattr(given, f"max_{pair}")
        for name, value in ((f"min_{pair}", low), (f"max_{pair}", high)):
            if value is not None:
                yield from _amount(f"{at}.{name}", value, MOST_DECIMALS)
                if value < 0 and pair in ("kwh", "duration"):
                    yield f"{at}.{name}", f"expected 0 or more, got {value}"
        if low is not None and high is not None and low >= high:
            yield (
                f"{at}.max_{pair}",
                f"expected more than min_{pair} ({low}), got {high}; the maximum is exclusive",
            )


def _bounds(tariff: Tariff) -> Problems:
    for name in ("min_price", "max_price"):
        price: Price | None = getattr(tariff, name)
        if price is not None:
            yield from _bound(name, price, tariff.currency)
    if tariff.min_price and tariff.max_price:
        for part in ("excl_vat", "incl_vat"):
            low, high = getattr(tariff.min_price, part), getattr(tariff.max_price, part)
            if low is not None and high is not None and low > high:
                yield f"max_price.{part}", f"expected at least min_price ({low}), got {high}"


def _bound(at: str, price: Price, currency: str) -> Problems:
    most = max(MOST_DECIMALS, minor_unit(currency))
    for part, value in (("excl_vat", price.excl_vat), ("incl_vat", price.incl_vat)):
        if value is not None:
            yield from _amount(f"{at}.{part}", value, most)
            if value < 0:
                yield f"{at}.{part}", f"expected 0 or more, got {value}"
    if price.incl_vat is not None and price.incl_vat < price.excl_vat:
        yield (
            f"{at}.incl_vat",
            f"expected at least excl_vat ({price.excl_vat}), got {price.incl_vat}",
        )


def _one_of(known: tuple[str, ...], got: str) -> str:
    return f"expected one of {', '.join(known)}, got {got!r}"
