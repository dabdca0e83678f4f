"""The database goes away and comes back while pages are open: they say so, lock what would send
something, answer clearly when they are asked, and come back by themselves."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboard.pages import PAGES
from sql.database import Connection
from tests.addresses import Address, layout_request
from tests.browser.test_board import add_incident, mark_document, set_status
from tests.browser.web import Web, free_port
from tests.cable import Cable
from tests.web import add_evse, add_site, add_user

AT_MOST_MS = 25_000  # a pool that waits for a connection, then a hub that tries again
LIVE = [f"/app{page.path}" for page in PAGES if page.key in ("board", "incidents", "wall")]
STATION = "/app/station/ODH-01"


@pytest.fixture
def evse_key(connection: Connection) -> int:
    key = add_evse(connection, add_site(connection, "Ödeshög E4"), "ODH-01", "K7-0001")
    add_incident(connection)
    return key


@pytest.fixture
def cable(database: str) -> Iterator[Cable]:
    with Cable(database) as cable:
        yield cable


@pytest.fixture
def web(cable: Cable, connection: Connection) -> Iterator[Web]:
    """A web server that reaches its database through the cable."""
    add_user(connection)
    with Web(cable.dsn, free_port()) as web:
        yield web


def tab(first: Page, web: Web, path: str) -> Page:
    page = first.context.new_page()
    page.goto(web.address + path)
    page.wait_for_selector("main")
    return page


def test_pages_outlive_their_database(
    open_page: Any, web: Web, cable: Cable, connection: Connection, evse_key: int
) -> None:
    station = open_page(STATION)
    live = [station, *(tab(station, web, path) for path in LIVE)]
    for page in live:
        expect(page.locator("#live-word")).to_have_text("Live")
        mark_document(page)
    energy = tab(station, web, "/app/energy")
    cable.cut()
    for page in live:
        expect(page.locator("#main[data-stale]")).to_have_count(1, timeout=9000)
    expect(station.locator("#stale-banner")).to_contain_text("not live")
    expect(station.locator("#command-restart")).to_be_disabled()
    late = station.context.new_page()
    one_who_asks_is_told(energy, late, web)
    set_status(connection, evse_key, "Faulted")
    cable.mend()
    for page in live:
        expect(page.locator("#main[data-stale]")).to_have_count(0, timeout=AT_MOST_MS)
        assert page.evaluate("window.notReloaded")
    expect(station.locator("#station-verdict")).to_contain_text("Evse 1: Fault since")
    expect(station.locator("#command-restart")).to_be_enabled()
    expect(live[1].locator("#down-faulted")).to_have_text("1")
    # who asked for a page meanwhile gets it now
    expect(energy.locator("a[aria-current]", has_text="12 months")).to_be_visible(
        timeout=AT_MOST_MS
    )
    expect(energy.locator("#asked")).to_have_count(0)
    expect(late.locator("h1")).to_have_text("Utilisation", timeout=AT_MOST_MS)


def one_who_asks_is_told(energy: Page, late: Page, web: Web) -> None:
    """By a click on an open page, by an address that is entered, by a script."""
    energy.get_by_role("link", name="12 months").click()
    expect(energy.locator("#asked")).to_contain_text("could not be read", timeout=AT_MOST_MS)
    answer = late.goto(f"{web.address}/app/utilisation")
    assert answer
    assert answer.status == 503
    expect(late.locator("h1")).to_have_text("Not available right now")
    refused = energy.request.post(
        f"{web.address}/app/_dash-update-component",
        data=layout_request(Address("energy", "/app/energy")),
    )
    assert refused.status == 503
    assert refused.text() == "the database does not answer, try again later\n"
