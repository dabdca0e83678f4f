"""A driver with a phone: from the scanned code to the receipt, and what each state looks like."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from sql.database import Connection
from tests.browser.test_accessibility import AXE, problems
from tests.browser.web import Web, free_port
from tests.driver_states import REFERENCE, SECRET, STATES, add, clear, put
from tests.payments import add_tariff, cashier, charge, finish, move, plug
from tests.web import add_evse, add_site

PHONE = {"width": 390, "height": 844}
SMALL = {"width": 320, "height": 640}


class Cards(BaseHTTPRequestHandler):
    """The hosted card payment, on a host of its own: one button that leads back."""

    def do_GET(self) -> None:
        back = self.path[1:]
        body = f'<!doctype html><title>Card</title><h1>Card</h1><a id="pay" href="{back}">Pay</a>'
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cards() -> Iterator[str]:
    """The address of the card payment."""
    with ThreadingHTTPServer(("localhost", 0), Cards) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def evse_key(connection: Connection) -> int:
    site_id = add_site(connection, "Kvarnholmen Södra", "Nacka", (59.33, 18.06))
    key = add_evse(connection, site_id, "KVH-01", "KX-4172")
    add_evse(connection, site_id, "KVH-01", "KX-4174")
    add_tariff(connection)
    return key


@pytest.fixture
def web(database: str, evse_key: int, cards: str) -> Iterator[Web]:
    with Web(database, free_port(), stripe_api_key="sk_test_1", stripe_api_base=cards) as web:
        yield web


@pytest.fixture
def till(database: str, web: Web, cards: str) -> Iterator[list[str]]:
    """Makes checkouts that lead back to the charger's page."""
    back = f"{cards}/{web.address}/e/KX-4172?paid={{reference}}"
    with cashier(database, back) as seen:
        yield seen


Phone = Callable[..., BrowserContext]


@pytest.fixture
def phone(browser: Browser, web: Web) -> Iterator[Phone]:
    """Phones; `owner` has the cookie of the payment of driver_states. A script error fails."""
    contexts, errors = list[BrowserContext](), list[str]()

    def take(owner: bool = False, **options: Any) -> BrowserContext:
        chosen = {"viewport": PHONE, "locale": "sv-SE", "reduced_motion": "reduce"} | options
        context = browser.new_context(**chosen)
        if owner:
            context.add_cookies([{"name": "payer", "value": SECRET, "url": web.address}])
        context.on("weberror", lambda error: errors.append(str(error.error)))
        contexts.append(context)
        return context

    yield take
    for context in contexts:
        context.close()
    assert errors == []


def pay(page: Page, web: Web) -> str:
    """Scan, pay and come back: two presses of ours and the card's. The reference."""
    page.goto(f"{web.address}/e/KX-4172")
    page.get_by_role("button", name="Betala och starta").click()
    page.locator("#pay").click()
    page.wait_for_url(re.compile("paid="))
    return page.url.rpartition("=")[2]


def mark_document(page: Page) -> None:
    page.evaluate("window.notReloaded = true")


def test_a_driver_pays_charges_stops_and_reads_the_receipt_without_a_reload(
    phone: Phone, web: Web, till: list[str], connection: Connection, evse_key: int
) -> None:
    page = phone().new_page()
    reference = pay(page, web)
    expect(page.locator("h1")).to_contain_text("Bekräftar")
    mark_document(page)
    move(connection, reference, "start_requested", authorised_at="now",
         intent_status="requires_capture")  # fmt: skip
    connection.execute("UPDATE payment SET start_by = now() + interval '154 seconds'")
    expect(page.locator("h1")).to_contain_text("Sätt i kabeln")
    expect(page.get_by_role("timer")).to_contain_text("2:3")
    plug(connection, evse_key, "Occupied", "EVConnected")
    expect(page.locator("h1")).to_contain_text("Startar")
    session_id = charge(connection, reference, evse_key)
    expect(page.locator(".sum")).to_have_text("122,75 kr")
    connection.execute("UPDATE payment SET cost = 12999, energy_wh = 26050")
    expect(page.locator(".sum")).to_have_text("129,99 kr")
    page.get_by_role("button", name="Stoppa laddningen").click()
    page.get_by_role("button", name="Ja, stoppa nu").click()
    expect(page.locator("h1")).to_contain_text("Stoppar")
    mark_document(page)
    finish(connection, reference, session_id, evse_key)
    expect(page.locator("h1")).to_contain_text("Klar")
    expect(page.locator("article")).to_contain_text("Det kostar inget mer.")
    assert page.evaluate("window.notReloaded")
    page.get_by_role("link", name="Visa och spara kvittot").click()
    expect(page.locator("h1")).to_contain_text("Kvitto")


