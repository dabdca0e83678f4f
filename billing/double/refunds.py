"""Refunds: money back to a card, at once, later, or not at all."""

from typing import Any

from billing.double import money
from billing.double.cards import card_behind
from billing.double.charges import merge_metadata
from billing.double.errors import Obj, invalid, malformed
from billing.double.world import World, base

FAIL, SUCCEED = "refund_fails", "refund_succeeds"


def create(world: World, given: Obj) -> Obj:
    """POST /v1/refunds: of a charge or a payment intent, whole or in part."""
    charge = _charge_of(world, given)
    left = charge["amount_captured"] - charge["_refunded"]
    _check(charge, left, given)
    amount = given.get("amount", left)
    status = world.next_refunds.pop(0) if world.next_refunds else ""
    becomes = status or card_behind(charge).refunds_become
    refund = _new(world, given, charge, amount, "pending" if becomes == "pending" else "succeeded")
    refund["balance_transaction"] = _book(world, "refund", -amount, charge, refund)["id"]
    world.put(refund, "refund.created")
    _count(world, charge, amount)
    world.emit("charge.refunded", charge)
    if not status:
        _schedule(world, refund, becomes)
    return refund


def _charge_of(world: World, given: Obj) -> Obj:
    if ("charge" in given) == ("payment_intent" in given):
        message = "One of the following params should be provided for this request: payment_intent"
        raise malformed(f"{message} or charge.", code="parameter_missing")
    if "charge" in given:
        return world.get("charge", given["charge"], "charge", 404)
    intent = world.get("payment_intent", given["payment_intent"], "payment_intent", 404)
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to"
        raise invalid(f"{message} refund.", "payment_intent")
    return world.get("charge", intent["latest_charge"])


def _check(charge: Obj, left: int, given: Obj) -> None:
    if not charge["captured"]:
        message = f"Charge {charge['id']} is not captured: cancel its PaymentIntent instead."
        raise invalid(message, code="charge_not_refundable")
    if charge["disputed"] and not charge.get("_refundable_again"):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    amount = given.get("amount", left)
    if amount < 1:
        raise malformed("Invalid positive integer", "amount", "parameter_invalid_integer")
    if amount > left:
        message = f"Refund amount ({_text(amount, charge)}) is greater than unrefunded amount on"
        raise invalid(f"{message} charge ({_text(left, charge)})", "amount")


def _text(amount: int, charge: Obj) -> str:
    return f"{amount // 100}.{amount % 100:02} {charge['currency']}"


def _new(world: World, given: Obj, charge: Obj, amount: int, status: str) -> Obj:
    details = {"type": "card", "card": {"type": "refund", "reference_status": "pending",
               "reference_type": "acquirer_reference_number"}}  # fmt: skip
    refund = base(
        world, "refund", "re", amount=amount, balance_transaction=None, charge=charge["id"],
        currency=charge["currency"], destination_details=details,
        payment_intent=charge["payment_intent"], reason=given.get("reason"), receipt_number=None,
        source_transfer_reversal=None, status=status, transfer_reversal=None,
    )  # fmt: skip
    del refund["livemode"]
    if status == "pending":
        refund["pending_reason"] = "processing"
    refund["metadata"] = given.get("metadata", {})
    return refund


def _book(world: World, kind: str, amount: int, charge: Obj, refund: Obj) -> Obj:
    """Not before the money it is taken from is there."""
    available = world.now()
    if charge["balance_transaction"]:
        booked = world.get("balance_transaction", charge["balance_transaction"])
        available = max(available, booked["available_on"])
    money.ensure_payouts(world)
    return money.book(world, kind, amount, refund["id"], currency=charge["currency"],
                      available_on=available)  # fmt: skip


def _count(world: World, charge: Obj, amount: int) -> None:
    charge["_refunded"] += amount
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.put(charge)
    world.note("refund", charge["payment_intent"], amount)


def _schedule(world: World, refund: Obj, becomes: str) -> None:
    later = {"pending": SUCCEED, "failed": FAIL}
    if becomes in later:
        at = world.now() + world.rules.refund_turns_after
        world.schedule(at, later[becomes], refund["id"])


def succeed(world: World, refund_id: str) -> Obj:
    """A pending refund has arrived."""
    refund = world.get("refund", refund_id)
    if refund["status"] != "pending":
        return refund
    refund["status"] = "succeeded"
    del refund["pending_reason"]
    return _tell(world, refund, "pending")


def fail(world: World, refund_id: str, reason: str = "expired_or_canceled_card") -> Obj:
    """The card does not take it: the money is ours again and the driver has nothing."""
    refund = world.get("refund", refund_id)
    if refund["status"] not in {"pending", "succeeded"}:
        raise invalid(f"Refund {refund_id} is {refund['status']}.")
    charge, before = world.get("charge", refund["charge"]), refund["status"]
    back = _book(world, "refund_failure", refund["amount"], charge, refund)
    refund |= {"status": "failed", "failure_reason": reason}
    refund["failure_balance_transaction"] = back["id"]
    refund.pop("pending_reason", None)
    _count(world, charge, -refund["amount"])
    _tell(world, refund, before)
    world.emit("refund.failed", refund)
    return refund


def _tell(world: World, refund: Obj, before: str) -> Obj:
    world.put(refund, "refund.updated", {"status": before})
    world.emit("charge.refund.updated", refund, {"status": before})
    return refund


def update(world: World, given: Obj, refund_id: str) -> Obj:
    """POST /v1/refunds/{id}"""
    refund = world.get("refund", refund_id, "refund")
    merge_metadata(refund, given)
    return world.put(refund, "refund.updated", {})


def list_refunds(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/refunds"""
    names = [name for name in ("charge", "payment_intent") if name in given]
    return {"kind": "refund", "conditions": [(name, "=", given[name]) for name in names]}
