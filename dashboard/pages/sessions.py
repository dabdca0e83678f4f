"""The session explorer: any filter in the address, page by page, with the sums of all that fit."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dash import dcc, html

from dashboard import data, explorer
from dashboard.components import Child, Column, empty_state, glyph, link, panel, segments, table
from dashboard.csv_text import Cell, kwh
from dashboard.digits import BIGINT, whole
from dashboard.downloads import Download, Table
from dashboard.explorer import Found, Sums
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages import sessions_words as words
from dashboard.pages.analysis_bar import bar, chip, file_name
from dashboard.pages.flag_words import FLAGS, flag_words
from dashboard.pages.frame import Page, frame, live_stamp, named, pick, title
from dashboard.pages.ledger_words import CHANNELS
from dashboard.pages.sessions_view import SORTS, STATES, SessionsView, place_of, place_words
from dashboard.periods import Period

FIELDS = (  # name, label, hint
    ("q", mark("Search"), mark("Station, site, code, token, number")),
    ("token", mark("Id token"), mark("whole")),
    ("least", mark("From kWh"), "0"),
    ("most", mark("Below kWh"), "100"),
)


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    zone, now = data.deps().settings.zone, datetime.now(UTC)
    today, sites = now.astimezone(zone).date(), data.sites()
    view = SessionsView.read(parameters, today)
    period = view.period(today, zone)
    wanted = explorer.resolved(view.wanted(period))
    found = explorer.find(wanted, place_of(view.before))
    sums = read_sums(view, period, wanted)
    body = [
        bar(view, sites, today, zone, compares=False),
        _filters(view),
        *_direct(view),
        _panel(view, found, sums, now),
    ]
    return frame("sessions", t("Sessions"), body, [html.Span(className="sp"), live_stamp()])


def read_sums(view: SessionsView, period: Period, wanted: explorer.Wanted) -> Sums:
    """From the daily counts where they tell all that is asked, else from the newest sessions."""
    if view.is_plain:
        return explorer.sums_of_days(period, view.site, view.channel, with_open=not view.state)
    return explorer.sums_of_newest(wanted)


# -- filters ----------------------------------------------------------------------------------


def _filters(view: SessionsView) -> Child:
    """What narrows the list; assets/staff/sessions.js keeps the lists in step with the address."""
    fields = [_field(view, *one) for one in FIELDS]
    states = [("", mark("Going on and ended")), *STATES.items()]
    channels = [("", mark("All channels")), *CHANNELS.items(), ("none", words.NO_PAYMENT)]
    flags = [
        ("", mark("Odd or not")),
        ("any", mark("With something odd")),
        ("quarantine", mark("Held for review")),
        *FLAGS.items(),
    ]
    selects = [
        _select("state", t("State"), states),
        _select("channel", t("Channel"), channels),
        _select("flag", t("Flags"), flags),
    ]
    send = html.Button(t("Show"), type="submit", className="ctl pri")
    away = link(t("Reset"), f"/app/sessions?range={view.range or view.usual}", "close")
    form = html.Form(
        [*fields, *selects, send, away],
        id="sessions-filter",
        action="/app/sessions",
        method="get",
        className="sift",
        **named(t("Filter")),
    )
    chips = _chips(view)
    shown = [form, html.Div(chips, className="chips")] if chips else [form]
    return html.Section(shown, className="panel", **named(t("Filter")))


def _field(view: SessionsView, name: str, label: str, hint: str) -> Child:
    kind: Any = "search" if name == "q" else "text"
    field = dcc.Input(
        getattr(view, name),
        type=kind,
        name=name,
        id=f"sift-{name}",
        className="field",
        autoComplete="off",
        placeholder=t(hint),
        maxLength=100,
    )
    return html.Label([html.Span(t(label)), field], className=f"of-{name}")


def _select(name: str, label: str, choices: Sequence[tuple[str, str]]) -> Child:
    options = [html.Option(t(text), value=value) for value, text in choices]
    return pick(f"sift-{name}", label, options, name=name)


def _chips(view: SessionsView) -> list[Child]:
    """What came by a link from elsewhere and has no field of its own."""
    form = formatter()
    told = {
        "evse": lambda v: t("Evse {n}", n=_evse_words(view, v)),
        "longer": lambda v: t("from {time}", time=form.duration(int(v) * 60)),
        "shorter": lambda v: t("below {time}", time=form.duration(int(v) * 60)),
        "hour": lambda v: t("begun {hour}:00\u2013{hour}:59", hour=f"{int(v):02}"),
        "tariff": lambda v: t("Tariff {name}", name=v[:8]),
    }
    held = [(name, getattr(view, name)) for name in told]
    return [
        chip(told[name](value), view.href(**{name: "", "before": ""}), t("All"))
        for name, value in held
        if value
    ]


def _evse_words(view: SessionsView, key: str) -> str:
    """Its number at the station where that is known, else its key."""
    known = explorer.evses(view.station) if view.station else []
    return next((str(r["evse_id"]) for r in known if str(r["evse_key"]) == key), key)


def _direct(view: SessionsView) -> list[Child]:
    """A session's number leads to the session, whatever the period."""
    number = whole(view.q.removeprefix("#"), BIGINT)
    if number is None or not explorer.exists(number):
        return []
    return [html.P(link(t("Session {n}", n=number), words.href(number), "search", kind=""))]


# -- rows -------------------------------------------------------------------------------------


