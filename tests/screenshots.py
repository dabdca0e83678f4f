"""`make screenshots`: the pictures of the README and of docs/screens.md, from a demo of their own.

With a folder as its argument it writes every screen in both themes and languages, as wide as a desk
and as a phone, there instead.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SCREENS = {
    "board": "/app/",
    "station": "/app/station/ODH-01",
    "stations": "/app/stations",
    "incidents": "/app/incidents",
    "incident": "/app/incidents >> a[href^='/app/incident/']",
    "rules": "/app/incidents/rules",
    "wall": "/app/wall",
    "handover": "/app/handover",
    "rollout": "/app/rollout",
    "maintenance": "/app/maintenance",
    "search": "/app/search?q=OD",
    "utilisation": "/app/utilisation",
    "energy": "/app/energy",
    "reliability": "/app/reliability",
    "sessions": "/app/sessions",
    "session": "/app/sessions?state=ended >> a[href^='/app/session/']",
    "drivers": "/app/drivers",
    "revenue": "/app/revenue",
    "ledger": "/app/ledger",
    "review": "/app/review",
    "receipts": "/app/receipts",
    "tariffs": "/app/tariffs",
    "admin": "/app/admin",
    "admin-stations": "/app/admin/stations",
    "admin-users": "/app/admin/users",
    "admin-audit": "/app/admin/audit",
    "help": "/app/help/numbers",
}  # of staff; after >> the link on that page that leads there
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
SETTLE_MS = 2500
IMAGES = ROOT / "docs" / "images"
README = ("board", "station", "energy", "ledger", "reliability", "utilisation", "incidents",
          "session")  # fmt: skip
SIDES = (("en", "dark"), ("sv", "light"))
DOCUMENT = """# Every screen

As `make screenshots` finds them in the demo; to the left in English and dark, to the right in
Swedish and light. The choice is the reader's, on every page.

| address | English, dark | Swedish, light |
|---|---|---|
"""


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
    """A picture of a screen; `address` may name a link to follow (see SCREENS)."""
    start, _, link = address.partition(" >> ")
    page.goto(start)
    if link:
        page.goto(page.locator(link).first.evaluate("link => link.href"))
    page.locator("h1").first.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    more: dict[str, Any] = {"type": "jpeg", "quality": 72} if path.suffix == ".jpg" else {}
    page.screenshot(path=path, full_page=full, **more)


def choose(page: Page, base: str, language: str, theme: str) -> None:
    page.goto(f"{base}/choose?language={language}&theme={theme}&next=/app/")


def for_readme(browser: Browser, base: str, password: str) -> None:
    page = staff(browser, base, password)
    for name in README:
        shoot(page, base + SCREENS[name], IMAGES / f"{name}.png")
    choose(page, base, "sv", "light")
    shoot(page, base + SCREENS["board"], IMAGES / "board-light.png")
    phone = browser.new_page(viewport=PHONE, locale="sv-SE")  # type: ignore[arg-type]
    shoot(phone, base + "/", IMAGES / "public.png")
    pay(phone, base)
    phone.screenshot(path=IMAGES / "charging.png")
    phone.get_by_role("button", name="Stoppa laddningen").click()
    phone.get_by_role("button", name="Ja, stoppa nu").click()
    phone.get_by_role("link", name="Visa och spara kvittot").click(timeout=60_000)
    phone.wait_for_timeout(SETTLE_MS)
    phone.screenshot(path=IMAGES / "receipt.png")
    for_docs(page, base)


def for_docs(page: Page, base: str) -> None:
    """Every screen in English and dark, and in Swedish and light, side by side on one page."""
    folder = IMAGES / "screens"
    folder.mkdir(exist_ok=True)
    for language, theme in SIDES:
        choose(page, base, language, theme)
        for name, path in SCREENS.items():
            shoot(page, base + path, folder / f"{name}-{language}-{theme}.jpg")
    rows = [_row(name, path) for name, path in SCREENS.items()]
    (IMAGES.parent / "screens.md").write_text(DOCUMENT + "".join(rows))


def _row(name: str, path: str) -> str:
    place = path.partition(" >> ")[2].partition("'")[2].rstrip("']") or path
    sides = [f"{name}-{language}-{theme}" for language, theme in SIDES]
    pictures = " | ".join(f"![{side}](images/screens/{side}.jpg)" for side in sides)
    return f"| `{place}` | {pictures} |\n"


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
    for language, theme in product(("en", "sv"), ("dark", "light")):
        choose(page, base, language, theme)
        for name, path in SCREENS.items():
            for kind, size in (("desk", DESK), ("phone", PHONE)):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                shoot(page, base + path, folder / f"{name}-{language}-{theme}-{kind}.jpg",
                      full=name not in ("board", "wall"))  # fmt: skip
        visitor = browser.new_page(
            viewport=PHONE,  # type: ignore[arg-type]
            locale=f"{language}-SE",
            color_scheme=theme,  # type: ignore[arg-type]
        )
        shoot(visitor, base + "/", folder / f"public-{language}-{theme}.jpg")


def main() -> None:
    with demo(days=40) as (base, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        if len(sys.argv) > 1:
            everything(browser, base, password, Path(sys.argv[1]))
        else:
            for_readme(browser, base, password)


if __name__ == "__main__":
    main()
