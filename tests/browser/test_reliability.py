"""Reliability in a real browser: two clicks to the messages, exclusions by mouse and keyboard."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from sql.database import Connection
from tests.timed import Past


@pytest.fixture
def past(connection: Connection) -> Past:
    """Two evses of one station were without contact for six hours five days ago."""
    past = Past(connection)
    for station_id in ("ODH-01", "ODH-02", "MOR-01"):
        past.contact(station_id, past.start)
    for station_id, evse_id in past.keys:
        past.status(station_id, evse_id, past.start, "Available")
    lost = past.now - timedelta(days=5)
    past.contact("ODH-01", lost, "station")
    past.contact("ODH-01", lost + timedelta(hours=6))
    past.run("INSERT INTO message_log (station_id, received_at, direction, message_id, action,"
             " frame, answer) VALUES ('ODH-01', %s, 'in', '1', 'Heartbeat',"
             " '[2,\"1\",\"Heartbeat\",{}]', '[3,\"1\",{}]')",
             lost - timedelta(seconds=9))  # fmt: skip
    past.book()
    return past


def test_from_the_uptime_to_the_messages_in_two_clicks(open_page: Any, past: Past) -> None:
    page = open_page("/app/reliability?range=30d")
    page.locator("#past-uptime").click()
    page.locator("#past-outages tbody tr").first.click()
    drawer = page.locator("#past-drawer")
    expect(drawer).to_contain_text("2 evses had no contact for 6")
    expect(drawer.locator(".proofs .deciding")).to_have_count(2)
    drawer.locator(".frames summary").first.click()
    expect(drawer.locator(".frames pre").first).to_contain_text('"Heartbeat"')
    expect(page.locator("#past-outages tr.sel")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def test_an_outage_is_excluded_with_the_keyboard_and_the_figure_follows(
    open_page: Any, connection: Connection, past: Past
) -> None:
    page = open_page("/app/reliability?range=30d&show=outages")
    page.locator("#past-outages a.row").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#past-drawer")).to_contain_text("Uptime if it were excluded")
    page.locator("#exclude summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#exclude-from")).to_be_visible()
    page.locator("#exclude-reason input").first.focus()
    page.keyboard.press("ArrowDown")  # from planned maintenance over the grid to vandalism
    page.keyboard.press("ArrowDown")
    page.locator("#exclude-note").fill("police report 4711")
    page.locator("#exclude-send").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#exclude-notice")).to_contain_text("It is excluded.")
    rows = connection.execute(
        "SELECT station_id, from_at, until_at, reason FROM outage_exclusion"
    ).fetchall()
    lost = past.now - timedelta(days=5)
    assert rows == [("ODH-01", lost, lost + timedelta(hours=6), "vandalism")]
    past.book()
    # the page asks again by itself
    expect(page.locator("#past-drawer")).to_contain_text("Excluded: Vandalism", timeout=15_000)
    expect(page.locator("#past-uptime-value")).to_contain_text("100")


def test_a_maintenance_window_is_planned_for_a_site(
    open_page: Any, connection: Connection, past: Past
) -> None:
    page = open_page(f"/app/reliability?site={past.sites[0]}")
    page.locator("#exclude summary").click()
    page.locator("#exclude-reason").get_by_text("Planned maintenance").click()
    page.locator("#exclude-note").fill("ticket 12, new cables")
    page.locator("#exclude-from").fill("2030-01-07T08:00:00")
    page.locator("#exclude-until").fill("2030-01-07T12:00:00")
    page.locator("#exclude-send").click()
    expect(page.locator("#exclude-notice")).to_contain_text("It is excluded.")
    rows = connection.execute(
        "SELECT site_id, from_at AT TIME ZONE 'Europe/Stockholm' FROM outage_exclusion"
    ).fetchall()
    assert [(site_id, str(at)) for site_id, at in rows] == [(past.sites[0], "2030-01-07 08:00:00")]
    page.reload()
    expect(page.locator(".exclusions")).to_contain_text("ticket 12")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#exclusions-list")).to_contain_text("It counts again.")


def test_the_month_and_the_site_stand_in_the_address(open_page: Any, past: Past) -> None:
    page = open_page("/app/reliability")
    page.locator("#view-site").select_option(label="Mora")
    page.wait_for_url(f"**site={past.sites[1]}*")
    expect(page.locator("#past-groups")).to_contain_text("MOR-01")
    expect(page.locator("#view-site")).to_have_value(str(past.sites[1]))
    month = page.locator("#past-month option").nth(2).get_attribute("value")
    page.locator("#past-month").select_option(month)
    page.wait_for_url(f"**month={month}*")
    expect(page.locator("#view-site")).to_have_value(str(past.sites[1]))