def _panel(view: SessionsView, found: Found, sums: Sums, now: datetime) -> Child:
    columns = [
        Column(t("Begun")),
        Column(t("Site"), "ell"),
        Column(t("Station, evse")),
        Column(t("Length"), "num"),
        Column(t("Charging + idle"), "num"),
        Column("kWh", "num"),
        Column(t("Price"), "num"),
        Column(t("Who")),
        Column(t("End")),
        Column(t("Flags"), "flags"),
    ]
    rows = [cells(row, now) for row in found.rows]
    nothing = empty_state(t("No session fits"), _looked(found))
    body = table(
        t("Sessions"),
        columns,
        rows,
        empty=nothing,
        foot=_foot(sums) if rows else (),
        id="sessions-rows",
    )
    sorts = [
        (t(text), view.href(sort=key, before=""), key == view.sort) for key, text in SORTS.items()
    ]
    return panel(
        t("Sessions"),
        body,
        html.Div(_more(view, found), className="more"),
        sub=_sub(view, found, sums),
        right=[segments(sorts, t("Sort"))],
        id="sessions",
    )


def cells(row: data.Row, now: datetime) -> list[Child]:
    """One session, as cells; the first one leads to it."""
    form = formatter()
    begun = form.stamp(row["started_at"], seconds=False)
    first = html.A(
        [glyph(words.state_shape(row), 11), " ", begun],
        className="row",
        href=words.href(row["session_id"]),
        **named(t("Session {n}, {time}", n=row["session_id"], time=begun)),
    )
    return [
        first,
        html.Span(row["site"] or UNKNOWN, title=row["site"] or ""),
        html.A(
            words.place_words(row), href=f"/app/station/{row['station_id']}", className="mono small"
        ),
        form.duration(words.seconds_of(row, now)),
        html.Span(words.times_words(row, now), className="mut"),
        html.B(form.number(kwh(row["energy_wh"]), 3)),
        words.gross_words(row),
        html.Span(words.who_words(row), className="mono small"),
        html.Span(words.end_words(row), className="mut"),
        words.flags_cell(row),
    ]


def _foot(sums: Sums) -> list[Child]:
    form = formatter()
    count = tn(
        "{number} session", "{number} sessions", sums.sessions, number=form.number(sums.sessions)
    )
    mean = (
        form.duration(sums.seconds / (sums.sessions - sums.open))
        if sums.sessions > sums.open
        else UNKNOWN
    )
    return [
        t("Sum"),
        html.Span(count, id="sessions-count"),
        "",
        html.Span(t("mean {time}", time=mean), className="mut"),
        "",
        html.Span(form.number(kwh(sums.energy_wh), 3), id="sessions-kwh"),
        html.Span(words.sums_words(sums.gross), id="sessions-gross"),
        "",
        "",
        "",
    ]


def _sub(view: SessionsView, found: Found, sums: Sums) -> str:
    """What the sums are of, where they are not of everything."""
    form = formatter()
    if sums.since is not None:
        return t(
            "sums of the sessions since {time}: choose fewer days for more",
            time=form.stamp(sums.since, seconds=False),
        )
    if view.sort and found.is_cut:
        return t("of the newest {n}", n=form.number(found.walked))
    if view.is_plain and (left := explorer.waiting()):
        n = form.number(left) + ("+" if left >= 1000 else "")
        return t("{n} changes are being added to the sums", n=n)
    return ""


def _looked(found: Found) -> str:
    form = formatter()
    if found.is_cut and found.oldest_at:
        return t(
            "The newest {n} sessions were looked through, back to {time}.",
            n=form.number(found.walked),
            time=form.stamp(found.oldest_at, seconds=False),
        )
    return t("All sessions of these days were looked through.")


def _more(view: SessionsView, found: Found) -> list[Child]:
    """The way on, by a place in the address: no page costs more than the first."""
    parts: list[Child] = []
    if view.before:
        parts.append(link(t("Newest first page"), view.href(before=""), "restart"))
    if found.next_place is not None:
        text = t("Further back") if found.rows else t("Look further back")
        parts.append(
            link(text, view.href(before=place_words(*found.next_place)), "chevron", kind="")
        )
        if found.is_cut and found.rows and len(found.rows) < explorer.PAGE_ROWS:
            parts.append(html.Span(_looked(found), className="mut small"))
    return parts


# -- file -------------------------------------------------------------------------------------


def read_file(parameters: Mapping[str, str]) -> Table:
    """All sessions that fit, not only a page of them; a hundred thousand at most."""
    zone = data.deps().settings.zone
    today = datetime.now(zone).date()
    view = SessionsView.read(parameters, today)
    period = view.period(today, zone)
    wanted = explorer.resolved(view.wanted(period))
    header = [
        t("Session"),
        t("Begun"),
        t("Ended"),
        t("Site"),
        t("Station"),
        t("Evse"),
        t("Public code"),
        t("Seconds"),
        t("Idle seconds"),
        "kWh",
        t("Price"),
        t("Currency"),
        t("Who"),
        t("Channel"),
        t("End"),
        t("Flags"),
    ]
    return Table(file_name(view, period), header, _lines(wanted))


def _lines(wanted: explorer.Wanted) -> Iterator[list[Cell]]:
    now = datetime.now(UTC)
    for row in explorer.every(wanted):
        amount = words.major(row["gross"], row["currency"]) if row["currency"] else None
        yield [
            row["session_id"],
            row["started_at"],
            row["ended_at"],
            row["site"],
            row["station_id"],
            row["evse_id"],
            row["public_code"],
            int(words.seconds_of(row, now)) if row["ended_at"] else None,
            explorer.idle_seconds(row),
            kwh(row["energy_wh"]),
            amount,
            row["currency"],
            words.who_words(row),
            words.channel_words(row["channel"]),
            words.end_words(row),
            ", ".join(flag_words(flag) for flag in row["flags"]),
        ]


DOWNLOAD = Download(read_file)
PAGE = Page("sessions", "/sessions", title(mark("Sessions")), layout)
__all__ = ["DOWNLOAD", "PAGE"]
