"""Several processes of one installation, started and stopped together."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from sql.embedded import stop_embedded
from sql.settings import Settings

APP = Path(__file__).parent.parent / "app.py"
PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class PortTakenError(Exception):
    """Nothing can listen at an address; the message says which setting names it."""


class Family:
    """Commands of `app.py` as child processes: if one ends, all end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {**os.environ, **environment}
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *command: str, log: Path | None = None) -> None:
        output = log.open("ab") if log else None
        self.children[" ".join(command)] = subprocess.Popen(
            [sys.executable, str(APP), *command],
            env=self.environment,
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - no threads here
        )

    def ended(self) -> str | None:
        return next((n for n, child in self.children.items() if child.poll() is not None), None)

    def wait(self) -> str:
        """Until one ends: its name. Being asked to stop raises KeyboardInterrupt."""
        while (ended := self.ended()) is None:
            time.sleep(0.2)
        return ended

    def wait_until_ready(self, url: str) -> str | None:
        """Until `url` answers 200: None, or the name of the child that ended instead."""
        while (ended := self.ended()) is None:
            with suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own
                return None
            time.sleep(0.1)
        return ended

    def stop(self) -> None:
        for child in self.children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(10)
                continue
            child.kill()
            child.wait()


def end_with_parent() -> None:
    """In the child: SIGTERM when the parent has ended, even by SIGKILL. Otherwise children would
    keep the ports, and the next start would find them taken."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def check_port(host: str, port: int, where_from: str) -> None:
    """Find out before any work is done, and before another installation answers in our place.

    Raises PortTakenError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            message = f"can't listen on {host}:{port}: {error.strerror} ({where_from})"
            raise PortTakenError(message) from error


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def family(given: Settings, environment: Mapping[str, str] = {}) -> Iterator[Family]:
    """Children that end with us, however we end; the embedded server ends with the last of them."""
    signal.signal(signal.SIGTERM, _interrupt)
    children = Family(environment)
    try:
        yield children
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        children.stop()
        if not given.database_url:
            stop_embedded(given.data_dir)
