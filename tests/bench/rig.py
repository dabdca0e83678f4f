"""What the measurements of ingestion stand on: a database server, the programs under test, and
the CPU time they use. Everything lives in a folder of its own and ends with it."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from sql.database import connect
from sql.embedded import start_embedded, stop_embedded
from sql.migrate import migrate
from tests.browser.web import free_port

ROOT = Path(__file__).parents[2]
TOKENS = 20_000  # of stations; the load client has four a station
SECRET = "s" * 32


class Database(NamedTuple):
    """A running server with production settings, and its process."""

    folder: Path
    dsn: str
    postmaster: psutil.Process

    def cpu_seconds(self) -> float:
        """Of the server and all its backends, those that have ended included."""
        return family_seconds(self.postmaster)


class Server(NamedTuple):
    """A central system under test."""

    process: psutil.Process
    port: int
    prefix: str  # of a station's path

    def cpu_seconds(self) -> float:
        return seconds_of(self.process, with_ended=False)

    def memory_bytes(self) -> int:
        return int(self.process.memory_info().rss)


def family_seconds(process: psutil.Process) -> float:
    """CPU of a process and its children, those that have ended included."""
    processes = [process, *process.children(recursive=True)]
    return sum(seconds_of(each, with_ended=True) for each in processes)


def seconds_of(process: psutil.Process, *, with_ended: bool) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        ended = times.children_user + times.children_system if with_ended else 0.0
        return float(times.user + times.system + ended)
    return 0.0


@contextmanager
def database() -> Iterator[Database]:
    """A migrated database with the load client's id tokens, and one for the baseline."""
    folder = Path(tempfile.mkdtemp(prefix="kilowatch-bench-"))
    try:
        dsn = start_embedded(folder)
        migrate(dsn, "Europe/Stockholm")
        with connect(dsn) as connection:
            connection.execute("CREATE DATABASE baseline")
            connection.execute(
                "INSERT INTO id_token (id_token, status)"
                " SELECT 'TAG' || n || letter, 'Accepted'"
                " FROM generate_series(0, %s) n, unnest('{a,b,c,d}'::text[]) letter",
                [TOKENS],
            )
            connection.execute("ANALYZE id_token")
        pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
        yield Database(folder, dsn, psutil.Process(pid))
    finally:
        stop_embedded(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def product(base: Database) -> Iterator[Server]:
    """`python app.py ingest` as it ships, letting unknown stations in."""
    port = free_port()
    environment = {
        "KILOWATCH_DATABASE_URL": base.dsn,
        "KILOWATCH_DATA_DIR": str(base.folder),
        "KILOWATCH_OCPP_PORT": str(port),
        "KILOWATCH_UNKNOWN_STATIONS": "accept",
        "KILOWATCH_SECRET_KEY": SECRET,
    }
    with program(["app.py", "ingest"], environment, "stations connect to") as process:
        yield Server(process, port, "/ocpp/")


@contextmanager
def baseline(base: Database) -> Iterator[Server]:
    """The plain central system, on the same server in a database of its own."""
    port = free_port()
    environment = {"PLAIN_DSN": base.dsn.replace("/kilowatch?", "/baseline?")}
    command = ["-m", "tests.bench.plain_csms", str(port)]
    with program(command, environment, "READY") as process:
        yield Server(process, port, "/")


@contextmanager
def program(
    command: list[str], environment: Mapping[str, str], ready: str
) -> Iterator[psutil.Process]:
    """A Python program of ours, from its line that says `ready` until it is asked to end."""
    raise_open_files()
    with tempfile.TemporaryFile("w+") as log:
        started = subprocess.Popen(
            [sys.executable, "-u", *command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert started.stdout
        said = []
        for line in started.stdout:
            said.append(line)
            if ready in line:
                break
        else:
            raise SystemExit(f"{command} did not start: {''.join(said)}")
        # nobody reads on: what it logs from here must not fill the pipe
        drain = subprocess.Popen(["cat"], stdin=started.stdout, stdout=log)
        started.stdout.close()
        try:
            yield psutil.Process(started.pid)
        finally:
            started.terminate()
            started.wait(60)
            drain.wait(10)
            log.seek(0)
            _complain(log.read())


def _complain(text: str) -> None:
    """Warnings and errors of a program under test belong into the reader's sight."""
    for line in text.splitlines():
        if "ERROR" in line or "WARNING" in line or "Traceback" in line:
            sys.stderr.write(line + "\n")


def raise_open_files() -> None:
    """Thousands of sockets need more than the usual 1,024 files; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
