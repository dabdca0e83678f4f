"""What happened: the states of the last 24 hours and the last sessions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dash import html

from dashboard import commands, data, station_data
from dashboard.components import Child, Column, empty_state, glyph, panel, table
from dashboard.i18n import formatter, mark, t
from dashboard.messages import STOPS
from dashboard.pages.flag_words import flag_words
from dashboard.pages.frame import named
from dashboard.pages.station_words import identity, session_href
from dashboard.states import state_word

DAY = timedelta(hours=24)
DONE = {
    "Reset": mark("Restart"), "UnlockConnector": mark("Unlock"),
    "ChangeAvailability": mark("In or out of service"), "UpdateFirmware": mark("New firmware"),
    "RemoteStartTransaction": mark("Start"), "RequestStartTransaction": mark("Start"),
    "RemoteStopTransaction": mark("Stop"), "RequestStopTransaction": mark("Stop"),
}  # fmt: skip
HOURS = 24.0
LEGEND = ("available", "preparing", "charging", "suspended", "finished", "faulted", "unknown")
# connector status and charging state, as history keeps them, to our states
CHARGING_STATES = {
    "Charging": "charging", "EVConnected": "preparing", "SuspendedEV": "suspended",
    "SuspendedEVSE": "suspended", "Idle": "finished",
}  # fmt: skip
STATUSES = {"Available": "available", "Faulted": "faulted", "Unavailable": "unavailable",
            "Reserved": "reserved", "Occupied": "preparing"}  # fmt: skip


def timeline(found: data.Station, now: datetime) -> Child:
    """Commands and firmware, then a row of blocks per evse; free time is a thin line, no contact is
    hatched."""
    since = now - DAY
    marks = station_data.read_marks(found.row["station_id"], since)
    rows = data.read_history(found.row["station_id"], since)
    lines = [
        _line(evse, [row for row in rows if row["evse_id"] == evse["evse_id"]], since, now)
        for evse in found.evses
    ]
    legend = html.Div(
        [html.Span([glyph(state, 10), state_word(state)]) for state in LEGEND],
        className="timeline-legend wide-only",
    )
    axis = html.Div(_axis(since, now), className="timeline-axis")
    return panel(
        t("Last 24 hours"),
        html.Div([_marks(marks, since), *lines, axis], className="timeline pb"),
        sub=t("{time} to now", time=formatter().since(since, now)),
        right=[legend],
    )


def _marks(rows: Sequence[data.Row], since: datetime) -> Child:
    """A triangle for each, with a dotted line down through the evses."""
    items = [
        html.Li(html.Span(words, className="vh"), className=_mark_class(row), title=words,
                style={"left": f"{(row['at'] - since) / DAY * 100:.2f}%"})
        for row in rows if (words := mark_words(row))
    ]  # fmt: skip
    name = html.Span(t("Commands"))
    return html.Div([name, html.Ul(items, className="marks")], className="row")


def _mark_class(row: data.Row) -> str:
    return "mark firmware" if row["action"] == "firmware" else "mark"


def mark_words(row: data.Row) -> str:
    """09:14 Unlock, evse 1, by alice: accepted; 06:02 Firmware 2.7.1."""
    time = formatter().time(row["at"])
    if row["action"] == "firmware":
        return f"{time} " + t("Firmware {version}", version=row["firmware_version"])
    evse_id = commands.evse_of(row["payload"])
    where = [t("evse {n}", n=evse_id)] if evse_id else []
    done = t(DONE[row["action"]])
    what = ", ".join([done, *where, row["requested_by"]])
    good = commands.is_granted(row["response"]) if row["status"] == "answered" else None
    outcome = {True: t("accepted"), False: t("refused"), None: t("no answer")}[good]
    return f"{time} {what}: {outcome}"


def _line(evse: data.Row, rows: Sequence[data.Row], since: datetime, now: datetime) -> Child:
    blocks = [_block(*stretch, now) for stretch in stretches(evse, rows, since, now)]
    label = named(t("States of evse {n}", n=evse["evse_id"]))
    name = html.Span(t("Evse {n}", n=evse["evse_id"]))
    return html.Div(
        [name, html.Div(blocks, className="lane", role="img", **label)], className="row"
    )


def stretches(
    evse: data.Row, rows: Sequence[data.Row], since: datetime, now: datetime
) -> list[tuple[str, float, float]]:
    """(state, begin, end) in hours since `since`; unknown before any word and out of contact."""
    marks = [(max(row["status_at"], since), state_of(row)) for row in rows]
    if evse["is_online"] and evse["state_since"]:
        # silent and derated are a judgement on time that was available
        is_judged = evse["state"] in {"silent", "derated"}
        state = "available" if is_judged else evse["state"]
        marks.append((max(evse["state_since"], since), state))
    lost = evse["contact_changed_at"] if not evse["is_online"] else None
    if lost:
        marks = [(at, state) for at, state in marks if at < lost] + [(max(lost, since), "unknown")]
    points = [(since, "unknown"), *sorted(marks, key=lambda pair: pair[0]), (now, "")]
    return [
        (state, (at - since) / DAY * HOURS, (points[i + 1][0] - since) / DAY * HOURS)
        for i, (at, state) in enumerate(points[:-1])
        if points[i + 1][0] > at
    ]


def state_of(row: data.Row) -> str:
    """Our state for a line of the status history."""
    if row["status"] == "Occupied" and row["charging_state"]:
        return CHARGING_STATES.get(row["charging_state"], "preparing")
    return STATUSES.get(row["status"], "unknown")


def _block(state: str, begin: float, end: float, now: datetime) -> Child:
    width = (end - begin) / HOURS * 100
    form = formatter()
    start = now - DAY + timedelta(hours=begin)
    words = f"{state_word(state)} {form.since(start, now)}, {form.duration((end - begin) * 3600)}"
    shape = [glyph(state, 10)] if width > 2 and state not in ("available", "unknown") else []
    style: dict[str, Any] = {"left": f"{begin / HOURS * 100:.3f}%", "width": f"{width:.3f}%"}
    return html.I(shape, className=f"block st-{state} {state}", style=style, title=words)


def _axis(since: datetime, now: datetime) -> list[Child]:
    form = formatter()
    local = since.astimezone(form.zone)
    hour = local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=3 - local.hour % 3)
    ticks = []
    while hour < now:
        left = {"left": f"{(hour - since) / DAY * 100:.2f}%"}
        ticks.append(html.Span(form.time(hour), style=left))
        hour += timedelta(hours=3)
    return ticks


def session_table(station_id: str, at_most: int) -> Child:
    """The last sessions: when, who, how much, how it ended; each leads to its page."""
    rows, now = data.read_sessions(station_id, at_most), datetime.now(UTC)
    columns = [
        Column(t("Begun")), Column(t("Evse")), Column(t("Identified by")), Column(""),
        Column(t("Result"), "ell"), Column(t("Length"), "num"),
    ]  # fmt: skip
    nothing = empty_state(t("No sessions yet"))
    lines = [_session(row, now) for row in rows]
    return table(t("Last sessions"), columns, lines, empty=nothing, id="station-sessions")


def _session(row: data.Row, now: datetime) -> list[Child]:
    form = formatter()
    ended = row["ended_at"]
    good = "finished" if row["energy_wh"] >= 100 else "faulted"
    shape = glyph("charging") if ended is None else glyph(good, 11)
    length = form.duration((ended - row["started_at"]).total_seconds()) if ended else "\u2013"
    href = session_href(row["session_id"])
    begun = form.since(row["started_at"], now)
    return [
        html.Span(
            html.A(begun, href=href) if href else begun,
            title=form.stamp(row["started_at"]),
            className="mono small",
        ),
        str(row["evse_id"]),
        html.Span(identity(row["id_token"]), className="mut mono small"),
        shape,
        _result(row),
        length,
    ]


def _result(row: data.Row) -> str:
    energy = formatter().kwh(row["energy_wh"])
    if row["ended_at"] is None:
        return t("Charging, {energy} so far", energy=energy)
    reason = row["stop_reason"] or ""
    words = [energy, t(STOPS[reason]) if reason in STOPS else reason]
    if row["flags"]:
        words.append(t("flagged: {flags}", flags=", ".join(map(flag_words, row["flags"]))))
    return ", ".join(word for word in words if word)
