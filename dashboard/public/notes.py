"""What came of a driver's wish, above the price: always whether money is held."""

from datetime import datetime, timedelta

from flask import request
from msgspec import Struct

from dashboard.i18n import mark, t
from dashboard.public.faces import UNPAID, Payment

RECENT = timedelta(minutes=10)


class Note(Struct, frozen=True):
    """`head` in bold, then `text`; `kind` is colour and shape."""

    head: str
    text: str
    kind: str = "fault"


NOTES = {
    "payment_service_down": (
        mark("Card payment is not working right now."),
        mark("Nothing has been reserved."),
    ),
    "not_startable": (
        mark("This charger can't be started right now."),
        mark("No money has been reserved."),
    ),
    "checkout_expired": (
        mark("The card payment was open for too long and has closed."),
        mark("Nothing has been reserved. You can begin again."),
    ),
    "cancelled": (mark("The payment is cancelled."), mark("Nothing has been reserved.")),
    "card_refused": (
        mark("Your bank declined the card."),
        mark("Nothing has been reserved. Try another card."),
    ),
    "not_paid": (
        mark("You have not paid yet."),
        mark("Nothing has been reserved. Go on when you like."),
    ),
    "wrong_maximum": (
        mark("Choose one of the amounts."),
        mark("Nothing has been reserved."),
    ),
    "new_price": (
        mark("The price has changed since you opened the page."),
        mark("Nothing has been reserved. Look at the new price and choose again."),
    ),
}
CALM = {"cancelled", "checkout_expired", "not_paid", "new_price"}


def note(code: str) -> Note:
    head, text = NOTES[code]
    return Note(t(head), t(text), "wait" if code in CALM else "fault")


def note_on(payment: Payment | None, now: datetime) -> Note | None:
    """On the charger's page: what came of what was just pressed, or of the last try to pay."""
    asked = request.args.get("note", "")
    if asked in NOTES:
        return note(asked)
    if payment is None:
        return None
    named = payment.reference in (request.args.get("paid"), request.args.get("back"))
    if payment.state in UNPAID and named:
        return note(_unpaid(payment))
    came_to_nothing = payment.state == "expired" or payment.was_never_held
    if came_to_nothing and (named or now - payment.state_at < RECENT):
        return note(_ended(payment))
    return None


def _ended(payment: Payment) -> str:
    if payment.failure == "cancelled" and payment.checkout_expires_at is None:
        return "payment_service_down"  # we cancelled, as nobody made a checkout in time
    return payment.failure if payment.failure in NOTES else "checkout_expired"


def _unpaid(payment: Payment) -> str:
    if payment.cancel_requested_at and payment.state == "awaiting_payment":
        return "cancelled"
    if payment.state == "created":  # we gave up waiting: there never was anything to pay at
        return "payment_service_down"
    return "card_refused" if payment.intent_status == "requires_payment_method" else "not_paid"
