"""Disputes: a driver's bank takes the money back, with a fee, until someone decides."""

from typing import Any

from billing.double import money
from billing.double.charges import merge_metadata
from billing.double.errors import Obj, invalid
from billing.double.rules import DAY
from billing.double.world import World, base

OVERDUE, DECIDE = "dispute_overdue", "dispute_decided"
OPEN = ("needs_response", "under_review")
_LONGEST = 150_000


def open_dispute(world: World, charge_id: str, reason: str = "fraudulent") -> Obj:
    """The bank has taken the captured amount and Stripe its fee."""
    charge = world.get("charge", charge_id)
    if not charge["captured"] or charge["disputed"]:
        raise invalid(f"Charge {charge_id} cannot be disputed: not captured, or it is already.")
    amount = charge["amount_captured"] - charge["_refunded"]
    dispute = _new(world, charge, amount, reason)
    _move(world, dispute, -amount, world.rules.dispute_fee, "dispute")
    charge["disputed"] = True
    world.put(charge)
    world.note("dispute", charge["payment_intent"], amount)
    world.put(dispute, "charge.dispute.created")
    world.emit("charge.dispute.funds_withdrawn", dispute)
    world.schedule(dispute["evidence_details"]["due_by"], OVERDUE, dispute["id"])
    return dispute


def open_for_card(world: World, charge_id: str) -> None:
    open_dispute(world, charge_id)


def _new(world: World, charge: Obj, amount: int, reason: str) -> Obj:
    due = world.now() + world.rules.dispute_days * DAY
    card = {"brand": charge["payment_method_details"]["card"]["brand"],
            "case_type": "chargeback", "network_reason_code": "83"}  # fmt: skip
    return base(
        world, "dispute", "du", amount=amount, balance_transactions=[], charge=charge["id"],
        currency=charge["currency"], enhanced_eligibility_types=[], evidence={},
        evidence_details={"due_by": due, "enhanced_eligibility": {}, "has_evidence": False,
                          "past_due": False, "submission_count": 0},
        is_charge_refundable=False, payment_intent=charge["payment_intent"],
        payment_method_details={"type": "card", "card": card}, reason=reason,
        status="needs_response",
    )  # fmt: skip


def _move(world: World, dispute: Obj, amount: int, fee: int, category: str) -> None:
    money.ensure_payouts(world)
    booked = money.book(
        world, "adjustment", amount, dispute["id"], fee=fee, currency=dispute["currency"],
        category=category, description=f"Chargeback for {dispute['charge']}",
    )  # fmt: skip
    dispute["balance_transactions"].append({k: v for k, v in booked.items() if k[0] != "_"})


def update(world: World, given: Obj, dispute_id: str) -> Obj:
    """POST /v1/disputes/{id}: evidence; it is submitted at once unless `submit=false`."""
    dispute = world.get("dispute", dispute_id, "dispute")
    merge_metadata(dispute, given)
    if "evidence" in given or given.get("submit"):
        _take_evidence(world, dispute, given)
    return world.put(dispute, "charge.dispute.updated", {})


def _take_evidence(world: World, dispute: Obj, given: Obj) -> None:
    if dispute["status"] not in OPEN:
        raise invalid("This dispute is already closed", code="dispute_closed")
    dispute["evidence"] |= given.get("evidence", {})
    if sum(len(str(text)) for text in dispute["evidence"].values()) > _LONGEST:
        raise invalid("The combined character count of all fields is limited to 150,000.")
    details = dispute["evidence_details"]
    details["has_evidence"] = any(dispute["evidence"].values())
    if given.get("submit", True):
        details["submission_count"] += 1
        dispute["status"] = "under_review"
        if dispute["evidence"].get("uncategorized_text") in _TOLD:
            world.schedule(world.now() + world.rules.dispute_after, DECIDE, dispute["id"])


# Stripe's own way to end a test dispute
_TOLD = {"winning_evidence": True, "losing_evidence": False}


def decide(world: World, dispute_id: str) -> None:
    """The bank has read what it was told."""
    dispute = world.get("dispute", dispute_id)
    if dispute["status"] in OPEN:
        end(world, dispute_id, won=_TOLD[dispute["evidence"]["uncategorized_text"]])


def overdue(world: World, dispute_id: str) -> None:
    """Nobody has answered in time."""
    dispute = world.get("dispute", dispute_id)
    if dispute["status"] == "needs_response":
        dispute["evidence_details"]["past_due"] = True
        world.put(dispute)
        end(world, dispute_id, won=False)


def close(world: World, _given: Obj, dispute_id: str) -> Obj:
    """POST /v1/disputes/{id}/close: we give in."""
    world.get("dispute", dispute_id, "dispute")
    return end(world, dispute_id, won=False)


def end(world: World, dispute_id: str, *, won: bool) -> Obj:
    """Decided: the money comes back, or it does not."""
    dispute = world.get("dispute", dispute_id)
    if dispute["status"] not in OPEN:
        raise invalid("This dispute is already closed", code="dispute_closed")
    before, dispute["status"] = dispute["status"], "won" if won else "lost"
    if won:
        fee = -world.rules.dispute_fee if world.rules.dispute_fee_returned else 0
        _move(world, dispute, dispute["amount"], fee, "dispute_reversal")
        charge = world.get("charge", dispute["charge"])
        world.put(charge | {"_refundable_again": True})
        world.note("dispute_won", charge["payment_intent"], dispute["amount"])
        world.emit("charge.dispute.funds_reinstated", dispute)
    return world.put(dispute, "charge.dispute.closed", {"status": before})


def list_disputes(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/disputes"""
    names = [name for name in ("charge", "payment_intent") if name in given]
    return {"kind": "dispute", "conditions": [(name, "=", given[name]) for name in names]}
