"""Storing CDRs and papers: numbers without a gap, in the caller's transaction."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from billing.costs import ClosingError
from billing.reading import ENCODER, parse
from billing.receipts import Paying, Seller, read_vat_lines, receipt_document
from billing.records import Record
from billing.vat import VatLine
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("receipts")


def stored_lines(text: str) -> tuple[VatLine, ...]:
    """VAT lines as a CDR or receipt has them, from jsonb's text: rates stay exact."""
    return read_vat_lines(parse(f'{{"lines":{text}}}', ClosingError)["lines"])


def sellers_of(connection: Connection, operator_ids: Iterable[int]) -> dict[int, Seller]:
    rows = queries.sellers(connection, operator_ids=list(operator_ids))
    return {row[0]: Seller(*row) for row in rows}


def paying_of(connection: Connection, payment_ids: list[int]) -> dict[int, Paying]:
    if not payment_ids:
        return {}
    return {row[0]: Paying(*row) for row in queries.paying(connection, payment_ids=payment_ids)}


def cdr_row(record: Record, now: datetime, corrects: int | None = None) -> dict[str, Any]:
    return {
        "session_id": record.facts.session_id,
        "tariff_hash": record.frozen.hash if record.frozen else None,
        "document": record.document,
        "net": record.net,
        "vat": record.vat,
        "gross": record.gross,
        "currency": record.priced.currency,
        "energy_wh": record.energy_wh,
        "corrects_cdr_id": corrects,
        "is_credit": False,
        "created_at": now,
    }


def add_cdrs(connection: Connection, rows: list[dict[str, Any]]) -> dict[int, int]:
    """The new CDRs by session; a session that somebody else closes right now is left out."""
    added = queries.add_cdrs(connection, rows=ENCODER.encode(rows).decode())
    return {session_id: cdr_id for cdr_id, session_id in added}


def receipt_row(
    record: Record, seller: Seller, paying: Paying | None, payment_id: int | None, cdr_id: int
) -> dict[str, Any]:
    return {
        "operator_id": seller.operator_id,
        "session_id": record.facts.session_id,
        "payment_id": payment_id,
        "cdr_id": cdr_id,
        "net": record.net,
        "vat": record.vat,
        "gross": record.gross,
        "currency": record.priced.currency,
        "document": receipt_document(record, seller, paying),
    }


def issue(
    connection: Connection,
    rows: list[dict[str, Any]],
    sellers: dict[int, Seller],
    now: datetime,
) -> list[int]:
    """Number the receipts, each series without a gap, and store them; their ids in that order."""
    issued: list[int] = []
    for operator_id in sorted({row["operator_id"] for row in rows}):
        some = [row for row in rows if row["operator_id"] == operator_id]
        series = series_of(sellers[operator_id], now)
        last = queries.take_numbers(
            connection, series=series, operator_id=operator_id, count=len(some)
        )
        for number, row in enumerate(some, last - len(some) + 1):
            row |= {"series": series, "number": number, "issued_at": now, "secret": new_secret()}
        added = queries.add_receipts(connection, rows=ENCODER.encode(some).decode())
        issued += [receipt_id for receipt_id, _ in added]
    return issued


def series_of(seller: Seller, now: datetime) -> str:
    """One series per operator and year of its own calendar."""
    return f"{seller.series_prefix}{now.astimezone(ZoneInfo(seller.time_zone)).year}"


def new_secret() -> str:
    """What opens a receipt for whoever has the link: 144 random bits."""
    return secrets.token_urlsafe(18)
