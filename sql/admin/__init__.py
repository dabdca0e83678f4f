"""What administrators do to sites, stations and id tokens: one way for command line and browser.

Every function writes its line into the audit log in the same transaction: who, what, to whom,
what it was before and what it is now. No secrets.
"""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("admin")
COMMAND_LINE = "command line"

Values = Mapping[str, Any]


def audit(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    before: Values | None = None,
    after: Values | None = None,
) -> None:
    """One line of the audit log. Of a change only what differs is kept; a null is nothing."""
    queries.audit(
        connection, actor=actor, action=action, subject=subject,
        detail=Jsonb(told(before, after)),
    )  # fmt: skip


def told(before: Values | None, after: Values | None) -> dict[str, dict[str, Any]]:
    """`before` and `after` as the log keeps them."""
    old, new = dict(before or {}), dict(after or {})
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    kept = {"before": old, "after": new}
    return {
        when: found for when, values in kept.items()
        if (found := {n: values[n] for n in names if values.get(n) is not None})
    }  # fmt: skip
