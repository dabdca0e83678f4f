"""Check parameters against the SDK's typed dicts, as strictly as Stripe does.

Names, nesting and types come from `stripe.params.*`, which Stripe generates from its own API
description. `known` are the dotted names whose meaning the double has (`a.*`: whatever is below):
to take a parameter and ignore it would be a lie, so another valid name is refused in clear words.
"""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import get_type_hints, is_typeddict

from billing.double.errors import ApiError, malformed
from billing.double.forms import Tree

_OPTIONS = set(RequestOptions.__annotations__)
_MOST_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500


def check(given: Tree, shape: Any, known: Iterable[str]) -> Tree:
    """`given` with numbers, booleans and lists in place of strings; raises ApiError 400."""
    return _Checker(tuple(known)).an_object(given, shape, "", "")


@cache
def _fields(shape: Any) -> tuple[dict[str, Any], frozenset[str]]:
    # what every typed dict inherits (options of a call) names things only type checkers import
    own = {name: hint for name, hint in shape.__annotations__.items() if name not in _OPTIONS}
    holder = type("Holder", (), {"__annotations__": own, "__module__": shape.__module__})
    hints = get_type_hints(holder)
    return hints, frozenset(shape.__required_keys__) - _OPTIONS


def _members(hint: Any) -> list[Any]:
    """What a union may be, flat."""
    if get_origin(hint) in {Union, UnionType}:
        return [inner for member in get_args(hint) for inner in _members(member)]
    return [hint]


class _Checker:
    def __init__(self, known: tuple[str, ...]) -> None:
        self._known = known

    def an_object(self, given: Tree, shape: Any, path: str, dotted: str) -> Tree:
        hints, required = _fields(shape)
        for name in given:
            if name not in hints:
                where = _below(path, name)
                raise malformed(f"Received unknown parameter: {where}", where, "parameter_unknown")
        for name in sorted(required - given.keys()):
            where = _below(path, name)
            raise malformed(f"Missing required param: {where}.", where, "parameter_missing")
        return {
            name: self._value(value, hints[name], _below(path, name), f"{dotted}.{name}".strip("."))
            for name, value in given.items()
        }

    def _value(self, value: Any, hint: Any, path: str, dotted: str) -> Any:
        self._is_known(dotted, path)
        members = _members(hint)
        if isinstance(value, dict):
            return self._container(value, members, path, dotted)
        return _scalar(value, members, path)

    def _is_known(self, dotted: str, path: str) -> None:
        for name in self._known:
            below = name.endswith("*") and dotted.startswith(name[:-1])
            if dotted == name or below or name.startswith(f"{dotted}."):
                return
        message = f"The double does not know what {path} does: teach it in billing/double first."
        raise ApiError(400, message, param=path, code="double_unsupported", executed=False)

    def _container(self, value: Tree, members: list[Any], path: str, dotted: str) -> Any:
        for member in members:
            if is_typeddict(member):
                return self.an_object(value, member, path, dotted)
            if get_origin(member) is list:
                return self._list(value, get_args(member)[0], path, dotted)
            if get_origin(member) in {dict, UntypedStripeObject}:
                return _metadata(value, path)
        raise malformed(f"Invalid value: {path} cannot be an object or an array", path)

    def _list(self, value: Tree, hint: Any, path: str, dotted: str) -> list[Any]:
        if not all(key.isdecimal() for key in value):
            raise malformed("Invalid array", path)
        return [
            self._value(value[key], hint, f"{path}[{key}]", dotted)
            for key in sorted(value, key=int)
        ]


def _below(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _metadata(value: Tree, path: str) -> dict[str, str]:
    if len(value) > _MOST_KEYS:
        raise malformed(f"Metadata can have at most {_MOST_KEYS} keys.", path)
    for key, text in value.items():
        if not isinstance(text, str):
            raise malformed("Metadata values must be strings", _below(path, key))
        if len(key) > _LONGEST_KEY or len(text) > _LONGEST_VALUE:
            message = f"Metadata keys can be up to {_LONGEST_KEY} characters long and values up to"
            raise malformed(f"{message} {_LONGEST_VALUE}.", _below(path, key))
    return value


def _scalar(value: str, members: list[Any], path: str) -> Any:
    literals = [word for member in members if get_origin(member) is Literal
                for word in get_args(member)]  # fmt: skip
    words = [word for word in literals if word != ""]
    if value in literals:
        return value
    if value == "":
        raise malformed(_EMPTY.format(path), path, "parameter_invalid_empty")
    kinds = [kind for kind in (bool, int, float, Decimal) if kind in members]
    if kinds:
        return _number(value, kinds[0], path)
    if words:
        raise malformed(f"Invalid {path}: must be one of {_or(words)}", path)
    if str not in members:
        raise malformed("Invalid array" if _has_list(members) else "Invalid object", path)
    return value


_EMPTY = (
    "You passed an empty string for '{0}'. We assume empty values are an attempt to unset a"
    " parameter; however '{0}' cannot be unset. You should remove '{0}' from your request or"
    " supply a non-empty value."
)


def _has_list(members: list[Any]) -> bool:
    return any(get_origin(member) is list for member in members)


def _or(words: list[str]) -> str:
    return ", ".join(words[:-1]) + (f", or {words[-1]}" if len(words) > 1 else words[0])


def _number(value: str, kind: type, path: str) -> Any:
    if kind is bool:
        if value not in {"true", "false"}:
            raise malformed(f"Invalid boolean: {value}", path)
        return value == "true"
    if kind is int:
        if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            raise malformed(f"Invalid integer: {value}", path, "parameter_invalid_integer")
        return int(value)
    try:
        return Decimal(value)
    except InvalidOperation:
        raise malformed(f"Invalid decimal: {value}", path) from None
