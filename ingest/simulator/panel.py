"""The demo's switchboard: a small page on its own loopback port, without anything from elsewhere.

Only the page itself may press its buttons: a POST must name this very host and come from it.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from ingest.simulator.controls import Controls
from ingest.simulator.panel_page import CSS, page

_LOG = logging.getLogger(__name__)
_LONGEST_HEAD = 16_384
_LONGEST_BODY = 4_096
_PATIENCE_S = 10.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class BadRequestError(Exception):
    """A request the panel does not serve; ``status`` says why."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Response:
    status: HTTPStatus
    body: str = ""
    content_type: str = "text/html; charset=utf-8"
    location: str | None = None


async def serve_panel(
    controls: Controls, sites: Mapping[str, str], host: str = "127.0.0.1", port: int = 8060
) -> asyncio.Server:
    """Serve the panel and return its server (close it to end; port 0 takes a free one).

    ``sites`` maps site ids to names. Raises OSError when the port is taken.
    """
    panel = Panel(controls, sites)
    return await asyncio.start_server(panel.serve, host, port, limit=_LONGEST_HEAD)


class Panel:
    """Answers one request per connection."""

    def __init__(self, controls: Controls, sites: Mapping[str, str]) -> None:
        self._sites = dict(sites)
        self._controls = controls
        self._switches = {
            "cut": controls.cut_site,
            "restore": controls.restore_site,
            "refuse": controls.refuse_start,
            "allow": controls.allow_start,
            "freeze": controls.freeze_meter,
            "thaw": controls.thaw_meter,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, answer it and hang up."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                port = writer.get_extra_info("sockname")[1]
                writer.write(_encode(await self._respond(reader, port)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            _LOG.debug("panel request ended early: %r", error)
        finally:
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader, port: int) -> _Response:
        try:
            request = await _read(reader)
            _check_host(request, port)
            return self._route(request)
        except BadRequestError as error:
            return _Response(error.status, error.status.phrase, "text/plain; charset=utf-8")

    def _route(self, request: _Request) -> _Response:
        path, _, query = request.path.partition("?")
        match request.method, path:
            case "GET", "/":
                chosen = parse_qs(query).get("site", [""])[0]
                return self._page(request, chosen)
            case "GET", "/panel.css":
                return _Response(HTTPStatus.OK, CSS, "text/css; charset=utf-8")
            case "POST", "/":
                return self._press(request)
        raise BadRequestError(HTTPStatus.NOT_FOUND)

    def _page(self, request: _Request, chosen: str) -> _Response:
        language = _language(request.headers.get("accept-language", ""))
        html = page(language, self._sites, self._controls.in_force(), chosen)
        return _Response(HTTPStatus.OK, html)

    def _press(self, request: _Request) -> _Response:
        _check_origin(request)
        switch = self._switches.get(request.form.get("action", ""))
        site_id = request.form.get("site", "")
        if switch is None or site_id not in self._sites:
            raise BadRequestError(HTTPStatus.BAD_REQUEST)
        switch(site_id)
        return _Response(HTTPStatus.SEE_OTHER, location=f"/?site={site_id}")


async def _read(reader: asyncio.StreamReader) -> _Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) from None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise BadRequestError(HTTPStatus.BAD_REQUEST)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    form = await _read_form(reader, headers)
    return _Request(words[0], words[1], headers, form)


async def _read_form(reader: asyncio.StreamReader, headers: dict[str, str]) -> dict[str, str]:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _LONGEST_BODY:
        raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = (await reader.readexactly(int(length))).decode("latin-1")
    return {name: values[0] for name, values in parse_qs(body).items()}


def _check_host(request: _Request, port: int) -> None:
    """Refuse names that merely resolve to this machine (DNS rebinding)."""
    host = request.headers.get("host", "")
    if host not in {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}:
        raise BadRequestError(HTTPStatus.MISDIRECTED_REQUEST)


def _check_origin(request: _Request) -> None:
    """Refuse presses from other sites' pages."""
    if request.headers.get("origin") != f"http://{request.headers['host']}":
        raise BadRequestError(HTTPStatus.FORBIDDEN)


def _language(accepted: str) -> str:
    """Return ``sv`` or ``en``, whichever the browser asks for first."""
    for part in accepted.lower().split(","):
        name = part.partition(";")[0].strip()[:2]
        if name in {"sv", "en"}:
            return name
    return "en"


def _encode(response: _Response) -> bytes:
    body = response.body.encode()
    headers = _HEADERS | {
        "Content-Type": response.content_type,
        "Content-Length": str(len(body)),
    }
    if response.location is not None:
        headers["Location"] = response.location
    lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
