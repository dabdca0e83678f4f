"""The board with 10,000 evses in Chromium: python -m tests.bench.board

First render: from the request of the page (scripts cached, as on any but the first visit; and
with an empty cache) until every figure, the worst stations and the map's donuts are painted.
Update: 100 evses change in one commit; from the event's arrival in the page until painted, and
from the commit until painted.
"""

import asyncio
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from sql.database import Connection, connect
from sql.embedded import stop_embedded
from tests.bench.live import p95, prepare, sign_in
from tests.browser.web import Web, free_port

EVSES, UPDATES, CHANGED = 10_000, 20, 100

# until the frame with all parts of the board has been shown
DRAWN = """() => new Promise((resolve) => {
  const done = () => document.querySelectorAll(".donut svg").length > 3
    && document.querySelectorAll("#worst-body tr").length > 3
    && document.getElementById("charging-value").textContent.length > 2;
  const look = () => done()
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
    : requestAnimationFrame(look);
  look();
})"""
# from the event's arrival to the frame after the one in which the board wrote
PROBE = """() => {
  window.updates = [];
  const merge = window.kilowatch.store.merge;
  window.kilowatch.store.merge = (columns) => {
    const begun = performance.now(), rows = columns.evse_key.length;
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() =>
      window.updates.push([performance.now() - begun, Date.now(), rows]))));
    return merge(columns);
  };
}"""


def change(connection: Connection, keys: list[int]) -> float:
    """Change a hundred evses; when it was committed, in ms."""
    chosen = random.sample(keys, CHANGED)
    with connection.transaction():
        connection.execute(
            "UPDATE connector SET status = CASE status WHEN 'Faulted' THEN 'Available'"
            " ELSE 'Faulted' END, charging_state = NULL, status_at = clock_timestamp()"
            " WHERE evse_key = ANY(%s)",
            [chosen],
        )
        connection.execute("SELECT pg_notify('evse', %s)", [",".join(map(str, chosen))])
    return time.time() * 1000


async def first_render(page: Page, address: str) -> float:
    """Milliseconds from asking for the page to the board being painted."""
    await page.goto(f"{address}/app/", wait_until="commit")
    return float(await page.evaluate(DRAWN))


async def updates(page: Page, dsn: str) -> dict[str, Any]:
    await page.evaluate(PROBE)
    painted: list[float] = []
    with connect(dsn) as connection:
        rows = connection.execute("SELECT evse_key FROM evse_state WHERE is_online").fetchall()
        keys = [row[0] for row in rows]
        for number in range(UPDATES):
            committed = await asyncio.to_thread(change, connection, keys)
            await page.wait_for_function("n => window.updates.length > n", arg=number)
            painted.append((await page.evaluate("window.updates.at(-1)"))[1] - committed)
    found = [row[0] for row in await page.evaluate("window.updates")]
    return {
        "update_100_ms_p50": round(statistics.median(found), 1),
        "update_100_ms_p95": p95(found),
        "commit_to_painted_ms_p95": p95(painted),
    }


async def run(dsn: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        with Web(dsn, free_port()) as web:
            context = await browser.new_context(viewport={"width": 1440, "height": 900})
            page = await context.new_page()
            begun = time.monotonic()
            await sign_in(page, web.address)
            cold = 1000 * (time.monotonic() - begun)
            renders = [await first_render(page, web.address) for _ in range(5)]
            result = {
                "evses": EVSES,
                "first_visit_with_login_ms": round(cold),
                "first_render_ms": [round(value) for value in renders],
                **await updates(page, dsn),
            }
            sys.stdout.write(json.dumps(result) + "\n")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="kilowatch-bench-"))
    try:
        asyncio.run(run(prepare(folder, EVSES)))
    finally:
        stop_embedded(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
