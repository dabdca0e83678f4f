"""From a chart to its sessions to their readings, by mouse and by address."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from sql.database import Connection
from tests.finance_rows import Paid, paid_session
from tests.web import add_evse, add_site

AT = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture
def paid(connection: Connection) -> Paid:
    """Three days ago: one session with its readings, paid by card; and one nobody paid for."""
    evse_key = add_evse(connection, add_site(connection, "Malmö Hyllie"), "MHY-05", "K7-4M2Q")
    paid = paid_session(connection, evse_key, 104897, AT)
    for minute, delta in ((0, 0), (20, 14_000), (41, 14_640)):
        connection.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " session_id, reading_hash, energy_wh, energy_delta_wh, power_w, source)"
            " VALUES (%s, 'MHY-05', 1, %s, %s, %s, %s, %s, %s, 42000, 'meter')",
            [evse_key, AT - timedelta(minutes=41 - minute), AT, paid.session_id, minute,
             213_420 + delta, delta],
        )  # fmt: skip
    connection.execute(
        "INSERT INTO session (operator_id, station_id, evse_id, evse_key, transaction_id, id_token,"
        " started_at, ended_at, energy_wh) VALUES (1, 'MHY-05', 1, %s, 'other', 'T', %s, %s, 700)",
        [evse_key, AT - timedelta(hours=3), AT - timedelta(hours=2)],
    )
    connection.execute("SELECT fold_visits(100)")
    return paid


def test_from_a_day_s_bar_to_the_readings_in_two_clicks(open_page: Any, paid: Paid) -> None:
    page = open_page("/app/drivers?range=7d")
    bar = page.locator("#users-chart .point path:visible").first
    expect(bar).to_be_visible(timeout=30_000)
    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile(rf"/app/sessions\?from={AT:%Y-%m-%d}"))
    expect(page.locator("#sessions-count")).to_have_text("2 sessions")
    page.locator("#sessions a.row").first.click()
    page.wait_for_url(f"**/app/session/{paid.session_id}")
    expect(page.locator("#readings-proof")).to_contain_text("28.640 kWh: exactly the energy")
    expect(page.locator("#session-readings-body tr")).to_have_count(3)
    # a filter typed goes into the address, and the list follows it
    page.go_back()
    page.locator("#sift-least").fill("10")
    page.locator("#sift-least").press("Enter")
    page.wait_for_url(re.compile("least=10"))
    expect(page.locator("#sessions a.row")).to_have_count(1)
    page.locator("#sift-channel").select_option("none")
    page.wait_for_url(re.compile("channel=none"))
    expect(page.locator("#sessions")).to_contain_text("No session fits")
    expect(page.locator("#sift-channel")).to_have_value("none")
