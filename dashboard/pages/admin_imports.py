"""Imports: a file is uploaded, a job of ingest reads it; how far it is, and what was refused."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, dcc, html, no_update
from flask_wtf.csrf import generate_csrf

from dashboard import administration
from dashboard.auth import require_role
from dashboard.components import Child, Column, empty_state, error_state, facts, link, panel, table
from dashboard.data import Row, deps
from dashboard.downloads import Download, Table
from dashboard.i18n import formatter, mark, t
from dashboard.import_upload import MOST_BYTES
from dashboard.pages.admin_frame import ADMINS, admin_page, asked, number, shaped
from dashboard.pages.frame import Page, title

SHOWN, LISTED = 50, 20
KINDS = {
    "stations": mark("Stations and sites"),
    "sessions": mark("Sessions"),
    "id_tokens": mark("Id tokens"),
}
FORMATS = {"": mark("by itself"), "csv": "CSV", "nobil": "NOBIL JSON", "ocpi": "OCPI locations"}
ORDERS = {"": mark("as the file shows"), "dmy": mark("day, month"), "mdy": mark("month, day")}
MARKS = {"": mark("as the file shows"), ".": mark("point"), ",": mark("comma")}
STATES = {
    "waiting": (mark("Waiting"), "preparing"),
    "running": (mark("Reading"), "charging"),
    "done": (mark("Done"), "finished"),
    "failed": (mark("Not possible"), "faulted"),
}
COUNTS = {
    "imported": mark("imported"),
    "added": mark("added"),
    "changed": mark("changed"),
    "unchanged": mark("as they were"),
    "known": mark("known already"),
    "rejected": mark("refused"),
    "gone": mark("left out"),
    "without_password": mark("without a password"),
    "time_ambiguous": mark("in the hour that autumn shows twice"),
    "time_nonexistent": mark("in the hour that spring leaves out"),
}


def layout(**parameters: Any) -> Child:
    chosen = number(parameters, "import")
    kind = asked(parameters, "kind")
    listed = panel(t("Imports"), html.Div(listing(), id="imports-listed"))
    shown = html.Div(one(chosen), id="import-shown")
    state = [dcc.Store(id="import-tick")]
    left = html.Div([shown, listed, *state], className="stack")
    side = _form(kind if kind in KINDS else "stations")
    return admin_page("imports", [html.Div([left, side], className="cols admin-cols")])


def _form(kind: str) -> Child:
    """Sent by assets/staff/admin.js, which puts the choice of a file into it."""
    zone = deps().settings.time_zone
    lines = [
        _line(t("What"), _choose("kind", KINDS, kind), "kind"),
        _line(t("File"), html.Span(id="import-file-place"), "file"),
        _line(t("Format"), _choose("format", FORMATS), "format"),
    ]
    more = [
        _line(t("Time zone"), _text("time_zone", zone), "time_zone"),
        _line(t("Dates"), _choose("date_order", ORDERS), "date_order"),
        _line(t("Fractions after a"), _choose("decimal", MARKS), "decimal"),
        _line(t("Source"), _text("source", t("name of the earlier system")), "source"),
        _line(t("Columns"), _text("map", "station=CP ID,energy_kwh=Total"), "map"),
        _line(t("Operator"), _text("operator", t("the first, if left out")), "operator"),
    ]
    trial = html.Span(
        [
            html.Button(t("Try it"), type="submit", className="ctl", name="trial", value="yes"),
            html.Button(t("Import"), type="submit", className="ctl pri", name="trial", value="no"),
        ],
        className="row-deeds",
    )
    note = t("At most {n} MB. A trial changes nothing.", n=MOST_BYTES // 1_000_000)
    details = html.Details(
        [html.Summary(t("How it is written\u2026"), className="ctl ghost"), *more]
    )
    data: dict[str, Any] = {
        "data-csrf": generate_csrf(),
        "data-failed": t("The upload failed. Try again."),
    }
    inside = html.Form(
        [
            *lines,
            details,
            html.P(note, className="mut"),
            html.Div([html.Span(className="sp"), trial], className="form-foot"),
            html.Progress(id="import-upload", hidden=True, max="1", value="0"),
        ],
        id="import-form",
        className="act-form admin-form",
        **data,
    )
    return panel(t("Import a file"), html.Div(inside, className="pb"))


def _line(label: str, field: Child, name: str) -> Child:
    wrong: dict[str, Any] = {"data-wrong": name}
    return html.Div(
        [
            html.Label([html.Span(label), field]),
            html.Span(className="wrong", role="alert", **wrong),
        ],
        className="line",
    )


def _choose(name: str, words: Mapping[str, str], chosen: str = "") -> Child:
    """A native list; the chosen one stands first, as Dash gives a list no value."""
    order = sorted(words, key=lambda value: value != chosen)
    options = [html.Option(t(words[value]), value=value) for value in order]
    return html.Select(options, name=name, className="field")


def _text(name: str, hint: str) -> Child:
    return dcc.Input(
        name=name,
        id=f"import-{name}",
        className="field",
        placeholder=hint,
        autoComplete="off",
        maxLength=2000,
    )


def listing() -> Child:
    columns = [
        Column(t("When")),
        Column(t("File"), "ell"),
        Column(t("What")),
        Column(t("By")),
        Column(t("State")),
        Column(t("Rows"), "num"),
    ]
    rows = [_cells(row) for row in administration.rows("imports", at_most=LISTED)]
    nothing = empty_state(
        t("Nothing was imported here yet"), t("What the command line imports is not listed.")
    )
    return table(t("Imports"), columns, rows, empty=nothing)


def _cells(row: Row) -> list[Child]:
    form = formatter()
    what = t(KINDS[row["kind"]]) + (f", {t('trial')}" if row["is_trial"] else "")
    return [
        form.since(row["requested_at"], datetime.now(UTC)),
        html.A(row["file_name"], href=f"/app/admin/imports?import={row['request_id']}"),
        what,
        row["requested_by"],
        _state(row),
        form.number(row["rows_total"]) if row["rows_total"] is not None else "",
    ]


def _state(row: Row) -> Child:
    word, shape = STATES[row["status"]]
    return shaped(shape, t(word))


def one(request_id: int | None) -> Child:
    """One import: progress while it goes on, then what came of it and what was refused."""
    if request_id is None:
        return None
    row = administration.row("import_request", request_id=request_id)
    if row is None:
        return panel(t("Import"), empty_state(t("There is no such import"), ""))
    what = t(KINDS[row["kind"]]) + (
        f", {t('trial: nothing is changed')}" if row["is_trial"] else ""
    )
    sub = f"{what}, {formatter().number(row['bytes'] / 1000)}\u00a0kB"
    return panel(
        row["file_name"],
        html.Div(_inside(row), className="pb stack"),
        *_refused(row),
        sub=sub,
        right=[_state(row)],
    )


def _inside(row: Row) -> list[Child]:
    form, total = formatter(), row["rows_total"]
    if row["status"] == "failed":
        return [error_state(t("It can't be imported"), row["error"] or "")]
    if row["status"] != "done":
        words = (
            t("{n} of {total} rows", n=form.number(row["rows_done"]), total=form.number(total))
            if total
            else t("It is read as soon as the one before it is done.")
        )
        bar = html.Progress(
            value=str(row["rows_done"]), max=str(max(total or 1, 1)), title=t("Progress")
        )
        return [bar, html.P(words)]
    counts = row["counts"] or {}
    pairs: list[tuple[str, Child]] = [
        (t(word), form.number(counts[name])) for name, word in COUNTS.items() if counts.get(name)
    ]
    if counts.get("energy_wh"):
        pairs.append((t("energy"), form.kwh(counts["energy_wh"])))
    return [facts(pairs) if pairs else html.P(t("Nothing in it was new."))]


def _refused(row: Row) -> list[Child]:
    """The rows that were not taken: of a trial those it kept, else those of the run."""
    bad = sum((row["counts"] or {}).get(name, 0) for name in ("rejected",))
    if row["is_trial"]:
        cells = [[str(line), name, text] for line, name, text in row["problems"] or []][:SHOWN]
    elif row["run_id"]:
        found = administration.rows(
            "refused_rows", run_id=row["run_id"], after_line=-1, at_most=SHOWN
        )
        cells = [[str(r["line"]), r["field"] or "", r["problem"] or ""] for r in found]
    else:
        cells = []
    if not cells:
        return []
    columns = [Column(t("Row"), "num"), Column(t("Field")), Column(t("What is wrong"), "ell wrap")]
    csv = link("CSV", f"/app/download/refused.csv?run={row['run_id']}", "download")
    head = html.Div(
        [
            html.B(t("Refused")),
            html.Span(t("{n} rows", n=formatter().number(max(bad, len(cells)))), className="mut"),
            html.Span(className="sp"),
            csv if row["run_id"] else None,
        ],
        className="filters",
    )
    return [head, table(t("Refused"), columns, cells)]


def read_file(parameters: Mapping[str, str]) -> Table:
    """All rows of a run that were not taken, with their cells."""
    run_id = number(dict(parameters), "run") or 0
    header = [t("Row"), t("Field"), t("What is wrong"), t("Cells")]
    rows = administration.refused_pages(run_id)
    cells = ([row["line"], row["field"], row["problem"], _flat(row["cells"])] for row in rows)
    return Table(f"refused-{run_id}", header, cells)


def _flat(cells: Any) -> str:
    if not isinstance(cells, dict):
        return str(cells or "")
    return "; ".join(f"{name}: {value}" for name, value in cells.items())


def register(staff: Dash) -> None:
    @staff.callback(
        Output("import-shown", "children"),
        Output("imports-listed", "children"),
        Input("import-tick", "data"),
        prevent_initial_call=True,
    )
    @require_role(*ADMINS)
    def follow_imports(tick: Any) -> tuple[Any, Any]:
        """Something has happened to an import: assets/staff/admin.js was told. The tick names the
        one that the address asks for."""
        chosen = tick[0] if isinstance(tick, list) and tick else None
        return one(chosen) if isinstance(chosen, int) else no_update, listing()


DOWNLOAD = Download(read_file, ADMINS)
PAGE = Page(
    "admin_imports",
    "/admin/imports",
    title(mark("Imports")),
    layout,
    roles=ADMINS,
    register=register,
)
