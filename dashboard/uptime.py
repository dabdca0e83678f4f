"""What the figures of reliability and utilisation are made of: seconds in, shares out. Pure.

Uptime is the formula of 23 CFR 680.116(b): (T - (outage - excluded)) / T, with T the seconds in
service. A second without contact counts as outage unless energy proves otherwise. Everything is in
whole seconds and adds up: the figures of a site are those of its evses' sums.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

STATES = ("available", "preparing", "charging", "suspended", "finished", "reserved",
          "unavailable", "faulted", "unknown")  # fmt: skip
# causes of an outage, and the field of Seconds that counts each
CAUSES = {"hardware": "hardware", "network": "network", "unavailable": "closed",
          "failed_starts": "failed_starts", "csms": "csms"}  # fmt: skip
LEAST_USABLE = 24 * 3600  # an evse's own rate needs a day of usable time


@dataclass(frozen=True)
class Seconds:
    """Seconds in service by state; those of them that were down by cause, and excluded."""

    available: int = 0
    preparing: int = 0
    charging: int = 0
    suspended: int = 0
    finished: int = 0
    reserved: int = 0
    unavailable: int = 0
    faulted: int = 0
    unknown: int = 0
    hardware: int = 0
    network: int = 0
    closed: int = 0
    failed_starts: int = 0
    csms: int = 0
    excluded: int = 0

    def __add__(self, other: "Seconds") -> "Seconds":
        return total((self, other))

    @property
    def in_service(self) -> int:
        return sum(getattr(self, state) for state in STATES)

    @property
    def down(self) -> int:
        return sum(getattr(self, field) for field in CAUSES.values())

    @property
    def usable(self) -> int:
        return self.in_service - self.down

    @property
    def occupied(self) -> int:
        return self.preparing + self.charging + self.suspended + self.finished

    @property
    def idle(self) -> int:
        return self.suspended + self.finished

    @property
    def uptime(self) -> float | None:
        return uptime(self.in_service, self.down, self.excluded)

    @property
    def uptime_without_exclusions(self) -> float | None:
        return uptime(self.in_service, self.down, 0)

    @property
    def connected(self) -> float | None:
        return share(self.in_service - self.unknown, self.in_service)

    @property
    def occupancy(self) -> float | None:
        return share(self.occupied, self.in_service)

    @property
    def idle_share(self) -> float | None:
        return share(self.idle, self.occupied)

    def of_cause(self, cause: str) -> int:
        return int(getattr(self, CAUSES[cause]))


_NAMES = tuple(field.name for field in fields(Seconds))
_values = attrgetter(*_NAMES)


def uptime(in_service: int, down: int, excluded: int) -> float | None:
    """The NEVI formula; None while nothing was in service."""
    return share(in_service - (down - excluded), in_service)


def counted(in_service: int, down: int, excluded: int, unknown: int) -> dict[str, Any]:
    """The seconds and their shares as the API tells them; shares are null without service."""
    shares = {
        "uptime": uptime(in_service, down, excluded),
        "uptime_without_exclusions": uptime(in_service, down, 0),
        "connected": share(in_service - unknown, in_service),
    }
    return {
        "in_service_seconds": in_service, "outage_seconds": down, "excluded_seconds": excluded,
        "without_contact_seconds": unknown,
        **{name: None if value is None else round(value, 6) for name, value in shares.items()},
    }  # fmt: skip


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def seconds_of(row: Mapping[str, Any]) -> Seconds:
    """A row of the query `evse_seconds`."""
    return Seconds(*(row[name] for name in _NAMES))


def gathered(rows: Iterable[Mapping[str, Any]]) -> Seconds:
    """Rows of state, cause, excluded_because, seconds."""
    found = dict.fromkeys(_NAMES, 0)
    for row in rows:
        found[row["state"]] += row["seconds"]
        if row["cause"]:
            found[CAUSES[row["cause"]]] += row["seconds"]
        if row["excluded_because"]:
            found["excluded"] += row["seconds"]
    return Seconds(**found)


def total(parts: Iterable[Seconds]) -> Seconds:
    """Field by field: pages add up thousands of evses."""
    return Seconds(*map(sum, zip(*map(_values, parts), strict=True)))


@dataclass(frozen=True)
class Tries:
    """Attempts and visits that are over."""

    succeeded: int = 0
    authorised: int = 0
    visits: int = 0
    first_successes: int = 0

    def __add__(self, other: "Tries") -> "Tries":
        return Tries(self.succeeded + other.succeeded, self.authorised + other.authorised,
                     self.visits + other.visits,
                     self.first_successes + other.first_successes)  # fmt: skip

    @property
    def success(self) -> float | None:
        """Attempts that succeeded of those that came past authorisation."""
        return share(self.succeeded, self.authorised)

    @property
    def first_success(self) -> float | None:
        return share(self.first_successes, self.visits)

    @property
    def failed_first(self) -> int:
        return self.visits - self.first_successes


def tries_of(row: Mapping[str, Any]) -> Tries:
    return Tries(row["succeeded"], row["authorised"], row["visits"], row["first_successes"])


def rates(usable: Mapping[int, int], succeeded: Mapping[int, int]) -> dict[int, float]:
    """Successful charges a usable second of each evse; of one with hardly any usable time the
    mean of them all."""
    whole = sum(usable.values())
    mean = sum(succeeded.get(key, 0) for key in usable) / whole if whole else 0.0
    return {
        key: succeeded.get(key, 0) / seconds if seconds >= LEAST_USABLE else mean
        for key, seconds in usable.items()
    }


def lost(seconds: int, rate: float) -> float:
    """Sessions that an evse would have had in the time that it was down."""
    return seconds * rate


def pareto(counts: Sequence[int]) -> list[float]:
    """Running shares of counts that stand in order, the largest first."""
    whole, sums = sum(counts), list[float]()
    for count in counts:
        sums.append((sums[-1] if sums else 0.0) + (count / whole if whole else 0.0))
    return sums
