"""An implausible session: why it is doubted, what was read, what was decided about it."""

from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from dash import html
from flask_login import current_user

from dashboard import books, doubts
from dashboard.components import Child, Column, empty_state, facts, glyph, panel, table
from dashboard.data import Row
from dashboard.doubts import Doubted
from dashboard.format import unit
from dashboard.i18n import formatter, t
from dashboard.pages import review_decide
from dashboard.pages.doubt_words import (
    DECISIONS,
    decision_words,
    old_and_new,
    register,
    sentence,
)
from dashboard.pages.flag_words import flag_words
from dashboard.pages.frame import named
from dashboard.pages.ledger_words import known, state_words


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
    flags = ", ".join(map(flag_words, row["flags"] or ()))
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
    listed = html.Ol(html.Li([evidence(found), review_decide.form(found) if acts else None]),
                     className="review-list")  # fmt: skip
    return panel(name, listed, sub=where)
