"""The two minutes that convince, with real stations: cut a site, refuse a start, start, stop."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sql.database import Connection
from tests.browser.web import ROOT, Web, free_port
from tests.programs import Program

SITE, STATION, STATIONS = "Ödeshög E4", "ODH-01", 4
SPEED = "20"  # a reading every second and a half
AT_MOST_MS = 20_000
ALL_ONLINE = """([name, n]) => {
  const { rows, stations } = window.kilowatch.store;
  const here = [...stations.values()].filter((station) => station.site.name === name);
  const ours = here.filter((s) => s.evses.every((e) => rows.get(e.evse_key)?.is_online));
  return here.length === n && ours.length === n;
}"""


@pytest.fixture
def panel(database: str, tmp_path: Any) -> Iterator[str]:
    """Four simulated stations of one site, ingest and jobs; the address of the stations' panel."""
    ocpp, panel = free_port(), free_port()
    environment = {
        "KILOWATCH_DATABASE_URL": database, "KILOWATCH_DATA_DIR": str(tmp_path),
        "KILOWATCH_OCPP_PORT": str(ocpp), "KILOWATCH_SECRET_KEY": "s" * 32,
    }  # fmt: skip
    app = [sys.executable, "-u", str(ROOT / "app.py")]
    ingest = Program([*app, "ingest"], environment)
    ingest.wait_for("stations connect to")
    simulate = ["simulate", "--stations", str(STATIONS), "--speed", SPEED,
                "--panel-port", str(panel)]  # fmt: skip
    jobs = Program([*app, "jobs"], environment)  # the watchdog among them
    stations = Program([*app, *simulate], environment)
    try:
        yield f"http://127.0.0.1:{panel}/"
    finally:
        for program in (stations, jobs, ingest):
            program.end()


def press(page: Page, panel: str, action: str, site: str = "") -> None:
    """A button of the panel; with a site one of those that break something."""
    page.goto(panel)
    if site:
        page.select_option("#site", label=site)
    page.locator(f"button[value={action}]").first.click()


def free_evse(connection: Connection) -> int:
    row = connection.execute(
        "SELECT evse_id FROM evse_state WHERE station_id = %s AND state = 'available'"
        " ORDER BY max_power_w DESC LIMIT 1",
        [STATION],
    ).fetchone()
    assert row
    return int(row[0])


@pytest.mark.timeout(300)
def test_the_two_minutes_that_convince(
    open_page: Any, web: Web, connection: Connection, panel: str
) -> None:
    page: Page = open_page("/app/")
    switches, phone = page.context.new_page(), page.context.new_page()
    page.wait_for_function(ALL_ONLINE, arg=[SITE, STATIONS], timeout=60_000)
    phone.goto(f"{web.address}/?q=Ödeshög")
    a_cut_site_is_one_incident(page, phone, switches, panel)
    page.goto(f"{web.address}/app/station/{STATION}")
    press(switches, panel, "refuse", SITE)
    page.locator(f"#command-evse label >> nth={free_evse(connection) - 1}").click()
    a_refusal_names_its_reason(page)
    press(switches, panel, "allow")
    a_start_is_proven_by_a_session_and_stops(page)


def a_cut_site_is_one_incident(page: Page, phone: Page, switches: Page, panel: str) -> None:
    press(switches, panel, "cut", SITE)
    incident = page.locator("#incidents-list li", has_text=SITE)
    expect(incident).to_have_count(1, timeout=AT_MOST_MS)
    expect(incident).to_contain_text("all 10 evses lost contact")
    expect(page.locator("#dark-detail")).to_have_text(SITE)
    expect(page.locator("#worst-body tr")).to_contain_text("Site dark, 4 stations")
    expect(page.locator('.donut[aria-label$="0 faulted, 10 no contact"]')).to_have_count(1)
    expect(phone.locator(f'a[aria-label="{SITE}: 0 free"]')).to_have_class("unknown")
    press(switches, panel, "restore")
    expect(incident).to_have_count(0, timeout=AT_MOST_MS)
    expect(page.locator("#down-unknown")).to_have_text("0")


def a_refusal_names_its_reason(page: Page) -> None:
    page.click("#command-start")
    newest = page.locator("#command-trail .trail").first
    expect(newest).to_contain_text("Refused: the station refused", timeout=AT_MOST_MS)
    expect(page.locator("#log-rows")).to_contain_text("Refused, Rejected: start on evse")


def a_start_is_proven_by_a_session_and_stops(page: Page) -> None:
    page.click("#command-start")
    newest = page.locator("#command-trail .trail").first
    expect(newest).to_contain_text("Awaiting proof", timeout=AT_MOST_MS)
    expect(newest).to_contain_text("Proven: delivered", timeout=40_000)
    page.click("#command-stop")
    expect(newest).to_contain_text("Stop, evse", timeout=AT_MOST_MS)
    expect(newest).to_contain_text("Proven: session ended", timeout=AT_MOST_MS)
