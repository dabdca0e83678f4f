"""Fixtures of all tests. One PostgreSQL server serves every worker of a run.

A test that wants a database takes `database`, the DSN of a migrated database of its own (a clone
of a template, dropped afterwards). It runs on plain PostgreSQL and, when TEST_TIMESCALE_URL
names a server that has TimescaleDB, once more there.
"""

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from facts import TIME_ZONE
from programs import Program

from sql.database import AsyncConnection, Connection, async_connect, connect
from sql.embedded import start_embedded, stop_embedded
from sql.migrate import migrate

FOLDER = "TEST_DATABASE_FOLDER"  # tells the workers where the run's server is
TEMPLATE_LOCK = 1
MEMORY, MEMORY_NEEDED = "/dev/shm", 3 * 2**30  # noqa: S108 - a folder of our own is made in it
# Lost on a crash of the machine, as it may be; never used outside of tests.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "256MB",
    "autovacuum": "off",
    "max_connections": "300",
}


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run says where the server will be; it starts when first needed."""
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="kilowatch-test-", dir=quick_folder())


def quick_folder() -> str | None:
    """Memory, where there is enough of it. Every test creates and drops a database of 900 files,
    and ext4 walks past all that were deleted within the last seconds: a second each time."""
    if os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
        return MEMORY
    return None


def pytest_unconfigure(config: pytest.Config) -> None:
    """The workers have ended: stop the server and leave nothing behind."""
    if not hasattr(config, "workerinput") and FOLDER in os.environ:
        _drop_template()
        folder = Path(os.environ.pop(FOLDER))
        stop_embedded(folder)
        shutil.rmtree(folder, ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of the database runs on every engine there is."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", _engines(), scope="session")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was left out, so that nobody takes its silence for success."""
    skipped = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])}
    for reason in sorted(skipped):
        terminalreporter.write_line(f"NOT TESTED: {reason}", red=True, bold=True)


def _engines() -> list[str]:
    return ["plain", "timescale"] if os.environ.get("TEST_TIMESCALE_URL") else ["plain"]


@cache
def server(engine: str) -> str:
    """The DSN of the server's own database, for CREATE DATABASE."""
    if engine == "timescale":
        return os.environ["TEST_TIMESCALE_URL"]
    return start_embedded(Path(os.environ[FOLDER]), FAST)


@cache
def template(engine: str) -> str:
    """The name of the migrated database all others are cloned from; one worker makes it."""
    name = _template_name()
    with connect(server(engine)) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        found = admin.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            _make_template(admin, engine, name)
    return name


def _template_name() -> str:
    return f"template_{Path(os.environ[FOLDER]).name.replace('-', '_').lower()}"


def _drop_template() -> None:
    """A server that outlives the run keeps nothing of it (the embedded one goes as a whole)."""
    if "timescale" in _engines():
        with connect(server("timescale")) as admin:
            _execute(admin, f"DROP DATABASE IF EXISTS {_template_name()}")


def _make_template(admin: Connection, engine: str, name: str) -> None:
    _execute(admin, f"CREATE DATABASE {name}_unfinished")
    migrate(dsn_of(server(engine), f"{name}_unfinished"), TIME_ZONE)
    # nobody may be connected to a template, TimescaleDB's background workers included
    _execute(admin, f"ALTER DATABASE {name}_unfinished ALLOW_CONNECTIONS false")
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
        [f"{name}_unfinished"],
    )
    _execute(admin, f"ALTER DATABASE {name}_unfinished RENAME TO {name}")


def dsn_of(dsn: str, database: str) -> str:
    """The same server, another database."""
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


def _execute(connection: Connection, statement: str) -> None:
    connection.execute(statement.encode())


@pytest.fixture
def empty_database(engine: str) -> Iterator[str]:
    """The DSN of a database of one's own without any relation."""
    yield from _database(engine, "template0")


@pytest.fixture
def database(engine: str) -> Iterator[str]:
    """The DSN of a migrated database of one's own."""
    yield from _database(engine, template(engine))


def _database(engine: str, source: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(8)}"
    with connect(server(engine)) as admin:
        # copied as files: three times as quick as through the log when nothing is synced
        _execute(admin, f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    yield dsn_of(server(engine), name)
    with connect(server(engine)) as admin:
        _execute(admin, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def plain_database() -> Iterator[str]:
    """As `database`, always on plain PostgreSQL."""
    yield from _database("plain", template("plain"))


@pytest.fixture
def new_plain_database() -> Callable[[], AbstractContextManager[str]]:
    """As `plain_database`, as many as a test wants: `with new_plain_database() as dsn`."""
    return lambda: contextmanager(_database)("plain", template("plain"))


@pytest.fixture(scope="session")
def plain_server() -> str:
    """The DSN of the plain server itself, for those who make databases of their own kind."""
    return server("plain")


@pytest.fixture(scope="session")
def shared_connection(engine: str) -> Iterator[Connection]:
    """A connection to a migrated database that tests may only look at."""
    for database in _database(engine, template(engine)):
        with connect(database) as connection:
            yield connection


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """An autocommitting connection to `database`."""
    with connect(database) as connection:
        yield connection


@pytest.fixture
async def async_connection(database: str) -> AsyncIterator[AsyncConnection]:
    """An autocommitting asyncio connection to `database`."""
    connection = await async_connect(database)
    async with connection:
        yield connection


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder of one's own, with a short path; its server is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="kilowatch-data-"))
    yield folder
    stop_embedded(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def free_ports() -> list[int]:
    """Two of them."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return [int(listener.getsockname()[1]) for listener in (one, two)]


Eventually = Callable[..., tuple[Any, ...]]


@pytest.fixture
def eventually(database: str) -> Eventually:
    """Wait until a query answers: `eventually("SELECT ..", [..], channel="command")`.

    It asks once it listens and again at every notification on `channel`, and returns the first
    row. Fails after `seconds`.
    """

    def wait(
        query: str, parameters: Any = None, *, channel: str, seconds: float = 10
    ) -> tuple[Any, ...]:
        deadline = time.monotonic() + seconds
        with connect(database) as connection:
            _execute(connection, f"LISTEN {channel}")
            while True:
                row = connection.execute(query.encode(), parameters).fetchone()
                if row is not None:
                    return row
                left = deadline - time.monotonic()
                assert left > 0, f"no row within {seconds} s: {query}"
                list(connection.notifies(timeout=left, stop_after=1))

    return wait


@pytest.fixture
def async_eventually(eventually: Eventually) -> Callable[..., Any]:
    """`await async_eventually(..)`: as `eventually`, while the test's own loop goes on."""

    async def wait(*arguments: Any, **named: Any) -> tuple[Any, ...]:
        return await asyncio.to_thread(eventually, *arguments, **named)

    return wait


@pytest.fixture
def run_program() -> Iterator[Callable[..., Program]]:
    """Start programs that end with the test: `run_program([..], {"NAME": "value"})`."""
    programs: list[Program] = []

    def run(command: list[str], environment: dict[str, str] | None = None) -> Program:
        programs.append(Program(command, environment))
        return programs[-1]

    yield run
    for program in programs:
        program.end()
