"""Tariffs in the database: which one applies where and when, and what the pages read of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from billing.assignment import add_tariff, find_place, frozen_tariff, list_tariffs, tariff_for
from billing.reading import hash_of, parse
from billing.tariffs import TariffError
from sql.database import Connection

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def document(name: str, price: str = "4.00", **more: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": Decimal(price), "vat": 25, "step_size": 1}
    element = {"price_components": [component]}
    return {"id": name, "currency": "SEK", "elements": [element], **more}


@pytest.fixture
def evses(connection: Connection) -> list[int]:
    """Two evses of the station CP1 at the site Torget, and one of CP2, which has no site."""
    connection.execute("INSERT INTO site (site_id, operator_id, name) VALUES (7, 1, 'Torget')")
    connection.execute("INSERT INTO station (station_id, site_id) VALUES ('CP1', 7), ('CP2', NULL)")
    connection.execute(
        "INSERT INTO evse (evse_key, station_id, evse_id, public_code)"
        " VALUES (11, 'CP1', 1, 'K7-4M2Q'), (12, 'CP1', 2, NULL), (21, 'CP2', 1, NULL)"
    )
    return [11, 12, 21]


def put(connection: Connection, name: str, *place: str, at: datetime = NOON, **more: Any) -> str:
    return add_tariff(connection, document(name, **more), find_place(connection, *place), at)


def names(connection: Connection, evses: list[int], at: datetime = NOON) -> list[str | None]:
    found = [tariff_for(connection, evse, at) for evse in evses]
    return [each and each.tariff.id for each in found]


def test_an_evse_without_a_tariff_has_none_and_no_price(
    connection: Connection, evses: list[int]
) -> None:
    assert names(connection, evses) == [None, None, None]
    assert connection.execute("SELECT * FROM evse_price").fetchall() == []


def test_the_most_specific_place_wins(connection: Connection, evses: list[int]) -> None:
    put(connection, "operator")
    assert names(connection, evses) == ["operator", "operator", "operator"]
    put(connection, "site", "site", "torget")
    assert names(connection, evses) == ["site", "site", "operator"]
    put(connection, "station", "station", "CP1")
    put(connection, "evse", "evse", "k7-4m2q")
    assert names(connection, evses) == ["evse", "station", "operator"]


def test_the_newest_assignment_of_a_place_wins_from_its_time_on(
    connection: Connection, evses: list[int]
) -> None:
    put(connection, "new", at=NOON + DAY)
    put(connection, "old")
    assert names(connection, evses[:1], NOON - DAY) == [None]
    assert names(connection, evses[:1], NOON) == ["old"]
    assert names(connection, evses[:1], NOON + DAY) == ["new"]


def test_a_tariff_outside_its_own_dates_is_passed_over(
    connection: Connection, evses: list[int]
) -> None:
    put(connection, "always")
    put(connection, "june", "evse", "CP1/1", end_date_time="2026-07-01T00:00:00Z")
    assert names(connection, evses[:1]) == ["june"]
    assert names(connection, evses[:1], NOON + 30 * DAY) == ["always"]


def test_an_assignment_can_be_taken_back(connection: Connection, evses: list[int]) -> None:
    put(connection, "operator")
    put(connection, "evse", "evse", "CP1/1")
    connection.execute("INSERT INTO tariff_assignment (evse_key, valid_from) VALUES (11, now())")
    far = datetime.now(UTC) + DAY
    assert names(connection, evses[:1], far) == ["operator"]


def test_the_stored_document_is_the_one_that_was_given(
    connection: Connection, evses: list[int]
) -> None:
    given = parse(
        '{"id":"a","currency":"SEK","elements":[{"price_components":[{"type":"ENERGY",'
        '"price":4.7900,"vat":25.0,"step_size":1}],"restrictions":null}]}',
        TariffError,
    )
    fingerprint = add_tariff(connection, given, find_place(connection), NOON)
    assigned = tariff_for(connection, evses[0], NOON)
    assert assigned is not None
    assert assigned.hash == fingerprint == hash_of(given)
    assert assigned.tariff.elements[0].price_components[0].price == Decimal("4.79")
    assert frozen_tariff(connection, fingerprint) == assigned.tariff
    (text,) = connection.execute("SELECT document::text FROM tariff").fetchone() or ("",)
    assert hash_of(parse(text, TariffError)) == fingerprint


def test_the_same_document_is_stored_once(connection: Connection, evses: list[int]) -> None:
    assert put(connection, "a") == put(connection, "a", "site", "7")
    assert [row[4] for row in list_tariffs(connection)] == ["operator Kilowatch", "site Torget"]
    assert {row[0] for row in list_tariffs(connection)} == {1}


@pytest.mark.parametrize("change", ["UPDATE tariff SET hash = hash", "DELETE FROM tariff"])
def test_a_tariff_can_be_neither_changed_nor_deleted(
    connection: Connection, evses: list[int], change: str
) -> None:
    put(connection, "a")
    with pytest.raises(psycopg.errors.RestrictViolation, match="tariff 1 is final"):
        connection.execute(change.encode())


@pytest.mark.parametrize("kind", ["operator", "site", "station", "evse"])
def test_an_unknown_place_is_named(connection: Connection, kind: str) -> None:
    with pytest.raises(TariffError, match=f"{kind}: no {kind} is called Nowhere"):
        find_place(connection, kind, "Nowhere")


def test_a_tariff_for_drivers_must_say_its_vat(connection: Connection) -> None:
    silent = document("a")
    del silent["elements"][0]["price_components"][0]["vat"]
    with pytest.raises(TariffError, match="can't be shown including VAT"):
        add_tariff(connection, silent, find_place(connection))


def shown(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT currency, energy_per_kwh_incl_vat, energy_varies, has_more FROM evse_price"
        " WHERE evse_key = 11"
    ).fetchall()


def test_the_price_shown_includes_vat(connection: Connection, evses: list[int]) -> None:
    put(connection, "a", price="4.792")
    assert shown(connection) == [("SEK", Decimal("5.99"), False, False)]


def test_the_price_shown_is_the_highest_and_says_that_there_are_others(
    connection: Connection, evses: list[int]
) -> None:
    night = document("night", "2.00")["elements"][0] | {"restrictions": {"end_time": "06:00"}}
    put(connection, "a", elements=[night, *document("a")["elements"]])
    assert shown(connection) == [("SEK", 5, True, False)]


@pytest.mark.parametrize(
    "more",
    [
        {"min_price": {"excl_vat": 10}},
        {
            "elements": [
                *document("a")["elements"],
                {"price_components": [{"type": "PARKING_TIME", "price": 60, "vat": 25}]},
            ]
        },
    ],
    ids=["a lowest price", "an occupancy fee"],
)
def test_the_price_shown_says_that_there_is_more(
    connection: Connection, evses: list[int], more: Any
) -> None:
    put(connection, "a", **more)
    assert shown(connection) == [("SEK", 5, False, True)]


def test_a_free_tariff_shows_zero(connection: Connection, evses: list[int]) -> None:
    put(connection, "a", elements=[{"price_components": [{"type": "FLAT", "price": 0}]}])
    assert shown(connection) == [("SEK", 0, False, False)]


def test_a_price_for_reservations_is_not_the_price_of_charging(
    connection: Connection, evses: list[int]
) -> None:
    fee = {
        "price_components": [{"type": "FLAT", "price": 20, "vat": 25}],
        "restrictions": {"reservation": "RESERVATION"},
    }
    put(connection, "a", elements=[fee, *document("a")["elements"]])
    assert shown(connection) == [("SEK", 5, False, False)]
