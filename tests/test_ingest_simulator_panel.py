"""The demo's switchboard: its buttons work, and only from its own page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from ingest.simulator.controls import Controls
from ingest.simulator.panel import serve_panel

SITES = {"ODH": "Ödeshög E4", "GRN": "Gränna <E4>"}
Ask = Callable[..., Awaitable[str]]


@pytest.fixture
def controls() -> Controls:
    return Controls()


@pytest_asyncio.fixture
async def ask(controls: Controls) -> AsyncIterator[Ask]:
    """Send one raw request to a running panel and return the raw answer."""
    server = await serve_panel(controls, SITES, port=0)
    port = server.sockets[0].getsockname()[1]

    async def send(first: str, body: str = "", **headers: str) -> str:
        told = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body))} | headers
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in told.items()]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("\r\n".join([f"{first} HTTP/1.1", *lines, "", body]).encode())
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return answer.replace(str(port), "PORT")

    send.origin = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
    yield send
    server.close()
    await server.wait_closed()


async def press(ask: Ask, action: str, site: str = "ODH", origin: str | None = None) -> str:
    body = urlencode({"action": action, "site": site})
    return await ask("POST /", body, Origin=origin or ask.origin)  # type: ignore[attr-defined]


async def test_the_page_offers_every_site_and_switch(ask: Ask) -> None:
    html = await ask("GET /")
    assert html.startswith("HTTP/1.1 200")
    assert "default-src 'none'" in html
    for words in ("Ödeshög E4", "Gränna &lt;E4&gt;", "Cut site", "Refuse start", "Freeze meter"):
        assert words in html
    assert "http://" not in html.replace("http://127.0.0.1", "")
    assert (await ask("GET /panel.css")).startswith("HTTP/1.1 200")


async def test_the_page_speaks_the_browsers_language(ask: Ask) -> None:
    assert "Bryt platsen" in await ask("GET /", Accept_Language="sv-SE,sv;q=0.9,en;q=0.8")
    assert "Cut site" in await ask("GET /", Accept_Language="de,en;q=0.5")


@pytest.mark.parametrize(
    ("action", "undo"), [("cut", "restore"), ("refuse", "allow"), ("freeze", "thaw")]
)
async def test_each_switch_works_shows_and_can_be_undone(
    action: str, undo: str, ask: Ask, controls: Controls
) -> None:
    assert (await press(ask, action)).startswith("HTTP/1.1 303")
    assert controls.in_force() == [(action, "ODH")]
    assert f'value="{undo}"' in await ask("GET /?site=ODH")
    await press(ask, undo)
    assert controls.in_force() == []


@pytest.mark.parametrize("origin", ["http://mallory.example", "null", " "])
async def test_a_stranger_s_page_cannot_press_a_button(
    origin: str, ask: Ask, controls: Controls
) -> None:
    assert (await press(ask, "cut", origin=origin)).startswith("HTTP/1.1 403")
    assert (await ask("POST /", "action=cut&site=ODH")).startswith("HTTP/1.1 403")
    assert controls.in_force() == []


async def test_a_foreign_name_for_this_machine_is_refused(ask: Ask) -> None:
    assert (await ask("GET /", Host="mallory.example")).startswith("HTTP/1.1 421")


@pytest.mark.parametrize(
    ("first", "headers", "status"),
    [
        ("GET /other", {}, 404),
        ("DELETE /", {}, 404),
        ("GET / twice", {}, 400),
        ("POST /", {"Content_Length": "99999"}, 413),
        ("POST /", {"Content_Length": "-1"}, 413),
        ("GET /", {"X": "x" * 20_000}, 431),
    ],
)
async def test_odd_requests_get_a_plain_no(
    first: str, headers: dict[str, str], status: int, ask: Ask
) -> None:
    assert (await ask(first, **headers)).startswith(f"HTTP/1.1 {status}")


async def test_unknown_sites_and_actions_are_refused(ask: Ask) -> None:
    assert (await press(ask, "cut", "NOWHERE")).startswith("HTTP/1.1 400")
    assert (await press(ask, "explode")).startswith("HTTP/1.1 400")
