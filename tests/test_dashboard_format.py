"""Numbers, units, times and money, to the very character."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.format import MINUS, NARROW, NBSP, UNKNOWN, Format

SV, EN = Format("sv"), Format("en")
NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)  # 12:00 in Stockholm, a Sunday


def test_thousands_are_parted_by_a_narrow_blank_in_swedish_and_a_comma_in_english() -> None:
    assert SV.number(1234567.5, 1) == f"1{NARROW}234{NARROW}567,5"
    assert EN.number(1234567.5, 1) == "1,234,567.5"


def test_minus_is_the_real_minus_sign() -> None:
    assert SV.number(-14) == EN.number(-14) == f"{MINUS}14"
    assert EN.signed(0.4, 1) == "+0.4"
    assert EN.signed(0) == "0"


def test_energy_has_two_decimals_until_a_hundred_kilowatt_hours() -> None:
    assert SV.kwh(31_420) == f"31,42{NBSP}kWh"
    assert EN.kwh(99_999) == f"100.00{NBSP}kWh"
    assert EN.kwh(21_846_000) == f"21,846{NBSP}kWh"
    assert EN.kwh(5, 3) == f"0.005{NBSP}kWh"


def test_power_has_one_decimal_until_a_hundred_kilowatts() -> None:
    assert SV.kw(87_400) == f"87,4{NBSP}kW"
    assert EN.kw(2_310_000) == f"2,310{NBSP}kW"


@pytest.mark.parametrize(("watts", "plate"), [(22_000, "22"), (7_400, "7,4"), (150_000, "150")])
def test_a_plate_says_no_more_digits_than_it_must(watts: int, plate: str) -> None:
    assert SV.rating(watts) == f"{plate}{NBSP}kW"


def test_money_is_counted_in_minor_units() -> None:
    assert SV.money(81_244_050, "SEK") == f"812{NARROW}440,50{NBSP}kr"
    assert EN.money(81_244_050, "SEK") == f"SEK{NBSP}812,440.50"
    assert SV.money(-1_250, "EUR") == f"{MINUS}12,50{NBSP}EUR"
    assert EN.money(500, "JPY") == f"JPY{NBSP}500"


@given(st.integers(-(10**15), 10**15))
def test_money_never_loses_an_ore(minor: int) -> None:
    digits = EN.money(minor, "SEK").removeprefix(f"SEK{NBSP}").replace(",", "")
    assert Decimal(digits.replace(MINUS, "-")) * 100 == minor


def test_shares_are_percent_and_their_differences_percentage_points() -> None:
    assert SV.percent(0.918, 1) == f"91,8{NBSP}%"
    assert EN.points(-0.016) == f"{MINUS}1.6{NBSP}pp"


def test_distances_are_rounded_as_people_say_them() -> None:
    assert SV.distance(647) == f"650{NBSP}m"
    assert SV.distance(3) == f"10{NBSP}m"
    assert SV.distance(2_130) == f"2,1{NBSP}km"
    assert EN.distance(996) == f"1.0{NBSP}km"


def test_durations_have_at_most_two_units() -> None:
    said = [EN.duration(s).replace(NBSP, " ") for s in (14, 1_260, 7_560, 47 * 3600, 260_000, -3)]
    assert said == ["14 s", "21 min", "2 h 06 min", "47 h 00 min", "3 d", "0 s"]


def test_times_are_those_of_the_zone() -> None:
    helsinki = Format("sv", ZoneInfo("Europe/Helsinki"))
    assert (SV.time(NOON), helsinki.time(NOON)) == ("12:00", "13:00")
    assert SV.time(NOON, seconds=True) == "12:00:00"


def test_dates_put_the_day_first_and_carry_no_points() -> None:
    assert SV.date(NOON, weekday=True) == "söndag 22 nov"
    assert EN.date(NOON, year=True) == "22 Nov 2026"
    assert EN.stamp(NOON) == "22 Nov 2026 12:00:00"
    assert SV.month(NOON) == "nov 2026"


def test_since_says_no_more_than_it_must() -> None:
    assert SV.since(NOON - timedelta(hours=2), NOON) == "10:00"
    assert SV.since(NOON - timedelta(days=1), NOON) == "lör 12:00"
    assert EN.since(NOON - timedelta(days=13), NOON) == "9 Nov"
    assert EN.since(NOON - timedelta(days=400), NOON) == "18 Oct 2025"


def test_what_is_unknown_is_a_dash_and_never_nought() -> None:
    answers = [SV.number(None), SV.kwh(None), SV.kw(None), SV.percent(None), SV.points(None),
               SV.duration(None), SV.distance(None), SV.time(None), SV.money(None, "SEK"),
               SV.rating(None), SV.since(None, NOON)]  # fmt: skip
    assert set(answers) == {UNKNOWN}
