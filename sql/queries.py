"""Named queries: sql/queries/<part>.sql, loaded by aiosql; one file serves sync and async.

A query is called with a connection and its parameters by name:

    queries = load_queries("board")
    rows = queries.evse_states(connection, site_id=7)        # psycopg.Connection
    queries = load_async_queries("board")
    rows = await queries.evse_states(connection, site_id=7)  # psycopg.AsyncConnection

The mark after a query's name says what comes back: no mark: a list of rows, `^`: one row or
None, `$`: one value or None, `!`: the number of rows changed, `<!`: the row of RETURNING.
A literal % is written %%. Rows have the shape of the connection's row factory.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import aiosql
from aiosql.types import SQLOperationType

FOLDER = Path(__file__).parent / "queries"


class Queries:
    """The queries of one file as methods."""

    def __init__(self, found: dict[str, Any], methods: dict[str, Callable[..., Any]]) -> None:
        # by name: SQL with %(name)s parameters, and what the comment says of it
        self.texts: dict[str, str] = {name: query.sql for name, query in found.items()}
        self.sentences = {name: (query.__doc__ or "").strip() for name, query in found.items()}
        self._methods = methods

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return self._methods[name]
        except KeyError:
            raise AttributeError(f"no query is named {name}") from None


@cache
def load_queries(part: str) -> Queries:
    """The queries of sql/queries/<part>.sql for `psycopg.Connection`."""
    return _load(part, "psycopg", _list)


@cache
def load_async_queries(part: str) -> Queries:
    """The same for `psycopg.AsyncConnection`: every call is awaited."""
    return _load(part, "apsycopg", _async_list)


def parts() -> list[str]:
    """All files of sql/queries, without `.sql`."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


def _load(part: str, adapter: str, as_list: Callable[[Any], Callable[..., Any]]) -> Queries:
    found = aiosql.from_path(FOLDER / f"{part}.sql", adapter, mandatory_parameters=False)
    names = [name for name in found.available_queries if not name.endswith("_cursor")]
    queries = {name: getattr(found, name) for name in names}
    methods = {
        name: as_list(query) if query.operation == SQLOperationType.SELECT else query
        for name, query in queries.items()
    }
    return Queries(queries, methods)


def _list(query: Callable[..., Any]) -> Callable[..., Any]:
    """Fetch all at once: a half-read generator would keep the connection busy."""

    def rows(connection: Any, **parameters: Any) -> list[Any]:
        return list(query(connection, **parameters))

    return rows


def _async_list(query: Callable[..., Any]) -> Callable[..., Any]:
    async def rows(connection: Any, **parameters: Any) -> list[Any]:
        return [row async for row in query(connection, **parameters)]

    return rows
