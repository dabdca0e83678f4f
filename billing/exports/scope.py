"""What a file is to hold, read strictly from the request's parameters. Pure."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NoReturn

from msgspec import Struct

from billing import BillingError
from billing.exports.words import word

CHANNELS = ("guest", "registered", "roaming", "company", "free")
CHOICES = {"channel": CHANNELS, "decimal": (",", "."), "language": ("sv", "en")}
NAMES = {"month", "from", "to", "operator_id", "site_id", "currency", *CHOICES}
LARGEST_NUMBER = 2**31 - 1


class ExportError(BillingError):
    """The file can't be made; the message is for the person who asked, and names the field."""


class Scope(Struct, frozen=True):
    """Whole days of an operator's books, perhaps of one site or channel.

    `operator_id` None: the first operator; `currency` None: the operator's own.
    """

    first: date
    last: date
    operator_id: int | None = None
    site_id: int | None = None
    channel: str | None = None
    currency: str | None = None
    decimal: str = ","
    language: str = "sv"

    @property
    def until(self) -> date:
        """The day after the last."""
        return self.last + timedelta(days=1)

    @property
    def name(self) -> str:
        """The period for a file's name: 2026-06, or 2026-06-03--2026-06-10."""
        whole = (self.first.day, self.last) == (1, month_end(self.first))
        return f"{self.first:%Y-%m}" if whole else f"{self.first}--{self.last}"


def read_scope(parameters: object) -> Scope:
    """Raises ExportError that names the field and what was expected there."""
    if not isinstance(parameters, Mapping):
        raise ExportError(word("sv", "bad_parameters"))
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    language = "en" if given.get("language") == "en" else "sv"
    for name in given.keys() - NAMES:
        raise ExportError(word(language, "no_parameter", name))
    first, last = _period(given, language)
    return Scope(
        first,
        last,
        _number(given, "operator_id", language),
        _number(given, "site_id", language),
        _choice(given, "channel", language),
        _currency(given, language),
        _choice(given, "decimal", language) or ",",
        _choice(given, "language", language) or "sv",
    )


def month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _period(given: Mapping[str, Any], language: str) -> tuple[date, date]:
    if "month" in given:
        if "from" in given or "to" in given:
            raise ExportError(word(language, "two_periods"))
        first = _date(given, "month", "-01", "bad_month", language)
        return first, month_end(first)
    if "from" not in given or "to" not in given:
        raise ExportError(word(language, "no_period"))
    first, last = (_date(given, name, "", "bad_day", language) for name in ("from", "to"))
    if last < first:
        raise ExportError(word(language, "turned_period", last, first))
    return first, last


def _date(given: Mapping[str, Any], name: str, ending: str, problem: str, language: str) -> date:
    text = str(given[name]) + ending
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        _wrong(language, problem, name, given[name])
    try:
        found = date.fromisoformat(text)
    except ValueError:
        _wrong(language, problem, name, given[name])
    if not 1971 <= found.year <= 2199:
        _wrong(language, problem, name, given[name])
    return found


def _number(given: Mapping[str, Any], name: str, language: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,10}", str(value), re.ASCII) or int(value) > LARGEST_NUMBER:
        _wrong(language, "bad_number", name, value)
    return int(value)


def _choice(given: Mapping[str, Any], name: str, language: str) -> str | None:
    value = given.get(name)
    if value is not None and value not in CHOICES[name]:
        _wrong(language, "bad_choice", name, value, " | ".join(CHOICES[name]))
    return value


def _currency(given: Mapping[str, Any], language: str) -> str | None:
    value = given.get("currency")
    if value is not None and not re.fullmatch(r"[A-Z]{3}", str(value), re.ASCII):
        _wrong(language, "bad_currency", "currency", value)
    return value


def _wrong(language: str, problem: str, name: str, value: object, *more: object) -> NoReturn:
    raise ExportError(word(language, problem, name, str(value)[:60], *more))
