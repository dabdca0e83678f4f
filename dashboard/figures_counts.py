"""Charts of what can be counted: users, sessions by hour, sales. Pure, as figures.py.

Categories are no states: they are ink in three strengths, never a colour of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.figures import PALETTES, faded, template
from dashboard.format import Format

SHADES = (1.0, 0.45, 0.25)
TICKS = 8


@dataclass(frozen=True)
class Part:
    """One layer of stacked bars: its name, a value for each bar, and each in words."""

    name: str
    values: Sequence[float]
    words: Sequence[str]


@dataclass(frozen=True)
class Axis:
    """The bars' names in full, what the axis says of them, and where each leads to."""

    words: Sequence[str]
    ticks: Sequence[str]
    hrefs: Sequence[str] = ()


def stacked(
    parts: Sequence[Part],
    axis: Axis,
    form: Format,
    theme: str,
    before: Part | None = None,
    suffix: str = "",
) -> go.Figure:
    """Layers of bars; `before` is a dashed line over them, one value a bar."""
    figure = go.Figure(
        layout={"template": template(theme, form), "barmode": "stack", "margin": {"r": 16, "l": 58}}
    )
    places = list(range(len(axis.words)))
    ink = PALETTES[theme]["ink-2"]
    for part, shade in zip(parts, SHADES, strict=False):
        figure.add_bar(
            x=places,
            y=list(part.values),
            name=part.name,
            meta=list(axis.hrefs),
            customdata=list(zip(axis.words, part.words, strict=True)),
            marker={"color": faded(ink, shade), "cornerradius": 1.5},
            hovertemplate=f"{part.name} <b>%{{customdata[1]}}</b><extra></extra>",
        )
    if before is not None:
        count = min(len(places), len(before.values))
        figure.add_scatter(
            x=places[:count],
            y=list(before.values)[:count],
            mode="lines",
            name=before.name,
            line={"dash": "dash", "width": 1.4, "color": PALETTES[theme]["ink"]},
            customdata=list(before.words)[:count],
            hovertemplate=f"{before.name} <b>%{{customdata}}</b><extra></extra>",
        )
    _axes(figure, axis, suffix)
    return figure


def _axes(figure: go.Figure, axis: Axis, suffix: str) -> None:
    """Eight words at most; the hover's heading is the bar's name in full."""
    step = max(1, -(-len(axis.ticks) // TICKS))
    shown = range(0, len(axis.ticks), step)
    figure.update_xaxes(
        tickvals=list(shown),
        ticktext=[axis.ticks[n] for n in shown],
        showspikes=False,
        tickangle=0,
        range=[-0.6, len(axis.words) - 0.4],
    )
    figure.update_xaxes(hoverformat="d")
    figure.update_yaxes(rangemode="tozero", tickformat=",~r", ticksuffix=suffix)
    if figure.data:
        first = figure.data[0]
        first.hovertemplate = "%{customdata[0]}<br>" + str(first.hovertemplate)
    figure.update_layout(hovermode="closest")
