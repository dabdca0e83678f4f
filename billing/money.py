"""Currencies, and the one place where an exact amount becomes a rounded one. Pure.

Amounts come and go as Decimal. In between they are fractions of Decimals: an hour's price by the
second has thirds and sevenths in it, which no Decimal holds, and a total that is rounded must not
be off by the last digit of something rounded before.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from babel.core import get_global

# ISO 4217, list one, column "minor unit", where it is not 2. Babel's digits are those people
# write (Serbia: none), not those the currency is settled in.
WITHOUT_COINS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
MINOR_UNITS = dict.fromkeys(WITHOUT_COINS.split(" "), 0) | dict.fromkeys(THOUSANDTHS.split(" "), 3)
Number = Decimal | int  # what a JSON number is read as
FINEST = 6  # decimals of amounts that are shown but not yet rounded


@cache
def currencies() -> frozenset[str]:
    """ISO 4217 codes that are or were legal tender somewhere: no metals, units or test codes."""
    by_territory: Mapping[str, Any] = get_global("territory_currencies")
    return frozenset(code for used in by_territory.values() for code, *_, tender in used if tender)


def minor_unit(currency: str) -> int:
    """Decimals of the currency's smallest coin: 2 for SEK, 0 for ISK, 3 for KWD."""
    return MINOR_UNITS.get(currency, 2)


def rounded(amount: Fraction, decimals: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """The amount with exactly so many decimals; half-up is half away from zero."""
    scaled = amount.numerator * 10**decimals
    return Decimal(_whole(scaled, amount.denominator, rounding)).scaleb(-decimals)


def _whole(numerator: int, denominator: int, rounding: str) -> int:
    if rounding == ROUND_FLOOR:
        return numerator // denominator
    if rounding == ROUND_CEILING:
        return -(-numerator // denominator)
    halves = (2 * abs(numerator) + denominator) // (2 * denominator)
    return halves if numerator >= 0 else -halves


def shown(amount: Fraction) -> Decimal:
    """An amount or a volume for people to follow: at most FINEST decimals, no idle zeros."""
    value = rounded(amount, FINEST).normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


def decimals_of(value: Number) -> int:
    """How many decimals a number needs."""
    exponent = Decimal(value).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
