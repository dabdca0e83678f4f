"""Charts as plotly figures: pure functions from numbers to figures, dark and light.

Texts arrive finished: `labels` are in the reader's language, values are written by a Format.
Plotly cannot read CSS variables, so `PALETTES` repeats the tokens of assets/tokens.css (a test
holds them together). Instants are drawn in the zone of the Format.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.format import NBSP, Format, locale_of

CONFIG = {"displayModeBar": False, "responsive": True}
PALETTES = {
    "dark": {
        "ink": "#E9EDF3", "ink-2": "#A3AEBD", "ink-3": "#7E8A9A", "grid": "#1F2630",
        "line-strong": "#343E4C", "raised": "#181D25", "surface": "#11151B",
        "st-charging": "#447BEE", "st-unknown": "#DFE3E8",
    },
    "light": {
        "ink": "#141B25", "ink-2": "#4C5868", "ink-3": "#667282", "grid": "#ECEFF3",
        "line-strong": "#C6CDD6", "raised": "#FFFFFF", "surface": "#FFFFFF",
        "st-charging": "#1E41AA", "st-unknown": "#23272D",
    },
}  # fmt: skip
STEPS = [timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)]
GAP_FLOOR = timedelta(minutes=3)
SPACING = 0.1  # between strips: the lowest label of one must not touch the highest of the next


@dataclass(frozen=True)
class Curve:
    """Readings of one session in order of time; a value that was not measured is None."""

    at: Sequence[datetime]
    power_w: Sequence[float | None]
    energy_wh: Sequence[float | None]
    soc_pct: Sequence[float | None]


@dataclass(frozen=True)
class Bar:
    """Energy of one bucket that starts at `bucket`; incomplete ones are drawn lighter, those of a
    time of which nothing is known are hatched. `href` is what a click on it leads to."""

    bucket: datetime
    energy_wh: float
    complete: bool = True
    known: bool = True
    href: str = ""


def config(form: Format) -> Any:
    """How every chart behaves, and plotly's own words in the reader's language."""
    locale = locale_of(form.language)
    days, months = locale.days["format"], locale.months["format"]
    week = (6, 0, 1, 2, 3, 4, 5)  # plotly's begins on Sunday
    names = {
        "days": [days["wide"][n] for n in week],
        "shortDays": [days["abbreviated"][n] for n in week],
        "months": [months["wide"][n] for n in range(1, 13)],
        "shortMonths": [months["abbreviated"][n] for n in range(1, 13)],
        "date": "%Y-%m-%d" if form.language == "sv" else "%d/%m/%Y",
    }
    locales = {form.language: {"dictionary": {}, "format": names}}
    return {**CONFIG, "locale": form.language, "locales": locales}


def template(theme: str, form: Format) -> go.layout.Template:
    """No frame, horizontal grid only, figures of the reader's language."""
    colour = PALETTES[theme]
    font = {"family": "Inter, system-ui, sans-serif", "size": 11, "color": colour["ink-2"]}
    axis = {"zeroline": False, "tickfont": {"color": colour["ink-3"]}, "fixedrange": True}
    edge = colour["line-strong"]
    hover = {
        "bgcolor": colour["raised"],
        "bordercolor": edge,
        "font": font | {"color": colour["ink"]},
    }
    spike = {"showspikes": True, "spikethickness": 1, "spikecolor": colour["ink-3"]}
    across = {
        **axis, **spike, "showgrid": False, "ticks": "outside", "ticklen": 4,
        "spikemode": "across", "spikedash": "solid", "linecolor": edge, "tickcolor": edge,
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": font,
            "margin": {"l": 44, "r": 92, "t": 8, "b": 28}, "hovermode": "x unified",
            "hoverlabel": hover, "showlegend": False, "bargap": 0.12, "uirevision": "kept",
            "separators": ",\u202f" if form.language == "sv" else ".,",
            "xaxis": across, "yaxis": {**axis, "gridcolor": colour["grid"], "nticks": 5},
        }
    )  # fmt: skip


def empty_figure(theme: str, form: Format) -> go.Figure:
    """Axes without data, for the moment before the first reading."""
    hidden = {"visible": False}
    return go.Figure(layout={"template": template(theme, form), "xaxis": hidden, "yaxis": hidden})


def session_curve(
    curve: Curve, form: Format, theme: str, labels: dict[str, str], limit_w: float | None = None
) -> go.Figure:
    """Power, energy and state of charge as strips on one time axis; never two y axes.

    `labels`: power, energy, soc, no_data. Readings further apart than three times the usual are
    not joined; the gap is hatched. Without any state of charge that strip is left out.
    """
    if not curve.at:
        return empty_figure(theme, form)
    strips = _strips(curve, form, labels)
    figure = make_subplots(rows=len(strips), shared_xaxes=True, vertical_spacing=SPACING,
                           row_heights=[0.55, 0.22, 0.22][: len(strips)])  # fmt: skip
    figure.update_layout(template=template(theme, form))
    for row, strip in enumerate(strips, 1):
        _draw_strip(figure, row, strip, curve.at, form, theme)
    if limit_w:
        dash = {"dash": "dash", "width": 1.4, "color": PALETTES[theme]["ink-3"]}
        figure.add_hline(y=limit_w / 1000, line=dash, row=1, col=1)
    for row in range(1, len(strips)):
        figure.update_xaxes(ticks="", row=row, col=1)
    _hatch_gaps(figure, curve.at, form, theme, labels["no_data"])
    ticks = time_ticks(curve.at[0], curve.at[-1])
    figure.update_xaxes(tickvals=[_local(at, form) for at in ticks], hoverformat="%H:%M:%S",
                        ticktext=[form.time(at) for at in ticks])  # fmt: skip
    return figure


