"""POST /stripe/webhook: verified, kept, answered. What it is about, Stripe is asked afterwards."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from billing import cards
from billing.gateway import SignatureError, verified
from sql.database import Connection
from sql.queries import load_queries

log = logging.getLogger("kilowatch.billing")
queries = load_queries("payments")

LARGEST = 1_000_000  # bytes; Stripe's events are a few thousand
PER_TURN = 50


class WebhookError(ValueError):
    """Not an event of Stripe's; the message names the field and what was expected."""


class Event(msgspec.Struct):
    """The part of an event that we need. An object without an id is about nothing of ours."""

    id: str
    type: str
    created: int
    data: dict[str, Any]


def create_blueprint(
    opened: Callable[[], AbstractContextManager[Connection]], secret: str
) -> Blueprint:
    """Answers 200 once the event is stored; 400 for what Stripe has not signed."""
    routes = Blueprint("stripe", __name__)

    def webhook() -> Response:
        if not secret:
            return _text("KILOWATCH_STRIPE_WEBHOOK_SECRET is not set", 503)
        payload = _payload()
        if payload is None:
            return _text(f"expected at most {LARGEST} bytes", 413)
        try:
            event = read(payload, request.headers.get("Stripe-Signature"), secret)
        except (SignatureError, WebhookError) as error:
            log.warning("webhook refused: %s", error)
            return _text(str(error), 400)
        with opened() as connection:
            keep(connection, event, datetime.now(UTC))
        return _text("kept", 200)

    routes.add_url_rule("/stripe/webhook", view_func=webhook, methods=["POST"])
    return routes


def _payload() -> bytes | None:
    """What was sent, None when it is too large; of what names no length no more is read either."""
    if (request.content_length or 0) > LARGEST:
        return None
    request.max_content_length = LARGEST + 1
    payload = request.get_data()
    return None if len(payload) > LARGEST else payload


def _text(text: str, status: int) -> Response:
    return Response(text + "\n", status, mimetype="text/plain")


def read(payload: bytes, signature: str | None, secret: str) -> Event:
    """A signed event. Raises SignatureError, WebhookError."""
    verified(payload, signature, secret)
    try:
        return msgspec.json.decode(payload, type=Event)
    except msgspec.DecodeError as error:
        raise WebhookError(f"no event of Stripe's: {error}") from error


def keep(connection: Connection, event: Event, now: datetime) -> int:
    """Store it once; returns how many times it has come."""
    about = event.data.get("object") or {}
    payload = msgspec.json.encode(_storable(msgspec.to_builtins(event))).decode()
    return int(
        queries.add_stripe_event(
            connection, event_id=event.id, type=event.type, object_id=about.get("id"),
            created_at=datetime.fromtimestamp(event.created, UTC), received_at=now,
            payload=payload,
        )
    )  # fmt: skip


def _storable(value: Any) -> Any:
    """Without NUL, which jsonb can't hold."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_storable(key): _storable(one) for key, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value


def process(connection: Connection, now: datetime) -> int:
    """Have a look at every payment that a new event names; returns how many events that were."""
    with connection.transaction():
        events = queries.claim_stripe_events(connection, count=PER_TURN)
        named = [payload.get("data", {}).get("object") or {} for _id, _type, payload in events]
        _look_at(connection, named, now)
        for event_id, _type, _payload in events:
            queries.stripe_event_done(connection, event_id=event_id, at=now)
    return len(events)


def look(connection: Connection, about: dict[str, Any], now: datetime) -> None:
    """Ask for a look at the payment an object belongs to; others' objects are none of ours."""
    _look_at(connection, [about], now)


def _look_at(connection: Connection, named: list[dict[str, Any]], now: datetime) -> None:
    """Once each, in the order of their numbers.

    Asked for twice in one transaction, a look would wait for its payment (its foreign key is
    checked again), and whoever holds that may be waiting for the look: a deadlock.
    """
    payments, setups = set(), set()
    for about in named:
        if (payment := _payment_of(connection, about)) is not None:
            payments.add(payment)
        elif (setup := cards.setup_of(connection, about)) is not None:
            setups.add(setup)
    for payment_id, key in sorted(payments):
        queries.look_at_stripe(connection, payment_id=payment_id, key=f"kw-{key}-look", at=now)
    for setup in sorted(setups):
        cards.look_at(connection, *setup, now)
    if payments:
        queries.notify_outbox(connection)


def _payment_of(connection: Connection, about: dict[str, Any]) -> tuple[int, str] | None:
    ids = [about.get(name) for name in ("id", "payment_intent", "charge")]
    reference = (about.get("metadata") or {}).get("reference")
    found: tuple[int, str] | None = queries.payment_of_stripe(
        connection, reference=reference, ids=[one for one in ids if isinstance(one, str)]
    )
    return found
