"""Everything the double remembers, in one SQLite file: objects as JSON, what is due, what was sent.

Not safe for threads: the world's lock is held by whoever uses it. Names that begin with `_` inside
an object are the double's own and never shown.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from billing.double.errors import Obj

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    kind    TEXT NOT NULL,
    created INTEGER NOT NULL,
    body    TEXT NOT NULL,
    payout  TEXT,  -- that a balance transaction is part of; Stripe's objects do not say
    -- copies from the body, to look for
    payment_intent TEXT, source TEXT, customer TEXT, charge TEXT, status TEXT, currency TEXT,
    type TEXT, email TEXT, available_on INTEGER, arrival_date INTEGER, net INTEGER
);
CREATE INDEX IF NOT EXISTS object_list ON object (kind, created, seq);
CREATE INDEX IF NOT EXISTS object_intent ON object (payment_intent)
    WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_source ON object (source) WHERE source IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_payout ON object (payout) WHERE payout IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_unpaid ON object (available_on)
    WHERE available_on IS NOT NULL AND payout IS NULL;
CREATE INDEX IF NOT EXISTS object_balance ON object (currency, available_on, net)
    WHERE available_on IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_held ON object (created) WHERE status = 'requires_capture';
CREATE TABLE IF NOT EXISTS due (
    due_id  INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS due_at ON due (at);
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, at INTEGER NOT NULL, endpoint TEXT NOT NULL, digest TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, request_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS effect (
    effect_id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, subject TEXT NOT NULL, amount INTEGER NOT NULL, at INTEGER NOT NULL,
    request_id TEXT
);
CREATE INDEX IF NOT EXISTS effect_subject ON effect (subject);
CREATE TABLE IF NOT EXISTS delivery (
    delivery_id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL, payload TEXT NOT NULL, due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0,
    outcome TEXT, answers TEXT NOT NULL DEFAULT '[]', secrets TEXT
);
CREATE INDEX IF NOT EXISTS delivery_open ON delivery (due) WHERE outcome IS NULL;
CREATE TABLE IF NOT EXISTS memo (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_LIST = "(SELECT value FROM json_each(?))"
_PLACE = "(SELECT created, seq FROM object WHERE id = ?)"
_COPIED = (
    "payment_intent", "source", "customer", "charge", "status", "currency", "type", "email",
    "available_on", "arrival_date", "net",
)  # fmt: skip
_PUT = (
    f"INSERT INTO object (id, kind, created, body, {', '.join(_COPIED)})"  # noqa: S608
    f" VALUES (?, ?, ?, ?{', ?' * len(_COPIED)}) ON CONFLICT (id) DO UPDATE SET"
    f" body = excluded.body, {', '.join(f'{name} = excluded.{name}' for name in _COPIED)}"
)
Condition = tuple[str, str, Any]  # column, operator, value


class Store:
    """`path` may be `:memory:`."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(SCHEMA)

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested, the outermost decides."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException as error:
            self.db.execute("COMMIT" if getattr(error, "kept", False) else "ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def put(self, obj: Obj) -> Obj:
        """Write a new object or what has become of an old one; returns it."""
        copies = [obj.get(name) for name in _COPIED]
        self.db.execute(_PUT, [obj["id"], obj["object"], obj["created"], json.dumps(obj), *copies])
        return obj

    def get(self, kind: str, object_id: str) -> Obj | None:
        row = self.db.execute(
            "SELECT body FROM object WHERE id = ? AND kind = ?", [object_id, kind]
        ).fetchone()
        return json.loads(row[0]) if row else None

    def find(
        self, kind: str, *conditions: Condition, limit: int = -1,
        after: str | None = None, before: str | None = None,
    ) -> list[Obj]:  # fmt: skip
        """Newest first; `after` and `before` are ids of objects to go on from, `before` backwards.

        Fields are columns; they and operators are written in our code, never taken from a request.
        """
        where: list[str] = ["kind = ?"]
        values: list[Any] = [kind]
        for field, operator, value in conditions:
            is_list = operator == "IN"
            where.append(f"{field} {operator} {_LIST if is_list else '?'}")
            values.append(json.dumps(value) if is_list else value)
        order, sign = ("ASC", ">") if before else ("DESC", "<")
        if cursor := after or before:
            where.append(f"(created, seq) {sign} {_PLACE}")
            values.append(cursor)
        query = f"SELECT body FROM object WHERE {' AND '.join(where)}"  # noqa: S608
        query += f" ORDER BY created {order}, seq {order} LIMIT ?"
        found = [json.loads(row[0]) for row in self.db.execute(query, [*values, limit])]
        return found if order == "DESC" else found[::-1]

    def memo(self, name: str, default: str = "") -> str:
        row = self.db.execute("SELECT value FROM memo WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else default

    def set_memo(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO memo VALUES (?, ?)", [name, value])
