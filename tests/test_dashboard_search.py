"""The search of everything: what is found, by whom, and where it leads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.pages import search_hits
from sql.database import Connection
from tests.finance_rows import CAROL, Paid, add_carol, paid_session
from tests.staff import page, signed_in, staff_app
from tests.web import ALICE, add_evse, add_site, add_user

NOW = datetime.now(UTC)
MANAGER = "mia@example.org"


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_carol(connection)
    add_user(connection, ALICE, "operator")
    add_user(connection, MANAGER, "manager")
    with staff_app(database) as app:
        yield app


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app)


@pytest.fixture
def evse_key(connection: Connection) -> int:
    site_id = add_site(connection, "Jönköping A6", "Jönköping", (57.77, 14.2))
    return add_evse(connection, site_id, "JKP-04", "K7-9T1X", status="Occupied",
                    charging_state="Charging")  # fmt: skip


@pytest.fixture
def session_id(connection: Connection, evse_key: int) -> int:
    """One that runs."""
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh, id_token) VALUES (4711, 'JKP-04', 1, %s, 'tx-88213',"
        " now() - interval '20 minutes', 31420, '04A2B3C4D5')",
        [evse_key],
    )
    return 4711


def hits(client: FlaskClient, text: str) -> list[dict[str, Any]]:
    answer = client.get("/app/search/suggest", query_string={"q": text})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json
    return found


def ways(client: FlaskClient, text: str) -> list[tuple[str, str]]:
    return [(hit["kind"], hit["href"]) for hit in hits(client, text)]


def pay(connection: Connection, session_id: int, evse_key: int) -> None:
    """The session that runs is paid for by card."""
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
        " currency, hold, held, cost, card_last4, authorised_at, created_at) VALUES ('F4KE-7Q',"
        " 'guest', 1, %s, %s, 'charging', 'SEK', 30000, 30000, 15679, '4417', now(),"
        " now() - interval '20 minutes')",
        [evse_key, session_id],
    )


STATION = "/app/station/JKP-04?evse=1"


def test_a_public_code_leads_to_its_evse(alice: FlaskClient, session_id: int) -> None:
    for text in ("K7-9T1X", "k79t", "k7 9t1x"):
        (first, *_) = hits(alice, text)
        assert (first["kind"], first["label"], first["href"]) == ("Evse", "K7-9T1X", STATION)
        assert "31.42" in first["detail"]
        assert first["shape"] == "charging"


def test_a_station_is_found_by_its_name_site_and_town(alice: FlaskClient, evse_key: int) -> None:
    for text in ("jkp-04", "jkp", "a6 jkp", "jönköping"):
        assert ("Station", "/app/station/JKP-04") in ways(alice, text)


def test_sites_and_towns_lead_to_their_stations(
    alice: FlaskClient, evse_key: int, connection: Connection
) -> None:
    (site_id,) = connection.execute("SELECT site_id FROM site").fetchone() or (0,)
    found = ways(alice, "jönk")
    assert ("Site", f"/app/stations?site={site_id}") in found
    assert ("Town", "/app/stations?q=J%C3%B6nk%C3%B6ping") in found
    assert "1 station" in page(alice, "/app/stations", f"?site={site_id}")
    assert "No station at this site" in page(alice, "/app/stations", "?site=999999")


def test_a_running_session_leads_to_where_it_can_be_stopped(
    alice: FlaskClient, session_id: int
) -> None:
    for text in ("4711", "#4711", "session 4711", "tx-88213", "04a2b3c4d5"):
        assert ("Session", STATION) in ways(alice, text)


def test_a_callers_running_session_is_one_step_from_its_station(
    alice: FlaskClient, connection: Connection, session_id: int, evse_key: int
) -> None:
    pay(connection, session_id, evse_key)
    for text in ("4417", "4417 300", "4417 300 kr", "f4ke-7q", "F4KE7Q", "f4ke"):
        found = hits(alice, text)
        assert [(hit["kind"], hit["href"]) for hit in found] == [("Payment", STATION)]
        assert "4417" in found[0]["label"]


@pytest.fixture
def paid(connection: Connection, evse_key: int) -> Paid:
    return paid_session(connection, evse_key, 104897, NOW - timedelta(minutes=60))


def test_card_amount_and_time_find_a_payment_and_another_time_does_not(
    alice: FlaskClient, paid: Paid
) -> None:
    begun = (NOW - timedelta(minutes=101)).astimezone()
    zone_time = begun.strftime("%H:%M")
    when = f"{begun:%Y-%m-%d}"
    payment = ("Payment", f"/app/payments?payment={paid.reference}")
    assert payment in ways(alice, "4242 142,91")
    assert payment in ways(alice, f"4242 142,91 {when}") or zone_time < "02:00"
    assert payment not in ways(alice, "4242 142,91 2020-01-01")
    assert payment not in ways(alice, "4242 142,92")
    assert payment not in ways(alice, "4243 142,91")


def test_a_receipt_leads_to_the_books_only_for_those_who_read_them(
    app: Flask, alice: FlaskClient, paid: Paid, connection: Connection
) -> None:
    (number,) = connection.execute("SELECT shown_number FROM receipt").fetchone() or ("",)
    for client in (alice, signed_in(app, CAROL)):
        assert ("Payment", f"/app/payments?payment={paid.reference}") in ways(client, number)
    row = {"reference": None, "session_id": 7, "shown_number": number, "is_credit": False,
           "issued_at": NOW, "gross": 100, "currency": "SEK"}  # fmt: skip
    assert search_hits._receipt(row).href == "/app/ledger?session=7"


def test_nobody_sees_ways_that_their_role_may_not_go(
    app: Flask, monkeypatch: pytest.MonkeyPatch, connection: Connection, session_id: int,
    evse_key: int,
) -> None:  # fmt: skip
    pay(connection, session_id, evse_key)
    monkeypatch.setitem(
        __import__("dashboard.pages.frame", fromlist=["x"])._OPEN_TO, "payments",
        [frozenset({"operator"})],
    )  # fmt: skip
    assert hits(signed_in(app), "4417")
    assert hits(signed_in(app, MANAGER), "4417") == []
    assert "4417 \u00b7 " not in page(signed_in(app, MANAGER), "/app/search", "?q=4417")


def test_tokens_are_whole_only_for_those_who_help_drivers(
    app: Flask, alice: FlaskClient, session_id: int, connection: Connection
) -> None:
    connection.execute("INSERT INTO id_token (id_token) VALUES ('04A2B3C4D5')")
    assert ("Id token", "/app/search?q=04A2B3C4D5") in ways(alice, "04a2")
    mia = signed_in(app, MANAGER)
    assert hits(mia, "04a2") == []
    assert "04A2B3C4D5" not in page(mia, "/app/search", "?q=4711")


def test_an_incident_is_found_by_its_number(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    row = connection.execute(
        "INSERT INTO incident (kind, severity, site_id) SELECT 'faulted', 'high', site_id FROM site"
        " RETURNING incident_id"
    ).fetchone()
    assert row
    assert f"Incident {row[0]}: Fault" in page(alice, "/app/search", f"?q=incident {row[0]}")


ODD = ("", " ", "x", "%", "_", "\\", "'; DROP TABLE session; --", "\x00", "<img src=x>", "9" * 40,
       "=1+1", "ü" * 500, "%%%%", "#99999999999999999999", "4242 99999999999999999999")  # fmt: skip


def test_anything_may_be_typed(alice: FlaskClient, evse_key: int) -> None:
    assert {text: hits(alice, text) for text in ODD} == {text: [] for text in ODD}
    assert "What can be searched for" in page(alice, "/app/search")
    assert "Nothing fits" in page(alice, "/app/search", "?q=<img src=x>")


def test_few_of_each_kind_are_offered_so_that_none_crowds_out_the_others(
    alice: FlaskClient, connection: Connection, session_id: int
) -> None:
    site_id = add_site(connection, "Lund Nova", "Lund")
    for n in range(30):
        add_evse(connection, site_id, f"JKP-{50 + n}", f"K7-9X{n:02}")
    found = hits(alice, "jkp")
    assert len(found) == 5
    assert len(page(alice, "/app/search", "?q=jkp").split("JKP-")) > 20


def test_the_search_asks_for_a_login(app: Flask) -> None:
    answer = app.test_client().get("/app/search/suggest?q=jkp", headers={"Accept": "text/plain"})
    assert answer.status_code == 401
