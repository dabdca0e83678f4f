"""What a driver does on the hosted page: try a card, show oneself to the bank."""

from dataclasses import dataclass

from billing.double import checkout, confirming
from billing.double.cards import NOT_AUTHENTICATED, attach, card_behind, card_of, make_method
from billing.double.customers import new_customer
from billing.double.errors import Obj, invalid
from billing.double.rendering import shown
from billing.double.world import World


@dataclass(frozen=True)
class Outcome:
    """`status`: paid, refused (with the bank's `message`) or authenticate. `url`: where to next."""

    status: str
    url: str = ""
    message: str = ""
    code: str = ""


def pay(
    world: World, session_id: str, number: str, email: str | None = None, name: str | None = None,
    expiry: tuple[int, int] | None = None,
) -> Outcome:  # fmt: skip
    """Try the card with this number. Raises ApiError when the session is not open."""
    session = _open(world, session_id)
    email = (session["customer_details"] or {}).get("email") or email or "dave@example.org"
    session["_payer"] = {"email": email, "name": name}
    world.put(session)
    method = make_method(world, card_of(number), session["_payer"], expiry)
    if session["mode"] == "setup":
        return _save(world, session, method)
    return _charge(world, session, method)


def authenticate(world: World, session_id: str, succeeds: bool) -> Outcome:
    """The bank has asked; its customer has answered."""
    session = _open(world, session_id)
    kind = "setup_intent" if session["mode"] == "setup" else "payment_intent"
    intent = world.get(kind, session[kind])
    if intent["status"] != "requires_action":
        raise invalid("There is nothing to authenticate.")
    method = world.get("payment_method", intent["payment_method"])
    if not succeeds:
        return _not_authenticated(world, intent, method)
    if kind == "setup_intent":
        return _saved(world, session, intent, method)
    confirming.authorise(world, intent, method)
    return _completed(world, session)


def _open(world: World, session_id: str) -> Obj:
    session = world.get("checkout.session", session_id, "session")
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.", code="session_not_open")
    return session


def _charge(world: World, session: Obj, method: Obj) -> Outcome:
    card, intent = card_behind(method), checkout.intent_of(world, session)
    if refused := card.refused or card.later:
        confirming.decline(world, intent, method, refused)
        return Outcome("refused", message=refused.message, code=refused.decline_code or "")
    if card.authenticate:
        confirming.ask_for_authentication(world, intent, method)
        return Outcome("authenticate", f"{session['url']}/authenticate")
    confirming.authorise(world, intent, method)
    return _completed(world, session)


def _save(world: World, session: Obj, method: Obj) -> Outcome:
    intent, card = world.get("setup_intent", session["setup_intent"]), card_behind(method)
    if card.refused:
        error = {"code": card.refused.code, "decline_code": card.refused.decline_code,
                 "message": card.refused.message, "type": "card_error"}  # fmt: skip
        intent["last_setup_error"] = error | {"payment_method": shown(method)}
        world.put(intent, "setup_intent.setup_failed")
        message, code = card.refused.message, card.refused.decline_code or ""
        return Outcome("refused", message=message, code=code)
    if card.authenticate:
        intent |= {"status": "requires_action", "payment_method": method["id"]}
        world.put(intent, "setup_intent.requires_action")
        return Outcome("authenticate", f"{session['url']}/authenticate")
    return _saved(world, session, intent, method)


def _saved(world: World, session: Obj, intent: Obj, method: Obj) -> Outcome:
    if session["customer"]:
        attach(world, method, session["customer"])
    intent |= {"status": "succeeded", "payment_method": method["id"], "last_setup_error": None}
    world.put(intent, "setup_intent.succeeded")
    return _completed(world, session)


def _not_authenticated(world: World, intent: Obj, method: Obj) -> Outcome:
    message = NOT_AUTHENTICATED.message
    if intent["object"] == "payment_intent":
        confirming.decline(world, intent, method, NOT_AUTHENTICATED)
    else:
        error = {"code": "setup_intent_authentication_failure", "type": "invalid_request_error"}
        intent |= {"status": "requires_payment_method", "payment_method": None}
        intent["last_setup_error"] = error | {"message": message}
        world.put(intent, "setup_intent.setup_failed")
    return Outcome("refused", message=message, code=NOT_AUTHENTICATED.code)


def _completed(world: World, session: Obj) -> Outcome:
    payer = session["_payer"]
    if session["customer_creation"] == "always" and not session["customer"]:
        _make_customer(world, session, payer)
    checkout.complete(world, session, payer["email"], payer["name"])
    url = str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
    return Outcome("paid", url)


def _make_customer(world: World, session: Obj, payer: Obj) -> None:
    customer = new_customer(world, payer)
    session["customer"] = customer["id"]
    intent = world.get("payment_intent", session["payment_intent"])
    intent["customer"] = customer["id"]
    world.put(intent)
    if intent["setup_future_usage"]:
        method = world.get("payment_method", intent["payment_method"])
        attach(world, method, customer["id"])
