"""`make screenshots`: the pictures of the README, taken from a demo of their own.

With a folder as its argument it writes every page in both themes and languages there instead.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
STAFF = {"board": "/app/", "stations": "/app/stations", "station": "/app/station/ODH-01",
         "energy": "/app/energy", "ledger": "/app/ledger",
         "reliability": "/app/reliability", "utilisation": "/app/utilisation"}  # fmt: skip
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
SETTLE_MS = 4000


@contextmanager
def demo(days: int) -> Iterator[tuple[str, str]]:
    """A demo of its own: its address and the administrator's password."""
    ports = _free_ports(4)
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ, "KILOWATCH_DATA_DIR": folder, "KILOWATCH_OCPP_PORT": str(ports[0]),
            "KILOWATCH_WEB_PORT": str(ports[1]),
        }  # fmt: skip
        command = [sys.executable, "app.py", "demo", "--days", str(days),
                   "--panel-port", str(ports[2]), "--stripe-port", str(ports[3])]  # fmt: skip
        with subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield f"http://127.0.0.1:{ports[1]}", _password(process)
            finally:
                process.terminate()
                process.wait()


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _password(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    password = ""
    for line in process.stdout:
        if found := re.search(r"ada@\S+\s+(\S+)", line):
            password = found[1]
        if "Ctrl-C" in line:
            return password
    raise SystemExit("the demo has ended")


def staff(browser: Browser, base: str, password: str) -> Page:
    page = browser.new_page(viewport=DESK)  # type: ignore[arg-type]
    page.goto(f"{base}/login")
    page.fill("input[name=email]", "ada@demo.kilowatch")
    page.fill("input[type=password]", password)
    page.press("input[type=password]", "Enter")
    page.wait_for_url("**/app/**")
    page.wait_for_timeout(60_000)  # let cars come, so that curves have something to show
    return page


def shoot(page: Page, address: str, path: Path, *, full: bool = False) -> None:
    page.goto(address)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=path, full_page=full)


def choose(page: Page, base: str, language: str, theme: str) -> None:
    page.goto(f"{base}/choose?language={language}&theme={theme}&next=/app/")


def for_readme(browser: Browser, base: str, password: str) -> None:
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    page = staff(browser, base, password)
    for name in ("board", "station", "energy", "ledger", "reliability", "utilisation"):
        shoot(page, base + STAFF[name], images / f"{name}.png")
    choose(page, base, "sv", "light")
    shoot(page, base + "/app/", images / "board-light.png")
    phone = browser.new_page(viewport=PHONE, locale="sv-SE")  # type: ignore[arg-type]
    shoot(phone, base + "/", images / "public.png")
    pay(phone, base)
    phone.screenshot(path=images / "charging.png")
    phone.get_by_role("button", name="Stoppa laddningen").click()
    phone.get_by_role("button", name="Ja, stoppa nu").click()
    phone.get_by_role("link", name="Visa och spara kvittot").click(timeout=60_000)
    phone.wait_for_timeout(SETTLE_MS)
    phone.screenshot(path=images / "receipt.png")


def pay(phone: Page, base: str) -> None:
    """Reserve money at the double for a fast charger and charge until there is a curve to see."""
    phone.goto(f"{base}/?kw=150&free=1")
    phone.locator("a[href^='/site/']").first.click()
    phone.locator("a[href^='/e/']:has-text('Ledig')").first.click()
    phone.get_by_role("button", name="Betala och starta").click()
    phone.locator("button.pay").click(timeout=30_000)
    phone.locator("article.busy").wait_for(timeout=120_000)
    phone.wait_for_timeout(150_000)


def everything(browser: Browser, base: str, password: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page = staff(browser, base, password)
    for language in ("en", "sv"):
        for theme in ("dark", "light"):
            choose(page, base, language, theme)
            for name, path in STAFF.items():
                shoot(page, base + path, folder / f"{name}-{language}-{theme}.png",
                      full=name in ("station", "reliability", "utilisation"))  # fmt: skip
            scheme = browser.new_page(
                viewport=PHONE,
                locale=f"{language}-SE",
                color_scheme=theme,  # type: ignore[arg-type]
            )
            shoot(scheme, base + "/", folder / f"public-{language}-{theme}.png")


def main() -> None:
    with demo(days=40) as (base, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        if len(sys.argv) > 1:
            everything(browser, base, password, Path(sys.argv[1]))
        else:
            for_readme(browser, base, password)


if __name__ == "__main__":
    main()
