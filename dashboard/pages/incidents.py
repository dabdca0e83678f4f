"""All incidents: open ones live and worst first, past ones page by page; the address filters both.

Open ones are written by assets/staff/incidents.js from the live feed, so that a hundred viewers
cost no more than one; past ones come from the database.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html

from dashboard import incidents as own
from dashboard.components import (
    Child,
    empty_state,
    incident_row,
    link,
    loading_state,
    panel,
    segments,
)
from dashboard.components import Incident as Shown
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages import incident_words as words
from dashboard.pages.board import deeds
from dashboard.pages.frame import Page, frame, live_stamp, named, spacer, title
from dashboard.pages.kind_words import KINDS

NOBODY = "-"


@dataclass(frozen=True)
class View:
    """What the address asks for; anything odd in it asks for nothing."""

    state: str = "open"
    severity: str = ""
    kind: str = ""
    site: str = ""
    owner: str = ""
    q: str = ""
    before: str = ""

    def href(self, **changes: str) -> str:
        asked = {k: v for k, v in vars(replace(self, **changes)).items() if v and v != "open"}
        return f"/app/incidents?{urlencode(asked)}" if asked else "/app/incidents"


def read_view(parameters: dict[str, Any]) -> View:
    def text(name: str, most: int) -> str:
        return str(parameters.get(name) or "").replace("\x00", "")[:most]

    def number(name: str) -> str:
        found = text(name, 19)
        return found if found.isascii() and found.isdecimal() and int(found) < 2**62 else ""

    state, severity, site = text("state", 4), text("severity", 8), number("site")
    return View(
        "past" if state == "past" else "open",
        severity if severity in own.SEVERITIES else "", text("kind", 40),
        site if len(site) < 10 else "", text("owner", 100), text("q", 100), number("before"),
    )  # fmt: skip


def layout(**parameters: Any) -> Child:
    view = read_view(parameters)
    states = [(t("Open"), view.href(state="open", before=""), view.state == "open"),
              (t("Past"), view.href(state="past", before=""), view.state == "past")]  # fmt: skip
    shown = past(view) if view.state == "past" else opened()
    controls = [segments(states, t("Which incidents")), spacer(), live_stamp()]
    body = [*deeds(), *filters(view), html.Div(shown, className="incidents wide-list")]
    return frame("incidents", t("Incidents"), body, controls)


def filters(view: View) -> list[Child]:
    """Assets/staff/incidents.js shows what the address says, and writes there what is chosen."""
    people = [(t("Nobody"), NOBODY), *((name, name) for name in own.read_owners())]
    sites = [(row["name"], str(row["site_id"])) for row in own.read_sites()]
    severities = [(words.severity_words(one), one) for one in own.SEVERITIES]
    kinds = sorted((words.kind_words(one), one) for one in {*KINDS, *own.read_kinds()})
    choices = [
        _select("severity", t("Severity"), severities), _select("kind", t("Kind"), kinds),
        _select("site", t("Site"), sites), _select("owner", t("Owner"), people),
    ]  # fmt: skip
    hint = t("Site, station, owner, note")
    typed: dict[str, Any] = {"data-asks": "q", **named(hint)}
    text = html.Div(dcc.Input(view.q, type="search", id="incidents-q", className="field",
                              autoComplete="off", placeholder=hint, maxLength=100),
                    className="typed", **typed)  # fmt: skip
    return [html.Div([*choices, text], id="asking", className="asking")]


def _select(name: str, label: str, options: list[tuple[str, str]]) -> Child:
    asks: dict[str, Any] = {"data-asks": name}
    anything = html.Option(t("{what}: all", what=label), value="")
    listed = [html.Option(text, value=value) for text, value in options]
    return html.Select([anything, *listed], className="field pick", **asks, **named(label))


def opened() -> Child:
    rules = link(t("Rules and receivers"), "/app/incidents/rules")
    place = html.Div(loading_state(), id="incidents-open")
    return panel(t("Open incidents"), place, right=[rules], id="incidents-panel")


def past(view: View) -> Child:
    wanted = own.Wanted(
        view.severity or None, view.kind or None, int(view.site) if view.site else None,
        view.owner or None, view.q, int(view.before) if view.before else own.NEWEST,
    )  # fmt: skip
    rows, now = own.read_past(wanted), datetime.now(UTC)
    if not rows:
        nothing = empty_state(t("No past incident fits"), t("Incidents are kept for good."))
        return panel(t("Past incidents"), nothing)
    page = rows[: own.PAGE]
    listed = html.Ol([incident_row(shown(row, now)) for row in page])
    more = []
    if len(rows) > own.PAGE:
        earlier = view.href(before=str(page[-1]["incident_id"]))
        more = [html.Div(link(t("Earlier incidents"), earlier, kind=""), className="more")]
    sub = t("newest first")
    return panel(t("Past incidents"), listed, *more, sub=sub)


def shown(row: Row, now: datetime) -> Shown:
    """A past incident as a row: how long it took, how it ended."""
    form = formatter()
    length = form.duration((row["resolved_at"] - row["opened_at"]).total_seconds())
    evses, stations = row["evses"], row["stations"]
    harm = tn("{n} evse", "{n} evses", evses) if evses else tn("{n} station", "{n} stations",
                                                               stations)  # fmt: skip
    return Shown(
        words.shape(row["kind"]), words.title_words(row, now), ended_words(row, now),
        f"/app/incident/{row['incident_id']}", harm=(harm if evses or stations else "", ""),
        age=(length, words.severity_words(row["severity"])), owner=row["owner"],
    )  # fmt: skip


def ended_words(row: Row, now: datetime) -> str:
    time = formatter().since(row["resolved_at"], now)
    match row["resolution"]:
        case "false_alarm":
            return t("False alarm, closed {time} by {name}", time=time, name=row["resolved_by"])
        case "merged":
            return t("Part of another incident since {time}", time=time)
        case "planned":
            return t("Planned maintenance since {time}", time=time)
    return t("Over since {time}", time=time)


PAGE = Page("incidents", "/incidents", title(mark("Incidents")), layout)
