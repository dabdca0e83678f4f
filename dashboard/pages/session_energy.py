"""A session's energy down to its readings: the curve, every row that counts, what was signed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dash import dcc, html

from dashboard import data, session_story
from dashboard.components import Child, Column, empty_state, glyph, link, panel, table
from dashboard.csv_text import Cell, kwh
from dashboard.data import Row
from dashboard.downloads import Download, Table
from dashboard.figures import CONFIG, Curve, session_curve
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t, theme, tn
from dashboard.pages.analysis import number_of
from dashboard.pages.analysis_bar import csv_link, png_button
from dashboard.pages.flag_words import flag_words
from dashboard.pages.frame import named
from dashboard.session_story import READINGS, Story

CHART: Any = CONFIG
SOURCES = {
    "meter": mark("Meter"),
    "split": mark("Part of a reading"),
    "adjustment": mark("Adjustment"),
    "power": mark("From power"),
    "import": mark("Imported"),
    "correction": mark("Decided by people"),
}
SIGNED = {
    "valid": (mark("genuine"), "finished"),
    "invalid": (mark("not genuine"), "faulted"),
    "no_key": (mark("no key to check it by"), "unknown"),
    "unreadable": (mark("unreadable"), "derated"),
    "unsupported": (mark("of a kind we cannot check"), "unknown"),
}


def curve(story: Story) -> Child:
    """Power, energy and state of charge over the session's time."""
    keys = ("evse_key", "started_at", "session_id")
    rows = data.read_curve({name: story.row[name] for name in keys})
    title = t("Power and energy")
    if sum(row["power_w"] is not None or row["counted_wh"] is not None for row in rows) < 2:
        return panel(title, empty_state(t("Too few readings for a curve")))
    drawn = Curve(
        [row["measured_at"] for row in rows],
        [row["power_w"] for row in rows],
        [_number(row["counted_wh"]) for row in rows],
        [row["soc_pct"] for row in rows],
    )
    labels = {
        "power": t("Power"),
        "energy": t("Energy"),
        "soc": t("State of charge"),
        "no_data": t("no data"),
    }
    limit = story.row["limit_w"] or story.row["max_power_w"]
    figure = session_curve(drawn, formatter(), theme(), labels, limit)
    graph = dcc.Graph(
        id="session-curve", figure=figure, config=CHART, style={"height": 300}, className="pb"
    )
    name = f"kilowatch-session-{story.row['session_id']}"
    return panel(title, graph, right=[png_button("session-curve", name)])


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def readings(story: Story, parameters: Mapping[str, Any]) -> Child:
    """The rows that the session's energy is the sum of, two hundred at a time."""
    form, row = formatter(), story.row
    after = int(number_of(parameters, "after") or 0)
    rows = session_story.read_readings(row["session_id"], after)
    columns = [
        Column(t("Measured")),
        Column(t("Arrived")),
        Column(t("Meter, Wh"), "num"),
        Column(t("Adds, Wh"), "num"),
        Column(t("Sum, Wh"), "num"),
        Column("kW", "num"),
        Column("A", "num"),
        Column("V", "num"),
        Column("%", "num"),
        Column(t("From")),
        Column(t("Flags"), "ell"),
    ]
    count = tn(
        "{number} row",
        "{number} rows",
        story.sums["readings"],
        number=form.number(story.sums["readings"]),
    )
    foot = [t("Sum"), count, "", form.number(story.sums["energy_wh"]), "", "", "", "", "", "", ""]
    nothing = empty_state(t("No reading is kept of this session"), _imported(story))
    body = table(
        t("Readings"),
        columns,
        [_cells(one) for one in rows],
        empty=nothing,
        foot=foot if rows else (),
        id="session-readings",
    )
    long = html.Div(body, className="long", tabIndex="0", role="region", **named(t("Readings")))
    more = html.Div(_pages(row["session_id"], after, rows), className="more")
    file = csv_link(f"/app/download/readings.csv?session={row['session_id']}")
    return panel(t("Readings"), proof(story), long, more, right=[file], id="readings")


def _imported(story: Story) -> str:
    if story.imported is None:
        return t("Readings are kept for seven years.")
    return t(
        "It was brought in from {source}: {file}, line {line}.",
        source=story.imported["source"],
        file=story.imported["file_name"],
        line=story.imported["line"],
    )


