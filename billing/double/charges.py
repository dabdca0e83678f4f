"""Charges: an attempt of a card, authorised or refused, and what becomes of it."""

from typing import Any

from billing.double.cards import Refusal, card_behind
from billing.double.errors import Obj
from billing.double.money import LATE, book_charge
from billing.double.world import World, base

DISPUTE = "dispute"


def make_charge(world: World, intent: Obj, method: Obj, refused: Refusal | None) -> Obj:
    """The attempt, written; it holds the amount but captures nothing yet."""
    failed = refused is not None
    charge = base(
        world, "charge", "ch", amount=intent["amount"], amount_captured=0, amount_refunded=0,
        application_fee_amount=None, balance_transaction=None,
        billing_details=method["billing_details"], calculated_statement_descriptor=None,
        captured=False, currency=intent["currency"], customer=intent["customer"],
        description=intent["description"], disputed=False,
        failure_balance_transaction=None, failure_code=refused.code if refused else None,
        failure_message=refused.message if refused else None, fraud_details={},
        outcome=_outcome(refused), paid=not failed, payment_intent=intent["id"],
        payment_method=method["id"], payment_method_details=_card(world, intent, method, failed),
        receipt_email=intent["receipt_email"], receipt_number=None, receipt_url=None,
        refunded=False, review=None, shipping=None, source=None, statement_descriptor=None,
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        status="failed" if failed else "succeeded", transfer_data=None, transfer_group=None,
        _refunded=0, _number=method["_number"],
    )  # fmt: skip
    charge["metadata"] = dict(intent["metadata"])
    return world.put(charge)


def _outcome(refused: Refusal | None) -> Obj:
    if refused is None:
        return {"network_status": "approved_by_network", "reason": None, "risk_level": "normal",
                "seller_message": "Payment complete.", "type": "authorized"}  # fmt: skip
    return {"network_status": "declined_by_network", "reason": refused.decline_code,
            "risk_level": "normal", "type": "issuer_declined",
            "seller_message": "The bank did not return any further details."}  # fmt: skip


def _card(world: World, intent: Obj, method: Obj, failed: bool) -> Obj:
    names = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    about: Obj = {name: method["card"][name] for name in names}
    about |= {"network": about["brand"], "wallet": None, "three_d_secure": None}
    about |= {"amount_authorized": None if failed else intent["amount"]}
    if intent["capture_method"] == "manual" and not failed:
        about["capture_before"] = world.now() + world.rules.hold_seconds
    return {"card": about, "type": "card"}


def capture(world: World, charge: Obj, amount: int, is_late: bool) -> None:
    """Take `amount` of what is held; the rest is given back. Happens once."""
    charge |= {"captured": True, "amount_captured": amount}
    # Stripe counts what a smaller capture gives back as refunded
    charge["amount_refunded"] = charge["amount"] - amount
    if is_late:
        world.schedule(world.now() + world.rules.late_balance_seconds, LATE, charge["id"])
    else:
        book_charge(world, charge)
    world.put(charge)
    world.note("capture", charge["payment_intent"], amount)
    if card_behind(charge).disputed:
        world.schedule(world.now() + world.rules.dispute_after, DISPUTE, charge["id"])


def give_back(world: World, charge: Obj, event: str) -> None:
    """The hold is gone: cancelled by us or expired by itself."""
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    world.note("release", charge["payment_intent"], charge["amount"])
    world.put(charge, event)


def list_charges(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/charges"""
    names = [name for name in ("customer", "payment_intent") if name in given]
    return {"kind": "charge", "conditions": [(name, "=", given[name]) for name in names]}


def update_charge(world: World, given: Obj, charge_id: str) -> Obj:
    """POST /v1/charges/{id}"""
    charge = world.get("charge", charge_id, "charge")
    for name in ("description", "receipt_email"):
        charge[name] = given.get(name, charge[name])
    merge_metadata(charge, given)
    return world.put(charge, "charge.updated")


def merge_metadata(obj: Obj, given: Obj) -> None:
    """New keys are added, empty values remove a key, an empty string removes them all."""
    news = given.get("metadata", {})
    merged = {} if news == "" else obj["metadata"] | news
    obj["metadata"] = {key: value for key, value in merged.items() if value != ""}
