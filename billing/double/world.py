"""The state behind the API: objects, time, what happens by itself, what is told by webhook."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from string import ascii_letters, digits
from typing import Any

from billing.double.clock import Clock, HasNow
from billing.double.errors import Obj, missing
from billing.double.rendering import shown
from billing.double.rules import Rules
from billing.double.store import Store

API_VERSION = "2026-10-28.endive"
_LETTERS = ascii_letters + digits
Action = Callable[["World", str], None]


@dataclass
class Asking:
    """The request in progress, as events and effects name it."""

    request_id: str | None = None
    key: str | None = None


@dataclass
class World:
    """Whoever reads or changes it holds `lock`: `with world.changing(): ...`."""

    store: Store
    rules: Rules = field(default_factory=Rules)
    clock: HasNow = field(default_factory=Clock)
    actions: dict[str, Action] = field(default_factory=dict)
    on_event: list[Callable[[Obj], None]] = field(default_factory=list)
    public_url: str = ""
    # what the next refund becomes at first, when a test wants it so
    next_refunds: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.asking = Asking()
        self.quiet = False  # while a past is written nobody is told of it
        self._instant: int | None = None

    def now(self) -> int:
        """Unix seconds; the due instant while something due happens."""
        return self._instant or int(self.clock.now().timestamp())

    @contextmanager
    def at(self, instant: int) -> Iterator[None]:
        """What happens inside happens then."""
        before, self._instant = self._instant, instant
        try:
            yield
        finally:
            self._instant = before

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One change: everything due until now has happened before it."""
        with self.lock:
            with self.store.transaction():
                self.run_due()
            with self.store.transaction():
                yield

    @contextmanager
    def asked_by(self, request_id: str, key: str | None) -> Iterator[None]:
        """What happens inside was asked for by this request."""
        self.asking = Asking(request_id, key)
        try:
            yield
        finally:
            self.asking = Asking()

    def new_id(self, prefix: str) -> str:
        number, letters = int.from_bytes(secrets.token_bytes(18)), []
        for _ in range(24):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return f"{prefix}_{''.join(letters)}"

    def get(self, kind: str, object_id: str, param: str = "id", status: int = 404) -> Obj:
        """The object, or Stripe's resource_missing; what was deleted is missing, too."""
        obj = self.store.get(kind, object_id)
        if obj is None or obj.get("deleted"):
            raise missing(kind, object_id, param, status)
        return obj

    def put(self, obj: Obj, event: str = "", previous: Obj | None = None) -> Obj:
        """Write it and, when `event` is named, tell of it."""
        self.store.put(obj)
        if event:
            self.emit(event, obj, previous)
        return obj

    def emit(self, kind: str, obj: Obj, previous: Obj | None = None) -> None:
        """An event with the object as it is now."""
        if self.quiet:
            return
        data: Obj = {"object": shown(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        asked = {"id": self.asking.request_id, "idempotency_key": self.asking.key}
        event = {
            "id": self.new_id("evt"), "object": "event", "api_version": API_VERSION,
            "created": self.now(), "data": data, "livemode": False, "pending_webhooks": 1,
            "request": asked, "type": kind, "_subject": obj.get("id"),
        }  # fmt: skip
        self.store.put(event)
        for tell in self.on_event:
            tell(event)

    def note(self, kind: str, subject: str, amount: int) -> None:
        """Money has moved: kept for `Double.captures` and its like."""
        self.store.db.execute(
            "INSERT INTO effect (kind, subject, amount, at, request_id) VALUES (?, ?, ?, ?, ?)",
            [kind, subject, amount, self.now(), self.asking.request_id],
        )

    def schedule(self, at: int, action: str, subject: str) -> None:
        self.store.db.execute(
            "INSERT INTO due (at, action, subject) VALUES (?, ?, ?)", [at, action, subject]
        )

    def run_due(self) -> None:
        """Do everything that is due, in order, each at its own instant."""
        if self._instant is not None:
            return
        now, db = self.now(), self.store.db
        query = "SELECT due_id, at, action, subject FROM due WHERE at <= ? ORDER BY at, due_id"
        while row := db.execute(f"{query} LIMIT 1", [now]).fetchone():
            db.execute("DELETE FROM due WHERE due_id = ?", [row[0]])
            with self.at(row[1]):
                self.actions[row[2]](self, row[3])


def day_of(instant: int) -> int:
    """Midnight, UTC."""
    return instant - instant % 86400


def at_utc(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


def base(world: World, kind: str, prefix: str, **more: Any) -> Obj:
    """What every object has."""
    made = {"id": world.new_id(prefix), "object": kind, "created": world.now(), "livemode": False}
    return made | {"metadata": {}} | more
