"""The board in a real browser: live without a reload, honest when it is not live."""

import re
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


def test_an_evse_that_is_dead_but_green_is_counted_named_and_explained(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    page = open_page("/app/")
    expect(page.locator("#down-silent")).to_have_text("0")
    connection.execute(
        "WITH i AS (INSERT INTO incident (kind, severity, site_id, opened_at)"
        " SELECT 'silent_evse', 'high', site_id, now() FROM station WHERE station_id = 'ODH-01'"
        " RETURNING incident_id)"
        " INSERT INTO alert (incident_id, kind, station_id, evse_id, raised_at, detail)"
        " SELECT incident_id, 'silent_evse', 'ODH-01', 1, now() - interval '31 hours',"
        " jsonb_build_object('last_success_at', now() - interval '31 hours',"
        " 'gap_p95_seconds', 10200) FROM i"
    )
    expect(page.locator("#down-silent")).to_have_text("1")
    expect(page.locator("#worst-body tr")).to_contain_text("Available but silent since")
    row = page.locator("#incidents-list li")
    expect(row).to_contain_text("ODH-01 available but silent since")
    words = "No success for 31 h 00 min; its own normal gap is at most 2 h 50 min."
    expect(row).to_contain_text(words)  # which takes a hard space for a space
    page.goto(page.url.replace("/app/", "/app/station/ODH-01"))
    expect(page.locator("#station-verdict")).to_contain_text("Available but silent since")
    connection.execute("UPDATE alert SET resolved_at = now()")
    expect(page.locator("#station-verdict")).to_contain_text("The evse works and is free.")


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


def add_incident(connection: Connection, station_id: str = "ODH-01") -> None:
    connection.execute(
        "WITH i AS (INSERT INTO incident (kind, severity, site_id, opened_at)"
        " SELECT 'faulted', 'high', site_id, now() FROM station WHERE station_id = %(station)s"
        " RETURNING incident_id)"
        " INSERT INTO alert (incident_id, kind, station_id, evse_id, raised_at)"
        " SELECT incident_id, 'faulted', %(station)s, 1, now() FROM i",
        {"station": station_id},
    )


def test_an_incident_is_taken_and_acknowledged_for_everyone_to_see(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    add_incident(connection)
    alice, bob = open_page("/app/"), open_page("/app/")
    row = alice.locator("#incidents-list li")
    row.hover()
    row.get_by_text("Assign to me").click()
    expect(bob.locator("#incidents-list .av")).to_have_text("A")
    expect(row.get_by_text("Assign to me")).to_have_count(0)
    # the keyboard reaches the rest
    row.locator(".inc").focus()
    alice.keyboard.press("Tab")
    alice.keyboard.press("Enter")
    expect(bob.locator("#incidents-list .i-check")).to_have_attribute("title", re.compile("Alice"))
    expect(row.locator(".deeds button")).to_have_count(0)
    [(owner, by)] = connection.execute("SELECT owner, acknowledged_by FROM incident").fetchall()
    assert (owner, by) == ("Alice", "Alice")
    done = connection.execute(
        "SELECT actor, action FROM audit_log WHERE subject LIKE 'incident %' ORDER BY audit_id"
    )
    assert [tuple(row) for row in done.fetchall()] == [
        ("alice@example.org", "assign_incident"),
        ("alice@example.org", "acknowledge_incident"),
    ]


def test_a_manager_sees_incidents_but_has_no_buttons_for_them(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    add_incident(connection)
    connection.execute("UPDATE app_user SET role = 'manager'")
    page = open_page("/app/")
    expect(page.locator("#incidents-list li")).to_have_count(1)
    expect(page.locator("#incidents-list button")).to_have_count(0)


def test_a_station_that_has_never_connected_is_no_harm_until_it_has(
    open_page: Any, connection: Connection
) -> None:
    site_id = add_site(connection, "Own", "Mora", (61.0, 14.5))
    key = add_evse(connection, site_id, "MY-01", "K7-0009", online=False)
    connection.execute("UPDATE station SET contact_changed_at = NULL, last_seen_at = NULL")
    page = open_page("/app/")
    expect(page.locator("#worst-note")).to_contain_text("Every station works")
    expect(page.locator("#dark-value")).to_have_text("0")
    expect(page.locator("#down-unknown")).to_have_text("0")
    page.goto(page.url.split("/app/")[0] + "/app/station/MY-01")
    expect(page.locator("#station-connect")).to_contain_text("/ocpp/MY-01")
    expect(page.locator("#command-start")).to_be_hidden()
    expect(page.locator("#live-word")).to_have_text("Live")
    connection.execute("UPDATE station SET is_online = true, contact_changed_at = now()")
    connection.execute("SELECT pg_notify('evse', %s)", [str(key)])
    expect(page.locator("#station-verdict")).to_contain_text("The evse works and is free.")
    expect(page.locator("#station-connect")).to_be_empty()
    expect(page.locator("#command-start")).to_be_visible()


def test_the_board_never_scrolls_on_a_desk_screen(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    site_id = add_site(connection, "Full", "Mora", (61.0, 14.5))
    for number in range(30):
        add_evse(connection, site_id, f"FUL-{number:02}", f"X-{number}", status="Faulted")
        add_site(connection, f"Other {number}")
    page = open_page("/app/")
    expect(page.locator("#stations-sub")).to_contain_text("30 of 32")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    frame = page.locator("#stations .scroll")
    assert frame.evaluate("frame => frame.scrollHeight <= frame.clientHeight + 1")
    assert page.locator("#worst-body tr:visible").count() >= 6


def test_messages_follow_by_themselves_unless_one_is_being_read(
    open_page: Any, connection: Connection, evse_key: int
) -> None:
    frame = '[2,"1","StatusNotification",{"connectorId":1,"status":"%s","errorCode":"NoError"}]'

    def send(status: str) -> None:
        connection.execute(
            "INSERT INTO message_log (station_id, received_at, direction, message_id, action,"
            " frame) VALUES ('ODH-01', now(), 'in', '1', 'StatusNotification', %s)",
            [frame % status],
        )
        set_status(connection, evse_key, status)

    page = open_page("/app/station/ODH-01")
    expect(page.locator("#live-word")).to_have_text("Live")
    send("Faulted")
    log = page.locator("#log-rows")
    expect(log).to_contain_text("Status: evse 1, fault")
    log.locator("summary").first.click()
    send("Available")
    expect(page.locator(f"#evse-{evse_key}-words")).to_have_text("Available")
    expect(log.locator("pre").first).to_contain_text("Faulted")
    log.locator("summary").first.click()
    expect(log).to_contain_text("Status: evse 1, available")
