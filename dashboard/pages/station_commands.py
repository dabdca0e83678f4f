"""What can be done about a station: buttons, the guard, Expert, and each command's way to proof."""

import json
from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from flask_login import current_user

from dashboard import commands, data, payment_search, station_logs
from dashboard.auth import require_role
from dashboard.commands import Call, CommandError
from dashboard.components import Child, button, command_trail, empty_state, glyph
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.frame import COMMANDING, command_button, named

BUTTONS = {
    "start": (mark("Start"), "play"),
    "stop": (mark("Stop"), "stop"),
    "unlock": (mark("Unlock"), "unlock"),
    "restart": (mark("Restart"), "restart"),
    "out": (mark("Take out of service"), "out-of-service"),
    "back": (mark("Put into service"), "check"),
    "logs": (mark("Get logs"), "log"),
}
INTERRUPTING = ("restart", "out")
ACTIONS = {
    "RemoteStartTransaction": mark("Start"), "RequestStartTransaction": mark("Start"),
    "RemoteStopTransaction": mark("Stop"), "RequestStopTransaction": mark("Stop"),
    "UnlockConnector": mark("Unlock"), "Reset": mark("Restart"),
    "GetDiagnostics": mark("Get logs"), "GetLog": mark("Get logs"),
}  # fmt: skip
REASONS = {
    "StationOffline": mark("the station is not in contact"),
    "Timeout": mark("no answer in time; it may have been done"),
    "ConnectionClosed": mark("contact was lost before the answer; it may have been done"),
    "InvalidPayload": mark("the payload does not follow the standard"),
    "Rejected": mark("the station refused"),
    "Blocked": mark("the id token is blocked"),
    "UnlockFailed": mark("the lock did not open"),
    "NotSupported": mark("the station cannot do that"),
    "NotImplemented": mark("the station cannot do that"),
    "Expired": mark("not sent in time"),
}


def layout(found: data.Station, evse: str = "") -> Child:
    """The row of buttons, what they are aimed at (`evse`: first), and the trail of the last
    commands."""
    row = html.Div(
        [_targets(found, evse), *[_button(name, found) for name in BUTTONS],
         html.Span(className="sp"), _token(found)],
        className="commands-row",
    )  # fmt: skip
    station_id = found.row["station_id"]
    trails = html.Div(trail(station_id, found.states), id="command-trail")
    notice = html.Div(id="command-notice", role="status")
    parts = [row, notice, trails, expert(found), dcc.Store(id="command-pending"),
             dcc.Store(id="command-tick")]  # fmt: skip
    return html.Section(parts, className="panel commands", **named(t("Commands")))


def _targets(found: data.Station, evse: str) -> Child:
    options = [{"label": t("Evse {n}", n=e["evse_id"]), "value": e["evse_id"]} for e in found.evses]
    options.append({"label": t("Station"), "value": 0})
    first = next((o["value"] for o in options if str(o["value"]) == evse), options[0]["value"])
    items = dcc.RadioItems(options, first, id="command-evse", className="seg", inline=True)
    return html.Div(items, title=t("What the command is for"), className="choice")


def _button(name: str, found: data.Station) -> Child:
    label, icon = BUTTONS[name]
    return command_button(t(label), icon, f"command-{name}", enabled=bool(found.evses))


def _token(found: data.Station) -> Child:
    """Whose name a start is in: one of the known id tokens, or any that is typed."""
    tokens = data.read_id_tokens()
    known = [html.Option(value=token) for token in tokens]
    field = dcc.Input(
        tokens[0] if tokens else "", id="command-token", list="command-tokens", className="field",
        maxLength=20 if commands.is_16(found.row["ocpp_version"]) else 36,
        placeholder=t("Id token"), autoComplete="off",
    )  # fmt: skip
    return html.Label([html.Span(t("Start with"), className="faint"), field,
                       html.Datalist(known, id="command-tokens")], className="token")  # fmt: skip


