"""The way to a database as something that can be cut and mended: a relay between the web server and
PostgreSQL. What goes through it goes unchanged; while it is cut nobody answers there."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from psycopg import conninfo

from tests.browser.web import free_port


class Cable:
    """Use `dsn` instead of the one it was made with; `with` ends it."""

    def __init__(self, dsn: str) -> None:
        self._parts = conninfo.conninfo_to_dict(dsn)
        self._port = free_port()
        self.dsn = conninfo.make_conninfo(dsn, host="127.0.0.1", port=self._port)
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self.mend()

    def mend(self) -> None:
        """The server answers again."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def cut(self) -> None:
        """Every connection ends in the middle of whatever it says, new ones are refused."""
        with self._lock:
            listener, self._listener = self._listener, None
            opened, self._open = self._open, []
        for each in [listener, *opened] if listener else opened:
            _end(each)

    def __enter__(self) -> "Cable":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = self._dial()
                with self._lock:
                    self._open += [near, far]
                    is_cut = self._listener is not listener
                if is_cut:
                    self.cut()
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()

    def _dial(self) -> socket.socket:
        host, port = str(self._parts.get("host") or "localhost"), self._parts.get("port") or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(Path(host) / f".s.PGSQL.{port}"))
        return far


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _end(source)
    _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
