"""An evse's meter: a lifetime register that only rises, and what else it can measure. Pure."""

from datetime import UTC, datetime
from typing import NamedTuple

from ingest.simulator.network import Evse
from ingest.simulator.plan import Reading
from ingest.simulator.vehicle import ChargeCurve

_PHASE_VOLTS = 230.0


class Sample(NamedTuple):
    """One sampled value in OCPP's words; ``phase`` is None for totals."""

    measurand: str
    phase: str | None
    value: float
    unit: str


def now() -> datetime:
    """Return the instant in UTC, to the millisecond that the wire carries."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Meter:
    """Counts whole Wh; at ``speed`` X a curve passes X times quicker with an X-th of its energy."""

    def __init__(self, register_wh: int, speed: float = 1.0) -> None:
        self._base_wh = register_wh
        self._speed = speed
        self._curve: ChargeCurve | None = None
        self._began_at: datetime | None = None
        self._lost_wh = 0
        self._held_wh: int | None = None

    def begin(self, curve: ChargeCurve, at: datetime) -> None:
        """Close the contactors."""
        self._curve, self._began_at = curve, at

    def end(self, at: datetime) -> None:
        """Open the contactors; the register keeps what it shows."""
        self._base_wh = self.register_wh(at)
        self._curve, self._lost_wh = None, 0

    def set_frozen(self, is_frozen: bool, at: datetime) -> None:
        """Stop counting while power flows on, as a broken meter does; or count again.

        It counts on from the frozen register: what flowed meanwhile is never counted.
        """
        if is_frozen:
            self._held_wh = self.register_wh(at)
        elif self._held_wh is not None:
            self._lost_wh = self._flowed_wh(at) + self._base_wh - self._held_wh
            self._held_wh = None

    def register_wh(self, at: datetime) -> int:
        """Return what the register shows, in whole Wh."""
        if self._held_wh is not None:
            return self._held_wh
        return self._base_wh + self._flowed_wh(at) - self._lost_wh

    def read(self, at: datetime) -> Reading:
        """Return register, power and SoC of one instant."""
        if self._curve is None:
            return Reading(at, self.register_wh(at), 0, None)
        seconds = self._seconds(at)
        power_w = round(self._curve.power_w(seconds))
        soc_pct = None if self._curve.phases else self._curve.soc_pct(seconds)
        return Reading(at, self.register_wh(at), power_w, soc_pct)

    def _flowed_wh(self, at: datetime) -> int:
        if self._curve is None:
            return 0
        return int(self._curve.energy_wh(self._seconds(at)) / self._speed)

    def _seconds(self, at: datetime) -> float:
        began_at = self._began_at or at
        return (at - began_at).total_seconds() * self._speed


def samples(evse: Evse, phases: int, reading: Reading) -> list[Sample]:
    """Return everything the meter tells at a reading; ``phases`` is how many the car draws on."""
    totals = [
        Sample("Energy.Active.Import.Register", None, reading.register_wh, "Wh"),
        Sample("Power.Active.Import", None, reading.power_w, "W"),
    ]
    return totals + (_dc(reading) if evse.is_dc else _ac(phases, reading.power_w))


def _ac(phases: int, power_w: int) -> list[Sample]:
    drawn_a = round(power_w / (max(1, phases) * _PHASE_VOLTS), 2)
    currents = [
        Sample("Current.Import", f"L{n}", drawn_a if n <= phases else 0.0, "A") for n in (1, 2, 3)
    ]
    return currents + [Sample("Voltage", f"L{n}-N", _PHASE_VOLTS, "V") for n in (1, 2, 3)]


def _dc(reading: Reading) -> list[Sample]:
    soc_pct = reading.soc_pct or 0.0
    volts = round(345 + 0.6 * soc_pct, 1)  # a 400 V battery, resting voltage rising with SoC
    return [
        Sample("Current.Import", None, round(reading.power_w / volts, 2), "A"),
        Sample("Voltage", None, volts, "V"),
        Sample("SoC", None, soc_pct, "Percent"),
    ]
