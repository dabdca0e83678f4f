"""How quickly a change is seen, and what 50 and 200 viewers cost: python -m tests.bench.live

A writer changes some evses four times a second, as ingestion does: update and one NOTIFY in one
commit. One viewer is a real Chromium on the board, where a change counts when its frame is
painted; the others read the stream over plain HTTP. Figures per number of viewers: commit to
painted p50 and p95, commit to the plain readers p95, CPU of the server, memory per viewer.
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

import psutil
from playwright.async_api import Page, async_playwright

from dashboard.auth import hash_password
from sql.database import Connection, connect
from sql.embedded import start_embedded, stop_embedded
from sql.migrate import migrate
from tests.bench.network import fill
from tests.browser.web import Web, free_port

EMAIL, PASSWORD = "alice@example.org", "correct horse battery"
CHANGES_A_SECOND, EVSES_A_CHANGE = 4, 5

# Runs in the page: when did the frame that shows a figure's new value reach the screen?
PROBE = """() => {
  window.painted = [];
  window.kilowatch.on("evses", (news) => {
    const row = news.changed.find((row) => row.id_token && row.id_token.startsWith("at "));
    if (!row) return;
    const at = Number(row.id_token.slice(3));
    // the board writes in the next frame; the frame after it has been shown
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.painted.push(Date.now() - at);
      channel.port2.postMessage(0);
    }));
  });
}"""


async def read_stream(port: int, cookie: str, delays: list[float], stop: asyncio.Event) -> None:
    """A viewer without a browser: notes how old each change is when it arrives."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    ask = f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: kilowatch={cookie}\r\n\r\n"
    writer.write(ask.encode())
    while not stop.is_set():
        try:
            line = await asyncio.wait_for(reader.readline(), 1)
        except TimeoutError:
            continue
        place = line.find(b'"at ')
        if place > 0:
            delays.append(time.time() * 1000 - float(line[place + 4 : line.index(b'"', place + 4)]))
    writer.close()


def change(connection: Connection, keys: list[int]) -> None:
    """What one group commit of ingestion does to the board."""
    chosen = random.sample(keys, EVSES_A_CHANGE)
    with connection.transaction():
        connection.execute(
            "UPDATE connector SET"
            " status = (ARRAY['Available', 'Faulted'])[1 + (random() > 0.8)::int],"
            " charging_state = NULL, status_at = clock_timestamp() WHERE evse_key = ANY(%s)",
            [chosen],
        )
        connection.execute(
            "UPDATE session SET power_w = random() * 100000, id_token = %s WHERE ended_at IS NULL"
            " AND evse_key = ANY(%s)",
            [f"at {time.time() * 1000:.1f}", chosen],
        )
        connection.execute("SELECT pg_notify('evse', %s)", [",".join(map(str, chosen))])


async def write(dsn: str, seconds: float) -> None:
    """Change things at a steady pace."""
    with connect(dsn) as connection:
        rows = connection.execute("SELECT evse_key FROM session WHERE ended_at IS NULL").fetchall()
        keys = [row[0] for row in rows]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.to_thread(change, connection, keys)
            await asyncio.sleep(1 / CHANGES_A_SECOND)


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in family(pid))


def memory_kib(pid: int) -> float:
    return sum(process.memory_info().rss for process in family(pid)) / 1024


async def sign_in(page: Page, address: str) -> str:
    await page.goto(f"{address}/login")
    await page.fill("input[name=email]", EMAIL)
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_selector(".donut")
    cookies = await page.context.cookies()
    return next(str(cookie["value"]) for cookie in cookies if cookie["name"] == "kilowatch")


def p95(values: list[float]) -> float | None:
    return round(statistics.quantiles(values, n=20)[18], 1) if len(values) > 1 else None


async def measure(web: Web, page: Page, viewers: int, seconds: float) -> dict[str, Any]:
    """One row of the result."""
    assert web.process
    pid, stop, delays = web.process.pid, asyncio.Event(), list[float]()
    cookie = await sign_in(page, web.address)
    await page.evaluate(PROBE)
    before_kib = memory_kib(pid)
    readers = [
        asyncio.create_task(read_stream(web.port, cookie, delays, stop)) for _ in range(viewers - 1)
    ]
    await asyncio.sleep(3)
    delays.clear()
    per_viewer = (memory_kib(pid) - before_kib) / max(1, viewers - 1)
    cpu, begun = cpu_seconds(pid), time.monotonic()
    await write(web.dsn, seconds)
    used = (cpu_seconds(pid) - cpu) / (time.monotonic() - begun)
    painted = await page.evaluate("window.painted")
    stop.set()
    await asyncio.gather(*readers)
    return {
        "viewers": viewers,
        "changes_painted": len(painted),
        "commit_to_painted_ms_p50": round(statistics.median(painted), 1),
        "commit_to_painted_ms_p95": p95(painted),
        "commit_to_reader_ms_p95": p95(delays),
        "server_cpu_percent_of_a_core": round(100 * used, 1),
        "memory_kib_per_viewer": round(per_viewer, 1),
    }


async def run(dsn: str, seconds: float) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for viewers in (1, 50, 200):
            with Web(dsn, free_port()) as web:
                context = await browser.new_context(viewport={"width": 1440, "height": 900})
                result = await measure(web, await context.new_page(), viewers, seconds)
                await context.close()
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()


def prepare(folder: Path, evses: int) -> str:
    """A database of its own with a network and alice in it; the DSN."""
    dsn = start_embedded(folder)
    migrate(dsn, "Europe/Stockholm")
    with connect(dsn) as connection:
        fill(connection, evses)
        connection.execute(
            "INSERT INTO app_user (email, name, role, password_hash)"
            " VALUES (%s, 'Alice', 'operator', %s)",
            [EMAIL, hash_password(PASSWORD)],
        )
    return dsn


def main(seconds: float = 20) -> None:
    folder = Path(tempfile.mkdtemp(prefix="kilowatch-bench-"))
    try:
        asyncio.run(run(prepare(folder, 400), seconds))
    finally:
        stop_embedded(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
