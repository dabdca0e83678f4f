"""Events can be asked for as well, for 30 days."""

from typing import Any

from billing.double.errors import Obj, malformed
from billing.double.rules import DAY
from billing.double.world import World


def list_events(world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/events"""
    if "type" in given and "types" in given:
        raise malformed("You may only specify one of these parameters: type, types.", "type")
    conditions: list[tuple[str, str, Any]] = [("created", ">=", world.now() - 30 * DAY)]
    if "type" in given:
        conditions.append(("type", "GLOB", given["type"]))
    if "types" in given:
        conditions.append(("type", "IN", given["types"]))
    return {"kind": "event", "conditions": conditions}
