"""Idempotency keys as Stripe honours them (https://docs.stripe.com/api/idempotent_requests).

What an endpoint answered once it had begun is answered again for a day, errors included; the same
key with another endpoint or other parameters is refused, and so is one that is being answered.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from billing.double.errors import ApiError, Obj, malformed
from billing.double.world import World

_LONGEST = 255


@dataclass(frozen=True)
class Asked:
    """What a key was used for."""

    key: str
    endpoint: str
    digest: str


@dataclass(frozen=True)
class Remembered:
    """A stored answer."""

    status: int
    body: Obj
    request_id: str


def asked_with(key: str | None, method: str, path: str, body: str) -> Asked | None:
    """None where keys have no meaning."""
    if method != "POST" or key is None:
        return None
    if not 0 < len(key) <= _LONGEST:
        raise malformed(f"Idempotency keys can be up to {_LONGEST} characters long.")
    parts = "&".join(sorted(body.split("&")))
    return Asked(key, path, sha256(parts.encode()).hexdigest())


class InFlight:
    """Keys whose first request is being answered."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, asked: Asked | None) -> Iterator[None]:
        """Raises 409 idempotency_key_in_use when someone else is at it."""
        if asked is None:
            yield
            return
        with self._lock:
            if asked.key in self._keys:
                raise _in_use(asked.key)
            self._keys.add(asked.key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(asked.key)


def recall(world: World, asked: Asked | None) -> Remembered | None:
    """The answer given before, if the key is still known; raises idempotency_error on misuse."""
    if asked is None:
        return None
    oldest = world.now() - world.rules.idempotency_seconds
    row = world.store.db.execute(
        "SELECT endpoint, digest, status, body, request_id FROM answer WHERE key = ? AND at > ?",
        [asked.key, oldest],
    ).fetchone()
    if row is None:
        return None
    if row[0] != asked.endpoint:
        raise _misused(f"for the same endpoint they were first used for ('{row[0]}')", asked.key)
    if row[1] != asked.digest:
        raise _misused("with the same parameters they were first used with", asked.key)
    return Remembered(row[2], json.loads(row[3]), row[4])


def remember(world: World, asked: Asked | None, answer: Remembered) -> None:
    if asked is not None:
        world.store.db.execute(
            "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)",
            [asked.key, world.now(), asked.endpoint, asked.digest, answer.status,
             json.dumps(answer.body), answer.request_id],
        )  # fmt: skip


def _misused(how: str, key: str) -> ApiError:
    message = f"Keys for idempotent requests can only be used {how}. Try using a key other than"
    message += f" '{key}' if you meant to execute a different request."
    return ApiError(400, message, kind="idempotency_error", executed=False)


def _in_use(key: str) -> ApiError:
    message = "There is currently another in-progress request using this Stripe idempotency key"
    message += " (that probably means you submitted twice, and the other request is still going"
    message += f" through): {key}. Please try again later."
    return ApiError(409, message, code="idempotency_key_in_use", executed=False)
