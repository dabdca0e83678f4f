"""A receipt's or credit note's stored document as rows to show; amounts are minor units. Pure."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from dashboard.i18n import mark

WHAT = {
    "electricity": mark("Electricity"),
    "network": mark("Access to the charging network"),
    "energy": mark("Charged energy"),
    "time": mark("Charging time"),
    "parking": mark("Time after charging"),
    "flat": mark("Fee per charge"),
    "bound": mark("Price limit per charge"),
    "credit": mark("Credit"),
}
OTHER = mark("Other")


class Line(Struct, frozen=True):
    """One line; `what` is a text to be translated, `unit` kWh, min, h, session or nothing."""

    what: str
    quantity: Decimal | None
    unit: str
    unit_price: Decimal | None
    rate: Decimal
    net: int
    vat: int
    gross: int


class Paper(Struct, frozen=True):
    """The document of a receipt, its numbers exact."""

    kind: str
    seller: dict[str, Any]
    session: dict[str, Any]
    trace: dict[str, Any]
    lines: tuple[Line, ...]
    vat_lines: tuple[Line, ...]
    totals: dict[str, Any]
    reason: str | None

    @property
    def is_credit(self) -> bool:
        return self.kind == "credit_note"

    @property
    def is_split(self) -> bool:
        """Electricity and access to the network stand apart."""
        return any(line.what == WHAT["network"] for line in self.lines)

    @property
    def rates(self) -> list[Decimal]:
        return sorted({line.rate for line in self.vat_lines if line.rate})

    def moment(self, name: str) -> datetime | None:
        """An instant of the session: started_at or ended_at."""
        text = self.session.get(name)
        return datetime.fromisoformat(text) if text else None


def read_paper(text: str) -> Paper:
    """The stored document (its text: no number becomes a float)."""
    document = json.loads(text, parse_float=Decimal)
    return Paper(
        kind=document["kind"], seller=document["seller"], session=document["session"],
        trace=document.get("trace") or {}, totals=document["totals"],
        lines=tuple(_line(line) for line in document["lines"]),
        vat_lines=tuple(_line({"vat_rate": one["rate"]} | one) for one in document["vat_lines"]),
        reason=document.get("reason"),
    )  # fmt: skip


def _line(line: dict[str, Any]) -> Line:
    return Line(
        WHAT.get(line.get("what", ""), OTHER), _exact(line.get("quantity")),
        line.get("unit") or "", _exact(line.get("unit_price")), Decimal(str(line["vat_rate"])),
        line["net"], line["vat"], line["gross"],
    )  # fmt: skip


def _exact(number: object) -> Decimal | None:
    return None if number is None else Decimal(str(number))
