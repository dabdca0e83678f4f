"""Amounts per VAT rate: what the books, a receipt and a VAT report are made of. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct


class VatLine(Struct, frozen=True):
    """What was sold at one rate, in minor units; negative when it is given back."""

    rate: Decimal  # per cent; 0 where there is no VAT
    net: int
    vat: int

    @property
    def gross(self) -> int:
        return self.net + self.vat


def gross_of(lines: Iterable[VatLine]) -> int:
    """The sum including VAT, minor units."""
    return sum(line.gross for line in lines)


def negated(lines: Iterable[VatLine]) -> tuple[VatLine, ...]:
    """The same taken back: the lines of a credit note from those of its receipt."""
    return tuple(VatLine(line.rate, -line.net, -line.vat) for line in lines)


def share_of(lines: Iterable[VatLine], gross: int) -> tuple[VatLine, ...]:
    """A part of a sale, `gross` minor units of it, with each rate's share of net and VAT.

    The parts sum to `gross` exactly: each rate's gross is the difference between two rounded
    cumulative sums, and its VAT is rounded half-up from that. Raises ValueError when there is
    nothing to share or more is asked for than there is.
    """
    found = tuple(line for line in lines if line.gross)
    whole = gross_of(found)
    if not 0 < abs(gross) <= abs(whole) or gross * whole < 0:
        raise ValueError(f"{gross} is no part of {whole}")
    shares, before, taken = [], 0, 0
    for line in found:
        before += line.gross
        upto = _half_up(gross * before, whole)
        shares.append(_part(line, upto - taken))
        taken = upto
    return tuple(share for share in shares if share.gross)


def _part(line: VatLine, gross: int) -> VatLine:
    vat = _half_up(gross * line.vat, line.gross)
    return VatLine(line.rate, gross - vat, vat)


def _half_up(numerator: int, denominator: int) -> int:
    """A quotient rounded half away from zero."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    halves = (2 * abs(numerator) + denominator) // (2 * denominator)
    return halves if numerator >= 0 else -halves
