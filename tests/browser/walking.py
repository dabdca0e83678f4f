"""Going from page to page in Chromium: when a page is drawn, and what is wrong with it for those
who do not see, do not point, or see few colours."""

import os
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as LateError

from tests.browser.web import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ("dark", "light")
RUN = """(options) => axe.run({ resultTypes: ['violations'], ...options })
    .then((found) => found.violations)"""
PAINT = """(theme) => {
  const { dataset } = document.documentElement;
  dataset.theme = dataset.mantineColorScheme = theme;
}"""
# heading, everything that was asked for, charts; and groups of choices have their names and roles
DRAWN = """() => {
  const main = document.querySelector("main");
  const busy = main?.querySelectorAll("[aria-busy=true], [data-dash-is-loading=true]") || [];
  return main && document.querySelector("h1")?.textContent
    && ![...busy].some((one) => one.checkVisibility())
    && [...main.querySelectorAll(".dash-graph")].every((one) => one.querySelector(".main-svg"))
    && !document.querySelector(".choice [role=option]");
}"""
# elements that look the same with the keyboard's focus as without it
UNMARKED = """() => {
  const look = (element) => {
    const near = [element, element.parentElement, element.nextElementSibling];
    const drawn = [...near, element.closest("label")].filter(Boolean).map((one) => [one, null]);
    // a link that lies over its whole tile marks that
    return [...drawn, [element, "::after"]].map(([one, part]) => {
      const style = getComputedStyle(one, part);
      return [style.outline, style.boxShadow, style.borderColor, style.backgroundColor].join();
    }).join(";");
  };
  const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const found = [...document.querySelectorAll(all)].filter((one) => !one.disabled
    && one.checkVisibility({ checkVisibilityCSS: true }) && one.getClientRects().length);
  return found.filter((one) => {
    document.activeElement.blur();
    const before = look(one);
    one.focus({ preventScroll: true });
    return document.activeElement === one && look(one) === before;
  }).map((one) => one.outerHTML.slice(0, 160));
}"""


def need_axe() -> None:
    """Without it such a test is left out, in CI it fails."""
    if not AXE.exists() and not os.environ.get("CI"):
        pytest.skip("accessibility: axe-core is missing, run `npm ci`")


def settled(page: Page) -> None:
    """The page is drawn and has heard of the network."""
    try:
        page.wait_for_function(DRAWN)
    except LateError as error:
        raise AssertionError(f"{page.url} is not drawn") from error
    if page.locator("#live-word").count():
        expect(page.locator("#live-word")).to_have_text("Live")


def problems(page: Page, path: str, **options: Any) -> list[str]:
    """What axe finds serious or critical, with the places."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(RUN, options)
    return [
        f"{path}: {one['id']}: {node['html'][:160]}"
        for one in found if one["impact"] in ("serious", "critical") for node in one["nodes"]
    ]  # fmt: skip


def problems_in_both_themes(page: Page, path: str) -> list[str]:
    """Everything in one theme; in the other what colours can break."""
    found = problems(page, path)
    other = THEMES[page.evaluate("document.documentElement.dataset.theme") == THEMES[0]]
    page.evaluate(PAINT, other)
    return found + problems(page, f"{path} ({other})", runOnly=["color-contrast"])


def unmarked(page: Page, path: str) -> list[str]:
    """What can be reached with the keyboard and does not show it."""
    page.keyboard.press("Tab")  # from here on focus is the keyboard's
    return [f"{path}: no visible focus: {html}" for html in page.evaluate(UNMARKED)]
