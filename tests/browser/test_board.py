"""The board in a real browser: live without a reload, honest when it is not live."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sql.database import Connection
from tests.browser.web import Web
from tests.web import add_evse, add_site


@pytest.fixture
def evse_key(connection: Connection) -> int:
    site_id = add_site(connection, "Ödeshög E4", "Ödeshög", (58.2275, 14.664))
    add_evse(connection, site_id, "ODH-02", "K7-0002")
    return add_evse(connection, site_id, "ODH-01", "K7-0001")


def set_status(connection: Connection, evse_key: int, status: str) -> None:
    with connection.transaction():
        connection.execute(
            "UPDATE connector SET status = %s, status_at = now() WHERE evse_key = %s",
            [status, evse_key],
        )
        connection.execute("SELECT pg_notify('evse', %s)", [str(evse_key)])


def mark_document(page: Page) -> None:
    page.evaluate("window.notReloaded = true")


def test_a_status_change_appears_on_the_board_without_a_reload(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    page = open_page("/app/")
    expect(page.locator("#worst-note")).to_contain_text("Every station works")
    expect(page.locator(".donut")).to_have_count(1)
    mark_document(page)
    set_status(connection, evse_key, "Faulted")
    expect(page.locator("#worst-body tr")).to_contain_text("ODH-01")
    expect(page.locator("#down-faulted")).to_have_text("1")
    expect(page.locator(".donut")).to_have_attribute(
        "aria-label", "Ödeshög E4: 2 evses, 1 faulted, 0 no contact"
    )
    set_status(connection, evse_key, "Available")
    expect(page.locator("#worst-body tr")).to_have_count(0)
    assert page.evaluate("window.notReloaded")


def test_a_lost_feed_is_said_within_seconds_and_mended_at_once(
    open_page: Any, web: Web, connection: Connection, evse_key: int
) -> None:
    page = open_page("/app/station/ODH-01")
    expect(page.locator("#live-word")).to_have_text("Live")
    expect(page.locator("#command-restart")).to_be_enabled()
    mark_document(page)
    web.stop()
    expect(page.locator(".banner")).to_contain_text("not live", timeout=9000)
    expect(page.locator("#command-restart")).to_be_disabled()
    set_status(connection, evse_key, "Faulted")
    web.start()
    expect(page.locator(".banner")).to_have_count(0, timeout=12_000)
    expect(page.locator("#station-verdict")).to_contain_text("Evse 1: Fault since")
    expect(page.locator("#command-restart")).to_be_enabled()
    assert page.evaluate("window.notReloaded")


def test_a_station_is_one_click_from_the_board_and_the_feed_goes_on(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    set_status(connection, evse_key, "Faulted")
    page = open_page("/app/")
    mark_document(page)
    page.locator("#worst-body a", has_text="ODH-01").click()
    expect(page.locator("h1")).to_have_text("ODH-01")
    set_status(connection, evse_key, "Available")
    expect(page.locator(f"#evse-{evse_key}-words")).to_have_text("Available")
    expect(page.locator("#station-verdict")).to_contain_text("The evse works and is free.")
    page.go_back()
    expect(page.locator("#down-faulted")).to_have_text("0")
    assert page.evaluate("window.notReloaded")


def test_tabs_share_one_stream(open_page: Any, web: Web, connection: Connection) -> None:
    key = add_evse(connection, None, "ODH-01", "K7-0001")
    first = open_page("/app/")
    second = first.context.new_page()
    second.goto(f"{web.address}/app/")
    for page in (first, second):
        expect(page.locator("#live-word")).to_have_text("Live")
    set_status(connection, key, "Faulted")
    for page in (first, second):
        expect(page.locator("#down-faulted")).to_have_text("1")
    # a stream that was given up is noticed when the next beats cannot be sent
    second.wait_for_function(
        """async () => (await (await fetch("/metrics")).text())
            .includes('kilowatch_viewers{kind="staff"} 1.0')""",
        polling=500,
        timeout=15_000,
    )


def test_a_command_is_followed_from_sent_to_proven(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    page = open_page("/app/station/ODH-01")
    page.fill("#command-token", "TAG")
    page.click("#command-start")
    trail = page.locator("#command-trail")
    expect(trail).to_contain_text("Waiting to be sent")
    connection.execute(
        "UPDATE command SET status = 'answered', response = '{\"status\": \"Accepted\"}',"
        " claimed_at = now(), finished_at = now()"
    )
    expect(trail).to_contain_text("Awaiting proof")
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh, power_w) VALUES (1, 'ODH-01', 1, %s, '1', now(), 400, 11000)",
        [evse_key],
    )
    connection.execute("SELECT pg_notify('evse', %s)", [str(evse_key)])
    expect(trail).to_contain_text("Proven: delivered 0.40")
    expect(page.locator(f"#evse-{evse_key}-words")).to_have_text("Charging 11.0\u00a0kW")


def test_the_board_speaks_swedish(open_page: Any, evse_key: int) -> None:
    page = open_page("/app/", locale="sv-SE")
    expect(page.locator("h1")).to_have_text("Översikt")
    expect(page.locator("html")).to_have_attribute("lang", "sv")
    expect(page.locator("#worst-note")).not_to_contain_text("Every station works")
    expect(page.locator("#charging-detail")).to_contain_text("0\u00a0%")


def test_markup_in_a_name_is_shown_as_text(open_page: Any, connection: Connection) -> None:
    site_id = add_site(connection, "<img src=x onerror=window.hit=1>", "", (60.0, 15.0))
    add_evse(connection, site_id, "<b>X</b>", "K7-0003", status="Faulted")
    page = open_page("/app/")
    expect(page.locator("#worst-body")).to_contain_text("<b>X</b>")
    expect(page.locator(".map-label").first).to_have_attribute(
        "data-name", "<img src=x onerror=window.hit=1>"
    )
    page.locator("#worst-body a").click()
    expect(page.locator("h1")).to_have_text("<b>X</b>")
    assert page.evaluate("window.hit") is None


def test_an_empty_installation_says_what_to_do(open_page: Any) -> None:
    page = open_page("/app/")
    expect(page.locator("#worst-note")).to_contain_text("No stations yet")
    expect(page.locator("#incidents-list")).to_contain_text("No open incidents")
    expect(page.locator("#map-note")).to_be_visible()


def test_nothing_is_fetched_from_another_host(open_page: Any, web: Web, evse_key: int) -> None:
    page = open_page("/app/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.locator(".donut")).to_have_count(1)
    page.goto(f"{web.address}/app/stations")
    expect(page.locator(".ag-row").first).to_be_visible()
    page.goto(f"{web.address}/app/energy")
    expect(page.locator("h1")).to_have_text("Energy and load")
    own = (web.address, "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