def expert(found: data.Station) -> Child:
    """Every other action of the station's version, its payload as JSON."""
    actions = commands.expert_actions(found.row["ocpp_version"])
    first = next(iter(actions))
    body = html.Div(
        [
            dcc.Dropdown(list(actions), first, id="expert-action", clearable=False,
                         className="pick"),
            dcc.Textarea(id="expert-payload", value=json.dumps(actions[first], indent=2),
                         className="mono raw", spellCheck=False),
            command_button(t("Send"), "play", "expert-send"),
        ],
        className="expert",
    )  # fmt: skip
    head = html.Summary(tn("Expert: {n} more", "Expert: {n} more", len(actions)))
    return html.Details([head, body], className="expert-details")


def call_for(name: str, found: data.Station, evse_id: int, id_token: str) -> Call:
    """The call behind a button.

    Raises:
        CommandError: there is nothing it could be sent for.
    """
    version = found.row["ocpp_version"]
    if name == "restart":
        return commands.restart(version, evse_id)
    if name in ("out", "back"):
        return commands.availability(version, evse_id, in_service=name == "back")
    if evse_id not in found.states:
        raise CommandError(t("Choose the evse first."))
    if name == "unlock":
        return commands.unlock(version, evse_id)
    if name == "stop":
        return _stop(found, evse_id)
    if not id_token.strip():
        raise CommandError(t("A start needs an id token."))
    return commands.start(version, evse_id, id_token.strip(), data.new_start_id())


def _stop(found: data.Station, evse_id: int) -> Call:
    sessions = [row for row in data.read_sessions(found.row["station_id"], 30)
                if row["evse_id"] == evse_id and row["ended_at"] is None]  # fmt: skip
    if not sessions:
        raise CommandError(t("No session is running on evse {n}.", n=evse_id))
    return commands.stop(found.row["ocpp_version"], sessions[0]["transaction_id"])


def interrupted(name: str, found: data.Station, evse_id: int) -> list[data.Row]:
    """The running sessions a button would interrupt."""
    whole = evse_id == 0 or (name == "restart" and commands.is_16(found.row["ocpp_version"]))
    running = [evse for evse in found.evses if evse["session_id"] is not None]
    return [e for e in running if whole or e["evse_id"] == evse_id] if name in INTERRUPTING else []


def at_stake(running: list[data.Row]) -> str:
    """What an interruption would cut off: the energy so far, and the money where it is paid."""
    energy = formatter().kwh(sum(evse["energy_wh"] or 0 for evse in running))
    paid = payment_search.money_at_stake([evse["evse_key"] for evse in running])
    return f"{energy}, {paid}" if paid else energy


def ask(running: list[data.Row], name: str) -> Child:
    """The guard: it says who is hit, and wants a second press."""
    energy = at_stake(running)
    words = tn("A car is charging here ({energy}). This will interrupt it.",
               "{n} cars are charging here ({energy}). This will interrupt them.",
               len(running), energy=energy)  # fmt: skip
    sure = t("{action} anyway", action=t(BUTTONS[name][0]))
    return html.Div(
        [glyph("charging"), html.Span(words),
         button(sure, id="command-sure", kind="dng act"),
         button(t("Leave it"), id="command-leave", kind="ghost")],
        className="guard",
        role="alert",
    )  # fmt: skip


def trail(station_id: str, states: dict[int, str], at_most: int = 3) -> list[Child]:
    """The newest commands, each as sent -> accepted -> proven."""
    rows = data.read_commands(station_id)
    if not rows:
        return [html.P(t("No command has been sent to this station."), className="faint")]
    shown = [_trail(row, states) for row in rows]
    older = shown[at_most:]
    if older:
        head = html.Summary(t("{n} earlier", n=len(older)))
        return [*shown[:at_most], html.Details([head, *older])]
    return shown


