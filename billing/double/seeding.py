"""A believable past: captured charges, and the payouts that have followed since."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from billing.double import cards, charges, intents, money, refunds
from billing.double.errors import Obj
from billing.double.rules import DAY
from billing.double.world import World, day_of


@dataclass(frozen=True)
class Past:
    """A charge that was captured at `created_at` (with a time zone); amounts in minor units.

    `held` is what was authorised (default: the amount), `refunded` what was given back the same
    day.
    """

    intent_id: str
    amount: int
    created_at: datetime
    held: int | None = None
    refunded: int = 0
    currency: str = "sek"
    card: str = "4242424242424242"
    email: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def seed(world: World, pasts: Iterable[Past]) -> list[Obj]:
    """Write them, quietly, and pay out what became due since; the charges."""
    with world.lock, world.store.transaction():
        world.quiet = True
        try:
            written = [_write(world, past) for past in pasts]
            if written:
                _begin_payouts(world, min(charge["created"] for charge in written))
            world.run_due()
        finally:
            world.quiet = False
    return written


def _write(world: World, past: Past) -> Obj:
    created = int(past.created_at.timestamp())
    with world.at(created):
        intent, charge = _authorised(world, past)
        charges.capture(world, charge, past.amount, is_late=False)
        intent |= {"status": "succeeded", "amount_received": past.amount}
        world.put(intent)
        if past.refunded:
            _give_back(world, charge, past.refunded)
    return charge


def _authorised(world: World, past: Past) -> tuple[Obj, Obj]:
    intent = intents.new_intent(
        world, past.held or past.amount, past.currency, id=past.intent_id,
        capture_method="manual", description=past.description, receipt_email=past.email,
        metadata=past.metadata,
    )  # fmt: skip
    card = cards.card_of(past.card)
    method = cards.make_method(world, card, {"email": past.email}, None)
    charge = charges.make_charge(world, intent, method, None)
    intent |= {"payment_method": method["id"], "latest_charge": charge["id"]}
    return intent, charge


def _give_back(world: World, charge: Obj, amount: int) -> None:

    refunds.create(world, {"charge": charge["id"], "amount": amount})


def _begin_payouts(world: World, first: int) -> None:
    """Look at every midnight since the first of them again."""
    tonight = day_of(first) + DAY
    planned = int(world.store.memo(money.PAYOUTS) or world.now() + DAY)
    if tonight < planned:
        world.store.db.execute("DELETE FROM due WHERE action = ?", [money.PAYOUTS])
        world.store.set_memo(money.PAYOUTS, str(tonight))
        world.schedule(tonight, money.PAYOUTS, "")
