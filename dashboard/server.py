"""The web server: gunicorn with gevent workers, started from Python.

gevent makes one process hold hundreds of open streams. It must patch the standard library before
anything else is imported, psycopg above all: `python app.py web` does so in its first lines.
"""

import logging
import os
import socket
from collections.abc import Callable

import gevent
from flask import Flask
from gevent import monkey
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.app.base import BaseApplication
from gunicorn.workers.ggevent import GeventWorker

from dashboard.live import Hub
from sql.settings import Settings

log = logging.getLogger(__name__)
GRACE_SECONDS = 1.0
CONNECTIONS = 4000
BACKLOG = 2048


class ServeError(Exception):
    """The web server can't start; the message is one line that says what to do."""


class Worker(GeventWorker):  # type: ignore[misc]
    """gunicorn's gevent worker, but live streams end at once when it is told to stop."""

    def run(self) -> None:
        self.stopping, self.connections = Event(), Pool(self.worker_connections)
        servers = [self._listen(listener) for listener in self.sockets]
        while self.alive:
            self.notify()
            self.stopping.wait(1.0)
        for server in servers:
            server.close()
        _hub(self.wsgi).close()
        self.connections.join(timeout=GRACE_SECONDS)
        self.connections.kill(timeout=0.2)

    def _listen(self, listener: socket.socket) -> StreamServer:
        listener.setblocking(True)

        def handle(client: socket.socket, address: object) -> None:
            self.handle(listener, client, address)

        server = StreamServer(listener, handle=handle, spawn=self.connections)
        if self.cfg.workers > 1:
            server.max_accept = 1
        server.start()
        return server

    def handle_error(self, req: object, client: object, addr: object, exc: BaseException) -> None:
        """Idle connections that end with us are no errors."""
        if not isinstance(exc, gevent.GreenletExit):
            super().handle_error(req, client, addr, exc)

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)
        self.stopping.set()


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn told everything from Python: no command line, no configuration file."""

    def __init__(self, make_app: Callable[[], Flask], options: dict[str, object]) -> None:
        self._make_app, self._options = make_app, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """In each worker, after the fork: pools and threads do not survive a fork."""
        return self._make_app()


def serve(
    settings: Settings,
    make_app: Callable[[], Flask],
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; returns by SystemExit, as gunicorn does.

    `make_app` runs once in each worker and opens its own pool; `on_ready` once the port answers.

    Raises:
        ServeError: the port is taken or the address is not ours; gevent came too late.
    """
    if not monkey.is_module_patched("select"):
        raise ServeError("gevent must patch first: start the web part with python app.py web")
    listener = _bind(settings.web_host, settings.web_port)
    options: dict[str, object] = {
        "bind": f"fd://{listener.fileno()}",
        "worker_class": Worker,
        "workers": settings.workers,
        "worker_connections": CONNECTIONS,
        "graceful_timeout": 2,
        "timeout": 60,
        "keepalive": 15,
        "loglevel": "warning",
        "forwarded_allow_ips": "127.0.0.1,::1",
        "control_socket_disable": True,
        "post_worker_init": lambda _worker: on_ready() if on_ready else None,
    }
    _Gunicorn(make_app, options).run()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServeError(
            f"can't listen on {host}:{port}: {os.strerror(error.errno or 0)}"
            " (KILOWATCH_WEB_HOST, KILOWATCH_WEB_PORT)"
        ) from error
    listener.listen(BACKLOG)
    return listener


def _hub(app: Flask) -> Hub:
    hub: Hub = app.extensions["kilowatch_hub"]
    return hub
