"""What every message of every version has: how it is read and how it is answered."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.events import Event, Noted, Outcome

Payload = dict[str, Any]


class Handler(msgspec.Struct, frozen=True):
    """`read` turns a checked payload into an event, `answer` the outcome into the result's payload.

    `is_heartbeat`: answered at once, nothing is stored but when the station was last seen.
    """

    read: Callable[[Payload, datetime], Event]
    answer: Callable[[Outcome], Payload]
    is_heartbeat: bool = False


def fitting(value: float | None, most: int = 2**31 - 1) -> int | None:
    """A whole number that fits its column, or None: 2.x lets integers be 1.0 and of any size."""
    return None if value is None or abs(value) > most else int(value)


def utc_text(at: datetime) -> str:
    """RFC 3339 with milliseconds and Z, which every station can read."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def read_noted(_payload: Payload, _at: datetime) -> Event:
    return Noted()


def constant(**payload: Any) -> Handler:
    """A message we only keep: answered as the standard wants from those who don't act on it."""
    return Handler(read_noted, lambda _outcome: payload)


def answer_boot(outcome: Outcome) -> Payload:
    return {
        "currentTime": utc_text(datetime.now(UTC)),
        "interval": outcome.heartbeat_seconds,
        "status": outcome.registration_status,
    }


def answer_heartbeat(_outcome: Outcome) -> Payload:
    return {"currentTime": utc_text(datetime.now(UTC))}


HEARTBEAT = Handler(read_noted, answer_heartbeat, is_heartbeat=True)
