"""Tariffs and sessions that can't be right are refused in one line that names the field."""

import json
from typing import Any

import pytest
from billing_shorthand import component, document, element

from billing.cdrs import CdrError, read_cdr
from billing.reading import canonical
from billing.tariffs import TariffError, read_tariff

ENERGY = component("ENERGY", 4)
PLAIN = element(ENERGY)
HERE = "elements[0].price_components[0]"


def changed(**fields: Any) -> dict[str, Any]:
    return document(element({**ENERGY, **fields}))


def limited(**restrictions: Any) -> dict[str, Any]:
    return document(element(ENERGY, **restrictions))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": "a", "elements": []}, "currency: missing"),
    (document(), "elements: expected at least one element"),
    (document(element()), "elements[0].price_components: expected at least one price component"),
    (document(PLAIN) | {"elements": {}}, "elements: expected a list, got an object"),
    (document(PLAIN) | {"id": ""}, "id: expected a name for the tariff, got an empty one"),
    (
        document(PLAIN, currency="SKR"),
        "currency: expected a currency of ISO 4217 such as SEK, got 'SKR'",
    ),
    (
        document(PLAIN, currency="XAU"),
        "currency: expected a currency of ISO 4217 such as SEK, got 'XAU'",
    ),
    (document(PLAIN, mim_price={"excl_vat": 1}), "mim_price: unknown field"),
    (
        document(PLAIN, type="CHEAP"),
        "type: expected one of AD_HOC_PAYMENT, PROFILE_CHEAP, PROFILE_FAST, PROFILE_GREEN, "
        "REGULAR, got 'CHEAP'",
    ),
    (
        changed(type="KWH"),
        f"{HERE}.type: expected one of ENERGY, TIME, PARKING_TIME, FLAT, got 'KWH'",
    ),
    (changed(price="4.00"), f"{HERE}.price: expected a number, got text"),
    (changed(price=True), f"{HERE}.price: expected a number, got true or false"),
    (changed(price=4.00001), f"{HERE}.price: expected at most 4 decimals, got 4.00001"),
    (changed(price=10**9), f"{HERE}.price: expected a number below 1000000000"),
    (
        changed(price=-1),
        f"{HERE}.price: expected 0 or more, got -1 (only an ENERGY price may be negative, "
        "and only with a min_price of 0 or more)",
    ),
    (changed(vat=-1), f"{HERE}.vat: expected a percentage from 0 to 100, got -1"),
    (changed(vat=250), f"{HERE}.vat: expected a percentage from 0 to 100, got 250"),
    (changed(step_size=1.5), f"{HERE}.step_size: expected a whole number, got a number"),
    (changed(step_size=-1), f"{HERE}.step_size: expected 0 or more, got -1"),
    (changed(stepsize=1), f"{HERE}.stepsize: unknown field"),
    (
        document(element(ENERGY, ENERGY)),
        "elements[0].price_components[1].type: expected each type once in an element, "
        "got ENERGY again",
    ),
    (
        limited(reservation="RESERVATION"),
        "elements[0].price_components: expected only FLAT and TIME for a reservation, got ENERGY",
    ),
    (
        limited(reservation="YES"),
        "elements[0].restrictions.reservation: expected one of RESERVATION, "
        "RESERVATION_EXPIRES, got 'YES'",
    ),
    (
        limited(day_of_week=["MONDAY", "FREDAG"]),
        "elements[0].restrictions.day_of_week[1]: expected one of MONDAY, TUESDAY, WEDNESDAY, "
        "THURSDAY, FRIDAY, SATURDAY, SUNDAY, got 'FREDAG'",
    ),
    (
        limited(start_time="9:00"),
        "elements[0].restrictions.start_time: expected a time of day such as 09:30, got '9:00'",
    ),
    (
        limited(end_time="24:00"),
        "elements[0].restrictions.end_time: expected a time of day such as 09:30, got '24:00'",
    ),
    (
        limited(start_date="2026-02-30"),
        "elements[0].restrictions.start_date: expected a date such as 2026-11-22",
    ),
    (
        limited(start_date="2026-02-02", end_date="2026-02-02"),
        "elements[0].restrictions.end_date: expected a date after start_date (2026-02-02), "
        "got 2026-02-02; the end is exclusive",
    ),
    (limited(min_kwh=-1), "elements[0].restrictions.min_kwh: expected 0 or more, got -1"),
    (
        limited(min_power=5, max_power=5),
        "elements[0].restrictions.max_power: expected more than min_power (5), got 5; "
        "the maximum is exclusive",
    ),
    (
        limited(min_duration=60.5),
        "elements[0].restrictions.min_duration: expected a whole number or nothing, got a number",
    ),
    (
        document(PLAIN, min_price={"excl_vat": 5}, max_price={"excl_vat": 4}),
        "max_price.excl_vat: expected at least min_price (5), got 4",
    ),
    (
        document(PLAIN, max_price={"excl_vat": 5, "incl_vat": 4}),
        "max_price.incl_vat: expected at least excl_vat (5), got 4",
    ),
    (document(PLAIN, min_price={"excl_vat": -5}), "min_price.excl_vat: expected 0 or more, got -5"),
    (
        document(
            PLAIN, start_date_time="2026-02-01T00:00:00Z", end_date_time="2026-01-01T00:00:00Z"
        ),
        "end_date_time: expected a time after start_date_time (2026-02-01 00:00:00+00:00), "
        "got 2026-01-01 00:00:00+00:00",
    ),
    (
        document(PLAIN, start_date_time="tomorrow"),
        "start_date_time: expected a date and time such as 2026-11-22T18:00:00Z",
    ),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=[message[:70] for _, message in BAD])
