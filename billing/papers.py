"""Receipts and credit notes as PDF: one A4, in Swedish or English, as look/driver/receipt.html.

The same receipt gives the same bytes; its text can be selected and searched.
"""

import unicodedata
from collections.abc import Callable, Container
from datetime import UTC
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from billing.costs import ClosingError
from billing.sheet import Paper, Row, Sheet, sheet_of
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("receipts")
FONTS = Path(__file__).parent.parent / "assets" / "fonts"
MARGIN, GAP = 20.0, 10.0  # mm
WIDTH = 210 - 2 * MARGIN
HALF = (WIDTH - GAP) / 2
INK, MUTED, RULE = 18, 82, 190  # grey levels
COLUMNS = (60.0, 26.0, 20.0, 21.0, 21.0, 22.0)  # of the lines, together WIDTH
SMALL, BODY, HEADING, TITLE, TOTAL = 8.5, 9.5, 12.5, 16.0, 26.0  # pt
LINE, ROW, BLOCK = 5.0, 7.6, 55.0  # mm
MEDIA_TYPE = "application/pdf"


def load_paper(connection: Connection, receipt_id: int) -> Paper:
    """Raises ClosingError: there is no such receipt."""
    row = queries.paper(connection, receipt_id=receipt_id)
    if row is None:
        raise ClosingError(f"receipt {receipt_id}: there is none")
    return Paper(*row)


def file_name(paper: Paper, language: str) -> str:
    """kvitto-2026-004182.pdf"""
    words = {"sv": {"receipt": "kvitto", "credit_note": "kreditkvitto"}}
    word = words.get(language, {}).get(paper.kind, paper.kind.replace("_", "-"))
    return f"{word}-{paper.shown_number}.pdf"


def pdf_of(paper: Paper, language: str) -> bytes:
    """The PDF of a receipt or credit note; `language` is sv or en."""
    return draw(sheet_of(paper, language), paper, language)


def draw(sheet: Sheet, paper: Paper, language: str) -> bytes:
    page = _Page(sheet, paper, language)
    page.add_page()
    page.top()
    page.two(page.seller, page.session)
    page.lines()
    page.two(page.payment, page.trace)
    page.notes()
    return bytes(page.output())


def printable(text: str, letters: Container[int]) -> str:
    """The text in letters the font has: others lose their marks or become question marks."""
    if all(ord(letter) in letters for letter in text):
        return text
    return "".join(_nearest(letter, letters) for letter in text)


def _nearest(letter: str, letters: Container[int]) -> str:
    if ord(letter) in letters:
        return letter
    if letter.isspace():
        return " "
    plain = unicodedata.normalize("NFKD", letter)
    return "".join(each for each in plain if ord(each) in letters) or "?"