def _trail(row: data.Row, states: dict[int, str]) -> Child:
    form = formatter()
    done = commands.progress(row, states)
    evse_id = commands.evse_of(row["payload"]) or row["ended_evse_id"]
    title = t(ACTIONS[row["action"]]) if row["action"] in ACTIONS else row["action"]
    if evse_id:
        title += ", " + t("Evse {n}", n=evse_id).lower()
    sent_at = form.time(row["claimed_at"] or row["requested_at"], seconds=True)
    sent = {"ok": t("Sent"), "wait": t("Waiting to be sent"), "bad": _refusal(done.reason)}
    steps = [(done.sent, sent[done.sent], sent_at)]
    if done.sent == "ok":
        answered_at = row["finished_at"]
        steps.append((done.answered, answer_words(done, row),
                      form.time(answered_at, seconds=True) if answered_at else ""))  # fmt: skip
    if done.answered == "ok" and done.proof != "none":
        words = proof_words(row, done.proof)
        steps.append((done.proof, words, form.time(done.proven_at) if done.proven_at else ""))
    key = f"command-{row['command_id']}"
    return command_trail(title, steps, who=row["requested_by"], id=key)


def answer_words(done: commands.Progress, row: data.Row) -> str:
    """How far a command came up to its answer."""
    if done.sent != "ok":
        return t("Waiting to be sent") if done.sent == "wait" else _refusal(done.reason)
    if done.answered == "wait":
        return t("No answer yet")
    if done.answered == "ok":
        return t("Accepted")
    return _refusal(done.reason or (row["response"] or {}).get("error", ""))


def _refusal(reason: str) -> str:
    plain = t(REASONS[reason]) if reason in REASONS else reason
    return t("Refused: {reason}", reason=plain) if plain else t("Refused")


def proof_words(row: data.Row, proof: str) -> str:
    """What proves it, or what is being waited for."""
    if proof == "wait":
        return t("Awaiting proof")
    if row["action"] in commands.STARTS:
        return t("Proven: delivered {energy}", energy=formatter().kwh(row["energy_wh"]))
    if row["action"] in commands.STOPS:
        return t("Proven: session ended")
    if row["action"] in commands.LOGS:
        return t("Proven: the file came")
    if row["action"] == "Reset":
        return _restart_words(row)
    return t("Proven: state changed")


def _restart_words(row: data.Row) -> str:
    """Booted; and by a real session, as soon as there is one."""
    form = formatter()
    if not row.get("worked_at"):
        return t("Proven: booted")
    return t("Proven: delivered {energy} {time}", energy=form.kwh(row["worked_wh"]),
             time=form.time(row["worked_at"]))  # fmt: skip


