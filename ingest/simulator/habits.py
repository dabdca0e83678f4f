"""How people charge: when they come, how much they want, how long they stay.

Figures per class of evse from ``charging_habits.json`` (51,610 public sessions in Dundee,
Dec 2017 - Sep 2018, Open Government Licence v3.0). Pure: every draw takes its ``random.Random``.
"""

import json
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from itertools import accumulate
from math import exp, log, sqrt
from random import Random
from statistics import NormalDist
from typing import Any

from ingest.simulator.network import Evse

_QUANTILES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
_Z = tuple(NormalDist().inv_cdf(q) for q in _QUANTILES)

# The survey knows no station above 50 kW. Faster ones serve cars with larger batteries, and share
# a site's visitors between more evses: (energy factor, arrivals factor) by power in watts.
_FASTER = {50_000: (1.0, 1.0), 150_000: (1.9, 0.5), 300_000: (2.5, 0.45)}


@dataclass(frozen=True, slots=True)
class Habit:
    """One class of evse: daily arrivals, their hours, and log quantiles of Wh and seconds."""

    sessions_per_day: float
    weekday_factor: tuple[float, ...]
    hours: tuple[tuple[float, ...], tuple[float, ...]]
    log_wh: tuple[float, ...]
    log_seconds: tuple[float, ...]
    correlation: float


def habit_of(evse: Evse) -> Habit:
    """Return the habit of the people who use this evse."""
    return _habit(evse.is_dc, evse.max_power_w)


def draw_visit(rng: Random, habit: Habit) -> tuple[float, float]:
    """Return (wanted energy in Wh, stay in seconds): log-normal, correlated, inside the quantiles.

    Both follow the surveyed quantiles, log-linear between them, never beyond 5 and 99 %.
    """
    z_energy, other = rng.gauss(0, 1), rng.gauss(0, 1)
    rho = habit.correlation
    z_stay = rho * z_energy + sqrt(1 - rho * rho) * other
    return exp(_at_z(habit.log_wh, z_energy)), exp(_at_z(habit.log_seconds, z_stay))


def draw_arrivals(rng: Random, habit: Habit, day: date, tz: tzinfo) -> list[datetime]:
    """Return the instants (UTC, rising) at which drivers come on one local day."""
    mean = habit.sessions_per_day * habit.weekday_factor[day.weekday()]
    weights = habit.hours[day.weekday() >= 5]
    hours = rng.choices(range(24), cum_weights=weights, k=_poisson(rng, mean))
    midnight = datetime.combine(day, time(), tz)
    return sorted(
        (midnight + timedelta(hours=hour, seconds=rng.randrange(3600))).astimezone(UTC)
        for hour in hours
    )


@cache
def _habit(is_dc: bool, max_power_w: int) -> Habit:
    name = "rapid_50kw" if is_dc else "ac_22kw" if max_power_w > 11_000 else "ac_7kw"
    figures = _classes()[name]
    energy_factor, arrivals_factor = _FASTER.get(max_power_w, (1.0, 1.0))
    shares = figures["weekday_share_mon_to_sun"]
    return Habit(
        sessions_per_day=figures["sessions_per_port_per_day"] * arrivals_factor,
        weekday_factor=tuple(share * 7 / sum(shares) for share in shares),
        hours=(
            tuple(accumulate(figures["start_hour_share_weekday"])),
            tuple(accumulate(figures["start_hour_share_weekend"])),
        ),
        log_wh=_logs(figures["kwh_quantiles_5_10_25_50_75_90_95_99"], 1000 * energy_factor),
        log_seconds=_logs(figures["minutes_quantiles_5_10_25_50_75_90_95_99"], 60),
        correlation=figures["corr_log_kwh_log_minutes"],
    )


@cache
def _classes() -> dict[str, Any]:
    text = files(__package__).joinpath("charging_habits.json").read_text("utf-8")
    classes: dict[str, Any] = json.loads(text)["classes"]
    return classes


def _logs(values: list[float], unit: float) -> tuple[float, ...]:
    return tuple(log(value * unit) for value in values)


def _at_z(logs: tuple[float, ...], z: float) -> float:
    if z <= _Z[0]:
        return logs[0]
    if z >= _Z[-1]:
        return logs[-1]
    i = bisect_right(_Z, z)
    part = (z - _Z[i - 1]) / (_Z[i] - _Z[i - 1])
    return logs[i - 1] + part * (logs[i] - logs[i - 1])


def _poisson(rng: Random, mean: float) -> int:
    """Draw how many come (Knuth's method: means here stay far below 10)."""
    limit, product, n = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        n += 1
    return n
