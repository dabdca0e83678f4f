"""The roll-out: expected, connected, proven by a session; and who was refused at the door."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from dash import html
from flask_login import current_user

from dashboard import rollouts
from dashboard.components import (
    Child,
    Column,
    badge,
    empty_state,
    figure_strip,
    figure_tile,
    link,
    panel,
    segments,
    table,
)
from dashboard.data import Row
from dashboard.digits import digits
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.reliability_words import STAGES

STEPS = {"expected": mark("Expected"), "connected": mark("Connected"), "proven": mark("Proven")}
SHAPES = {"expected": "unconnected", "connected": "preparing", "proven": "finished"}
REASONS = {
    "unknown station": mark("No station has this name"),
    "wrong password": mark("Wrong password"),
}


@dataclass(frozen=True)
class View:
    """What the address asks for."""

    step: str = "expected"
    site: str = ""
    after: str = ""

    def href(self, **changes: str) -> str:
        asked = {k: v for k, v in vars(replace(self, **changes)).items() if v}
        return f"/app/rollout?{urlencode(asked)}"


def read_view(parameters: dict[str, Any]) -> View:
    step, site = str(parameters.get("step") or ""), str(parameters.get("site") or "")
    return View(
        step if step in STEPS else "expected",
        digits(site),
        str(parameters.get("after") or "").replace("\x00", "")[:48],
    )


def layout(**parameters: Any) -> Child:
    view, now = read_view(parameters), datetime.now(UTC)
    found = rollouts.read_rollout(view.step, int(view.site) if view.site else None, view.after, now)
    controls = [spacer(), live_stamp()]
    left = html.Div([stations(found.stations, view, now), refused(found.refused, now)],
                    className="stack")  # fmt: skip
    right = html.Div(sites(found.sites, view), className="stack side")
    body = [figures(found, view), html.Div([left, right], className="cols rollout")]
    return frame("rollout", t("Roll-out"), body, controls)


def figures(found: rollouts.Rollout, view: View) -> Child:
    told = {
        "expected": t("added, never in contact"),
        "connected": t("in contact, no success yet"),
        "proven": t("delivered 0.1 kWh or more"),
    }
    form = formatter()
    tiles = [
        figure_tile(t(STEPS[step]), form.number(found.count(step)), told[step],
                    href=view.href(step=step, after=""), id=f"rollout-{step}")
        for step in STEPS
    ]  # fmt: skip
    attempts = sum(row["attempts"] for row in found.refused)
    names = tn("{n} name", "{n} names", len({row["station_id"] for row in found.refused}))
    label = t("Refused connections, 7 days")
    tiles.append(figure_tile(label, form.number(attempts), names, id="rollout-refused"))
    return figure_strip(tiles, id="rollout-figures")


def stations(rows: Sequence[Row], view: View, now: datetime) -> Child:
    page = rows[: rollouts.PAGE]
    columns = [Column(t("Station")), Column(t("Site"), "ell"), Column(t("Model")),
               Column(t("Added")), Column(t("In contact since")),
               Column(t("What is missing"))]  # fmt: skip
    if view.step == "proven":
        columns[-1] = Column(t("First success"))
    steps = [(t(word), view.href(step=step, after=""), step == view.step)
             for step, word in STEPS.items()]  # fmt: skip
    nothing = empty_state(_nothing(view), t("Stations are added under Administration."))
    parts: list[Child] = [
        table(t("Stations"), columns, [_station(row, view.step, now) for row in page],
              empty=nothing, id="rollout-stations")
    ]  # fmt: skip
    if len(rows) > rollouts.PAGE:
        onward = link(t("More stations"), view.href(after=page[-1]["station_id"]), kind="")
        parts.append(html.Div(onward, className="more"))
    whole = [link(t("All sites"), view.href(site="", after=""))] if view.site else []
    return panel(t("Stations"), *parts, right=[*whole, segments(steps, t("Step"))])


def _nothing(view: View) -> str:
    if view.step == "expected":
        return t("Every station has been in contact")
    return t("Every station in contact is proven") if view.step == "connected" else (
        t("No station is proven yet"))  # fmt: skip


def _station(row: Row, step: str, now: datetime) -> list[Child]:
    form = formatter()
    model = " ".join(part for part in (row["vendor"], row["model"]) if part)
    return [
        html.A(row["station_id"], href=f"/app/station/{quote(row['station_id'], safe='')}",
               className="mono"),
        row["site"] or t("Without a site"),
        model,
        form.since(row["created_at"], now),
        form.since(row["first_at"] or row["contact_changed_at"], now),
        badge(SHAPES[step], _missing(row, step, now)),
    ]  # fmt: skip


def _missing(row: Row, step: str, now: datetime) -> str:
    form = formatter()
    if step == "proven":
        if row["proven_at"] is None:
            return t("proven")
        return f"{form.since(row['proven_at'], now)}, {form.kwh(row['proven_wh'])}"
    if step == "expected":
        if row["refused_because"]:
            return t("refused {time}: {reason}", time=form.since(row["refused_at"], now),
                     reason=reason_words(row["refused_because"]).lower())  # fmt: skip
        return t("waiting for its first connection")
    if row["tried_at"]:
        stage = t(STAGES[row["stage"]]) if row["stage"] in STAGES else row["stage"]
        return t("tried {time}, got to: {stage}", time=form.since(row["tried_at"], now),
                 stage=stage.lower())  # fmt: skip
    return t("a first session")


def sites(rows: Sequence[Row], view: View) -> Child:
    form = formatter()
    columns = [Column(t("Site"), "ell"), *(Column(t(word), "num") for word in STEPS.values())]
    drawn = [
        [_to_site(row, view), *(form.number(row[step]) if row[step] else "\u2013"
                                for step in STEPS)]
        for row in rows
    ]  # fmt: skip
    listed = table(t("Sites"), columns, drawn, empty=empty_state(t("No stations yet")))
    return panel(t("By site"), html.Div(listed, className="split tall", tabIndex=0), id="by-site")


def _to_site(row: Row, view: View) -> Child:
    if row["site_id"] is None:
        return t("Without a site")
    return html.A(row["site"], href=view.href(site=str(row["site_id"]), after=""))


def refused(rows: Sequence[Row], now: datetime) -> Child:
    """A name that is none of ours can be added at once, by those who may."""
    columns = [Column(t("Name")), Column(t("Reason"), "ell"), Column(t("From")),
               Column(t("Attempts"), "num"), Column(t("First")), Column(t("Last")),
               Column("")]  # fmt: skip
    nothing = empty_state(t("Nobody was refused"), t("In the last 7 days."))
    listed = table(t("Refused connections"), columns, [_refused(row, now) for row in rows],
                   empty=nothing, id="rollout-attempts")  # fmt: skip
    return panel(t("Refused connections"), listed, sub=t("7 days, newest first"), id="refused")


def _refused(row: Row, now: datetime) -> list[Child]:
    form, name = formatter(), row["station_id"]
    others = t(" and {n} more", n=row["remotes"] - 1) if row["remotes"] > 1 else ""
    known = html.A(name, href=f"/app/station/{quote(name, safe='')}", className="mono")
    return [
        known if row["is_known"] else html.Span(name, className="mono"),
        reason_words(row["reason"]),
        html.Span(f"{row['remote'] or ''}{others}", className="mono small"),
        form.number(row["attempts"]),
        form.since(row["first_at"], now),
        form.since(row["last_at"], now),
        _way(row),
    ]


def _way(row: Row) -> Child:
    if row["is_known"]:
        return link(t("Its password"), f"/app/station/{quote(row['station_id'], safe='')}")
    if not current_user.has_role("admin"):
        return ""
    asked = urlencode({"new": row["station_id"]})
    return link(t("Add station"), f"/app/admin/stations?{asked}", kind="")


def reason_words(reason: str) -> str:
    return t(REASONS[reason]) if reason in REASONS else reason


PAGE = Page("rollout", "/rollout", title(mark("Roll-out")), layout)
