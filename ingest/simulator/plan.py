"""Whole visits at an evse, drawn ahead: what the fleet plays live and history writes at once.

Pure: one ``random.Random`` in, the same visits out. Instants are UTC; registers are whole Wh.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from random import Random
from typing import NamedTuple

from ingest.simulator.habits import draw_arrivals, draw_visit, habit_of
from ingest.simulator.network import Evse
from ingest.simulator.vehicle import ChargeCurve, charge_curve, draw_vehicle

# Nearly everyone leaves a fast charger when the car is done; some are still at the table.
_DC_STAYS = 0.15
_LONGEST_STAY_S = 24 * 3600.0


class Reading(NamedTuple):
    """One reading of the meter; SoC only where the station can see it (DC)."""

    at: datetime
    register_wh: int
    power_w: int
    soc_pct: float | None


@dataclass(frozen=True, slots=True)
class Visit:
    """A car and its driver: the curve, and the seconds after which they stop and drive off."""

    curve: ChargeCurve
    stop_s: float
    unplug_s: float


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """A session from start to the cable's release; ``full_at`` is when power ends."""

    evse: Evse
    started_at: datetime
    full_at: datetime
    ended_at: datetime
    unplugged_at: datetime
    meter_start_wh: int
    meter_stop_wh: int
    readings: list[Reading]


def plan_visit(rng: Random, evse: Evse) -> Visit:
    """Draw who comes: energy and stay from the habits, the car to match."""
    wanted_wh, stay_s = draw_visit(rng, habit_of(evse))
    curve = charge_curve(draw_vehicle(rng, evse, wanted_wh), evse)
    stay_s = min(_LONGEST_STAY_S, stay_s)
    if evse.is_dc and rng.random() >= _DC_STAYS:
        stay_s = curve.full_s + rng.uniform(5, 150)
    stop_s = max(60.0, stay_s)
    return Visit(curve, stop_s, stop_s + rng.uniform(8, 60))


def plan_session(
    rng: Random,
    evse: Evse,
    start_at: datetime,
    *,
    register_wh: int = 0,
    interval_s: float | None = None,
) -> PlannedSession:
    """Draw one session that starts at ``start_at`` with the evse's lifetime register in Wh.

    Readings come at the start, every ``interval_s`` while power flows (default: 120 s on DC,
    900 s on AC), when power ends and at the stop.
    """
    visit = plan_visit(rng, evse)
    power_end_s = min(visit.curve.full_s, visit.stop_s)
    readings = _readings(visit, evse, start_at, register_wh, interval_s)
    return PlannedSession(
        evse=evse,
        started_at=start_at,
        full_at=start_at + timedelta(seconds=power_end_s),
        ended_at=readings[-1].at,
        unplugged_at=start_at + timedelta(seconds=visit.unplug_s),
        meter_start_wh=register_wh,
        meter_stop_wh=readings[-1].register_wh,
        readings=readings,
    )


def plan_day(
    rng: Random,
    evse: Evse,
    day: date,
    tz: tzinfo,
    *,
    register_wh: int = 0,
    free_from: datetime | None = None,
    interval_s: float | None = None,
) -> list[PlannedSession]:
    """Draw the sessions that start on one local day; who finds the evse taken drives on.

    ``free_from`` is when the day before lets go of the evse; registers run on between sessions.
    """
    sessions: list[PlannedSession] = []
    for start_at in draw_arrivals(rng, habit_of(evse), day, tz):
        if free_from is not None and start_at < free_from:
            continue
        session = plan_session(rng, evse, start_at, register_wh=register_wh, interval_s=interval_s)
        sessions.append(session)
        register_wh, free_from = session.meter_stop_wh, session.unplugged_at
    return sessions


def plan_days(
    rng: Random,
    evse: Evse,
    first: date,
    last: date,
    tz: tzinfo,
    *,
    register_wh: int = 0,
    interval_s: float | None = None,
) -> Iterator[PlannedSession]:
    """Yield the sessions that start from ``first`` to ``last`` (both included), in order."""
    free_from = None
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        for session in plan_day(
            rng, evse, day, tz, register_wh=register_wh, free_from=free_from, interval_s=interval_s
        ):
            yield session
            register_wh, free_from = session.meter_stop_wh, session.unplugged_at


def _readings(
    visit: Visit, evse: Evse, start_at: datetime, register_wh: int, interval_s: float | None
) -> list[Reading]:
    curve = visit.curve
    soc = curve.soc_pct if evse.is_dc else _no_soc
    return [
        Reading(
            start_at + timedelta(seconds=second),
            register_wh + int(curve.energy_wh(second)),
            round(curve.power_w(second)),
            soc(second),
        )
        for second in _seconds(visit, interval_s or (120.0 if evse.is_dc else 900.0))
    ]


def _seconds(visit: Visit, interval_s: float) -> list[float]:
    power_end_s = min(visit.curve.full_s, visit.stop_s)
    seconds = [n * interval_s for n in range(int(power_end_s / interval_s) + 1)]
    if power_end_s > seconds[-1]:
        seconds.append(power_end_s)
    if visit.stop_s > seconds[-1]:
        seconds.append(visit.stop_s)
    return seconds


def _no_soc(_seconds: float) -> None:
    return None
