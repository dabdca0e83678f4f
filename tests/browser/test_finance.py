"""Finance in a real browser: the tasks of the ledger within their clicks, live, by keyboard too."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sql.database import Connection
from tests.browser.test_accessibility import AXE, problems
from tests.browser.web import Web
from tests.finance_rows import (
    CAROL,
    PASSWORD,
    Paid,
    add_carol,
    add_payout,
    add_review,
    check,
    paid_session,
    refund,
)
from tests.web import add_evse, add_site

NOW = datetime.now(UTC)
LAST_MONTH = (NOW.replace(day=1) - timedelta(days=3)).replace(hour=12)


class Clicks:
    """Counts what a person presses."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def __call__(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.count += 1


@pytest.fixture
def books(connection: Connection) -> list[Paid]:
    """A month with two sessions, paid out and refunded in part, one item to review."""
    add_carol(connection)
    key = add_evse(connection, add_site(connection, "Malmö Hyllie"), "MHY-05", "K7-4M2Q")
    paid = [
        paid_session(connection, key, n, LAST_MONTH + timedelta(minutes=n), payout="po_1")
        for n in (1, 2)
    ]
    add_payout(connection, "po_1", LAST_MONTH + timedelta(days=1))
    refund(connection, paid[1], 3, LAST_MONTH + timedelta(days=1), 2_000)
    check(connection, "stripe_balance", LAST_MONTH)
    add_review(connection, "refund_failed", "payment x", payment_id=paid[0].payment_id, amount=500,
               currency="SEK", evidence={"error": "expired_card", "rows": [{"a": 1}]})  # fmt: skip
    return paid