class _Page(FPDF):
    """Draws downwards from where the cursor stands."""

    def __init__(self, sheet: Sheet, paper: Paper, language: str) -> None:
        super().__init__(format="A4")
        self.sheet, self.size = sheet, BODY
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, margin=MARGIN)
        self.add_font("Inter", "", FONTS / "inter-regular.ttf")
        self.add_font("Inter", "B", FONTS / "inter-bold.ttf")
        font = self.fonts["inter"]
        self.letters: Container[int] = font.cmap if isinstance(font, TTFFont) else ()
        self.set_creation_date(paper.issued_at.astimezone(UTC))
        self.set_title(self.printable(sheet.title))
        self.set_author(self.printable(sheet.seller[0]))
        self.set_lang(language)
        self.set_producer("Kilowatch")
        self.set_line_width(0.2)

    def printable(self, text: str) -> str:
        return printable(text, self.letters)

    def font(self, size: float, *, bold: bool = False, grey: int = INK) -> None:
        self.set_font("Inter", "B" if bold else "", size)
        self.set_text_color(grey)

    def text_line(self, width: float, text: str, height: float = LINE, align: str = "L") -> None:
        """One line; a text too long for its width is set smaller, down to two thirds."""
        text, size = self.printable(text), self.font_size_pt
        room = width - 2 * self.c_margin
        if (wide := self.get_string_width(text)) > room > 0:
            self.set_font_size(max(size * 2 / 3, size * room / wide))
        self.cell(width, height, text, align=align)
        self.set_font_size(size)

    def rule(self, x: float, width: float, *, strong: bool = False) -> None:
        self.set_draw_color(INK if strong else RULE)
        self.set_line_width(0.5 if strong else 0.2)
        self.line(x, self.get_y(), x + width, self.get_y())

    def top(self) -> None:
        self.c_margin = 0.0
        y = self.get_y()
        self.font(TITLE, bold=True)
        self.text_line(WIDTH * 0.6, self.sheet.title, 9)
        self.set_xy(MARGIN, y + 9)
        self.font(BODY, grey=MUTED)
        self.text_line(WIDTH * 0.6, self.sheet.issued)
        self.set_xy(MARGIN + WIDTH * 0.6, y)
        self.font(TOTAL, bold=True)
        self.text_line(WIDTH * 0.4, self.sheet.total, 11, "R")
        self.set_xy(MARGIN, y + 22)

    def heading(self, x: float, key: str) -> None:
        self.set_x(x)
        self.font(HEADING, bold=True)
        self.text_line(HALF, self.sheet.headings[key], 7)
        self.set_xy(x, self.get_y() + 8)

    def two(self, left: Callable[[float], None], right: Callable[[float], None]) -> None:
        """Two columns side by side; the cursor ends below the longer one."""
        if self.will_page_break(BLOCK):
            self.add_page()
        y = self.get_y()
        left(MARGIN)
        below = self.get_y()
        self.set_y(y)
        right(MARGIN + HALF + GAP)
        self.set_xy(MARGIN, max(below, self.get_y()) + 7)

    def seller(self, x: float) -> None:
        self.heading(x, "seller")
        for text in self.sheet.seller:
            self.paragraph(x, HALF, text)

    def paragraph(self, x: float, width: float, text: str, size: float = BODY) -> None:
        self.font(size, grey=INK if size == BODY else MUTED)
        self.set_x(x)
        self.multi_cell(
            width, LINE, self.printable(text), align="L", new_x=XPos.LEFT, new_y=YPos.NEXT
        )

    def session(self, x: float) -> None:
        self.heading(x, "session")
        self.pairs(x, self.sheet.session)

    def pairs(self, x: float, rows: list[Row]) -> None:
        for index, (label, value) in enumerate(rows):
            if index:
                self.rule(x, HALF)
            self.pair(x, label, value)

    def pair(self, x: float, label: str, value: str, *, bold: bool = False) -> None:
        """A label and its value on one line, or the value below in as many as it needs."""
        y = self.get_y()
        self.set_x(x)
        self.font(BODY, bold=bold)
        wide = self.get_string_width(self.printable(label)) + 3
        self.text_line(wide, label, ROW)
        self.font(BODY, bold=True)
        if self.get_string_width(self.printable(value)) <= HALF - wide:
            self.text_line(HALF - wide, value, ROW, "R")
            self.set_y(y + ROW)
        else:
            self.set_xy(x, y + ROW - 1)
            self.multi_cell(
                HALF, LINE, self.printable(value), align="R", new_x=XPos.LEFT, new_y=YPos.NEXT
            )
            self.set_y(self.get_y() + 1)

    def lines(self) -> None:
        self.heading(MARGIN, "lines")
        self.table_row(self.sheet.head, bold=True, grey=MUTED)
        for row in self.sheet.rows:
            self.rule(MARGIN, WIDTH)
            self.table_row(row)
        self.rule(MARGIN, WIDTH, strong=True)
        self.table_row(self.sheet.foot, bold=True, height=9)
        if self.sheet.rates:
            self.set_y(self.get_y() + 3)
            self.font(BODY, bold=True, grey=MUTED)
            self.text_line(HALF, self.sheet.headings["per_rate"], ROW)
            self.set_y(self.get_y() + ROW)
        for row in self.sheet.rates:
            self.rule(MARGIN, WIDTH)
            self.table_row(row)
        self.set_xy(MARGIN, self.get_y() + 7)

    def table_row(
        self, cells: list[str], *, bold: bool = False, grey: int = INK, height: float = ROW
    ) -> None:
        if self.will_page_break(height):
            self.add_page()
        y, x = self.get_y(), MARGIN
        self.font(BODY, bold=bold, grey=grey)
        for index, (text, width) in enumerate(zip(cells, COLUMNS, strict=True)):
            self.set_xy(x, y)
            # a name may run over the empty cells to its right
            room = width if cells[1] else sum(COLUMNS[:3])
            self.text_line(room if index == 0 else width, text, height, "R" if index else "L")
            x += width
        self.set_xy(MARGIN, y + height)

    def payment(self, x: float) -> None:
        self.heading(x, "payment")
        self.pairs(x, self.sheet.payment)
        self.rule(x, HALF, strong=True)
        self.pair(x, *self.sheet.due, bold=True)

    def trace(self, x: float) -> None:
        self.heading(x, "trace")
        self.pairs(x, self.sheet.trace)

    def notes(self) -> None:
        self.paragraph(MARGIN, WIDTH, " ".join(self.sheet.notes), SMALL)


def receipt_pdf(connection: Connection, parameters: dict[str, Any]) -> tuple[str, str, bytes]:
    """The file behind {"receipt_id": 7, "language": "sv"}: name, media type, content.

    Raises ClosingError: there is no such receipt.
    """
    language = "en" if parameters.get("language") == "en" else "sv"
    paper = load_paper(connection, int(parameters.get("receipt_id") or 0))
    return file_name(paper, language), MEDIA_TYPE, pdf_of(paper, language)