def register(staff: Dash) -> None:
    """Press, be asked if a car is charging, press again; then follow the answer."""

    @staff.callback(
        Output("command-notice", "children"),
        Output("command-pending", "data"),
        Output("command-tick", "data", allow_duplicate=True),
        *[Input(f"command-{name}", "n_clicks") for name in BUTTONS],
        State("command-evse", "value"),
        State("command-token", "value"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role(*COMMANDING)
    def press(*arguments: Any) -> tuple[Any, Any, Any]:
        evse_id, id_token, station_id = arguments[-3:]
        name = str(ctx.triggered_id).removeprefix("command-")
        found = data.read_station(station_id)
        if found is None or name not in BUTTONS or not any(arguments[:-3]):
            return no_update, no_update, no_update
        running = interrupted(name, found, evse_id)
        if running:
            return ask(running, name), [name, evse_id], no_update
        return send(name, found, evse_id, id_token or "")

    @staff.callback(
        Output("command-notice", "children", allow_duplicate=True),
        Output("command-pending", "data", allow_duplicate=True),
        Output("command-tick", "data", allow_duplicate=True),
        Input("command-sure", "n_clicks"),
        State("command-pending", "data"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role(*COMMANDING)
    def sure(clicks: int, pending: list[Any] | None, station_id: str) -> tuple[Any, Any, Any]:
        found = data.read_station(station_id)
        if not clicks or not pending or found is None or pending[0] not in BUTTONS:
            return no_update, no_update, no_update
        return send(pending[0], found, pending[1], "")

    staff.clientside_callback(  # type: ignore[no-untyped-call]
        "(clicks) => clicks ? [null, null] : [window.dash_clientside.no_update,"
        " window.dash_clientside.no_update]",
        Output("command-notice", "children", allow_duplicate=True),
        Output("command-pending", "data", allow_duplicate=True),
        Input("command-leave", "n_clicks"),
        prevent_initial_call=True,
    )
    _register_expert(staff)
    _register_trail(staff)


def send(name: str, found: data.Station, evse_id: int, id_token: str) -> tuple[Any, Any, Any]:
    """Queue what a button means.

    The last output has the trail drawn anew by its only writer: the answer may be there before
    this one is, and must not be written over by an older picture.
    """
    station_id = found.row["station_id"]
    if name == "logs":
        return ask_for_logs(found)
    try:
        call = call_for(name, found, evse_id, id_token)
    except (CommandError, ValueError) as error:
        return problem(str(error)), None, no_update
    command_id = data.enqueue(station_id, call, current_user.email)
    return None, None, f"sent {command_id}"


def ask_for_logs(found: data.Station) -> tuple[Any, Any, Any]:
    """Ask for the log file; says so when other machines cannot bring theirs here."""
    command_id = station_logs.ask(found.row, current_user.email)
    words = t("It brings its file to {address}, which only this machine reaches. For other stations"
              " set KILOWATCH_PUBLIC_URL.", address=station_logs.address())  # fmt: skip
    notice = None if station_logs.is_reachable() else problem(words)
    return notice, None, f"sent {command_id}"


def problem(words: str) -> Child:
    return html.Div([glyph("derated"), html.Span(words)], className="guard", role="alert")


def _register_expert(staff: Dash) -> None:
    @staff.callback(
        Output("expert-payload", "value"),
        Input("expert-action", "value"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role()
    def template(action: str, station_id: str) -> Any:
        found = data.read_station(station_id)
        known = commands.expert_actions(found.row["ocpp_version"]) if found else {}
        return json.dumps(known[action], indent=2) if action in known else no_update

    @staff.callback(
        Output("command-notice", "children", allow_duplicate=True),
        Output("command-tick", "data", allow_duplicate=True),
        Input("expert-send", "n_clicks"),
        State("expert-action", "value"),
        State("expert-payload", "value"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role(*COMMANDING)
    def send_expert(clicks: int, action: str, payload: str, station_id: str) -> tuple[Any, Any]:
        found = data.read_station(station_id)
        if not clicks or found is None:
            return no_update, no_update
        call = read_expert(action, payload, found)
        if isinstance(call, str):
            return problem(call), no_update
        command_id = data.enqueue(station_id, call, current_user.email)
        return None, f"sent {command_id}"


def read_expert(action: str, payload: str, found: data.Station) -> Call | str:
    """The call as typed, or what is wrong with it."""
    if action not in commands.expert_actions(found.row["ocpp_version"]):
        return t("This station's version has no such action.")
    try:
        read = json.loads(payload or "{}")
    except ValueError as error:
        return t("The payload is not JSON: {error}", error=error)
    return Call(action, read) if isinstance(read, dict) else t("The payload must be an object.")


def _register_trail(staff: Dash) -> None:
    """An answer came, or something that may be the proof."""

    @staff.callback(
        Output("command-trail", "children"),
        Input("command-tick", "data"),
        Input("live-tick", "data"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role()
    def follow(_answer_tick: Any, _state_tick: Any, station_id: str) -> Any:
        found = data.read_station(station_id)
        return trail(station_id, found.states) if found else empty_state("")
