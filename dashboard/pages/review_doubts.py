"""An implausible session: why it is doubted, what was read, and the decision about its energy."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update
from flask_login import current_user

from dashboard import books, doubts
from dashboard.auth import require_role
from dashboard.components import Child, Column, button, empty_state, facts, glyph, panel, table
from dashboard.data import Row
from dashboard.doubts import Doubted
from dashboard.format import unit
from dashboard.i18n import formatter, mark, t
from dashboard.pages.doubt_words import (
    DECISIONS,
    decision_words,
    old_and_new,
    register,
    sentence,
)
from dashboard.pages.frame import named
from dashboard.pages.ledger_refund import problem
from dashboard.pages.ledger_words import known, state_words
from dashboard.pages.station_past import FLAGS

MAY_ONLY_FALL = "guest"  # billing never asks a guest for more than was charged
CHOICES = (
    ("void", mark("Void"), "dng"), ("correct", mark("Correct"), ""),
    ("accept", mark("Accept as measured"), "pri"),
)  # fmt: skip


def evidence(found: Doubted) -> Child:
    """The doubts in words, the session in figures, the readings around what is odd, where to look
    further, and what was decided before."""
    why = html.Ul([html.Li([glyph("derated", 12), html.Span(sentence(doubt))])
                   for doubt in found.doubts], className="doubts")  # fmt: skip
    parts = [why, html.Div([_figures(found), _readings(found)], className="doubt-cols"),
             _links(found), _history(found)]  # fmt: skip
    return html.Div([part for part in parts if part is not None], className="review-evidence")


def _figures(found: Doubted) -> Child:
    form, row = formatter(), found.row
    pairs: list[tuple[str, Child]] = [(t("Measured"), html.B(form.kwh(found.measured_wh, 3)))]
    if row["correction_wh"]:
        pairs.append((t("Corrected to"), html.B(form.kwh(row["energy_wh"], 3))))
    pairs += [
        (t("Register"), f"{register(row['meter_start_wh'])} → {register(row['meter_stop_wh'])}"),
        (t("Begun"), form.stamp(row["started_at"])),
        (t("Ended"), form.stamp(row["ended_at"])),
        (t("Length"), form.duration(found.seconds if row["ended_at"] else None)),
        (t("Rated power"), form.rating(row["limit_w"])),
        (t("Payment"), _payment(row)),
    ]
    if row["gross"] is not None:
        billed = f"{form.kwh(row['billed_wh'], 3)}, {form.money(row['gross'], row['currency'])}"
        pairs.append((t("Billed"), billed))
    return facts(pairs)


def _payment(row: Row) -> str:
    if row["state"] is None:
        return t("none")
    return f"{row['reference']}, {state_words(row['state'], row['failure'])}"


def _readings(found: Doubted) -> Child:
    """A row of dots stands for readings that are left out."""
    columns = [Column(t("Time")), Column(t("Register"), "num"), Column(t("Change"), "num"),
               Column(t("Power"), "num"), Column(t("Flagged"), "ell")]  # fmt: skip
    rows: list[list[Child]] = []
    place = 0
    for reading in found.readings:
        if reading["place"] != place + 1:
            left_out = t("{n} more", n=reading["place"] - place - 1)
            rows.append([html.Span(f"⋮ {left_out}", className="mut"), "", "", "", ""])
        place = reading["place"]
        rows.append(_reading(reading))
    nothing = empty_state(t("No readings came"))
    return html.Div(table(t("Readings"), columns, rows, empty=nothing), className="doubt-readings")


def _reading(row: Row) -> list[Child]:
    form = formatter()
    rise = _rise(row["rise_wh"])
    flags = ", ".join(known(FLAGS, flag) for flag in row["flags"] or ())
    at = html.Span(form.time(row["measured_at"], seconds=True), className="mono small",
                   title=form.stamp(row["measured_at"]))  # fmt: skip
    if not row["is_odd"]:
        return [at, register(row["energy_wh"]), rise, _kw(row["power_w"]), flags]
    marked = [glyph("derated", 11), " ", html.B(rise)]
    return [at, html.B(register(row["energy_wh"])), marked, _kw(row["power_w"]), flags]


def _rise(wh: int | None) -> str:
    if wh is None:
        return ""
    return unit(formatter().signed(Decimal(wh) / 1000, 3), "kWh")


def _kw(watts: float | None) -> str:
    return "" if watts is None else formatter().kw(watts)


def _links(found: Doubted) -> Child:
    row = found.row
    station = f"/app/station/{row['station_id']}"
    where = {"payment": row["reference"]} if row["reference"] else {"session": row["session_id"]}
    name = t("Station {station}, evse {n}", station=row["station_id"], n=row["evse_id"])
    links = [html.A(name, href=station), html.A(t("Its messages"), href=f"{station}#log"),
             html.A(t("The money's way"), href=f"/app/ledger?{urlencode(where)}")]  # fmt: skip
    return html.Nav(links, className="doubt-links", **named(t("Look further")))


def _history(found: Doubted) -> Child:
    if not found.decisions:
        return None
    items = [html.Li(decision_words(row)) for row in found.decisions]
    return html.Ol(items, className="doubt-history mut")


# -- deciding ---------------------------------------------------------------------------------


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


# -- what was decided -------------------------------------------------------------------------


def past(at_most: int) -> Child:
    """Sessions that were decided: who, when, what the energy was and is."""
    form = formatter()
    columns = [Column(t("Decided")), Column(t("Session")), Column(t("Decision")),
               Column(t("Energy"), "num"), Column(t("By")), Column(t("Reason"), "ell")]  # fmt: skip
    rows = [
        [form.stamp(row["decided_at"], seconds=False),
         html.A(f"{row['place'] or ''} {row['reference'] or row['session_id']}".strip(),
                href=f"/app/review?session={row['session_id']}"),
         known(DECISIONS, row["decision"]),
         t("not booked yet") if row["applied_at"] is None
         else old_and_new(row["old_wh"], row["new_wh"]),
         row["decided_by"], row["reason"]]
        for row in doubts.decided(at_most)
    ]  # fmt: skip
    nothing = empty_state(t("Nothing was decided yet"))
    return panel(t("Decided sessions"), table(t("Decided sessions"), columns, rows, empty=nothing))


def one(session_id: int) -> Child:
    """A single session, open or decided long ago; it can be decided anew."""
    found = doubts.read([session_id]).get(session_id)
    if found is None:
        return panel(t("Session"), empty_state(t("There is no session {n}", n=session_id)))
    acts = bool(current_user.has_role(*books.ACTING))
    name = t("Session {n}", n=session_id)
    at: datetime = found.row["started_at"]
    where = f"{found.row['site'] or found.row['station_id']}, {formatter().date(at)}"
    listed = html.Ol(html.Li([evidence(found), form(found) if acts else None]),
                     className="review-list")  # fmt: skip
    return panel(name, listed, sub=where)


def register_callbacks(staff: Dash) -> None:
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
