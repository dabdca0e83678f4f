"""Which time an address of Utilisation asks for, and what is read of it."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from dashboard import reliability, utilisation
from dashboard.figures_time import Spent
from dashboard.i18n import mark
from dashboard.pages import analysis
from dashboard.pages.reliability_view import LEVELS
from dashboard.periods import Period
from dashboard.reliability import Group, Line, Scope, together

KINDS = {"occupied": mark("Occupied"), "charging": mark("Charging"), "idle": mark("Idle")}


@dataclass(frozen=True)
class View(analysis.View):
    """What the address asks for; anything odd in it falls back to the default. `cell`: the hour
    of the week that is looked into, 5-13 is Friday 13 to 14."""

    page: ClassVar[str] = "utilisation"
    presets: ClassVar[tuple[str, ...]] = ("7d", "4w", "13w", "12m")
    usual: ClassVar[str] = "4w"

    by: str = ""
    heat: str = "occupied"
    cell: str = ""

    @classmethod
    def own(cls, parameters: Any, today: date) -> dict[str, str]:  # noqa: ARG003
        return {
            "by": analysis.one_of(parameters, "by", LEVELS),
            "heat": analysis.one_of(parameters, "heat", KINDS, "occupied"),
            "cell": _cell(str(parameters.get("cell") or "")),
        }

    @property
    def level(self) -> str:
        return self.by or ("evse" if self.station else "station" if self.site else "site")

    @property
    def hour(self) -> tuple[int, int] | None:
        """Weekday (1 to 7) and hour (0 to 23) of the cell."""
        weekday, _, hour = self.cell.partition("-")
        return (int(weekday), int(hour)) if self.cell else None


def _cell(text: str) -> str:
    weekday, _, hour = text.partition("-")
    if not (text.isascii() and weekday.isdecimal() and hour.isdecimal() and len(text) <= 4):
        return ""
    return text if 1 <= int(weekday) <= 7 and int(hour) <= 23 else ""


@dataclass(frozen=True)
class Part:
    """One of the two that are compared: whose time, and what it was spent on."""

    scope: Scope
    period: Period
    lines: list[Line]
    spent: list[Spent]
    hours: utilisation.Week

    @property
    def is_whole(self) -> bool:
        """Whether time was counted from its beginning on: else counts can't be held against it."""
        return bool(self.spent) and self.spent[0].charging is not None

    @property
    def all(self) -> Group:
        return together(self.lines)


def read_part(site: str, station: str, period: Period, today: date) -> Part:
    scope = reliability.read_scope(site, station)
    return Part(
        scope, period, reliability.read_lines(scope, period, today),
        utilisation.read_spent(scope, period), utilisation.read_week(scope, period),
    )  # fmt: skip


def read_other(against: analysis.Against | None, today: date) -> Part | None:
    """What is held against; None: nothing."""
    if against is None:
        return None
    return read_part(against.site, against.station, against.period, today)
