"""Implausible sessions in a real browser: seen, corrected, voided; by keyboard, in both themes."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ingest.decisions import apply_decisions
from sql.database import Connection
from sql.quarantine import judge
from tests.browser.test_accessibility import AXE, problems
from tests.browser.web import Web
from tests.doubted import BEGAN, add_doubted, add_session
from tests.finance_rows import CAROL, PASSWORD, add_carol
from tests.web import add_evse, add_site

PICTURES = os.environ.get("QUARANTINE_PICTURES")  # a folder: look at the page


@pytest.fixture
def odd(connection: Connection) -> int:
    """A guest's session whose meter jumped, one that stood still, one of 912 kWh."""
    add_carol(connection)
    site = add_site(connection, "Malmö Hyllie")
    key = add_evse(connection, site, "MHY-05", "K7-4M2Q", power_w=22_000)
    fast = add_evse(connection, site, "MHY-06", "K7-4M2R")
    first = add_doubted(connection, key)
    still = tuple((minute, 7_011_000, 10_900, None) for minute in range(0, 60, 6))
    others = [
        add_session(connection, key, energy_wh=0, readings=still, flags=(), minutes=60,
                    began=BEGAN - timedelta(hours=2)),
        add_session(connection, fast, energy_wh=912_000, flags=("start_missing",), minutes=95,
                    readings=((0, 1_000, 40_000, None), (95, 913_000, 60_000, None))),
    ]  # fmt: skip
    judge(connection, others, datetime.now(UTC))
    return first


@pytest.fixture
def carol(browser: Browser, web: Web, odd: int) -> Iterator[Any]:
    """Opens an address signed in as carol; any script error fails."""
    contexts, errors = [], []

    def visit(path: str, language: str = "en", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(f"{web.address}/choose?language={language}&next=/login")
        page.goto(f"{web.address}/login?next={path}")
        page.fill("input[name=email]", CAROL)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_selector("main.page")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


def test_a_correction_is_previewed_decided_and_seen_with_old_and_new(
    carol: Any, connection: Connection, odd: int
) -> None:
    page = carol("/app/review")
    item = page.locator("#review li:has-text('8F3K-27W')").first
    expect(item).to_contain_text("The meter jumped from")
    expect(item).to_contain_text("the evse delivers 22 kW at most")
    item.locator(".decide > summary").click()
    page.get_by_role("button", name="Correct", exact=True).first.click()
    expect(page.locator("#review-notice")).to_contain_text("Write why")
    item.get_by_label("True energy, kWh").fill("9.5")
    expect(item).to_contain_text("Corrected: 14.030 kWh, about SEK 70.01 → 9.500 kWh, about")
    item.get_by_label("Reason").fill("the driver's car says so")
    item.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator("#review")).not_to_contain_text("8F3K-27W")
    apply_decisions(connection)
    assert connection.execute(
        "SELECT energy_wh FROM session WHERE session_id = %s", [odd]
    ).fetchone() == (9_500,)  # fmt: skip
    page.get_by_role("link", name="Decided", exact=True).click()
    row = page.locator("tr:has-text('8F3K-27W')").first
    for words in ("Corrected", "14.030 kWh → 9.500 kWh", CAROL, "the driver's car says so"):
        expect(row).to_contain_text(words)
    row.get_by_role("link").click()
    expect(page.locator("#review")).to_contain_text("Decide anew")
    expect(page.locator(".doubt-history")).to_contain_text("14.030 kWh → 9.500 kWh")


def test_a_session_without_a_payment_is_voided_with_the_keyboard_alone(
    carol: Any, connection: Connection
) -> None:
    page = carol("/app/review")
    item = page.locator("#review li:has-text('Power readings add up')").first
    item.locator(".decide > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("the cable was faulty")
    page.keyboard.press("Tab")  # Void comes first, what is done most comes last
    page.keyboard.press("Enter")
    expect(page.locator("#review")).not_to_contain_text("Power readings add up")
    found = connection.execute("SELECT decision, reason FROM session_decision").fetchall()
    assert found == [("void", "the cable was faulty")]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious(carol: Any, web: Web, theme: str, odd: int) -> None:
    if not AXE.exists() and not os.environ.get("CI"):
        pytest.skip("accessibility: axe-core is missing, run `npm ci`")
    page = carol("/app/review", reduced_motion="reduce", language="sv")
    page.goto(f"{web.address}/choose?theme={theme}&language=sv&next=/app/")
    found: list[str] = []
    for path in ("/app/review", f"/app/review?session={odd}", "/app/review?show=decided"):
        page.goto(web.address + path)
        expect(page.locator("h1")).to_have_count(1)
        if page.locator(".decide > summary").count():
            page.locator(".decide > summary").first.click()
        found += problems(page, path)
        if PICTURES:
            name = f"{theme}-{len(path)}.png"
            page.screenshot(path=Path(PICTURES) / name, full_page=True)
    assert found == []
