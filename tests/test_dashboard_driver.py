"""Paying at a charger, as a guest: the pages from the price to the receipt, and who sees them."""

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

import pytest
from flask.testing import FlaskClient

from billing.credits import credit
from dashboard.public.checkout import go, policy
from dashboard.public.guard import LIMITS, _network
from dashboard.public.responses import POLICY
from sql.database import Connection
from sql.settings import Settings
from tests.driver_states import REFERENCE, SECRET, STATES, put
from tests.payments import add_tariff, cashier, charge, finish, move, plug, printer
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
    page = client.get("/e/KX-4172?new=1").text
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


def seen_by(client: FlaskClient) -> str:
    """As `seen`, for a stranger who reads Swedish."""
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "sv"
    return seen(client)


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def row_of(connection: Connection, query: str) -> tuple[Any, ...]:
    """The one row a query answers."""
    (row,) = connection.execute(query.encode()).fetchall()
    return row


class Noon(datetime):
    """A clock that stands still: no window of time ends while it is looked at."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Noon":
        return cls(2026, 11, 22, 12, 0, tzinfo=tz)


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
    assert "87 kW" in page
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


def test_the_receipt_shows_what_was_sold_and_what_was_paid(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    reference = pay(client)
    session_id = charge(connection, reference, evse_key)
    receipt_id = finish(connection, reference, session_id, evse_key)
    page = seen(client)
    assert "Klar" in page
    link = re.search(r'href="(/receipt/[^"]+)"', client.get("/e/KX-4172").text)
    assert link
    paper = plain(client.get(link[1]).text)
    gross, secret = row_of(connection, "SELECT gross, secret FROM receipt")
    total = f"{gross // 100},{gross % 100:02} kr"
    assert "Kvitto 20" in paper
    assert total in paper
    assert total in page
    assert "Visa •••• 4242" in paper
    assert "Reserverat" in paper
    assert "Kvar att betala 0,00 kr" in paper
    assert reference in paper
    assert client.get("/receipt/" + "x" * 20).status_code == 404
    credited = credit(connection, receipt_id, 1000, "Laddaren stannade", now=datetime.now(UTC))
    paper = plain(client.get(f"/receipt/{secret}").text)
    assert "Krediterat med 10,00 kr." in paper
    [(note,)] = connection.execute(
        "SELECT secret FROM receipt WHERE receipt_id = %s", [credited.receipt_id]
    ).fetchall()
    paper = plain(client.get(f"/receipt/{note}").text)
    assert "Kreditkvitto" in paper
    assert "Laddaren stannade" in paper
    assert "\u221210,00 kr" in paper


def test_a_receipt_goes_to_an_address_once(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    reference = pay(client)
    finish(connection, reference, charge(connection, reference, evse_key), evse_key)
    (secret, receipt_id) = row_of(connection, "SELECT secret, receipt_id FROM receipt")
    for address in ("dave@example.org", "Dave@Example.org"):
        answer = client.post(f"/receipt/{secret}/email", data={"email": address})
        assert answer.location == f"/receipt/{secret}?mailed=1#mail"
    form = {"email": "dave@example.org", "reference": reference}
    assert client.post("/e/KX-4172/email", data=form).status_code == 303
    mails = connection.execute("SELECT recipient, kind, language, parameters FROM mail").fetchall()
    assert mails == [("dave@example.org", "receipt", "sv", {"receipt_id": receipt_id})]
    assert row_of(connection, "SELECT email FROM payment") == ("dave@example.org",)


@pytest.mark.parametrize(
    "address", ["", "dave", "dave@", "@x.se", "a@b", "a b@c.se", "a@b.se,e@f.se",
                "a@b.se\nBcc: e@f.se", "a@" + "b" * 260 + ".se", "a@b.se\x00"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int, address: str
) -> None:
    reference = pay(client)
    finish(connection, reference, charge(connection, reference, evse_key), evse_key)
    (secret,) = row_of(connection, "SELECT secret FROM receipt")
    answer = client.post(f"/receipt/{secret}/email", data={"email": address})
    assert answer.status_code == 400
    assert row_of(connection, "SELECT count(*) FROM mail") == (0,)


def test_the_pdf_is_asked_for_and_sent_when_it_is_made(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int, database: str
) -> None:
    reference = pay(client)
    finish(connection, reference, charge(connection, reference, evse_key), evse_key)
    (secret, receipt_id) = row_of(connection, "SELECT secret, receipt_id FROM receipt")
    with printer(database, b"%PDF-1.7 test") as asked:
        answer = client.get(f"/receipt/{secret}/pdf")
    assert answer.data == b"%PDF-1.7 test"
    assert answer.mimetype == "application/pdf"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert asked == [("receipt_pdf", {"receipt_id": receipt_id, "language": "sv"})]


def test_a_pdf_that_takes_too_long_is_not_waited_for(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("dashboard.public.receipts.FILE_SECONDS", 0.05)
    reference = pay(client)
    finish(connection, reference, charge(connection, reference, evse_key), evse_key)
    (secret,) = row_of(connection, "SELECT secret FROM receipt")
    answer = client.get(f"/receipt/{secret}/pdf")
    assert answer.location == f"/receipt/{secret}?late=1"
    assert "PDF-filen är inte klar än." in client.get(answer.location).text


def test_my_charging_lists_what_this_phone_paid_for(
    app: Any, client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    assert "Inget laddat från den här mobilen än" in client.get("/my").text
    first = pay(client)
    move(connection, first, "released", failure="start_rejected", authorised_at="now",
         released_at="now")  # fmt: skip
    client.get("/e/KX-4172?new=1")
    second = order(client, new="1").location.rpartition("/")[2]
    finish(connection, second, charge(connection, second, evse_key), evse_key)
    mine = plain(client.get("/my").text)
    (number,) = row_of(connection, "SELECT shown_number FROM receipt")
    assert number in mine
    assert "Laddaren tackade nej" in mine
    assert "laddningar" in mine
    assert "Inget laddat" in plain(app.test_client().get("/my", headers=SWEDISH).text)


# -- hostile and hurried people ------------------------------------------------------------------


@pytest.mark.parametrize(
    "maximum", ["0", "-300", "1e9", "NaN", "1000000000", "299", "", "300.0", "\uff13\uff10\uff10",
                "Infinity", "300; DROP TABLE payment"],
)  # fmt: skip
def test_only_amounts_on_the_page_can_be_chosen(
    client: FlaskClient, till: list[str], connection: Connection, maximum: str
) -> None:
    answer = order(client, maximum=maximum)
    assert answer.location == "/e/KX-4172?note=wrong_maximum"
    assert "Välj ett av beloppen." in client.get(answer.location).text
    assert row_of(connection, "SELECT count(*) FROM payment") == (0,)


def test_the_currency_is_the_tariffs_whatever_a_form_says(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    order(client, currency="JPY", hold="1", operator_id="2", state="authorised", channel="free")
    assert row_of(connection, "SELECT currency, hold, operator_id, channel FROM payment") == (
        "SEK", 30000, 1, "guest",
    )  # fmt: skip


def test_a_price_that_was_not_shown_is_not_charged(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    for tariff in ("", "b" * 64):
        answer = order(client, tariff=tariff)
        assert answer.location == "/e/KX-4172?note=new_price"
    assert "Priset har ändrats" in client.get(answer.location).text
    assert row_of(connection, "SELECT count(*) FROM payment") == (0,)


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"}, {"Origin": "null"},
])  # fmt: skip
def test_a_form_of_another_site_does_nothing(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int,
    headers: dict[str, str],
) -> None:  # fmt: skip
    reference = pay(client)
    charge(connection, reference, evse_key)
    page = client.get("/e/KX-4172").text
    for wish in ("pay", "stop", "cancel", "report", "email"):
        form = {"reference": reference, "maximum": "300", "fault": "cable", "email": "a@b.se"}
        answer = client.post(f"/e/KX-4172/{wish}", data=form, headers=headers)
        assert answer.status_code == 403, wish
    assert row_of(connection, "SELECT count(*), count(stop_requested_at) FROM payment") == (1, 0)
    assert "Laddar" in page


def test_our_own_pages_may_post(client: FlaskClient, till: list[str]) -> None:
    page = client.get("/e/KX-4172").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}):
        form = {"tariff": fields["tariff"], "maximum": "200"}
        answer = client.post("/e/KX-4172/pay", data=form, headers=headers)
        assert answer.location.startswith("https://checkout.stripe.com/")


def test_pressing_twice_continues_the_same_payment(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    assert order(client).location == order(client).location
    assert row_of(connection, "SELECT count(*) FROM payment") == (1,)


def test_another_maximum_takes_the_first_one_back(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    first, second = order(client).location, order(client, maximum="500").location
    assert first != second
    rows = connection.execute(
        "SELECT hold, cancel_requested_at IS NOT NULL FROM payment ORDER BY payment_id"
    ).fetchall()
    assert rows == [(30000, True), (50000, False)]


def test_paying_again_while_it_runs_leads_to_the_charge(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    reference = pay(client)
    charge(connection, reference, evse_key)
    assert order(client).location == f"/e/KX-4172?paid={reference}"
    assert row_of(connection, "SELECT count(*) FROM payment") == (1,)


@pytest.mark.parametrize(("status", "online"), [("Faulted", True), ("Unavailable", True),
                                               ("Available", False)])  # fmt: skip
def test_nobody_pays_for_a_charger_that_cannot_start(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int, status: str,
    online: bool,
) -> None:  # fmt: skip
    page = client.get("/e/KX-4172").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    plug(connection, evse_key, status)
    connection.execute("UPDATE station SET is_online = %s", [online])
    form = {"tariff": fields["tariff"], "maximum": "300"}
    answer = client.post("/e/KX-4172/pay", data=form)
    assert answer.location == "/e/KX-4172?note=not_startable"
    assert row_of(connection, "SELECT count(*) FROM payment") == (0,)
    page = seen(client, "?note=not_startable")
    assert "inte att starta" in page
    assert "Inga pengar har reserverats." in page


def test_a_cable_that_is_already_in_does_not_keep_anyone_from_paying(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    plug(connection, evse_key, "Occupied", "EVConnected")
    assert "kabeln sitter i" in seen(client)
    assert order(client).status_code == 303
    assert row_of(connection, "SELECT state FROM payment") == ("awaiting_payment",)


def test_somebody_else_who_pays_makes_it_busy(
    app: Any, client: FlaskClient, till: list[str], connection: Connection
) -> None:
    move(connection, pay(client), "authorised", authorised_at="now")
    assert "Upptagen" in seen_by(app.test_client())
    answer = order(app.test_client())
    assert answer.location == "/e/KX-4172?note=not_startable"


def test_a_dead_payment_service_holds_nothing_and_says_so(
    database: str, client: FlaskClient, connection: Connection
) -> None:
    with cashier(database, CHECKOUT, failure="payment_service_down") as till:
        answer = order(client)
    assert answer.location == f"/e/KX-4172?back={till[0]}"
    page = seen(client, f"?back={till[0]}")
    assert "Kortbetalning fungerar inte just nu. Inget har reserverats." in page
    assert "Betala och starta" in page


def test_when_nobody_answers_the_wish_is_taken_back(
    client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.public.pay.CHECKOUT_SECONDS", 0.05)
    answer = order(client)
    reference, cancelled = row_of(connection, "SELECT reference, cancel_requested_at FROM payment")
    assert cancelled
    assert answer.location == f"/e/KX-4172?back={reference}"
    assert "Kortbetalning fungerar inte just nu." in client.get(answer.location).text


def test_without_a_key_card_payment_is_not_promised(
    database: str, connection: Connection, evse_key: int
) -> None:
    with web_app(database) as app:
        client = app.test_client()
        page = client.get("/e/KX-4172", headers=SWEDISH).text
        assert "4,99" in page
        assert "/pay" not in page
        assert "Det går inte att betala med kort på den här sidan än" in page
        form = {"tariff": "a" * 64, "maximum": "300"}
        assert client.post("/e/KX-4172/pay", data=form).location.endswith("payment_service_down")
    assert row_of(connection, "SELECT count(*) FROM payment") == (0,)


def test_a_machine_that_presses_without_end_is_stopped(
    client: FlaskClient, till: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "pay", (2, 10))
    monkeypatch.setattr("dashboard.public.guard.datetime", Noon)
    assert [order(client, maximum="0").status_code for _ in range(3)] == [303, 303, 429]
    assert "För många försök" in order(client).text


def test_wrong_codes_and_methods_lead_nowhere(client: FlaskClient) -> None:
    assert client.post("/e/NO-0000/pay", data={"maximum": "300"}).status_code == 404
    assert client.get("/e/KX-4172/pay").status_code == 405
    form = {"reference": "' OR 1=1"}
    assert client.post("/e/KX-4172/stop", data=form).status_code == 404
    client.set_cookie("payer", "'; DROP TABLE payment; --")
    assert client.get("/e/KX-4172").status_code == 200
    assert client.get("/e/KX-4172?paid=%00&back=%27").status_code == 200


def test_cancelling_before_the_charge_asks_for_it_once(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    reference = pay(client)
    move(connection, reference, "authorised", authorised_at="now", intent_status="requires_capture")
    for _ in range(2):
        answer = client.post("/e/KX-4172/cancel", data={"reference": reference})
        assert answer.location == f"/e/KX-4172?paid={reference}"
    (at,) = row_of(connection, "SELECT cancel_requested_at FROM payment")
    assert at
    assert "Avbryter" in seen(client)
    move(connection, reference, "releasing", failure="cancelled")
    move(connection, reference, "released", released_at="now")
    page = seen(client)
    assert "Avbruten" in page
    assert "Du betalar inget." in page


def test_a_fault_is_reported_with_two_presses(
    client: FlaskClient, connection: Connection, evse_key: int
) -> None:
    answer = client.post("/e/KX-4172/report", data={"fault": "blocked", "note": "x" * 900})
    assert answer.location == "/e/KX-4172?reported=1#help"
    assert "Tack, vi har fått det." in client.get(answer.location).text
    row = row_of(connection, "SELECT evse_key, kind, length(note), payment_id FROM fault_report")
    assert row == (evse_key, "blocked", 500, None)
    assert client.post("/e/KX-4172/report", data={"fault": "'"}).status_code == 400


def test_a_checkout_on_an_unknown_host_is_reached_by_a_link(app: Any) -> None:
    settings = Settings(stripe_api_key="sk_test_1", stripe_api_base="http://127.0.0.1:12111")
    assert "form-action 'self' https://checkout.stripe.com http://127.0.0.1:12111;" in policy(
        settings
    )
    with app.test_request_context("/e/KX-4172/pay"):
        assert go(settings, "https://checkout.stripe.com/c/1").status_code == 303
        page = go(settings, "https://pay.example.com/c/1?a=%22%3E<b>")
        assert page.status_code == 200
        assert 'content="0; url=https://pay.example.com/c/1?a=%22%3E&lt;b&gt;"' in page.get_data(
            as_text=True
        )


def test_without_a_key_the_policy_stays_closed() -> None:
    assert policy(Settings()) == POLICY


@pytest.mark.parametrize(("one", "other", "is_same"), [
    ("192.0.2.1", "192.0.2.2", False),
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
    ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
])  # fmt: skip
def test_a_household_counts_as_one_caller(app: Any, one: str, other: str, is_same: bool) -> None:
    def network(address: str) -> str:
        with app.test_request_context("/", environ_base={"REMOTE_ADDR": address}):
            return _network()

    assert (network(one) == network(other)) == is_same


def test_no_address_is_kept_of_whoever_asks(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    order(client)
    (caller,) = row_of(connection, "SELECT caller FROM request_count WHERE purpose = 'pay'")
    assert len(caller) == 16
    assert b"127.0.0.1" not in caller


def test_counts_are_forgotten_after_a_day(
    client: FlaskClient, till: list[str], connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO request_count (caller, purpose, began_at)"
        " VALUES ('x', 'pay', now() - interval '2 days')"
    )
    order(client)
    assert row_of(connection, "SELECT count(*) FROM request_count") == (1,)


@pytest.mark.parametrize("document", [
    {"currency": "EUR", "id": "e", "elements": [{"price_components": [
        {"type": "ENERGY", "price": 0.5, "vat": 20, "step_size": 1}]}]},
])  # fmt: skip
def test_another_currency_has_its_own_amounts(
    client: FlaskClient, till: list[str], connection: Connection, document: dict[str, Any]
) -> None:
    add_tariff(connection, document, "c" * 64)
    page = seen(client)
    assert "0,60 EUR/kWh" in page
    assert "30 EUR ca 47 kWh" in page
    assert order(client, maximum="300").location == "/e/KX-4172?note=wrong_maximum"
    order(client, maximum="50")
    assert row_of(connection, "SELECT currency, hold FROM payment") == ("EUR", 5000)


def test_what_is_free_of_charge_asks_for_no_card(
    client: FlaskClient, connection: Connection
) -> None:
    free = {"currency": "SEK", "id": "f", "elements": [{"price_components": [
        {"type": "ENERGY", "price": 0, "vat": 25, "step_size": 1}]}]}  # fmt: skip
    add_tariff(connection, free, "d" * 64)
    assert "Gratis" in seen(client)
    assert "/pay" not in client.get("/e/KX-4172").text


def test_pages_of_payers_are_kept_by_no_cache(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    reference = pay(client)
    charge(connection, reference, evse_key)
    page = client.get("/e/KX-4172")
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    fragment = client.get("/e/KX-4172?part=1").text
    assert fragment.lstrip().startswith("<title>Laddar")
    assert "<html" not in fragment
    assert len(fragment) < 8000


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_state_has_one_heading_what_money_next_and_reference(
    client: FlaskClient, connection: Connection, evse_key: int, name: str, language: str
) -> None:
    query = put(connection, evse_key, name, language)
    client.set_cookie("payer", SECRET)
    page = client.get(f"/e/KX-4172{query}", headers={"Accept-Language": language}).text
    assert page.count("<h1") == page.count("<main") == page.count("<title>") == 1
    assert not re.search(r"<style|<script(?! src)|\sstyle=|\son\w+=", page)
    assert "08-465 004 20" in page
    assert "Undefined" not in page
    if name != "free":
        assert REFERENCE in page


def test_all_files_of_a_page_stay_within_the_budget(
    client: FlaskClient, connection: Connection, evse_key: int
) -> None:
    put(connection, evse_key, "charging")
    client.set_cookie("payer", SECRET)
    page = client.get("/e/KX-4172").text
    names = set(re.findall(r'(?:href|src)="(/public/[^"]+\.(?:css|js)[^"]*)"', page))
    assert len(names) == 2
    raw = len(page.encode()) + sum(len(client.get(name).data) for name in names)
    assert raw < 30_000
    sent = sum(len(gzip.compress(client.get(name).data)) for name in names)
    assert sent + len(gzip.compress(page.encode())) < 12_000


def test_a_form_is_about_the_charge_it_names_also_when_there_is_a_newer_one(
    client: FlaskClient, till: list[str], connection: Connection, evse_key: int
) -> None:
    first = pay(client)
    finish(connection, first, charge(connection, first, evse_key), evse_key)
    second = order(client).location.rpartition("/")[2]
    assert second != first
    form = {"email": "dave@example.org", "reference": first}
    assert client.post("/e/KX-4172/email", data=form).status_code == 303
    assert row_of(connection, "SELECT count(*) FROM mail") == (1,)
    assert "Klar" in seen(client, f"?paid={first}")
