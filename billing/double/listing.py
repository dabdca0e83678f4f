"""Lists: newest first, in pages of at most 100."""

from billing.double import money
from billing.double.checkout import as_of_now
from billing.double.errors import Obj, malformed, missing
from billing.double.store import Condition
from billing.double.world import World

_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def page(world: World, given: Obj, path: str, wanted: Obj) -> Obj:
    """`wanted`: kind and conditions, as an endpoint's answer names them."""
    limit = given.get("limit", 10)
    if not 1 <= limit <= 100:
        message = "This value must be between 1 and 100."
        raise malformed(message, "limit", "parameter_invalid_integer")
    after, before = (_cursor(world, given, wanted["kind"], name)
                     for name in ("starting_after", "ending_before"))  # fmt: skip
    if after and before:
        raise malformed("You may only specify one of starting_after and ending_before.")
    conditions = [*wanted["conditions"], *_ranges(given)]
    found = world.store.find(wanted["kind"], *conditions, limit=limit + 1, after=after,
                             before=before)  # fmt: skip
    kept = found[-limit:] if before else found[:limit]
    data = [_as_of_now(world, obj) for obj in kept]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": path}


def _cursor(world: World, given: Obj, kind: str, name: str) -> str | None:
    cursor: str | None = given.get(name)
    if cursor is not None and world.store.get(kind, cursor) is None:
        raise missing(kind, cursor, name, 400)
    return cursor


def _ranges(given: Obj) -> list[Condition]:
    conditions: list[Condition] = []
    for name in ("created", "arrival_date"):
        limits = given.get(name, {})
        if isinstance(limits, int):
            conditions.append((name, "=", limits))
        else:
            conditions += [(name, _OPERATORS[key], limit) for key, limit in limits.items()]
    return conditions


def _as_of_now(world: World, obj: Obj) -> Obj:
    if obj["object"] == "balance_transaction":
        return money.with_status(world, obj)
    return as_of_now(world, obj) if obj["object"] == "checkout.session" else obj
