"""CSV: with a decimal comma, semicolons and a byte order mark as Swedish Excel wants it, or with
dots and commas. Pure."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from billing.exports.columns import COLUMNS, Cell, cells_of
from billing.exports.lines import Line, money
from billing.exports.vat_report import VatReport
from billing.exports.words import word

MEDIA_TYPE = "text/csv; charset=utf-8"
MARK = "\ufeff"
VAT_COLUMNS = ("sold_net", "sold_vat", "lost_net", "lost_vat", "vat_to_pay")


def journal_csv(lines: Iterable[Line], decimal: str, language: str) -> bytes:
    """A row per entry under one row of headings."""
    headings = [word(language, name) for name in COLUMNS]
    return _csv([headings, *(cells_of(line, language) for line in lines)], decimal)


def vat_csv(lines: Iterable[Line], currency: str, decimal: str, language: str) -> bytes:
    """A row per VAT rate, the highest first, and a row of sums."""
    report = VatReport()
    for _ in report.through(lines):
        pass
    rows = report.rows()
    table: list[list[Cell]] = [
        [row.rate, *(money(getattr(row, name), currency) for name in VAT_COLUMNS), currency]
        for row in rows
    ]
    sums = [money(sum(getattr(row, name) for row in rows), currency) for name in VAT_COLUMNS]
    headings = [word(language, name) for name in ("vat_rate", *VAT_COLUMNS, "currency")]
    return _csv([headings, *table, [word(language, "sum"), *sums, currency]], decimal)


def _csv(rows: Iterable[Iterable[Cell]], decimal: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if decimal == "," else ",", lineterminator="\r\n")
    writer.writerows([_shown(cell, decimal) for cell in row] for row in rows)
    return ((MARK if decimal == "," else "") + text.getvalue()).encode()


def _shown(cell: Cell, decimal: str) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:f}".replace(".", decimal)
    return "" if cell is None else str(cell)
