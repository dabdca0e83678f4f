"""The week by hour as a table whose cells carry their number and a shade of one blue."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dash import html

from dashboard.components import Child, aria, empty_state, panel, segments
from dashboard.csv_text import percent
from dashboard.downloads import Table
from dashboard.i18n import formatter, t
from dashboard.pages.analysis import period_words
from dashboard.pages.analysis_bar import file_name, takeaways
from dashboard.pages.frame import named
from dashboard.pages.utilisation_view import KINDS, Part, View
from dashboard.utilisation import Week

STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15)  # percentage points between two shades
SHADES = 6


@dataclass(frozen=True)
class Shades:
    """How the cells of a week are drawn: points a shade, the fullest hour."""

    view: View
    week: Week
    step: int
    peak: tuple[int, int]


def heat(view: View, mine: Part) -> Child:
    """Shares of the evses, Monday to Sunday by hour; the fullest hour has a frame, and each leads
    to its dates."""
    kind, week = view.heat, mine.hours
    choices = [(t(words), view.href(heat=key), key == kind) for key, words in KINDS.items()]
    sub = t("% of evses, {period}", period=period_words(week.period))
    title = t("The week by hour")
    peak = week.peak(kind)
    if peak is None:
        return panel(title, empty_state(t("No evse was in service")), sub=sub)
    shades = Shades(view, week, _step(week, kind), peak)
    shown = html.Div(_grid(shades, title), className="wide", tabIndex="0", role="region",
                     **named(title))  # fmt: skip
    right = [segments(choices, t("What is shown")),
             *takeaways(view, mine.period, "utilisation-week")]  # fmt: skip
    return panel(title, shown, _legend(shades.step, week, kind, peak), sub=sub, right=right,
                 id="week")  # fmt: skip


def _grid(shades: Shades, title: str) -> Child:
    head = [html.Th(t("Weekday"), scope="col")]
    head += [html.Th(f"{hour:02}", scope="col", className="num" if hour % 3 == 0 else "num thin")
             for hour in range(24)]  # fmt: skip
    head.append(html.Th(t("all day"), scope="col", className="num"))
    rows = [_day(shades, weekday) for weekday in range(1, 8)]
    return html.Table([html.Caption(title), html.Thead(html.Tr(head)), html.Tbody(rows)],
                      className="heat week", id="week-cells")  # fmt: skip


def _step(week: Week, kind: str) -> int:
    """Round steps, so that the fullest hour gets the last shade or the one before it."""
    most = max((week.value(*key, kind) or 0 for key in week.cells), default=0) * 100
    return next((step for step in STEPS if step * SHADES >= most), STEPS[-1])


def _day(shades: Shades, weekday: int) -> Child:
    week, kind = shades.week, shades.view.heat
    cells: list[Any] = [html.Th(weekday_words(weekday), scope="row")]
    cells += [_cell(shades, weekday, hour) for hour in range(24)]
    cells.append(html.Td(formatter().percent(week.day(weekday, kind), 1), className="day"))
    return html.Tr(cells)


def _cell(shades: Shades, weekday: int, hour: int) -> Child:
    """A number that leads to its dates; by Tab the fullest is reached, the others by arrows."""
    value = shades.week.value(weekday, hour, shades.view.heat)
    if value is None:
        return html.Td("\u2013", className="none")
    form, is_peak = formatter(), (weekday, hour) == shades.peak
    shade = min(SHADES - 1, int(value * 100 // shades.step))
    when = hour_words(weekday, hour)
    words = f"{when}: {form.percent(value, 1)}"
    label = f"{when}: {form.percent(value)}"  # holds what is written in the cell
    here = aria(current="true") if shades.view.hour == (weekday, hour) else {}
    href = shades.view.href(cell=f"{weekday}-{hour}")
    link = html.A(form.number(value * 100), href=href, title=words,
                  tabIndex=0 if is_peak else -1, **aria(label=label), **here)  # fmt: skip
    return html.Td(link, className=f"h{shade}" + (" peak" if is_peak else ""))


def weekday_words(weekday: int) -> str:
    at = datetime(2024, 1, 1, 12, tzinfo=formatter().zone) + timedelta(days=weekday - 1)
    return formatter().weekday(at)


def hour_words(weekday: int, hour: int) -> str:
    """Fri 13-14."""
    return f"{weekday_words(weekday)} {hour:02}\u2013{(hour + 1) % 24:02}"


def peak_words(week: Week, kind: str) -> str:
    """The fullest hour; a dash without any."""
    peak = week.peak(kind)
    return "\u2013" if peak is None else hour_words(*peak)


def _legend(step: int, week: Week, kind: str, peak: tuple[int, int]) -> Child:
    words = [f"< {step}", *(f"{step * n}\u2013{step * (n + 1)}" for n in range(1, SHADES - 1)),
             f"\u2265 {step * (SHADES - 1)}"]  # fmt: skip
    shades = [html.Span([html.I(className=f"h{n}"), text]) for n, text in enumerate(words)]
    value = formatter().percent(week.value(*peak, kind))
    told = t("Most: {when}, {share} of evses", when=peak_words(week, kind), share=value)
    return html.Div([*shades, html.Span(className="sp"), html.Span(told)], className="heat-legend")


def week_table(view: View, mine: Part) -> Table:
    """All hours of the week with their shares, as a file."""
    header = [t("Weekday"), t("Hour"), *(f"{t(words)}, %" for words in KINDS.values())]
    rows = [
        [weekday_words(weekday), f"{hour:02}:00",
         *(percent(mine.hours.value(weekday, hour, kind)) for kind in KINDS)]
        for weekday in range(1, 8) for hour in range(24)
    ]  # fmt: skip
    return Table(file_name(view, mine.period, "utilisation-week"), header, rows)
