"""Balance, balance transactions and payouts: what Stripe holds for us, and what it pays out."""

from typing import Any

from billing.double.errors import Obj
from billing.double.rules import DAY
from billing.double.world import World, base, day_of

PAYOUTS, ARRIVE, LATE = "payouts", "payout_arrives", "late_balance"


def book(  # noqa: PLR0913 - the columns of a line, by name
    world: World, kind: str, amount: int, source: str, *, fee: int = 0, currency: str = "sek",
    available_on: int | None = None, category: str = "", description: str | None = None,
) -> Obj:  # fmt: skip
    """A new balance transaction; net = amount - fee. Available at once unless told otherwise."""
    available = world.now() if available_on is None else available_on
    details = [{"amount": fee, "application": None, "currency": currency,
                "description": "Stripe processing fees", "type": "stripe_fee"}]  # fmt: skip
    made = base(
        world, "balance_transaction", "txn", amount=amount, available_on=available,
        currency=currency, description=description, exchange_rate=None, fee=fee,
        fee_details=details if fee else [], net=amount - fee, balance_type="payments",
        reporting_category=category or kind, source=source,
        status="available" if available <= world.now() else "pending", type=kind
    )  # fmt: skip
    del made["metadata"], made["livemode"]
    return world.put(made)


def book_charge(world: World, charge: Obj) -> None:
    """What a capture brings, minus the fee, available two days later at midnight UTC."""
    amount = charge["amount_captured"]
    available = day_of(world.now()) + world.rules.days_until_available * DAY
    booked = book(
        world, "charge", amount, charge["id"], fee=world.rules.fee(amount),
        currency=charge["currency"], available_on=available, description=charge["description"],
    )  # fmt: skip
    charge["balance_transaction"] = booked["id"]
    ensure_payouts(world)


def late_balance(world: World, charge_id: str) -> None:
    """An asynchronous capture is booked a little after it was answered."""
    charge = world.get("charge", charge_id)
    book_charge(world, charge)
    booked = {"balance_transaction": None}
    world.put(charge, "charge.updated", booked)


def with_status(world: World, transaction: Obj) -> Obj:
    """Pending until its hour: decided when it is looked at."""
    is_available = transaction["available_on"] <= world.now()
    return transaction | {"status": "available" if is_available else "pending"}


def ensure_payouts(world: World) -> None:
    """Midnights are looked at from the first money on."""
    if not world.store.memo(PAYOUTS):
        tonight = day_of(world.now()) + DAY
        world.store.set_memo(PAYOUTS, str(tonight))
        world.schedule(tonight, PAYOUTS, "")


def pay_out(world: World, _subject: str) -> None:
    """Midnight: everything that has become available is paid out, per currency."""
    world.store.set_memo(PAYOUTS, str(world.now() + DAY))
    world.schedule(world.now() + DAY, PAYOUTS, "")
    query = f"SELECT currency, sum(net) FROM object WHERE {_UNPAID} GROUP BY currency"  # noqa: S608
    for currency, net in world.store.db.execute(query, [world.now()]).fetchall():
        if net > 0:  # else it waits for the next day's money
            _pay_out(world, currency, net)


_UNPAID = "available_on IS NOT NULL AND payout IS NULL AND available_on <= ?"


def _pay_out(world: World, currency: str, net: int) -> None:
    payout = base(
        world, "payout", "po", amount=net, arrival_date=world.now(), automatic=True,
        balance_transaction=None, currency=currency, description="STRIPE PAYOUT",
        destination="ba_double", failure_balance_transaction=None, failure_code=None,
        failure_message=None, method="standard", original_payout=None, payout_method=None,
        reconciliation_status="completed", reversed_by=None, source_type="card",
        statement_descriptor=None, status="in_transit", trace_id=None, type="bank_account",
    )  # fmt: skip
    own = book(world, "payout", -net, payout["id"], currency=currency, description="STRIPE PAYOUT")
    world.store.db.execute(
        f"UPDATE object SET payout = ? WHERE {_UNPAID} AND currency = ?",  # noqa: S608
        [payout["id"], world.now(), currency],
    )
    payout["balance_transaction"] = own["id"]
    world.put(payout, "payout.created")
    world.schedule(world.now() + world.rules.payout_arrives_after, ARRIVE, payout["id"])


def arrive(world: World, payout_id: str) -> None:
    payout = world.get("payout", payout_id)
    before, payout["status"] = payout["status"], "paid"
    world.put(payout, "payout.paid", {"status": before})
    world.emit("payout.reconciliation_completed", payout)


def balance(world: World, _given: Obj) -> Obj:
    """GET /v1/balance"""
    return {
        "object": "balance",
        "livemode": False,
        "available": _sums(world, "<="),
        "pending": _sums(world, ">"),
        "refund_and_dispute_prefunding": {"available": [], "pending": []},
    }


def _sums(world: World, operator: str) -> list[Obj]:
    query = (
        f"SELECT currency, sum(CASE WHEN available_on {operator} ? THEN net ELSE 0 END)"  # noqa: S608
        " FROM object WHERE available_on IS NOT NULL GROUP BY currency"
    )
    rows = world.store.db.execute(query, [world.now()]).fetchall()
    found = rows or [("sek", 0)]
    return [{"amount": sum_, "currency": currency, "source_types": {"card": sum_}}
            for currency, sum_ in found]  # fmt: skip


def list_transactions(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/balance_transactions"""
    names = [name for name in ("payout", "type", "source", "currency") if name in given]
    conditions = [(name, "=", given[name]) for name in names]
    return {"kind": "balance_transaction", "conditions": conditions}


def list_payouts(_world: World, given: Obj) -> dict[str, Any]:
    """GET /v1/payouts"""
    conditions = [("status", "=", given["status"])] if "status" in given else []
    return {"kind": "payout", "conditions": conditions}
