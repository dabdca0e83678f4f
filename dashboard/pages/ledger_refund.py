"""What can be done about a payment: give money back, send the receipt once more.

A form carries a key of its own: pressed twice, or sent again by the network, it asks once.
"""

import secrets
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard import books, finance_requests
from dashboard.auth import require_role
from dashboard.components import Child, button, glyph
from dashboard.i18n import formatter, mark, t
from dashboard.pages.ledger_words import REFUND_KINDS
from dashboard.trails import Trail

KINDS = ("whole", "partial", "goodwill")
REFUSED = {
    "nothing_left": mark("Nothing is left to refund."),
    "too_much": mark("That is more than what is left to refund."),
    "gone": mark("That payment is not there any more."),
}
MAIL_FORM = "[^@\\s]+@[^@\\s]+"


def place(found: Trail, acts: bool) -> Child:
    """The foot of the panel: for those who may act, while there is something to act on."""
    if not acts:
        words = t("Your role may look, not act")
        return html.Div(html.Span(words, className="faint"), className="trail-acts")
    parts: list[Child] = []
    if found.payment and found.remaining > 0:
        parts.append(refund_form(found))
    if found.receipt:
        parts.append(mail_form(found))
    if not parts:
        return None
    notice = html.Div(id="act-notice", role="status")
    return html.Div([html.Div(parts, className="forms"), notice], className="trail-acts")


def refund_form(found: Trail) -> Child:
    """Whole, part or goodwill; how much; why. What remains refundable stands beside it."""
    form = formatter()
    left = t("{amount} can be refunded", amount=form.money(found.remaining, found.currency))
    kinds = dcc.RadioItems(
        [{"label": t(REFUND_KINDS[kind]), "value": kind} for kind in KINDS], "whole",
        id="refund-kind", className="seg", inline=True,
    )  # fmt: skip
    amount = dcc.Input(
        id="refund-amount", className="field", autoComplete="off",
        placeholder=form.amount(found.remaining, found.currency),
    )  # fmt: skip
    reason = dcc.Input(
        id="refund-reason", className="field wide", autoComplete="off", maxLength=500,
        placeholder=t("Why? The driver's credit note says so too."),
    )  # fmt: skip
    send = button(t("Refund"), id="refund-send", kind="pri", **{"data-once": "true"})
    body = [
        html.Div(kinds, className="choice", title=t("What is refunded")),
        html.Label([html.Span(t("Amount")), amount]),
        html.Label([html.Span(t("Reason")), reason]),
        html.Div([html.Span(left, className="mut"), html.Span(className="sp"), send],
                 className="form-foot"),
        dcc.Store(id="refund-form", data=_form(found)),
    ]  # fmt: skip
    return html.Details([html.Summary(t("Refund…"), className="ctl"),
                         html.Div(body, className="act-form")], id="refund")  # fmt: skip


def _form(found: Trail) -> dict[str, Any]:
    pay = found.payment or {}
    return {"payment_id": pay["payment_id"], "reference": pay["reference"],
            "currency": pay["currency"], "key": secrets.token_urlsafe(12)}  # fmt: skip


def mail_form(found: Trail) -> Child:
    receipt = found.receipt or {}
    pay = found.payment or {}
    field = dcc.Input(pay.get("email") or "", id="mail-to", type="email", className="field wide",
                      autoComplete="off", maxLength=254)  # fmt: skip
    send = button(t("Send"), id="mail-send", kind="pri", **{"data-once": "true"})
    held = {"receipt_id": receipt["receipt_id"], "shown_number": receipt["shown_number"],
            "language": pay.get("language") or "sv", "key": secrets.token_urlsafe(12)}  # fmt: skip
    body = [html.Label([html.Span(t("To")), field]), html.Div(send, className="form-foot"),
            dcc.Store(id="mail-form", data=held)]  # fmt: skip
    return html.Details([html.Summary(t("Send receipt…"), className="ctl ghost"),
                         html.Div(body, className="act-form")], id="mail")  # fmt: skip


def minor_of(text: str, currency: str) -> int | None:
    """What was typed as an amount ("1 000,50", "1000.50") in minor units; None: no amount."""
    plain = "".join(text.split()).replace(",", ".")
    try:
        value = Decimal(plain).scaleb(int(get_currency_precision(currency)))
    except ArithmeticError:  # no number, or one beyond all bounds
        return None
    if not value.is_finite() or value != value.to_integral_value() or abs(value) > 10**12:
        return None
    return int(value)


def problem(words: str) -> Child:
    return html.Div([glyph("derated"), html.Span(words)], className="guard", role="alert")


def wanted(kind: str, amount: str, currency: str) -> int | str | None:
    """The amount a form asks for: None for all that remains, a sentence when it can't be read."""
    if kind == "whole" and not amount.strip():
        return None
    found = minor_of(amount, currency)
    if found is None or found <= 0:
        return t("The amount must be written like {example}.",
                 example=formatter().amount(10050, currency))  # fmt: skip
    return found


def register(staff: Dash) -> None:
    """Press once: the request is a row, billing sends it, the trail above follows."""
    _register_refund(staff)
    _register_mail(staff)


def _register_refund(staff: Dash) -> None:
    @staff.callback(
        Output("act-notice", "children"),
        Output("ledger-chosen", "data", allow_duplicate=True),
        Input("refund-send", "n_clicks"),
        State("refund-kind", "value"),
        State("refund-amount", "value"),
        State("refund-reason", "value"),
        State("refund-form", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def refund(
        clicks: int | None, kind: str, amount: str | None, reason: str | None, form: dict[str, Any]
    ) -> tuple[Any, Any]:
        if not clicks or kind not in KINDS:
            return no_update, no_update
        if len((reason or "").strip()) < 3:
            return problem(t("Write why: it stands in the books.")), no_update
        minor = wanted(kind, amount or "", str(form["currency"]))
        if isinstance(minor, str):
            return problem(minor), no_update
        # an amount that was typed is a part, whatever the choice above says
        kind = "partial" if kind == "whole" and minor is not None else kind
        refused = finance_requests.ask_refund(
            int(form["payment_id"]), kind, minor, (reason or "").strip()[:500], str(form["key"])
        )
        if refused:
            return problem(t(REFUSED[refused])), no_update
        return no_update, {"payment": form["reference"], "again": form["key"]}


def _register_mail(staff: Dash) -> None:
    @staff.callback(
        Output("act-notice", "children", allow_duplicate=True),
        Output("ledger-chosen", "data", allow_duplicate=True),
        Input("mail-send", "n_clicks"),
        State("mail-to", "value"),
        State("mail-form", "data"),
        State("ledger-chosen", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def mail(
        clicks: int | None, to: str | None, form: dict[str, Any], chosen: dict[str, Any] | None
    ) -> tuple[Any, Any]:
        recipient = (to or "").strip()
        if not clicks:
            return no_update, no_update
        if not is_address(recipient):
            return problem(t("That is no e-mail address.")), no_update
        finance_requests.ask_mail(form, recipient, str(form["language"]), str(form["key"]))
        return no_update, {**(chosen or {}), "again": form["key"]}


def is_address(text: str) -> bool:
    """As the table of mails checks it: something@something, no blanks, at most 254 characters."""
    name, at, host = text.partition("@")
    fine = bool(name and at and host) and "@" not in host
    return fine and len(text) <= 254 and not any(c.isspace() for c in text)
