"""Webhooks: what happened is told, signed, in order, again until someone listens; or not.

Deliveries wait in the database. A thread sends them to the URL or hands them to a callable; their
hours are real time, whatever the double's clock says.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Literal
from urllib.parse import urlsplit

from billing.double.errors import Obj
from billing.double.signing import signature
from billing.double.world import World

# receives the body and the Stripe-Signature header; returns an HTTP status, None is 200
Sink = Callable[[bytes, str], int | None]
RETRIES = (1, 2, 5, 10, 30, 60, 300, 900, 3600)  # seconds; Stripe's own are hours
_PATIENCE = 10.0
_FAILED = 599


@dataclass
class Habit:
    """What is done to the next `times` events whose type matches."""

    kind: Literal["drop", "duplicate", "delay"]
    pattern: str
    times: int | None
    amount: float = 0


class Webhooks:
    """`secrets`: the newest first; two during a roll, and then every body has two signatures."""

    def __init__(self, world: World, url: str, secret: str, sink: Sink | None = None) -> None:
        self.world, self.url, self.sink = world, url, sink
        self.secrets = [secret]
        self._habits: list[Habit] = []
        self._is_holding = False
        self._wake, self._stop = threading.Event(), threading.Event()
        self._sending = threading.RLock()
        world.on_event.append(self._queue)

    # -- what a test does ---------------------------------------------------------------------

    def hold(self) -> None:
        """Keep everything back until `release`."""
        self._is_holding = True

    def release(
        self, order: Literal["given", "reverse", "random"] | Sequence[str] = "given",
        seed: int = 0,
    ) -> list[str]:  # fmt: skip
        """Let go what was held, in this order or that of these event ids; the ids, as sent.

        They are sent when it returns, but nobody waited for retries of what failed.
        """
        self._is_holding = False
        with self.world.lock:
            query = "SELECT delivery_id, event_id FROM delivery WHERE held ORDER BY delivery_id"
            rows = self.world.store.db.execute(query).fetchall()
        chosen = _ordered(rows, order, seed)
        for delivery_id, _ in chosen:
            self._update(delivery_id, held=0)
            self._send_one(delivery_id)
        return [event_id for _, event_id in chosen]

    def drop(self, pattern: str = "*", times: int | None = 1) -> None:
        """The next events of this type are never sent."""
        self._habits.append(Habit("drop", pattern, times))

    def duplicate(self, pattern: str = "*", times: int | None = None, copies: int = 2) -> None:
        """Events of this type are sent `copies` times."""
        self._habits.append(Habit("duplicate", pattern, times, copies))

    def delay(self, seconds: float, pattern: str = "*", times: int | None = None) -> None:
        """Events of this type are sent that much later (or by `deliver_all`)."""
        self._habits.append(Habit("delay", pattern, times, seconds))

    def behave(self) -> None:
        """No more habits, nothing held."""
        self._habits.clear()
        self.release()

    def resend(self, event_id: str) -> None:
        """An old event once more, as the dashboard's button does."""
        with self.world.changing():
            event = self.world.get("event", event_id)
            self._insert(event, time.time(), held=False)
        self._wake.set()

    def forge(self, kind: str, obj: Obj, secret: str | None = None) -> str:
        """An event that never was, signed with `secret` (None: with the true one); its id."""
        event = {"id": self.world.new_id("evt"), "object": "event", "api_version": "forged",
                 "created": self.world.now(), "data": {"object": obj}, "livemode": False,
                 "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
                 "type": kind}  # fmt: skip
        secrets = None if secret is None else json.dumps([secret])
        with self.world.changing():
            self._insert(event, time.time(), held=False, secrets=secrets)
        self._wake.set()
        return str(event["id"])

    def roll(self, secret: str) -> None:
        """A new secret; the old one signs too until `forget_old`."""
        self.secrets.insert(0, secret)

    def forget_old(self) -> None:
        del self.secrets[1:]

    def deliver_all(self) -> None:
        """Send now whatever waits (held apart), again and again until it has arrived or failed."""
        for delivery_id in self._waiting(due_by=float("inf")):
            self._send_one(delivery_id)

    def deliveries(self, pattern: str = "*") -> list[Obj]:
        """What was sent and how it was answered, oldest first."""
        query = "SELECT event_id, payload, attempts, held, outcome, answers FROM delivery"
        with self.world.lock:
            rows = self.world.store.db.execute(f"{query} ORDER BY delivery_id").fetchall()
        names = ("event_id", "payload", "attempts", "held", "outcome", "answers")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for delivery in found:
            delivery["answers"] = json.loads(delivery["answers"])
            delivery["type"] = json.loads(delivery["payload"])["type"]
        return [delivery for delivery in found if fnmatchcase(delivery["type"], pattern)]

    # -- what happens by itself ---------------------------------------------------------------

    def run(self) -> None:
        """Send what is due until `stop`."""
        while not self._stop.is_set():
            self._wake.clear()
            for delivery_id in self._waiting(time.time()):
                if self._stop.is_set():
                    return
                self._send_one(delivery_id)
            self._wake.wait(self._until_next())

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def _queue(self, event: Obj) -> None:
        """Runs inside the change that made the event."""
        if not (self.url or self.sink):
            return
        due, copies = time.time(), 1
        for habit in [habit for habit in self._habits if fnmatchcase(event["type"], habit.pattern)]:
            self._use_up(habit)
            if habit.kind == "drop":
                return
            due += habit.amount if habit.kind == "delay" else 0
            copies = int(habit.amount) if habit.kind == "duplicate" else copies
        for _ in range(copies):
            self._insert(event, due, self._is_holding)
        self._wake.set()

    def _use_up(self, habit: Habit) -> None:
        if habit.times is not None:
            habit.times -= 1
            if habit.times <= 0:
                self._habits.remove(habit)

    def _insert(self, event: Obj, due: float, held: bool, secrets: str | None = None) -> None:
        payload = {name: value for name, value in event.items() if not name.startswith("_")}
        self.world.store.db.execute(
            "INSERT INTO delivery (event_id, payload, due, held, secrets) VALUES (?, ?, ?, ?, ?)",
            [event["id"], json.dumps(payload, indent=2), due, int(held), secrets],
        )

    def _waiting(self, due_by: float) -> list[int]:
        query = "SELECT delivery_id FROM delivery WHERE outcome IS NULL AND NOT held AND due <= ?"
        with self.world.lock:
            rows = self.world.store.db.execute(f"{query} ORDER BY due, delivery_id", [due_by])
            return [row[0] for row in rows]

    def _until_next(self) -> float | None:
        query = "SELECT min(due) FROM delivery WHERE outcome IS NULL AND NOT held"
        with self.world.lock:
            due = self.world.store.db.execute(query).fetchone()[0]
        return None if due is None else max(0.0, due - time.time())

    def _send_one(self, delivery_id: int) -> None:
        """At most one thread sends, so the order is that of the queue."""
        with self._sending:
            with self.world.lock:
                row = self.world.store.db.execute(
                    "SELECT payload, attempts, outcome, answers, secrets FROM delivery"
                    " WHERE delivery_id = ?", [delivery_id],
                ).fetchone()  # fmt: skip
            if row[2] is not None:
                return
            secrets = json.loads(row[4]) if row[4] else self.secrets
            status = self._post(row[0].encode(), secrets)
            answers = [*json.loads(row[3]), status]
            self._note(delivery_id, row[1] + 1, answers)

    def _note(self, delivery_id: int, attempts: int, answers: list[int]) -> None:
        changes: dict[str, Any] = {"attempts": attempts, "answers": json.dumps(answers)}
        if 200 <= answers[-1] < 300:
            changes["outcome"] = "delivered"
        elif attempts > len(RETRIES):
            changes["outcome"] = "given up"
        else:
            changes["due"] = time.time() + RETRIES[attempts - 1]
        self._update(delivery_id, **changes)

    def _update(self, delivery_id: int, **changes: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in changes)
        with self.world.lock:
            self.world.store.db.execute(
                f"UPDATE delivery SET {names} WHERE delivery_id = ?",  # noqa: S608
                [*changes.values(), delivery_id],
            )

    def _post(self, payload: bytes, secrets: list[str]) -> int:
        header = signature(payload, secrets, int(time.time()))
        try:
            if self.sink:
                return self.sink(payload, header) or 200
            return _post_to(self.url, payload, header)
        except Exception:  # a receiver that is down, or a sink that raises
            return _FAILED


def _post_to(url: str, payload: bytes, header: str) -> int:
    """As Stripe: no redirect is followed, no proxy used."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header,
               "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}  # fmt: skip
    with closing(kind(parts.netloc, timeout=_PATIENCE)) as connection:
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.request("POST", path, payload, headers)
        return connection.getresponse().status


def _ordered(
    rows: list[tuple[int, str]], order: str | Sequence[str], seed: int
) -> list[tuple[int, str]]:
    if order == "given":
        return rows
    if order == "reverse":
        return rows[::-1]
    if order == "random":
        return random.Random(seed).sample(rows, len(rows))  # noqa: S311
    return sorted(rows, key=lambda row: list(order).index(row[1]))
