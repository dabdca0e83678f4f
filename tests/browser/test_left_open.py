"""A browser that is left open does not grow: an hour of traffic and changes of page in it (eight
hours and more pages: `python -m tests.bench shift`)."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from sql.database import Connection
from tests.bench.network import fill
from tests.browser.walking import settled
from tests.browser.web import Web
from tests.left_open import INIT, Held, LeftOpen
from tests.traffic import Traffic, places
from tests.web import ALICE, PASSWORD

EVSES, WARM_SECONDS, SECONDS, LAPS = 60, 600, 3600, 4
# collections leave a little behind here and there; what leaks for each frame or page is far more
GROWN_BYTES, GROWN_NODES, GROWN_LISTENERS = 1_000_000, 60, 20
# compiled scripts and caches come with the first visits; a page that stays behind is megabytes
GROWN_BYTES_OF_PAGES = 4_000_000


@pytest.fixture
def hurried(browser: Browser, web: Web, connection: Connection) -> Iterator[Callable[[str], Page]]:
    """Opens a page as alice in a browser whose time can be hurried."""
    fill(connection, EVSES)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(INIT)

    def visit(path: str) -> Page:
        page = context.new_page()
        page.goto(f"{web.address}/login?next={path}")
        page.fill("input[name=email]", ALICE)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        settled(page)
        return page

    yield visit
    context.close()


def assert_kept(first: Held, last: Held, most_bytes: int = GROWN_BYTES) -> None:
    grown = [b - a for a, b in zip(first, last, strict=True)]
    assert grown[0] < most_bytes, (first, last)
    assert grown[1] < GROWN_NODES, (first, last)
    assert grown[2] < GROWN_LISTENERS, (first, last)


def test_an_hour_of_traffic_leaves_nothing_behind_on_the_board(
    hurried: Callable[[str], Page], connection: Connection
) -> None:
    board = LeftOpen(hurried("/app/"), Traffic(places(connection), round(time.time())))
    board.live(WARM_SECONDS)
    first = board.held()
    board.live(SECONDS)
    assert_kept(first, board.held())


def test_going_from_page_to_page_leaves_nothing_behind(
    hurried: Callable[[str], Page], connection: Connection
) -> None:
    station = connection.execute("SELECT min(station_id) FROM station").fetchone()
    assert station
    paths = [f"/app/station/{station[0]}", "/app/stations", "/app/energy", "/app/"]
    page = hurried("/app/")
    board = LeftOpen(page, Traffic(places(connection), round(time.time())))

    def lap() -> None:
        for path in paths:
            page.evaluate("path => window.kilowatch.go(path)", path)
            page.evaluate("() => window.leftOpen.quiet()")
            settled(page)

    lap()
    lap()
    first = board.held()
    for _ in range(LAPS):
        lap()
    assert_kept(first, board.held(), GROWN_BYTES_OF_PAGES)
