"""The administration by mouse and keyboard: forms that lose nothing, imports as they go."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from ingest.imports import take_imports
from sql.database import Connection
from tests.browser.test_accessibility import AXE, problems
from tests.browser.web import Web
from tests.web import ALICE, add_evse, add_site

PAGES = ("", "/sites", "/sites?site=1", "/stations", "/station/S1", "/imports", "/tokens", "/users",
         "/api-tokens", "/settings", "/audit")  # fmt: skip


@pytest.fixture(autouse=True)
def network(connection: Connection, web: Web) -> None:
    """Alice administers; one of everything."""
    connection.execute("UPDATE app_user SET role = 'admin' WHERE email = %s", [ALICE])
    site_id = add_site(connection, "Mora", "Mora", (61.0, 14.5))
    add_evse(connection, site_id, "S1", "K7-0001")
    connection.execute("INSERT INTO id_token (id_token, status) VALUES ('04AB', 'Blocked')")
    connection.execute(
        "INSERT INTO job_run (job, started_at, finished_at, every_seconds) VALUES"
        " ('watchdog', now(), now(), 2)"
    )


def test_forms_by_keyboard_imports_as_they_go_and_nothing_serious_for_axe(
    open_page: Any, web: Web, connection: Connection, tmp_path: Path
) -> None:
    page = open_page("/app/admin/tokens")
    form = page.locator(".admin-form")
    form.get_by_label("Token").fill("04AC")
    form.get_by_label("Good until").fill("soon")
    page.keyboard.press("Enter")
    wrong = form.get_by_label("Good until")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_focused()
    expect(form).to_contain_text("Must be a day such as 2027-01-31.")
    expect(form.get_by_label("Token")).to_have_value("04AC")  # nothing is lost
    wrong.fill("2027-01-31")
    page.keyboard.press("Enter")
    expect(form).to_contain_text("04AC is saved.")
    expect(page.locator("#tokens-listed")).to_contain_text("04AC")
    expect(form.get_by_label("Token")).to_have_value("")

    (tmp_path / "stations.csv").write_text("station_id,evse_id\nKW-1,1\nKW-2,x\n")
    page.goto(f"{web.address}/app/admin/imports")
    page.locator("#import-form").get_by_role("button", name="Import").click()
    expect(page.locator("#import-form")).to_contain_text("Must be something written here.")
    page.locator("#import-file").set_input_files(tmp_path / "stations.csv")
    page.locator("#import-form").get_by_role("button", name="Import").click()
    shown = page.locator("#import-shown")
    expect(shown).to_contain_text("It is read as soon as")
    expect(page.locator("#live-word")).to_have_text("Live")
    take_imports(connection)
    expect(shown).to_contain_text("expected a whole number from 1 to 100, found x")  # untouched
    assert "import=1" in page.url

    page.goto(f"{web.address}/app/admin/sites?site=1")
    page.locator("#site-map .leaflet-interactive").first.wait_for()
    page.locator("#site-map").click(position={"x": 60, "y": 60})
    expect(page.get_by_label("Latitude")).not_to_have_value("61")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#site-said")).to_contain_text("The site is saved.")

    found: list[str] = []
    for part in PAGES if AXE.exists() else ():
        page.goto(f"{web.address}/app/admin{part}")
        expect(page.locator("h1")).to_have_count(1)
        found += problems(page, part)
    assert found == []
