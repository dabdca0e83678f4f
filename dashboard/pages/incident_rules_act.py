"""The forms of the page of rules: receivers, rules, thresholds; tests and messages sent again."""

from collections.abc import Callable
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboard import incidents, rules
from dashboard.auth import require_role
from dashboard.components import Child, button, glyph, link
from dashboard.data import Row
from dashboard.digits import digits
from dashboard.i18n import mark, t
from dashboard.pages.frame import may_command
from dashboard.pages.incident_words import kind_words, severity_words
from dashboard.pages.kind_words import KINDS
from dashboard.pages.ledger_refund import problem
from dashboard.rules import WRONG, Setup, WrongError

RECEIVER = ("name", "channel", "address", "secret", "language", "quiet_from", "quiet_until")
RULE = ("kind", "severity", "site", "delay", "receiver", "escalate_after", "escalate_to")
UNITS = {"seconds": "s", "days": "d", "pct": "%", "times": "\u00d7", "wh": "Wh"}
NAMES = {
    "grace": mark("out of contact for"), "together": mark("lost within"),
    "patience": mark("lasts for"), "shown": mark("told for"),
    "gaps": mark("of its own normal gaps"), "least": mark("at least"),
    "off": mark("away by"), "times": mark("attempts"), "window": mark("within"),
    "failures": mark("failures in a row"), "late": mark("late by"),
    "ahead_days": mark("before its end"), "stations": mark("stations"), "sites": mark("sites"),
}  # fmt: skip


def name_words(name: str) -> str:
    """What a threshold of ingest/thresholds.py is about."""
    return t(NAMES[name]) if name in NAMES else name.replace("_", " ")


def _field(kind: str, name: str, label: str, value: str = "", **more: Any) -> Child:
    field = dcc.Input(value, id=f"{kind}-{name}", className="field", autoComplete="off", **more)
    return html.Label([html.Span(label), field])


def _select(kind: str, name: str, label: str, options: list[tuple[str, str]], chosen: str) -> Child:
    """Assets/staff/incidents.js writes what is picked into the field that is sent."""
    picks: dict[str, Any] = {"data-picks": f"{kind}-{name}"}
    listed = [html.Option(text, value=value) for text, value in options]
    sent = dcc.Input(chosen, id=f"{kind}-{name}", type="hidden")
    return html.Label([html.Span(label), html.Select(listed, className="field", **picks), sent])


def receiver_form(found: Setup, number: str) -> Child:
    old = next((row for row in found.receivers if str(row["receiver_id"]) == number), None)
    row = old or {"name": "", "channel": "email", "address": "", "language": "sv",
                  "quiet_from": None, "quiet_until": None}  # fmt: skip
    quiet = [f"{row[name]:%H:%M}" if row[name] else "" for name in ("quiet_from", "quiet_until")]
    channels = [(t("e-mail"), "email"), (t("webhook"), "webhook")]
    hint = t("kept as it is") if old else t("signs what is sent to a webhook")
    body = [
        _field("receiver", "name", t("Name"), row["name"], maxLength=100),
        _select("receiver", "channel", t("By"), channels, row["channel"]),
        _field("receiver", "address", t("Address"), row["address"], maxLength=500,
               placeholder="ops@example.org, https://\u2026"),
        _field("receiver", "secret", t("Secret"), type="password", maxLength=200,
               placeholder=hint),
        _select("receiver", "language", t("Language"), [("Svenska", "sv"), ("English", "en")],
                row["language"]),
        _field("receiver", "quiet_from", t("Quiet from"), quiet[0], placeholder="22:00",
               maxLength=5),
        _field("receiver", "quiet_until", t("Quiet until"), quiet[1], placeholder="07:00",
               maxLength=5),
        _foot("receiver", old["receiver_id"] if old else None),
    ]  # fmt: skip
    head = t("Change receiver") if old else t("Add a receiver\u2026")
    return _folded(head, body, "receiver-form", is_open=old is not None)


