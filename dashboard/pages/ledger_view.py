"""Which part of the books an address asks for: month, legal entity, site, channel."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from dashboard import data
from dashboard.books import Scope
from dashboard.digits import digits
from dashboard.pages.ledger_words import CHANNELS


@dataclass(frozen=True)
class View:
    """What the address asks for; anything odd in it falls back to the default."""

    month: str
    operator: str = ""
    site: str = ""
    channel: str = ""

    def href(self, **changes: str) -> str:
        asked = {name: value for name, value in vars(replace(self, **changes)).items() if value}
        return f"/app/ledger?{urlencode(asked)}"

    @property
    def first(self) -> date:
        return date.fromisoformat(f"{self.month}-01")


def read_view(parameters: dict[str, Any], today: date) -> View:
    """The view of an address: this month unless it names another one."""
    site, operator = (number_of(parameters.get(name)) for name in ("site", "operator"))
    channel = str(parameters.get("channel") or "")
    month = _month(str(parameters.get("month") or "")) or f"{today:%Y-%m}"
    return View(month, operator, site, channel if channel in CHANNELS else "")


def number_of(text: Any) -> str:
    """Digits that the database's integers can hold, else nothing."""
    return digits(text)


def _month(text: str) -> str:
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return ""
    return text if 2000 <= found.year <= 2199 else ""


def scope_of(view: View, operators: list[data.Row]) -> Scope:
    """The part of the books a view is about."""
    chosen = next((row for row in operators if str(row["operator_id"]) == view.operator),
                  operators[0])  # fmt: skip
    start, end = edges(view.first)
    site_id = int(view.site) if view.site else None
    return Scope(chosen["operator_id"], chosen["currency"], start, end, site_id,
                 view.channel or None)  # fmt: skip


def edges(month: date) -> tuple[datetime, datetime]:
    """The midnights in the operator's zone that a month lies between."""
    zone = data.deps().settings.zone
    first = datetime(month.year, month.month, 1, tzinfo=zone)
    after = shifted(month, 1)
    return first, datetime(after.year, after.month, 1, tzinfo=zone)


def shifted(month: date, months: int) -> date:
    """The first of the month so many months later."""
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
