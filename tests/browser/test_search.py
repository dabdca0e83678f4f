"""A caller's session and a station's parts in a real browser, and the frame around every page."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sql.database import Connection
from tests.browser.web import Web
from tests.web import add_evse, add_site

COUNT = "window.clicks = 0; addEventListener('click', (e) => e.detail && window.clicks++, true)"


@pytest.fixture(autouse=True)
def network(connection: Connection) -> int:
    """Two evses in Jönköping; at the second a guest charges."""
    site_id = add_site(connection, "Jönköping A6", "Jönköping", (57.77, 14.2))
    add_evse(connection, site_id, "JKP-04", "K7-5R8D")
    key = add_evse(connection, site_id, "JKP-04", "K7-9T1X", status="Occupied",
                   charging_state="Charging")  # fmt: skip
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh, power_w) VALUES (4711, 'JKP-04', 2, %s, '88213',"
        " now() - interval '21 minutes', 31420, 87400)",
        [key],
    )
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
        " currency, hold, held, cost, card_last4, authorised_at, created_at) VALUES ('F4KE-7Q',"
        " 'guest', 1, %s, 4711, 'charging', 'SEK', 30000, 30000, 15679, '4417', now(),"
        " now() - interval '21 minutes')",
        [key],
    )
    return site_id


def sent(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT action, payload FROM command ORDER BY command_id").fetchall()


def go_on(page: Page, path: str) -> None:
    """By a link of ours: the page changes without loading anew, so the clicks go on counting."""
    page.evaluate("(path) => window.kilowatch.go(path)", path)


def test_a_callers_session_is_found_stopped_and_unlocked_in_three_clicks(
    open_page: Any, connection: Connection
) -> None:
    page = open_page("/app/")
    page.add_init_script(COUNT)
    page.evaluate(COUNT)
    expect(page.locator("#live-word")).to_have_text("Live")
    page.keyboard.press("/")
    page.keyboard.type("k79t1")
    page.locator("#search-list a").first.click()
    expect(page).to_have_url(re.compile(r"/app/station/JKP-04\?evse=2$"))
    expect(page).to_have_title("JKP-04 \u00b7 Kilowatch")
    page.locator("#command-stop").click()
    expect(page.locator("#command-trail")).to_contain_text("Stop")
    page.locator("#command-unlock").click()
    expect(page.locator("#command-trail")).to_contain_text("Unlock, evse 2")
    assert page.evaluate("window.clicks") == 3
    assert sent(connection) == [
        ("RemoteStopTransaction", {"transactionId": 88213}), ("UnlockConnector", {"connectorId": 2})
    ]  # fmt: skip
    # by the card and what is held, without the mouse
    page.keyboard.press("/")
    page.keyboard.type("4417 300")
    expect(page.locator("#search-list li")).to_contain_text("F4KE-7Q")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#search-list a[aria-selected=true]")).to_contain_text("F4KE-7Q")
    page.keyboard.press("Escape")
    expect(page.locator("#search-list")).not_to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Search: 4417 300")
    expect(page.locator("#search")).to_have_value("4417 300")
    expect(page.locator(".hits .hit")).to_contain_text("4417")
    page.keyboard.press("/")
    page.keyboard.type("nothing like this")
    expect(page.locator("#search-list .none")).to_have_text("Nothing fits")


def test_help_notes_parts_filters_and_switches_work_by_keyboard_and_on_a_phone(
    open_page: Any, web: Web, connection: Connection, network: int
) -> None:
    page = open_page("/app/")
    expect(page.locator("#live-word")).to_have_text("Live")
    # help: by keyboard, and to its section
    page.locator("#affected .help").focus()
    page.keyboard.press("Enter")
    box = page.locator("#help-box")
    expect(box).to_contain_text("Running sessions that nobody can see or help")
    page.keyboard.press("Escape")
    expect(box).not_to_be_visible()
    expect(page.locator("#affected .help")).to_be_focused()
    page.locator("#first .help").click()
    box.locator("a").click()
    expect(page).to_have_url(re.compile("/app/help/numbers#first_attempt_success$"))
    expect(page.locator("#first_attempt_success")).to_be_in_viewport()
    # a switch comes back to all of the address
    page.locator(".top a[href*='theme=light']").click()
    expect(page).to_have_url(re.compile("/app/help/numbers#first_attempt_success$"))
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    # filters go along where they mean the same
    go_on(page, f"/app/stations?site={network}")
    expect(page.locator("h1")).to_have_text("Stations")
    href = page.locator(".nav a.to", has_text="Utilisation").get_attribute("href")
    assert href == f"/app/utilisation?site={network}"
    assert page.locator(".nav a.to", has_text="Help").get_attribute("href") == "/app/help/numbers"
    # notes, and a part that the address keeps
    go_on(page, "/app/station/JKP-04")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.fill("#note-text", "Second lock this month <b>")
    page.locator("#note-send").click()
    expect(page.locator(".known")).to_contain_text("Second lock this month <b>")
    page.locator("#station-more label", has_text="Firmware").click()
    expect(page.locator("#station-part")).to_contain_text("It has not told its firmware")
    expect(page).to_have_url(re.compile("more=firmware$"))
    # a phone: the navigation folds behind a button, and nothing is wider than the screen
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#nav-pages")).not_to_be_visible()
    page.locator("#nav-fold").click()
    expect(page.locator("#nav-pages a.to", has_text="Board")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#nav-pages")).not_to_be_visible()
    expect(page.locator("#nav-fold")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
