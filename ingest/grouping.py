"""Whether stations of one build fail together, or just happen to fail. Pure.

One kind of failure, one vendor, model and firmware, different sites: shortly after each other, or
after their firmware has changed. In a large network some stations of a build fail within an hour
on any day, so there must be more than chance allows.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import exp
from typing import NamedTuple

from ingest import thresholds as at


class Failure(NamedTuple):
    """An open alert of a station whose build is known; `group_key` names kind and build."""

    kind: str
    group_key: str
    vendor: str | None
    model: str
    firmware_version: str
    station_id: str
    site_id: int | None
    noticed_at: datetime
    raised_at: datetime
    firmware_changed_at: datetime | None


class Cluster(NamedTuple):
    """Failures that may have their build in common; over how many seconds they came."""

    failures: tuple[Failure, ...]
    is_after_change: bool
    seconds: float


class Limits(NamedTuple):
    """How many stations, in how many sites, within how many seconds; and after a change."""

    stations: int = at.BUILD_STATIONS
    sites: int = at.BUILD_SITES
    window: int = at.BUILD_WINDOW
    changed_stations: int = at.BUILD_CHANGED_STATIONS
    changed_window: int = at.BUILD_CHANGED_WINDOW


def clusters(failures: Sequence[Failure], limits: Limits) -> Iterator[Cluster]:
    """At most one per kind and build: after a change of firmware, else shortly after each other."""
    ordered = sorted(failures, key=lambda one: (one.group_key, one.noticed_at))
    for _, group in groupby(ordered, key=lambda one: one.group_key):
        found = tuple(group)
        cluster = _after_change(found, limits) or _together(found, limits)
        if cluster:
            yield cluster


def _after_change(group: tuple[Failure, ...], limits: Limits) -> Cluster | None:
    window = timedelta(seconds=limits.changed_window)
    found = tuple(
        one for one in group
        if one.firmware_changed_at and timedelta() <= one.noticed_at - one.firmware_changed_at
        and one.noticed_at - one.firmware_changed_at <= window
    )  # fmt: skip
    if _are_spread(found, limits.changed_stations, limits.sites):
        return Cluster(found, True, float(limits.changed_window))
    return None


def _together(group: tuple[Failure, ...], limits: Limits) -> Cluster | None:
    """The newest run of failures within the window that is large enough."""
    for last in reversed(group):
        since = last.noticed_at - timedelta(seconds=limits.window)
        found = tuple(one for one in group if since <= one.noticed_at <= last.noticed_at)
        if _are_spread(found, limits.stations, limits.sites):
            return Cluster(found, False, float(limits.window))
    return None


def _are_spread(found: Sequence[Failure], stations: int, sites: int) -> bool:
    """A station without a site stands somewhere of its own."""
    places = {one.site_id if one.site_id is not None else one.station_id for one in found}
    return len({one.station_id for one in found}) >= stations and len(places) >= sites


def is_more_than_chance(seen: int, expected: float, chance: float = at.BUILD_CHANCE) -> bool:
    """Whether `seen` or more, where `expected` are usual, happen less often than `chance`
    (Poisson)."""
    term = fewer = exp(-expected)
    for count in range(1, seen):
        term *= expected / count
        fewer += term
    return seen > 0 and 1 - fewer < chance


def expected_failures(
    usual: int, stations: int, period_seconds: float, exposed: int, seconds: float
) -> float:
    """How many of `exposed` stations fail within `seconds`, when `usual` of `stations` did within a
    period. Of a network that has never failed nothing is expected."""
    return usual * exposed * seconds / (max(stations, 1) * period_seconds)
