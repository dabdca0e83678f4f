"""Analysis pages in a real browser: days and comparison by hand, files, pictures, paper."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboard.periods import midnight
from sql.database import Connection
from sql.settings import Settings
from tests.test_dashboard_pages import add_reading
from tests.timed import Past

ZONE = Settings().zone


@pytest.fixture
def past(connection: Connection) -> Past:
    """Three stations of two sites in service for weeks; one charged at noon four days ago."""
    past = Past(connection)
    for station_id in ("ODH-01", "ODH-02", "MOR-01"):
        past.contact(station_id, past.start)
    for station_id, evse_id in past.keys:
        past.status(station_id, evse_id, past.start, "Available")
    past.book()
    key = past.keys["ODH-01", 1]
    noon = midnight(datetime.now(ZONE).date() - timedelta(days=4), ZONE) + timedelta(hours=12)
    for n in range(4):
        add_reading(connection, key, noon + timedelta(minutes=15 * n), 3_000)
    return past


def colour(page: Page, place: str, name: str = "fill") -> str:
    found: str = page.locator(place).first.evaluate(f"e => getComputedStyle(e).{name}")
    return found


def test_days_comparison_files_pictures_and_paper(open_page: Any, past: Past) -> None:
    page: Page = open_page("/app/energy?range=7d")
    expect(page.locator("#energy-total-value")).to_contain_text("12")
    # any days, upside down
    first, last = (datetime.now(ZONE).date() - timedelta(days=n) for n in (5, 2))
    page.locator("#view-days").click()
    page.locator("#view-from input, input#view-from").fill(last.isoformat())
    page.locator("#view-until input, input#view-until").fill(first.isoformat())
    page.locator("#view-dates button").click()
    page.wait_for_url(f"**from={last}*")
    expect(page.locator(".remark")).to_contain_text("swapped")
    expect(page.locator("#energy-total-value")).to_contain_text("12")
    # against another site, side by side
    page.locator("#view-site").select_option(str(past.sites[0]))
    page.wait_for_url(f"**site={past.sites[0]}*")
    page.locator("#view-compare").select_option(f"site:{past.sites[1]}")
    expect(page.locator("#side-by-side")).to_contain_text("Coincidence")
    # a file with what is shown
    with page.expect_download() as told:
        page.locator(".ctl.csv").click()
    assert told.value.suggested_filename.startswith(f"kilowatch-energy-{past.sites[0]}-{first}")
    text = told.value.path().read_text("utf-8-sig")
    assert [line.split(",")[1] for line in text.splitlines()[1:]] == [
        "",
        "12.000",
        "0.000",
        "0.000",
    ]
    # a picture of a chart
    with page.expect_download() as told:
        page.locator("[data-png=load-chart]").click()
    assert told.value.path().read_bytes().startswith(b"\x89PNG")
    # a bar leads to the sessions of its day
    page.locator("#energy-chart .bars .point path").nth(1).hover(force=True)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/app/sessions?from={first + timedelta(days=1)}*")
    page.go_back()
    expect(page.locator("#energy-chart .bars .point").nth(1)).to_be_visible()
    # paper is light and has no navigation, the screen is as before afterwards
    dark = colour(page, "#energy-chart .xtick text")
    page.emulate_media(media="print")
    expect(page.locator(".nav")).to_be_hidden()
    expect(page.locator(".analysis-bar")).to_be_hidden()
    expect(page.locator(".print-only")).to_contain_text("against Mora")
    assert colour(page, "body", "backgroundColor") == "rgb(255, 255, 255)"
    tick = page.locator("#energy-chart .xtick text").first
    expect(tick).not_to_have_css("fill", dark)
    width = page.locator("#energy-chart").bounding_box()["width"]  # type: ignore[index]
    assert page.locator("#energy-chart svg").first.bounding_box()["width"] <= width + 1  # type: ignore[index]
    assert len(page.pdf(format="A4")) > 10_000
    page.emulate_media(media="screen")
    expect(tick).to_have_css("fill", dark)


def test_the_week_is_walked_by_arrows_and_fits_a_phone(open_page: Any, past: Past) -> None:
    page: Page = open_page("/app/utilisation?range=7d")
    page.set_viewport_size({"width": 390, "height": 844})
    cells = page.locator("#week-cells")
    expect(cells).to_be_visible()
    assert cells.evaluate("e => e.getBoundingClientRect().right <= innerWidth")
    cells.locator("a[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**cell=*")
    page.locator("#week-hour tbody a").first.click()
    page.wait_for_url("**/app/sessions?from=*")
