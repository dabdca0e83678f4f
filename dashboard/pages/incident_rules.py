"""Rules, receivers, thresholds: who is told of which incidents; and the messages that went out."""

from datetime import UTC, datetime
from typing import Any

from dash import html

from dashboard import incidents, rules
from dashboard.components import (
    Child,
    Column,
    badge,
    button,
    empty_state,
    glyph,
    link,
    panel,
    table,
)
from dashboard.data import Row
from dashboard.digits import BIGINT, whole
from dashboard.i18n import formatter, mark, t
from dashboard.pages import incident_rules_act as act
from dashboard.pages.frame import Page, frame, live_stamp, may_command, spacer, title
from dashboard.pages.incident_history import EVENTS, STATES
from dashboard.pages.incident_words import kind_words, severity_words

SHAPES = {
    "waiting": "preparing", "held": "suspended", "sent": "finished", "failed": "faulted",
    "dropped": "unavailable",
}  # fmt: skip
CHANNELS = {"email": mark("e-mail"), "webhook": mark("webhook")}
LANGUAGES = {"sv": "Svenska", "en": "English"}
UNITS = {"days": mark("days"), "pct": "%", "times": mark("times"), "wh": "Wh"}


def layout(**parameters: Any) -> Child:
    """`receiver` or `rule`: the one that the form changes; `before`: older messages."""
    before = whole(parameters.get("before"), BIGINT)
    found = rules.read_setup(incidents.NEWEST if before is None else before)
    left = [rules_panel(found), deliveries(found.deliveries)]
    right = [receivers(found.receivers), thresholds(found.thresholds)]
    if may_command():
        left.insert(0, act.rule_form(found, str(parameters.get("rule") or "")))
        right.insert(0, act.receiver_form(found, str(parameters.get("receiver") or "")))
    heading = html.Div([html.A(t("Incidents"), href="/app/incidents", className="crumb"),
                        html.Span("/", className="faint"),
                        html.H1(t("Rules and receivers"))], className="heading")  # fmt: skip
    body = [html.Div(id="rules-notice", role="status"),
            html.Div([html.Div(left, className="stack"), html.Div(right, className="stack side")],
                     className="cols rules", id="rules")]  # fmt: skip
    return frame("incidents", heading, body, [spacer(), live_stamp()])


def rules_panel(found: rules.Setup) -> Child:
    columns = [Column(t("Which incidents"), "ell"), Column(t("After")), Column(t("Told to")),
               Column(t("Then")), Column("")]  # fmt: skip
    told = t("Nobody is told of incidents outside of this page.")
    nothing = html.Div([glyph("silent", 18), html.P(t("No rules yet"), className="strong"),
                        html.P(told)], className="note")  # fmt: skip
    listed = table(t("Rules"), columns, [_rule(row) for row in found.rules], empty=nothing)
    told = t("At once, unless it is quiet where the incident is; critical ones always.")
    return panel(t("Rules"), listed, html.P(told, className="block mut"), id="rules-list")


def _rule(row: Row) -> list[Child]:
    form = formatter()
    kind = kind_words(row["kind"]) if row["kind"] else t("All kinds")
    least = {"low": t("any severity"), "high": t("high or critical")}.get(
        row["severity"], severity_words(row["severity"]))  # fmt: skip
    where = row["site"] or t("all sites")
    then = ""
    if row["escalate_to"]:
        then = t("{name} after {time} unseen", name=row["escalates_to"],
                 time=form.duration(row["escalate_after_seconds"]))  # fmt: skip
    delay = form.duration(row["delay_seconds"]) if row["delay_seconds"] else t("at once")
    words = html.Span(f"{kind}, {least}, {where}", className="" if row["is_active"] else "faint")
    return [words, delay, row["receiver"], then,
            _ways("rule", row["rule_id"], is_active=row["is_active"])]  # fmt: skip


def _ways(what: str, number: int, *, is_active: bool, tests: bool = False) -> Child:
    """Change, switch on or off, test: for those who may act."""
    if not may_command():
        return "" if is_active else html.Span(t("off"), className="chip")
    parts: list[Child] = [link(t("Change"), f"/app/incidents/rules?{what}={number}")]
    if tests and is_active:
        parts.append(button(t("Send a test"), kind="act",
                            id={"type": "receiver-test", "id": number}))  # fmt: skip
    parts.append(button(t("Switch off") if is_active else t("Switch on"), kind="ghost",
                        id={"type": f"{what}-switch", "id": number}))  # fmt: skip
    return html.Span(parts, className="ways")


def receivers(rows: list[Row]) -> Child:
    nothing = empty_state(t("No receivers yet"), t("Add one, then a rule that names it."))
    items = [_receiver(row) for row in rows]
    body = html.Ul(items, className="receivers") if items else nothing
    return panel(t("Receivers"), body, id="receivers")


