"""A browser that is left open for a shift: what the traffic of eight hours, and hundreds of changes
from page to page, leave behind in it; with 400 evses."""

import time
from typing import NamedTuple

from playwright.sync_api import Browser, Page

from sql.database import connect
from tests.addresses import Address, addresses
from tests.bench.first_load import DRAWN, MOST_MS, chromium
from tests.bench.network import fill
from tests.bench.pages import add_admin, sign_in
from tests.bench.report import Table
from tests.bench.rig import Database
from tests.bench.scale_fill import say
from tests.browser.web import Web, free_port
from tests.left_open import INIT, Held, LeftOpen
from tests.traffic import Place, Traffic, places

HOURS, EVSES, WARM_SECONDS = 8, 400, 1800
# pages that are live, and what they ask the server while they are
LIVE = {"board": (), "station": ("live-tick", "log-tick"), "incidents": (), "wall": ()}
LAPS, WARM_LAPS = 30, 3
GROWN_BYTES, GROWN_NODES, GROWN_LISTENERS = 3_000_000, 300, 60


class Left(NamedTuple):
    """One page: what it held at first and at last, and what it was told meanwhile."""

    title: str
    first: Held
    last: Held
    seconds: float

    @property
    def has_grown(self) -> bool:
        return (
            self.last.heap_bytes - self.first.heap_bytes > GROWN_BYTES
            or self.last.nodes - self.first.nodes > GROWN_NODES
            or self.last.listeners - self.first.listeners > GROWN_LISTENERS
        )


def tables(base: Database, count: int = HOURS) -> list[Table]:
    """`count`: hours."""
    with connect(base.dsn) as connection:
        fill(connection, EVSES, history_days=2)
        add_admin(connection)
        found, asked = places(connection), addresses(connection)
    with Web(base.dsn, free_port()) as web, chromium() as browser:
        cookie = sign_in(web.port)
        live = [address for address in asked if address.key in LIVE]
        left = [
            left_open(opened(browser, web.address, cookie), web.address, one, found, count)
            for one in live
        ]
        left.append(walked(opened(browser, web.address, cookie), web.address, asked, found))
    return [table(left, count)]


def opened(browser: Browser, base: str, cookie: str) -> Page:
    """A page of a signed-in browser in which time can be hurried."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "kilowatch", "value": cookie, "url": base}])
    context.add_init_script(INIT)
    return context.new_page()


def left_open(page: Page, base: str, address: Address, found: list[Place], hours: int) -> Left:
    """Hours of traffic on one page."""
    ticks = LIVE[address.key]
    page.goto(f"{base}{address}")
    page.evaluate(DRAWN, MOST_MS)
    open_page = LeftOpen(page, Traffic(found, round(time.time())))
    open_page.live(WARM_SECONDS, ticks)
    first, begun = open_page.held(ticks), time.monotonic()
    open_page.live(hours * 3600, ticks)
    last = open_page.held(ticks)
    page.context.close()
    say(f"{address}: {first} then {last}")
    return Left(str(address), first, last, time.monotonic() - begun)


def walked(page: Page, base: str, asked: list[Address], found: list[Place]) -> Left:
    """From page to page by links, again and again, without loading any of them anew."""
    page.goto(f"{base}{asked[0]}")
    page.evaluate(DRAWN, MOST_MS)
    open_page = LeftOpen(page, Traffic(found, round(time.time())))
    for _ in range(WARM_LAPS):
        lap(page, asked)
    first, begun = open_page.held(), time.monotonic()
    for _ in range(LAPS):
        lap(page, asked)
    last = open_page.held()
    page.context.close()
    title = f"{LAPS} times through all {len(asked)} pages"
    say(f"{title}: {first} then {last}")
    return Left(title, first, last, time.monotonic() - begun)


def lap(page: Page, asked: list[Address]) -> None:
    """Through every page and back to the first."""
    for address in [*asked[1:], asked[0]]:
        page.evaluate("address => window.kilowatch.go(address)", str(address))
        page.evaluate("() => window.leftOpen.quiet()")


def table(left: list[Left], hours: int) -> Table:
    """First and last, side by side."""
    rows = [
        [one.title, _pair(one.first.heap_bytes / 1e6, one.last.heap_bytes / 1e6, 1),
         _pair(one.first.nodes, one.last.nodes), _pair(one.first.listeners, one.last.listeners),
         "yes" if one.has_grown else "no", f"{one.seconds:.0f}"]
        for one in left
    ]  # fmt: skip
    columns = ["page", "JavaScript MB", "nodes", "listeners", "has grown", "measured in s"]
    return Table(f"Left open for {hours} hours of {EVSES} evses", columns, rows)


def _pair(first: float, last: float, digits: int = 0) -> str:
    return f"{first:,.{digits}f} \u2192 {last:,.{digits}f}"
