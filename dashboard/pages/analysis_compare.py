"""Two sites, or two periods, side by side: each figure of both, and how far they are apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dash import html

from dashboard.components import Child, Column, panel, table
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, t
from dashboard.uptime import difference


@dataclass(frozen=True)
class Measure:
    """One figure of both (`pair`: now, other); `words` writes it. Shares are apart by percentage
    points, everything else by percent of what it is held against."""

    label: str
    pair: tuple[float | None, float | None]
    words: Callable[[float | None], str]
    is_share: bool = False
    digits: int = 1


def apart(one: Measure) -> str:
    """The difference with its sign: +1.8 pp, or -6.1 %."""
    change = difference(*one.pair)
    if change is None:
        return UNKNOWN
    if one.is_share:
        return formatter().points(change, one.digits)
    return relative(*one.pair) or UNKNOWN


def relative(now: float | None, other: float | None) -> str:
    """By how many percent more or less, with a sign; empty where there is nothing to hold
    against."""
    change = difference(now, other)
    if change is None or not other:
        return ""
    return formatter().signed(100 * change / abs(other), 1) + "\u00a0%"


def changed(now: float | None, other: float | None) -> Child:
    """The same small beside a figure; neither good nor bad by itself."""
    words = relative(now, other)
    return html.Small(words) if words else ""


def side_by_side(names: tuple[str, str], measures: Sequence[Measure], sub: str) -> Child:
    """A row for each figure; `names`: whose the two columns are."""
    columns = [Column(t("Figure"), "ell"), *(Column(name, "num") for name in names),
               Column(t("Difference"), "num")]  # fmt: skip
    rows: list[list[Child]] = [
        [one.label, html.B(one.words(one.pair[0])), one.words(one.pair[1]), apart(one)]
        for one in measures
    ]
    return panel(t("Side by side"), table(t("Side by side"), columns, rows), sub=sub,
                 id="side-by-side")  # fmt: skip