@dataclass(frozen=True)
class _Strip:
    name: str
    values: list[float | None]
    words: list[str]
    filled: bool
    top: float | None = None


def _strips(curve: Curve, form: Format, labels: dict[str, str]) -> list[_Strip]:
    power = [form.kw(value) for value in curve.power_w]
    energy = [form.kwh(value, 2) for value in curve.energy_wh]
    kwh = _scaled(curve.energy_wh, 1000)
    strips = [
        _Strip(labels["power"], _scaled(curve.power_w, 1000), power, filled=True),
        _Strip(labels["energy"], kwh, energy, filled=False,
               top=round_above(max((v for v in kwh if v is not None), default=0))),
    ]  # fmt: skip
    if any(value is not None for value in curve.soc_pct):
        shares = _scaled(curve.soc_pct, 100)
        soc = [form.percent(share) for share in shares]
        strips.append(_Strip(labels["soc"], list(curve.soc_pct), soc, filled=False, top=100))
    return strips


def _scaled(values: Sequence[float | None], divisor: float) -> list[float | None]:
    return [None if value is None else float(value) / divisor for value in values]


def round_above(value: float) -> float:
    """The end of an axis: the next of 2, 4, 10, 20, 40, .. whose half is round as well."""
    top = 2.0
    while top <= value:
        top *= 2.5 if str(top).startswith("4") else 2
    return top


def _draw_strip(
    figure: go.Figure, row: int, strip: _Strip, at: Sequence[datetime], form: Format, theme: str
) -> None:
    colour = PALETTES[theme]["st-charging" if strip.filled else "ink"]
    x, y, words = _broken(at, strip.values, strip.words)
    figure.add_scatter(
        x=[_local(point, form) for point in x], y=y, customdata=words, row=row, col=1,
        name=strip.name, mode="lines", line={"color": colour, "width": 1.8}, connectgaps=False,
        fill="tozeroy" if strip.filled else None, fillcolor=faded(colour, 0.18),
        hovertemplate=f"{strip.name} <b>%{{customdata}}</b><extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(rangemode="tozero", range=[0, strip.top] if strip.top else None,
                        nticks=5 if strip.filled else 3,
                        tickvals=[0, strip.top / 2, strip.top] if strip.top else None,
                        row=row, col=1)  # fmt: skip
    _end_label(figure, row, strip, at[-1], form, theme)


def _end_label(
    figure: go.Figure, row: int, strip: _Strip, at: datetime, form: Format, theme: str
) -> None:
    """The newest value stands at the line's end instead of a legend."""
    known = [i for i, value in enumerate(strip.values) if value is not None]
    if not known:
        return
    ink, quiet = PALETTES[theme]["ink"], PALETTES[theme]["ink-2"]
    figure.add_annotation(
        x=_local(at, form), y=strip.values[known[-1]], row=row, col=1, showarrow=False,
        xanchor="left", xshift=8, align="left", font={"color": quiet},
        text=f'<b style="color:{ink};font-size:13px">{strip.words[known[-1]]}</b><br>{strip.name}',
    )  # fmt: skip


