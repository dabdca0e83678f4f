"""Checkout sessions: made by us, paid (or not) on the hosted page, expired by us or the clock."""

from typing import Any

from billing.double import intents
from billing.double.charges import merge_metadata
from billing.double.checkout_checks import check
from billing.double.errors import Obj, invalid
from billing.double.rendering import line_items
from billing.double.rules import DAY
from billing.double.world import World, base

EXPIRE = "session_expires"
_INTENT_DATA = ("capture_method", "description", "receipt_email", "setup_future_usage",
                "statement_descriptor_suffix", "metadata")  # fmt: skip


def create(world: World, given: Obj) -> Obj:
    """POST /v1/checkout/sessions"""
    mode = given.get("mode", "payment")
    check(world, given, mode)
    session = _new(world, given, mode)
    world.schedule(session["expires_at"], EXPIRE, session["id"])
    return world.put(session)


def _new(world: World, given: Obj, mode: str) -> Obj:
    items = [_item(world, item) for item in given.get("line_items", [])]
    total = sum(item["amount_total"] for item in items) if items else None
    currency = items[0]["currency"] if items else given.get("currency")
    names = ("cancel_url", "client_reference_id", "customer", "customer_creation",
             "customer_email", "locale", "success_url", "submit_type",
             "allowed_payment_method_types")  # fmt: skip
    session = base(
        world, "checkout.session", "cs_test", amount_subtotal=total, amount_total=total,
        currency=currency, expires_at=given.get("expires_at", world.now() + DAY), mode=mode,
        payment_intent=None, payment_method_types=["card"],
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        setup_intent=None, status="open", ui_mode="hosted_page", _line_items=items,
        _intent_data=given.get("payment_intent_data", {}),
    )  # fmt: skip
    session |= {name: given.get(name) for name in names}
    session["metadata"] = given.get("metadata", {})
    session["url"] = f"{world.public_url}/c/pay/{session['id']}"
    session["customer_details"] = _details(_known_email(world, session), None)
    if mode == "setup":
        session["setup_intent"] = _new_setup_intent(world, given, session)["id"]
    return session


def _known_email(world: World, session: Obj) -> str | None:
    if session["customer"]:
        session = session | {"customer_email": world.get("customer", session["customer"])["email"]}
    known: str | None = session["customer_email"]
    return known


def _details(email: str | None, name: str | None) -> Obj | None:
    if email is None:
        return None
    return {"address": None, "email": email, "name": name, "phone": None, "tax_exempt": "none",
            "tax_ids": []}  # fmt: skip


def _item(world: World, item: Obj) -> Obj:
    price, quantity = item["price_data"], item["quantity"]
    total = price["unit_amount"] * quantity
    return {"id": world.new_id("li"), "object": "item", "amount_discount": 0,
            "amount_subtotal": total, "amount_tax": 0, "amount_total": total,
            "currency": price["currency"], "description": price["product_data"]["name"],
            "price": None, "quantity": quantity}  # fmt: skip


def _new_setup_intent(world: World, given: Obj, session: Obj) -> Obj:
    data = given.get("setup_intent_data", {})
    intent = base(
        world, "setup_intent", "seti", application=None, cancellation_reason=None,
        customer=session["customer"], description=data.get("description"),
        last_setup_error=None, latest_attempt=None, mandate=None, next_action=None,
        payment_method=None, payment_method_types=["card"], status="requires_payment_method",
        usage="off_session", _session=session["id"],
    )  # fmt: skip
    intent["metadata"] = data.get("metadata", {})
    return world.put(intent, "setup_intent.created")


def intent_of(world: World, session: Obj) -> Obj:
    """The payment intent; it comes to be when someone tries to pay."""
    if session["payment_intent"]:
        return world.get("payment_intent", session["payment_intent"])
    data = session["_intent_data"]
    more = {name: data[name] for name in _INTENT_DATA if name in data}
    intent = intents.new_intent(
        world, session["amount_total"], session["currency"], customer=session["customer"],
        _session=session["id"], **more,
    )  # fmt: skip
    session["payment_intent"] = intent["id"]
    world.put(session)
    return intent


def complete(world: World, session: Obj, email: str | None, name: str | None) -> Obj:
    """Paid, or the card is saved."""
    session |= {"status": "complete", "url": None, "customer_details": _details(email, name)}
    if session["payment_intent"]:
        intent = world.get("payment_intent", session["payment_intent"])
        session["payment_status"] = _payment_status(intent)
    return world.put(session, "checkout.session.completed")


def _payment_status(intent: Obj) -> str:
    """A hold is no payment yet."""
    return "paid" if intent["status"] == "succeeded" else "unpaid"


def as_of_now(world: World, session: Obj) -> Obj:
    """As answered: a session is paid once its hold has been captured."""
    if session["payment_intent"] and session["status"] == "complete":
        intent = world.get("payment_intent", session["payment_intent"])
        session["payment_status"] = _payment_status(intent)
    return session


def expire(world: World, _given: Obj, session_id: str) -> Obj:
    """POST /v1/checkout/sessions/{id}/expire"""
    session = world.get("checkout.session", session_id, "session")
    if session["status"] != "open":
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session'
            f" has a status of `{session['status']}`."
        )
    return end(world, session)


def end(world: World, session: Obj) -> Obj:
    """Nobody can pay it any more; an intent of an earlier attempt goes with it."""
    session |= {"status": "expired", "url": None}
    if session["payment_intent"]:
        intents.end(world, world.get("payment_intent", session["payment_intent"]), "expired")
    return world.put(session, "checkout.session.expired")


def expire_by_clock(world: World, session_id: str) -> None:
    session = world.get("checkout.session", session_id)
    if session["status"] == "open":
        end(world, session)


def update(world: World, given: Obj, session_id: str) -> Obj:
    """POST /v1/checkout/sessions/{id}"""
    session = world.get("checkout.session", session_id, "session")
    merge_metadata(session, given)
    return as_of_now(world, world.put(session))


def items_of(world: World, _given: Obj, session_id: str) -> Obj:
    """GET /v1/checkout/sessions/{id}/line_items"""
    return line_items(world.get("checkout.session", session_id, "session"))


def list_sessions(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/checkout/sessions"""
    names = [name for name in ("customer", "payment_intent", "status") if name in given]
    return {"kind": "checkout.session", "conditions": [(name, "=", given[name]) for name in names]}


def list_setup_intents(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/setup_intents"""
    conditions = [("customer", "=", given["customer"])] if "customer" in given else []
    return {"kind": "setup_intent", "conditions": conditions}
