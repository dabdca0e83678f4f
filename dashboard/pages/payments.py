"""A caller's payment: found by reference, public code, card and amount, or receipt number.

Everybody on the staff may see where a payment is; the books behind it are finance's.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from dash import Dash, Input, Output, State, dcc, html
from flask_login import current_user

from dashboard import books, payment_search, trails
from dashboard.auth import require_role
from dashboard.components import (
    Child,
    Column,
    badge,
    empty_state,
    error_state,
    facts,
    link,
    panel,
    table,
)
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t
from dashboard.pages import ledger_history
from dashboard.pages.frame import Page, frame, live_stamp, search_box, spacer, title
from dashboard.pages.ledger_words import state_shape, state_words
from dashboard.trails import Trail

RUNNING = ("authorised", "start_requested", "charging", "stopping")


def layout(**parameters: Any) -> Child:
    """The search, what it found, and the payment that was chosen."""
    view = {name: str(parameters.get(name) or "")[:60] for name in ("q", "payment")}
    hint = t("Reference, code, card and amount, receipt")
    controls = [spacer(), live_stamp(), search_box("/app/payments", hint)]
    body = [html.Div(found(view), id="payments"), dcc.Store(id="payments-view", data=view),
            dcc.Store(id="finance-tick")]  # fmt: skip
    return frame("payments", t("Find a payment"), body, controls)


def found(view: dict[str, str]) -> list[Child]:
    """The payment in question first; a search with one hit opens it at once."""
    rows = payment_search.find(view["q"])
    chosen = view["payment"] or (rows[0]["reference"] if view["q"] and len(rows) == 1 else "")
    opened = [_payment(chosen)] if chosen else []
    return [*opened, _listed(rows, view)]


def _listed(rows: list[Row], view: dict[str, str]) -> Child:
    columns = [Column(t("Time")), Column(t("Reference")), Column(t("Site"), "ell"),
               Column(t("Code")), Column(t("State")), Column(t("Held"), "num"),
               Column(t("Charged"), "num"), Column(t("Refunded"), "num"), Column("kWh", "num"),
               Column(t("Card")), Column(t("Receipt"))]  # fmt: skip
    sub = t("newest first") if not view["q"] else t("for {text}", text=view["q"])
    nothing = (
        empty_state(t("No payment fits {text}", text=view["q"]),
                    t("Try the reference, the evse's code, the card's last four digits and the"
                      " amount, or the receipt number."))
        if view["q"] else empty_state(t("No payments yet"))
    )  # fmt: skip
    drawn = [_row(row, view) for row in rows]
    return panel(t("Payments"), table(t("Payments"), columns, drawn, empty=nothing), sub=sub)


def _row(row: Row, view: dict[str, str]) -> list[Child]:
    form, money = formatter(), row["currency"]
    address = {"q": view["q"], "payment": row["reference"]}
    href = f"/app/payments?{urlencode({k: v for k, v in address.items() if v})}"
    energy = form.number(row["energy_wh"] / 1000, 2) if row["energy_wh"] is not None else UNKNOWN
    return [
        form.since(row["created_at"], datetime.now(UTC)),
        html.A(row["reference"], href=href, className="mono"),
        row["site"] or row["station_id"] or UNKNOWN,
        html.Span(row["public_code"] or "", className="mono small"),
        badge(state_shape(row["state"]), state_words(row["state"], row["failure"])),
        form.amount(row["hold"], money),
        html.B(form.amount(row["captured"], money)) if row["captured"] else "",
        form.amount(row["refunded"], money) if row["refunded"] else "",
        energy,
        f"\u2022\u2022\u2022\u2022\u00a0{row['card_last4']}" if row["card_last4"] else "",
        html.Span(row["shown_number"] or "", className="mono small"),
    ]


def _payment(reference: str) -> Child:
    trail = trails.read_trail(reference)
    if trail is None or trail.payment is None:
        return html.Section(error_state(t("Nothing is known of {name}", name=reference), ""),
                            className="panel")  # fmt: skip
    pay = trail.payment
    right: list[Child] = []
    if pay["station_id"]:
        words = (
            t("Stop, unlock: to the station") if pay["state"] in RUNNING else t("To the station")
        )
        right.append(link(words, f"/app/station/{pay['station_id']}", "station", kind=""))
    if current_user.has_role(*books.READING):
        href = f"/app/ledger?payment={pay['reference']}"
        right.append(link(t("Refund, receipt: to the ledger"), href, "ledger", kind=""))
    body = html.Div([html.Div(facts(_facts(trail, pay)), className="payment-facts"),
                     html.Div(ledger_history.parts(trail), className="payment-history")],
                    className="payment-body")  # fmt: skip
    head = html.Span([badge(state_shape(pay["state"]), state_words(pay["state"], pay["failure"]))])
    return panel(t("Payment {reference}", reference=pay["reference"]), body, sub=head,
                 right=right, id="payment")  # fmt: skip


def _facts(trail: Trail, pay: Row) -> list[tuple[str, Child]]:
    """What a caller asks: is money held, was any charged, where, how much energy, which receipt."""
    form, money = formatter(), pay["currency"]
    charged = pay["captured"] or 0
    pairs: list[tuple[str, Child]] = [
        (t("Begun"), form.stamp(pay["created_at"])),
        (t("Held at most"), form.money(pay["hold"], money)),
        (t("Charged"), html.B(form.money(charged, money))),
    ]
    if pay["cost"] is not None and not charged:
        pairs.append((t("Cost so far"), html.B(form.money(pay["cost"], money))))
    if pay["refunded"]:
        pairs.append((t("Refunded"), form.money(pay["refunded"], money)))
    if pay["released_at"]:
        pairs.append((t("Released"), form.stamp(pay["released_at"])))
    where = ", ".join(part for part in (pay["site"], pay["station_id"], pay["public_code"]) if part)
    pairs.append((t("Where"), where or UNKNOWN))
    if pay["energy_wh"] is not None:
        pairs.append((t("Energy"), form.kwh(pay["energy_wh"], 3)))
    if trail.session:
        begun, ended = trail.session["started_at"], trail.session["ended_at"]
        until = form.time(ended) if ended else t("running")
        pairs.append((t("Session"), f"{form.stamp(begun, seconds=False)} \u2013 {until}"))
    pairs += [(t("Receipt"), receipt["shown_number"]) for receipt in trail.receipts]
    return pairs


def register(staff: Dash) -> None:
    @staff.callback(
        Output("payments", "children"),
        Input("finance-tick", "data"),
        State("payments-view", "data"),
        prevent_initial_call=True,
    )
    @require_role()
    def follow(_tick: Any, view: dict[str, str]) -> Child:
        return found(view)


PAGE = Page("payments", "/payments", title(mark("Find a payment")), layout, register=register)
