"""Receipts and credit notes: all of them, newest first; found by number."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html

from dashboard import books
from dashboard.components import Child, Column, empty_state, link, panel, segments, table
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.pages import ledger_export
from dashboard.pages.frame import Page, frame, live_stamp, search_box, spacer, title
from dashboard.payment_search import receipt_key

FAR = datetime(9999, 1, 1, tzinfo=UTC)


def layout(**parameters: Any) -> Child:
    """`q`: a number; `show=credits`: credit notes alone; `before`: where the page begins."""
    q, credits_only = str(parameters.get("q") or "")[:40], parameters.get("show") == "credits"
    series, number = receipt_key(q) if q else (None, None)
    impossible = bool(q) and number is None
    before = read_place(str(parameters.get("before") or ""))
    rows = [] if impossible else books.receipts(series, number, credits_only, before)
    choices = [(t("All"), "/app/receipts", not credits_only),
               (t("Credit notes"), "/app/receipts?show=credits", credits_only)]  # fmt: skip
    controls = [segments(choices, t("Which receipts")), spacer(), live_stamp(),
                ledger_export.notice(),
                search_box("/app/receipts", t("Search: receipt number"))]  # fmt: skip
    body = [_panel(rows, q), *_more(rows, credits_only), dcc.Store(id="finance-tick")]
    return frame("receipts", t("Receipts, refunds"), body, controls)


def _panel(rows: list[Row], q: str) -> Child:
    columns = [Column(t("Number")), Column(t("Issued")), Column(t("Site"), "ell"),
               Column(t("Net"), "num"), Column(t("VAT"), "num"), Column(t("Gross"), "num"),
               Column(t("Paid"), "num"), Column(t("Still due"), "num"), Column(t("Belongs to")),
               Column(t("Payment")), Column("PDF")]  # fmt: skip
    nothing = empty_state(t("No receipt has the number {number}", number=q) if q
                          else t("No receipts yet"))  # fmt: skip
    listed = table(
        t("Receipts"), columns, [_row(row) for row in rows], empty=nothing, id="receipts"
    )
    return panel(t("Receipts"), listed)


def _row(row: Row) -> list[Child]:
    form, money = formatter(), row["currency"]
    reference = row["reference"]
    where = {"payment": reference} if reference else {"session": row["session_id"]}
    opened = html.A(row["shown_number"], href=f"/app/ledger?{urlencode(where)}", className="mono")
    about: dict[str, Any] = {"data-receipt": str(row["receipt_id"])}
    pdf = html.Button("PDF", type="button", className="linkish mono", title=t("Make the PDF"),
                      **about)  # fmt: skip
    return [
        opened if any(where.values()) else html.Span(row["shown_number"], className="mono"),
        form.stamp(row["issued_at"], seconds=False),
        row["site"] or "",
        form.amount(row["net"], money),
        form.amount(row["vat"], money),
        html.B(form.money(row["gross"], money)),
        form.amount(row["paid"], money),
        form.amount(row["due"], money) if row["due"] else "",
        _belongs(row),
        html.Span(reference or "", className="mono small"),
        pdf,
    ]


def _belongs(row: Row) -> Child:
    """A credit note names its receipt, a receipt its credit notes."""
    if row["credits_number"]:
        return html.Span([t("credits"), " ", _to(row["credits_number"])], title=row["reason"] or "")
    notes = row["credit_notes"] or []
    if not notes:
        return ""
    return html.Span([t("credited by"), " ", *(_to(note) for note in notes)])


def _to(number: str) -> Child:
    return html.A(number, href=f"/app/receipts?q={number}", className="mono small")


def _more(rows: list[Row], credits_only: bool) -> list[Child]:
    if len(rows) < books.PAGE_ROWS:
        return []
    last = rows[-1]
    place = f"{last['issued_at'].astimezone(UTC).isoformat()} {last['receipt_id']}"
    asked = {"before": place} | ({"show": "credits"} if credits_only else {})
    earlier = link(t("Earlier receipts"), f"/app/receipts?{urlencode(asked)}", kind="")
    return [html.Div(earlier, className="more")]


def read_place(text: str) -> tuple[datetime, int]:
    """Where a page begins: after the last row of the one before, or at the newest."""
    at, _, number = text.rpartition(" ")
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return FAR, 0
    if found.tzinfo is None or not number.isdecimal() or len(number) > 18:
        return FAR, 0
    return found, int(number)


PAGE = Page(
    "receipts", "/receipts", title(mark("Receipts, refunds")), layout,
    roles=frozenset(books.READING),
)  # fmt: skip
