"""Waiting for a command's outcome: LISTEN first, then queue it, so that no answer is missed."""

import time
from collections.abc import Callable
from threading import BoundedSemaphore

import psycopg

from dashboard.deps import Deps
from sql.database import connect
from sql.queries import load_queries

queries = load_queries("api")
# Each waiting caller holds a connection of its own; the rest get 202 and may ask again.
WAITERS = BoundedSemaphore(16)
LOOK_SECONDS = 5.0  # look at the row now and then, should a notification ever be lost


def wait_for_command(deps: Deps, insert: Callable[[], int], seconds: float) -> int:
    """Insert a command and wait until it is finished, for so many seconds at most; its id."""
    if seconds == 0 or not WAITERS.acquire(blocking=False):
        return insert()
    try:
        # it says itself why if it can't connect, before anything was queued
        with connect(deps.dsn, application_name="kilowatch api") as listener:
            listener.execute("LISTEN command_done")
            command_id = insert()
            _listen(listener, command_id, time.monotonic() + seconds)
            return command_id
    finally:
        WAITERS.release()


def _listen(listener: psycopg.Connection[tuple[object, ...]], command_id: int, end: float) -> None:
    while (left := end - time.monotonic()) > 0:
        for note in listener.notifies(timeout=min(left, LOOK_SECONDS), stop_after=1):
            if note.payload == str(command_id):
                return
        row = queries.command(listener, command_id=command_id)
        if row is not None and row[-1] is not None:  # finished_at
            return
