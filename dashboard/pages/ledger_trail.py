"""One session's way from the meter to the bank; every step ends with what the next begins with."""

from typing import Any

from dash import Dash, Input, Output, html
from flask_login import current_user

from dashboard import books, trails
from dashboard.auth import require_role
from dashboard.components import Child, error_state
from dashboard.i18n import formatter, t
from dashboard.pages import ledger_history, ledger_refund
from dashboard.pages.frame import named
from dashboard.pages.ledger_steps import steps
from dashboard.pages.ledger_verdict import verdict
from dashboard.trails import Trail


def read(chosen: dict[str, Any] | None) -> Trail | None:
    """What was chosen in the rows or the address: a payment by its reference, or a session."""
    reference = str((chosen or {}).get("payment") or "")
    session = str((chosen or {}).get("session") or "")
    if not reference and not (session.isdecimal() and len(session) < 19):
        return None
    return trails.read_trail(reference, None if reference else int(session))


def draw(chosen: dict[str, Any] | None, found: Trail | None) -> Child:
    """The trail; a note when nothing is known of what was chosen; nothing without a choice."""
    if found is not None:
        return shown(found)
    name = (chosen or {}).get("payment") or (chosen or {}).get("session")
    return unknown(str(name)) if name else None


def acts(found: Trail | None) -> Child:
    """What can be done about it."""
    if found is None:
        return None
    return ledger_refund.place(found, bool(current_user.has_role(*books.ACTING)))


def unknown(name: str) -> Child:
    return error_state(t("Nothing is known of {name}", name=name),
                       t("Search by reference, public code, card or receipt number."),
                       retry_href="/app/payments")  # fmt: skip


def shown(found: Trail) -> list[Child]:
    """Heading, verdict, the steps, and what happened around them."""
    reference = (found.payment or {}).get("reference") or ""
    close = html.Button(html.I(className="i i-close"), id="trail-close", type="button",
                        className="ctl icon ghost", **named(t("Close")))  # fmt: skip
    head = html.Div([html.H2(heading(found)), html.Span(reference, className="mono sub"),
                     html.Span(className="sp"), close], className="ph")  # fmt: skip
    about: dict[str, Any] = {"data-payment": (found.payment or {}).get("payment_id") or ""}
    way = html.Ol(steps(found), className="money-trail")
    body = html.Div(
        [verdict(found), way, *ledger_history.parts(found)],
        className="trail-body",
        id="trail",
        **about,
    )
    return [head, body]


def heading(found: Trail) -> str:
    form = formatter()
    place = (found.session or found.payment or {}).get("site") or t("Without a site")
    at = (found.session or {}).get("started_at") or (found.payment or {}).get("created_at")
    return f"{form.date(at)} {form.time(at)}, {place}"


def register(staff: Dash) -> None:
    """Another row was chosen, or something happened to the one that is shown.

    One callback alone draws the trail: of two, the older picture might come last.
    """

    @staff.callback(
        Output("trail-view", "children"),
        Input("ledger-chosen", "data"),
        Input("finance-tick", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def follow(chosen: dict[str, Any] | None, _tick: Any) -> Child:
        found = read(chosen)
        return draw(chosen, found)

    @staff.callback(
        Output("trail-acts", "children"),
        Input("ledger-chosen", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def offer(chosen: dict[str, Any] | None) -> Child:
        """Not at every tick: forms that somebody writes in stay as they are."""
        return acts(read(chosen))
