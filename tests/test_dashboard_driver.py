"""Paying at a charger, as a guest: the pages from the price to the receipt, and who sees them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from sql.database import Connection
from tests.payments import add_tariff, cashier, charge, move
from tests.web import add_evse, add_site, web_app

SWEDISH, ENGLISH = {"Accept-Language": "sv"}, {"Accept-Language": "en"}
CHECKOUT = "https://checkout.stripe.com/c/pay/{reference}"
KEYS = {"stripe_api_key": "sk_test_1"}


@pytest.fixture
def evse_key(connection: Connection) -> int:
    site_id = add_site(connection, "Kvarnholmen Södra", "Nacka", (59.33, 18.06))
    key = add_evse(connection, site_id, "KVH-01", "KX-4172")
    add_evse(connection, site_id, "KVH-01", "KX-4174")
    add_tariff(connection)
    return key


@pytest.fixture
def app(database: str, evse_key: int) -> Iterator[Any]:
    with web_app(database, **KEYS) as app:
        yield app


@pytest.fixture
def client(app: Any) -> FlaskClient:
    client: FlaskClient = app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "sv"
    return client


@pytest.fixture
def till(database: str, evse_key: int) -> Iterator[list[str]]:
    with cashier(database, CHECKOUT) as seen:
        yield seen


def order(client: FlaskClient, **changed: str) -> Any:
    """Press Pay and start."""
    page = client.get("/e/KX-4172").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    form = {"tariff": fields.get("tariff", ""), "shown": fields.get("shown", ""), "maximum": "300"}
    return client.post("/e/KX-4172/pay", data=form | changed)


def pay(client: FlaskClient) -> str:
    """Order and come back from the card payment; the reference."""
    reference = order(client).location.rpartition("/")[2]
    assert re.fullmatch(r"[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{2}", reference)
    return str(reference)


def seen(client: FlaskClient, query: str = "") -> str:
    """The page's words, without markup; every blank is a plain one."""
    page = client.get(f"/e/KX-4172{query}")
    assert page.status_code == 200
    main = page.text[page.text.index("<main") : page.text.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"</?strong[^>]*>", "", main)))


def test_the_price_comes_first_and_says_everything(client: FlaskClient) -> None:
    page = seen(client)
    assert "4,99 kr/kWh inkl. moms" in page
    assert "20 kWh ≈ 99,80 kr, räcker ungefär 10 mil" in page
    assert "Stå kvar efter laddningen: 2 kr/min från 10 min. Inga andra avgifter." in page
    for amount, kwh in ((200, 38), (300, 57), (500, 95)):
        assert f"{amount} kr ca {kwh} kWh" in page
    assert page.index("4,99") < page.index("Betala och starta")


def test_paying_leads_to_the_card_payment_and_remembers_the_phone(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    answer = order(client)
    assert answer.status_code == 303
    assert answer.location == CHECKOUT.format(reference=till[0])
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    row = connection.execute(
        "SELECT hold, currency, state, channel, language, length(owner_hash), tariff_hash"
        " FROM payment"
    ).fetchone()
    assert row == (30000, "SEK", "awaiting_payment", "guest", "sv", 32, "a" * 64)


def test_from_paid_to_plugged_in_to_charging_to_done(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    reference = pay(client)
    assert "Bekräftar" in seen(client, f"?paid={reference}")
    move(connection, reference, "authorised", authorised_at="now", intent_status="requires_capture")
    assert "Startar" in seen(client)
    move(connection, reference, "start_requested", start_by="now")
    connection.execute("UPDATE payment SET start_by = now() + interval '154 seconds'")
    page = seen(client)
    assert "Sätt i kabeln" in page
    assert "2:3" in page
    assert reference in page
    charge(connection, reference, evse_key)
    page = seen(client)
    assert "122,75 kr" in page
    assert "40 % av högst 300 kr stoppas vid 285 kr" in page
    assert "24,60 kWh" in page
    assert "87,0 kW" in page
    assert "18 min" in page
    assert 'class="curve"' in client.get("/e/KX-4172").text
    assert client.post("/e/KX-4172/stop", data={"reference": reference}).status_code == 303
    assert "Stoppar" in seen(client)
    connection.execute("UPDATE session SET ended_at = now()")
    move(connection, reference, "completed")
    page = seen(client)
    assert "Klar" in page
    assert "Det kostar inget mer." in page


def test_what_failed_is_told_with_its_times_and_released_only_when_it_is(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    reference = pay(client)
    move(connection, reference, "start_requested", authorised_at="now", start_by="now")
    move(connection, reference, "releasing", failure="start_rejected")
    page = seen(client)
    assert "Startade inte" in page
    assert "Du betalar inget." in page
    assert "Laddaren tackade nej" in page
    assert "släpptes" not in page
    assert "Vi släppte" not in page
    move(connection, reference, "released", released_at="now")
    page = seen(client)
    assert re.search(r"Vi släppte reservationen på 300 kr kl. \d\d:\d\d.", page)
    assert "300 kr släpptes" in page
    assert "Prova KX-4174 bredvid" in page


def test_strangers_neither_see_nor_stop_it(
    app: Any, client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    reference = pay(client)
    charge(connection, reference, evse_key)
    stranger = app.test_client()
    page = seen(stranger, f"?paid={reference}")
    assert "In use" in page
    assert reference not in page
    assert "122" not in page
    for wish in ("stop", "cancel", "email"):
        form = {"reference": reference, "email": "eve@example.org"}
        assert stranger.post(f"/e/KX-4172/{wish}", data=form).status_code == 404
    stranger.set_cookie("payer", "x" * 43)
    assert stranger.post("/e/KX-4172/stop", data={"reference": reference}).status_code == 404
    assert connection.execute(
        "SELECT stop_requested_at, email FROM payment"
    ).fetchone() == (None, None)  # fmt: skip
