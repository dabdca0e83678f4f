"""How long a page takes to stand on the screen of Chromium, and what it fetches for it."""

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.addresses import Address
from tests.bench.scale_fill import say

COLD, WARM = 3, 5
SETTLED = 2  # loads until the browser keeps compiled scripts, too
MOST_MS = 30_000

# until the frame has been shown that has heading, charts, tables and map, and nothing still waits
DRAWN = """(most) => new Promise((resolve, reject) => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const missing = () => {
    const main = document.querySelector("main");
    if (!main || !document.querySelector("h1")?.textContent) return "heading";
    const busy = all("main [aria-busy=true], main [data-dash-is-loading=true]");
    if (busy.some((one) => one.checkVisibility())) return "answers";
    if (all("main .dash-graph").some((one) => !one.querySelector(".main-svg"))) return "charts";
    if (all("main .ag-root-wrapper").some((one) => !one.querySelector(".ag-row"))) return "rows";
    if (all("main .stations-grid").some((one) => !one.querySelector(".ag-row"))) return "grid";
    const map = document.getElementById("map");
    if (map && !map.querySelector(".leaflet-marker-icon")) return "map";
    return main.innerText.trim().length < 20 ? "words" : "";
  };
  const look = () => {
    const what = missing();
    if (!what) requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    else if (performance.now() > most) reject(new Error("still without " + what));
    else requestAnimationFrame(look);
  };
  look();
})"""


class Load(NamedTuple):
    """Milliseconds from the request of a page until it is painted; bytes and requests of it."""

    address: Address
    cold_ms: float  # the worst
    cold_bytes: int
    warm_ms: float  # the median
    warm_worst_ms: float
    warm_bytes: int
    warm_requests: int


class Traffic:
    """What one page fetches, as Chromium counts it on the wire."""

    def __init__(self, page: Page) -> None:
        self.bytes = self.requests = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._finished)

    def _finished(self, event: dict[str, Any]) -> None:
        if event["encodedDataLength"] > 0:
            self.bytes += int(event["encodedDataLength"])
            self.requests += 1

    def reset(self) -> None:
        self.bytes = self.requests = 0


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def loads(base: str, cookie: str, asked: list[Address]) -> list[Load]:
    """Every address, cold and warm."""
    with chromium() as browser:
        _cold(browser, base, cookie, asked[0])  # the browser itself is slow the first time
        return [_measured(browser, base, cookie, address) for address in asked]


def _measured(browser: Browser, base: str, cookie: str, address: Address) -> Load:
    cold = [_cold(browser, base, cookie, address) for _ in range(COLD)]
    context, page = _opened(browser, base, cookie)
    traffic = Traffic(page)
    for _ in range(SETTLED):
        painted(page, f"{base}{address}")
    warm, fetched = [], []
    for _ in range(WARM):
        traffic.reset()
        warm.append(painted(page, f"{base}{address}"))
        fetched.append((traffic.bytes, traffic.requests))
    context.close()
    worst = max(ms for ms, _ in cold)
    say(f"{address}: cold {worst:.0f} ms, warm {statistics.median(warm):.0f} ms")
    return Load(
        address, worst, cold[-1][1], statistics.median(warm), max(warm), *fetched[-1]
    )  # fmt: skip


def _opened(browser: Browser, base: str, cookie: str) -> tuple[BrowserContext, Page]:
    """A context with a cache of its own, signed in."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "kilowatch", "value": cookie, "url": base}])
    return context, context.new_page()


def _cold(browser: Browser, base: str, cookie: str, address: Address) -> tuple[float, int]:
    context, page = _opened(browser, base, cookie)
    traffic = Traffic(page)
    ms = painted(page, f"{base}{address}")
    context.close()
    return ms, traffic.bytes


def painted(page: Page, url: str) -> float:
    """Milliseconds from asking for an address until all of it is painted."""
    page.goto(url, wait_until="commit")
    try:
        return float(page.evaluate(DRAWN, MOST_MS))
    except Exception as error:
        raise SystemExit(f"{url}: {error}") from error
