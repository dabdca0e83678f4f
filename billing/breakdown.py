"""How a price comes about, line by line, and the result people and books are given. Pure."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from billing.bounds import Bounded, Totals
from billing.money import Number, minor_unit, rounded, shown
from billing.tariffs import PriceComponent

# per price unit (kWh, hour, once): so many of what is counted (Wh, s, 1)
PARTS = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600, "FLAT": 1}
UNITS = {"ENERGY": "kWh", "TIME": "h", "PARKING_TIME": "h", "FLAT": "session"}


class Line(Struct):
    """What one component earns in one stretch of one period; amounts are exact.

    `used` and `billed` (with what the step added) are in Wh, seconds or times.
    """

    type: str
    period: int
    start: datetime
    end: datetime
    element: int
    component: PriceComponent
    reserved: bool
    used: Fraction
    billed: Fraction

    def costs(self) -> Totals:
        excl = self.billed * Fraction(self.component.price) / PARTS[self.type]
        return Totals(excl, excl * (100 + Fraction(self.component.vat or 0)) / 100)

    def continues_in(self, other: "Line") -> bool:
        mine = (self.period, self.element, self.reserved, self.end)
        return mine == (other.period, other.element, other.reserved, other.start)

    def extend(self, other: "Line") -> None:
        self.end = other.end
        self.used += other.used
        self.billed += other.billed


class PricedLine(Struct, frozen=True):
    """A line as it is shown: volumes in `unit`, costs not yet rounded to coins.

    `type` is the tariff's dimension; `period` and `element` count from 0. `billed_volume` is
    `volume` plus what step_size added.
    """

    period: int
    start_date_time: datetime
    end_date_time: datetime
    type: str
    reservation: bool
    element: int
    unit: str
    volume: Decimal
    billed_volume: Decimal
    step_size: int
    price: Number
    vat: Number | None
    cost_excl_vat: Decimal
    cost_incl_vat: Decimal


class Amounts(Struct, frozen=True):
    excl_vat: Decimal
    incl_vat: Decimal


class Priced(Struct, frozen=True):
    """breakdown + limit + rounding = total, exactly, without and with VAT.

    `limited_by` names the bound (min_price, max_price) that `limit` comes from.
    """

    currency: str
    total_cost_excl_vat: Decimal
    total_cost_incl_vat: Decimal
    total_vat: Decimal
    breakdown: tuple[PricedLine, ...]
    limited_by: str | None
    limit: Amounts
    rounding: Amounts
    notes: tuple[str, ...]


def priced(currency: str, lines: list[Line], costs: list[Totals], bounds: Bounded) -> Priced:
    """Round the two totals, and say what that changed."""
    decimals = minor_unit(currency)
    excl = rounded(bounds.held.excl_vat, decimals)
    incl = rounded(bounds.held.incl_vat, decimals)
    told = tuple(map(_told, lines, costs))
    limit = Amounts(
        shown(bounds.held.excl_vat - bounds.totals.excl_vat),
        shown(bounds.held.incl_vat - bounds.totals.incl_vat),
    )
    rounding = Amounts(
        excl - limit.excl_vat - sum((line.cost_excl_vat for line in told), Decimal(0)),
        incl - limit.incl_vat - sum((line.cost_incl_vat for line in told), Decimal(0)),
    )
    return Priced(
        currency, excl, incl, incl - excl, told, bounds.by, limit, rounding, _notes(lines)
    )


def _told(line: Line, cost: Totals) -> PricedLine:
    component = line.component
    return PricedLine(
        period=line.period,
        start_date_time=line.start,
        end_date_time=line.end,
        type=line.type,
        reservation=line.reserved,
        element=line.element,
        unit=UNITS[line.type],
        volume=shown(line.used / PARTS[line.type]),
        billed_volume=shown(line.billed / PARTS[line.type]),
        step_size=component.step_size,
        price=component.price,
        vat=component.vat,
        cost_excl_vat=shown(cost.excl_vat),
        cost_incl_vat=shown(cost.incl_vat),
    )


def _notes(lines: list[Line]) -> tuple[str, ...]:
    """OCPI reads a left out VAT as none: the total including VAT then holds none, so say it."""
    silent = {
        f"elements[{line.element}]: the {line.type} price says no vat; none is added to it"
        for line in lines
        if line.component.vat is None and line.component.price
    }
    return tuple(sorted(silent))
