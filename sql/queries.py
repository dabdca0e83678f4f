"""Named queries: sql/queries/<part>.sql, loaded by aiosql; one file serves sync and async.

A query is called with a connection and its parameters by name:

    queries = load_queries("board")
    rows = queries.evse_states(connection, site_id=7)              # psycopg.Connection
    rows = await async_queries.evse_states(connection, site_id=7)  # psycopg.AsyncConnection

The mark after the name says what comes back: none: all rows (a list when async, a generator
otherwise), `^` one row or None, `$` one value, `!` the number of rows changed, `<!` what
RETURNING gives. Rows have the form of the connection's row factory.
"""

from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import aiosql

FOLDER = Path(__file__).parent / "queries"


class Queries(Protocol):
    """The queries of one file as methods; `available_queries` names them."""

    @property
    def available_queries(self) -> list[str]: ...

    def __getattr__(self, name: str) -> Any: ...


@cache
def load_queries(part: str) -> Queries:
    """The queries of sql/queries/<part>.sql for `psycopg.Connection`."""
    return _load(part, "psycopg")


@cache
def load_async_queries(part: str) -> Queries:
    """The same for `psycopg.AsyncConnection`: every call is awaited."""
    return _load(part, "apsycopg")


def parts() -> list[str]:
    """All files of sql/queries, without `.sql`."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


def _load(part: str, adapter: str) -> Queries:
    return cast("Queries", aiosql.from_path(FOLDER / f"{part}.sql", adapter))