@pytest.fixture
def carol(browser: Browser, web: Web, books: list[Paid]) -> Iterator[Any]:
    """Opens an address signed in as carol; any script error fails."""
    contexts, errors = [], []

    def visit(path: str, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(f"{web.address}/choose?language=en&next=/login")
        page.goto(f"{web.address}/login?next={path.replace('&', '%26')}")
        page.fill("input[name=email]", CAROL)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_selector("main.page")
        expect(page.locator("#live-word")).to_have_text("Live")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def ledger(carol: Any) -> Page:
    page: Page = carol(f"/app/ledger?month={LAST_MONTH:%Y-%m}")
    return page


def test_did_it_balance_is_answered_without_a_click(ledger: Page) -> None:
    expect(ledger.locator("#proof")).to_contain_text("Agrees: 2 sessions = receipts = ledger")


def test_from_session_to_receipt_to_payout_takes_one_click_and_keeps_the_place(
    ledger: Page, books: list[Paid]
) -> None:
    click = Clicks(ledger)
    click(f"#ledger-rows-body tr:has-text('{books[0].number}')")
    trail = ledger.locator("#trail")
    expect(trail).to_contain_text("all the way from meter to bank")
    for words in (books[0].number, "1510 Kundfordringar", "po_1", "K7-4M2Q"):
        expect(trail).to_contain_text(words)
    assert click.count <= 2
    assert books[0].reference in ledger.url
    expect(ledger.locator("#ledger-rows-body tr.sel")).to_have_count(1)
    ledger.locator("#trail-close").click()
    expect(trail).to_have_count(0)
    assert "payment=" not in ledger.url


def test_a_partial_refund_takes_four_clicks_and_is_followed_to_its_end(
    ledger: Page, books: list[Paid], connection: Connection
) -> None:
    click = Clicks(ledger)
    click(f"#ledger-rows-body tr:has-text('{books[0].number}')")
    click("#refund > summary")
    expect(ledger.locator("#refund")).to_contain_text("142.91")
    ledger.fill("#refund-amount", "42.91")
    ledger.fill("#refund-reason", "Display was broken")
    click("#refund-send")
    assert click.count <= 4
    expect(ledger.locator("#trail-refunds")).to_contain_text("SEK 42.91")
    expect(ledger.locator("#trail-refunds .step.wait")).to_have_count(1)
    (request, amount, reason) = connection.execute(
        "SELECT refund_request_id, amount, reason FROM refund_request WHERE status = 'requested'"
    ).fetchone()  # type: ignore[misc]
    assert (amount, reason) == (4_291, "Display was broken")
    connection.execute(
        "UPDATE refund_request SET status = 'done', finished_at = now()"
        " WHERE refund_request_id = %s", [request],
    )  # fmt: skip
    expect(ledger.locator(f"#refund-{request} .step.ok")).to_have_count(3)
    expect(ledger.locator(f"#refund-{request} .step.wait")).to_have_count(0)


def test_news_of_the_payment_leave_a_form_alone(
    ledger: Page, books: list[Paid], connection: Connection
) -> None:
    ledger.locator(f"#ledger-rows-body tr:has-text('{books[0].number}')").click()
    ledger.locator("#refund > summary").click()
    ledger.fill("#refund-reason", "half a sen")
    connection.execute(
        "UPDATE payment SET state = 'disputed' WHERE payment_id = %s", [books[0].payment_id]
    )
    expect(ledger.locator("#trail-verdict")).to_contain_text("Disputed")
    expect(ledger.locator("#refund-reason")).to_have_value("half a sen")


def test_the_vat_basis_of_a_month_is_one_choice_away(carol: Any) -> None:
    page = carol("/app/ledger")
    page.locator(".months a").first.click()
    # two sessions of 142.91, 20.00 given back
    expect(page.locator("#vat")).to_contain_text("212.66")
    expect(page.locator("#vat")).to_contain_text("53.16")


def test_a_sie_file_takes_two_clicks_and_arrives(ledger: Page, connection: Connection) -> None:
    click = Clicks(ledger)
    click("#export > summary")
    click("#export-sie")
    expect(ledger.locator("#file-notice")).to_contain_text("Being made")
    with ledger.expect_download() as download:
        connection.execute(
            "UPDATE file_request SET finished_at = now(), content = '#FLAGGA 0',"
            " media_type = 'text/plain', file_name = 'books.si'"
        )
    assert download.value.suggested_filename == "books.si"
    assert click.count == 2


def test_a_month_is_closed_within_four_clicks(ledger: Page, connection: Connection) -> None:
    connection.execute(
        "UPDATE review_item SET resolved_at = now(), resolved_by = 'carol', resolution = 'ok'"
    )
    click = Clicks(ledger)
    click("#close-open")
    expect(ledger.locator("#close-place")).to_contain_text("Nothing stands against it")
    click("#close-sure")
    expect(ledger.locator("#close-place")).to_contain_text("asked for the month to be closed")
    assert click.count <= 4
    connection.execute("UPDATE period_close_request SET status = 'refused', outcome = 'no Stripe'")
    expect(ledger.locator("#close-place")).to_contain_text("The month stays open: no Stripe")


def test_a_filter_changes_the_address_and_the_rows(ledger: Page) -> None:
    ledger.locator("#ledger-channel").select_option("registered")
    expect(ledger.locator("#ledger-rows-panel")).to_contain_text("Nothing is booked")
    assert "channel=registered" in ledger.url
    expect(ledger.locator("#ledger-channel")).to_have_value("registered")
    ledger.locator("#ledger-channel").select_option("")
    expect(ledger.locator("#ledger-rows-body tr")).to_have_count(3)


def test_rows_and_trail_are_reached_with_the_keyboard(ledger: Page, books: list[Paid]) -> None:
    ledger.locator(f"#ledger-rows-body tr:has-text('{books[0].number}') a").focus()
    ledger.keyboard.press("Enter")
    expect(ledger.locator("#trail")).to_contain_text(books[0].number)
    ledger.locator("#refund > summary").focus()
    ledger.keyboard.press("Enter")
    expect(ledger.locator("#refund-send")).to_be_visible()


def test_an_item_is_taken_and_decided_and_the_badge_follows(
    carol: Any, connection: Connection
) -> None:
    page = carol("/app/review")
    expect(page.locator("#nav-review-count")).to_have_text("1")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator(".review-owner")).to_contain_text("Alice")  # add_user calls everybody so
    page.locator(".decide > summary").click()
    page.get_by_role("button", name="Decided").click()
    expect(page.locator("#review-notice")).to_contain_text("Write why")
    page.get_by_placeholder("What was decided").fill("Paid back by bank giro")
    page.get_by_role("button", name="Decided").click()
    expect(page.locator("#review")).to_contain_text("Nothing waits")
    expect(page.locator("#nav-review-count")).to_have_text("")
    rows = connection.execute("SELECT owner, resolved_by, resolution FROM review_item").fetchall()
    assert rows == [("Alice", CAROL, "Paid back by bank giro")]


