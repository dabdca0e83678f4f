"""The ledger: proof first, then the month's figures, and every row's trail from meter to bank.

The address holds month, legal entity, site and channel, and which trail is open. All figures are
sums of what is booked; nothing is computed in the browser.
"""

from datetime import UTC, date, datetime
from typing import Any

from dash import Dash, dcc, html

from dashboard import books, data
from dashboard.books import Scope
from dashboard.components import Child, segments
from dashboard.i18n import formatter, mark, t
from dashboard.pages import (
    ledger_close,
    ledger_export,
    ledger_figures,
    ledger_proof,
    ledger_refund,
    ledger_rows,
    ledger_trail,
)
from dashboard.pages.frame import Page, frame, live_stamp, named, pick, spacer, title
from dashboard.pages.ledger_view import View, number_of, read_view, scope_of, shifted
from dashboard.pages.ledger_words import CHANNELS


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    today = datetime.now(data.deps().settings.zone).date()
    view, operators = read_view(parameters, today), books.operators()
    scope = scope_of(view, operators)
    book, proof = books.read_book(scope), books.read_proof(scope, view.first)
    items = books.open_items()
    body = [
        html.Div(ledger_close.outcome(proof.closing) if not proof.closing["closed_at"] else None,
                 id="close-place"),
        dcc.Store(id="close-tick"),
        ledger_proof.line(book, proof, scope, view.first),
        ledger_figures.strip(book, items, scope),
        html.Div([_left(book, items, scope), *_right(parameters)], className="cols ledger"),
        dcc.Store(id="finance-tick"),
        dcc.Store(id="ledger-view", data=vars(view)),
    ]  # fmt: skip
    return frame("ledger", t("Ledger"), body, _controls(view, operators, proof, today))


def _left(book: books.Book, items: list[data.Row], scope: Scope) -> Child:
    nothing = not book.rows
    figures: list[Child] = [] if nothing else [
        ledger_figures.earned_to_bank(book, scope),
        ledger_figures.open_panel(items, scope),
        ledger_figures.parts(book, scope),
    ]  # fmt: skip
    if nothing and items:
        figures = [ledger_figures.open_panel(items, scope)]
    return html.Div([*figures, ledger_rows.panel_of(book, scope)], className="stack")


def _right(parameters: dict[str, Any]) -> list[Child]:
    """The trail's place; filled at once when the address names one."""
    reference = str(parameters.get("payment") or "")[:20]
    session = number_of(parameters.get("session"))
    chosen = {"payment": reference, "session": session} if reference or session else None
    trail = ledger_trail.read(chosen)
    view, acts = ledger_trail.draw(chosen, trail), ledger_trail.acts(trail)
    panel = html.Aside([html.Div(view, id="trail-view"), html.Div(acts, id="trail-acts")],
                       id="ledger-trail", className="panel trail-panel",
                       **named(t("The trail of the money")))  # fmt: skip
    return [panel, dcc.Store(id="ledger-chosen", data=chosen)]


def _controls(
    view: View, operators: list[data.Row], proof: books.Proof, today: date
) -> list[Child]:
    # assets/staff/finance.js keeps the selects in step with the address
    entity = [html.Option(row["name"], value=str(row["operator_id"])) for row in operators]
    channels = [html.Option(t("All channels"), value="")]
    channels += [html.Option(t(words), value=code) for code, words in CHANNELS.items()]
    places = [html.Option(t("All sites"), value="")]
    operator_id = scope_of(view, operators).operator_id
    places += [html.Option(s["name"], value=str(s["site_id"])) for s in books.sites(operator_id)]
    return [
        *([_select("operator", t("Legal entity"), entity)] if len(operators) > 1 else []),
        _months(view, operator_id, today),
        _select("channel", t("Channel"), channels),
        _select("site", t("Site"), places),
        spacer(),
        live_stamp(),
        ledger_export.menu(),
        ledger_close.opener(proof.closing),
    ]


def _select(name: str, label: str, options: list[Child]) -> Child:
    return pick(f"ledger-{name}", label, options)


def _months(view: View, operator_id: int, today: date) -> Child:
    """The month before and the shown one as links, all others in a list."""
    form, first = formatter(), books.first_booking(operator_id)
    begin = min(first.astimezone(form.zone).date() if first else today, view.first)
    every: list[Child] = []
    month = date(today.year, today.month, 1)
    while month >= date(begin.year, begin.month, 1) and len(every) < 120:
        every.append(html.Option(month_words(month), value=f"{month:%Y-%m}"))
        month = shifted(month, -1)
    before = shifted(view.first, -1)
    near = segments(
        [(month_words(before), view.href(month=f"{before:%Y-%m}"), False),
         (month_words(view.first), view.href(), True)],
        t("Month"),
    )  # fmt: skip
    return html.Span([near, _select("month", t("All months"), every)], className="months")


def month_words(month: date) -> str:
    return formatter().month(datetime(month.year, month.month, 1, 12, tzinfo=UTC))


def register(staff: Dash) -> None:
    for part in (ledger_rows, ledger_trail, ledger_refund, ledger_export, ledger_close):
        part.register(staff)


PAGE = Page(
    "ledger", "/ledger", title(mark("Ledger")), layout,
    roles=frozenset(books.READING), register=register,
)  # fmt: skip
