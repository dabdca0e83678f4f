"""One session: what happened, every reading, what it cost and why, and where the money went.

Each number leads to what it is made of: energy to its readings, the price to its lines and tariff,
the payment to hold, receipt, bookings and payout, the times to the messages of the station.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from dash import html
from flask_login import current_user

from dashboard import books, session_story
from dashboard.components import (
    Child,
    badge,
    error_state,
    figure_strip,
    figure_tile,
    glyph,
    link,
    panel,
)
from dashboard.digits import BIGINT, whole
from dashboard.explorer import idle_seconds
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t
from dashboard.pages import ledger_history, ledger_price, ledger_verdict, reliability_evidence
from dashboard.pages import sessions_words as words
from dashboard.pages.doubt_words import sentence
from dashboard.pages.frame import Page, frame, live_stamp, may_command, named, spacer, title
from dashboard.pages.ledger_steps import steps
from dashboard.pages.ledger_words import state_words
from dashboard.pages.reliability_outages import result_words
from dashboard.pages.session_energy import curve, readings, signed
from dashboard.pages.session_times import timeline
from dashboard.session_story import Story


def layout(session_id: str = "", **parameters: Any) -> Child:
    """The page of a session; a number that is none, or nobody's, is named as such."""
    now = datetime.now(UTC)
    number = whole(session_id, BIGINT)
    story = None if number is None else session_story.read(number, now)
    if story is None:
        note = error_state(
            t("There is no session {name}", name=session_id[:60]),
            t("Its number stands in the list of sessions and on receipts\u2019 trails."),
            retry_href="/app/sessions",
        )
        return frame("sessions", t("Unknown session"), [note])
    return frame("sessions", heading(story), body(story, parameters, now), [spacer(), live_stamp()])


def heading(story: Story) -> Child:
    row = story.row
    slash = html.Span("/", className="faint")
    crumbs: list[Child] = [html.A(t("Sessions"), href="/app/sessions", className="crumb"), slash]
    if row["site"]:
        site = f"/app/sessions?{urlencode({'site': row['site_id']})}"
        crumbs += [html.A(row["site"], href=site, className="crumb"), slash]
    station = html.A(
        words.place_words(row), href=f"/app/station/{row['station_id']}", className="crumb mono"
    )
    name = html.H1(t("Session {n}", n=row["session_id"]))
    code = (
        [html.Span(row["public_code"], className="chip mono wide-only")]
        if row["public_code"]
        else []
    )
    return html.Div([*crumbs, station, slash, name, *code], className="heading")


def body(story: Story, parameters: dict[str, Any], now: datetime) -> list[Child]:
    right = [timeline(story), _money(story), _attempts(story)]
    left = [curve(story), readings(story, parameters), signed(story), _messages(story, now)]
    return [
        verdict(story, now),
        strip(story, now),
        html.Div(
            [html.Div(left, className="stack"), html.Div(right, className="stack")],
            className="cols session",
        ),
    ]


# -- the sentence -----------------------------------------------------------------------------


def verdict(story: Story, now: datetime) -> Child:
    """What became of it, what is doubted, how far the money has come; and what can be done."""
    row = story.row
    lines = [html.P(said(story, now), className="verdict-line", id="session-verdict")]
    lines += [
        html.P([glyph("derated", 12), " ", sentence(doubt)], className="small")
        for doubt in story.doubted.doubts
        if doubt["is_open"]
    ]
    if story.payment or story.trail.receipt:
        lines.append(ledger_verdict.verdict(story.trail))
    about = [glyph(words.state_shape(row), 20), html.Div(lines)]
    return html.Section(
        [html.Div(about, className="verdict-words"), _acts(story)],
        className="panel verdict",
        **named(t("What became of it")),
    )


def said(story: Story, now: datetime) -> str:
    form, row = formatter(), story.row
    energy = form.kwh(row["energy_wh"])
    length = form.duration(words.seconds_of(row, now))
    if row["ended_at"] is None:
        power = form.kw(row["power_w"])
        return t(
            "Going on for {length}: {energy} so far, {power} at last",
            length=length,
            energy=energy,
            power=power,
        )
    why = words.end_words(row)
    if row["energy_wh"] < words.LEAST_WH:
        return t("Nothing was delivered in {length}: {why}", length=length, why=why)
    return t("{energy} delivered in {length}: {why}", energy=energy, length=length, why=why)


def _acts(story: Story) -> Child:
    """Ways on for those who may act."""
    row, pay = story.row, story.payment
    found: list[Child] = []
    station = f"/app/station/{row['station_id']}"
    if may_command():
        text = t("Stop or unlock") if row["ended_at"] is None else t("Unlock, restart")
        found.append(link(text, station, "unlock", kind=""))
    if pay and current_user.has_role(*books.ACTING) and story.trail.remaining > 0:
        found.append(
            link(t("Refund…"), f"/app/ledger?payment={pay['reference']}", "receipts", kind="")
        )
    elif pay:
        found.append(
            link(
                t("Payment {name}", name=pay["reference"]),
                f"/app/payments?payment={pay['reference']}",
                "search",
            )
        )
    if story.doubted.is_open and current_user.has_role(*books.READING):
        found.append(
            link(t("Review"), f"/app/review?session={row['session_id']}", "review", kind="")
        )
    return html.Div(found, className="verdict-action session-acts")


