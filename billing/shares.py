"""Exact amounts as whole minor units that add up: the largest remainder gets what is left. Pure.

A price is rounded once, as a whole. Its parts (VAT rates, lines of a receipt) are then each
rounded down, and the units that are missing go to the parts that lost most by it: so every column
sums to the rounded total, and no part is a whole unit away from its exact amount.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor

from billing.breakdown import Priced, PricedLine
from billing.money import minor_unit, shown
from billing.tariffs import Tariff
from billing.vat import VatLine


def shared(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Whole numbers that sum to `total`, as near to `exact` as that allows; ties by position."""
    if not exact:
        return []
    shares = [floor(each) for each in exact]
    order = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    each, left = divmod(total - sum(shares), len(shares))
    for place, index in enumerate(order):
        shares[index] += each + (place < left)
    return shares


def minor(amount: Decimal | Fraction, currency: str) -> Fraction:
    """An amount in the currency's smallest unit, not rounded."""
    return Fraction(amount) * int(10 ** minor_unit(currency))


def whole_minor(amount: Decimal, currency: str) -> int:
    """A rounded amount in the currency's smallest unit. Raises ValueError: it is not whole."""
    exact = minor(amount, currency)
    if exact.denominator != 1:
        raise ValueError(f"{amount} {currency} is no whole number of the smallest unit")
    return exact.numerator


def rate_of(line: PricedLine) -> Decimal:
    """The line's VAT in per cent; 0 where its price names none."""
    return shown(Fraction(line.vat or 0))


def exact_by_rate(
    priced: Priced, tariff: Tariff | None
) -> dict[Decimal, tuple[Fraction, Fraction]]:
    """Net and VAT per rate in minor units, not rounded.

    With a tariff what a bound of it changed is shared among the rates; without one left out.
    """
    sums: dict[Decimal, tuple[Fraction, Fraction]] = {}
    for line in priced.breakdown:
        rate = rate_of(line)
        net, vat = sums.get(rate, (Fraction(0), Fraction(0)))
        gross = minor(line.cost_incl_vat, priced.currency)
        excl = minor(line.cost_excl_vat, priced.currency)
        sums[rate] = (net + excl, vat + gross - excl)
    return _limited(sums, priced, tariff) if tariff and priced.limited_by else sums


def _limited(
    sums: dict[Decimal, tuple[Fraction, Fraction]], priced: Priced, tariff: Tariff
) -> dict[Decimal, tuple[Fraction, Fraction]]:
    limit = minor(priced.limit.excl_vat, priced.currency)
    vat_limit = minor(priced.limit.incl_vat, priced.currency) - limit
    net, vat = (sum((each[i] for each in sums.values()), Fraction(0)) for i in (0, 1))
    if net <= 0:
        sums = sums or {highest_rate(tariff): (Fraction(0), Fraction(0))}
        first = max(sums)
        return sums | {first: (sums[first][0] + limit, sums[first][1] + vat_limit)}
    return {
        rate: (a + limit * a / net, b + vat_limit * (b / vat if vat else a / net))
        for rate, (a, b) in sums.items()
    }


def highest_rate(tariff: Tariff) -> Decimal:
    """What a bound on a session that used nothing is taxed with."""
    rates = [each.vat or 0 for element in tariff.elements for each in element.price_components]
    return shown(Fraction(max(rates, default=0)))


def vat_lines_of(priced: Priced, tariff: Tariff) -> tuple[VatLine, ...]:
    """Net and VAT per rate, highest first; their sums are the rounded totals exactly."""
    exact = sorted(exact_by_rate(priced, tariff).items(), reverse=True)
    nets = shared(
        whole_minor(priced.total_cost_excl_vat, priced.currency), [net for _, (net, _) in exact]
    )
    vats = shared(whole_minor(priced.total_vat, priced.currency), [vat for _, (_, vat) in exact])
    lines = (VatLine(rate, n, v) for (rate, _), n, v in zip(exact, nets, vats, strict=True))
    return tuple(line for line in lines if line.net or line.vat)