def _receiver(row: Row) -> Child:
    form, now = formatter(), datetime.now(UTC)
    quiet = ""
    if row["quiet_from"]:
        quiet = t("quiet {from_} to {until}", from_=f"{row['quiet_from']:%H:%M}",
                  until=f"{row['quiet_until']:%H:%M}")  # fmt: skip
    told = (t(CHANNELS[row["channel"]]), row["address"], LANGUAGES[row["language"]], quiet)
    about = " \u00b7 ".join(part for part in told if part)
    head: list[Child] = [html.B(row["name"])]
    if not row["is_active"]:
        head.append(html.Span(t("off"), className="chip"))
    last = t("Nothing sent yet")
    if row["state"]:
        last = t("Newest: {state}, {time}", state=t(STATES[row["state"]]),
                 time=form.since(row["sent_at"] or row["told_at"], now))  # fmt: skip
    error = html.P(row["error"], className="down") if row["state"] == "failed" else None
    return html.Li([html.P(head), html.P(about, className="mut"),
                    html.P(last, className="faint"), error,
                    _ways("receiver", row["receiver_id"], is_active=row["is_active"],
                          tests=True)])  # fmt: skip


def thresholds(rows: list[Row]) -> Child:
    if not rows:
        nothing = empty_state(t("Not known yet"),
                              t("The watchdog writes them down when it starts."))  # fmt: skip
        return panel(t("Thresholds"), nothing, id="thresholds")
    columns = [Column(t("Counts as wrong"), "ell"), Column(t("Now"), "num"),
               Column(t("Standard"), "num"), Column("")]  # fmt: skip
    drawn = [_threshold(row) for row in rows]
    listed = html.Div(table(t("Thresholds"), columns, drawn), className="split tall", tabIndex=0)
    return panel(t("Thresholds"), listed, id="thresholds")


def _threshold(row: Row) -> list[Child]:
    now = row["standard"] if row["value"] is None else row["value"]
    words = html.Span([kind_words(row["kind"]), html.Br(),
                       html.Span(act.name_words(row["name"]), className="faint")])  # fmt: skip
    by = t("set by {name}", name=row["changed_by"]) if row["changed_by"] else ""
    value = html.B(amount(now, row["unit"]), title=by)
    return [words, value, amount(row["standard"], row["unit"]), act.threshold_form(row)]


def amount(value: int, unit: str) -> str:
    form = formatter()
    if unit == "seconds":
        return form.length(value)
    return f"{form.number(value)}\u00a0{t(UNITS[unit]) if unit in UNITS else unit}"


def deliveries(rows: list[Row]) -> Child:
    page, now = rows[: rules.PAGE], datetime.now(UTC)
    columns = [Column(t("Time")), Column(t("Message")), Column(t("About"), "ell"),
               Column(t("To")), Column(t("State")), Column("")]  # fmt: skip
    nothing = empty_state(t("No messages yet"), t("They are listed here, sent or not."))
    parts: list[Child] = [
        table(t("Messages sent"), columns, [_delivery(row, now) for row in page], empty=nothing)
    ]
    if len(rows) > rules.PAGE:
        earlier = f"/app/incidents/rules?before={page[-1]['delivery_id']}"
        parts.append(html.Div(link(t("Earlier messages"), earlier, kind=""), className="more"))
    failed = sum(row["state"] == "failed" for row in page)
    sub = t("{n} could not be sent", n=failed) if failed else ""
    return panel(t("Messages sent"), *parts, sub=sub, id="deliveries")


def _delivery(row: Row, now: datetime) -> list[Child]:
    form = formatter()
    about: Child = t("A test")
    if row["incident_id"]:
        what = f"{row['site']}: " if row["site"] else ""
        about = html.A(what + kind_words(row["kind"]), href=f"/app/incident/{row['incident_id']}")
    state = t(STATES[row["state"]])
    if row["state"] in ("waiting", "held") and row["next_at"] > now:
        state += f", {form.since(row['next_at'], row['next_at'])}"
    if row["attempts"] > 1:
        state += " \u00b7 " + t("{n} attempts", n=row["attempts"])
    error = html.Span(row["error"], className="faint") if row["error"] else None
    again: Child = ""
    if row["state"] == "failed" and may_command():
        again = button(t("Send again"), kind="act",
                       id={"type": "delivery-again", "id": row["delivery_id"]})  # fmt: skip
    return [
        form.since(row["created_at"], now), t(EVENTS[row["event"]]), about,
        f"{row['receiver']} ({t(CHANNELS[row['channel']])})",
        html.Span([badge(SHAPES[row["state"]], state), error], className="told"), again,
    ]  # fmt: skip


PAGE = Page(
    "rules", "/incidents/rules", title(mark("Rules and receivers")), layout,
    roles=frozenset(rules.READING), register=act.register,
)  # fmt: skip