def rule_form(found: Setup, number: str) -> Child:
    old = next((row for row in found.rules if str(row["rule_id"]) == number), None)
    row: Row = old or {
        "kind": None, "site_id": None, "receiver_id": None, "escalate_to": None,
        "severity": "high", "delay_seconds": 0, "escalate_after_seconds": None,
    }  # fmt: skip
    people = [(one["name"], str(one["receiver_id"])) for one in found.receivers
              if one["is_active"] or one["receiver_id"] == row["receiver_id"]]  # fmt: skip
    kinds = sorted((kind_words(one), one) for one in KINDS)
    sites = [(one["name"], str(one["site_id"])) for one in incidents.read_sites()]
    severities = [(t("any severity"), "low"), (t("high or critical"), "high"),
                  (severity_words("critical"), "critical")]  # fmt: skip
    after = row["escalate_after_seconds"]
    body = [
        _select("rule", "kind", t("Kind"), [(t("All kinds"), ""), *kinds], row["kind"] or ""),
        _select("rule", "severity", t("Severity"), severities, row["severity"]),
        _select("rule", "site", t("Site"), [(t("all sites"), ""), *sites], _text(row["site_id"])),
        _field("rule", "delay", t("After, minutes"), _text(row["delay_seconds"] // 60),
               maxLength=4),
        _select("rule", "receiver", t("Told to"), [(t("Choose who is told"), ""), *people],
                _text(row["receiver_id"])),
        _field("rule", "escalate_after", t("Unseen for, minutes"),
               _text(after // 60 if after else None), maxLength=4),
        _select("rule", "escalate_to", t("then told to"), [(t("nobody else"), ""), *people],
                _text(row["escalate_to"])),
        _foot("rule", old["rule_id"] if old else None),
    ]  # fmt: skip
    head = t("Change rule") if old else t("Add a rule\u2026")
    return _folded(head, body, "rule-form", is_open=old is not None)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _foot(kind: str, number: int | None) -> Child:
    """The number of what is changed goes with the form; None: something new."""
    save = button(t("Save"), id=f"{kind}-save", kind="pri")
    cancel = [link(t("Cancel"), "/app/incidents/rules")] if number is not None else []
    return html.Div([dcc.Store(id=f"{kind}-number", data=number), html.Span(className="sp"),
                     *cancel, save], className="form-foot")  # fmt: skip


def _folded(head: str, body: list[Child], name: str, *, is_open: bool) -> Child:
    notice = html.Div(id=f"{name}-notice", role="status")
    form = html.Div([*body, notice], className="act-form wide-labels")
    details = html.Details([html.Summary(head, className="ctl"), form], open=is_open, id=name)
    return html.Div(html.Div(details, className="forms block"), className="panel")


def threshold_form(row: Row) -> Child:
    """A value in the threshold's own unit; empty: the standard."""
    if not may_command():
        return ""
    about = {"kind": row["kind"], "name": row["name"]}
    value = _text(row["value"])
    label = f"{kind_words(row['kind'])}, {name_words(row['name'])}"
    bounds = f"{row['least']}\u2013{row['most']}\u2009{UNITS[row['unit']]}"
    field = dcc.Input(value, id={"type": "threshold-value", **about}, className="field short",
                      placeholder=bounds, maxLength=9, autoComplete="off")  # fmt: skip
    named = html.Label([html.Span(label, className="vh"), field],
                       title=bounds)  # fmt: skip
    send = button(t("Set"), kind="ghost", id={"type": "threshold-set", **about})
    told = html.Span(id={"type": "threshold-told", **about}, role="status")
    return html.Span([named, send, told], className="ways")


# -- callbacks --------------------------------------------------------------------------------


def register(staff: Dash) -> None:
    _register_form(staff, "receiver", RECEIVER, rules.save_receiver)
    _register_form(staff, "rule", RULE, rules.save_rule)
    _register_pressed(staff, "receiver-switch", rules.switch_receiver, mark("Changed."))
    _register_pressed(staff, "rule-switch", rules.switch_rule, mark("Changed."))
    _register_pressed(
        staff,
        "receiver-test",
        rules.send_test,
        mark("The test is on its way; the list of messages says how it fares."),
    )
    _register_pressed(staff, "delivery-again", rules.send_again, mark("It is sent once more."))
    _register_thresholds(staff)


def told(words: str) -> Child:
    """What was done; assets/staff/incidents.js shows the page anew."""
    anew: dict[str, Any] = {"data-anew": "true"}
    return html.Div([glyph("finished"), html.Span(words)], className="guard ok said", **anew)


def _register_form(
    staff: Dash, kind: str, names: tuple[str, ...],
    save: Callable[[int | None, dict[str, str]], None],
) -> None:  # fmt: skip
    @staff.callback(
        Output(f"{kind}-form-notice", "children"),
        Input(f"{kind}-save", "n_clicks"),
        State(f"{kind}-number", "data"),
        *(State(f"{kind}-{name}", "value") for name in names),
        prevent_initial_call=True,
    )
    @require_role(*rules.ACTING)
    def handle(clicks: int | None, number: Any, *values: Any) -> Any:
        if not clicks:
            return no_update
        form = {name: str(value or "").replace("\x00", "")
                for name, value in zip(names, values, strict=True)}  # fmt: skip
        try:
            save(number if isinstance(number, int) else None, form)
        except WrongError as wrong:
            return problem(t(WRONG[wrong.what]))
        return told(t("Saved."))


def _register_pressed(staff: Dash, kind: str, deed: Callable[[int], bool], words: str) -> None:
    @staff.callback(
        Output("rules-notice", "children", allow_duplicate=True),
        Input({"type": kind, "id": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    @require_role(*rules.ACTING)
    def handle(clicks: list[int | None]) -> Any:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update
        number = ctx.triggered_id["id"]
        if isinstance(number, int) and deed(number):
            return told(t(words))
        return problem(t("Nothing was changed: it is done already, or not there any more."))


def _register_thresholds(staff: Dash) -> None:
    about = {"kind": MATCH, "name": MATCH}

    @staff.callback(
        Output({"type": "threshold-told", **about}, "children"),
        Input({"type": "threshold-set", **about}, "n_clicks"),
        State({"type": "threshold-value", **about}, "value"),
        prevent_initial_call=True,
    )
    @require_role(*rules.ACTING)
    def handle(clicks: int | None, value: Any) -> Any:
        if not clicks or not isinstance(ctx.triggered_id, dict):
            return no_update
        text = str(value or "").strip()
        if text and not digits(text):
            return problem(t(WRONG["value"]))
        one = ctx.triggered_id
        try:
            rules.set_threshold(str(one["kind"]), str(one["name"]), int(text) if text else None)
        except WrongError as wrong:
            return problem(t(WRONG[wrong.what]))
        return told(t("Set."))
