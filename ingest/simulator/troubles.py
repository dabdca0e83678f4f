"""What went wrong in the demo's past: dark sites, lost contact, faults. Pure and deterministic.

Rates are invented, yet of the size operators publish: a fast charger fails some times a year, an
AC post seldom, and one firmware is worse than the others, so that there is something to find.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from ingest.simulator.network import Evse, Site, Station

YEAR = timedelta(days=365)
BAD_FIRMWARE = "3.13-rc2"
FAULTS = ("GroundFailure", "ConnectorLockFailure", "OverCurrentFailure", "HighTemperature",
          "PowerMeterFailure", "InternalError")  # fmt: skip
# how often a year, and median hours
DARK, CONTACT, DC_FAULT, AC_FAULT = (0.6, 2.0), (5.0, 0.4), (3.0, 9.0), (0.7, 20.0)


class Trouble(NamedTuple):
    """A time in which evses could not be used; evse_id 0: all of the station. `error_code` of a
    fault, None: contact was lost."""

    station_id: str
    evse_id: int
    from_at: datetime
    until_at: datetime
    error_code: str | None = None


def troubles(sites: Sequence[Site], first: datetime, end: datetime) -> list[Trouble]:
    """What went wrong between two instants; nothing of it is still going on at the end."""
    return [one for site in sites for one in _of_site(site, first, end) if one.until_at < end]


def concern(one: Trouble, station_id: str, evse_id: int) -> bool:
    return one.station_id == station_id and one.evse_id in (0, evse_id)


def start_fails(rng: Random, firmware_version: str) -> bool:
    """Whether the first attempt of a visit comes to nothing."""
    return rng.random() < (0.14 if firmware_version == BAD_FIRMWARE else 0.03)


def _of_site(site: Site, first: datetime, end: datetime) -> Iterator[Trouble]:
    rng = Random(f"troubles {site.site_id}")
    for from_at, until_at in _spans(rng, DARK, first, end):
        yield from (Trouble(s.station_id, 0, from_at, until_at) for s in site.stations)
    for station in site.stations:
        for from_at, until_at in _spans(rng, CONTACT, first, end):
            yield Trouble(station.station_id, 0, from_at, until_at)
        for evse in station.evses:
            yield from _faults(rng, station, evse, first, end)


def _faults(
    rng: Random, station: Station, evse: Evse, first: datetime, end: datetime
) -> Iterator[Trouble]:
    rate, hours = DC_FAULT if evse.is_dc else AC_FAULT
    if station.firmware_version == BAD_FIRMWARE:
        rate *= 3
    for from_at, until_at in _spans(rng, (rate, hours), first, end):
        yield Trouble(station.station_id, evse.evse_id, from_at, until_at, rng.choice(FAULTS))


def _spans(
    rng: Random, often: tuple[float, float], first: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Independent of each other, as long as their median says, with a long tail."""
    rate, hours = often
    at = first
    while (at := at + YEAR * rng.expovariate(rate)) < end:
        until_at = at + timedelta(hours=hours * rng.lognormvariate(0, 0.9), seconds=90)
        yield at, until_at
        at = until_at + timedelta(hours=1)
