"""JSON to structs, strictly: whatever does not fit is named with its place and what was expected.

Numbers are read exactly (0.10 is Decimal("0.10"), never a float), null means left out.
"""

import hashlib
import re
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from billing import BillingError

Kind = TypeVar("Kind")
Document = dict[str, Any]
LARGEST = 30  # digits before the decimal point; beyond that a number is a slip or an attack
WORDS = {
    "int": "a whole number",
    "decimal": "a number",
    "int | decimal": "a number",
    "str": "text",
    "object": "an object",
    "array": "a list",
    "bool": "true or false",
    "null": "nothing",
}
PROBLEMS = (
    (r"Object missing required field `(\w+)`", "{1}: missing"),
    (r"Object contains unknown field `(.*)`", "{1}: unknown field"),
    (r"Invalid.*datetime.*", ": expected a date and time such as 2026-11-22T18:00:00Z"),
    (r"Invalid.*date.*", ": expected a date such as 2026-11-22"),
    (r"Expected `([^`]+)`, got `([^`]+)`", ": expected {1}, got {2}"),
)


def parse(text: bytes | str, error: type[BillingError]) -> Document:
    """A JSON object with exact numbers and without its nulls. Raises `error`."""
    try:
        document = DECODER.decode(text)
    except RecursionError:
        raise error("not readable: nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as reason:
        raise error(f"no valid JSON: {str(reason).split(' - at ')[0]}") from None
    if not isinstance(document, dict):
        raise error(f"expected a JSON object, got {_word(_kind(document))}")
    return dict(_without_nulls(document))


def _number(text: str) -> Decimal | int:
    value = Decimal(text)
    whole = value.adjusted() < LARGEST and value == value.to_integral_value()
    return int(value) if whole else value


DECODER = msgspec.json.Decoder(float_hook=_number)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def convert(document: Document, kind: type[Kind], error: type[BillingError]) -> Kind:
    """The document as a struct. Raises `error`: which field, and what was expected."""
    try:
        return msgspec.convert(document, kind, builtin_types=(Decimal,))
    except msgspec.ValidationError as reason:
        raise error(explain(str(reason))) from None


def explain(message: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.a[0].b`" as "a[0].b: expected .., got .."."""
    problem, _, at = message.partition(" - at `$")
    at = at.rstrip("`").removeprefix(".")
    for pattern, form in PROBLEMS:
        if match := re.fullmatch(pattern, problem):
            said = form.format("", *(_word(group) for group in match.groups()))
            return f"{at}.{said}" if at and not said.startswith(":") else f"{at}{said}"
    return f"{at}: {problem}" if at else problem


def _word(kind: str) -> str:
    known = " or ".join(WORDS.get(one, one) for one in kind.split(" | "))
    return WORDS.get(kind, known)


def _kind(value: object) -> str:
    names = {list: "array", str: "str", bool: "bool", int: "int", type(None): "null"}
    return names.get(type(value), "decimal")


def canonical(document: Document) -> bytes:
    """One spelling for one content: sorted keys, no spaces, no nulls, numbers without idle zeros.

    A round trip through the database's jsonb does not change it.
    """
    return ENCODER.encode(_canonical(document))


ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="number")


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    if isinstance(value, Decimal | float):  # a float's repr is what stood in the text
        return _number(str(Decimal(str(value)).normalize()))
    return value


def hash_of(document: Document) -> str:
    """SHA-256 of the canonical document, in hexadecimal: what a session keeps of its tariff."""
    return hashlib.sha256(canonical(document)).hexdigest()
