"""The decision about an implausible session's energy: accept, correct or void, with a reason."""

from datetime import UTC, datetime
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboard import books, doubts
from dashboard.auth import require_role
from dashboard.components import Child, button
from dashboard.doubts import Doubted
from dashboard.i18n import formatter, mark, t
from dashboard.pages.ledger_refund import problem

MAY_ONLY_FALL = "guest"  # billing never asks a guest for more than was charged
CHOICES = (
    ("void", mark("Void"), "dng"), ("correct", mark("Correct"), ""),
    ("accept", mark("Accept as measured"), "pri"),
)  # fmt: skip


def form(found: Doubted) -> Child:
    """Energy and reason; what each button would lead to stands beside it."""
    number = found.row["session_id"]
    energy = dcc.Input(
        id={"type": "doubt-energy", "session": number}, className="field", autoComplete="off",
        maxLength=20, placeholder=formatter().number(12.5, 3),
    )  # fmt: skip
    reason = dcc.Input(
        id={"type": "doubt-reason", "session": number}, className="field wide",
        autoComplete="off", maxLength=500, placeholder=t("How you know; a credit note says so too"),
    )  # fmt: skip
    seen: dict[str, Any] = {"session": number, "newest": found.row["newest_decision"]}
    buttons = [button(t(words), kind=kind, id={"type": "doubt-decide", **seen, "decision": code})
               for code, words, kind in CHOICES]  # fmt: skip
    preview = html.P(
        _preview(found, ""), id={"type": "doubt-preview", "session": number},
        className="mut", role="status",
    )  # fmt: skip
    body = html.Div([html.Label([html.Span(t("True energy, kWh")), energy]),
                     html.Label([html.Span(t("Reason")), reason]), preview,
                     html.Div([html.Span(className="sp"), *buttons], className="form-foot")],
                    className="act-form doubt-form")  # fmt: skip
    head = t("Decide…") if found.is_open or not found.decisions else t("Decide anew…")
    return html.Details([html.Summary(head, className="ctl"), body], className="decide")


def _preview(found: Doubted, text: str) -> str:
    """What correcting to that would change, or what voiding and accepting would."""
    energy_wh = doubts.wh_of(text) if text.strip() else None
    if energy_wh is None:
        return t("Accepted: {accepted}. Voided: {voided}.", accepted=outcome(found, None),
                 voided=outcome(found, 0))  # fmt: skip
    refused = refusal(found, energy_wh)
    if refused:
        return refused
    words = t("Corrected: {old} → {new}.", old=outcome(found, None), new=outcome(found, energy_wh))
    billed = found.row["billed_wh"]
    if billed is not None and energy_wh > billed and found.row["channel"] == MAY_ONLY_FALL:
        words += " " + t("A guest is never charged more afterwards.")
    return words


def outcome(found: Doubted, energy_wh: int | None) -> str:
    """So much energy, and what it costs where energy alone is priced."""
    form = formatter()
    chosen = found.measured_wh if energy_wh is None else energy_wh
    if chosen == 0:
        return form.kwh(0, 0)
    price = found.price_of(chosen)
    if price is None:
        return form.kwh(chosen, 3)
    return t("{energy}, about {amount}", energy=form.kwh(chosen, 3),
             amount=form.money(price, found.row["currency"]))  # fmt: skip


def refusal(found: Doubted, energy_wh: int) -> str:
    """Why that can't be the energy; "" when it can."""
    if energy_wh < 0:
        return t("The energy can't be less than nothing.")
    if found.row["evse_id"] == 0 and energy_wh:
        return t("The session never had an evse: void it, or accept it.")
    if energy_wh > found.most_wh:
        form = formatter()
        return t("At most {most}: {power} for {length} delivers no more.",
                 most=form.kwh(found.most_wh, 3), power=form.rating(found.row["limit_w"]),
                 length=form.duration(found.seconds))  # fmt: skip
    return ""


def decide(session_id: int, newest: int, decision: str, energy: str, reason: str) -> str:
    """Write the decision down; "" or why not."""
    found = doubts.read([session_id]).get(session_id)
    if found is None or decision not in doubts.DECISIONS:
        return t("That session is not there any more.")
    if len(reason) < 3:
        return t("Write why: it stands in the books.")
    energy_wh = None
    if decision == "correct":
        energy_wh = doubts.wh_of(energy)
        if energy_wh is None:
            return t("The energy must be written in kWh, like {example}.",
                     example=formatter().number(12.5, 3))  # fmt: skip
        if refused := refusal(found, energy_wh):
            return refused
    if not doubts.decide(session_id, newest, decision, energy_wh, reason):
        return t("That item is over, or somebody was quicker.")
    return ""


def register(staff: Dash) -> None:
    """What a correction would change, while it is typed; and the decision."""

    @staff.callback(
        Output({"type": "doubt-preview", "session": MATCH}, "children"),
        Input({"type": "doubt-energy", "session": MATCH}, "value"),
        State({"type": "doubt-energy", "session": MATCH}, "id"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def preview(text: str | None, name: dict[str, Any]) -> Any:
        number = int(name["session"])
        found = doubts.read([number]).get(number)
        return no_update if found is None else _preview(found, (text or "")[:20])

    @staff.callback(
        Output("review-notice", "children", allow_duplicate=True),
        Output("finance-tick", "data", allow_duplicate=True),
        Input({"type": "doubt-decide", "session": ALL, "newest": ALL, "decision": ALL}, "n_clicks"),
        State({"type": "doubt-energy", "session": ALL}, "value"),
        State({"type": "doubt-reason", "session": ALL}, "value"),
        State({"type": "doubt-reason", "session": ALL}, "id"),
        prevent_initial_call=True,
    )
    @require_role(*books.ACTING)
    def decided(
        clicks: list[int | None], energies: list[str | None], reasons: list[str | None],
        ids: list[dict[str, Any]],
    ) -> tuple[Any, Any]:  # fmt: skip
        pressed = ctx.triggered_id
        if not any(clicks) or not isinstance(pressed, dict):
            return no_update, no_update
        typed = {one["session"]: pair for one, *pair in zip(ids, energies, reasons, strict=True)}
        energy, reason = typed.get(pressed["session"], [None, None])
        refused = decide(
            int(pressed["session"]), int(pressed["newest"]), str(pressed["decision"]),
            energy or "", (reason or "").strip()[:500],
        )  # fmt: skip
        again = no_update if refused else datetime.now(UTC).timestamp()
        return problem(refused) if refused else None, again
