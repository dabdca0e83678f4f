"""The rows of the ledger: what was sold and taken back, newest first, a page at a time.

A row is a link to its trail: assets/staff/finance.js opens the trail beside the rows without
leaving the page, and keeps the address in step.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from dash import Dash, Input, Output, Patch, State, html, no_update

from dashboard import books
from dashboard.auth import require_role
from dashboard.books import Book, Scope
from dashboard.components import Child, Column, badge, button, empty_state, panel, table
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, t, tn
from dashboard.pages.ledger_view import read_view, scope_of
from dashboard.pages.ledger_words import PAYOUT_STATES, UNDER_WAY, known, row_state


def panel_of(book: Book, scope: Scope) -> Child:
    """The first page of rows; the last line is the sum of all of them, seen or not."""
    rows = books.read_rows(scope) if book.rows else []
    form, money = formatter(), scope.currency
    columns = [Column(t("Time")), Column(t("Site"), "ell"), Column("kWh", "num"),
               Column(t("Net"), "num"), Column(t("VAT"), "num"), Column(t("Gross"), "num"),
               Column(t("Receipt")), Column(t("State")), Column(t("Paid out"))]  # fmt: skip
    sold = book.bookings("earned")
    total = tn("{number} session", "{number} sessions", sold, number=form.number(sold))
    foot = [t("Sum"), html.Span(total, className="mut"), form.number(_kwh(book.energy_wh), 3),
            form.amount(book.net(), money), form.amount(book.vat(), money),
            form.amount(book.gross(), money), html.Span(t("= export = SIE"), className="mut"),
            "", ""]  # fmt: skip
    nothing = empty_state(t("Nothing is booked in this month"),
                          t("Every finished session is booked when it is priced."))  # fmt: skip
    body = table(t("Sessions and refunds"), columns, [cells(row, money) for row in rows],
                 foot=foot if rows else (), empty=nothing, id="ledger-rows")  # fmt: skip
    more = html.Div(_more(rows), id="ledger-more", className="more")
    sub = t("choose a row to see its trail") if rows else ""
    return panel(t("Sessions and refunds"), body, more, sub=sub, id="ledger-rows-panel")


def _kwh(wh: int) -> float:
    return wh / 1000


def _more(rows: list[Row]) -> list[Child]:
    """A button for the next page, while there is one; it holds where that page begins."""
    if len(rows) < books.PAGE_ROWS:
        return []
    last = rows[-1]
    place = f"{last['booked_at'].astimezone(UTC).isoformat()} {last['journal_id']}"
    words = t("Show {n} more", n=books.PAGE_ROWS)
    return [button(words, id="ledger-next", **{"data-place": place})]


def cells(row: Row, currency: str) -> list[Child]:
    """One row of the table, as cells."""
    form = formatter()
    shape, words = row_state(row)
    when = f"{form.date(row['booked_at'])} {form.time(row['booked_at'])}"
    place = row["site"] or row["station_id"] or UNKNOWN
    return [
        html.A(when, href=f"/app/ledger?{urlencode(key_of(row))}", className="row"),
        html.Span(place, title=row["station_id"] or ""),
        UNKNOWN if row["energy_wh"] is None else form.number(_kwh(row["energy_wh"]), 3),
        form.amount(row["net"], currency),
        form.amount(row["vat"], currency),
        html.B(form.amount(row["gross"], currency)),
        html.Span(row["shown_number"] or "", className="mono small"),
        badge(shape, words),
        html.Span(payout_words(row), className="mut"),
    ]


def key_of(row: Row) -> dict[str, Any]:
    """What opens the row's trail: the payment's reference, else the session."""
    if row["reference"]:
        return {"payment": row["reference"]}
    return {"session": row["session_id"]} if row["session_id"] else {}


def payout_words(row: Row) -> str:
    if row["payout_id"] is None:
        return ""
    if row["payout_status"] in UNDER_WAY:
        return t("on its way")
    if row["payout_status"] == "paid":
        return formatter().date(row["arrives_at"] or row["paid_at"])
    return known(PAYOUT_STATES, row["payout_status"])


def register(staff: Dash) -> None:
    """The next page is read from where the last one ended, and put below it."""

    @staff.callback(
        Output("ledger-rows-body", "children"),
        Output("ledger-more", "children"),
        Input("ledger-next", "n_clicks"),
        State("ledger-more", "children"),
        State("ledger-view", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def next_page(clicks: int | None, shown: list[Any], view: dict[str, str]) -> tuple[Any, Any]:
        if not clicks or not shown:
            return no_update, no_update
        at, number = shown[0]["props"]["data-place"].split(" ")
        found = read_view(view, datetime.now(UTC).date())
        scope = scope_of(found, books.operators())
        rows = books.read_rows(scope, (datetime.fromisoformat(at), int(number)))
        patch = Patch()
        patch.extend(_lines(rows, scope.currency))
        return patch, _more(rows)


def _lines(rows: list[Row], currency: str) -> list[Child]:
    kinds = ("", "ell", "num", "num", "num", "num", "", "", "")
    return [
        html.Tr([html.Td(cell, className=kind) for cell, kind in
                 zip(cells(row, currency), kinds, strict=True)])
        for row in rows
    ]  # fmt: skip
