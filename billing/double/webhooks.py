"""Webhooks: what happened is told, signed, in order, again until someone listens; or not.

A thread sends them to the URL or hands them to a callable.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.client import HTTPConnection, HTTPSConnection
from typing import Literal
from urllib.parse import urlsplit

from billing.double.deliveries import Deliveries, Delivery
from billing.double.errors import Obj
from billing.double.signing import signature
from billing.double.world import World

# receives the body and the Stripe-Signature header; returns an HTTP status, None is 200
Sink = Callable[[bytes, str], int | None]
Order = Literal["given", "reverse", "random"] | Sequence[str]
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
    """`secrets`: the newest first; two during a roll, and then every body has two signatures.

    `url` and `sink` may be set at any time; the sink goes first.
    """

    def __init__(self, world: World, url: str, secret: str, sink: Sink | None = None) -> None:
        self.world, self.url, self.sink = world, url, sink
        self.secrets = [secret]
        self.queue = Deliveries(world)
        self._habits: list[Habit] = []
        self._is_holding = False
        self._wake, self._stop = threading.Event(), threading.Event()
        self._sending = threading.RLock()
        world.on_event.append(self._tell)

    # -- what a test does ---------------------------------------------------------------------

    def hold(self) -> None:
        """Keep everything back until `release`."""
        self._is_holding = True

    def release(self, order: Order = "given", seed: int = 0) -> list[str]:
        """Let go what was held, in this order or that of these event ids; the ids, as sent.

        They are sent when it returns, but nobody waited for retries of what failed.
        """
        self._is_holding = False
        chosen = _ordered(self.queue.held(), order, seed)
        for delivery in chosen:
            self.queue.let_go(delivery.delivery_id)
            self._send(delivery.delivery_id)
        return [delivery.event_id for delivery in chosen]

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
            self.queue.add(self.world.get("event", event_id), time.time())
        self._wake.set()

    def forge(self, kind: str, obj: Obj, secret: str | None = None) -> str:
        """An event that never was, signed with `secret` (None: with the true one); its id."""
        event = {"id": self.world.new_id("evt"), "object": "event", "api_version": "forged",
                 "created": self.world.now(), "data": {"object": obj}, "livemode": False,
                 "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
                 "type": kind}  # fmt: skip
        self.queue.add(event, time.time(), secrets=[secret] if secret else None)
        self._wake.set()
        return str(event["id"])

    def roll(self, secret: str) -> None:
        """A new secret; the old one signs too until `forget_old`."""
        self.secrets.insert(0, secret)

    def forget_old(self) -> None:
        del self.secrets[1:]

    def deliver_all(self) -> None:
        """Send once now whatever waits, delayed and failed ones too; held ones stay."""
        for delivery_id in self.queue.due(float("inf")):
            self._send(delivery_id)

    def deliveries(self, pattern: str = "*") -> list[Delivery]:
        """What was or will be sent and how it was answered, oldest first."""
        return self.queue.all(pattern)

    # -- what happens by itself ---------------------------------------------------------------

    def run(self) -> None:
        """Send what is due until `stop`."""
        while not self._stop.is_set():
            self._wake.clear()
            for delivery_id in self.queue.due(time.time()):
                if self._stop.is_set():
                    return
                self._send(delivery_id)
            self._wake.wait(self.queue.seconds_until_next())

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def _tell(self, event: Obj) -> None:
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
            self.queue.add(event, due, held=self._is_holding)
        self._wake.set()

    def _use_up(self, habit: Habit) -> None:
        if habit.times is not None:
            habit.times -= 1
            if habit.times <= 0:
                self._habits.remove(habit)

    def _send(self, delivery_id: int) -> None:
        """One at a time, so the order is that of the queue."""
        with self._sending:
            delivery = self.queue.get(delivery_id)
            if delivery.outcome is None:
                status = self._post(delivery.payload.encode(), delivery.secrets or self.secrets)
                self.queue.answered(delivery, status)

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


def _ordered(held: list[Delivery], order: Order, seed: int) -> list[Delivery]:
    if order == "given":
        return held
    if order == "reverse":
        return held[::-1]
    if order == "random":
        return random.Random(seed).sample(held, len(held))  # noqa: S311
    return sorted(held, key=lambda delivery: list(order).index(delivery.event_id))
