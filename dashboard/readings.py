"""The sampled values of a message in plain words: power, meter, state of charge. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.format import Format
from dashboard.i18n import t

ENERGY, POWER, CHARGE = "Energy.Active.Import.Register", "Power.Active.Import", "SoC"


def reading_words(
    meter_values: Sequence[Mapping[str, Any]], form: Format, *, with_power: bool = True
) -> str:
    """`87.4 kW, meter 1,234.56 kWh, 65 %` of the newest reading; what is missing is left out."""
    known = totals(meter_values[-1]["sampledValue"]) if meter_values else {}
    words = []
    if with_power and POWER in known:
        words.append(form.kw(known[POWER]))
    if ENERGY in known:
        words.append(t("meter {energy}", energy=form.kwh(known[ENERGY], 2)))
    if CHARGE in known:
        words.append(form.percent(known[CHARGE] / 100))
    return ", ".join(words)


def totals(sampled: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Watts, watt-hours and percent by measurand; phases without a total are added up."""
    whole: dict[str, float] = {}
    phases: dict[str, float] = {}
    for value in sampled:
        measurand = str(value.get("measurand", ENERGY))
        held = phases if value.get("phase") else whole
        held[measurand] = held.get(measurand, 0.0) + amount(value)
    return phases | whole


def amount(value: Mapping[str, Any]) -> float:
    """A sampled value in W, Wh or percent: 2.0.1 has multipliers, both versions have kilo units."""
    given = value.get("unitOfMeasure") or {}
    unit = str(given.get("unit") or value.get("unit") or "Wh")
    scale: float = 10.0 ** int(given.get("multiplier", 0))
    return float(value["value"]) * scale * (1000 if unit.startswith("k") else 1)