def test_a_new_item_appears_by_itself(
    carol: Any, connection: Connection, books: list[Paid]
) -> None:
    page = carol("/app/review")
    add_review(connection, "dispute", "dispute dp_1", payment_id=books[1].payment_id)
    expect(page.locator("#review")).to_contain_text("Dispute (chargeback)")
    expect(page.locator("#nav-review-count")).to_have_text("2")


def test_a_callers_payment_is_found_from_the_board_in_two_clicks(
    open_page: Any, books: list[Paid]
) -> None:
    page = open_page("/app/")
    click = Clicks(page)
    click("a[href='/app/payments']")
    expect(page.locator("h1")).to_have_text("Find a payment")
    page.fill("#list-search", "4242 142,91")
    page.press("#list-search", "Enter")
    click(f"#payments a:text-is('{books[0].reference}')")
    expect(page.locator("#payment")).to_contain_text("142")
    expect(page.locator("#payment")).to_contain_text(books[0].number)
    assert click.count == 2
    # an operator sees the state, not the books
    expect(page.locator("a[href^='/app/ledger']")).to_have_count(0)


@pytest.mark.skipif(not AXE.exists() and not os.environ.get("CI"), reason="run `npm ci`")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious(
    carol: Any, web: Web, books: list[Paid], connection: Connection, theme: str
) -> None:
    page = carol("/app/ledger", reduced_motion="reduce")
    page.goto(f"{web.address}/choose?theme={theme}&language=en&next=/app/ledger")
    check(connection, "receipt_numbers", NOW, ok=False, difference=100, detail={"found": [1, 2]})
    connection.execute(
        'INSERT INTO tariff (operator_id, document, hash) VALUES (1, \'{"id": "A", "currency":'
        ' "SEK", "elements": [{"price_components": [{"type": "ENERGY", "price": 4,'
        ' "vat": 25, "step_size": 1}]}]}\', repeat(\'ab\', 32))'
    )
    found = []
    for path in (
        "/app/ledger", f"/app/ledger?month={LAST_MONTH:%Y-%m}&payment={books[1].reference}",
        "/app/review", "/app/review?show=decided", "/app/receipts", "/app/tariffs", "/app/payments",
        f"/app/payments?q={books[1].reference}",
    ):  # fmt: skip
        page.goto(web.address + path)
        expect(page.locator("h1")).to_have_count(1)
        for summary in page.locator("main details > summary").all():
            summary.click()
        page.wait_for_function("() => !document.querySelector('.choice [role=option]')")
        found += problems(page, path)
    assert found == []


def test_the_cost_of_a_running_session_ticks_on_its_stations_page(
    open_page: Any, connection: Connection, books: list[Paid]
) -> None:
    key, station = connection.execute("SELECT evse_key, station_id FROM evse").fetchone()  # type: ignore[misc]
    connection.execute("UPDATE connector SET status = 'Occupied'")
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh) VALUES (77, %s, 1, %s, '77', now() - interval '9 minutes', 400)",
        [station, key],
    )
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
        " currency, hold, held, cost) VALUES ('8F3K-27', 'guest', 1, %s, 77, 'charging', 'SEK',"
        " 30000, 30000, 200)",
        [key],
    )
    page = open_page(f"/app/station/{station}")
    expect(page.locator("#live-word")).to_have_text("Live")
    expect(page.locator(".evse-money")).to_contain_text("2.00")
    connection.execute("UPDATE payment SET cost = 450 WHERE reference = '8F3K-27'")
    expect(page.locator(".evse-money")).to_contain_text("4.50")


def test_the_board_shows_net_sales_and_holds(open_page: Any, books: list[Paid]) -> None:
    page = open_page("/app/")
    expect(page.locator("#holds-value")).to_have_text("0")
    expect(page.locator("#today-detail")).to_contain_text("SEK")
