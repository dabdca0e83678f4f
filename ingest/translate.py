"""Wire words to ours, purely: sampled values to readings in SI units, statuses, times.

Spelling of measurands, contexts and statuses: OCPP 1.6 section 7, 2.0.1 part 2 section 3.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from hashlib import blake2b
from math import fsum
from statistics import fmean
from typing import Any, NamedTuple

import msgspec

from ingest.signed import Signed, of_text

# A station's clock is believed inside this window around the arrival of its message.
OLDEST, FUTUREST = timedelta(days=400), timedelta(minutes=15)
LARGEST = 2**53  # Wh; beyond it no register is a register
SMALLEST = 1e-30  # what a column of type real can't tell from 0

encode_extra = msgspec.json.Encoder(order="sorted").encode


class Reading(msgspec.Struct, gc=False):
    """One MeterValue: everything sampled at one instant.

    Units: Wh, W, A (largest phase), V (mean of phases), percent. `extra` keeps every sampled value
    that has no column, by measurand, phase and location. `flags` names what was implausible;
    `signed` are values with a meter's signature, as they came.
    """

    measured_at: datetime
    context: str
    register_wh: int | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_pct: float | None = None
    extra: dict[str, Any] | None = None
    flags: tuple[str, ...] = ()
    signed: tuple[Signed, ...] = ()

    def flag(self, name: str) -> None:
        if name not in self.flags:
            self.flags += (name,)

    def hash(self, owner: str) -> int:
        """64 bits over the content and what it belongs to: the same reading is the same fact."""
        return stable_hash(
            owner, self.context, self.register_wh, self.power_w, self.current_a, self.voltage_v,
            self.soc_pct, self.extra,
        )  # fmt: skip


def stable_hash(*content: Any) -> int:
    """64 bits, signed, over the content's canonical JSON."""
    digest = blake2b(encode_extra(content), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Sample(msgspec.Struct, gc=False):
    """A sampled value of any version; `value` is a number or the wire's text."""

    value: Any
    measurand: str
    phase: str | None
    location: str
    unit: str | None
    multiplier: int = 0


def instant(text: str | None, received_at: datetime) -> tuple[datetime, tuple[str, ...]]:
    """The station's time in UTC; a time that can't be true becomes the time of arrival, flagged."""
    if text is None:
        return received_at, ()
    try:
        at = datetime.fromisoformat(text.upper())  # RFC 3339 also allows a small t and z
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return received_at, ("clock_unreadable",)
    if received_at - OLDEST <= at <= received_at + FUTUREST:
        return at, ()
    return received_at, ("clock_implausible",)


UNITS = {"kWh": 1000, "Wh": 1, "kW": 1000, "W": 1, "A": 1, "V": 1, "Percent": 1, None: 1}
SPELLINGS = {unit.lower(): unit for unit in UNITS if unit}  # 2.x leaves units to the station
REGISTER, SOC = "Energy.Active.Import.Register", "SoC"
INTERVAL = "Energy.Active.Import.Interval"  # has no column: `extra` keeps it, in Wh
COLUMNS = {
    REGISTER: "register_wh",
    "Power.Active.Import": "power_w",
    "Current.Import": "current_a",
    "Voltage": "voltage_v",
    SOC: "soc_pct",
}
PARTED = {**COLUMNS, INTERVAL: INTERVAL}  # what phases add up to
USUAL_UNITS = {
    "register_wh": (None, "Wh", "kWh"),
    "power_w": (None, "W", "kW"),
    "current_a": (None, "A"),
    "voltage_v": (None, "V"),
    "soc_pct": (None, "Percent"),
    INTERVAL: (None, "Wh", "kWh"),
}
OUTER = ("Outlet", None)
LINES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
# a column's value from those of its phases, where the station sent no total
FOLDS: dict[str, Callable[[list[float]], float]] = {
    "register_wh": fsum,
    "power_w": fsum,
    "current_a": max,
    "voltage_v": fmean,
    INTERVAL: fsum,
}


class Place(NamedTuple):
    """Where samples of one kind go: to a column (with a phase: as a part of it), else to `extra`
    by `name`. `factor` makes SI units of them; `is_odd` tells of a unit that the measurand has
    not."""

    column: str | None
    phase: str | None
    name: str
    factor: int
    is_odd: bool = False


@lru_cache(maxsize=4096)
def place(measurand: str, phase: str | None, location: str | None, unit: str | None) -> Place:
    """Decided once a kind: a network sends few kinds, but thousands of samples a second."""
    column = COLUMNS.get(measurand) if phase is None else PARTED.get(measurand)
    unit = SPELLINGS.get((unit or "").lower(), unit)
    is_odd = measurand in PARTED and unit not in USUAL_UNITS[PARTED[measurand]]
    if is_odd or not (location in OUTER or measurand == SOC):
        column = None
    parts = [measurand, phase, None if location in OUTER else location, unit if is_odd else None]
    name = " ".join(part for part in parts if part)
    return Place(column, phase, name, UNITS.get(unit, 1), is_odd)


def reading(
    timestamp: str | None,
    context: str,
    samples: Iterable[Sample],
    received_at: datetime,
) -> Reading:
    """Gather the samples of one MeterValue; whatever has no column of its own goes to `extra`."""
    at, flags = instant(timestamp, received_at)
    result = Reading(at, context, flags=flags)
    phases: dict[str, dict[str, float]] = {}
    extra: dict[str, Any] = {}
    for sample in samples:
        column, phase, name, factor, is_odd = place(
            sample.measurand, sample.phase, sample.location, sample.unit
        )
        value = _number(sample, factor, is_register=column == "register_wh")
        if value is None and str(sample.value).startswith("OCMF|"):
            result.signed += (of_text(str(sample.value)),)  # not said to be signed, but it is
        elif value is None:
            result.flag("value_unreadable")
            extra[name] = str(sample.value)[:2500]
        elif column is not None and phase is None:
            setattr(result, column, _fitting(column, value))
        else:
            number = float(value)
            extra[name] = int(number) if number.is_integer() else number
            if is_odd:
                result.flag("unit_unknown")
            if column is not None and phase is not None:
                phases.setdefault(column, {})[phase] = number
    if phases:
        _fold_phases(result, phases, extra)
    result.extra = extra or None
    return result


def _number(sample: Sample, factor: int, *, is_register: bool) -> Decimal | float | None:
    """The value times its unit; None if it is no finite number of a sane size. Registers and
    scaled values are exact, so that they are rounded but once."""
    try:
        if factor == 1 and not sample.multiplier and not is_register:
            number: Decimal | float = float(sample.value)
        else:
            number = _exact(sample, factor)
    except (ArithmeticError, ValueError):
        return None
    if -SMALLEST < number < SMALLEST:
        return 0
    return number if -LARGEST < number < LARGEST else None


def _exact(sample: Sample, factor: int) -> Decimal | int:
    """Raises ArithmeticError or ValueError where it is no number."""
    text = sample.value if isinstance(sample.value, str) else repr(sample.value)
    if text.isdecimal() and not sample.multiplier and len(text) < 16:
        return int(text) * factor
    if not -24 <= sample.multiplier <= 24:
        raise ValueError(sample.multiplier)
    value = Decimal(text) * factor
    if not value.is_finite():
        raise ValueError(text)
    return value.scaleb(sample.multiplier)


def _fitting(column: str, value: Decimal | float) -> float:
    """Registers are rounded once, half up, to whole Wh; never their differences."""
    if column != "register_wh":
        return float(value)
    return value if isinstance(value, int) else int(Decimal(value).to_integral_value(ROUND_HALF_UP))


def _fold_phases(
    result: Reading, phases: dict[str, dict[str, float]], extra: dict[str, Any]
) -> None:
    """Totals from phases, where the station sent no total."""
    for column, values in phases.items():
        if column not in FOLDS:
            continue
        outer = [v for phase, v in values.items() if phase in LINES] or list(values.values())
        total = FOLDS[column](outer)
        if column == INTERVAL:
            extra.setdefault(INTERVAL, total)
        elif getattr(result, column) is None:
            setattr(result, column, _fitting(column, total))
