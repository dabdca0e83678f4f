"""Named queries as the server sees them, without running them."""

import re

import psycopg
from psycopg import pq

from sql.database import Connection

PARAMETER = re.compile(r"%\((\w+)\)s|%%")


def numbered(text: str) -> tuple[str, list[str]]:
    """The SQL with $1, $2 .. in the place of %(name)s, and the names in that order."""
    names: list[str] = []

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PARAMETER.sub(replace, text), names


def prepared(connection: Connection, text: str) -> dict[str, int]:
    """Prepare a query; the type (oid) the server gives each of its parameters, by name.

    Raises what the server says of a table, column or type that is not there.
    """
    statement, names = numbered(text)
    link = connection.pgconn
    _check(connection, link.prepare(b"", statement.encode()))
    described = _check(connection, link.describe_prepared(b""))
    return {name: described.param_type(index) for index, name in enumerate(names)}


def _check(connection: Connection, result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
    return result
