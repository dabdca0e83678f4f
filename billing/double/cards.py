"""Test cards (https://docs.stripe.com/testing) and the payment methods made of them."""

from dataclasses import dataclass
from typing import Any

from billing.double.errors import Obj, invalid
from billing.double.world import World, at_utc, base


@dataclass(frozen=True)
class Refusal:
    """Why a bank says no: Stripe's code, decline code and sentence."""

    code: str
    decline_code: str | None
    message: str


def _no(code: str, message: str, decline_code: str | None = None) -> Refusal:
    return Refusal(code, decline_code, message)


_GENERIC = _no("card_declined", "Your card was declined.", "generic_decline")
NEEDS_AUTHENTICATION = _no(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
)
NOT_AUTHENTICATED = _no(
    "payment_intent_authentication_failure",
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or"
    " a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
)
NO_TEST_CARD = _no(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. For a"
    " list of valid test cards, visit: https://stripe.com/docs/testing.",
    "live_mode_test_card",
)
WRONG_NUMBER = _no("incorrect_number", "Your card number is incorrect.")


@dataclass(frozen=True)
class Card:
    """How a test card behaves; `refused` always, `later` only once it has been saved."""

    number: str
    brand: str = "visa"
    country: str = "US"
    refused: Refusal | None = None
    later: Refusal | None = None
    authenticate: bool = False
    refunds_become: str = "succeeded"
    disputed: bool = False


_FUNDS = _no("card_declined", "Your card has insufficient funds.", "insufficient_funds")
_LOST = _no("card_declined", "Your card was declined.", "lost_card")
_OLD = _no("expired_card", "Your card has expired.", "expired_card")
_CVC = _no("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc")
_BUSY = _no(
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "processing_error",
)
CARDS = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("4000007520000008", country="SE"),
        Card("5555555555554444", "mastercard"),
        Card("378282246310005", "amex"),
        Card("4000000000000002", refused=_GENERIC),
        Card("4000000000009995", refused=_FUNDS),
        Card("4000000000009987", refused=_LOST),
        Card("4000000000000069", refused=_OLD),
        Card("4000000000000127", refused=_CVC),
        Card("4000000000000119", refused=_BUSY),
        Card("4000000000000341", later=_GENERIC),
        Card("4000002500003155", authenticate=True),
        Card("4000002760003184", authenticate=True),
        Card("4000000000005126", refunds_become="failed"),
        Card("4000000000007726", refunds_become="pending"),
        Card("4000000000000259", disputed=True),
    )
}
# names that stand for a new payment method of a test card, wherever one is wanted
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_chargeDeclined": "4000000000000002",
}


def card_of(number: str) -> Card:
    """The test card; numbers that are none behave as Stripe's test mode has it."""
    digits = "".join(number.split()).replace("-", "")
    if digits in CARDS:
        return CARDS[digits]
    refused = NO_TEST_CARD if _luhn(digits) else WRONG_NUMBER
    return Card(digits or "0", refused=refused)


def _luhn(number: str) -> bool:
    if not (number.isascii() and number.isdecimal() and 12 <= len(number) <= 19):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def make_method(world: World, card: Card, person: Obj, expiry: tuple[int, int] | None) -> Obj:
    """A payment method that belongs to nobody yet. `person`: email and name for the bill."""
    month, year = expiry or (12, at_utc(world.now()).year + 3)
    about: Obj = {
        "brand": card.brand, "country": card.country, "exp_month": month, "exp_year": year,
        "fingerprint": f"double{card.number[-10:]}", "funding": "credit",
        "last4": card.number[-4:], "display_brand": card.brand, "generated_from": None,
        "checks": {"address_line1_check": None, "address_postal_code_check": None,
                   "cvc_check": "pass"},
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True}, "wallet": None,
    }  # fmt: skip
    bill = {"address": None, "email": person.get("email"), "name": person.get("name")}
    bill |= {"phone": None, "tax_id": None}
    return world.put(
        base(world, "payment_method", "pm", type="card", card=about, customer=None,
             billing_details=bill, allow_redisplay="limited", _number=card.number)
    )  # fmt: skip


def card_behind(method: Obj) -> Card:
    return CARDS.get(method["_number"]) or card_of(method["_number"])


def attach(world: World, method: Obj, customer: str) -> None:
    method["customer"] = customer
    world.put(method, "payment_method.attached")


def list_methods(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/payment_methods: those of a customer."""
    conditions = [("customer", "=", given["customer"])] if "customer" in given else []
    return {"kind": "payment_method", "conditions": [("customer", "IS NOT", None), *conditions]}


def detach(world: World, _given: Obj, method_id: str) -> Obj:
    """POST /v1/payment_methods/{id}/detach"""
    method = world.get("payment_method", method_id, "payment_method")
    if method["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is"
            " impossible."
        )
    before, method["customer"] = method["customer"], None
    return world.put(method, "payment_method.detached", {"customer": before})


def list_of_customer(world: World, given: Obj, customer: str) -> dict[str, Any]:
    """GET /v1/customers/{id}/payment_methods"""
    world.get("customer", customer, "customer")
    return list_methods(world, given | {"customer": customer})


def one_of_customer(world: World, _given: Obj, customer: str, method_id: str) -> Obj:
    """GET /v1/customers/{id}/payment_methods/{id}"""
    world.get("customer", customer, "customer")
    method = world.get("payment_method", method_id, "payment_method")
    if method["customer"] != customer:
        raise invalid(f"No such payment_method: '{method_id}'", "payment_method")
    return method
