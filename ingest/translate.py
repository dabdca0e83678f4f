"""Wire words to ours, purely: sampled values to readings in SI units, statuses, times.

Spelling of measurands, contexts and statuses: OCPP 1.6 section 7, 2.0.1 part 2 section 3.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

# A station's clock is believed inside this window around the arrival of its message.
OLDEST, FUTUREST = timedelta(days=400), timedelta(minutes=15)
LARGEST = 2**53  # Wh; beyond it no register is a register

encode_extra = msgspec.json.Encoder(order="sorted").encode


class Reading(msgspec.Struct, gc=False):
    """One MeterValue: everything sampled at one instant.

    Units: Wh, W, A (largest phase), V (mean of phases), percent. `extra` keeps every sampled value
    that has no column, by measurand, phase and location. `flags` names what was implausible.
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

    def flag(self, name: str) -> None:
        if name not in self.flags:
            self.flags += (name,)

    def hash(self, owner: str) -> int:
        """64 bits over the content and what it belongs to: the same reading is the same fact."""
        content = (
            owner, self.context, self.register_wh, self.power_w, self.current_a, self.voltage_v,
            self.soc_pct, self.extra,
        )  # fmt: skip
        return stable_hash(repr(content))


def stable_hash(text: str) -> int:
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Sample(NamedTuple):
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
REGISTER, POWER = "Energy.Active.Import.Register", "Power.Active.Import"
CURRENT, VOLTAGE, SOC = "Current.Import", "Voltage", "SoC"
USUAL_UNITS = {
    REGISTER: ("Wh", "kWh"),
    POWER: ("W", "kW"),
    CURRENT: ("A",),
    VOLTAGE: ("V",),
    SOC: ("Percent",),
}
OUTER = ("Outlet", None)


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
    for sample in samples:
        _place(result, phases, sample)
    _fold_phases(result, phases)
    return result


def _place(result: Reading, phases: dict[str, dict[str, float]], sample: Sample) -> None:
    value = _number(sample)
    usual = USUAL_UNITS.get(sample.measurand)
    belongs = usual and (sample.location in OUTER or sample.measurand == SOC)
    if value is None or not belongs or (sample.unit is not None and sample.unit not in usual):
        _keep(result, sample, value)
    elif sample.phase is None:
        _column(result, sample.measurand, value)
    else:
        phases.setdefault(sample.measurand, {})[sample.phase] = float(value)
        _keep(result, sample, value)


def _number(sample: Sample) -> Decimal | int | None:
    """The value times its unit, exactly; None if it is no finite number of a sane size."""
    factor = UNITS.get(sample.unit, 1)
    text = sample.value if isinstance(sample.value, str) else repr(sample.value)
    if text.isdecimal() and not sample.multiplier and len(text) < 16:
        return int(text) * factor
    try:
        value = Decimal(text) * factor
        if not -24 <= sample.multiplier <= 24 or not value.is_finite():
            return None
        value = value.scaleb(sample.multiplier)
    except (ArithmeticError, ValueError):
        return None
    return value if abs(value) < LARGEST else None


def _keep(result: Reading, sample: Sample, value: Decimal | int | None) -> None:
    parts = [sample.measurand, sample.phase, None if sample.location in OUTER else sample.location]
    if result.extra is None:
        result.extra = {}
    name = " ".join(part for part in parts if part)
    if value is None:
        result.flag("value_unreadable")
        result.extra[name] = str(sample.value)[:2500]
        return
    number = float(value)
    result.extra[name] = int(number) if number.is_integer() else number


def _column(result: Reading, measurand: str, value: Decimal | int) -> None:
    if measurand == REGISTER:
        result.register_wh = whole(value)
    elif measurand == POWER:
        result.power_w = float(value)
    elif measurand == CURRENT:
        result.current_a = float(value)
    elif measurand == VOLTAGE:
        result.voltage_v = float(value)
    else:
        result.soc_pct = float(value)


def whole(value: Decimal | int | float) -> int:
    """Registers are rounded once, half up, to whole Wh; never their differences."""
    if isinstance(value, int):
        return value
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


def _fold_phases(result: Reading, phases: dict[str, dict[str, float]]) -> None:
    """Totals from phases, where the station sent no total."""
    for measurand, values in phases.items():
        outer = [v for phase, v in values.items() if phase in LINES] or list(values.values())
        if measurand == REGISTER and result.register_wh is None:
            result.register_wh = whole(math.fsum(outer))
        elif measurand == POWER and result.power_w is None:
            result.power_w = math.fsum(outer)
        elif measurand == CURRENT and result.current_a is None:
            result.current_a = max(outer)
        elif measurand == VOLTAGE and result.voltage_v is None:
            result.voltage_v = math.fsum(outer) / len(outer)


LINES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
