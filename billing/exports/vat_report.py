"""The VAT report: what was sold and lost at each rate, from the lines of the books. Pure."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from msgspec import Struct

from billing.exports.lines import Line

SOLD = ("earned", "credit", "refund", "adjustment")


class VatRow(Struct):
    """One rate in per cent; amounts in minor units, turned so that sales are positive.

    Bad debts (write-offs, lost disputes) give their VAT back: `vat_to_pay` is what is left.
    """

    rate: Decimal
    sold_net: int = 0
    sold_vat: int = 0
    lost_net: int = 0
    lost_vat: int = 0

    @property
    def vat_to_pay(self) -> int:
        return self.sold_vat - self.lost_vat


class VatReport:
    """Rows per rate, gathered while lines go by."""

    def __init__(self) -> None:
        self._found: dict[Decimal, VatRow] = {}

    def through(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            if line.vat_rate is not None:
                self._add(self._found.setdefault(line.vat_rate, VatRow(line.vat_rate)), line)
            yield line

    def _add(self, row: VatRow, line: Line) -> None:
        if line.account.startswith("26"):
            if line.kind in SOLD:
                row.sold_vat -= line.amount
            else:
                row.lost_vat += line.amount
        elif line.account.startswith("3"):
            row.sold_net -= line.amount
        else:
            row.lost_net += line.amount

    def rows(self) -> list[VatRow]:
        """The highest rate first."""
        return [self._found[rate] for rate in sorted(self._found, reverse=True)]
