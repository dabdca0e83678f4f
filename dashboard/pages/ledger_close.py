"""Closing a month: first what stands against it, then one more press. Billing does it."""

from datetime import UTC, date, datetime
from typing import Any

from dash import Dash, Input, Output, State, html, no_update
from flask_login import current_user

from dashboard import books, data, finance_requests
from dashboard.auth import require_role
from dashboard.books import Scope
from dashboard.components import Child, button, glyph
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.pages.frame import named
from dashboard.pages.ledger_view import read_view, scope_of

BLOCKERS = {
    "open_payments": mark("payments that are not settled yet"),
    "refunds": mark("refunds under way"),
    "review": mark("open review items"),
    "checks": mark("checks that fail"),
    "unbooked_sessions": mark("priced sessions that are not booked"),
}


def opener(closing: Row) -> Child:
    """The button, unless the month is closed already."""
    if closing["closed_at"]:
        return html.Span(t("Closed"), className="chip on")
    hint: dict[str, Any] = {}
    may = bool(current_user.has_role(*books.ACTING))
    if not may:
        hint = {"title": t("Your role may look, not act")}
    return button(t("Close the month…"), id="close-open", disabled=not may, **hint)


def preview(scope: Scope, month: date) -> Child:
    """What blocks it, or that nothing does; then the button that asks for it."""
    form, now = formatter(), datetime.now(data.deps().settings.zone)
    blockers = books.close_blockers(scope, month)
    title = t("Close {month}", month=form.month(scope.start))
    if scope.end > now:
        note = t("The month is not over: it ends {date}.", date=form.date(scope.end, weekday=True))
        return _box(title, [html.P([glyph("derated"), html.Span(note)], className="guard")], False)
    lines: list[Child] = [html.Li(_blocker(row, scope)) for row in blockers]
    if not lines:
        fine = t(
            "Nothing stands against it. A closed month takes no more bookings;"
            " what comes late is booked in the next open one."
        )
        return _box(
            title, [html.P([glyph("finished"), html.Span(fine)], className="guard ok")], True
        )
    head = html.P(
        [glyph("derated"), html.Span(t("This must be settled first:"))], className="guard"
    )
    return _box(title, [head, html.Ul(lines, className="blockers")], False)


def _blocker(row: Row, scope: Scope) -> list[Child]:
    form = formatter()
    words = t("{n} {what}", n=form.number(row["items"]), what=t(BLOCKERS[row["kind"]]))
    amount = form.money(row["amount"], scope.currency) if row["amount"] else ""
    href = {"review": "/app/review"}.get(row["kind"])
    shown = html.A(words, href=href) if href else html.Span(words)
    return [shown, html.Span(className="sp"), html.Span(amount, className="num")]


def _box(title: str, body: list[Child], free: bool) -> Child:
    sure = button(t("Close the month"), id="close-sure", kind="pri", disabled=not free,
                  **{"data-once": "true"})  # fmt: skip
    leave = button(t("Leave it"), id="close-leave", kind="ghost")
    foot = html.Div([html.Span(className="sp"), leave, sure], className="form-foot")
    return html.Section([html.H2(title), *body, foot], className="panel close-box", role="group",
                        **named(title))  # fmt: skip


def outcome(closing: Row) -> Child:
    """What became of the newest request."""
    form, now = formatter(), datetime.now(UTC)
    if closing["closed_at"]:
        who, time = closing["closed_by"], form.since(closing["closed_at"], now)
        words = t("The month is closed ({time}, {name}).", time=time, name=who)
        return html.P([glyph("finished"), html.Span(words)], className="guard ok panel said")
    if closing["status"] == "requested":
        words = t("{name} asked for the month to be closed…", name=closing["requested_by"])
        return html.P([glyph("preparing"), html.Span(words)], className="guard panel said")
    if closing["status"] == "refused":
        words = t("The month stays open: {reason}", reason=closing["outcome"] or "")
        return html.P([glyph("derated"), html.Span(words)], className="guard panel said",
                      role="alert")  # fmt: skip
    return None


def register(staff: Dash) -> None:
    @staff.callback(
        Output("close-place", "children"),
        Input("close-open", "n_clicks"),
        State("ledger-view", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def look(clicks: int | None, view: dict[str, str]) -> Any:
        if not clicks:
            return no_update
        found = read_view(view, datetime.now(UTC).date())
        return preview(scope_of(found, books.operators()), found.first)

    @staff.callback(
        Output("close-tick", "data"),
        Input("close-sure", "n_clicks"),
        State("ledger-view", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def sure(clicks: int | None, view: dict[str, str]) -> Any:
        if not clicks:
            return no_update
        found = read_view(view, datetime.now(UTC).date())
        scope = scope_of(found, books.operators())
        finance_requests.ask_to_close(scope.operator_id, found.first)
        return datetime.now(UTC).timestamp()  # the only writer of the outcome is `follow`

    @staff.callback(
        Output("close-place", "children", allow_duplicate=True),
        Input("close-leave", "n_clicks"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def leave(clicks: int | None) -> Any:
        return None if clicks else no_update

    @staff.callback(
        Output("close-place", "children", allow_duplicate=True),
        Input("close-tick", "data"),
        State("ledger-view", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def follow(_tick: Any, view: dict[str, str]) -> Any:
        found = read_view(view, datetime.now(UTC).date())
        scope = scope_of(found, books.operators())
        said = outcome(books.read_proof(scope, found.first).closing)
        return no_update if said is None else said
