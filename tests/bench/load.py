"""The load client (ocpp_load.c): compiled when needed, run, and its lines read."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.rig import Database, Server

SOURCE = Path(__file__).with_name("ocpp_load.c")
SUBPROTOCOL = {"hb2": "ocpp2.0.1", "status2": "ocpp2.0.1", "te8": "ocpp2.0.1"}
NUMBER = re.compile(r"(\S+) ([\d.]+)")


class Load(NamedTuple):
    """`rate` is messages a second and station; 0: the next as soon as the last is answered."""

    mode: str
    stations: int
    seconds: float
    rate: float = 0
    warm_seconds: float = 1.0


class Run(NamedTuple):
    """CPU is in seconds, times in milliseconds. `acknowledged` names a file: kind and marker."""

    messages: int
    seconds: float
    server_cpu: float
    database_cpu: float
    p50_ms: float
    p99_ms: float
    errors: int
    late: int
    acknowledged: Path

    @property
    def server_us(self) -> float:
        return 1e6 * self.server_cpu / self.messages

    @property
    def database_us(self) -> float:
        return 1e6 * self.database_cpu / self.messages

    @property
    def us(self) -> float:
        return self.server_us + self.database_us

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds


def program(folder: Path) -> Path:
    """The compiled client.

    Raises SystemExit where there is no C compiler.
    """
    target = folder / "ocpp_load"
    if not target.exists():
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise SystemExit(
                "make bench needs a C compiler (Debian: apt-get install gcc libc6-dev)"
            )
        subprocess.run([compiler, "-O2", "-w", "-o", str(target), str(SOURCE)], check=True)
    return target


def run(base: Database, server: Server, load: Load) -> Run:
    """Put the load on the server; CPU is read when the warm-up ends and at the end."""
    acknowledged = base.folder / "acknowledged"
    with client(base, server, load, acknowledged) as wait_for:
        wait_for("START")
        before = server.cpu_seconds(), base.cpu_seconds()
        end = wait_for("END")
        after = server.cpu_seconds(), base.cpu_seconds()
        numbers = {name: float(value) for name, value in NUMBER.findall(end)}
    return Run(
        int(numbers["END"]),
        numbers["secs"],
        after[0] - before[0],
        after[1] - before[1],
        numbers["p50"],
        numbers["p99"],
        int(numbers["errs"] + numbers["dead"]),
        int(numbers["late"]),
        acknowledged,
    )


@contextmanager
def client(
    base: Database, server: Server, load: Load, acknowledged: Path | None = None, **options: str
) -> Iterator[Callable[[str], str]]:
    """The running client; call with a word to wait for the line that starts with it. `options`
    are its variables of the environment."""
    subprotocol = SUBPROTOCOL.get(load.mode, "ocpp1.6")
    numbers = (server.port, load.stations, load.warm_seconds, load.seconds, load.rate)
    command = [program(base.folder), *numbers, load.mode, subprotocol, acknowledged or "-"]
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, "PREFIX": server.prefix, **options},
        stdout=subprocess.PIPE,
        text=True,
    )

    def wait_for(word: str) -> str:
        assert process.stdout
        found = next((line for line in process.stdout if line.startswith(word)), None)
        if found is None:
            raise SystemExit(f"the load client ended without {word}: {' '.join(process.args)}")
        return found

    try:
        yield wait_for
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()
