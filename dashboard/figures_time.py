"""Charts of time: how long repairs take, what evses' time is spent on. Pure, as figures.py."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import plotly.graph_objects as go

from dashboard.figures import PALETTES, bucket_words, hatched, template, tick_words
from dashboard.format import Format

HOURS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
SHADES = {
    "dark": {"charging": "#447BEE", "idle": "#EACC8B", "preparing": "#9FCDE4"},
    "light": {"charging": "#1E41AA", "idle": "#989467", "preparing": "#3E9BCB"},
}


@dataclass(frozen=True)
class Repair:
    """How long the outages took that ended in a month, in seconds; None: there were none."""

    month: datetime
    median: float | None
    p90: float | None


def repair_chart(
    repairs: Sequence[Repair], form: Format, theme: str, labels: tuple[str, str],
    hrefs: Sequence[str] = (),
) -> go.Figure:  # fmt: skip
    """Median as a dot, 90 % as a bar above it, per month on a logarithmic scale of hours; the
    last one has its words (`labels`: median, 90 %) beside it."""
    colour = PALETTES[theme]
    figure = go.Figure(layout={"template": template(theme, form), "margin": {"l": 52, "r": 92}})
    for place, one in enumerate(repairs):
        if one.median is None or one.p90 is None:
            continue
        ink = colour["ink"] if place == len(repairs) - 1 else colour["ink-3"]
        words = f"{form.month(one.month)}<br>{labels[0]} <b>{form.length(one.median)}</b>" \
            f"<br>{labels[1]} <b>{form.length(one.p90)}</b>"  # fmt: skip
        _stroke(figure, place, (one.median, one.p90), ink, words)
        figure.data[-1].meta = [hrefs[place]] * 2 if hrefs else []
    if repairs and (last := repairs[-1]).median and last.p90:
        for seconds, label in ((last.p90, labels[1]), (last.median, labels[0])):
            _label(
                figure,
                len(repairs) - 1,
                seconds,
                f"<b>{form.length(seconds)}</b><br>{label}",
                theme,
            )
    _axes(figure, repairs, form)
    return figure


def _stroke(
    figure: go.Figure, place: int, edges: tuple[float, float], ink: str, words: str
) -> None:
    hours = [max(seconds, 60) / 3600 for seconds in edges]
    figure.add_scatter(
        x=[place, place], y=hours, mode="lines+markers", line={"color": ink, "width": 2},
        marker={"symbol": ["circle", "line-ew"], "size": [8, 11], "color": ink,
                "line": {"width": [0, 2], "color": ink}},
        hovertemplate=words + "<extra></extra>",
    )  # fmt: skip


def _label(figure: go.Figure, place: int, seconds: float, text: str, theme: str) -> None:
    figure.add_annotation(
        x=place, y=math.log10(max(seconds, 60) / 3600), xanchor="left", xshift=10, text=text,
        showarrow=False, align="left", font={"color": PALETTES[theme]["ink-2"]},
    )  # fmt: skip


def _axes(figure: go.Figure, repairs: Sequence[Repair], form: Format) -> None:
    known = [s / 3600 for r in repairs for s in (r.median, r.p90) if s]
    low, high = min(known, default=1), max(known, default=10)
    low, high = max(low, 1 / 60), max(high, low)
    ticks = [hours for hours in HOURS if low / 3 <= hours <= high * 3]
    figure.update_yaxes(
        type="log", tickvals=ticks, ticktext=[_hours(h, form) for h in ticks],
        range=[math.log10(low / 2), math.log10(high * 2)],
    )  # fmt: skip
    step = max(1, -(-len(repairs) // 12))
    shown = range(0, len(repairs), step)
    figure.update_xaxes(
        tickvals=list(shown), ticktext=[form.month(repairs[i].month, year=False) for i in shown],
        range=[-0.6, len(repairs) - 0.4], showspikes=False,
    )  # fmt: skip
    figure.update_layout(hovermode="closest")


def _hours(hours: float, form: Format) -> str:
    """1 h, 30 h; below an hour in minutes: the labels of an axis."""
    return f"{form.number(hours)}\u00a0h" if hours >= 1 else form.duration(hours * 3600)


@dataclass(frozen=True)
class Spent:
    """Shares of the time in service that a bucket's evses were occupied; None: not in service."""

    bucket: datetime
    charging: float | None
    idle: float | None
    preparing: float | None


def spent_chart(
    spent: Sequence[Spent], previous: Sequence[float | None], form: Format, theme: str, grain: str,
    labels: dict[str, str], hrefs: Sequence[str] = (),
) -> go.Figure:  # fmt: skip
    """Stacked shares per day or month; the occupancy they are held against as a dashed line.

    `labels`: charging, idle, preparing, previous, no_data. `hrefs`: what each bar leads to.
    """
    figure = go.Figure(
        layout={"template": template(theme, form), "barmode": "stack", "margin": {"r": 16}}
    )
    x = [bucket_words(one.bucket, grain, form) for one in spent]
    for name in ("charging", "preparing", "idle"):
        shares = [getattr(one, name) for one in spent]
        figure.add_bar(
            x=x, y=[None if s is None else s * 100 for s in shares], name=labels[name],
            meta=list(hrefs),
            customdata=[form.percent(s, 1) for s in shares],
            marker={"color": SHADES[theme][name], "cornerradius": 1.5},
            hovertemplate=f"{labels[name]} <b>%{{customdata}}</b><extra></extra>",
        )  # fmt: skip
    most = max((sum(filter(None, (o.charging, o.preparing, o.idle))) for o in spent), default=0)
    unknown = [x[n] for n, one in enumerate(spent) if one.charging is None]
    hatched(figure, unknown, most * 100, theme, labels.get("no_data", ""))
    if any(share is not None for share in previous):
        figure.add_scatter(
            x=x, y=[None if s is None else s * 100 for s in previous[: len(x)]], mode="lines",
            name=labels["previous"],
            line={"dash": "dash", "width": 1.4, "color": PALETTES[theme]["ink"]},
            customdata=[form.percent(s, 1) for s in previous[: len(x)]], connectgaps=False,
            hovertemplate=f"{labels['previous']} <b>%{{customdata}}</b><extra></extra>",
        )  # fmt: skip
    shown = range(0, len(spent), max(1, -(-len(spent) // 8)))
    figure.update_xaxes(
        type="category", tickangle=0, tickvals=[x[i] for i in shown], showspikes=False,
        ticktext=[tick_words(spent[i].bucket, grain, form) for i in shown],
    )  # fmt: skip
    figure.update_yaxes(rangemode="tozero", ticksuffix="\u00a0%")
    return figure