def _cells(row: Row) -> list[Child]:
    form, at = formatter(), row["measured_at"]
    odd = row["revision"] or row["source"] in ("adjustment", "correction")
    late = (row["received_at"] - at).total_seconds()
    source = t(SOURCES[row["source"]]) if row["source"] in SOURCES else row["source"]
    if row["revision"]:
        source = t("{source}, revision {n}", source=source, n=row["revision"])
    shape: list[Child] = [glyph("derated", 11, title=t("corrected")), " "] if odd else []
    return [
        html.Span(form.time(at, seconds=True), title=form.stamp(at), className="mono small"),
        html.Span(
            form.time(row["received_at"], seconds=True) if abs(late) > 60 else "",
            title=form.stamp(row["received_at"]),
            className="mono small mut",
        ),
        form.number(row["energy_wh"]),
        html.B(form.signed(row["energy_delta_wh"]) if row["energy_delta_wh"] is not None else ""),
        form.number(row["counted_wh"]),
        _shown(row["power_w"], 1000, 1),
        _shown(row["current_a"], 1, 1),
        _shown(row["voltage_v"], 1, 0),
        _shown(row["soc_pct"], 1, 0),
        html.Span(
            [
                *shape,
                source,
                html.Span(f" {row['context']}" if row["context"] else "", className="faint"),
            ],
            className="small",
        ),
        html.Span(", ".join(flag_words(flag) for flag in row["flags"] or []), className="small"),
    ]


def _shown(value: float | None, divisor: float, digits: int) -> str:
    return "" if value is None else formatter().number(value / divisor, digits)


def proof(story: Story) -> Child:
    """Whether the rows add up to the session's energy, and what was adjusted or decided."""
    form, row, sums = formatter(), story.row, story.sums
    if not sums["readings"]:
        return None
    if story.balances:
        words = t(
            "The readings add up to {energy}: exactly the energy of the session.",
            energy=form.kwh(row["energy_wh"], 3),
        )
    else:
        words = t(
            "The readings add up to {sum}, the session says {energy}.",
            sum=form.kwh(sums["energy_wh"], 3),
            energy=form.kwh(row["energy_wh"], 3),
        )
    parts = [words]
    if sums["adjusted"]:
        parts.append(
            t(
                "{energy} of it by adjustments and decisions.",
                energy=form.kwh(sums["adjusted_wh"], 3),
            )
        )
    if sums["flagged"]:
        parts.append(tn("{n} row is flagged.", "{n} rows are flagged.", sums["flagged"]))
    shape = "finished" if story.balances else "derated"
    return html.P(
        [glyph(shape, 12), " ", " ".join(parts)], className="pb proof-words", id="readings-proof"
    )


def _pages(session_id: int, after: int, rows: Sequence[Row]) -> list[Child]:
    parts: list[Child] = []
    if after:
        parts.append(link(t("First readings"), f"/app/session/{session_id}#readings", "restart"))
    if rows and rows[-1]["place"] < rows[-1]["readings"]:
        left = formatter().number(rows[-1]["readings"] - rows[-1]["place"])
        parts.append(
            link(
                t("Later readings, {n} more", n=left),
                f"/app/session/{session_id}?after={rows[-1]['place']}#readings",
                "chevron",
                kind="",
            )
        )
    return parts


def signed(story: Story) -> Child:
    """Signed readings and whether their signatures hold; nothing where there are none."""
    if not story.signed:
        return None
    form = formatter()
    columns = [
        Column(t("Measured")),
        Column(t("Format")),
        Column(t("Signed meter, Wh"), "num"),
        Column(t("Told beside it, Wh"), "num"),
        Column(t("Signature")),
        Column("", "ell"),
    ]
    rows = [
        [
            html.Span(form.stamp(row["measured_at"]), className="mono small"),
            " ".join(part for part in (row["encoding"], row["method"]) if part) or UNKNOWN,
            form.number(row["register_wh"]),
            form.number(row["plain_wh"]),
            _verdict(row["verified"]),
            html.Span(row["detail"] or "", className="mut small"),
        ]
        for row in story.signed
    ]
    return panel(t("Signed readings"), table(t("Signed readings"), columns, rows), id="signed")


def _verdict(verified: str) -> Child:
    words, shape = SIGNED.get(verified, (verified, "unknown"))
    return html.Span([glyph(shape, 11), " ", t(words)], className="bd")


# -- file -------------------------------------------------------------------------------------


def read_file(parameters: Mapping[str, str]) -> Table:
    """Every reading of one session."""
    session_id = int(number_of(parameters, "session") or 0)
    header = [
        t("Measured"),
        t("Arrived"),
        t("Meter, Wh"),
        t("Adds, Wh"),
        "kWh",
        "W",
        "A",
        "V",
        "%",
        t("From"),
        t("Revision"),
        t("Context"),
        t("Flags"),
    ]
    return Table(f"kilowatch-session-{session_id}-readings", header, _lines(session_id))


def _lines(session_id: int) -> Iterator[list[Cell]]:
    after = 0
    while rows := session_story.read_readings(session_id, after, 10 * READINGS):
        for row in rows:
            yield [
                row["measured_at"],
                row["received_at"],
                row["energy_wh"],
                row["energy_delta_wh"],
                kwh(int(row["counted_wh"])) if row["counted_wh"] is not None else None,
                row["power_w"],
                row["current_a"],
                row["voltage_v"],
                row["soc_pct"],
                row["source"],
                row["revision"],
                row["context"],
                ", ".join(row["flags"] or []),
            ]
        after = rows[-1]["place"]


DOWNLOAD = Download(read_file)
