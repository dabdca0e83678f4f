"""Tariffs as OCPI 2.2.1 has them (module Tariffs, "Object description"), read strictly. Pure.

Prices are without VAT: per kWh (ENERGY), per hour (TIME, PARKING_TIME) or once (FLAT). `vat` is
a percentage; left out, OCPI reads that no VAT applies. `step_size` is in Wh or seconds.
"""

from datetime import date, datetime
from typing import Any

from msgspec import Struct

from billing import BillingError
from billing.money import Number
from billing.reading import Document, convert, parse

DIMENSIONS = ("ENERGY", "TIME", "PARKING_TIME", "FLAT")
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
RESERVATIONS = ("RESERVATION", "RESERVATION_EXPIRES")
TYPES = ("AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR")


class TariffError(BillingError):
    """The tariff can't be used; the message names the field and what was expected there."""


class Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A misspelt field of a tariff would be money lost in silence: unknown ones are refused."""


class PriceComponent(Strict, frozen=True):
    type: str
    price: Number
    vat: Number | None = None
    step_size: int = 1  # the default OCPI's CdrDimensionType names; 0 = exact


class Restrictions(Strict, frozen=True):
    """All that are given must hold; times, dates and days are the site's local ones."""

    start_time: str | None = None
    end_time: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: tuple[str, ...] = ()
    reservation: str | None = None

    @property
    def is_empty(self) -> bool:
        return self == NO_RESTRICTIONS


NO_RESTRICTIONS = Restrictions()


class Element(Strict, frozen=True):
    price_components: tuple[PriceComponent, ...]
    restrictions: Restrictions = NO_RESTRICTIONS

    def component(self, dimension: str) -> PriceComponent | None:
        return next((each for each in self.price_components if each.type == dimension), None)


class Price(Strict, frozen=True):
    """A bound of a session's total."""

    excl_vat: Number
    incl_vat: Number | None = None


class Tariff(Strict, frozen=True):
    """One tariff. What OCPI asks for only between companies may be left out."""

    id: str
    currency: str
    elements: tuple[Element, ...]
    country_code: str = ""
    party_id: str = ""
    type: str | None = None
    tariff_alt_text: tuple[dict[str, str], ...] = ()
    tariff_alt_url: str | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    energy_mix: dict[str, Any] | None = None
    last_updated: datetime | None = None


def read_tariff(text: bytes | str | Document, *, vat_required: bool = False) -> Tariff:
    """A checked tariff from JSON (or from an object that `parse` has read).

    `vat_required`: it is to be shown including VAT, so every price above 0 must say its VAT.
    Raises TariffError.
    """
    from billing.tariff_checks import problems  # noqa: PLC0415 - checks know the structs

    document = text if isinstance(text, dict) else parse(text, TariffError)
    tariff = convert(document, Tariff, TariffError)
    for field, problem in problems(tariff, vat_required=vat_required):
        raise TariffError(f"{field}: {problem}")
    return tariff
