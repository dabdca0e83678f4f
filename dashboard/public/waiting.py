"""Ask other processes for something by a row, and wait for what becomes of it."""

import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Any, TypeVar

from psycopg.rows import dict_row

from dashboard.deps import Deps
from sql.database import connect

T = TypeVar("T")
Look = Callable[[Any, int], T | None]
# Each listener holds a connection of its own; beyond so many the rest look every now and then.
LISTENERS = BoundedSemaphore(16)
LOOK_SECONDS, PAUSE_SECONDS = 2.0, 0.25


def wait_for(
    deps: Deps, channel: str, begin: Callable[[], int], look: Look[T], seconds: float
) -> T | None:
    """`begin` writes the row and gives its number; `look(connection, number)` gives the outcome,
    None as long as there is none. None when it takes longer than `seconds`.
    """
    end = time.monotonic() + seconds
    if not LISTENERS.acquire(blocking=False):
        return _look_often(deps, begin(), look, end)
    try:
        return _listen(deps, channel, begin, look, end)
    finally:
        LISTENERS.release()


def _listen(
    deps: Deps, channel: str, begin: Callable[[], int], look: Look[T], end: float
) -> T | None:
    with connect(deps.dsn, application_name="kilowatch waiting") as listener:
        listener.row_factory = dict_row  # type: ignore[assignment]
        listener.execute(f"LISTEN {channel}".encode())  # first, so that no answer is missed
        number = begin()
        while (outcome := look(listener, number)) is None and (left := end - time.monotonic()) > 0:
            for note in listener.notifies(timeout=min(left, LOOK_SECONDS)):
                if note.payload == str(number):
                    break
        return outcome


def _look_often(deps: Deps, number: int, look: Look[T], end: float) -> T | None:
    while True:
        with deps.connection() as connection:
            outcome = look(connection, number)
        if outcome is not None or time.monotonic() > end:
            return outcome
        time.sleep(PAUSE_SECONDS)
