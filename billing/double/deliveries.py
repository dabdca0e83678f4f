"""The queue of webhooks: what is to be sent when, and how it was answered. Kept in the database.

Its hours are real time, whatever the double's clock says.
"""

import json
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from billing.double.errors import Obj
from billing.double.world import World

RETRIES = (1, 2, 5, 10, 30, 60, 300, 900, 3600)  # seconds; Stripe's own are hours
_OPEN = "outcome IS NULL AND NOT held"


@dataclass(frozen=True)
class Delivery:
    """`secrets`: those it is to be signed with, where not the endpoint's own."""

    delivery_id: int
    event_id: str
    type: str
    payload: str
    attempts: int
    held: bool
    outcome: str | None
    answers: list[int]
    secrets: list[str] | None


class Deliveries:
    """Takes the world's lock for each step."""

    def __init__(self, world: World) -> None:
        self._world, self._db = world, world.store.db

    def add(
        self, event: Obj, due: float, *, held: bool = False, secrets: list[str] | None = None
    ) -> None:
        """Runs inside the change that made the event, or on its own."""
        payload = {name: value for name, value in event.items() if not name.startswith("_")}
        with self._world.lock:
            self._db.execute(
                "INSERT INTO delivery (event_id, payload, due, held, secrets)"
                " VALUES (?, ?, ?, ?, ?)",
                [event["id"], json.dumps(payload, indent=2), due, int(held),
                 json.dumps(secrets)],
            )  # fmt: skip

    def due(self, by: float) -> list[int]:
        """Ids of those to be sent by then, in order."""
        query = f"SELECT delivery_id FROM delivery WHERE {_OPEN} AND due <= ?"  # noqa: S608
        with self._world.lock:
            rows = self._db.execute(f"{query} ORDER BY due, delivery_id", [by])
            return [row[0] for row in rows]

    def seconds_until_next(self) -> float | None:
        query = f"SELECT min(due) FROM delivery WHERE {_OPEN}"  # noqa: S608
        with self._world.lock:
            due = self._db.execute(query).fetchone()[0]
        return None if due is None else max(0.0, due - time.time())

    def get(self, delivery_id: int) -> Delivery:
        return self._find("delivery_id = ?", delivery_id)[0]

    def held(self) -> list[Delivery]:
        return self._find("held")

    def all(self, pattern: str = "*") -> list[Delivery]:
        """Those whose event's type matches, oldest first."""
        return [one for one in self._find("true") if fnmatchcase(one.type, pattern)]

    def _find(self, condition: str, *values: Any) -> list[Delivery]:
        query = (
            "SELECT delivery_id, event_id, json_extract(payload, '$.type'), payload, attempts,"  # noqa: S608
            f" held, outcome, answers, secrets FROM delivery WHERE {condition} ORDER BY delivery_id"
        )
        with self._world.lock:
            rows = self._db.execute(query, values).fetchall()
        return [_delivery(*row) for row in rows]

    def let_go(self, delivery_id: int) -> None:
        self._update(delivery_id, held=0)

    def answered(self, delivery: Delivery, status: int) -> None:
        """Delivered, to be sent again later, or given up."""
        attempts = delivery.attempts + 1
        changes: dict[str, Any] = {"attempts": attempts}
        changes["answers"] = json.dumps([*delivery.answers, status])
        if 200 <= status < 300:
            changes["outcome"] = "delivered"
        elif attempts > len(RETRIES):
            changes["outcome"] = "given up"
        else:
            changes["due"] = time.time() + RETRIES[attempts - 1]
        self._update(delivery.delivery_id, **changes)

    def _update(self, delivery_id: int, **changes: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in changes)
        with self._world.lock:
            self._db.execute(
                f"UPDATE delivery SET {names} WHERE delivery_id = ?",  # noqa: S608
                [*changes.values(), delivery_id],
            )


def _delivery(*row: Any) -> Delivery:
    delivery_id, event_id, kind, payload, attempts, held, outcome, answers, secrets = row
    return Delivery(
        delivery_id, event_id, kind, payload, attempts, bool(held), outcome, json.loads(answers),
        json.loads(secrets),
    )  # fmt: skip
