"""The web server as a process that tests and benchmarks start, stop and start again."""

import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
# what `python app.py web` does, on a given database and port
PROGRAM = """
from gevent import monkey
monkey.patch_all()
import sys
from dashboard import create_app
from dashboard.server import ServeError, serve
from sql.database import sync_pool
from sql.settings import Settings

dsn, port = sys.argv[1], int(sys.argv[2])
given = dict(word.split("=", 1) for word in sys.argv[3:])
settings = Settings(database_url=dsn, web_port=port, secret_key="s" * 32, **given)

def make_app():
    pool = sync_pool(dsn)
    pool.open()
    return create_app(settings, pool)

try:
    serve(settings, make_app, lambda: print("ready", flush=True))
except ServeError as error:
    sys.exit(f"error: {error}")
"""


class Web:
    """A web server; `with` starts and ends it."""

    def __init__(self, dsn: str, port: int, **settings: str) -> None:
        self.dsn, self.port = dsn, port
        self.settings = [f"{name}={value}" for name, value in settings.items()]
        self.address = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.dsn, str(self.port), *self.settings],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def stop(self) -> int:
        """SIGTERM; the exit code, within ten seconds."""
        assert self.process
        self.process.terminate()
        code = self.process.wait(10)
        assert self.process.stdout
        self.process.stdout.close()
        self.process = None
        return code

    def __enter__(self) -> "Web":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self.process:
            self.stop()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