def test_a_wrong_tariff_is_refused_by_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(TariffError) as refusal:
        read_tariff(canonical(given))
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no valid JSON: Input data was truncated"),
        ('{"id": 1', "no valid JSON: Input data was truncated"),
        ("[]", "expected a JSON object, got a list"),
        ("4.5", "expected a JSON object, got a number"),
        ("[" * 100_000, "not readable: nested too deeply"),
    ],
)
def test_what_is_no_json_object_is_refused(text: str, message: str) -> None:
    with pytest.raises(TariffError) as refusal:
        read_tariff(text)
    assert str(refusal.value) == message


def test_vat_may_be_missing_unless_prices_are_shown_with_it() -> None:
    silent = document(element(component("ENERGY", 4, vat=None), component("FLAT", 0, vat=None)))
    assert read_tariff(canonical(silent)).elements[0].price_components[0].vat is None
    with pytest.raises(TariffError) as refusal:
        read_tariff(canonical(silent), vat_required=True)
    assert str(refusal.value) == (
        f"{HERE}.vat: missing: the ENERGY price can't be shown including VAT without it; "
        "write 0 if no VAT applies"
    )


def test_a_negative_price_needs_a_lowest_price() -> None:
    negative = document(element(component("ENERGY", -1)), min_price={"excl_vat": 0})
    assert read_tariff(canonical(negative)).elements[0].price_components[0].price == -1


def test_null_means_left_out_and_a_time_without_offset_is_utc() -> None:
    text = json.dumps(
        {
            "id": "a",
            "currency": "SEK",
            "min_price": None,
            "start_date_time": "2026-01-01T00:00:00",
            "end_date_time": "2026-01-01T00:00:01Z",
            "elements": [
                {"price_components": [{"type": "FLAT", "price": 1}], "restrictions": None}
            ],
        }
    )
    assert read_tariff(text).elements[0].restrictions.is_empty


def cdr(**fields: Any) -> dict[str, Any]:
    period = {"start_date_time": "2026-06-01T10:00:00Z", "dimensions": []}
    return {
        "currency": "SEK",
        "start_date_time": "2026-06-01T10:00:00Z",
        "end_date_time": "2026-06-01T11:00:00Z",
        "charging_periods": [period],
        **fields,
    }


def used(*dimensions: tuple[str, Any], start: str = "2026-06-01T10:00:00Z") -> dict[str, Any]:
    told = [{"type": kind, "volume": volume} for kind, volume in dimensions]
    return cdr(charging_periods=[{"start_date_time": start, "dimensions": told}])


TEN, ELEVEN = "2026-06-01 10:00:00+00:00", "2026-06-01 11:00:00+00:00"
FIRST = "charging_periods[0]"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (cdr(charging_periods=[]), "charging_periods: expected at least one period"),
        (
            cdr(end_date_time="2026-06-01T09:59:59Z"),
            "end_date_time: expected a time not before start_date_time "
            f"({TEN}), got 2026-06-01 09:59:59+00:00",
        ),
        (
            cdr(end_date_time="2027-07-01T10:00:00Z"),
            "end_date_time: expected at most 366 days after start_date_time",
        ),
        (
            cdr(start_date_time="0001-01-01T00:00:00Z"),
            "start_date_time: expected a year from 1970 to 2199, got 0001-01-01 00:00:00+00:00",
        ),
        (
            used(start="2026-06-01T09:00:00Z"),
            f"{FIRST}.start_date_time: expected a time not before start_date_time ({TEN}), "
            "got 2026-06-01 09:00:00+00:00",
        ),
        (
            used(start="2026-06-01T12:00:00Z"),
            f"{FIRST}.start_date_time: expected a time not after end_date_time ({ELEVEN}), "
            "got 2026-06-01 12:00:00+00:00",
        ),
        (
            used(("ENERGY", -1)),
            f"{FIRST}.dimensions[0].volume: expected 0 or more for ENERGY, got -1",
        ),
        (
            used(("TIME", -0.5)),
            f"{FIRST}.dimensions[0].volume: expected 0 or more for TIME, got -0.5",
        ),
        (used(("TIME", "1")), f"{FIRST}.dimensions[0].volume: expected a number, got text"),
        (
            used(("ENERGY", 1e12)),
            f"{FIRST}.dimensions[0].volume: expected a number below 1000000000",
        ),
        (
            used(("ENERGY", 1), ("ENERGY", 1)),
            f"{FIRST}.dimensions[1].type: expected each type once in a period, got ENERGY again",
        ),
        (
            used(("KWH", 1)),
            f"{FIRST}.dimensions[0].type: expected one of ENERGY, TIME, PARKING_TIME, "
            "RESERVATION_TIME, CURRENT, MIN_CURRENT, MAX_CURRENT, POWER, MIN_POWER, MAX_POWER, "
            "ENERGY_EXPORT, ENERGY_IMPORT, STATE_OF_CHARGE, got 'KWH'",
        ),
    ],
)
def test_a_wrong_session_is_refused_by_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(CdrError) as refusal:
        read_cdr(canonical(given))
    assert str(refusal.value) == message


def test_a_whole_cdr_may_be_given() -> None:
    assert read_cdr(canonical(cdr(id="1", auth_method="WHITELIST"))).currency == "SEK"
