"""What every message of every version has: how it is read and how it is answered."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from ingest.events import Event, Outcome


class Handler(msgspec.Struct, frozen=True):
    """`read` turns a checked payload into an event, `answer` the outcome into the result's payload.

    `is_heartbeat`: answered at once, nothing is stored but when the station was last seen.
    """

    read: Callable[[dict[str, Any], datetime], Event]
    answer: Callable[[Outcome], dict[str, Any]]
    is_heartbeat: bool = False


def fitting(value: float | None, most: int = 2**31 - 1) -> int | None:
    """A whole number that fits its column, or None: 2.x lets integers be 1.0 and of any size."""
    return None if value is None or abs(value) > most else int(value)


def utc_text(at: datetime) -> str:
    """RFC 3339 with milliseconds and Z, which every station can read."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
