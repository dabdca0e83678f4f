"""What the web parts are given: the settings and the pool, and how they speak to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import ConnectionPool

from sql.database import Connection
from sql.settings import Settings

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Deps:
    """Settings and an open pool of this process (see sql.database.sync_pool)."""

    settings: Settings
    pool: ConnectionPool[Connection]

    @property
    def dsn(self) -> str:
        """For a connection of one's own, to listen on."""
        conninfo = self.pool.conninfo
        return conninfo if isinstance(conninfo, str) else conninfo()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection lent from the pool whose rows are dicts."""
        with self.pool.connection() as lent:
            connection: psycopg.Connection[Any] = lent
            connection.row_factory = dict_row
            try:
                yield connection
            finally:
                connection.row_factory = tuple_row

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """The same inside one transaction: everything, or nothing."""
        with self.connection() as connection, connection.transaction():
            yield connection
