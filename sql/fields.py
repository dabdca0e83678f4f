"""What people write into forms and files, field by field: a value, or what was expected. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global

from sql import RequestError

Check = Callable[[str, str], Any]
Read = Callable[[str], Decimal]

# OCPI's names of what people call connectors
STANDARDS = {
    "type1": "IEC_62196_T1", "typ1": "IEC_62196_T1", "j1772": "IEC_62196_T1",
    "type2": "IEC_62196_T2", "typ2": "IEC_62196_T2", "mennekes": "IEC_62196_T2",
    "ccs": "IEC_62196_T2_COMBO", "ccs2": "IEC_62196_T2_COMBO", "combo": "IEC_62196_T2_COMBO",
    "ccs1": "IEC_62196_T1_COMBO", "chademo": "CHADEMO", "schuko": "DOMESTIC_F",
}  # fmt: skip
OCPI_NAME = re.compile("[A-Z][A-Z0-9_]{1,39}")
CODE = re.compile(r"[\w*.:~-]{1,40}")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
MOST_W = 10_000_000
YES, NO = ("yes", "true", "1", "ja", "x"), ("no", "false", "0", "nej")
SHOWN = 60  # characters of a wrong value that are told


class FieldError(RequestError):
    """What can't be taken as it is: which field, what it says, what was expected.

    `expected` is a sentence's part with {names}, which `values` fill in: it can be translated.
    """

    def __init__(self, field: str, value: str, expected: str, **values: object) -> None:
        super().__init__(field, value, expected)
        self.field, self.value, self.template, self.values = field, value, expected, values
        self.expected = expected.format(**values) if values else expected

    def __str__(self) -> str:
        return f"expected {self.expected}, found {self.value or 'nothing'}"


class RefusedError(RequestError):
    """What was asked for can't be done; a sentence with {names}, which `values` fill in."""

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format(**values))
        self.template, self.values = template, values


class FormError(RequestError):
    """Everything that is wrong with a form, by field."""

    def __init__(self, errors: Mapping[str, FieldError]) -> None:
        super().__init__("; ".join(f"{name}: {error}" for name, error in errors.items()))
        self.errors = dict(errors)


def read_form(
    form: Mapping[str, str], checks: Mapping[str, Check], needed: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Every field's value, None where nothing is written. Raises FormError: all that is wrong."""
    values: dict[str, Any] = {}
    errors: dict[str, FieldError] = {}
    for name, check in checks.items():
        text = (form.get(name) or "").strip()
        try:
            if not text and name in needed:
                raise FieldError(name, "", "something written here")
            values[name] = check(name, text) if text else None
        except FieldError as error:
            errors[name] = error
    if errors:
        raise FormError(errors)
    return values


def plain(most: int) -> Check:
    def check(field: str, text: str) -> str:
        if not text.isprintable() or len(text) > most:
            raise FieldError(field, text[:SHOWN], "1 to {most} printable characters", most=most)
        return text

    return check


def whole(least: int, most: int) -> Check:
    def check(field: str, text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text[:12]) <= most:
            raise FieldError(field, text[:SHOWN], "a whole number from {least} to {most}",
                             least=least, most=most)  # fmt: skip
        return int(text)

    return check


def one_of(*choices: str) -> Check:
    def check(field: str, text: str) -> str:
        if text not in choices:
            raise FieldError(field, text[:SHOWN], "one of {choices}", choices=", ".join(choices))
        return text

    return check


def decimal(text: str) -> Decimal:
    """22, 22.5, 22,5: coordinates and ratings have no thousands. Raises ArithmeticError."""
    return Decimal("".join(text[:SHOWN].split()).replace("\u2212", "-").replace(",", "."))


def degrees(most: int, read: Read = decimal) -> Check:
    def check(field: str, text: str) -> float:
        try:
            value = float(read(text))
        except (ValueError, ArithmeticError):
            value = math.inf
        if not -most <= value <= most:
            raise FieldError(field, text[:SHOWN], "degrees from -{most} to {most}", most=most)
        return value

    return check


def watts(unit: int, read: Read = decimal) -> Check:
    """Power in W, of a number of W (1) or kW (1000)."""

    def check(field: str, text: str) -> int:
        try:
            bare = re.sub(r"(?i)\s*k?w$", "", text)
            factor = 1000 if text.lower().endswith("kw") else unit
            value = int(read(bare) * factor)
        except (ValueError, ArithmeticError):
            value = 0
        if not 1 <= value <= MOST_W:
            name = "W" if unit == 1 else "kW"
            raise FieldError(field, text[:SHOWN], "a number of {unit} up to {most}",
                             unit=name, most=MOST_W // unit)  # fmt: skip
        return value

    return check


def country(field: str, text: str) -> str:
    """Two letters, of two or three."""
    code = text.upper()
    found = get_global("territory_aliases").get(code, [code]) if len(code) == 3 else [code]
    if len(found) != 1 or not re.fullmatch("[A-Z]{2}", str(found[0])):
        raise FieldError(field, text[:SHOWN], "a country's two or three letters, e.g. SE")
    return str(found[0])


def time_zone(field: str, text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):
        raise FieldError(field, text[:SHOWN], "a time zone such as Europe/Stockholm") from None


def standard(field: str, text: str) -> str:
    """A connector in OCPI's spelling, or as people call it."""
    known = STANDARDS.get(re.sub(r"[\W_]", "", text.lower()))
    if known is None and not OCPI_NAME.fullmatch(text):
        raise FieldError(field, text[:SHOWN], "a connector in OCPI's spelling, e.g. IEC_62196_T2")
    return known or text


def public_code(field: str, text: str) -> str:
    if not CODE.fullmatch(text):
        raise FieldError(field, text[:SHOWN], "1 to 40 letters, digits or * . : ~ - _")
    return text


def phone(field: str, text: str) -> str:
    """As it is printed: digits, and what people put between them."""
    if not re.fullmatch(r"\+?[\d ()/-]{3,40}", text) or sum(map(str.isdecimal, text)) < 3:
        raise FieldError(field, text[:SHOWN], "a phone number such as 08-123 456 78")
    return text


def email(field: str, text: str) -> str:
    if not ADDRESS.fullmatch(text) or len(text) > 254 or not text.isprintable():
        raise FieldError(field, text[:SHOWN], "an e-mail address")
    return text


def last_day(zone: ZoneInfo) -> Check:
    """The instant that a last day ends at in a zone; or an instant, with its offset."""

    def check(field: str, text: str) -> datetime:
        try:
            if len(text) == len("2027-01-31"):
                day = date.fromisoformat(text) + timedelta(days=1)
                found = datetime(day.year, day.month, day.day, tzinfo=zone)
            else:
                found = datetime.fromisoformat(text)
            if found.tzinfo is None or not 2000 <= found.year <= 2199:
                raise ValueError(text)
        except (ValueError, OverflowError):
            raise FieldError(field, text[:SHOWN], "a day such as 2027-01-31") from None
        return found.astimezone(UTC)

    return check


def yes(field: str, text: str) -> bool:
    """Yes and no as files write them."""
    word = text.casefold()
    if word not in {*YES, *NO}:
        raise FieldError(field, text[:SHOWN], "yes or no")
    return word in YES


station_id = plain(48)