def strip(story: Story, now: datetime) -> Child:
    """Energy, times, power, price: each leads to what it is made of."""
    form, row, price = formatter(), story.row, story.price
    idle = idle_seconds(row)
    seconds = words.seconds_of(row, now)
    mean = row["energy_wh"] * 3600 / (seconds - (idle or 0)) if seconds > (idle or 0) else None
    who = words.who_words(
        {
            **row,
            "channel": (story.payment or {}).get("channel"),
            "card_last4": (story.payment or {}).get("card_last4"),
        }
    )
    gross = form.money(price["gross"], price["currency"]) if price else UNKNOWN
    per = UNKNOWN
    if price and price["energy_wh"] > 0:
        per = t(
            "{amount} per kWh",
            amount=form.money(round(price["gross"] * 1000 / price["energy_wh"]), price["currency"]),
        )
    measured = t("measured {energy}", energy=form.kwh(row["energy_wh"] - row["correction_wh"], 3))
    return figure_strip(
        [
            figure_tile(
                t("Energy"),
                form.number(row["energy_wh"] / 1000, 3),
                measured
                if row["correction_wh"]
                else t("from {n} rows", n=form.number(story.sums["readings"])),
                unit="kWh",
                href="#readings",
                id="session-energy",
            ),
            figure_tile(
                t("Length"), form.duration(seconds), form.stamp(row["started_at"], seconds=False)
            ),
            figure_tile(
                t("Idle after the last energy"),
                form.duration(idle),
                t("charging {time}", time=form.duration(seconds - (idle or 0))),
            ),
            figure_tile(
                t("Mean power"),
                form.kw(mean),
                t("highest {power}", power=form.kw(story.sums["peak_power_w"])),
            ),
            figure_tile(t("Price"), gross, per, href="#money", id="session-gross"),
            figure_tile(
                t("Who"),
                html.Span(who, className="small-value"),
                words.channel_words((story.payment or {}).get("channel")),
            ),
        ],
        id="session-figures",
    )


# -- money, attempt, messages -----------------------------------------------------------------


def _money(story: Story) -> Child:
    """All the way to the bank for those who read the books; the price and its lines for others."""
    title_words = t("From meter to bank")
    trail = story.trail
    if not current_user.has_role(*books.READING):
        return panel(t("Price"), html.Div(_price(story), className="trail-body"), id="money")
    parts: list[Child] = [
        html.Ol(steps(trail), className="money-trail"),
        *ledger_history.parts(trail),
    ]
    if story.document:
        raw = html.Pre(story.document, className="mono raw")
        parts.append(html.Details([html.Summary(t("Record as sent to partners (CDR)")), raw]))
    way = [link(t("Ledger"), f"/app/ledger?session={story.row['session_id']}", "ledger")]
    return panel(title_words, html.Div(parts, className="trail-body"), right=way, id="money")


def _price(story: Story) -> list[Child]:
    form, price, pay = formatter(), story.price, story.payment
    if price is None:
        known = state_words(pay["state"], pay["failure"]) if pay else t("It has no price here.")
        return [html.P(known, className="mut")]
    lines: list[Child] = [html.P(html.B(form.money(price["gross"], price["currency"])))]
    if pay:
        lines.append(badge("reserved", state_words(pay["state"], pay["failure"])))
    return [*lines, *ledger_price.parts(story.trail)]


def _attempts(story: Story) -> Child:
    """The driver's try that the session belongs to."""
    if not story.attempts:
        return None
    items: list[Child] = []
    for row in story.attempts:
        href = f"/app/reliability?attempt={row['attempt_id']}"
        first = (
            t("first attempt of the visit")
            if row["is_first"]
            else t("a further attempt of the visit")
        )
        items.append(
            html.P([html.A(result_words(row), href=href), " ", html.Span(first, className="mut")])
        )
    return panel(t("Attempt"), html.Div(items, className="pb"))


def _messages(story: Story, now: datetime) -> Child:
    """The station's frames of that time; each opens to its raw JSON."""
    rows = session_story.read_messages(story.row, now)
    form = formatter()
    frames = rows[0]["frames"] if rows else 0
    sub = (
        t("{n} of {all}", n=form.number(len(rows)), all=form.number(frames))
        if frames > len(rows)
        else ""
    )
    listed = html.Div(reliability_evidence.messages(rows), className="pb long")
    return panel(t("OCPP messages"), listed, sub=sub, id="messages")


PAGE = Page(
    "session",
    "/session",
    title(mark("Session")),
    layout,
    path_template="/session/<session_id>",
)
