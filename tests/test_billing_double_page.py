"""The hosted page, as a browser without script sees it."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
import requests
import stripe
from stripes import checkout, stripe_client, stripe_double

from billing.double import Double

__all__ = ["stripe_client", "stripe_double"]
Client = stripe.StripeClient


class _Form(HTMLParser):
    """The fields a browser would send, and where."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.action = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.action = found["action"] or ""
        if tag == "input":
            self.fields[found["name"] or ""] = found["value"] or ""


class Browser:
    """Opens a page, fills it in, presses its button."""

    def __init__(self, double: Double, url: str, **headers: str) -> None:
        self.double, self.headers = double, headers
        self.page = requests.get(url, headers=headers, timeout=10)

    def press(self, **fields: str) -> requests.Response:
        form = _Form(self.page.text)
        self.page = requests.post(
            self.double.base + form.action, {**form.fields, **fields}, allow_redirects=False,
            headers=self.headers, timeout=10,
        )  # fmt: skip
        return self.page


def opened(double: Double, client: Client, **more: Any) -> tuple[Browser, str]:
    session = client.v1.checkout.sessions.create(checkout(**more))
    assert session.url
    return Browser(double, session.url), session.id


def status(client: Client, session_id: str) -> str | None:
    return client.v1.checkout.sessions.retrieve(session_id).status


def test_one_press_pays_and_leads_back(stripe_double: Double, stripe_client: Client) -> None:
    browser, session_id = opened(stripe_double, stripe_client)
    answer = browser.press()
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://kilowatch.test/e/K?paid={session_id}"
    paid = stripe_client.v1.checkout.sessions.retrieve(session_id)
    assert paid.status == "complete"
    assert paid.customer_details
    assert paid.customer_details.email == "dave@example.org"


@pytest.mark.parametrize(
    ("locale", "words"),
    [("sv", ("300,00\xa0kr", "inga riktiga pengar", "Tillbaka till Kilowatch", 'lang="sv"')),
     ("en", ("no real money", "Back to Kilowatch", 'lang="en"'))],
)  # fmt: skip
def test_it_says_what_is_paid_to_whom_in_two_languages(
    stripe_double: Double, stripe_client: Client, locale: str, words: tuple[str, ...]
) -> None:
    browser, _ = opened(stripe_double, stripe_client, locale=locale)
    for word in (*words, "Laddning", "4242 4242 4242 4242"):
        assert word in browser.page.text
    assert "<script" not in browser.page.text
    assert 'href="http://kilowatch.test/e/K?back=1"' in browser.page.text


def test_it_follows_the_browser_when_no_language_is_chosen(
    stripe_double: Double, stripe_client: Client
) -> None:
    session = stripe_client.v1.checkout.sessions.create(checkout())
    assert session.url
    page = Browser(stripe_double, session.url, **{"Accept-Language": "sv-SE,en;q=0.5"}).page
    assert "Kortnummer" in page.text


def test_a_declined_card_stays_on_the_page(stripe_double: Double, stripe_client: Client) -> None:
    browser, session_id = opened(stripe_double, stripe_client, locale="sv")
    answer = browser.press(number="4000 0000 0000 0002")
    assert answer.status_code == 402
    assert "Banken nekade kortet." in answer.text
    assert status(stripe_client, session_id) == "open"
    assert browser.press(number="4242424242424242").status_code == 303
    assert len(stripe_double.objects("payment_intent")) == 1


@pytest.mark.parametrize(
    "field",
    [{"email": "dave"}, {"number": "4242"}, {"expiry": "13/40"}, {"expiry": "01/20"},
     {"cvc": "12"}, {"name": " "}],
)  # fmt: skip
def test_fields_are_validated(
    stripe_double: Double, stripe_client: Client, field: dict[str, str]
) -> None:
    browser, session_id = opened(stripe_double, stripe_client)
    answer = browser.press(**field)
    (name,) = field
    assert answer.status_code == 422
    assert re.findall('id="([a-z]+)-problem"', answer.text) == [name]
    assert status(stripe_client, session_id) == "open"


@pytest.mark.parametrize("agrees", [True, False])
def test_a_bank_may_ask_first(stripe_double: Double, stripe_client: Client, agrees: bool) -> None:
    browser, session_id = opened(stripe_double, stripe_client, locale="en")
    asked = browser.press(number="4000002500003155")
    assert asked.status_code == 303
    browser.page = requests.get(asked.headers["Location"], timeout=10)
    assert "Your bank wants to know" in browser.page.text
    answer = browser.press(answer="complete" if agrees else "fail")
    assert answer.status_code == (303 if agrees else 402)
    assert status(stripe_client, session_id) == ("complete" if agrees else "open")
    assert len(stripe_double.open_holds()) == (1 if agrees else 0)


def test_a_page_that_was_paid_or_has_expired_says_so(
    stripe_double: Double, stripe_client: Client
) -> None:
    browser, session_id = opened(stripe_double, stripe_client, locale="en")
    form = browser.page
    browser.press()
    assert "has been made" in requests.get(form.url, timeout=10).text
    browser.page = form
    assert "has been made" in browser.press().text
    assert len(stripe_double.open_holds()) == 1
    browser, session_id = opened(stripe_double, stripe_client, locale="en")
    stripe_client.v1.checkout.sessions.expire(session_id)
    gone = requests.get(browser.page.url, timeout=10).text
    assert "has expired" in gone
    assert "<form" not in gone


def test_what_others_wrote_is_escaped(stripe_double: Double, stripe_client: Client) -> None:
    item = {"currency": "sek", "unit_amount": 500, "product_data": {"name": "<b>Laddning</b>"}}
    browser, _ = opened(
        stripe_double, stripe_client, line_items=[{"price_data": item, "quantity": 1}]
    )
    assert "&lt;b&gt;Laddning" in browser.page.text
    assert "&lt;i&gt;" in browser.press(name="<i>", cvc="").text
