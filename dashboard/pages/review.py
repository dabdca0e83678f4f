"""The review queue: what differs, what metering flagged, what only a human can decide.

Each item says what it is about in plain words, with age, deadline, owner and evidence. Somebody
takes it and decides it with a note; the payment keeps its place meanwhile.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from flask_login import current_user

from dashboard import books, doubts, finance_requests
from dashboard.auth import require_role
from dashboard.components import (
    Child,
    Column,
    avatar,
    button,
    empty_state,
    glyph,
    panel,
    segments,
    table,
)
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages import review_decide, review_doubts
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.ledger_figures import subject_words
from dashboard.pages.ledger_refund import problem
from dashboard.pages.ledger_words import REVIEWS, known
from dashboard.pages.review_evidence import readable

SHOWN = 100
# kinds that the payment's machine waits for, and what it can be told: (decision, words, kind)
CHARGE = ("charge", mark("Charge what was metered"), "pri")
WAIVE = ("waive", mark("Charge nothing"), "")
WRITE_OFF = ("write_off", mark("Write it off"), "dng")
PLAIN = ("", mark("Decided"), "pri")
DECISIONS = {
    "quarantine": (WAIVE, CHARGE), "cannot_price": (WAIVE, CHARGE),
    "capture_failed": (WRITE_OFF, PLAIN), "receivable_overdue": (WRITE_OFF, PLAIN),
}  # fmt: skip


def layout(**parameters: Any) -> Child:
    """Open items, most urgent first; with `?show=decided` what was decided lately; with
    `?session=` one session, whether it is open or not."""
    decided = parameters.get("show") == "decided"
    session = str(parameters.get("session") or "")
    wanted = int(session) if session.isdecimal() and len(session) < 19 else None
    choices = [(t("Open"), "/app/review", not decided and wanted is None),
               (t("Decided"), "/app/review?show=decided", decided)]  # fmt: skip
    rows = [] if decided or wanted else books.open_items(SHOWN)
    if wanted is not None:
        body: Child = html.Div(review_doubts.one(wanted), id="review")
    else:
        body = _past() if decided else html.Div(_queue(rows), id="review")
    notice = html.Div(id="review-notice", role="status")
    controls = [segments(choices, t("Which items")), spacer(), live_stamp()]
    stores = [dcc.Store(id="review-drawn", data=signature(rows)),
              dcc.Store(id="review-session", data=wanted)]  # fmt: skip
    return frame(
        "review", t("To review"), [notice, body, dcc.Store(id="finance-tick"), *stores], controls
    )


def signature(rows: list[Row]) -> str:
    """What a drawn queue is of: the same again needs no drawing, and closes nobody's form."""
    return ";".join(f"{row['review_item_id']},{row['owner']},{_doubts(row)}" for row in rows)


def _doubts(row: Row) -> Any:
    """Of a session in quarantine: what is doubted."""
    return row["evidence"].get("doubts") if isinstance(row["evidence"], dict) else None


def _queue(rows: list[Row]) -> Child:
    now = datetime.now(UTC)
    count = tn("{n} open item", "{n} open items", len(rows))
    if not rows:
        note = empty_state(t("Nothing waits"), t("No review item is open."))
        return panel(t("Open items"), note)
    acts = bool(current_user.has_role(*books.ACTING))
    sessions = [row["session_id"] for row in rows if row["kind"] == "quarantine" and _doubts(row)]
    found = doubts.read(sessions) if sessions else {}
    items = [item(row, now, found.get(row["session_id"]) if _doubts(row) else None, acts=acts)
             for row in rows]  # fmt: skip
    listed = html.Ol(items, className="review-list")
    return panel(t("Open items"), listed, sub=count)


def item(row: Row, now: datetime, doubted: doubts.Doubted | None = None, *, acts: bool) -> Child:
    """What, about what, how much, since when, until when, whose; the evidence; the decision."""
    form = formatter()
    late = row["deadline_at"] is not None and row["deadline_at"] < now
    head = html.Div(
        [glyph("faulted" if late else "derated", 15),
         html.Div([html.H3(known(REVIEWS, row["kind"])), html.P(_about(row), className="mut")]),
         html.Span(className="sp"),
         _fact(form.money(row["amount"], row["currency"] or "SEK"), t("Amount"))
         if row["amount"] is not None else None,
         _fact(form.duration((now - row["opened_at"]).total_seconds()), t("Age")),
         _fact(form.date(row["deadline_at"]), t("overdue") if late else t("Due")),
         _owner(row, acts)],
        className="review-head",
    )  # fmt: skip
    if doubted is not None:
        evidence = review_doubts.evidence(doubted)
        decide = review_decide.form(doubted) if acts else None
    else:
        told = readable(row["evidence"], row["currency"] or "SEK") if row["evidence"] else None
        evidence = html.Div(told, className="review-evidence") if told else None
        decide = decision(row) if acts else None
    return html.Li([head, evidence, decide], id=f"item-{row['review_item_id']}",
                   className="late" if late else "")  # fmt: skip


def _about(row: Row) -> list[Child]:
    """The subject, as a link to its trail where it has one."""
    words = subject_words(row)
    where = {"payment": row["reference"]} if row["reference"] else {"session": row["session_id"]}
    if not any(where.values()):
        return [words]
    station = row["station_id"]
    more = [" · ", html.A(station, href=f"/app/station/{station}")] if station else []
    return [html.A(words, href=f"/app/ledger?{urlencode(where)}"), *more]


