"""Charts of load: mean power over the quarters of a day. Pure, as figures.py."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.figures import PALETTES, faded, template
from dashboard.format import NBSP, Format
from dashboard.load_curve import QUARTERS

HOURS = range(0, 25, 3)
Curve = Sequence[float | None]


@dataclass(frozen=True)
class Day:
    """Curves over one day in W: the average one, the one with the peak, what they are held
    against; a line for what the grid connection takes. Each has its words."""

    mean: Curve
    worst: Curve = ()
    other: Curve = ()
    limit_w: int | None = None


def load_chart(day: Day, form: Format, theme: str, labels: dict[str, str]) -> go.Figure:
    """Steps of a quarter of an hour in kW. `labels`: mean, worst, other, limit, no_data."""
    ink = PALETTES[theme]
    figure = go.Figure(layout={"template": template(theme, form), "margin": {"l": 62, "r": 16}})
    lines = (
        ("worst", day.worst, {"color": ink["ink-3"], "width": 1.4}),
        ("other", day.other, {"color": ink["ink"], "width": 1.4, "dash": "dash"}),
        ("mean", day.mean, {"color": ink["st-charging"], "width": 1.8}),
    )
    for name, curve, line in lines:
        if any(value is not None for value in curve):
            _step(figure, labels[name], curve, form, {**line, "shape": "hv"}, filled=name == "mean")
    if day.limit_w:
        _limit(figure, day.limit_w, f"{labels['limit']} {form.rating(day.limit_w)}", theme)
    _hatch(figure, day, theme, labels["no_data"])
    figure.update_xaxes(tickvals=[hour * 4 for hour in HOURS], range=[0, QUARTERS],
                        ticktext=[f"{hour:02}" for hour in HOURS])  # fmt: skip
    figure.update_yaxes(rangemode="tozero", ticksuffix=f"{NBSP}kW", tickformat=",~r")
    return figure


def _step(
    figure: go.Figure, name: str, curve: Curve, form: Format, line: dict[str, object], *,
    filled: bool,
) -> None:  # fmt: skip
    """A value holds until the next one: the last is drawn twice."""
    values = [None if value is None else value / 1000 for value in (*curve, curve[-1])]
    words = [form.kw(value) for value in (*curve, curve[-1])]
    figure.add_scatter(
        x=list(range(QUARTERS + 1)), y=values, customdata=words, mode="lines", line=line,
        name=name, connectgaps=False, fill="tozeroy" if filled else None,
        fillcolor=faded(str(line["color"]), 0.18), text=[quarter_words(n) for n in range(97)],
        hovertemplate=f"%{{text}} {name} <b>%{{customdata}}</b><extra></extra>",
    )  # fmt: skip


def quarter_words(number: int) -> str:
    """08:15-08:30."""
    begin, end = (divmod(n * 15 % 1440, 60) for n in (number, number + 1))
    return f"{begin[0]:02}:{begin[1]:02}\u2013{end[0]:02}:{end[1]:02}"


def _limit(figure: go.Figure, limit_w: int, words: str, theme: str) -> None:
    colour = PALETTES[theme]
    line = {"dash": "dot", "width": 1.4, "color": colour["ink-2"]}
    figure.add_hline(
        y=limit_w / 1000, line=line, annotation_text=words, annotation_position="top left",
        annotation_font={"color": colour["ink-2"]},
    )  # fmt: skip


def _hatch(figure: go.Figure, day: Day, theme: str, words: str) -> None:
    """Quarters that have not been yet are hatched."""
    missing = [n for n, value in enumerate(day.mean) if value is None]
    if not missing or len(missing) == QUARTERS:
        return
    top = max((value or 0 for value in (*day.mean, *day.worst, *day.other)), default=0) / 1000 or 1
    pattern = {"shape": "/", "size": 6, "fgcolor": faded(PALETTES[theme]["st-unknown"], 0.35)}
    first, last = missing[0], missing[-1] + 1
    figure.add_scatter(
        x=[first, first, last, last], y=[0, top, top, 0], fill="toself", mode="none",
        fillcolor="rgba(0,0,0,0)", fillpattern=pattern, hoverinfo="skip", name=words,
    )  # fmt: skip
