"""Payment intents: made, captured once, cancelled, expired by the clock."""

from typing import Any

from billing.double import charges
from billing.double.charges import merge_metadata
from billing.double.confirming import confirm_with, method_for
from billing.double.errors import ApiError, Obj, invalid, malformed, wrong_state
from billing.double.rendering import shown
from billing.double.world import World, base

CANCELABLE = (
    "requires_payment_method", "requires_capture", "requires_confirmation", "requires_action",
    "processing",
)  # fmt: skip


def new_intent(world: World, amount: int, currency: str, **more: Any) -> Obj:
    """One that waits for a payment method; `_session` names the Checkout that owns it."""
    intent = base(
        world, "payment_intent", "pi", allowed_payment_method_types=None, amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}}, amount_received=0, application=None,
        application_fee_amount=None, automatic_payment_methods=None, canceled_at=None,
        cancellation_reason=None, capture_method="automatic_async",
        confirmation_method="automatic", currency=currency, customer=None, description=None,
        last_payment_error=None, latest_charge=None, next_action=None, on_behalf_of=None,
        payment_method=None, payment_method_options={"card": {"request_three_d_secure":
        "automatic"}}, payment_method_types=["card"], processing=None, receipt_email=None,
        review=None, setup_future_usage=None, shipping=None, source=None,
        statement_descriptor=None, statement_descriptor_suffix=None,
        status="requires_payment_method", transfer_data=None, transfer_group=None, _session=None,
    )  # fmt: skip
    intent |= {name: value for name, value in more.items() if value is not None}
    intent["client_secret"] = f"{intent['id']}_secret_{world.new_id('x')[2:]}"
    return world.put(intent, "payment_intent.created")


def check_amount(world: World, amount: int, currency: str, param: str = "amount") -> None:
    """Raises what Stripe says of currencies it does not know and amounts it does not take."""
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise malformed(f"Invalid currency: {currency}.", "currency")
    if not currency.islower():
        raise malformed(f"Invalid currency: {currency}. It is written in lowercase.", "currency")
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise malformed(message, param, "parameter_invalid_integer")
    if amount < world.rules.smallest(currency):
        raise too_small(world, currency, param)
    if amount > 99_999_999:
        raise malformed("Amount must be no more than 999,999.99", param, "amount_too_large")


def too_small(world: World, currency: str, param: str) -> ApiError:
    least = world.rules.smallest(currency)
    message = f"Amount must be at least {least // 100}.{least % 100:02} {currency}"
    return invalid(message, param, "amount_too_small")


def create(world: World, given: Obj) -> Obj:
    """POST /v1/payment_intents"""
    check_amount(world, given["amount"], given["currency"])
    confirming = given.get("confirm", False)
    for name in ("off_session", "return_url", "error_on_requires_action"):
        if name in given and not confirming:
            raise malformed(f"{name} can only be used when confirm=true.", name)
    method = method_for(world, given)
    names = ("capture_method", "customer", "description", "receipt_email", "setup_future_usage",
             "statement_descriptor_suffix", "payment_method", "allowed_payment_method_types",
             "automatic_payment_methods", "metadata")  # fmt: skip
    more = {name: given[name] for name in names if name in given}
    if method:
        more |= {"payment_method": method["id"], "status": "requires_confirmation"}
    intent = new_intent(world, given["amount"], given["currency"], **more)
    return confirm_with(world, intent, method, given) if confirming else intent


def capture(world: World, given: Obj, intent_id: str) -> Obj:
    """POST /v1/payment_intents/{id}/capture: once, at most what is held."""
    intent = world.get("payment_intent", intent_id, "intent")
    if intent["status"] != "requires_capture":
        raise wrong_state(
            f"This PaymentIntent could not be captured because it has a status of"
            f" {intent['status']}. Only a PaymentIntent with one of the following statuses may be"
            " captured: requires_capture.",
            payment_intent=shown(intent),
        )
    amount = intent["amount_capturable"]
    if "amount_to_capture" in given:
        amount = given["amount_to_capture"]
    _check_capture(world, intent, amount)
    merge_metadata(intent, given)
    charge = world.get("charge", intent["latest_charge"])
    charges.capture(world, charge, amount, is_late=False)
    world.emit("charge.captured", charge)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    return world.put(intent, "payment_intent.succeeded")


def _check_capture(world: World, intent: Obj, amount: int) -> None:
    if amount > intent["amount_capturable"]:
        message = (
            "The payment could not be captured because the requested capture amount is greater"
            " than the authorized amount."
        )
        raise invalid(message, "amount_to_capture", "amount_too_large")
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise malformed(message, "amount_to_capture", "parameter_invalid_integer")
    if amount < world.rules.smallest(intent["currency"]):
        raise too_small(world, intent["currency"], "amount_to_capture")


def cancel(world: World, given: Obj, intent_id: str) -> Obj:
    """POST /v1/payment_intents/{id}/cancel"""
    intent = world.get("payment_intent", intent_id, "intent")
    if intent["status"] not in CANCELABLE:
        raise wrong_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            " Only a PaymentIntent with one of the following statuses may be canceled: "
            + ", ".join(CANCELABLE) + ".",
            payment_intent=shown(intent),
        )  # fmt: skip
    if intent["_session"] and intent["status"] != "requires_capture":
        raise wrong_state(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session."
            " Expire the Checkout Session instead.",
            payment_intent=shown(intent),
        )
    return end(world, intent, given.get("cancellation_reason"))


def end(world: World, intent: Obj, reason: str | None, event: str = "charge.refunded") -> Obj:
    """Canceled: what was held is free again."""
    if intent["status"] == "requires_capture":
        charges.give_back(world, world.get("charge", intent["latest_charge"]), event)
    intent |= {"status": "canceled", "amount_capturable": 0, "canceled_at": world.now(),
               "cancellation_reason": reason, "next_action": None}  # fmt: skip
    return world.put(intent, "payment_intent.canceled")


def expire_hold(world: World, intent_id: str) -> None:
    """The bank's patience is over."""
    intent = world.get("payment_intent", intent_id)
    if intent["status"] == "requires_capture":
        end(world, intent, "automatic", "charge.expired")


def update(world: World, given: Obj, intent_id: str) -> Obj:
    """POST /v1/payment_intents/{id}"""
    intent = world.get("payment_intent", intent_id, "intent")
    for name in ("description", "receipt_email"):
        intent[name] = given.get(name, intent[name])
    merge_metadata(intent, given)
    return world.put(intent)


def list_intents(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/payment_intents"""
    conditions = [("customer", "=", given["customer"])] if "customer" in given else []
    return {"kind": "payment_intent", "conditions": conditions}
