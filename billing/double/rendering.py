"""What an answer shows of an object, and `expand`."""

from typing import TYPE_CHECKING, Any

from billing.double.errors import Obj, malformed

if TYPE_CHECKING:
    from billing.double.world import World

_DEEPEST = 4
# (object, field): what the id in the field is of
EXPANDABLE: dict[tuple[str, str], str] = {
    ("checkout.session", "payment_intent"): "payment_intent",
    ("checkout.session", "setup_intent"): "setup_intent",
    ("checkout.session", "customer"): "customer",
    ("payment_intent", "latest_charge"): "charge",
    ("payment_intent", "payment_method"): "payment_method",
    ("payment_intent", "customer"): "customer",
    ("setup_intent", "payment_method"): "payment_method",
    ("setup_intent", "customer"): "customer",
    ("charge", "balance_transaction"): "balance_transaction",
    ("charge", "payment_intent"): "payment_intent",
    ("charge", "customer"): "customer",
    ("refund", "charge"): "charge",
    ("refund", "payment_intent"): "payment_intent",
    ("refund", "balance_transaction"): "balance_transaction",
    ("refund", "failure_balance_transaction"): "balance_transaction",
    ("dispute", "charge"): "charge",
    ("dispute", "payment_intent"): "payment_intent",
    ("payout", "balance_transaction"): "balance_transaction",
    ("payment_method", "customer"): "customer",
}
_SOURCES = {"ch": "charge", "re": "refund", "du": "dispute", "po": "payout"}


def shown(obj: Any) -> Any:
    """Without what the double keeps for itself, at any depth."""
    if isinstance(obj, dict):
        return {name: shown(value) for name, value in obj.items() if not name.startswith("_")}
    return [shown(value) for value in obj] if isinstance(obj, list) else obj


def rendered(world: "World", obj: Obj, paths: list[str]) -> Obj:
    """The answer, with the fields named by `paths` replaced by what they refer to."""
    answer: Obj = shown(obj)
    for path in paths:
        parts = path.split(".")
        if len(parts) > _DEEPEST:
            raise malformed(
                f"You cannot expand more than {_DEEPEST} levels of a property", "expand"
            )
        _expand(world, answer, parts, path)
    return answer


def _expand(world: "World", obj: Obj, parts: list[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if obj.get("object") == "list" and name == "data" and rest:
        for element in obj["data"]:
            _expand(world, element, rest, path)
        return
    value = obj.get(name)
    if (obj.get("object"), name) == ("checkout.session", "line_items"):
        value = obj[name] = line_items(world.get("checkout.session", obj["id"]))
    elif isinstance(value, str):
        value = obj[name] = _referred(world, obj["object"], name, value, path)
    elif not _may_be(obj, name):
        raise _cannot(path)
    if rest and isinstance(value, dict):
        _expand(world, value, rest, path)


def _may_be(obj: Obj, name: str) -> bool:
    is_known = (obj.get("object"), name) in EXPANDABLE or name == "source"
    return is_known and name in obj


def line_items(session: Obj) -> Obj:
    """What the session is paid for, as a list."""
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "data": session["_line_items"], "has_more": False, "url": url}


def _referred(world: "World", kind: str, name: str, value: str, path: str) -> Obj:
    target = EXPANDABLE.get((kind, name))
    if (kind, name) == ("balance_transaction", "source"):
        target = _SOURCES[value.partition("_")[0]]
    if target is None:
        raise _cannot(path)
    found: Obj = shown(world.get(target, value))
    return found


def _cannot(path: str) -> Exception:
    return malformed(f"This property cannot be expanded ({path}).", "expand")
