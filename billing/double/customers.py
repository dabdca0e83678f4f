"""Customers: people whose cards may be saved."""

from typing import Any

from billing.double.cards import detach
from billing.double.charges import merge_metadata
from billing.double.errors import Obj, malformed
from billing.double.world import World, base

GONE = "deleted"
FIELDS = ("email", "name", "phone", "description", "preferred_locales")


def new_customer(world: World, given: Obj) -> Obj:
    """Written and told of."""
    if "@" not in given.get("email", "a@b"):
        raise malformed(f"Invalid email address: {given['email']}", "email", "email_invalid")
    settings = {"custom_fields": None, "default_payment_method": None, "footer": None,
                "rendering_options": None}  # fmt: skip
    customer = base(
        world, "customer", "cus", address=None, balance=0, currency=None, default_source=None,
        delinquent=False, discount=None, invoice_settings=settings,
        invoice_prefix=world.new_id("x")[2:10].upper(), shipping=None, tax_exempt="none",
        test_clock=None,
    )  # fmt: skip
    customer |= {name: given.get(name) for name in FIELDS}
    customer["preferred_locales"] = given.get("preferred_locales", [])
    customer["metadata"] = given.get("metadata", {})
    return world.put(customer, "customer.created")


def update_customer(world: World, given: Obj, customer_id: str) -> Obj:
    """POST /v1/customers/{id}"""
    customer = world.get("customer", customer_id, "id")
    for name in FIELDS:
        customer[name] = given.get(name, customer[name]) or None
    settings = given.get("invoice_settings", {})
    if chosen := settings.get("default_payment_method"):
        world.get("payment_method", chosen, "invoice_settings[default_payment_method]", 400)
        customer["invoice_settings"]["default_payment_method"] = chosen
    merge_metadata(customer, given)
    return world.put(customer, "customer.updated", {})


def delete_customer(world: World, _given: Obj, customer_id: str) -> Obj:
    """DELETE /v1/customers/{id}: for good, and nobody can be charged by its cards any more."""
    customer = world.get("customer", customer_id, "id")
    for method in world.store.find("payment_method", ("customer", "=", customer_id)):
        detach(world, {}, method["id"])
    world.emit("customer.deleted", customer)
    gone = {"id": customer_id, "object": "customer", "deleted": True}
    world.put(gone | {"created": customer["created"], "status": GONE})
    return gone


def retrieve_customer(world: World, _given: Obj, customer_id: str) -> Obj:
    """GET /v1/customers/{id}: of one that was deleted, that it was."""
    found = world.store.get("customer", customer_id)
    if found and found.get("deleted"):
        return {name: found[name] for name in ("id", "object", "deleted")}
    return world.get("customer", customer_id, "id")


def list_customers(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/customers"""
    conditions = [("email", "=", given["email"])] if "email" in given else []
    return {"kind": "customer", "conditions": [("status", "IS NOT", GONE), *conditions]}
