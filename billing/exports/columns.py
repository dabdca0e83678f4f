"""The columns of the journal in CSV and XLSX. Pure."""

from collections.abc import Callable
from decimal import Decimal

from billing.exports.lines import Line, money
from billing.exports.words import channel_word, kind_word

Cell = str | int | Decimal | None
RISKY = "=+-@\t\r\n"


def safe(text: str | None) -> str:
    """Free text that no spreadsheet takes for a formula: with an apostrophe before its sign."""
    shown = text or ""
    return f"'{shown}" if shown[:1] in RISKY and shown else shown


COLUMNS: dict[str, Callable[[Line, str], Cell]] = {
    "day": lambda line, _: line.day.isoformat(),
    "journal": lambda line, _: line.journal_id,
    "kind": lambda line, language: kind_word(language, line.kind),
    "account": lambda line, _: line.account,
    "account_name": lambda line, _: safe(line.account_name),
    "debit": lambda line, _: money(line.debit, line.currency),
    "credit": lambda line, _: money(line.credit, line.currency),
    "currency": lambda line, _: line.currency,
    "vat_rate": lambda line, _: line.vat_rate,
    "channel": lambda line, language: channel_word(language, line.channel),
    "site": lambda line, _: safe(line.site),
    "station": lambda line, _: safe(line.station_id),
    "session": lambda line, _: line.session_id,
    "payment": lambda line, _: safe(line.reference),
    "receipt": lambda line, _: safe(line.receipt),
    "external": lambda line, _: safe(line.external_id),
    "booked_by": lambda line, _: safe(line.requested_by),
}


def cells_of(line: Line, language: str) -> list[Cell]:
    return [cell(line, language) for cell in COLUMNS.values()]
