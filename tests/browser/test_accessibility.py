"""Every page for those who do not see, do not point, or see few colours: axe, and the keyboard."""

from typing import Any

import pytest
from playwright.sync_api import expect

from ingest.attempting import book_attempts
from ingest.timelines import book_time
from sql.database import Connection
from tests.addresses import addresses
from tests.browser.walking import (
    AXE,
    need_axe,
    problems,
    problems_in_both_themes,
    settled,
    unmarked,
)
from tests.browser.web import Web
from tests.web import add_evse, add_site

# what pages show besides their plain addresses, which come from the register
MORE = ("/app/station/MY-01", "/app/reliability?range=7d", "/app/reliability?range=7d&exclude=new",
        "/app/reliability?range=7d&show=outages&outage=1",
        "/app/reliability?range=7d&show=attempts&attempt=1", "/account")  # fmt: skip
PARTS = 3  # beside each other
PUBLIC = ("/", "/site/1", "/e/K7-0001", "/e/K7-0002", "/e/NOPE", "/login", "/nowhere")

__all__ = ["AXE", "problems"]  # others test their pages with these


@pytest.fixture(autouse=True)
def _axe() -> None:
    need_axe()


@pytest.fixture(autouse=True)
def network(connection: Connection) -> None:
    """One of each: free, faulted, charging, out of contact, never connected, an incident, an
    outage, a failed attempt, an exclusion."""
    site_id = add_site(connection, "Ödeshög E4", "Ödeshög", (58.2275, 14.664))
    key = add_evse(connection, site_id, "ODH-01", "K7-0001", charging_state="Charging",
                   status="Occupied")  # fmt: skip
    add_evse(connection, site_id, "ODH-01", "K7-0002", status="Faulted")
    add_evse(connection, add_site(connection, "Mora", "Mora", (61.0, 14.5)), "MOR-01", "K7-0003",
             online=False)  # fmt: skip
    add_evse(connection, None, "MY-01", "K7-0004", online=False)
    connection.execute(
        "UPDATE station SET contact_changed_at = NULL, last_seen_at = NULL"
        " WHERE station_id = 'MY-01'"
    )
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh, power_w, id_token)"
        " VALUES (77, 'ODH-01', 1, %s, '77', now() - interval '5 minutes', 400, 11000, 'TAG')",
        [key],
    )
    connection.execute(
        "INSERT INTO meter_value (measured_at, received_at, session_id, reading_hash, energy_wh,"
        " energy_delta_wh, evse_key, evse_id, power_w, soc_pct, station_id, source)"
        " SELECT now() - i * interval '1 minute', now(), 77, i, 0, 100, %s, 1, 11000, 40, 'ODH-01',"
        "  'meter' FROM generate_series(1, 4) i",
        [key],
    )
    connection.execute(
        "INSERT INTO message_log (station_id, received_at, direction, message_id, action, frame)"
        " VALUES ('ODH-01', now(), 'in', '1', 'Heartbeat', '[2,\"1\",\"Heartbeat\",{}]'),"
        " ('ODH-01', now(), 'out', '2', 'Reset', '[2,\"2\",\"Reset\",{\"type\":\"Soft\"}]')"
    )
    connection.execute(
        "INSERT INTO incident (kind, severity, site_id, opened_at)"
        " VALUES ('faulted', 'critical', %s, now())",
        [site_id],
    )
    connection.execute(
        "INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status,"
        " status_at, received_at, error_code) SELECT evse_key, 'ODH-01', evse_id, 1, CASE evse_id"
        " WHEN 1 THEN 'Available' ELSE 'Faulted' END, now() - interval '2 hours', now(),"
        " 'GroundFailure' FROM evse WHERE station_id = 'ODH-01'"
    )
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, ended_at, energy_wh, id_token) VALUES (76, 'ODH-01', 1, %s, '76',"
        " now() - interval '90 minutes', now() - interval '89 minutes', 0, 'TAG')",
        [key],
    )
    connection.execute(
        "INSERT INTO outage_exclusion (site_id, from_at, until_at, reason, note, created_by)"
        " VALUES (%s, now(), now() + interval '2 hours', 'scheduled_maintenance', 'ticket 12',"
        " 'alice@example.org')",
        [site_id],
    )
    book_attempts(connection)
    book_time(connection)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_staff_page_is_free_of_serious_findings_and_shows_its_focus(
    open_page: Any, web: Web, connection: Connection, part: int
) -> None:
    connection.execute("UPDATE app_user SET role = 'admin'")
    page = open_page("/account", reduced_motion="reduce")
    page.goto(f"{web.address}/choose?theme=dark&language=en&next=/app/")
    found: list[str] = []
    for path in [*map(str, addresses(connection)), *MORE][part::PARTS]:
        page.goto(web.address + path)
        settled(page)
        found += problems_in_both_themes(page, path) + unmarked(page, path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_serious_on_public_pages(
    browser: Any, web: Web, network: None, scheme: str
) -> None:
    phone = {"width": 390, "height": 844}
    context = browser.new_context(viewport=phone, color_scheme=scheme, reduced_motion="reduce")
    page, found = context.new_page(), list[str]()
    for path in PUBLIC:
        page.goto(web.address + path)
        found += problems(page, path)
    context.close()
    assert found == []


def test_commands_are_reached_and_sent_with_the_keyboard(
    open_page: Any, connection: Connection
) -> None:
    page = open_page("/app/station/ODH-01")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.locator("#command-evse input:checked").focus()
    page.keyboard.press("ArrowRight")  # from evse 1 to evse 2
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == [
        f"command-{n}" for n in ("start", "stop", "unlock", "restart", "out", "back", "logs")
    ]
    page.locator("#command-unlock").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#command-trail")).to_contain_text("Unlock, evse 2")
    [(payload,)] = connection.execute("SELECT payload FROM command").fetchall()
    assert payload == {"connectorId": 2}
