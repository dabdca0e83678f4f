"""Review items that code opens and closes by itself: open once per subject, resolved when gone."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("reconcile")
DIFFERENCE = "difference"
AT_MOST = 500  # items per check: beyond that people fix the cause, not the items


class Found(Struct, frozen=True):
    """One thing that differs; `amount` in minor units."""

    subject: str
    amount: int = 0
    currency: str | None = None
    payment_id: int | None = None
    session_id: int | None = None
    evidence: dict[str, Any] = {}


def open_items(connection: Connection, check: str, found: Sequence[Found], now: datetime) -> int:
    """An item for each difference that has none; how many are new."""
    rows = [msgspec.structs.asdict(one) for one in found[:AT_MOST]]
    items = msgspec.json.encode(rows).decode()
    return int(queries.open_items(connection, kind=DIFFERENCE, name=check, items=items, at=now))


def resolve_gone(
    connection: Connection, check: str, found: Collection[Found], now: datetime
) -> int:
    """Resolve the items of differences that are no more, with a note; how many."""
    left = [f"{check}: {one.subject}" for one in found]
    return int(queries.resolve_gone(connection, kind=DIFFERENCE, name=check, subjects=left, at=now))
