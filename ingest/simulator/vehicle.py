"""The car: how much power it takes as its battery fills, and the energy that adds up to.

Power has a closed form (ramp, plateau, taper), so energy is its exact integral and a register
read from it can only rise. Pure. Watts, watt-hours and seconds throughout; SoC from 0 to 1.
"""

from dataclasses import dataclass, replace
from math import exp, inf, log, sqrt
from random import Random

from ingest.simulator.network import CHADEMO, Evse

AC_RAMP_SECONDS = 6.0
DC_RAMP_SECONDS = 30.0
_EVSE_PHASES = 3
_TAIL = 0.12  # share of its DC limit that a car still takes when its battery is full


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car as it arrives: limits in watts, ``knee_soc`` where its DC power begins to fall."""

    battery_wh: float
    ac_limit_w: float
    phases: int
    dc_limit_w: float
    arrival_soc: float
    wanted_wh: float
    knee_soc: float = 0.55


@dataclass(frozen=True, slots=True)
class ChargeCurve:
    """Power and energy against seconds since the contactors closed.

    Rises in ``ramp_s`` to ``level_w``, holds it until ``plateau_end_s``, then loses ``slope_per_h``
    watts for every watt-hour taken, until ``full_s`` when the car has what it wanted.
    """

    level_w: float
    ramp_s: float
    plateau_end_s: float
    slope_per_h: float
    full_s: float
    wanted_wh: float
    arrival_soc: float
    battery_wh: float
    phases: int

    def power_w(self, seconds: float) -> float:
        """Return the power in W at an instant; 0 before the start and once full."""
        if seconds <= 0 or seconds >= self.full_s:
            return 0.0
        if seconds < self.ramp_s:
            return self.level_w * seconds / self.ramp_s
        if seconds <= self.plateau_end_s:
            return self.level_w
        return self.level_w * exp(-self.slope_per_h * (seconds - self.plateau_end_s) / 3600)

    def energy_wh(self, seconds: float) -> float:
        """Return the energy in Wh taken since the start: the integral of ``power_w``."""
        if seconds >= self.full_s:
            return self.wanted_wh
        if seconds <= 0:
            return 0.0
        if seconds < self.ramp_s:
            return self.level_w * seconds * seconds / (7200 * self.ramp_s)
        if seconds <= self.plateau_end_s:
            return self.level_w * (seconds - self.ramp_s / 2) / 3600
        knee_wh = self.level_w * (self.plateau_end_s - self.ramp_s / 2) / 3600
        fallen = 1 - exp(-self.slope_per_h * (seconds - self.plateau_end_s) / 3600)
        return knee_wh + self.level_w * fallen / self.slope_per_h

    def soc_pct(self, seconds: float) -> float:
        """Return the state of charge in percent."""
        soc = self.arrival_soc + self.energy_wh(seconds) / self.battery_wh
        return round(100 * min(1.0, soc), 1)


def charge_curve(vehicle: Vehicle, evse: Evse) -> ChargeCurve:
    """Return how this car charges at this evse."""
    if evse.is_dc:
        return _dc_curve(vehicle, evse.max_power_w)
    phases = min(vehicle.phases, _EVSE_PHASES)
    level_w = min(vehicle.ac_limit_w, evse.max_power_w * phases / _EVSE_PHASES)
    return _curve(vehicle, level_w, AC_RAMP_SECONDS, inf, 0.0, phases)


def _dc_curve(vehicle: Vehicle, evse_limit_w: float) -> ChargeCurve:
    """Follow the lower of the evse's limit and the car's own curve, linear in SoC past its knee."""
    fall_w = vehicle.dc_limit_w * (1 - _TAIL) / (1 - vehicle.knee_soc)  # watts per unit of SoC
    own_w = vehicle.dc_limit_w - fall_w * max(0.0, vehicle.arrival_soc - vehicle.knee_soc)
    level_w = min(evse_limit_w, own_w)
    meets_soc = vehicle.knee_soc + (vehicle.dc_limit_w - level_w) / fall_w
    plateau_wh = max(0.0, (meets_soc - vehicle.arrival_soc) * vehicle.battery_wh)
    slope = fall_w / vehicle.battery_wh
    return _curve(vehicle, level_w, DC_RAMP_SECONDS, plateau_wh, slope, 0)


def _curve(
    vehicle: Vehicle, level_w: float, ramp_s: float, plateau_wh: float, slope: float, phases: int
) -> ChargeCurve:
    endless = ChargeCurve(
        level_w=level_w,
        ramp_s=ramp_s,
        plateau_end_s=max(ramp_s, ramp_s / 2 + plateau_wh * 3600 / level_w),
        slope_per_h=slope,
        full_s=inf,
        wanted_wh=vehicle.wanted_wh,
        arrival_soc=vehicle.arrival_soc,
        battery_wh=vehicle.battery_wh,
        phases=phases,
    )
    return replace(endless, full_s=_full_s(endless))


def _full_s(curve: ChargeCurve) -> float:
    """Invert the energy: the second at which the car has what it wanted."""
    wanted_wh, level_w, ramp_s = curve.wanted_wh, curve.level_w, curve.ramp_s
    if wanted_wh <= level_w * ramp_s / 7200:
        return sqrt(wanted_wh * 7200 * ramp_s / level_w)
    knee_wh = level_w * (curve.plateau_end_s - ramp_s / 2) / 3600
    if wanted_wh <= knee_wh:
        return ramp_s / 2 + wanted_wh * 3600 / level_w
    left = 1 - (wanted_wh - knee_wh) * curve.slope_per_h / level_w
    return curve.plateau_end_s - 3600 / curve.slope_per_h * log(left)


@dataclass(frozen=True, slots=True)
class _CarModel:
    battery_wh: float
    ac_limit_w: float
    phases: int
    dc_limit_w: float
    standards: str = "ccs"


_CARS = (
    _CarModel(24_000, 3_680, 1, 46_000, "chademo"),
    _CarModel(39_000, 6_600, 1, 46_000, "chademo"),
    _CarModel(62_000, 6_600, 1, 95_000, "chademo"),
    _CarModel(38_000, 11_000, 3, 50_000),
    _CarModel(52_000, 22_000, 3, 100_000),
    _CarModel(58_000, 11_000, 3, 120_000),
    _CarModel(64_000, 11_000, 3, 77_000),
    _CarModel(77_000, 11_000, 3, 150_000),
    _CarModel(79_000, 11_000, 3, 190_000),
    _CarModel(95_000, 22_000, 3, 270_000),
)
_PLUG_IN_HYBRIDS = (_CarModel(10_500, 3_680, 1, 0.0), _CarModel(17_000, 7_400, 1, 0.0))
_ON_CHADEMO = tuple(car for car in _CARS if car.standards == "chademo")
_ON_CCS = tuple(car for car in _CARS if car.standards == "ccs")
_ON_AC = _CARS + _PLUG_IN_HYBRIDS


def draw_vehicle(rng: Random, evse: Evse, wanted_wh: float) -> Vehicle:
    """Return a car that fits the plug and arrives empty enough to want that much.

    Wants are cut to what the largest fitting battery takes.
    """
    models = _fitting(evse)
    able = [car for car in models if car.battery_wh * 0.85 >= wanted_wh]
    car = rng.choice(able) if able else max(models, key=lambda model: model.battery_wh)
    leave_soc = rng.uniform(0.62, 0.88) if evse.is_dc else rng.choice((0.8, 0.9, 1.0, 1.0))
    arrival_soc = max(rng.uniform(0.03, 0.1), leave_soc - wanted_wh / car.battery_wh)
    return Vehicle(
        battery_wh=car.battery_wh,
        ac_limit_w=car.ac_limit_w,
        phases=car.phases,
        dc_limit_w=car.dc_limit_w,
        arrival_soc=arrival_soc,
        wanted_wh=min(wanted_wh, (1 - arrival_soc) * car.battery_wh),
        knee_soc=rng.uniform(0.4, 0.65),
    )


def _fitting(evse: Evse) -> tuple[_CarModel, ...]:
    if not evse.is_dc:
        return _ON_AC
    return _ON_CHADEMO if evse.standard == CHADEMO else _ON_CCS
