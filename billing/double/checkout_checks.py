"""What Stripe wants of a new Checkout beyond names and types."""

from urllib.parse import urlsplit

from billing.double import intents
from billing.double.errors import Obj, malformed
from billing.double.rules import HOUR, MINUTE
from billing.double.world import World


def check(world: World, given: Obj, mode: str) -> None:
    """Raises ApiError 400."""
    if mode not in _CHECKS:
        raise malformed(f"The double has no mode {mode}.", "mode", "double_unsupported")
    _check_common(world, given)
    _CHECKS[mode](world, given)


def _check_common(world: World, given: Obj) -> None:
    if "success_url" not in given:
        raise malformed("Missing required param: success_url.", "success_url", "parameter_missing")
    for name in ("success_url", "cancel_url"):
        if name in given and not _is_url(given[name]):
            raise malformed("Not a valid URL", name, "url_invalid")
    if "customer" in given and "customer_email" in given:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise malformed(message, "customer")
    if "customer" in given:
        world.get("customer", given["customer"], "customer", 400)
    _check_email(given.get("customer_email"), "customer_email")
    _check_expiry(world, given)


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _check_email(email: str | None, param: str) -> None:
    if email is not None and ("@" not in email.strip("@") or " " in email):
        raise malformed(f"Invalid email address: {email}", param, "email_invalid")


def _check_expiry(world: World, given: Obj) -> None:
    if "expires_at" not in given:
        return
    ahead = given["expires_at"] - world.now()
    # whoever asks for exactly 30 minutes has spent some of them on the way
    if ahead < 30 * MINUTE - 5:
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session"
        raise malformed(f"{message} creation.", "expires_at")
    if ahead > 24 * HOUR + 5:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session"
        raise malformed(f"{message} creation.", "expires_at")


def _check_payment(world: World, given: Obj) -> None:
    if not given.get("line_items"):
        message = "The `line_items` parameter is required in payment mode."
        raise malformed(message, "line_items", "parameter_missing")
    if "setup_intent_data" in given:
        raise malformed("You can not pass `setup_intent_data` in `payment` mode.",
                        "setup_intent_data")  # fmt: skip
    for index, item in enumerate(given["line_items"]):
        _check_item(item, f"line_items[{index}]")
    currencies = {item["price_data"]["currency"] for item in given["line_items"]}
    if len(currencies) > 1:
        raise malformed("All line items must have the same currency.", "line_items")
    total = sum(item["price_data"]["unit_amount"] * item["quantity"]
                for item in given["line_items"])  # fmt: skip
    intents.check_amount(world, total, currencies.pop(), "line_items")


def _check_item(item: Obj, path: str) -> None:
    if "price_data" not in item:
        raise malformed(f"You must specify either `price` or `price_data` in {path}.", path)
    price = item["price_data"]
    for name in ("unit_amount", "product_data"):
        if name not in price:
            where = f"{path}[price_data][{name}]"
            raise malformed(f"Missing required param: {where}.", where, "parameter_missing")
    if price["unit_amount"] < 0:
        where = f"{path}[price_data][unit_amount]"
        raise malformed("Invalid non-negative integer", where, "parameter_invalid_integer")
    if item.get("quantity", 0) < 1:
        message = f"Quantity is required. Add `quantity` to `{path}`"
        raise malformed(message, f"{path}[quantity]", "parameter_missing")


def _check_setup(_world: World, given: Obj) -> None:
    for name in ("line_items", "payment_intent_data", "submit_type", "customer_creation"):
        if name in given and name != "customer_creation":
            raise malformed(f"You can not pass `{name}` in `setup` mode.", name)
    if "currency" not in given and "allowed_payment_method_types" not in given:
        message = "`currency` is required in `setup` mode without `allowed_payment_method_types`."
        raise malformed(message, "currency", "parameter_missing")


_CHECKS = {"payment": _check_payment, "setup": _check_setup}