def test_the_same_without_javascript(
    phone: Phone, web: Web, till: list[str], connection: Connection, evse_key: int
) -> None:
    page = phone(java_script_enabled=False).new_page()
    reference = pay(page, web)
    assert page.locator("h1").inner_text().startswith("Bekräftar")
    assert page.locator("noscript meta").count() or "refresh" in page.content()
    charge(connection, reference, evse_key)
    page.reload()
    page.get_by_role("button", name="Stoppa laddningen").click()  # a sheet needs no script
    page.get_by_role("button", name="Ja, stoppa nu").click()
    assert "Stoppar" in page.locator("h1").inner_text()


def test_a_stranger_sees_only_that_it_is_in_use(
    phone: Phone, web: Web, till: list[str], connection: Connection, evse_key: int
) -> None:
    payer, stranger = phone().new_page(), phone().new_page()
    reference = pay(payer, web)
    charge(connection, reference, evse_key)
    stranger.goto(f"{web.address}/e/KX-4172?paid={reference}")
    expect(stranger.locator("h1")).to_contain_text("Upptagen")
    for secret in ("122,75", reference, "Stoppa", "24,60"):
        expect(stranger.locator("body")).not_to_contain_text(secret)
    status = stranger.evaluate(
        "(reference) => fetch('/e/KX-4172/stop', { method: 'POST',"
        " body: new URLSearchParams({ reference }) }).then((answer) => answer.status)",
        reference,
    )
    assert status == 404
    [(asked,)] = connection.execute("SELECT stop_requested_at FROM payment").fetchall()
    assert asked is None
    payer.goto(f"{web.address}/e/KX-4172")  # the code is scanned again, the page was closed
    expect(payer.locator("h1")).to_contain_text("Laddar")


def test_an_open_sheet_and_what_is_typed_outlast_an_update(
    phone: Phone, web: Web, connection: Connection, evse_key: int
) -> None:
    put(connection, evse_key, "charging")
    page = phone(owner=True).new_page()
    page.goto(f"{web.address}/e/KX-4172")
    page.get_by_role("button", name="Stoppa laddningen").click()
    stop = page.get_by_role("button", name="Ja, stoppa nu")
    stop.focus()
    connection.execute("UPDATE payment SET cost = 13000")
    expect(page.locator(".sum")).to_have_text("130,00 kr")
    expect(stop).to_be_visible()
    expect(stop).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_text("Rapportera fel").click()
    connection.execute("UPDATE payment SET cost = 14000")
    expect(page.locator(".sum")).to_have_text("140,00 kr")
    expect(page.get_by_role("button", name="Platsen är blockerad")).to_be_visible()
    put(connection, evse_key, "review")
    page.reload()
    page.fill("input[type=email]", "dave@example")
    until = page.locator("p strong.nb").first
    before = until.inner_text()
    connection.execute("UPDATE payment SET quarantined_until = now() + interval '1 day'")
    expect(until).not_to_have_text(before)
    expect(page.locator("input[type=email]")).to_have_value("dave@example")


def test_only_a_change_of_state_is_announced(
    phone: Phone, web: Web, connection: Connection, evse_key: int
) -> None:
    put(connection, evse_key, "charging")
    page = phone(owner=True).new_page()
    page.goto(f"{web.address}/e/KX-4172")
    page.evaluate(
        "() => { window.said = []; for (const part of document.querySelectorAll('[role=status]'))"
        " new MutationObserver(() => said.push(part.textContent.trim()))"
        ".observe(part, { subtree: true, childList: true, characterData: true }); }"
    )
    connection.execute("UPDATE payment SET cost = 13000")
    expect(page.locator(".sum")).to_have_text("130,00 kr")
    assert page.evaluate("said") == []
    connection.execute("UPDATE payment SET cost = 24100")
    expect(page.locator(".note")).to_contain_text("241 kr av högst 300 kr är använt.")
    assert len(page.evaluate("said")) == 1


