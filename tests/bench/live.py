"""How quickly a change is seen, and what 50 and 200 viewers cost: python -m tests.bench.live

Stations send StatusNotifications over real WebSockets to a running `app.py ingest`, four a second
and, for 200 viewers, twenty as well. One viewer is a real Chromium on the board: a change counts
when its frame is painted, on the same clock by which the station's frame was handed to the socket;
so durability, notification, hub, stream and browser are all in it. The other viewers read the
stream over plain HTTP. Figures per number of viewers: frame to painted p50 and p95, frame to the
station's answer, CPU of the web server, memory per viewer. Bars: p95 at most 250 ms with 50
viewers; at most 100 ms with 200 viewers and 20 changes a second, for at most a tenth of a core.
"""

import asyncio
import base64
import json
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from playwright.async_api import Page, async_playwright
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_socket

from dashboard.auth import hash_password
from sql.database import connect
from sql.embedded import start_embedded, stop_embedded
from sql.migrate import migrate
from tests.bench import rig
from tests.bench.network import fill
from tests.browser.web import Web, free_port

EMAIL, PASSWORD = "alice@example.org", "correct horse battery"
STATIONS = 10
LOADS = ((1, 4), (50, 4), (200, 4), (200, 20))  # viewers, changes a second
FAULT = "GroundFailure"

# Runs in the page: when had the frame that shows a row's new state reached the screen?
PROBE = """() => {
  window.painted = [];
  window.kilowatch.on("evses", (news) => {
    const rows = news.moved.map((row) => [row.evse_key, row.state]);
    // the board writes in the next frame; the frame after it has been shown
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        const at = performance.timeOrigin + performance.now();
        rows.forEach((row) => window.painted.push([...row, at]));
      };
      channel.port2.postMessage(0);
    }));
  });
}"""


class Evse(NamedTuple):
    evse_key: int
    station_id: str
    evse_id: int


class Sent(NamedTuple):
    """A change: when its frame went out and when its answer came, in ms since 1970."""

    evse_key: int
    state: str
    at: float
    answered_at: float


async def read_stream(port: int, cookie: str, stop: asyncio.Event) -> None:
    """A viewer without a browser: takes what comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    ask = f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: kilowatch={cookie}\r\n\r\n"
    writer.write(ask.encode())
    taking = asyncio.create_task(_take(reader))
    await stop.wait()
    taking.cancel()
    writer.close()


async def _take(reader: asyncio.StreamReader) -> None:
    while await reader.read(2**16):
        pass


async def dial(port: int, station_id: str) -> ClientConnection:
    """A station's socket, past its BootNotification."""
    login = base64.b64encode(f"{station_id}:{PASSWORD}".encode()).decode()
    socket = await connect_socket(
        f"ws://127.0.0.1:{port}/ocpp/{station_id}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers={"Authorization": f"Basic {login}"},
    )
    boot = {"chargePointVendor": "Bench", "chargePointModel": "One"}
    await call(socket, "boot", "BootNotification", boot)
    return socket


async def call(socket: ClientConnection, message_id: str, action: str, payload: Any) -> None:
    await socket.send(json.dumps([2, message_id, action, payload]))
    while json.loads(await socket.recv())[1] != message_id:
        pass


async def change(socket: ClientConnection, evse: Evse, state: str) -> Sent:
    """One StatusNotification, waited for until its durable answer."""
    payload = {
        "connectorId": evse.evse_id, "status": state.capitalize(),
        "errorCode": FAULT if state == "faulted" else "NoError",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }  # fmt: skip
    at = time.time() * 1000
    await call(socket, f"{at}", "StatusNotification", payload)
    return Sent(evse.evse_key, state, at, time.time() * 1000)


async def send(
    sockets: dict[str, ClientConnection], evses: list[Evse], seconds: float, rate: float
) -> list[Sent]:
    """Change one evse after the other, at a steady pace and each to what it was not. A station has
    one message in flight, as OCPP wants it; stations do not wait for each other."""
    turns = {name: asyncio.Lock() for name in sockets}

    async def one(number: int) -> Sent:
        lap, place = divmod(number, len(evses))
        evse = evses[place]
        async with turns[evse.station_id]:
            state = "available" if lap % 2 else "faulted"
            return await change(sockets[evse.station_id], evse, state)

    begun, sending = time.monotonic(), list[asyncio.Task[Sent]]()
    while time.monotonic() - begun < seconds:
        sending.append(asyncio.create_task(one(len(sending))))
        due = begun + len(sending) / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    return await asyncio.gather(*sending)


