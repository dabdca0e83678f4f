"""Asking drivers for money: the call that charges a saved card, the page to pay on, the mails."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from billing.mails import queue_mail
from billing.payment import Payment, World
from billing.registered import BLOCK_AFTER
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("drivers")

Changes = dict[str, Any]
PAGE_OPEN = timedelta(hours=23)
# what Stripe says of a card -> what the driver reads
MAILS = {"no_card": "payment_no_card", "authentication_required": "payment_authentication"}
NAMES = {"sv": "Laddning", "en": "Charging"}


def charge_parameters(connection: Connection, p: Payment, w: World) -> dict[str, Any]:
    """A payment from the card that is saved now, while its owner is away."""
    customer, method = queries.card_of(connection, driver_id=p.driver_id)
    return {
        "amount": p.gross,
        "currency": p.currency.lower(),
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
        "allowed_payment_method_types": ["card"],
        "capture_method": "automatic",
        "description": f"{NAMES[p.language]} {w.evse.public_code} ({p.reference})",
        "metadata": _about(p, w),
    }


def checkout_parameters(
    connection: Connection, p: Payment, w: World, public_url: str, now: datetime
) -> dict[str, Any]:
    """A page on which the driver pays what is due; the bank may ask them there."""
    page = f"{public_url}/my/pay/{queries.pay_secret(connection, payment_id=p.payment_id)}"
    name = f"{NAMES[p.language]} {w.evse.public_code}"
    price = {
        "currency": p.currency.lower(),
        "unit_amount": p.gross,
        "product_data": {"name": name},
    }
    customer = queries.card_of(connection, driver_id=p.driver_id)[0]
    return {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "client_reference_id": p.reference,
        "locale": p.language,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": {"capture_method": "automatic", "metadata": _about(p, w)},
        "metadata": _about(p, w),
        "expires_at": int((now + PAGE_OPEN).timestamp()),
        "success_url": f"{page}?paid=1",
        "cancel_url": page,
    } | ({"customer": customer} if customer else {})


def _about(p: Payment, w: World) -> dict[str, str]:
    return {"reference": p.reference, "evse": w.evse.public_code}


def ask_driver(connection: Connection, p: Payment, _w: World, _now: datetime) -> Changes:
    """The card did not pay, or there is none: a link to pay with."""
    secret = secrets.token_urlsafe(24)
    kind = MAILS.get(p.charge_problem or "no_card", "payment_declined")
    _mail(connection, p, kind, secret, "asked")
    return {"pay_secret": secret}


def remind(connection: Connection, p: Payment, _w: World, _now: datetime) -> Changes:
    secret = queries.pay_secret(connection, payment_id=p.payment_id)
    _mail(connection, p, "payment_reminder", str(secret), f"reminder {p.dunned}")
    return {}


def _mail(connection: Connection, p: Payment, kind: str, secret: str, which: str) -> None:
    email = queries.email_of(connection, driver_id=p.driver_id)
    if email is None:
        return
    about = {"path": f"/my/pay/{secret}", "amount": p.gross, "currency": p.currency,
             "operator_id": p.operator_id}  # fmt: skip
    queue_mail(connection, email, kind, p.language, about, f"{which}:{p.payment_id}")


def block(connection: Connection, p: Payment, _w: World, now: datetime) -> Changes:
    """No more on credit: the driver's tags start nothing until it is paid."""
    queries.block_driver(connection, driver_id=p.driver_id, at=now)
    queries.block_tokens(connection, driver_id=p.driver_id)
    return {}


def unblock(connection: Connection, p: Payment, _w: World, now: datetime) -> Changes:
    """Paid; unless something else has been due for too long."""
    freed = queries.unblock_driver(
        connection, driver_id=p.driver_id, payment_id=p.payment_id, since=now - BLOCK_AFTER
    )
    if freed:
        queries.unblock_tokens(connection, driver_id=p.driver_id)
    return {}


def record(connection: Connection, p: Payment, _w: World, _now: datetime) -> Changes:
    """Nothing is asked for: billing/ended.py writes the session's CDR."""
    queries.queue_session(connection, session_id=p.session_id)
    return {}
