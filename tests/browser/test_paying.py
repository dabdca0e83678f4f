"""From the QR code to the ledger with every process there is: a phone pays at Stripe's double, a
simulated station charges, the phone stops it and has its receipt; finance refunds it and sees the
whole trail."""

import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from billing.demo import add_prices
from sql.database import Connection
from tests.browser.web import ROOT, free_port
from tests.programs import Program
from tests.web import PASSWORD, add_user

CAROL = "carol@example.org"
SPEED = "20"
PHONE: Any = {"viewport": {"width": 390, "height": 844}, "locale": "sv-SE"}
PATIENCE_MS = 60_000
FREE = (
    "SELECT e.public_code FROM evse_startable s JOIN evse e USING (evse_key)"
    " WHERE s.why IS NULL AND NOT s.cable_in AND e.max_power_w >= 100000"
    " ORDER BY e.max_power_w DESC, e.evse_key LIMIT 1"
)


@pytest.fixture
def town(database: str, connection: Connection, tmp_path: Any) -> Iterator[str]:
    """Ingest, web, jobs, four stations of one site and the double; the address of the pages."""
    web, stripe, panel = free_port(), free_port(), free_port()
    address = f"http://127.0.0.1:{web}"
    environment = {
        "KILOWATCH_DATABASE_URL": database, "KILOWATCH_DATA_DIR": str(tmp_path),
        "KILOWATCH_OCPP_PORT": str(free_port()), "KILOWATCH_WEB_PORT": str(web),
        "KILOWATCH_SECRET_KEY": "s" * 32, "KILOWATCH_STRIPE_API_KEY": "sk_test_town",
        "KILOWATCH_STRIPE_API_BASE": f"http://127.0.0.1:{stripe}",
        "KILOWATCH_STRIPE_WEBHOOK_SECRET": "whsec_town",
    }  # fmt: skip
    add_user(connection, CAROL, "finance")
    commands = (
        ["stripe-double", "--port", str(stripe), "--webhook-url", f"{address}/stripe/webhook"],
        ["ingest"], ["web"], ["jobs"],
        ["simulate", "--stations", "4", "--speed", SPEED, "--panel-port", str(panel)],
    )  # fmt: skip
    app = [sys.executable, "-u", str(ROOT / "app.py")]
    programs = [Program([*app, *command], environment) for command in commands]
    try:
        wait_for(connection, "SELECT 1 FROM connector HAVING count(status) >= 8", "evse")
        add_prices(connection)
        urllib.request.urlopen(f"{address}/readyz", timeout=10).close()  # noqa: S310 - our own
        yield address
    finally:
        for program in reversed(programs):
            program.end()


def wait_for(connection: Connection, query: str, channel: str) -> Any:
    """The first row, asked for again at every notification."""
    connection.execute(f"LISTEN {channel}".encode())
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if (row := connection.execute(query.encode()).fetchone()) is not None:
            return row
        list(connection.notifies(timeout=0.5, stop_after=1))
    raise AssertionError(query)


def test_a_phone_pays_charges_stops_and_finance_refunds_it(
    browser: Browser, town: str, connection: Connection
) -> None:
    (code,) = wait_for(connection, FREE, "evse")
    phone = browser.new_context(**PHONE).new_page()
    reference = pay(phone, town, code)
    wait_for(connection, "SELECT 1 FROM payment WHERE cost >= 500", "payment")
    charge_and_stop(phone)
    receipt = read_receipt(phone)
    desk = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    refund(desk, town, reference, receipt)
    wait_for(connection, "SELECT 1 FROM payment WHERE state = 'partly_refunded'", "payment")
    phone.context.close()
    desk.context.close()


def pay(phone: Page, town: str, code: str) -> str:
    """Two clicks, one of them on the double's page."""
    phone.goto(f"{town}/e/{code}")
    expect(phone.locator("h1")).to_contain_text("Ledig")
    phone.get_by_role("button", name="Betala och starta").click()
    phone.locator("button.pay").click(timeout=PATIENCE_MS)
    expect(phone.locator("article.busy h1")).to_contain_text("Laddar", timeout=PATIENCE_MS)
    found = re.search(
        r"[2-9A-Z]{4}-[2-9A-Z]{2}(?![0-9A-Z])", phone.locator("#help + p").inner_text()
    )
    assert found
    return found[0]


def charge_and_stop(phone: Page) -> None:
    """The money ticks without a reload; the sheet asks once."""
    expect(phone.locator("article .sum").first).not_to_contain_text("0,00", timeout=PATIENCE_MS)
    phone.get_by_role("button", name="Stoppa laddningen").click()
    phone.get_by_role("button", name="Ja, stoppa nu").click()
    expect(phone.locator("article h1")).to_contain_text("Klar", timeout=PATIENCE_MS)
    expect(phone.locator("article")).to_contain_text("är draget", timeout=PATIENCE_MS)


def read_receipt(phone: Page) -> str:
    """Its number."""
    phone.get_by_role("link", name="Visa och spara kvittot").click()
    heading = phone.locator("h1")
    expect(heading).to_contain_text("Kvitto")
    expect(phone.locator("main")).to_contain_text("Visa •••• 4242")
    return heading.inner_text().removeprefix("Kvitto").strip()


def refund(desk: Page, town: str, reference: str, receipt: str) -> None:
    """Through the ledger's row and its trail."""
    desk.goto(f"{town}/choose?language=en&next=/login")
    desk.fill("input[name=email]", CAROL)
    desk.fill("input[name=password]", PASSWORD)
    desk.press("input[name=password]", "Enter")
    desk.wait_for_selector("main.page")
    desk.goto(f"{town}/app/ledger?payment={reference}")
    trail = desk.locator("#trail")
    expect(trail).to_contain_text(receipt, timeout=PATIENCE_MS)
    for words in ("1510", "1580", "2611", "3001"):
        expect(trail).to_contain_text(words)
    desk.locator("#refund > summary").click()
    desk.fill("#refund-amount", "0.50")
    desk.fill("#refund-reason", "The display was broken")
    desk.click("#refund-send")
    expect(desk.locator("#trail-refunds")).to_contain_text("SEK 0.50", timeout=PATIENCE_MS)
    expect(desk.locator("#trail-refunds .step.wait")).to_have_count(0, timeout=PATIENCE_MS)
