"""Payments step by step: each step is one transaction under the payment's row lock.

`advance` may be called at any time, by anyone, any number of times.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
from psycopg import sql as composed
from psycopg.types.json import Jsonb

from billing import machine
from billing.effects import Context, apply_effect, ask, tell_cost, update_cost
from billing.payment import Command, Dispute, Evse, Payment, Refund, Session, World
from billing.step import Review, Step, release
from sql.database import Connection
from sql.quarantine import judge
from sql.queries import load_queries

queries = load_queries("payments")
invoices = load_queries("invoices")

MOST_STEPS = 30  # at once: the machine always comes to rest long before
CLOCKS_APART = timedelta(days=1)  # a session of ours is looked for among those started since
LOOK_AGAIN = {
    "created": 2, "awaiting_payment": 15, "authorised": 1, "start_requested": 1, "charging": 10,
    "stopping": 5, "completed": 30, "capturing": 15, "releasing": 5, "refund_pending": 10,
    "receivable": 3600,  # there may be a month's worth of them
}  # fmt: skip
LOOK_AGAIN_ELSE = 600


class StuckError(RuntimeError):
    """The machine did not come to rest: a mistake of ours."""


def advance(connection: Connection, payment_id: int, context: Context, now: datetime) -> None:
    """Take all steps that are due. Raises StuckError."""
    for _ in range(MOST_STEPS):
        if not _step(connection, payment_id, context, now):
            return
    raise StuckError(f"payment {payment_id} does not come to rest")


def _step(connection: Connection, payment_id: int, context: Context, now: datetime) -> bool:
    try:
        with connection.transaction():
            p = locked(connection, payment_id)
            w = world_of(connection, p, now)
            if p.state in ("charging", "stopping") and w.session:
                p = update_cost(connection, p, w.session, now)
                tell_cost(connection, p, w, w.session, now)
            return take(connection, p, w, machine.decide(p, w, now), context, now)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name != "payment_one_per_evse":
            raise
    with connection.transaction():  # somebody else is paying at this evse: this driver is let go
        p = locked(connection, payment_id)
        w = world_of(connection, p, now)
        return take(connection, p, w, release("evse_taken"), context, now)


def locked(connection: Connection, payment_id: int) -> Payment:
    """The payment, ours until the transaction ends."""
    return Payment(*queries.lock_payment(connection, payment_id=payment_id))


def world_of(connection: Connection, p: Payment, now: datetime) -> World:
    """Everything the next step depends on, read under the payment's lock."""
    session = queries.session_of_payment(
        connection, session_id=p.session_id, id_token=p.id_token, evse_key=p.evse_key,
        since=p.created_at - CLOCKS_APART,
    )  # fmt: skip
    dispute = queries.dispute_of_payment(connection, payment_id=p.payment_id)
    refunds = queries.refunds_of_payment(connection, payment_id=p.payment_id)
    return World(
        Evse(*queries.evse_of_payment(connection, evse_key=p.evse_key)),
        _session(connection, p, session, now),
        _command(connection, p.start_command_id),
        _command(connection, p.stop_command_id),
        dict(queries.calls_of_payment(connection, payment_id=p.payment_id)),
        tuple(Refund(*row) for row in refunds),
        Dispute(*dispute) if dispute else None,
        queries.decision_about(connection, payment_id=p.payment_id),
        bool(p.driver_id and queries.has_card(connection, driver_id=p.driver_id)),
        p.channel == "company" and invoices.invoice_paid(connection, payment_id=p.payment_id),
    )


def _session(connection: Connection, p: Payment, row: Any, now: datetime) -> Session | None:
    """Before money is taken the session is judged, as it is in this very transaction."""
    if row is None:
        return None
    session = Session(*row)
    if p.state != "completed" or p.cdr_id is not None:
        return session
    deadline_at = p.quarantined_until or p.quarantine_end(now)
    held_back = judge(connection, [session.session_id], now, deadline_at)
    return msgspec.structs.replace(session, is_held_back=bool(held_back))


def _command(connection: Connection, command_id: int | None) -> Command | None:
    row = queries.command_of_payment(connection, command_id=command_id) if command_id else None
    return Command(*row) if row else None


def take(
    connection: Connection,
    p: Payment,
    w: World,
    step: Step | None,
    context: Context,
    now: datetime,
) -> bool:
    """Do the step, or note when to look again; whether there may be more."""
    if step is None:
        pause = LOOK_AGAIN.get(p.state, LOOK_AGAIN_ELSE)
        connection.execute(
            "UPDATE payment SET look_at = %s WHERE payment_id = %s AND look_at < %s",
            [now + timedelta(seconds=pause), p.payment_id, now],
        )
        return False
    changes = dict(step.changes)
    for call in step.calls:
        ask(connection, p, w, call, context, now)
    for effect in step.effects:
        changes |= apply_effect(effect, connection, p, w, now)
    for review in step.reviews:
        add_review(connection, p, review, now)
    _move(connection, p, step, changes, now)
    return True


def _move(
    connection: Connection, p: Payment, step: Step, changes: dict[str, Any], now: datetime
) -> None:
    to = changes.pop("state", step.to)
    changes |= {"state": to, "state_version": p.state_version + 1}
    if to != p.state:
        changes["state_at"] = now
        detail = {name: _plain(value) for name, value in changes.items()}
        queries.add_payment_event(
            connection, payment_id=p.payment_id, state_version=p.state_version + 1, at=now,
            from_state=p.state, to_state=to, why=step.why or to, detail=Jsonb(detail),
        )  # fmt: skip
    update_payment(connection, p, changes)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def update_payment(connection: Connection, p: Payment, changes: dict[str, Any]) -> None:
    """Write columns of a payment whose row is locked; the version must be as it was read."""
    columns = composed.SQL(", ").join(
        composed.SQL("{} = {}").format(composed.Identifier(name), composed.Placeholder(name))
        for name in changes
    )
    statement = composed.SQL(
        "UPDATE payment SET {} WHERE payment_id = %(_id)s AND state_version = %(_version)s"
    ).format(columns)
    given = {**changes, "_id": p.payment_id, "_version": p.state_version}
    if connection.execute(statement, given).rowcount != 1:
        raise StuckError(f"payment {p.payment_id} changed under its lock")


def add_review(connection: Connection, p: Payment, review: Review, now: datetime) -> None:
    """Put it into the queue, unless it is there already."""
    queries.add_review(
        connection, kind=review.kind, subject=f"payment {p.reference}", payment_id=p.payment_id,
        session_id=p.session_id, amount=review.amount, currency=p.currency,
        evidence=Jsonb(msgspec.to_builtins(review.evidence)), opened_at=now,
        deadline_at=review.deadline_at,
    )  # fmt: skip
