"""The last attempts to charge at a station, with reasons in plain words."""

from collections.abc import Sequence
from datetime import UTC, datetime

from dash import html

from dashboard.components import Child, Column, aria, empty_state, glyph, link, panel, table
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t
from dashboard.messages import STOPS
from dashboard.pages.flag_words import FLAGS
from dashboard.pages.frame import may_open
from dashboard.pages.ledger_words import FAILURES
from dashboard.pages.reliability_words import OUTCOMES
from dashboard.pages.station_commands import REASONS
from dashboard.pages.station_words import identity, session_href
from dashboard.states import FAULTS
from dashboard.station_data import Tries

SHOWN = 10
SHAPES = {
    "open": "charging", "succeeded": "finished", "failed": "faulted", "refused": "unavailable",
    "abandoned": "suspended",
}  # fmt: skip
# the wire's words that no other list has
MORE = {
    "Timeout": mark("nobody plugged in or started in time"),
    "NoAnswer": mark("the station did not answer"),
    "NoSession": mark("accepted, but no session began"),
    "EVConnectTimeout": mark("nobody plugged in in time"),
    "GroundFault": mark("ground failure"),
    "OvercurrentFault": mark("over-current"),
    "ImmediateReset": mark("restart"),
    "PowerQuality": mark("bad power from the grid"),
    "ReqEnergyTransferRejected": mark("the car and the evse did not agree"),
    "Blocked": mark("the id token is blocked"),
    "Expired": mark("the id token has expired"),
    "Invalid": mark("the id token is not known"),
    "ConcurrentTx": mark("the id token charges elsewhere"),
}


def reason_words(reason: str | None) -> str:
    """Plain words for why an attempt ended; a word that we do not know is quoted as it came."""
    for words in (MORE, STOPS, FAULTS, FAILURES, REASONS, FLAGS):
        if reason in words:
            return t(words[reason])
    return reason or ""


def shapes(rows: Sequence[Row]) -> Child:
    """The last attempts of an evse as shapes, the oldest first."""
    said = [t(OUTCOMES[row["outcome"]]) for row in reversed(rows)]
    drawn = [glyph(SHAPES[row["outcome"]], 11) for row in reversed(rows)]
    label = t("Last attempts: {results}", results=", ".join(said))
    return html.P(
        [html.Span(drawn, className="glyphs", role="img", **aria(label=label)),
         html.Span(t("last {n} attempts", n=len(rows)), className="faint")],
        className="tries",
    )  # fmt: skip


def last(station_id: str, tries: Tries) -> Child:
    """The last ten of all evses: when, who, what came of it and why."""
    rows, now = tries.rows[:SHOWN], datetime.now(UTC)
    columns = [Column(t("Time")), Column(t("Evse")), Column(t("Identified by")), Column(""),
               Column(t("Result"), "ell"), Column(t("Length"), "num")]  # fmt: skip
    good = sum(row["outcome"] == "succeeded" for row in rows)
    bad = sum(row["outcome"] in ("failed", "refused") for row in rows)
    sub = t("{good} succeeded, {bad} failed or refused", good=good, bad=bad) if rows else ""
    nothing = empty_state(t("No attempts yet"), t("They show seconds after they were made."))
    body = table(t("Last attempts"), columns, [_row(row, now) for row in rows], empty=nothing,
                 id="attempts")  # fmt: skip
    href = f"/app/sessions?station={station_id}"
    more = [link(t("All sessions"), href)] if may_open(href) else []
    return panel(t("Last {n} attempts", n=SHOWN), body, sub=sub, right=more)


def _row(row: Row, now: datetime) -> list[Child]:
    form = formatter()
    time = form.since(row["started_at"], now)
    href = session_href(row["session_id"])
    when = html.A(time, href=href) if href else html.Span(time)
    length = _length(row, now)
    return [
        html.Span(when, className="mono small", title=form.stamp(row["started_at"])),
        str(row["evse_id"] or UNKNOWN),
        html.Span(identity(row["id_token"], row["card_last4"]), className="mut small"),
        glyph(SHAPES[row["outcome"]], 11),
        html.Span(result(row, now), title=result(row, now)),
        length,
    ]


def _length(row: Row, now: datetime) -> str:
    until = row["session_ended_at"] or row["ended_at"] or now
    return formatter().duration((until - row["started_at"]).total_seconds())


def result(row: Row, now: datetime) -> str:
    """Charging, 31.42 kWh so far; 38.90 kWh, ended by driver; Failed, connector lock failed."""
    form = formatter()
    if row["outcome"] == "open":
        energy = form.kwh(row["session_wh"])
        return t("Charging, {energy} so far", energy=energy) if row["session_id"] else t("Goes on")
    why = reason_words(row["reason"])
    if row["outcome"] == "succeeded":
        return ", ".join(part for part in (form.kwh(row["energy_wh"]), why) if part)
    words = [t(OUTCOMES[row["outcome"]]), why]
    if row["released_at"]:
        held = form.money(row["hold"], row["currency"])
        time = form.since(row["released_at"], now)
        words.append(t("{amount} released {time}", amount=held, time=time))
    return ", ".join(word for word in words if word)
