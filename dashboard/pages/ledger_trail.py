"""One session's way from the meter to the bank; every step ends with what the next begins with."""

from typing import Any

from dash import Dash, Input, Output, State, html
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


def draw(chosen: dict[str, Any] | None) -> tuple[Child, Child]:
    """What is to be seen of the chosen row, and what can be done about it; nothing without one."""
    if not chosen:
        return None, None
    reference, session = str(chosen.get("payment") or ""), str(chosen.get("session") or "")
    session_id = int(session) if session.isdecimal() and len(session) < 19 else None
    found = trails.read_trail(reference, session_id)
    if found is None:
        return unknown(reference or session), None
    acts = bool(current_user.has_role(*books.ACTING))
    return shown(found), ledger_refund.place(found, acts)


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
    """Another row was chosen, or something happened to the one that is shown."""

    @staff.callback(
        Output("trail-view", "children"),
        Output("trail-acts", "children"),
        Input("ledger-chosen", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def choose(chosen: dict[str, Any] | None) -> tuple[Child, Child]:
        return draw(chosen)

    @staff.callback(
        Output("trail-view", "children", allow_duplicate=True),
        Input("finance-tick", "data"),
        State("ledger-chosen", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def follow(_tick: Any, chosen: dict[str, Any] | None) -> Child:
        """Forms that somebody writes in stay as they are."""
        return draw(chosen)[0]
