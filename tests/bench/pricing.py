"""How many sessions a CPU-second prices, in one process and without a database.

Simple: energy and a start fee in one period. Usual: a day and a night price, occupancy fee after
charging, a highest price. Hard: a dozen periods over a night in which the clock jumps.
"""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.cdrs import Cdr, ChargingPeriod, Dimension
from billing.pricing import plan_of, price
from billing.reading import Document, canonical
from billing.tariffs import Tariff, read_tariff
from tests.bench.report import Table

ZONE = ZoneInfo("Europe/Stockholm")
EVENING = datetime(2026, 3, 28, 20, 17, 31, tzinfo=UTC)
TARGET = 5_000


def component(kind: str, price: str, step_size: int = 1) -> dict[str, Any]:
    return {"type": kind, "price": Decimal(price), "vat": 25, "step_size": step_size}


def document(*elements: Any, **more: Any) -> Document:
    """A tariff of (price components, restrictions)."""
    told = [{"price_components": found, "restrictions": given} for found, given in elements]
    return {"id": "bench", "currency": "SEK", "elements": told, **more}


def tariff(given: Document) -> Tariff:
    return read_tariff(canonical(given))


SIMPLE = document(([component("ENERGY", "3.992"), component("FLAT", "4")], {}))
USUAL = document(
    ([component("ENERGY", "2.792")], {"start_time": "22:00", "end_time": "06:00"}),
    ([component("ENERGY", "3.992")], {}),
    ([component("PARKING_TIME", "60", 60)], {"start_time": "06:00", "end_time": "22:00"}),
    max_price={"excl_vat": 400, "incl_vat": 500},
)


def session(*periods: tuple[int, str, str]) -> Cdr:
    """Periods of (minutes, kWh, TIME or PARKING_TIME)."""
    at, found = EVENING, []
    for minutes, kwh, kind in periods:
        time_used = Dimension(kind, Decimal(minutes) / 60)
        found.append(ChargingPeriod(at, (Dimension("ENERGY", Decimal(kwh)), time_used)))
        at += timedelta(minutes=minutes)
    return Cdr("SEK", EVENING, at, tuple(found))


CASES = {
    "simple": (SIMPLE, session((47, "23.417", "TIME"))),
    "usual": (USUAL, session((61, "31.2", "TIME"), (25, "0", "PARKING_TIME"))),
    "hard": (USUAL, session(*[(60, "5.25", "TIME")] * 11, (120, "0", "PARKING_TIME"))),
}
WORDS = {
    "simple": "energy and a start fee, one period",
    "usual": "day and night price, occupancy fee, highest price; two periods",
    "hard": "the same, twelve periods over a night in which the clock jumps",
}


def rate(given: Document, cdr: Cdr, seconds: float = 1.0) -> float:
    """Sessions per second of this process's own CPU time."""
    plan, count, started = plan_of(tariff(given)), 0, time.process_time()
    while (used := time.process_time() - started) < seconds:
        for _ in range(50):
            price(plan, cdr, ZONE)
        count += 50
    return count / used


def tables() -> list[Table]:
    rates = {name: rate(*case) for name, case in CASES.items()}
    rows = [[f"{name}: {WORDS[name]}", f"{found:.0f}"] for name, found in rates.items()]
    rows.append(["bar, for the simple one", f"{TARGET}"])
    return [Table("Pricing", ["session", "sessions per CPU-second"], rows)]