def test_clicks_a_driver_needs(
    phone: Phone, web: Web, connection: Connection, evse_key: int
) -> None:
    """The table of tasks: what is on the page at once costs none."""
    page = phone(owner=True).new_page()
    put(connection, evse_key, "free")
    page.goto(f"{web.address}/e/KX-4172")
    expect(page.locator("h1")).to_contain_text("Ledig")  # state and price: 0
    expect(page.locator(".price")).to_contain_text("4,99")
    button = page.get_by_role("button", name="Betala och starta")
    box = button.bounding_box()
    assert box
    assert box["y"] + box["height"] < PHONE["height"] - 200  # above the browser's own bar
    put(connection, evse_key, "releasing")
    page.reload()
    expect(page.locator(".trail")).to_contain_text("Släpper 300 kr")  # the hold: 0
    expect(page.get_by_role("link", name="Prova KX-4174")).to_be_visible()  # nearest free: 1
    expect(page.locator("#help + p")).to_contain_text(REFERENCE)  # call with it: 1
    page.get_by_text("Rapportera fel").click()  # report: 2
    page.get_by_role("button", name="Skärmen är svart").click()
    expect(page.get_by_text("Tack, vi har fått det.")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("Startade inte")
    [(kind, payment_id)] = connection.execute(
        "SELECT kind, payment_id FROM fault_report"
    ).fetchall()
    assert kind == "screen"
    assert payment_id
    put(connection, evse_key, "finished")
    page.goto(f"{web.address}/e/KX-4172")
    expect(page.locator(".rows")).to_contain_text("24,60 kWh")  # receipt: 0, keep it: 1
    expect(page.get_by_role("link", name="Visa och spara kvittot")).to_be_visible()


def test_nothing_is_fetched_from_another_host(
    phone: Phone, web: Web, connection: Connection, evse_key: int
) -> None:
    page, asked = phone(owner=True).new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    for name in ("free", "charging", "finished"):
        page.goto(f"{web.address}/e/KX-4172{put(connection, evse_key, name)}")
    page.goto(f"{web.address}/my")
    page.locator(".list a").click()
    expect(page.locator("h1")).to_contain_text("Kvitto")
    assert [url for url in asked if not url.startswith(web.address)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_no_state_scrolls_sideways(
    phone: Phone, web: Web, connection: Connection, evse_key: int, scheme: str
) -> None:
    if not AXE.exists() and not os.environ.get("CI"):
        pytest.skip("accessibility: axe-core is missing, run `npm ci`")
    language = {"light": "sv", "dark": "en"}[scheme]
    page = phone(owner=True, color_scheme=scheme, locale=language).new_page()
    wrong: list[str] = []
    for name in STATES:
        query = put(connection, evse_key, name, language)
        wrong += looked_at(page, f"{web.address}/e/KX-4172{query}", name)
    put(connection, evse_key, "finished", language)
    [(secret,)] = connection.execute("SELECT secret FROM receipt").fetchall()
    for path in ("/my", f"/receipt/{secret}", "/e/KX-4172?new=1&note=new_price"):
        wrong += looked_at(page, web.address + path, path)
    assert wrong == []


def looked_at(page: Page, address: str, name: str) -> list[str]:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(address)
    expect(page.locator("h1")).to_have_count(1)
    wrong = problems(page, name)
    page.set_viewport_size(SMALL)  # type: ignore[arg-type]
    width = page.evaluate("document.documentElement.scrollWidth")
    return wrong if width <= SMALL["width"] else [*wrong, f"{name} is {width} wide"]


def test_a_page_that_was_away_catches_up(
    phone: Phone, web: Web, connection: Connection, evse_key: int
) -> None:
    clear(connection, evse_key)
    add(connection, evse_key)
    charge(connection, REFERENCE, evse_key)
    page = phone(owner=True).new_page()
    page.goto(f"{web.address}/e/KX-4172")
    expect(page.locator("h1")).to_contain_text("Laddar")
    mark_document(page)
    web.stop()
    expect(page.locator("#live.stale")).to_have_count(1, timeout=9000)
    connection.execute("UPDATE payment SET cost = 20000")
    web.start()
    expect(page.locator(".sum")).to_have_text("200,00 kr", timeout=12_000)
    assert page.evaluate("window.notReloaded")
