"""A payment intent meets a card: accepted, refused, or the bank wants to see its customer."""

from billing.double import charges
from billing.double.cards import (
    NEEDS_AUTHENTICATION,
    TOKENS,
    Refusal,
    attach,
    card_behind,
    card_of,
    make_method,
)
from billing.double.errors import ApiError, Obj, invalid, malformed, wrong_state
from billing.double.rendering import shown
from billing.double.world import World

EXPIRE = "hold_expires"


def method_for(world: World, given: Obj) -> Obj | None:
    """The saved card a request names; it must belong to the customer it names. Or a test card."""
    if "customer" in given:
        world.get("customer", given["customer"], "customer", 400)
    if "payment_method" not in given:
        return None
    name = given["payment_method"]
    if name in TOKENS:
        return make_method(world, card_of(TOKENS[name]), {}, None)
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
    method = _own_method(world, intent) if chosen == intent["payment_method"] else None
    if method is None:
        method = method_for(world, named | ({"payment_method": chosen} if chosen else {}))
    return confirm_with(world, intent, method, given)


def _own_method(world: World, intent: Obj) -> Obj | None:
    """The one it was made with, unless that was detached meanwhile."""
    if intent["payment_method"] is None:
        return None
    method = world.get("payment_method", intent["payment_method"])
    return method if method["customer"] == intent["customer"] else None


def confirm_with(world: World, intent: Obj, method: Obj | None, given: Obj) -> Obj:
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