def _fact(value: str, label: str) -> Child:
    return html.Div([html.B(value), html.Span(label, className="faint")], className="review-fact")


def _owner(row: Row, acts: bool) -> Child:
    if row["owner"]:
        return html.Span([avatar(row["owner"]), html.Span(row["owner"])], className="review-owner")
    if not acts:
        return html.Span(t("nobody"), className="faint review-owner")
    take = button(t("Take it"), id={"type": "review-take", "item": row["review_item_id"]})
    return html.Span(take, className="review-owner")


def decision(row: Row) -> Child:
    """The note and the buttons; what the machine waits for has its own words."""
    number = row["review_item_id"]
    choices = DECISIONS.get(row["kind"], (PLAIN,))
    note = dcc.Input(
        id={"type": "review-note", "item": number}, className="field wide",
        autoComplete="off", maxLength=500, placeholder=t("What was decided, and why"),
    )  # fmt: skip
    buttons = [
        button(t(words), kind=kind,
               id={"type": "review-done", "item": number, "decision": code})
        for code, words, kind in choices
    ]  # fmt: skip
    body = html.Div([html.Label([html.Span(t("Note")), note]),
                     html.Div([html.Span(className="sp"), *buttons], className="form-foot")],
                    className="act-form")  # fmt: skip
    return html.Details([html.Summary(t("Decide…"), className="ctl"), body],
                        className="decide")  # fmt: skip


def _past() -> Child:
    form = formatter()
    columns = [Column(t("Decided")), Column(t("Item")), Column(t("What")),
               Column(t("Amount"), "num"), Column(t("By")), Column(t("Note"), "ell")]  # fmt: skip
    rows = [
        [form.stamp(row["resolved_at"], seconds=False), known(REVIEWS, row["kind"]),
         html.A(row["reference"], href=f"/app/ledger?payment={row['reference']}", className="mono")
         if row["reference"] else row["subject"],
         form.money(row["amount"], row["currency"] or "SEK"), row["resolved_by"],
         row["resolution"]]
        for row in books.resolved_items(SHOWN)
    ]  # fmt: skip
    nothing = empty_state(t("Nothing was decided yet"))
    items = panel(t("Decided"), table(t("Decided"), columns, rows, empty=nothing))
    return html.Div([review_doubts.past(SHOWN), items], className="stack")


def register(staff: Dash) -> None:
    """Take, decide; the queue is drawn anew, and whenever it changes."""
    review_decide.register(staff)

    @staff.callback(
        Output("review-notice", "children"),
        Output("finance-tick", "data", allow_duplicate=True),
        Input({"type": "review-take", "item": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def take(clicks: list[int | None]) -> tuple[Any, Any]:
        pressed = ctx.triggered_id
        if not any(clicks) or not isinstance(pressed, dict):
            return no_update, no_update
        taken = finance_requests.take_item(int(pressed["item"]))
        words = None if taken else problem(t("That item is over, or somebody was quicker."))
        return words, datetime.now(UTC).timestamp()

    @staff.callback(
        Output("review-notice", "children", allow_duplicate=True),
        Output("finance-tick", "data", allow_duplicate=True),
        Input({"type": "review-done", "item": ALL, "decision": ALL}, "n_clicks"),
        State({"type": "review-note", "item": ALL}, "value"),
        State({"type": "review-note", "item": ALL}, "id"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def done(
        clicks: list[int | None], notes: list[str | None], ids: list[dict[str, Any]]
    ) -> tuple[Any, Any]:
        pressed = ctx.triggered_id
        if not any(clicks) or not isinstance(pressed, dict):
            return no_update, no_update
        written = {one["item"]: note for one, note in zip(ids, notes, strict=True)}
        note = (written.get(pressed["item"]) or "").strip()[:500]
        refused = decide(int(pressed["item"]), note, str(pressed["decision"]))
        again = no_update if refused else datetime.now(UTC).timestamp()
        return problem(refused) if refused else None, again

    @staff.callback(
        Output("review", "children"),
        Output("review-drawn", "data"),
        Input("finance-tick", "data"),
        State("review-drawn", "data"),
        State("review-session", "data"),
        prevent_initial_call=True,
    )
    @require_role(*books.READING)
    def follow(_tick: Any, drawn: str, session: int | None) -> tuple[Any, Any]:
        if session is not None:
            return review_doubts.one(session), no_update
        rows = books.open_items(SHOWN)
        now = signature(rows)
        return (no_update, no_update) if now == drawn else (_queue(rows), now)


def decide(item_id: int, note: str, decision_code: str) -> str:
    """Decide an item; "" or why not: a decision without a reason is none."""
    if len(note) < 3:
        return t("Write why: it stands in the books.")
    code = decision_code if decision_code in ("charge", "waive", "write_off") else None
    if not finance_requests.resolve_item(item_id, note, code):
        return t("That item is over, or somebody was quicker.")
    return ""


PAGE = Page(
    "review", "/review", title(mark("To review")), layout,
    roles=frozenset(books.READING), register=register,
)  # fmt: skip
