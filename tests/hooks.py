"""A webhook's receiver for tests: keeps what it is sent and answers as told."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from ingest.posting import signature

SECRET = "a secret of twenty characters"


class Got(NamedTuple):
    """A request: its headers, and its body as it was sent."""

    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    @property
    def is_signed(self) -> bool:
        parts = dict(part.split("=", 1) for part in self.headers["Kilowatch-Signature"].split(","))
        return parts["v1"] == signature(SECRET, int(parts["t"]), self.body)


class Hook(ThreadingHTTPServer):
    """`answers`: what is said to the next requests, then `answer`: a status, `silence`, `drip`,
    `nonsense` or `hang up`."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: list[int | str] = []
        self.answer: int | str = 204
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.on_request: Callable[[], None] = lambda: None
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?key=åäö"

    def keys(self) -> list[str]:
        with self.lock:
            return [one.headers["Kilowatch-Delivery"] for one in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.got.append(Got(dict(self.headers), body))
            said = self.server.answers.pop(0) if self.server.answers else self.server.answer
        self.server.on_request()
        if isinstance(said, int):
            self.send_response(said)
            self.send_header("Location", self.server.address)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif said == "nonsense":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        elif said == "silence":
            self.server.over.wait(30)
        elif said == "drip":
            self._drip()

    def _drip(self) -> None:
        """A header that never ends."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.over.wait(0.05):
            try:
                self.wfile.write(b"a")
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for an event of another thread."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
