"""Incidents in a real browser: live lists and pages, forms that keep what is typed, the wall."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from sql.database import Connection
from tests.browser.test_board import add_incident, mark_document
from tests.browser.web import Web
from tests.web import add_evse, add_site


@pytest.fixture
def site_id(connection: Connection) -> int:
    site_id = add_site(connection, "Ödeshög E4", "Ödeshög", (58.2275, 14.664))
    add_evse(connection, site_id, "ODH-01", "K7-0001", status="Faulted")
    add_evse(connection, site_id, "ODH-02", "K7-0002")
    return site_id


def test_an_incident_is_lived_through_by_two_people(
    open_page: Any, connection: Connection, web: Web, site_id: int
) -> None:
    """Raised, seen on both screens, given away with a note, planned for, closed; nothing reloads,
    and what somebody is typing stays."""
    alice = open_page("/app/incidents?severity=high")
    expect(alice.locator("#incidents-open")).to_contain_text("No open incidents")
    bob = alice.context.new_page()
    for page in (alice, bob):
        page.goto(f"{web.address}/app/incidents?severity=high")
        mark_document(page)
    add_incident(connection)
    row = alice.locator("#incidents-open li")
    expect(row).to_contain_text("ODH-01 reports a fault since")
    expect(bob.locator("#nav-incidents-count")).to_have_text("1")
    alice.locator("select[data-asks=severity]").select_option("low")
    alice.wait_for_url("**severity=low*")
    expect(alice.locator("#incidents-open")).to_contain_text("No open incident fits")
    alice.locator("select[data-asks=severity]").select_option("")
    row.locator("a.inc").click()
    bob.locator("#incidents-open a.inc").click()
    expect(bob.locator("#evidence")).to_contain_text("ODH-01 evse 1, around")
    bob.fill("#note-text", "half a sentence")

    alice.locator("#assign-owner label", has_text="Alice").click()
    alice.fill("#assign-note", "the key is in the box")
    alice.click("#assign-send")
    expect(alice.locator("#incident-act-notice")).to_contain_text("Alice has it now.")
    expect(bob.locator("#incident-history")).to_contain_text("the key is in the box")
    expect(bob.locator("#incident-verdict")).to_contain_text("Alice")
    expect(bob.locator("#note-text")).to_have_value("half a sentence")

    alice.locator("#plan summary").click()
    alice.fill("#plan-note", "new connector lock")
    alice.click("#plan-send")
    expect(alice.locator("#exclusions-list")).to_contain_text("new connector lock")
    alice.locator("#false-alarm summary").click()
    alice.fill("#false-reason", "tested on site")
    alice.click("#false-send")
    expect(bob.locator("#incident-verdict")).to_contain_text("False alarm, closed")
    expect(bob.locator("#incident-deeds button")).to_have_count(0)
    assert bob.evaluate("window.notReloaded")
    [(subject,)] = connection.execute("SELECT site_id FROM outage_exclusion").fetchall()
    assert subject == site_id


def test_the_wall_shows_the_three_worst_and_says_when_it_is_not_live(
    open_page: Any, connection: Connection, web: Web, site_id: int
) -> None:
    page = open_page("/app/handover")
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{web.address}/app/wall")
    expect(page.locator("#wall-incidents")).to_contain_text("No open incidents")
    mark_document(page)
    for station in ("ODH-01", "ODH-02"):
        other = add_site(connection, f"Mora {station}", "Mora", (61.0, 14.5))
        connection.execute(
            "UPDATE station SET site_id = %s WHERE station_id = %s", [other, station]
        )
        add_incident(connection, station)
    connection.execute(
        "INSERT INTO incident (kind, severity, site_id, opened_at) VALUES"
        " ('derated', 'low', %(site)s, now()), ('site_dark', 'critical', %(site)s, now())",
        {"site": site_id},
    )
    rows = page.locator("#wall-incidents li")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("Ödeshög E4 is dark")
    expect(rows.first).to_contain_text("nobody")
    connection.execute("UPDATE incident SET owner = 'Elin Sandberg' WHERE kind = 'site_dark'")
    expect(rows.first).to_contain_text("Elin")
    expect(page.locator("#wall-incidents")).not_to_contain_text("reduced power")
    expect(page.locator("nav")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    web.stop()
    expect(page.locator("#wall-about")).to_contain_text("Not live", timeout=9000)
    web.start()
    expect(page.locator("#wall-about")).to_contain_text(re.compile("evses"), timeout=12_000)
    assert page.evaluate("window.notReloaded")
