"""What the administration pages read and do, each in a short transaction of its own.

Deeds are those of the command line (sql/admin, dashboard/admin.py), in the name of who is signed
in.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from flask_login import current_user

from dashboard.data import Row, deps
from sql.queries import load_queries

queries = load_queries("administration")

READING = ("operator", "manager")  # and admins; of users, tokens of the API and the log only they
ACTING = ("admin",)
PAGE_ROWS = 100
R = TypeVar("R")


def rows(name: str, **parameters: Any) -> list[Row]:
    """The rows of a query of administration.sql."""
    with deps().connection() as connection:
        found: list[Row] = getattr(queries, name)(connection, **parameters)
    return found


def row(name: str, **parameters: Any) -> Row | None:
    """One row, or none."""
    with deps().connection() as connection:
        found: Row | None = getattr(queries, name)(connection, **parameters)
    return found


def do(deed: Callable[..., R], *arguments: Any, **named: Any) -> R:
    """A deed on a connection, in the name of who is signed in."""
    with deps().connection() as connection:
        return deed(connection, current_user.email, *arguments, **named)


def page_of(name: str, after: str, key: str, **asked: Any) -> tuple[list[Row], str]:
    """Some rows after a key, and the key that the next page begins after ("": there is none)."""
    found = rows(name, after=after, limit=PAGE_ROWS + 1, **asked)
    shown = found[:PAGE_ROWS]
    return shown, str(shown[-1][key]) if len(found) > PAGE_ROWS else ""


def audit_pages(asked: dict[str, Any]) -> Iterator[Row]:
    """All lines of the log that are asked for, newest first, read a page at a time."""
    cursor: tuple[datetime | None, int | None] = (None, None)
    while True:
        found = rows("audit_log", **asked, cursor_at=cursor[0], cursor_id=cursor[1], limit=1000)
        yield from found
        if len(found) < 1000:
            return
        cursor = (found[-1]["at"], found[-1]["audit_id"])


def refused_pages(run_id: int) -> Iterator[Row]:
    """All rows of an import that were not taken, read a page at a time."""
    line = -1
    while found := rows("refused_rows", run_id=run_id, after_line=line, at_most=1000):
        yield from found
        line = found[-1]["line"]
