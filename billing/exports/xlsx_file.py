"""XLSX: sums, VAT and every line; the sums are formulas over the lines, with their values. Pure.

Rows are written as they come (constant memory). A cell holds 15 digits, which is more than any sum.
"""

import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import xlsxwriter

from billing.exports.columns import COLUMNS, Cell, cells_of
from billing.exports.lines import Line, Totals, money
from billing.exports.scope import ExportError
from billing.exports.vat_report import VatReport
from billing.exports.words import word
from billing.money import minor_unit

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_575  # of Excel, without the headings
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
           "strings_to_numbers": False}  # fmt: skip
PLACES = {name: chr(ord("A") + index) for index, name in enumerate(COLUMNS)}
WIDE = {"account_name": 28, "site": 24, "external": 30, "station": 18, "kind": 18}
VAT_COLUMNS = ("sold_net", "sold_vat", "lost_net", "lost_vat", "vat_to_pay")


def journal_xlsx(
    lines: Iterable[Line], currency: str, language: str, most_rows: int = MOST_ROWS
) -> bytes:
    """Three sheets: totals per account, VAT per rate, lines. Raises ExportError: too many rows."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, OPTIONS) as book:
        sheets = _Sheets(book, currency, language)
        totals, report = Totals(), VatReport()
        count = sheets.write_lines(totals.through(report.through(lines)), most_rows)
        sheets.write_totals(totals, count)
        sheets.write_vat(report)
    return file.getvalue()


class _Sheets:
    def __init__(self, book: Any, currency: str, language: str) -> None:
        self.language, self.currency = language, currency
        names = ("totals", "vat", "lines")
        self.totals, self.vat, self.lines = (book.add_worksheet(self._word(n)) for n in names)
        decimals = minor_unit(currency)
        number = "#,##0" + ("." + "0" * decimals if decimals else "")
        self.bold = book.add_format({"bold": True})
        self.money = book.add_format({"num_format": number})
        self.sum = book.add_format({"num_format": number, "bold": True})

    def _word(self, what: str) -> str:
        return word(self.language, what)

    def write_lines(self, lines: Iterable[Line], most_rows: int) -> int:
        self._headings(self.lines, [self._word(name) for name in COLUMNS])
        for index, name in enumerate(COLUMNS):
            self.lines.set_column(index, index, WIDE.get(name, 12))
        count = 0
        for count, line in enumerate(lines, 1):
            if count > most_rows:
                raise ExportError(word(self.language, "too_many_rows", most_rows))
            self._row(self.lines, count, cells_of(line, self.language))
        self.lines.autofilter(0, 0, max(count, 1), len(COLUMNS) - 1)
        return count

    def write_totals(self, totals: Totals, count: int) -> None:
        names = ("account", "account_name", "debit", "credit", "amount")
        self._headings(self.totals, [self._word(name) for name in names])
        self.totals.set_column(1, 1, 28)
        self.totals.set_column(2, 4, 16)
        rows = totals.rows()
        for row, total in enumerate(rows, 1):
            self.totals.write_string(row, 0, total.account)
            self.totals.write_string(row, 1, total.name)
            for column, (name, value) in enumerate(
                (("debit", total.debit), ("credit", total.credit)), 2
            ):
                self._formula(self.totals, row, column, self._sum_if(name, row, count), value)
            self._formula(self.totals, row, 4, f"=C{row + 1}-D{row + 1}", total.amount)
        self.totals.write_string(len(rows) + 1, 0, self._word("sum"), self.bold)
        sums = (
            sum(t.debit for t in rows),
            sum(t.credit for t in rows),
            sum(t.amount for t in rows),
        )
        for column, value in enumerate(sums, 2):
            self._sum(self.totals, len(rows) + 1, column, value)

    def _sum_if(self, name: str, row: int, count: int) -> str:
        """Over the lines of this row's account."""
        sheet, last = f"'{self._word('lines')}'!", max(count, 1) + 1

        def column(name: str) -> str:
            return f"{sheet}${PLACES[name]}$2:${PLACES[name]}${last}"

        return f"=SUMIFS({column(name)},{column('account')},A{row + 1})"

    def write_vat(self, report: VatReport) -> None:
        self._headings(self.vat, [self._word(name) for name in ("vat_rate", *VAT_COLUMNS)])
        self.vat.set_column(1, len(VAT_COLUMNS), 24)
        rows = report.rows()
        for row, each in enumerate(rows, 1):
            amounts = [money(getattr(each, name), self.currency) for name in VAT_COLUMNS]
            self._row(self.vat, row, [each.rate, *amounts])
        self.vat.write_string(len(rows) + 1, 0, self._word("sum"), self.bold)
        for column, name in enumerate(VAT_COLUMNS, 1):
            self._sum(self.vat, len(rows) + 1, column, sum(getattr(each, name) for each in rows))

    def _headings(self, sheet: Any, names: list[str]) -> None:
        for column, name in enumerate(names):
            sheet.write_string(0, column, name, self.bold)
        sheet.freeze_panes(1, 0)

    def _row(self, sheet: Any, row: int, cells: Iterable[Cell]) -> None:
        for column, cell in enumerate(cells):
            if isinstance(cell, Decimal):
                # a rate is a whole number, an amount has its currency's decimals
                shown = self.money if cell.as_tuple().exponent else None
                sheet.write_number(row, column, cell, shown)
            elif isinstance(cell, int):
                sheet.write_number(row, column, cell)
            elif cell:
                sheet.write_string(row, column, cell)

    def _sum(self, sheet: Any, row: int, column: int, value: int) -> None:
        """The column's sum in its last row, of the rows above it."""
        letter = chr(ord("A") + column)
        formula = f"=SUM({letter}2:{letter}{max(row, 2)})" if row > 1 else "=0"
        self._formula(sheet, row, column, formula, value, self.sum)

    def _formula(
        self, sheet: Any, row: int, column: int, formula: str, value: int, shown: Any = None
    ) -> None:
        told = money(value, self.currency)
        sheet.write_formula(row, column, formula, shown or self.money, told)
