"""The evidence of one outage or one failed attempt: raw facts and the OCPP messages around them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dash import html

from dashboard.components import Child, aria, facts, glyph, link, panel
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t, tn
from dashboard.messages import plain_words
from dashboard.pages.frame import named
from dashboard.pages.reliability_outages import build_name, result_words
from dashboard.pages.reliability_view import View
from dashboard.pages.reliability_words import CAUSES, STAGES
from dashboard.pages.station_log import pretty
from dashboard.reliability import Attempt, Evidence
from dashboard.states import fault_words, state_word

STATUSES = {"Available": "available", "Occupied": "preparing", "Reserved": "reserved",
            "Faulted": "faulted", "Unavailable": "unavailable"}  # fmt: skip

VERDICTS = {
    "network": mark("{where} had no contact for {length}."),
    "csms": mark("{where} could not reach our platform for {length}."),
    "hardware": mark("{where} had a fault for {length}."),
    "unavailable": mark("{where} was out of service for {length}."),
    "failed_starts": mark("No start succeeded on {where} for {length}."),
}


def drawer(view: View, found: Evidence, how: Child, acts: Child) -> Child:
    """A sentence, the facts at its edges, the frames around them, how it counts."""
    outage = found.outage
    title = t("{site}, {date}", site=outage["site"] or outage["station_id"],
              date=formatter().date(outage["started_at"], year=True))  # fmt: skip
    body = [
        html.Div([html.P(verdict(found), className="evidence-verdict"),
                  html.P(_why(outage), className="mut")], className="pb"),
        _mates(view, found),
        _block(t("Evidence"), html.Ol(proofs(found), className="proofs")),
        _block(t("OCPP messages"), messages(found.messages)),
        _block(t("How it counts"), how),
        html.Div(acts, className="block") if acts else None,
    ]  # fmt: skip
    return _docked(view, title, outage["station_id"], body)


def _block(title: str, body: Child) -> Child:
    return html.Div([html.H3(title), body], className="block")


def _docked(view: View, title: str, station_id: str, body: list[Child]) -> Child:
    label = t("Close")
    close = html.A(html.I(className="i i-close", **aria(hidden="true")), title=label,
                   href=view.down(), className="ctl icon ghost", id="past-close",
                   **named(label))  # fmt: skip
    station = link(station_id, f"/app/station/{station_id}", "external")
    return panel(title, *body, right=[station, close], kind="docked", id="past-drawer")


def verdict(found: Evidence) -> str:
    """What was wrong, for how long, and how it ended."""
    form, outage = formatter(), found.outage
    many = len(found.mates)
    where = t("{station} evse {n}", station=outage["station_id"], n=outage["evse_id"])
    if many > 1:
        where = tn("{n} evse", "{n} evses", many)
    began, ended = outage["started_at"], outage["ended_at"]
    until = ended or datetime.now(UTC)
    length = form.length((until - began).total_seconds())
    words = t(VERDICTS[outage["cause"]], where=where, length=length)
    return words if ended else words + " " + t("It goes on.")


def _why(outage: Row) -> str:
    form = formatter()
    began, ended = form.stamp(outage["started_at"]), outage["ended_at"]
    edge = t("since {time}", time=began)
    if ended:
        edge = t("{from_} \u2013 {until}", from_=began, until=form.stamp(ended))
    model = build_name(outage)
    return f"{t(CAUSES[outage['cause']])} \u00b7 {edge} \u00b7 {model}"


def _mates(view: View, found: Evidence) -> Child:
    """The others of the same site that went down with it."""
    if len(found.mates) < 2:
        return None
    links = [
        html.A(f"{row['station_id']}\u2009/\u2009{row['evse_id']}",
               href=view.href(outage=str(row["outage_id"])), className="chip mono",
               **(aria(current="true") if row["outage_id"] == found.outage["outage_id"] else {}))
        for row in found.mates
    ]  # fmt: skip
    return html.Div([html.H3(t("Together")), html.Div(links, className="chips")], className="block")


def proofs(found: Evidence) -> list[Child]:
    """Raw facts in order of time; those that began or ended the outage stand out."""
    lines = [(row["at"], *_contact(row)) for row in found.contacts]
    lines += [(row["status_at"], *_status(row)) for row in found.statuses]
    lines += [(row["started_at"], *_try(row)) for row in found.tries]
    if found.proof:
        energy = formatter().kwh(found.proof["energy_wh"])
        words = t("First success: {energy}, proven back", energy=energy)
        lines.append((found.proof["started_at"], "finished", words))
    deciding = _deciding(found.outage["evidence"])
    return [
        _fact(at, shape, words, at.astimezone(UTC).replace(microsecond=0) in deciding)
        for at, shape, words in sorted(lines, key=lambda line: line[0])
    ] or [html.Li(t("No raw fact within 15 minutes of its edges"), className="mut")]


def _deciding(evidence: dict[str, Any]) -> set[datetime]:
    """The seconds of the facts that the fold named."""
    told = [*evidence.get("began", ()), *evidence.get("ended", ())]
    ats = [datetime.fromisoformat(one["at"]) for one in told if one.get("at")]
    return {at.astimezone(UTC).replace(microsecond=0) for at in ats}


def _fact(at: datetime, shape: str, words: str, is_deciding: bool) -> Child:
    form = formatter()
    parts = [html.Time(form.time(at, seconds=True), title=form.stamp(at), className="mono small"),
             glyph(shape, 12), html.Span(words)]  # fmt: skip
    return html.Li(parts, className="deciding" if is_deciding else "")


def _contact(row: Row) -> tuple[str, str]:
    form = formatter()
    if row["is_online"]:
        return "available", t("Contact with the station")
    if row["cause"] == "csms":
        return "unconnected", t("Our platform lost its stations")
    if row["last_seen_at"] is None:
        return "unknown", t("Contact lost")
    last = form.time(row["last_seen_at"], seconds=True)
    return "unknown", t("Contact lost; last frame {time}", time=last)


def _status(row: Row) -> tuple[str, str]:
    state = STATUSES.get(row["status"], "unknown")
    where = t("evse {n}", n=row["evse_id"]) if row["evse_id"] else t("the station")
    fault = fault_words(row["error_code"])
    words = t("Status: {where}", where=where) + f", {state_word(state).lower()}"
    return state, words + (f", {fault}" if fault else "")


def _try(row: Row) -> tuple[str, str]:
    good = row["outcome"] == "succeeded"
    energy = formatter().kwh(row["energy_wh"])
    words = t("Attempt: {result}", result=result_words(row))
    return ("finished", f"{words}, {energy}") if good else ("derated", words)


def messages(rows: Sequence[Row]) -> Child:
    """Frames as the log keeps them; each opens to its raw JSON."""
    if not rows:
        return html.P(
            t("None are kept of that time. Messages are kept for 30 days."), className="mut"
        )
    return html.Ol([_message(row) for row in rows], className="frames")


def _message(row: Row) -> Child:
    form, at = formatter(), row["received_at"]
    came = row["direction"] == "in"
    label = t("from station") if came else t("to station")
    words = (
        plain_words(row["action"], row["frame"], row["answer"], form) or row["action"] or UNKNOWN
    )
    raw = "\n\n".join(pretty(text) for text in (row["frame"], row["answer"]) if text)
    clock = f"{form.time(at, seconds=True)}.{at.microsecond // 1000:03}"
    summary = [
        html.Time(clock, title=form.stamp(at), className="mono small"),
        html.Span("\u2192" if came else "\u2190", role="img", title=label, **named(label)),
        html.Span(words),
        html.Span(row["action"] or "", className="mono small faint"),
    ]
    return html.Li(html.Details([html.Summary(summary), html.Pre(raw, className="mono raw")]))


def attempt_drawer(view: View, found: Attempt) -> Child:
    form, row = formatter(), found.row
    evse = t("{station} evse {n}", station=row["station_id"], n=row["evse_id"] or UNKNOWN)
    visit = (
        t("The visit succeeded later.")
        if row["visit_succeeded"]
        else t("The visit came to nothing.")
    )
    pairs: list[tuple[str, Child]] = [
        (t("Where"), evse),
        (t("Model, firmware"), build_name(row)),
        (t("Id token"), row["id_token"] or UNKNOWN),
        (t("Got to"), t(STAGES[row["stage"]])),
        (t("Result"), result_words(row)),
        (t("Energy"), form.kwh(row["energy_wh"])),
        (t("Ended"), form.stamp(row["ended_at"])),
        (t("Stands on"), ", ".join([row["key"], *row["evidence"]])),
    ]
    told = t("The attempt {result}. {visit}", result=result_words(row).lower(), visit=visit)
    body = [
        html.Div(html.P(told, className="evidence-verdict"), className="pb"),
        html.Div(facts(pairs), className="block"),
        _block(t("OCPP messages"), messages(found.messages)),
    ]
    title = t("{site}, {date}", site=row["site"] or row["station_id"],
              date=form.stamp(row["started_at"], seconds=False))  # fmt: skip
    return _docked(view, title, row["station_id"], body)
