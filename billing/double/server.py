"""The double's HTTP server: a thread per connection, and connections that can be broken."""

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from traceback import format_exc
from typing import Any
from urllib.parse import urlsplit

from billing.double.api import DroppedError, Request

_LARGEST = 64 * 1024 * 1024  # a demo's past is written in one piece


class Reply:
    """What a handler returns: JSON for a dict or list, HTML (or `kind`) for a string."""

    def __init__(
        self, status: int, body: Any, headers: dict[str, str] | None = None,
        kind: str = "text/html; charset=utf-8",
    ) -> None:  # fmt: skip
        is_text = isinstance(body, str)
        self.status, self.headers = status, headers or {}
        self.body = body.encode() if is_text else json.dumps(body, indent=2).encode()
        self.kind = kind if is_text else "application/json"


Handler = Callable[[Request], Reply]


class Server(ThreadingHTTPServer):
    """Listens at once; `serve` answers until `close`. Port 0 takes a free one; raises OSError."""

    daemon_threads = False  # waited for, so that nothing outlives a test
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, handle: Handler) -> None:
        super().__init__((host, port), _Connection)
        self.handle = handle
        self.mistakes: list[Exception] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away while it was read is no news."""

    def close(self) -> None:
        """Break every connection and wait for their threads."""
        self.shutdown()
        with self._lock:
            for connection in self._open:
                _break(connection)
        self.server_close()


def _break(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already gone


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    server_version, sys_version = "nginx", ""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_PUT = do_GET  # noqa: N815 - the names http.server wants

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST:
            self.send_error(413)
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parts.query, headers, body)
        try:
            self._send(self.server.handle(request))
        except DroppedError:
            self.close_connection = True
            _break(self.connection)
        except ConnectionError:
            self.close_connection = True  # the client has gone
        except Exception as error:  # a mistake in the double: told when it stops
            self.server.mistakes.append(error)
            self._send(Reply(500, {"error": {"type": "api_error", "message": format_exc()}}))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """The journal knows more."""
