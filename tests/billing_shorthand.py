"""Tariffs and sessions in few words, for the tests of billing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.breakdown import Priced
from billing.cdrs import Cdr, ChargingPeriod, Dimension, checked
from billing.pricing import price
from billing.tariffs import Tariff, read_tariff

STOCKHOLM = ZoneInfo("Europe/Stockholm")
Volumes = dict[str, Any]


def component(kind: str, price: Any, vat: Any = 25, step_size: int = 1) -> dict[str, Any]:
    amounts = {"price": Decimal(str(price)), "vat": vat}
    return {"type": kind, **amounts, "step_size": step_size}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": list(components), "restrictions": restrictions}


def document(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "test", "currency": "SEK", "elements": list(elements), **more}


def tariff(*elements: dict[str, Any], **more: Any) -> Tariff:
    return read_tariff(document(*elements, **more))


def instant(text: str) -> datetime:
    """An instant of Stockholm's clock ("2026-10-25T02:30"), or of UTC with a Z."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=STOCKHOLM)).astimezone(UTC)


def session(start: str, *periods: tuple[float, Volumes], currency: str = "SEK") -> Cdr:
    """Periods are (minutes, volumes); {"TIME": True} means the whole period."""
    begin = at = instant(start)
    found = []
    for minutes, volumes in periods:
        hours = Decimal(str(minutes)) / 60
        told = [Dimension(kind, hours if v is True else v) for kind, v in volumes.items()]
        found.append(ChargingPeriod(at, tuple(told)))
        at += timedelta(minutes=minutes)
    return checked(Cdr(currency, begin, at, tuple(found)))


def cost(given: Tariff, cdr: Cdr, zone: ZoneInfo = STOCKHOLM) -> Decimal:
    return price(given, cdr, zone).total_cost_excl_vat


def lines(result: Priced) -> list[tuple[str, int, Decimal]]:
    """(type, element, volume) of the breakdown."""
    return [(line.type, line.element, line.billed_volume) for line in result.breakdown]
