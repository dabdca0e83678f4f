"""Every state of a payment as rows, the way the billing worker leaves them."""

import hashlib
from collections.abc import Callable
from typing import Any

from psycopg.sql import SQL, Identifier

from sql.database import Connection
from tests.payments import HASH, charge, finish, move, plug

SECRET = "s" * 43  # what the payer's cookie holds
REFERENCE = "8F3K-27"
HELD = {"authorised_at": "now", "intent_status": "requires_capture"}


def clear(connection: Connection, evse_key: int) -> None:
    """Nobody pays, nobody charges, the charger is free and in contact."""
    for table in ("payment_event", "outbox", "receipt", "cdr", "payment", "session"):
        name = Identifier(table)
        connection.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        connection.execute(SQL("DELETE FROM {}").format(name))
        connection.execute(SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))
    connection.execute("UPDATE station SET is_online = true")
    plug(connection, evse_key, "Available")


def add(connection: Connection, evse_key: int, language: str = "sv") -> None:
    """An open payment of the phone whose cookie holds SECRET."""
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, owner_hash, language,"
        " currency, hold, tariff_hash, price_shown_at, state, checkout_url, checkout_expires_at)"
        " VALUES (%s, 'guest', 1, %s, %s, %s, 'SEK', 30000, %s, now(), 'awaiting_payment',"
        " 'https://checkout.stripe.com/c/pay/cs_1', now() + interval '30 minutes')",
        [REFERENCE, evse_key, hashlib.sha256(SECRET.encode()).digest(), language, HASH],
    )


def _to(state: str, **columns: Any) -> Callable[[Connection, int], None]:
    def go(connection: Connection, _evse_key: int) -> None:
        move(connection, REFERENCE, state, **columns)

    return go


def _charging(cost: int = 12275, energy_wh: int = 24600) -> Callable[[Connection, int], None]:
    def go(connection: Connection, evse_key: int) -> None:
        charge(connection, REFERENCE, evse_key, cost, energy_wh)

    return go


def _then(first: Callable[[Connection, int], None], *statements: str) -> Any:
    def go(connection: Connection, evse_key: int) -> None:
        first(connection, evse_key)
        for statement in statements:
            connection.execute(statement.encode())

    return go


def _finished(connection: Connection, evse_key: int) -> None:
    finish(connection, REFERENCE, charge(connection, REFERENCE, evse_key), evse_key)


def _plugged(connection: Connection, evse_key: int) -> None:
    move(connection, REFERENCE, "start_requested", **HELD)
    connection.execute("UPDATE payment SET start_by = now() + interval '50 seconds'")
    plug(connection, evse_key, "Occupied", "EVConnected")


def _failed(connection: Connection, evse_key: int) -> None:
    move(connection, REFERENCE, "start_requested", **HELD)
    connection.execute("UPDATE payment SET authorised_at = now() - interval '1 minute'")
    move(connection, REFERENCE, "releasing", failure="start_rejected")
    connection.execute(
        "INSERT INTO outbox (payment_id, call, idempotency_key, next_at, attempts)"
        " SELECT payment_id, 'cancel', 'k', now() + interval '2 minutes', 1 FROM payment"
    )


STOP = "UPDATE payment SET stop_requested_at = now() - interval '{}', stop_requested_by = 'driver'"
# name -> how it comes to be; the address's query if it needs one
STATES: dict[str, tuple[Callable[[Connection, int], None], str]] = {
    "free": (_then(_to("expired"), "DELETE FROM payment_event", "DELETE FROM payment"), ""),
    "card_refused": (_to("awaiting_payment", intent_status="requires_payment_method"),
                     f"?back={REFERENCE}"),
    "not_paid": (_to("awaiting_payment"), f"?back={REFERENCE}"),
    "checkout_expired": (_to("expired", failure="checkout_expired"), ""),
    "service_down": (_to("expired", failure="payment_service_down"), ""),
    "confirming": (_to("awaiting_payment"), f"?paid={REFERENCE}"),
    "plug_in": (_then(_to("start_requested", **HELD),
                      "UPDATE payment SET start_by = now() + interval '154 seconds',"
                      " state_at = now() - interval '26 seconds'"), ""),
    "starting": (_plugged, ""),
    "charging": (_charging(), ""),
    "warned": (_charging(24002, 48100), ""),
    "idle": (_then(_charging(15679, 31420), "UPDATE session SET charging_state = 'SuspendedEV',"
                   " power_w = 0, state_at = now()"), ""),
    "no_contact": (_then(_charging(9830, 19700), "UPDATE station SET is_online = false,"
                         " contact_changed_at = now() - interval '5 minutes'"), ""),
    "stopping": (_then(_charging(15594, 31250), STOP.format("3 seconds")), ""),
    "no_answer": (_then(_charging(15594, 31250), STOP.format("2 minutes")), ""),
    "maximum": (_then(_charging(28510, 57130), "UPDATE payment SET state = 'stopping',"
                      " stop_requested_by = 'maximum', stop_requested_at = now()"), ""),
    "finished": (_finished, ""),
    "review": (_then(_charging(), "UPDATE session SET ended_at = now()",
                     "UPDATE payment SET state = 'completed', state_at = now(),"
                     " quarantined_until = now() + interval '3 days'"), ""),
    "releasing": (_failed, ""),
    "released": (_then(_failed, "UPDATE payment SET state = 'released', released_at = now()"), ""),
    "late": (_then(_to("releasing", failure="paid_too_late", intent_status="requires_capture"),
                   "UPDATE payment SET state = 'released', released_at = now()"), ""),
    "cancelling": (_then(_to("start_requested", **HELD),
                         "UPDATE payment SET cancel_requested_at = now()"), ""),
    "cancelled": (_then(_to("releasing", failure="cancelled", **HELD),
                        "UPDATE payment SET state = 'released', released_at = now()"), ""),
    "nothing": (_then(_to("releasing", failure="nothing_used", **HELD),
                      "UPDATE payment SET state = 'released', released_at = now()"), ""),
    "refunded": (_then(_finished, "UPDATE payment SET state = 'partly_refunded', refunded = 1000"),
                 ""),
}  # fmt: skip


def put(connection: Connection, evse_key: int, name: str, language: str = "sv") -> str:
    """Bring about a state; the query of the address that shows it."""
    clear(connection, evse_key)
    add(connection, evse_key, language)
    make, query = STATES[name]
    make(connection, evse_key)
    return query
