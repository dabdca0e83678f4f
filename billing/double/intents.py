"""Payment intents: made, confirmed with a card, captured once, cancelled, expired by the clock."""

from typing import Any

from billing.double import charges
from billing.double.cards import NEEDS_AUTHENTICATION, Refusal, attach, card_behind
from billing.double.charges import merge_metadata
from billing.double.errors import ApiError, Obj, invalid, malformed, wrong_state
from billing.double.rendering import shown
from billing.double.world import World, base

EXPIRE = "hold_expires"
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
    method = _method_for(world, given)
    names = ("capture_method", "customer", "description", "receipt_email", "setup_future_usage",
             "statement_descriptor_suffix", "payment_method", "allowed_payment_method_types",
             "automatic_payment_methods", "metadata")  # fmt: skip
    more = {name: given[name] for name in names if name in given}
    intent = new_intent(world, given["amount"], given["currency"], **more)
    if method:
        intent["status"] = "requires_confirmation"
        world.put(intent)
    return _confirm(world, intent, method, given) if confirming else intent


def _method_for(world: World, given: Obj) -> Obj | None:
    """The saved card a request names; it must belong to the customer it names."""
    if "customer" in given:
        world.get("customer", given["customer"], "customer", 400)
    if "payment_method" not in given:
        return None
    name = given["payment_method"]
    method = world.get("payment_method", name, "payment_method", 400)
    if method["customer"] is None:
        raise invalid(
            f"The provided PaymentMethod was previously used with a PaymentIntent without Customer"
            f" attachment, or was detached from a Customer. It may not be used again: {name}."
        )
    if method["customer"] != given.get("customer"):
        raise invalid(
            f"The PaymentMethod {name} belongs to a Customer. Please include the Customer in the"
            " `customer` parameter on the PaymentIntent.",
            "payment_method",
        )
    return method


def confirm(world: World, given: Obj, intent_id: str) -> Obj:
    """POST /v1/payment_intents/{id}/confirm"""
    intent = world.get("payment_intent", intent_id, "intent")
    if intent["status"] not in {"requires_payment_method", "requires_confirmation"}:
        raise wrong_state(
            f"You cannot confirm this PaymentIntent because it has already succeeded or was"
            f" canceled: its status is {intent['status']}.",
            payment_intent=shown(intent),
        )
    named = {"customer": intent["customer"]} if intent["customer"] else {}
    chosen = given.get("payment_method", intent["payment_method"])
    method = _method_for(world, named | ({"payment_method": chosen} if chosen else {}))
    return _confirm(world, intent, method, given)


def _confirm(world: World, intent: Obj, method: Obj | None, given: Obj) -> Obj:
    if method is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise wrong_state(f"{message} Update it with a payment method and then confirm it again.",
                          payment_intent=shown(intent))  # fmt: skip
    _check_return_url(intent, given)
    card = card_behind(method)
    refused = card.refused or card.later
    if card.authenticate and not refused:
        if not given.get("off_session") and not given.get("error_on_requires_action"):
            return ask_for_authentication(world, intent, method)
        refused = NEEDS_AUTHENTICATION
    if refused:
        raise card_error(intent, decline(world, intent, method, refused))
    return authorise(world, intent, method)


def _check_return_url(intent: Obj, given: Obj) -> None:
    """Methods that redirect are on by default, and then a way back is wanted."""
    redirects = (intent["automatic_payment_methods"] or {}).get("allow_redirects", "always")
    only_cards = intent["allowed_payment_method_types"] == ["card"]
    if given.get("off_session") or "return_url" in given or redirects == "never" or only_cards:
        return
    raise malformed(
        "This PaymentIntent is configured to accept payment methods enabled in your Dashboard."
        " Because some of these payment methods might redirect your customer off of your page, you"
        " must provide a `return_url`. If you don't want to accept redirect-based payment methods,"
        " set `automatic_payment_methods[enabled]` to `true` and"
        " `automatic_payment_methods[allow_redirects]` to `never`.",
        "return_url",
    )


def ask_for_authentication(world: World, intent: Obj, method: Obj) -> Obj:
    """The bank wants to see its customer."""
    url = f"{world.public_url}/3ds/{intent['id']}"
    intent |= {"status": "requires_action", "payment_method": method["id"],
               "next_action": {"type": "redirect_to_url",
                               "redirect_to_url": {"url": url, "return_url": None}}}  # fmt: skip
    return world.put(intent, "payment_intent.requires_action")


def decline(world: World, intent: Obj, method: Obj, refused: Refusal) -> Obj:
    """Write down a refused attempt; the error as it stands in the intent."""
    charge = charges.make_charge(world, intent, method, refused)
    world.emit("charge.failed", charge)
    error = {
        "charge": charge["id"], "code": refused.code, "decline_code": refused.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{refused.code.replace('_', '-')}",
        "message": refused.message, "payment_method": shown(method), "type": "card_error",
    }  # fmt: skip
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None,
               "last_payment_error": error, "latest_charge": charge["id"]}  # fmt: skip
    world.put(intent, "payment_intent.payment_failed")
    return error


def card_error(intent: Obj, error: Obj) -> ApiError:
    more = {name: value for name, value in error.items() if name not in {"message", "type"}}
    more["payment_intent"] = shown(intent)
    return ApiError(402, error["message"], kind="card_error", kept=True, **more)


def authorise(world: World, intent: Obj, method: Obj) -> Obj:
    """The bank says yes: held when captured by hand, else captured at once."""
    charge = charges.make_charge(world, intent, method, None)
    world.emit("charge.succeeded", charge)
    world.note("authorise", intent["id"], intent["amount"])
    intent |= {"payment_method": method["id"], "latest_charge": charge["id"],
               "last_payment_error": None, "next_action": None}  # fmt: skip
    if intent["setup_future_usage"] and intent["customer"] and not method["customer"]:
        attach(world, method, intent["customer"])
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        world.schedule(world.now() + world.rules.hold_seconds, EXPIRE, intent["id"])
        return world.put(intent, "payment_intent.amount_capturable_updated")
    is_late = intent["capture_method"] == "automatic_async"
    charges.capture(world, charge, intent["amount"], is_late)
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    return world.put(intent, "payment_intent.succeeded")


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