def seen(sent: list[Sent], painted: list[tuple[int, str, float]]) -> list[float]:
    """Milliseconds from each frame to the first painting of its row in its state."""
    found = []
    for one in sent:
        later = (at - one.at for key, state, at in painted
                 if (key, state) == (one.evse_key, one.state) and at >= one.at)  # fmt: skip
        if (first := next(later, None)) is not None:
            found.append(first)
    return found


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


async def measure(
    web: Web, page: Page, sockets: dict[str, ClientConnection], evses: list[Evse],
    load: tuple[int, int], seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """One row of the result."""
    assert web.process
    pid, stop, (viewers, rate) = web.process.pid, asyncio.Event(), load
    cookie = await sign_in(page, web.address)
    await page.evaluate(PROBE)
    before_kib = memory_kib(pid)
    readers = [asyncio.create_task(read_stream(web.port, cookie, stop)) for _ in range(viewers - 1)]
    await send(sockets, evses, 2 * len(evses) / rate, rate)  # whole laps, to warm up
    per_viewer = (memory_kib(pid) - before_kib) / max(1, viewers - 1)
    cpu, begun = cpu_seconds(pid), time.monotonic()
    sent = await send(sockets, evses, seconds, rate)
    used = (cpu_seconds(pid) - cpu) / (time.monotonic() - begun)
    await asyncio.sleep(1)  # the last one is on its way to the screen
    delays = seen(sent, await page.evaluate("window.painted"))
    stop.set()
    await asyncio.gather(*readers)
    answers = [one.answered_at - one.at for one in sent]
    return {
        "viewers": viewers,
        "changes a second": rate,
        "changes sent": len(sent),
        "changes painted": len(delays),
        "frame to painted, p50 (ms)": round(statistics.median(delays), 1),
        "frame to painted, p95 (ms)": p95(delays),
        "frame to durable answer, p95 (ms)": p95(answers),
        "web server, percent of a core": round(100 * used, 1),
        "memory per viewer (KiB)": round(per_viewer, 1),
    }


async def run(base: rig.Database, ocpp_port: int, seconds: float) -> None:
    evses = some_evses(base.dsn)
    async with AsyncExitStack() as stack, async_playwright() as playwright:
        sockets = {
            name: await stack.enter_async_context(await dial(ocpp_port, name))
            for name in sorted({evse.station_id for evse in evses})
        }
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for load in LOADS:
            with Web(base.dsn, free_port()) as web:
                context = await browser.new_context(viewport={"width": 1440, "height": 900})
                page = await context.new_page()
                result = await measure(web, page, sockets, evses, load, seconds)
                await context.close()
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()


def some_evses(dsn: str) -> list[Evse]:
    """Evses of ten stations without a session, and a password for these stations."""
    password_hash = hash_password(PASSWORD)
    with connect(dsn) as connection:
        rows = connection.execute(
            "WITH chosen AS (SELECT station_id FROM evse_state GROUP BY station_id"
            "  HAVING count(session_id) = 0 AND count(*) > 1 ORDER BY station_id LIMIT %s),"
            " known AS (UPDATE station SET password_hash = %s, ocpp_version = '1.6'"
            "  FROM chosen WHERE station.station_id = chosen.station_id)"
            " SELECT evse_key, station_id, evse_id FROM evse JOIN chosen USING (station_id)"
            " ORDER BY evse_id, station_id",
            [STATIONS, password_hash],
        ).fetchall()
    return [Evse(*row) for row in rows]


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


def main(seconds: float = 30) -> None:
    folder = Path(tempfile.mkdtemp(prefix="kilowatch-bench-"))
    try:
        dsn = prepare(folder, 400)
        pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
        base = rig.Database(folder, dsn, psutil.Process(pid))
        with rig.product(base) as ingest:
            asyncio.run(run(base, ingest.port, seconds))
    finally:
        stop_embedded(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
