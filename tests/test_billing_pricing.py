"""Which element wins when, where a session is split, and what is rounded."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from billing_shorthand import STOCKHOLM, component, cost, element, lines, session, tariff

from billing.cdrs import CdrError
from billing.pricing import plan_of, price

KWH = Decimal(12)
FREE = element(component("ENERGY", 0))


def energy(amount: Any, **restrictions: Any) -> Any:
    return element(component("ENERGY", amount), **restrictions)


def test_the_first_element_that_holds_wins_for_each_dimension() -> None:
    given = tariff(
        element(component("TIME", 60), start_time="00:00", end_time="12:00"),
        element(component("ENERGY", 2), component("TIME", 120)),
        element(component("ENERGY", 9)),
    )
    result = price(
        given, session("2026-06-01T11:30", (60, {"ENERGY": KWH, "TIME": True})), STOCKHOLM
    )
    assert lines(result) == [
        ("ENERGY", 1, 12),
        ("TIME", 0, Decimal("0.5")),
        ("TIME", 1, Decimal("0.5")),
    ]
    assert result.total_cost_excl_vat == 24 + 30 + 60


def test_what_no_element_prices_costs_nothing() -> None:
    given = tariff(element(component("PARKING_TIME", 60)))
    assert cost(given, session("2026-06-01T10:00", (60, {"ENERGY": KWH, "TIME": True}))) == 0


@pytest.mark.parametrize(
    ("restrictions", "expected"),
    [
        ({"start_time": "10:30"}, 6),
        ({"end_time": "10:30"}, 6),
        ({"start_time": "10:15", "end_time": "10:20"}, 1),
        ({"start_time": "22:00", "end_time": "10:10"}, 2),
        ({"start_time": "10:50", "end_time": "10:00"}, 2),
        ({"start_time": "11:00", "end_time": "10:00"}, 0),
        ({"start_time": "10:00", "end_time": "11:00"}, 12),
        ({"start_time": "00:00", "end_time": "00:00"}, 12),
        ({"start_time": "09:00", "end_time": "09:00"}, 12),
        ({"start_date": "2026-06-01"}, 12),
        ({"start_date": "2026-06-02"}, 0),
        ({"end_date": "2026-06-01"}, 0),
        ({"end_date": "2026-06-02"}, 12),
        ({"day_of_week": ["MONDAY"]}, 12),
        ({"day_of_week": ["TUESDAY", "SUNDAY"]}, 0),
        ({"min_kwh": 3}, 9),
        ({"max_kwh": 3}, 3),
        ({"min_kwh": 3, "max_kwh": 4}, 1),
        ({"min_duration": 600}, 10),
        ({"max_duration": 600}, 2),
        ({"min_duration": 600, "start_time": "10:30"}, 6),
        ({"min_power": 12}, 12),
        ({"max_power": 12}, 0),
        ({"min_current": 16}, 12),
        ({"max_current": 16}, 0),
        ({"min_current": 17}, 0),
        ({"max_current": 17}, 12),
    ],
    ids=str,
)
def test_a_restriction_holds_from_its_start_up_to_its_end(restrictions: Any, expected: int) -> None:
    """A Monday from 10 to 11 with 12 kWh at 12 kW and 16 A, at 1 per kWh."""
    hour = session("2026-06-01T10:00", (60, {"ENERGY": KWH, "CURRENT": 16}))
    assert cost(tariff(energy(1, **restrictions), FREE), hour) == expected


@pytest.mark.parametrize(
    ("start", "minutes", "restrictions", "expected"),
    [
        # the clock shows 02:00 to 03:00 twice: four hours lie between 01:00 and 04:00
        ("2026-10-25T01:00", 240, {"start_time": "02:00", "end_time": "03:00"}, 120),
        ("2026-10-25T01:00", 240, {"start_time": "02:30", "end_time": "03:00"}, 60),
        ("2026-10-25T01:00", 240, {"start_time": "02:30", "end_time": "04:00"}, 120),
        # it jumps from 02:00 to 03:00: two hours lie between 01:00 and 04:00
        ("2026-03-29T01:00", 120, {"start_time": "02:00", "end_time": "03:00"}, 0),
        ("2026-03-29T01:00", 120, {"start_time": "02:30", "end_time": "03:30"}, 30),
        ("2026-03-29T01:00", 120, {"end_time": "02:30"}, 60),
        # days of 25 and 23 hours
        ("2026-10-24T12:00", 3060, {"day_of_week": ["SUNDAY"]}, 1500),
        ("2026-03-28T12:00", 2940, {"start_date": "2026-03-29", "end_date": "2026-03-30"}, 1380),
        # over midnight: Friday night belongs to Saturday from 00:00 on
        ("2026-06-05T22:00", 240, {"start_time": "22:00", "end_time": "06:00"}, 240),
        ("2026-06-05T22:00", 240, {"start_time": "22:00", "day_of_week": ["FRIDAY"]}, 120),
        (
            "2026-06-05T22:00",
            240,
            {"start_time": "22:00", "end_time": "06:00", "day_of_week": ["SATURDAY"]},
            120,
        ),
        ("2026-06-05T22:00", 1440, {"end_time": "06:00"}, 360),
    ],
)
def test_the_clock_on_the_wall_decides(
    start: str, minutes: int, restrictions: Any, expected: int
) -> None:
    """At 60 an hour the cost is the number of minutes."""
    given = tariff(element(component("TIME", 60), **restrictions))
    assert cost(given, session(start, (minutes, {"TIME": True}))) == expected


def test_the_same_session_costs_something_else_in_another_zone() -> None:
    given = tariff(energy(1, start_time="12:00"), FREE)
    cdr = session("2026-06-01T11:30", (60, {"ENERGY": KWH}))
    assert cost(given, cdr) == 6
    assert cost(given, cdr, ZoneInfo("Asia/Kathmandu")) == 12


def test_energy_counts_over_all_periods() -> None:
    given = tariff(energy(1, max_kwh=10), energy(5))
    cdr = session("2026-06-01T10:00", (30, {"ENERGY": 8}), (30, {"ENERGY": 6}))
    assert lines(price(given, cdr, STOCKHOLM)) == [
        ("ENERGY", 0, 8),
        ("ENERGY", 0, 2),
        ("ENERGY", 1, 4),
    ]


def test_a_period_without_length_is_split_by_energy() -> None:
    given = tariff(energy(1, max_kwh=10), energy(5))
    assert cost(given, session("2026-06-01T10:00", (0, {"ENERGY": 12}))) == 20


def test_time_is_split_where_an_energy_limit_is_reached() -> None:
    given = tariff(element(component("TIME", 60), max_kwh=3))
    assert cost(given, session("2026-06-01T10:00", (60, {"ENERGY": 12, "TIME": True}))) == 15


def test_durations_leave_a_reservation_out() -> None:
    given = tariff(energy(1, max_duration=1800), energy(2))
    cdr = session("2026-06-01T10:00", (60, {"RESERVATION_TIME": True}), (60, {"ENERGY": 10}))
    assert cost(given, cdr) == 15


def test_flat_is_charged_once_the_first_time_it_holds() -> None:
    given = tariff(
        element(component("FLAT", 10), start_time="12:00"), element(component("FLAT", 7), min_kwh=1)
    )
    cdr = session("2026-06-01T11:00", (60, {"ENERGY": 12}), (120, {"ENERGY": 12}))
    result = price(given, cdr, STOCKHOLM)
    assert lines(result) == [("FLAT", 1, 1)]
    assert result.total_cost_excl_vat == 7


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ({"MIN_POWER": 5, "MAX_POWER": 11}, 1),
        ({"MIN_POWER": 11, "MAX_POWER": 22}, 2),
        ({"MIN_POWER": 5, "MAX_POWER": 22}, 3),
        ({"POWER": 5}, 1),
        ({}, 2),
    ],
)
def test_a_period_must_lie_within_a_power_range_as_a_whole(volumes: Any, expected: int) -> None:
    """12 kWh in an hour: 12 kW when nothing else is said."""
    given = tariff(
        element(component("FLAT", 1), max_power=12),
        element(component("FLAT", 2), min_power=11),
        element(component("FLAT", 3)),
    )
    cdr = session("2026-06-01T10:00", (60, {"ENERGY": KWH, **volumes}))
    assert cost(given, cdr) == expected


def test_a_current_nobody_measured_holds_no_restriction() -> None:
    given = tariff(energy(1, max_current=16), energy(2, min_current=16), energy(3))
    assert cost(given, session("2026-06-01T10:00", (60, {"ENERGY": 1}))) == 3


def test_a_parked_car_draws_no_current() -> None:
    given = tariff(element(component("PARKING_TIME", 60), max_current=1))
    assert cost(given, session("2026-06-01T10:00", (60, {"PARKING_TIME": True}))) == 60


def test_hours_with_four_decimals_do_not_cost_a_step_more() -> None:
    given = tariff(element(component("TIME", 60, step_size=60)))
    assert cost(given, session("2026-06-01T10:00", (10, {"TIME": Decimal("0.1667")}))) == 10


def test_a_step_of_the_last_component_that_was_used_rounds_all() -> None:
    given = tariff(
        element(component("ENERGY", 1, step_size=1000), max_duration=1800),
        element(component("ENERGY", 2, step_size=500), max_duration=3600),
        element(component("ENERGY", 3, step_size=10_000)),
    )
    cdr = session(
        "2026-06-01T10:00", (60, {"ENERGY": Decimal("2.6")}), (60, {"PARKING_TIME": True})
    )
    assert lines(price(given, cdr, STOCKHOLM)) == [
        ("ENERGY", 0, Decimal("1.3")),
        ("ENERGY", 1, Decimal("1.7")),
    ]


def test_only_the_last_of_charging_and_parking_is_rounded_up() -> None:
    given = tariff(
        element(component("TIME", 60, step_size=900), component("PARKING_TIME", 60, step_size=600))
    )
    charging, parking = (10, {"TIME": True}), (3, {"PARKING_TIME": True})
    assert cost(given, session("2026-06-01T10:00", charging, parking)) == 10 + 10
    assert cost(given, session("2026-06-01T10:00", charging, parking, charging)) == 30 + 3


def test_a_step_of_zero_is_exact() -> None:
    given = tariff(element(component("ENERGY", 1000, step_size=0)))
    assert cost(given, session("2026-06-01T10:00", (60, {"ENERGY": Decimal("0.0004")}))) == Decimal(
        "0.40"
    )


@pytest.mark.parametrize(
    ("currency", "expected"), [("SEK", "1.24"), ("ISK", "1"), ("KWD", "1.235"), ("RSD", "1.24")]
)
def test_totals_are_rounded_half_up_to_the_smallest_coin(currency: str, expected: str) -> None:
    given = tariff(element(component("FLAT", "1.235", vat=0)), currency=currency)
    result = price(
        given, session("2026-06-01T10:00", (1, {"ENERGY": 1}), currency=currency), STOCKHOLM
    )
    assert str(result.total_cost_excl_vat) == str(result.total_cost_incl_vat) == expected


def test_thirds_of_an_hour_add_up() -> None:
    """0.005 in three parts of a third each is half a coin, and half a coin is rounded up."""
    given = tariff(element(component("TIME", "0.015", vat=0, step_size=0)))
    third = (20.0 / 3, {"TIME": Decimal(1) / 9})
    assert cost(given, session("2026-06-01T10:00", third, third, third)) == Decimal("0.01")


BOUNDS = {
    "min_price": {"excl_vat": 10, "incl_vat": 13},
    "max_price": {"excl_vat": 20, "incl_vat": 24},
}


@pytest.mark.parametrize(
    ("flat", "expected", "by"),
    [
        (5, ("10.00", "13.00"), "min_price"),
        (10, ("10.00", "13.00"), "min_price"),
        (12, ("12.00", "15.00"), None),
        ("19.5", ("19.50", "24.00"), "max_price"),
        (30, ("20.00", "24.00"), "max_price"),
    ],
)
def test_bounds_hold_with_and_without_vat(flat: Any, expected: Any, by: str | None) -> None:
    given = tariff(element(component("FLAT", flat)), **BOUNDS)
    result = price(given, session("2026-06-01T10:00", (1, {"ENERGY": 1})), STOCKHOLM)
    assert (str(result.total_cost_excl_vat), str(result.total_cost_incl_vat)) == expected
    assert result.limited_by == by


def test_a_bound_without_vat_moves_the_total_with_it() -> None:
    given = tariff(element(component("FLAT", 5)), min_price={"excl_vat": 10})
    result = price(given, session("2026-06-01T10:00", (1, {"ENERGY": 1})), STOCKHOLM)
    assert result.total_cost_incl_vat == Decimal("12.50")
    nothing = tariff(element(component("ENERGY", 5)), min_price={"excl_vat": 10})
    empty = price(nothing, session("2026-06-01T10:00", (1, {})), STOCKHOLM)
    assert empty.total_cost_incl_vat == Decimal("12.50")


def test_a_price_without_vat_is_priced_without_and_says_so() -> None:
    given = tariff(element(component("ENERGY", 2, vat=None)))
    result = price(given, session("2026-06-01T10:00", (1, {"ENERGY": 1})), STOCKHOLM)
    assert result.total_cost_incl_vat == 2
    assert result.notes == ("elements[0]: the ENERGY price says no vat; none is added to it",)


def test_a_session_without_energy_costs_its_fee() -> None:
    given = tariff(element(component("FLAT", 5), component("ENERGY", 2)))
    assert cost(given, session("2026-06-01T10:00", (0, {}))) == 5


def test_a_prepared_tariff_prices_the_same() -> None:
    given = tariff(energy(1, start_time="10:30"), FREE)
    cdr = session("2026-06-01T10:00", (60, {"ENERGY": KWH}))
    assert price(plan_of(given), cdr, STOCKHOLM) == price(given, cdr, STOCKHOLM)


def test_currencies_must_be_the_same() -> None:
    with pytest.raises(CdrError, match="currency: expected SEK as the tariff, got EUR"):
        cost(tariff(FREE), session("2026-06-01T10:00", (1, {}), currency="EUR"))