def gaps(at: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Stretches without readings: over three times the usual distance, and over three minutes."""
    pairs = list(pairwise(at))
    if not pairs:
        return []
    usual = median((later - earlier).total_seconds() for earlier, later in pairs)
    longest = max(timedelta(seconds=3 * usual), GAP_FLOOR)
    return [(earlier, later) for earlier, later in pairs if later - earlier > longest]


def _broken(
    at: Sequence[datetime], values: Sequence[float | None], words: Sequence[str]
) -> tuple[list[datetime], list[float | None], list[str]]:
    """The points with an empty one inside every gap, so that no line crosses it."""
    holes = dict(gaps(at))
    points: list[tuple[datetime, float | None, str]] = []
    for when, value, word in zip(at, values, words, strict=True):
        points.append((when, value, word))
        if when in holes:
            points.append((when + (holes[when] - when) / 2, None, ""))
    return [p[0] for p in points], [p[1] for p in points], [p[2] for p in points]


def _hatch_gaps(
    figure: go.Figure, at: Sequence[datetime], form: Format, theme: str, label: str
) -> None:
    peak = max((v for v in figure.data[0].y if v is not None), default=1) or 1
    for start, end in gaps(at):
        x0, x1 = _local(start, form), _local(end, form)
        pattern = {"shape": "/", "size": 6, "fgcolor": faded(PALETTES[theme]["st-unknown"], 0.35)}
        figure.add_scatter(
            x=[x0, x0, x1, x1], y=[0, peak, peak, 0], fill="toself", mode="none", row=1, col=1,
            fillcolor="rgba(0,0,0,0)", fillpattern=pattern, hoverinfo="skip",
        )  # fmt: skip
        words = f"{label} {form.time(start)}\u2013{form.time(end)}"
        middle = _local(start + (end - start) / 2, form)
        figure.add_annotation(x=middle, y=0, yanchor="bottom", text=words, showarrow=False,
                              row=1, col=1)  # fmt: skip


def energy_bars(
    bars: Sequence[Bar],
    form: Format,
    theme: str,
    grain: str,
    previous_wh: Sequence[float | None] = (),
    labels: dict[str, str] | None = None,
) -> go.Figure:
    """kWh per bucket; `grain` is hour, day or month and decides what the axis says.

    `previous_wh` draws what they are held against as a dashed line (`labels["previous"]` names
    it, `labels["no_data"]` what is hatched).
    """
    figure = go.Figure(layout={"template": template(theme, form), "margin": {"r": 16}})
    if not bars:
        return empty_figure(theme, form)
    colour = PALETTES[theme]["ink-2"]
    x = list(range(len(bars)))
    figure.add_bar(
        x=x, y=[bar.energy_wh / 1000 if bar.known else None for bar in bars],
        meta=[bar.href for bar in bars],
        customdata=[f"{bucket_words(bar.bucket, grain, form)}<br><b>{form.kwh(bar.energy_wh)}</b>"
                    for bar in bars],
        marker={"color": colour, "cornerradius": 1.5,
                "opacity": [1.0 if bar.complete else 0.45 for bar in bars]},
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    names = labels or {}
    hatched(figure, [n for n, bar in enumerate(bars) if not bar.known],
            max(bar.energy_wh for bar in bars) / 1000, theme, names.get("no_data", ""))  # fmt: skip
    if previous_wh:
        name = names.get("previous", "")
        line = {"dash": "dash", "width": 1.4, "color": PALETTES[theme]["ink"]}
        words = [f"{name} {form.kwh(value)}" for value in previous_wh]
        shown_as = {"customdata": words, "hovertemplate": "%{customdata}<extra></extra>"}
        figure.add_scatter(x=x, y=_scaled(previous_wh, 1000), mode="lines", line=line, **shown_as)
    shown = range(0, len(bars), max(1, -(-len(bars) // 8)))
    words = [tick_words(bars[i].bucket, grain, form) for i in shown]
    figure.update_xaxes(tickvals=list(shown), ticktext=words, showspikes=False, tickangle=0)
    figure.update_yaxes(rangemode="tozero", ticksuffix=f"{NBSP}kWh", tickformat=",~r")
    figure.update_layout(hovermode="x", margin={"l": 76})
    return figure


def hatched(figure: go.Figure, places: Sequence[Any], top: float, theme: str, words: str) -> None:
    """Hatch the bars of which nothing is known: never a zero, never left blank."""
    if not places:
        return
    pattern = {"shape": "/", "size": 6, "solidity": 0.25,
               "fgcolor": faded(PALETTES[theme]["st-unknown"], 0.35)}  # fmt: skip
    figure.add_bar(
        x=list(places), y=[top or 1] * len(places), name=words, showlegend=False,
        marker={"color": "rgba(0,0,0,0)", "pattern": pattern, "line": {"width": 0}},
        hovertemplate=f"{words}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(barmode=figure.layout.barmode or "overlay")


def bucket_words(bucket: datetime, grain: str, form: Format) -> str:
    """A bucket in full: 22 Nov 14:00-15:00, Sunday 22 Nov, Nov 2026."""
    if grain == "month":
        return form.month(bucket)
    if grain == "day":
        return form.date(bucket, weekday=True)
    return f"{form.date(bucket)} {form.time(bucket)}\u2013{form.time(bucket + timedelta(hours=1))}"


def tick_words(bucket: datetime, grain: str, form: Format) -> str:
    """A bucket as an axis says it; midnight shows the date instead of 00:00."""
    if grain == "month":
        return form.month(bucket)
    if grain == "day" or form.time(bucket) == "00:00":
        return form.date(bucket)
    return form.time(bucket)


def time_ticks(start: datetime, end: datetime, at_most: int = 6) -> list[datetime]:
    """Round instants between two others, `at_most` of them."""
    span = end - start
    step = next((s for s in STEPS if span / s <= at_most), STEPS[-1])
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + -(-(start - midnight) // step) * step
    return list(_steps(first, end, step))


def _steps(first: datetime, end: datetime, step: timedelta) -> Iterable[datetime]:
    while first <= end:
        yield first
        first += step


def faded(colour: str, alpha: float) -> str:
    """#RRGGBB with an opacity, as plotly wants it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def _local(at: datetime, form: Format) -> Any:
    """Wall-clock time of the reader's zone: plotly draws what it is given."""
    return at.astimezone(form.zone).replace(tzinfo=None)
