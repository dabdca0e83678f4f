"""The rest of what is known of a station, a part at a time: sessions, commands, outages,
configuration, firmware, certificates, log files. The address holds which (`more`)."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from dash import Dash, Input, Output, State, dcc, html, no_update
from flask_login import current_user

from dashboard import commands, data, station_data, station_logs
from dashboard.auth import require_role
from dashboard.commands import Call
from dashboard.components import Child, Column, empty_state, facts, glyph, table
from dashboard.data import Row, Station
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t, tn
from dashboard.messages import plain_words
from dashboard.pages import station_commands, station_past
from dashboard.pages.frame import COMMANDING, command_button, named
from dashboard.pages.reliability_words import CAUSES, PLATFORM, REASONS, SHAPES

OUTAGE_DAYS = 90
MANY = 50
SECRET = re.compile(r"/logs/[\w-]+")  # where a station may put one file: nobody else's business


def layout(found: Station, wanted: str) -> Child:
    """The choice and the chosen part."""
    chosen = wanted if wanted in PARTS else "sessions"
    options = [{"label": t(words), "value": name} for name, (words, _) in PARTS.items()]
    items = dcc.RadioItems(options, chosen, id="station-more", className="seg", inline=True)
    choice = html.Div(items, className="choice", title=t("More about this station"))
    notice = html.Div(id="told-notice", role="status")
    head = html.H2(t("More about this station"), className="vh")
    body = html.Div(drawn(found, chosen), id="station-part", tabIndex=0,
                    **named(t("More about this station")))  # fmt: skip
    parts = [html.Div([head, choice], className="more-choice"), notice, body]
    return html.Section(parts, className="panel station-parts",
                        **named(t("More about this station")))  # fmt: skip


def drawn(found: Station, chosen: str) -> Child:
    return PARTS.get(chosen, PARTS["sessions"])[1](found)


def _sessions(found: Station) -> Child:
    return station_past.session_table(found.row["station_id"], 20)


# -- commands -------------------------------------------------------------------------------------


def _commands(found: Station) -> Child:
    rows = data.read_commands(found.row["station_id"], MANY)
    columns = [Column(t("Sent")), Column(t("Command")), Column(t("In plain words"), "ell"),
               Column(t("By")), Column(t("Answer")), Column(t("Proof"))]  # fmt: skip
    nothing = empty_state(t("No command has been sent to this station."))
    lines = [_command(row, found.states) for row in rows]
    return table(t("Commands"), columns, lines, empty=nothing, id="all-commands")


def _command(row: Row, states: dict[int, str]) -> list[Child]:
    form, now = formatter(), datetime.now(UTC)
    done = commands.progress(row, states)
    proven = done.answered == "ok" and done.proof != "none"
    return [
        html.Span(form.since(row["requested_at"], now), title=form.stamp(row["requested_at"]),
                  className="mono small"),
        html.Span(row["action"], className="mono small"),
        _frames(row),
        row["requested_by"],
        html.Span(station_commands.answer_words(done, row),
                  className="" if done.answered in ("ok", "wait") else "down"),
        station_commands.proof_words(row, done.proof) if proven else UNKNOWN,
    ]  # fmt: skip


def _frames(row: Row) -> Child:
    """What was sent and answered, as JSON behind its plain words."""
    payload, response = row["payload"], row["response"]
    call = json.dumps([2, "", row["action"], payload])
    words = plain_words(row["action"], call, None, formatter()) or UNKNOWN
    texts = [SECRET.sub("/logs/\u2026", json.dumps(one, indent=2, ensure_ascii=False))
             for one in (payload, response) if one is not None]  # fmt: skip
    return html.Details([html.Summary(words), html.Pre("\n\n".join(texts), className="mono raw")])


# -- outages --------------------------------------------------------------------------------------


def _outages(found: Station) -> Child:
    station_id, now = found.row["station_id"], datetime.now(UTC)
    rows = station_data.read_outages(station_id, now - timedelta(days=OUTAGE_DAYS), MANY)
    columns = [Column(t("Begun")), Column(t("Evse")), Column(""), Column(t("Cause"), "ell"),
               Column(t("Length"), "num"), Column(t("Excluded"))]  # fmt: skip
    nothing = empty_state(t("No outages in {n} days", n=OUTAGE_DAYS))
    lines = [_outage(row, station_id, now) for row in rows]
    return table(t("Outages"), columns, lines, empty=nothing, id="station-outages")


def _outage(row: Row, station_id: str, now: datetime) -> list[Child]:
    form = formatter()
    asked = {"range": "30d", "station": station_id, "show": "outages", "outage": row["outage_id"]}
    length = form.length(((row["ended_at"] or now) - row["started_at"]).total_seconds())
    why = row["excluded_because"]
    excluded = (t(REASONS[why]) if why in REASONS else t(PLATFORM)) if why else ""
    return [
        html.A(form.since(row["started_at"], now), href=f"/app/reliability?{urlencode(asked)}",
               className="mono small", title=form.stamp(row["started_at"])),
        str(row["evse_id"]), glyph(SHAPES[row["cause"]], 11), t(CAUSES[row["cause"]]),
        length if row["ended_at"] else t("{length}, goes on", length=length), excluded,
    ]  # fmt: skip


# -- configuration --------------------------------------------------------------------------------


def _configuration(found: Station) -> Child:
    rows = station_data.read_variables(found.row["station_id"])
    columns = [Column(t("Component")), Column(t("Name")), Column(t("Value"), "ell"),
               Column(t("Can be set")), Column(t("Told"), "num")]  # fmt: skip
    if commands.is_16(found.row["ocpp_version"]):
        columns[0] = Column("")
    nothing = empty_state(t("It has not told its configuration within 30 days"), t("Ask it."))
    form, now = formatter(), datetime.now(UTC)
    lines: list[list[Child]] = [
        [one.component, html.Span(one.name, className="mono small"),
         html.Span(" ".join(part for part in (one.value, one.unit) if part) or UNKNOWN,
                   title=one.value or "", className="mono small"),
         "" if one.is_fixed else t("yes"), form.since(one.at, now)]
        for one in rows
    ]  # fmt: skip
    count = tn("{n} setting", "{n} settings", len(rows)) if rows else ""
    sift = dcc.Input(id="told-sift", type="search", className="field",
                     placeholder=t("Filter: name, value"))  # fmt: skip
    bar = _bar(t("Ask for its configuration"), found, count, *([sift] if rows else []))
    return html.Div([bar, table(t("Configuration"), columns, lines, empty=nothing, id="told")])


def _bar(label: str, found: Station, words: str, *more: Child) -> Child:
    ask = command_button(label, "download", "ask-told", enabled=bool(found.row["is_online"]))
    parts = [html.Span(words, className="mut"), *more, html.Span(className="sp"), ask]
    return html.Div(parts, className="filters")


def question(part: str, ocpp_version: str | None) -> Call | None:
    """What the button of a part asks the station."""
    is_16 = commands.is_16(ocpp_version)
    if part == "configuration":
        request = {"requestId": data.new_start_id(), "reportBase": "FullInventory"}
        return Call("GetConfiguration", {}) if is_16 else Call("GetBaseReport", request)
    if part == "certificates":
        kind = {"certificateType": "CentralSystemRootCertificate"} if is_16 else {}
        return Call("GetInstalledCertificateIds", kind)
    return None


# -- firmware, certificates, logs -----------------------------------------------------------------


def _firmware(found: Station) -> Child:
    versions, said = station_data.read_firmware(found.row["station_id"])
    form, now = formatter(), datetime.now(UTC)
    columns = [Column(t("Since")), Column(t("Firmware")), Column(t("Before")),
               Column(t("Model"), "ell")]  # fmt: skip
    lines: list[list[Child]] = [
        [html.Span(form.since(row["at"], now), title=form.stamp(row["at"]), className="mono small"),
         html.Span(row["firmware_version"], className="mono"), row["before"] or "",
         " ".join(part for part in (row["vendor"], row["model"]) if part)]
        for row in versions
    ]  # fmt: skip
    nothing = empty_state(t("It has not told its firmware"))
    parts: list[Child] = [table(t("Firmware"), columns, lines, empty=nothing, id="firmware")]
    if said:
        parts.append(_transfers(said, now))
    return html.Div(parts)


def _transfers(said: list[Row], now: datetime) -> Child:
    form = formatter()
    columns = [Column(t("Time")), Column(t("It said"), "ell")]
    lines: list[list[Child]] = [
        [html.Span(form.since(row["received_at"], now), className="mono small"),
         plain_words(row["action"], row["frame"], None, form) or row["action"]]
        for row in said
    ]  # fmt: skip
    return table(t("Firmware and log transfers"), columns, lines)


def _certificates(found: Station) -> Child:
    own, installed = station_data.read_certificates(found.row["station_id"])
    form, now = formatter(), datetime.now(UTC)
    parts: list[Child] = [_bar(t("Ask which are installed"), found, "")]
    if own:
        pairs: list[tuple[str, Child]] = [
            (t("Logs in with"), own["subject"]), (t("Issued by"), own["issuer"] or UNKNOWN),
            (t("Valid until"), form.stamp(own["not_after"], seconds=False)),
            (t("Last seen"), form.since(own["seen_at"], now)),
        ]  # fmt: skip
        parts.append(html.Div(facts(pairs), className="pb own-certificate"))
    columns = [Column(t("Use")), Column(t("Serial number"), "ell"), Column(t("Issuer, hashed")),
               Column(t("Told"), "num")]  # fmt: skip
    lines: list[list[Child]] = [
        [one.use, html.Span(one.serial, className="mono small"),
         html.Span(one.issuer_hash, className="mono small"), form.since(one.at, now)]
        for one in installed
    ]  # fmt: skip
    if installed or not own:
        nothing = empty_state(t("No certificate of it is known"),
                              t("It logs in with a password, or has not told."))  # fmt: skip
        parts.append(table(t("Certificates"), columns, lines, empty=nothing))
    return html.Div(parts)


def _logs(found: Station) -> Child:
    rows = station_data.read_logs(found.row["station_id"])
    columns = [Column(t("Asked")), Column(t("By")), Column(t("State"), "ell"),
               Column(t("Size"), "num"), Column(t("File"))]  # fmt: skip
    nothing = empty_state(t("No log has been asked for"), t("Get logs is among the buttons above."))
    lines = [_log(row) for row in rows]
    return table(t("Log files"), columns, lines, empty=nothing, id="station-logs")


def _log(row: Row) -> list[Child]:
    form, now = formatter(), datetime.now(UTC)
    came = row["received_at"]
    if came:
        state = t("Came {time}", time=form.since(came, now))
    elif row["expires_at"] < now:
        state = t("Did not come")
    else:
        state = t("Waiting until {time}", time=form.time(row["expires_at"]))
    size = f"{form.number((row['bytes'] or 0) / 1024)}\u00a0KiB" if came else UNKNOWN
    can_see = came and current_user.has_role(*station_logs.SEEING)
    href = f"/app/station-log/{row['log_id']}"
    file: Child = (
        html.A(row["file_name"] or t("Download"), href=href, download="") if can_see else ""
    )
    asked = html.Span(form.since(row["requested_at"], now), className="mono small")
    return [asked, row["requested_by"], state, size, file]


PARTS: dict[str, tuple[str, Callable[[Station], Child]]] = {
    "sessions": (mark("Sessions"), _sessions),
    "commands": (mark("Commands"), _commands),
    "outages": (mark("Outages"), _outages),
    "configuration": (mark("Configuration"), _configuration),
    "firmware": (mark("Firmware"), _firmware),
    "certificates": (mark("Certificates"), _certificates),
    "logs": (mark("Log files"), _logs),
}


def register(staff: Dash) -> None:
    """Another part, or news for the one that is shown; and questions to the station."""

    @staff.callback(
        Output("station-part", "children"),
        Input("station-more", "value"),
        Input("command-tick", "data"),
        Input("live-tick", "data"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role()
    def show(part: str, _command: Any, _live: Any, station_id: str) -> Any:
        found = data.read_station(station_id)
        return drawn(found, part) if found else no_update

    @staff.callback(
        Output("told-notice", "children"),
        Output("command-tick", "data", allow_duplicate=True),
        Input("ask-told", "n_clicks"),
        State("station-more", "value"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role(*COMMANDING)
    def ask(clicks: int, part: str, station_id: str) -> tuple[Any, Any]:
        found = data.read_station(station_id)
        call = question(part, found.row["ocpp_version"]) if found else None
        if not clicks or call is None:
            return no_update, no_update
        command_id = data.enqueue(station_id, call, current_user.email)
        return None, f"sent {command_id}"
