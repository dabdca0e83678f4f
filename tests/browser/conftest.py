"""A real browser on a real server: Chromium by Playwright, gunicorn in a process of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sql.database import Connection
from tests.browser.web import Web, free_port
from tests.web import ALICE, PASSWORD, add_user

expect.set_options(timeout=20_000)  # a machine may be busy; what is right is there much sooner
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Chromium these are left out and said to be; in CI that is a failure."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip("browser tests: install Chromium"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with its module: while it lives its event loop runs, and asyncio's tests can't."""
    assert CHROMIUM, "browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def web(database: str, connection: Connection) -> Iterator[Web]:
    """The web server on a database of its own, with alice in it."""
    add_user(connection)
    with Web(database, free_port()) as web:
        yield web


@pytest.fixture
def open_page(browser: Browser, web: Web) -> Iterator[Any]:
    """Gives a function that signs alice in and opens an address; any script error fails."""
    contexts, errors = [], []

    def visit(path: str, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{web.address}/login?next={path}")
        page.fill("input[name=email]", ALICE)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_selector("main.page")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []
