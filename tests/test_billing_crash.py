"""kill -9 at every step of a payment: a new worker goes on, nothing is taken twice, the hold goes,
the books balance."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from books import check_books
from paying import Street
from programs import Program

from billing.double import Double
from sql.database import connect

WORKER = str(Path(__file__).parent / "crashing_worker.py")
PAID = ("awaiting_payment", "authorised", "start_requested", "charging", "completed", "capturing",
        "settled")  # fmt: skip
RELEASED = ("releasing", "released")
REFUNDED = ("refund_pending", "partly_refunded")
POINTS = [
    (path, f"step:{state}:{where}")
    for path, states in (("paid", PAID), ("refused", RELEASED), ("refund", REFUNDED))
    for state in states
    for where in ("inside", "after")
] + [
    (path, f"call:{name}:{where}")
    for path, names in (("paid", ("checkout", "look", "capture")), ("refused", ("cancel",)),
                        ("refund", ("refund",)))
    for name in names
    for where in ("claimed", "sent", "kept")
]  # fmt: skip
ENDS = {"paid": {"settled"}, "refused": {"released"}, "refund": {"partly_refunded"}}
PATIENCE_SECONDS = 60


@pytest.fixture
def street(plain_database: str) -> Iterator[Street]:
    with Double() as double:
        street = Street(plain_database, double)
        yield street
        street.close()


class Journey:
    """Everybody but the worker: does whatever the payment's state asks for, on the way chosen."""

    def __init__(self, street: Street, path: str) -> None:
        self.street, self.path = street, path
        self.payment_id = street.scan()
        self.done: set[str] = set()

    def go(self) -> str:
        state = self.street.state(self.payment_id)
        if state not in self.done:
            self.done.add(state)
            getattr(self, state, lambda: None)()
        return state

    def awaiting_payment(self) -> None:
        self.street.pay(self.payment_id)
        self.street.look(self.payment_id)
        self.street.run("SELECT pg_notify('outbox', '')")

    def start_requested(self) -> None:
        if self.path == "refused":
            payment = self.street.payment(self.payment_id)
            self.street.answer(payment["start_command_id"], "Rejected")
        else:
            self.street.begin(self.payment_id)
        self.street.run("SELECT pg_notify('evse', '*')")

    def charging(self) -> None:
        # the worker's clock is the world's: time passes by having begun earlier
        self.street.run("UPDATE session SET started_at = started_at - interval '10 minutes'")
        self.street.measure(self.payment_id, 20_000, minutes=0)
        self.street.end(self.payment_id)
        self.street.run("SELECT pg_notify('evse', '*')")

    def settled(self) -> None:
        if self.path == "refund":
            self.street.run(
                "INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
                " VALUES (%s, 'partial', 4000, 'too loud', 'carin')", self.payment_id,
            )  # fmt: skip


def _until(street: Street, journey: Journey, over: Callable[[str], bool]) -> str:
    """Go on at every news of the payment, until `over` says so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with connect(street.dsn) as listener:
        listener.execute("LISTEN payment")
        while not over(state := journey.go()):
            assert time.monotonic() < deadline, state
            list(listener.notifies(timeout=0.2, stop_after=1))
    return state


@pytest.mark.parametrize(("path", "point"), POINTS, ids=[point for _, point in POINTS])
def test_a_worker_killed_anywhere_leaves_nothing_that_the_next_one_does_not_put_right(
    street: Street, run_program: Callable[..., Any], path: str, point: str
) -> None:
    environment = {"PYTHONPATH": os.pathsep.join([str(Path(WORKER).parents[1])])}
    command = [sys.executable, WORKER, street.dsn, street.double.base, street.double.key]
    crashing: Program = run_program([*command, point], environment)
    journey = Journey(street, path)
    _until(street, journey, lambda _state: crashing.process.poll() is not None)
    assert crashing.process.returncode == -signal.SIGKILL
    run_program(command, environment)
    _until(street, journey, lambda state: state in ENDS[path])
    check_books(street)
    assert street.double.open_holds() == []
    expected = {"paid": 9980, "refused": 0, "refund": 9980}[path]
    assert street.payment(journey.payment_id)["captured"] == expected
