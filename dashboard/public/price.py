"""What charging costs, read off a stored OCPI 2.2.1 tariff: price lines including VAT. Pure.

The lines stand in the order of AFIR (Regulation (EU) 2023/1804, article 5): per kWh, per minute,
per session, anything else. Amounts are Decimals in whole units of the currency, VAT included.
"""

import json
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from msgspec import Struct

SIXTY = Decimal(60)
STOP_SHARE = Decimal("0.95")  # of the maximum: there the charging is stopped
# OCPI's dimension -> our word, and how many of our units its own unit holds (an hour, 60 minutes)
KINDS = {
    "ENERGY": ("energy", Decimal(1)),
    "TIME": ("charging", SIXTY),
    "PARKING_TIME": ("staying", SIXTY),
    "FLAT": ("session", Decimal(1)),
}
ORDER = ("energy", "charging", "staying", "session", "lowest", "highest")
Document = dict[str, Any]


class Line(Struct, frozen=True):
    """One price: `amount` per kWh, minute or session; `limits` are OCPI's restrictions."""

    kind: str
    amount: Decimal
    limits: Document


class Price(Struct, frozen=True):
    """All that may be charged, in the order it is shown in."""

    currency: str
    lines: tuple[Line, ...]

    def amounts(self, *kinds: str) -> list[Decimal]:
        return [line.amount for line in self.lines if line.kind in kinds]

    @property
    def per_kwh(self) -> Decimal:
        """The highest price per kWh: nobody pays more, whenever the charging is."""
        return max(self.amounts("energy"), default=Decimal(0))

    @property
    def varies(self) -> bool:
        energy = [line for line in self.lines if line.kind == "energy"]
        return len(energy) > 1 or any(line.limits for line in energy)

    @property
    def by_the_minute(self) -> bool:
        """Whether charging itself costs by time: an example in kWh is not all of it then."""
        return any(self.amounts("charging"))

    @property
    def is_free(self) -> bool:
        return not any(self.amounts("energy", "charging", "staying", "session", "lowest"))

    def session_of(self, kwh: int) -> Decimal:
        """What so many kWh cost, without minutes, bounded as a session is."""
        total = self.per_kwh * kwh + max(self.amounts("session"), default=Decimal(0))
        total = max([total, *self.amounts("lowest")])
        return min([total, *self.amounts("highest")])

    def kwh_for(self, maximum: int) -> int | None:
        """Whole kWh that a maximum (in whole units) lasts for, until the charging is stopped."""
        if not self.per_kwh:
            return None
        left = maximum * STOP_SHARE - max(self.amounts("session"), default=Decimal(0))
        return max(0, int(left / self.per_kwh))


def read_price(text: str) -> Price:
    """The price lines of a tariff's document (its text: no number becomes a float)."""
    document = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    lines = [*_components(document), *_bounds(document)]
    found = sorted(_reachable(lines), key=lambda line: ORDER.index(line.kind))
    kept = [line for line in found if any(o.amount for o in found if o.kind == line.kind)]
    return Price(document["currency"], tuple(kept))


def _components(document: Document) -> Iterator[Line]:
    for element in document["elements"]:
        limits = element.get("restrictions") or {}
        if limits.get("reservation"):
            continue
        for component in element["price_components"]:
            kind, units = KINDS[component["type"]]
            yield Line(kind, with_vat(component["price"], component.get("vat")) / units, limits)


def with_vat(price: Decimal, vat: Decimal | None) -> Decimal:
    """A price including VAT; OCPI: none left out, none applies."""
    return price * (1 + (vat or Decimal(0)) / 100)


def _bounds(document: Document) -> Iterator[Line]:
    """min_price and max_price; without an amount including VAT the highest rate is reckoned."""
    rates = [
        c.get("vat") or Decimal(0) for e in document["elements"] for c in e["price_components"]
    ]
    for name, kind in (("min_price", "lowest"), ("max_price", "highest")):
        if bound := document.get(name):
            given = bound.get("incl_vat")
            amount = with_vat(bound["excl_vat"], max(rates)) if given is None else given
            yield Line(kind, amount, {})


def _reachable(lines: Iterable[Line]) -> Iterator[Line]:
    """The first that holds wins: what comes after one without limits is never charged."""
    closed = set[str]()
    for line in lines:
        if line.kind not in closed:
            yield line
        if not line.limits:
            closed.add(line.kind)


def rounded(amount: Decimal, digits: int) -> int:
    """Minor units of an amount, half-up, as a bill is rounded."""
    return int(amount.scaleb(digits).quantize(Decimal(1), ROUND_HALF_UP))
