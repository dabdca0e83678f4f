"""What the linter says of tariffs that are legal OCPI."""

from typing import Any

import pytest
from billing_shorthand import component, element, tariff

from billing.linter import lint

ENERGY, FLAT = component("ENERGY", 4), component("FLAT", 5)
OCCUPANCY = component("PARKING_TIME", 60, step_size=60)


def rules(*elements: dict[str, Any], power_kw: int | None = None, **more: Any) -> list[str]:
    return [finding.rule for finding in lint(tariff(*elements, **more), power_kw)]


def test_a_price_per_kwh_with_an_occupancy_fee_passes_everywhere() -> None:
    assert rules(element(ENERGY, OCCUPANCY)) == []


def test_a_free_tariff_passes() -> None:
    assert rules(element(component("FLAT", 0, vat=None, step_size=0))) == []


@pytest.mark.parametrize(
    ("components", "fast", "slow"),
    [
        ([FLAT, ENERGY], ["order", "only_kwh"], ["order"]),
        ([ENERGY, FLAT], ["only_kwh"], []),
        ([ENERGY, component("TIME", 60)], ["only_kwh"], []),
        ([OCCUPANCY], ["kwh_base"], []),
        ([ENERGY, component("PARKING_TIME", 60, step_size=900)], ["per_minute"], ["per_minute"]),
        ([component("ENERGY", 4, vat=None)], ["vat"], ["vat"]),
    ],
)
def test_the_rules_depend_on_the_power(components: Any, fast: list[str], slow: list[str]) -> None:
    assert rules(element(*components)) == fast
    assert rules(element(*components), power_kw=50) == fast
    assert rules(element(*components), power_kw=49) == slow


def test_a_lowest_price_is_a_fee_in_disguise() -> None:
    assert rules(element(ENERGY), min_price={"excl_vat": 10}) == ["only_kwh"]


def test_a_price_nobody_can_know_before_the_start_is_found() -> None:
    dear = element(component("ENERGY", 9), min_power=100)
    (finding,) = lint(tariff(dear, element(ENERGY)))
    assert (finding.rule, finding.field) == (
        "unknown_before_start",
        "elements[0].restrictions.min_power",
    )
    assert "nobody knows before the start" in finding.reason


def test_gaps_and_prices_out_of_reach_are_advice() -> None:
    gap = lint(tariff(element(ENERGY, end_time="06:00")))
    lost = lint(tariff(element(ENERGY), element(component("ENERGY", 9), end_time="06:00")))
    assert [(f.rule, f.breaks) for f in gap + lost] == [("gap", False), ("unreachable", False)]


def test_the_price_of_a_reservation_is_another_matter() -> None:
    assert rules(element(FLAT, reservation="RESERVATION"), element(ENERGY)) == []
