"""The week by hour as a table whose cells carry their number and a shade of one blue."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from dash import html

from dashboard.components import Child, empty_state, panel, segments
from dashboard.i18n import formatter, mark, t
from dashboard.pages.frame import named
from dashboard.pages.reliability_view import period_words
from dashboard.utilisation import Week

KINDS = {"occupied": mark("Occupied"), "charging": mark("Charging"), "idle": mark("Idle")}
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15)  # percentage points between two shades
SHADES = 6
MONDAY = date(2024, 1, 1)


def heat(kind: str, week: Week, href: Callable[[str], str]) -> Child:
    """Shares of the evses, Monday to Sunday by hour; the fullest hour has a frame."""
    choices = [(t(words), href(key), key == kind) for key, words in KINDS.items()]
    sub = t("% of evses, {period}", period=period_words(week.period))
    title = t("The week by hour")
    peak = week.peak(kind)
    if peak is None:
        return panel(title, empty_state(t("No evse was in service")), sub=sub)
    step = _step(week, kind)
    rows = [_day(week, kind, weekday, step, peak) for weekday in range(1, 8)]
    head = [html.Th(t("Weekday"), scope="col")]
    head += [html.Th(f"{hour:02}", scope="col", className="num" if hour % 3 == 0 else "num thin")
             for hour in range(24)]  # fmt: skip
    head.append(html.Th(t("all day"), scope="col", className="num"))
    grid = html.Table([html.Caption(title), html.Thead(html.Tr(head)), html.Tbody(rows)],
                      className="heat week")  # fmt: skip
    shown = html.Div(grid, className="wide", tabIndex="0", role="region", **named(title))
    return panel(title, shown, _legend(step, week, kind, peak), sub=sub,
                 right=[segments(choices, t("What is shown"))], id="week")  # fmt: skip


def _step(week: Week, kind: str) -> int:
    """Round steps, so that the fullest hour gets the last shade or the one before it."""
    most = max((week.value(*key, kind) or 0 for key in week.cells), default=0) * 100
    return next((step for step in STEPS if step * SHADES >= most), STEPS[-1])


def _day(week: Week, kind: str, weekday: int, step: int, peak: tuple[int, int]) -> Child:
    cells: list[Any] = [html.Th(weekday_words(weekday), scope="row")]
    cells += [
        _cell(week.value(weekday, hour, kind), step, is_peak=(weekday, hour) == peak)
        for hour in range(24)
    ]
    cells.append(html.Td(formatter().percent(week.day(weekday, kind), 1), className="day"))
    return html.Tr(cells)


def _cell(value: float | None, step: int, *, is_peak: bool) -> Child:
    if value is None:
        return html.Td("\u2013", className="none")
    shade = min(SHADES - 1, int(value * 100 // step))
    form = formatter()
    return html.Td(
        form.number(value * 100), className=f"h{shade}" + (" peak" if is_peak else ""),
        title=form.percent(value, 1),
    )  # fmt: skip


def weekday_words(weekday: int) -> str:
    at = datetime(2024, 1, 1, 12, tzinfo=formatter().zone) + timedelta(days=weekday - 1)
    return formatter().weekday(at)


def peak_words(week: Week, kind: str) -> str:
    """Fri 13-14: 48 %."""
    peak = week.peak(kind)
    if peak is None:
        return "\u2013"
    weekday, hour = peak
    return f"{weekday_words(weekday)} {hour:02}\u2013{(hour + 1) % 24:02}"


def _legend(step: int, week: Week, kind: str, peak: tuple[int, int]) -> Child:
    words = [f"< {step}", *(f"{step * n}\u2013{step * (n + 1)}" for n in range(1, SHADES - 1)),
             f"\u2265 {step * (SHADES - 1)}"]  # fmt: skip
    shades = [html.Span([html.I(className=f"h{n}"), text]) for n, text in enumerate(words)]
    value = formatter().percent(week.value(*peak, kind))
    told = t("Most: {when}, {share} of evses", when=peak_words(week, kind), share=value)
    return html.Div([*shades, html.Span(className="sp"), html.Span(told)], className="heat-legend")
