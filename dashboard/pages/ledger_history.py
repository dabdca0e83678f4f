"""What happened around a payment: refunds, disputes, mails, review items, its states in turn."""

from typing import Any

from dash import html

from dashboard.components import Child, command_trail
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.doubt_words import decision_words
from dashboard.pages.ledger_words import (
    REFUND_KINDS,
    REFUND_STATES,
    REVIEWS,
    known,
    state_shape,
    state_words,
)
from dashboard.trails import Trail

DISPUTES = {
    "needs_response": mark("needs an answer"), "under_review": mark("under review"),
    "warning_needs_response": mark("needs an answer"), "won": mark("won"), "lost": mark("lost"),
    "warning_under_review": mark("under review"), "warning_closed": mark("closed"),
}  # fmt: skip
MAILS = {"receipt": mark("Receipt"), "credit_note": mark("Credit note")}


def parts(found: Trail) -> list[Child]:
    """The blocks there is something to say in; refunds first, as somebody may wait for one."""
    blocks = [
        _block(t("Refunds"), [_refund(row, found.currency) for row in found.refunds], "refunds"),
        _block(t("Disputes"), [_dispute(row) for row in found.disputes]),
        _block(t("Review"), [_review(row, found.currency) for row in found.reviews]),
        _block(
            t("Decisions about its energy"),
            [html.P(_decision(row)) for row in found.decisions],
            "decisions",
        ),
        _block(t("Mails"), [_mail(row) for row in found.mails], "mails"),
        _states(found.events),
    ]
    return [block for block in blocks if block is not None]


def _block(title: str, items: list[Child], name: str | None = None) -> Child:
    if not items:
        return None
    more: dict[str, Any] = {"id": f"trail-{name}"} if name else {}
    return html.Div([html.H3(title), *items], className="trail-block", **more)


def _refund(row: Row, currency: str) -> Child:
    """asked for -> sent -> refunded, with who, why, and what became of it."""
    form = formatter()
    title = f"{known(REFUND_KINDS, row['kind'])} {form.money(row['amount'], currency)}"
    status = row["status"]
    steps = [("ok", t(REFUND_STATES["requested"]), form.time(row["requested_at"], seconds=True))]
    if status in ("sent", "done", "failed"):
        steps.append(("ok", t(REFUND_STATES["sent"]), ""))
    ended = form.time(row["finished_at"], seconds=True) if row["finished_at"] else ""
    if status in ("failed", "rejected"):
        why = f": {row['outcome']}" if row["outcome"] else ""
        steps.append(("bad", t(REFUND_STATES[status]) + why, ended))
    else:
        kind = "ok" if status == "done" else "wait"
        steps.append((kind, t(REFUND_STATES["done"]), ended))
    note = row["shown_number"]
    credit = (
        [html.Span(t("credit note {number}", number=note), className="mono small")] if note else []
    )
    reason = html.P([f"{row['requested_by']}: {row['reason']}", " ", *credit], className="mut")
    trail = command_trail(title, steps, id=f"refund-{row['refund_request_id']}")
    return html.Div([trail, reason], className="trail-refund")


def _dispute(row: Row) -> Child:
    form = formatter()
    words = [form.money(row["amount"], row["currency"]), known(DISPUTES, row["status"]),
             row["reason"] or "", t("opened {date}", date=form.date(row["opened_at"]))]  # fmt: skip
    if row["evidence_due_at"] and not row["closed_at"]:
        words.append(t("answer by {date}", date=form.date(row["evidence_due_at"])))
    name = html.Span(row["dispute_id"], className="mono id faint")
    return html.P([", ".join(word for word in words if word), " ", name])


def _review(row: Row, currency: str) -> Child:
    form = formatter()
    amount = form.money(row["amount"], row["currency"] or currency) if row["amount"] else ""
    link = html.A(known(REVIEWS, row["kind"]), href=f"/app/review#item-{row['review_item_id']}")
    if row["resolved_at"] is None:
        return html.P([link, " ", amount, " ", html.Span(t("open"), className="chip on")])
    done = t("decided {date}: {note}", date=form.date(row["resolved_at"]),
             note=row["resolution"] or "")  # fmt: skip
    return html.P([link, " ", amount, " ", html.Span(done, className="mut")])


def _decision(row: Row) -> list[Child]:
    session = html.A(t("Session {n}", n=row["session_id"]),
                     href=f"/app/review?session={row['session_id']}")  # fmt: skip
    return [session, " ", html.Span(decision_words(row), className="mut")]


def _mail(row: Row) -> Child:
    form = formatter()
    if row["sent_at"]:
        became = t("sent {time}", time=form.stamp(row["sent_at"], seconds=False))
    elif row["failed_at"]:
        became = t("not delivered: {reason}", reason=row["error"] or "")
    else:
        became = t("on its way")
    return html.P([f"{known(MAILS, row['kind'])}, {row['recipient']}: ",
                   html.Span(became, className="mut")])  # fmt: skip


def _states(events: list[Row]) -> Child:
    """How the payment came to where it is, folded away."""
    if not events:
        return None
    form = formatter()
    items = [
        html.Li([html.Time(form.time(row["at"], seconds=True), className="mono"),
                 html.I(className=f"g st-{state_shape(row['to_state'])}"),
                 html.Span(state_words(row["to_state"])),
                 html.Span(row["why"], className="faint")])
        for row in events
    ]  # fmt: skip
    head = html.Summary(tn("{n} step of the payment", "{n} steps of the payment", len(events)))
    return html.Details([head, html.Ol(items, className="events")], className="trail-block")
