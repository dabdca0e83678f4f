"""A tariff's min_price and max_price on a session's exact totals. Pure.

Both hold for both totals (OCPI 2.2.1, Tariff object, notes on min_price and max_price). A bound
without `incl_vat` moves the total including VAT in the proportion it moved the one without.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR
from fractions import Fraction
from typing import NamedTuple

from billing.money import Number, minor_unit, rounded
from billing.tariffs import Price, Tariff


class Totals(NamedTuple):
    excl_vat: Fraction
    incl_vat: Fraction


class Bounded(NamedTuple):
    """`totals` before, `held` after the bounds; `by` names the bound that changed them."""

    totals: Totals
    held: Totals
    by: str | None = None


def bounded(tariff: Tariff, totals: Totals) -> Bounded:
    result = Bounded(totals, totals)
    if tariff.min_price is not None:
        result = _held(tariff, result, "min_price", tariff.min_price)
    if tariff.max_price is not None:
        result = _held(tariff, result, "max_price", tariff.max_price)
    return result


def _held(tariff: Tariff, before: Bounded, name: str, bound: Price) -> Bounded:
    excl = _within(name, before.held.excl_vat, bound.excl_vat, tariff.currency)
    if bound.incl_vat is not None:
        incl = _within(name, before.held.incl_vat, bound.incl_vat, tariff.currency)
    elif excl != before.held.excl_vat:
        incl = excl * _vat_factor(tariff, before.held)
    else:
        incl = before.held.incl_vat
    held = Totals(excl, incl)
    return before if held == before.held else Bounded(before.totals, held, name)


def _within(name: str, total: Fraction, bound: Number, currency: str) -> Fraction:
    """A bound finer than the smallest coin gives way inwards: the rounded total may not pass it."""
    inwards = ROUND_CEILING if name == "min_price" else ROUND_FLOOR
    limit = Fraction(rounded(Fraction(bound), minor_unit(currency), inwards))
    return max(total, limit) if name == "min_price" else min(total, limit)


def _vat_factor(tariff: Tariff, totals: Totals) -> Fraction:
    """The session's own mix of VAT rates; the tariff's highest where there is nothing to mix."""
    if totals.excl_vat > 0:
        return totals.incl_vat / totals.excl_vat
    rates = [each.vat or 0 for element in tariff.elements for each in element.price_components]
    return 1 + Fraction(max(rates)) / 100
