"""The overview of administrators: is everything running, does anything wait, since when."""

from datetime import UTC, datetime
from typing import Any

from dash import html

from dashboard.components import (
    Child,
    Column,
    empty_state,
    facts,
    figure_strip,
    figure_tile,
    link,
    panel,
    table,
)
from dashboard.data import Row, deps
from dashboard.health import problems_of
from dashboard.i18n import formatter, mark, t
from dashboard.pages.admin_frame import READERS, admin_page, shaped, stamp
from dashboard.pages.frame import Page, title
from sql.state import State, read_state

QUEUES = {
    "commands": mark("Commands to stations"), "payments": mark("Calls to Stripe"),
    "webhooks": mark("Events from Stripe"), "mails": mark("Mails"),
    "deliveries": mark("Alerts to receivers"), "files": mark("Files to make"),
    "imports": mark("Files to import"), "rollups": mark("Rollups to refresh"),
    "timelines": mark("Evses to look at again"),
}  # fmt: skip
LATE_TURNS, LATE_SECONDS = 3, 60


def layout(**_parameters: Any) -> Child:
    now = datetime.now(UTC)
    with deps().connection() as connection:
        found = read_state(connection)
    problems = problems_of(deps())
    left = html.Div([_jobs(found, now), _queues(found, now)], className="stack")
    right = html.Div([_versions(found), _workers(found), _kept(found)], className="stack")
    body = [_figures(found, problems, now), html.Div([left, right], className="cols admin-cols")]
    return admin_page("", body)


def _figures(found: State, problems: list[str], now: datetime) -> Child:
    form = formatter()
    ready = t("Ready") if not problems else t("Not ready")
    bad = [job for job in found.jobs if standing(job, now) != "available"]
    waiting = sum(queue["n"] for queue in found.queues)
    late = (now - found.complete_until).total_seconds()
    upto = t("now") if late < 60 else form.since(found.complete_until, now)
    size, unit = _size(found.size)
    return figure_strip([
        figure_tile(t("Installation"), ready, problems[0] if problems else t("database answers"),
                    kind="warn" if problems else ""),
        figure_tile(t("Jobs with trouble"), form.number(len(bad)),
                    t("of {n}", n=form.number(len(found.jobs))), kind="warn" if bad else ""),
        figure_tile(t("Waiting in queues"), form.number(waiting), t("all queues together")),
        figure_tile(t("Rollups complete up to"), upto, t("late readings wait before that")
                    if late >= 60 else t("every reading is counted")),
        figure_tile(t("Database"), form.number(size, 1), t("PostgreSQL {v}",
                    v=found.versions["server"].split()[0]), unit=unit),
    ])  # fmt: skip


def _size(octets: int) -> tuple[float, str]:
    for unit in ("kB", "MB", "GB"):
        octets_ = octets / 1000 ** ("kB", "MB", "GB").index(unit) / 1000
        if octets_ < 1000:
            return octets_, unit
    return octets / 1e12, "TB"


def standing(job: Row, now: datetime) -> str:
    """available: well; faulted: its last run failed; silent: it should have run again."""
    if job["error"] or job["failures"]:
        return "faulted"
    since = (now - job["started_at"]).total_seconds()
    return "silent" if since > LATE_TURNS * job["every_seconds"] + LATE_SECONDS else "available"


STANDING = {"available": mark("Well"), "faulted": mark("Failing"), "silent": mark("Late")}


def _jobs(found: State, now: datetime) -> Child:
    form = formatter()
    columns = [Column(t("Name")), Column(t("State")), Column(t("Every"), "num"),
               Column(t("Last run")), Column(t("Took"), "num"),
               Column(t("Last error"), "ell")]  # fmt: skip
    order = ("faulted", "silent", "available")
    jobs = sorted(found.jobs, key=lambda job: (order.index(standing(job, now)), job["job"]))
    rows = [
        [
            html.Span(job["job"], className="mono"),
            shaped(standing(job, now), t(STANDING[standing(job, now)])),
            form.length(job["every_seconds"]),
            form.since(job["started_at"], now),
            _took(job),
            html.Span(job["error"] or job["last_error"] or "", title=job["last_error"] or ""),
        ]
        for job in jobs
    ]
    nothing = empty_state(t("No job has run yet"), t("Start: python app.py jobs"))
    return panel(t("Jobs"), table(t("Jobs"), columns, rows, empty=nothing))


def _took(job: Row) -> str:
    if job["finished_at"] is None:
        return t("running")
    took = (job["finished_at"] - job["started_at"]).total_seconds()
    if took < 10:
        return f"{formatter().number(took * 1000)}\u00a0ms"
    return formatter().length(took)


def _queues(found: State, now: datetime) -> Child:
    form = formatter()
    columns = [Column(t("Queue"), "ell"), Column(t("Waiting"), "num"), Column(t("Oldest since"))]
    rows = [
        [t(QUEUES[row["name"]]), form.number(row["n"]),
         form.since(row["since"], now) if row["since"] else ""]
        for row in found.queues
    ]  # fmt: skip
    return panel(t("Queues"), table(t("Queues"), columns, rows))


def _versions(found: State) -> Child:
    known = found.versions
    engine = t("TimescaleDB {v}", v=known["timescale"]) if known["engine"] == "timescale" \
        else t("plain PostgreSQL")  # fmt: skip
    pairs: list[tuple[str, Child]] = [
        (t("Server"), f"PostgreSQL {known['server'].split()[0]}"),
        (t("Engine"), engine),
        (t("Started"), stamp(known["started_at"])),
        (t("Days begin in"), known["time_zone"]),
        (t("Newest migration"), html.Span(known["migration"], className="mono")),
        (t("Migrations"), formatter().number(known["migrations"])),
    ]
    rules = [link(t("Thresholds"), "/app/incidents/rules")]
    return panel(t("Versions"), html.Div(facts(pairs), className="pb"), right=rules)


def _workers(found: State) -> Child:
    columns = [Column(t("Process"), "ell"), Column(t("Stations"), "num"), Column(t("Heard"))]
    now = datetime.now(UTC)
    rows = [
        [html.Span(row["worker_id"], className="mono"), formatter().number(row["stations"]),
         shaped("available", t("now")) if row["lease_until"] > now
         else shaped("unknown", stamp(row["lease_until"]))]
        for row in found.workers
    ]  # fmt: skip
    nothing = empty_state(t("No station is connected"), t("Start: python app.py ingest"))
    return panel(t("Ingest"), table(t("Ingest"), columns, rows, empty=nothing))


def _kept(found: State) -> Child:
    words = {"meter_value": t("Readings"), "message_log": t("Messages")}
    pairs: list[tuple[str, Child]] = [
        (
            words.get(row["relation"]) or str(row["relation"]),
            t("since {t}", t=stamp(row["kept_from"])),
        )
        for row in found.kept_from
    ]
    if not pairs:
        pairs = [(t("Readings"), t("all of them"))]
    return panel(t("Raw rows kept"), html.Div(facts(pairs), className="pb"))


PAGE = Page("admin", "/admin", title(mark("Administration")), layout, roles=READERS)
