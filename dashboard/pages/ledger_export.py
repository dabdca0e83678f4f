"""Files of the books: billing makes them outside of the web, the page waits and fetches them."""

from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboard import books, finance_requests
from dashboard.auth import require_role
from dashboard.components import Child, button, glyph, icon
from dashboard.i18n import language, mark, t
from dashboard.pages.ledger_view import read_view, scope_of

# button -> (file_request.kind, words)
FILES = {
    "csv": ("ledger_csv", mark("CSV")),
    "xlsx": ("ledger_xlsx", mark("Excel (XLSX)")),
    "sie": ("sie", mark("SIE 4I")),
    "vat": ("vat_csv", mark("VAT report (CSV)")),
}


def menu() -> Child:
    """Export: choose, and the file arrives. `#file-pending` holds what is being waited for."""
    choices = [button(t(words), id=f"export-{name}", kind="ghost")
               for name, (_, words) in FILES.items()]  # fmt: skip
    head = html.Summary([icon("download"), t("Export")], className="ctl")
    drop = html.Details([head, html.Div(choices, className="menu")], id="export", className="drop")
    return html.Div([notice(), drop], className="export")


def notice() -> Child:
    """Where a page says how far its file is; `#receipt-wanted` is written by finance.js."""
    said = html.Span(id="file-notice", role="status")
    return html.Span([said, dcc.Store(id="file-pending"), dcc.Store(id="receipt-wanted")])


def register(staff: Dash) -> None:
    @staff.callback(
        Output("file-pending", "data"),
        *[Input(f"export-{name}", "n_clicks") for name in FILES],
        State("ledger-view", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def export(*arguments: Any) -> Any:
        name, view = str(ctx.triggered_id).removeprefix("export-"), arguments[-1]
        if name not in FILES or not any(arguments[:-1]):
            return no_update
        found = read_view(view, datetime.now(UTC).date())
        scope = scope_of(found, books.operators())
        parameters = {
            "month": found.month, "operator_id": scope.operator_id, "site_id": scope.site_id,
            "channel": scope.channel, "decimal": "," if language() == "sv" else ".",
            "language": language(),
        }  # fmt: skip
        return finance_requests.ask_file(FILES[name][0], parameters)

    @staff.callback(
        Output("file-pending", "data", allow_duplicate=True),
        Input("receipt-wanted", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def receipt(chosen: list[Any] | None) -> Any:
        """assets/staff/finance.js writes [receipt_id, when] here."""
        match chosen:
            case [int(receipt_id), *_]:
                wanted = {"receipt_id": receipt_id, "language": language()}
                return finance_requests.ask_file("receipt_pdf", wanted)
        return no_update

    @staff.callback(
        Output("file-notice", "children"),
        Input("file-pending", "data"),
        Input("finance-tick", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def follow(file_id: int | None, _tick: Any) -> Any:
        """How far the file is; the row says it, whatever notification was lost."""
        if not isinstance(file_id, int):
            return no_update
        return state_words(finance_requests.file_state(file_id))


def state_words(row: dict[str, Any] | None) -> Child:
    """Being made, what is wrong, or the link that finance.js follows by itself, once."""
    if row is None:
        return None
    if row["error"]:
        return html.Span([glyph("derated"), row["error"]], className="guard", role="alert")
    if row["finished_at"] is None:
        return html.Span(t("Being made…"), className="faint")
    href, name = f"/app/file/{row['file_request_id']}", row["file_name"]
    return html.A(name, href=href, download=name, id="file-ready", className="file-ready")
