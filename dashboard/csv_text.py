"""Tables as CSV, row by row: what every spreadsheet opens, and takes no text for a formula. Pure.

Swedish: semicolons and decimal commas; English: commas and dots, as the spreadsheets of these
languages expect. UTF-8 with a byte order mark; instants are ISO 8601 with their offset.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

MEDIA_TYPE = "text/csv; charset=utf-8"
MARK = "\ufeff"
RISKY = "=+-@\t\r\n"
ROWS_A_PIECE = 500
Cell = object  # str, int, float, Decimal, date, datetime or None


def pieces(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], language: str, zone: ZoneInfo
) -> Iterator[bytes]:
    """The file in pieces of some hundred rows, so that a long one is never held as a whole."""
    text = io.StringIO(newline="")
    comma = language == "sv"
    writer = csv.writer(text, delimiter=";" if comma else ",", lineterminator="\r\n")
    text.write(MARK)
    writer.writerow([safe(name) for name in header])
    for number, row in enumerate(rows, 1):
        writer.writerow([_shown(cell, comma, zone) for cell in row])
        if number % ROWS_A_PIECE == 0:
            yield _emptied(text)
    yield _emptied(text)


def _emptied(text: io.StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece


def _shown(cell: Cell, comma: bool, zone: ZoneInfo) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, (Decimal, float)):
        plain = f"{cell:f}"
        return plain.replace(".", ",") if comma else plain
    return safe(str(cell)) if isinstance(cell, str) else str(cell)


def safe(text: str) -> str:
    """Free text that no spreadsheet takes for a formula: with an apostrophe before its sign."""
    return f"'{text}" if text[:1] and text[:1] in RISKY else text


def kwh(energy_wh: int | None) -> Decimal | None:
    """Whole watt-hours as kWh with three decimals: exact."""
    return None if energy_wh is None else Decimal(energy_wh).scaleb(-3)


def hours(seconds: int) -> Decimal:
    """Seconds as hours with four decimals, of which each is a third of a second."""
    return round(Decimal(seconds) / 3600, 4)


def percent(share: float | None) -> Decimal | None:
    """A share between 0 and 1 in percent, with four decimals."""
    return None if share is None else round(Decimal(share) * 100, 4)
