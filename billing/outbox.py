"""The calls to Stripe that wait in `outbox`: claimed with a lease, sent, and their answers merged.

A worker that dies in the middle leaves a lease that ends; whoever sends the call again does so with
the same key, and Stripe answers what it answered before.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from billing import cards
from billing.gateway import Gateway, Ids, LaterError, RefusedError, Seen
from billing.payment import Payment
from billing.payments import locked, update_payment
from sql.database import Connection
from sql.queries import load_queries

log = logging.getLogger("kilowatch.billing")
queries = load_queries("payments")

LEASE = timedelta(seconds=90)  # longer than a call with its retries may take
LONGEST_PAUSE = 60  # seconds
LOOKS_AT_ONCE = 100
LOOKS = ("look", "card")
PAGES = ("checkout", "pay", "setup")  # made for people to visit: nobody waits for a day
KEY_LIFE = timedelta(hours=23)  # Stripe forgets keys after a day: from then on, look first
RANK = (
    "requires_payment_method", "requires_confirmation", "requires_action", "processing",
    "requires_capture", "succeeded", "canceled",
)  # fmt: skip


class Due(msgspec.Struct, frozen=True):
    """A claimed row of `outbox`."""

    outbox_id: int
    payment_id: int  # 0: it is about a driver's card
    call: str
    key: str
    parameters: dict[str, Any]
    attempts: int
    first_sent_at: datetime
    checkout_id: str | None
    intent_id: str | None
    charge_id: str | None
    driver_id: int | None = None  # for calls about a card; they have no payment
    card_setup_id: int | None = None
    customer_id: str | None = None

    @property
    def key_now(self) -> str:
        """Stripe repeats its refusals to the same key, and a hold is never left for a refusal."""
        return f"{self.key}-{self.attempts}" if self.call == "cancel" else self.key

    @property
    def ids(self) -> Ids:
        return Ids(self.checkout_id, self.intent_id, self.charge_id, self.customer_id)

    @property
    def about(self) -> str:
        return f"payment {self.payment_id}" if self.payment_id else f"driver {self.driver_id}"


def claim(connection: Connection, now: datetime, count: int) -> list[Due]:
    """Calls that are due, ours alone for a while; committed before anything is sent."""
    rows = queries.claim_calls(connection, at=now, until=now + LEASE, count=count)
    return [Due(*row) for row in rows]


def look_again(connection: Connection, now: datetime) -> None:
    """Ask about open payments of which Stripe has said nothing for long: webhooks may be lost."""
    for payment_id, key in queries.intents_to_look_at(connection, at=now, count=LOOKS_AT_ONCE):
        queries.look_at_stripe(connection, payment_id=payment_id, key=f"kw-{key}-look", at=now)


def send(connection: Connection, gateway: Gateway, due: Due, now: datetime) -> bool:
    """Send one call and keep its answer; whether the payment may have changed."""
    try:
        seen = _perform(gateway, due, now)
    except LaterError as error:
        pause = min(LONGEST_PAUSE, 2 ** min(due.attempts, 6) // 2)
        log.warning("%s of %s waits: %s", due.call, due.about, error)
        queries.postpone_call(connection, outbox_id=due.outbox_id, error=str(error),
                              next_at=now + timedelta(seconds=pause))  # fmt: skip
        return False
    except RefusedError as error:
        _keep_refusal(connection, due, error, now)
        return True
    _keep(connection, due, seen, now)
    return True


def _perform(gateway: Gateway, due: Due, now: datetime) -> Seen:
    if due.call not in LOOKS and now - due.first_sent_at > KEY_LIFE:
        done = _done_before(gateway, due)
        if done is not None:
            return done
    return gateway.perform(due.call, due.ids, due.parameters, due.key_now)


def _done_before(gateway: Gateway, due: Due) -> Seen | None:
    """After Stripe has forgotten the key: what the call wanted may have been done long ago."""
    if due.call.partition(":")[0] in PAGES:
        raise RefusedError("too_late", "the driver has gone")
    if not due.payment_id:
        return None  # cards are forgotten once, however often it is said
    if due.call == "charge":
        seen = gateway.perform("charged", due.ids, due.parameters, due.key)
        return seen if seen.intent_id else None
    seen = gateway.perform("look", due.ids, {}, due.key)
    number = due.call.partition(":")[2]
    known = any(str(refund.refund_request_id) == number for refund in seen.refunds)
    is_over = seen.intent_status in ("succeeded", "canceled")
    done = known if number else is_over
    return seen if done else None


def _keep_refusal(connection: Connection, due: Due, error: RefusedError, now: datetime) -> None:
    """Refused: what is true instead, a look will tell."""
    log.warning("%s of %s refused: %s", due.call, due.about, error)
    with connection.transaction():
        p = locked(connection, due.payment_id) if due.payment_id else None
        queries.finish_call(
            connection, outbox_id=due.outbox_id, outcome="refused", began_at=now, at=now,
            response=None, error=str(error)[:500],
        )  # fmt: skip
        if p is None:
            cards.refused(connection, due.call, due.card_setup_id, now)
        elif due.call != "look" and (p.checkout_id or p.intent_id):
            queries.look_at_stripe(
                connection, payment_id=p.payment_id, key=f"kw-{p.key}-look", at=now
            )


def _keep(connection: Connection, due: Due, seen: Seen, now: datetime) -> None:
    with connection.transaction():
        if due.payment_id:
            p = locked(connection, due.payment_id)
            merge(connection, p, _of_now(p, due, seen), now)
        else:
            cards.merge(connection, due.call, due.card_setup_id, seen, now)
        queries.finish_call(
            connection, outbox_id=due.outbox_id, outcome="done", began_at=now, at=now,
            response=Jsonb(msgspec.to_builtins(seen)), error=None,
        )  # fmt: skip


def _of_now(p: Payment, due: Due, seen: Seen) -> Seen:
    """What a look says of a page that another has replaced meanwhile is of no use."""
    if due.call == "look" and due.checkout_id != p.checkout_id:
        return msgspec.structs.replace(seen, checkout_id=None)
    return seen


def merge(connection: Connection, p: Payment, seen: Seen, now: datetime) -> None:
    """Take over what Stripe said. Only forwards: an older answer that comes later adds nothing."""
    changes: dict[str, Any] = {"stripe_seen_at": now}
    changes |= _checkout(p, seen)
    if seen.intent_id:
        changes |= _intent(p, seen)
    if seen.email and not p.email:
        changes["email"] = seen.email
    if seen.charge_problem:
        changes["charge_problem"] = seen.charge_problem
    update_payment(connection, p, changes)
    for refund in seen.refunds:
        if refund.refund_request_id is not None:
            queries.refund_seen(connection, refund_request_id=refund.refund_request_id,
                                refund_id=refund.refund_id, outcome=refund.status)  # fmt: skip
    for dispute in seen.disputes:
        told = {name: getattr(dispute, name) for name in dispute.__struct_fields__}
        news = queries.dispute_seen(connection, payment_id=p.payment_id, at=now, **told)
        if news and dispute.status == "warning_needs_response":  # the bank asks, nothing is taken
            evidence = Jsonb({"dispute": dispute.dispute_id, "reason": dispute.reason})
            queries.add_review(
                connection, kind="dispute_inquiry", subject=f"payment {p.reference}",
                payment_id=p.payment_id, session_id=p.session_id, amount=dispute.amount,
                currency=p.currency, evidence=evidence, opened_at=now,
                deadline_at=dispute.evidence_due_at,
            )  # fmt: skip


def _checkout(p: Payment, seen: Seen) -> dict[str, Any]:
    if seen.checkout_id is None or p.checkout_status in ("complete", "expired"):
        return {}
    names = ("checkout_id", "checkout_url", "checkout_expires_at", "checkout_status")
    return {name: value for name in names if (value := getattr(seen, name)) is not None}


def _intent(p: Payment, seen: Seen) -> dict[str, Any]:
    changes: dict[str, Any] = {"intent_id": seen.intent_id}
    if _rank(seen.intent_status) >= _rank(p.intent_status):
        changes |= {"intent_status": seen.intent_status, "held": seen.held or 0,
                    "captured": max(p.captured, seen.captured or 0)}  # fmt: skip
    for name in ("charge_id", "card_brand", "card_last4", "capture_before"):
        if (value := getattr(seen, name)) is not None:
            changes[name] = value
    return changes


def _rank(status: str | None) -> int:
    return RANK.index(status) if status in RANK else -1
