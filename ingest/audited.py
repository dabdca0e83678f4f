"""What an audit says: results of checks, and the differences in them. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from msgspec import Struct

KEPT = 500  # differences of one check: beyond that people mend the cause, not the numbers
T = TypeVar("T")


class Difference(Struct, frozen=True):
    """A number that is not what the raw facts say; `at` is the time it is about."""

    subject: str
    at: datetime
    expected: str
    found: str
    evidence: dict[str, Any] = {}


class Result(Struct):
    """What a check looked at and found; of very many differences only the first are kept."""

    name: str
    checked: int = 0
    differences: int = 0
    found: list[Difference] = []

    @property
    def ok(self) -> bool:
        return not self.differences

    def add(self, difference: Difference) -> None:
        self.differences += 1
        if len(self.found) < KEPT:
            self.found.append(difference)

    def join(self, other: "Result") -> None:
        """Take in what the same check found in another period."""
        self.checked += other.checked
        self.differences += other.differences - len(other.found)
        for difference in other.found:
            self.add(difference)


def result_of(name: str, checked: int, found: Iterable[Difference]) -> Result:
    result = Result(name, checked)
    for difference in found:
        result.add(difference)
    return result


def together(parts: Iterable[Result]) -> list[Result]:
    """One result per check, in the order of their first appearance."""
    named: dict[str, Result] = {}
    for part in parts:
        named.setdefault(part.name, Result(part.name)).join(part)
    return list(named.values())


def utc(at: datetime | None) -> str:
    """An instant as differences show it: to the second, or to what it has beyond."""
    return "none" if at is None else at.isoformat(" ").replace("+00:00", "Z")


def pieces(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
