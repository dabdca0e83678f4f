"""What tests and demos do to the double: as methods here, as JSON below `/_double/`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from billing.double import disputes, paying, refunds, seeding
from billing.double.api import Api, Entry
from billing.double.clock import Clock
from billing.double.errors import Obj
from billing.double.paying import Outcome
from billing.double.rendering import shown
from billing.double.webhooks import Webhooks
from billing.double.world import World, at_utc

CARD = "4242424242424242"


@dataclass(frozen=True)
class Hold:
    """Money of a driver that is reserved and not taken. `age` in seconds."""

    intent_id: str
    amount: int
    currency: str
    age: int
    capture_before: datetime
    metadata: dict[str, str]


@dataclass(frozen=True)
class Effect:
    """Something that took effect, once: authorise, capture, release, refund, dispute.."""

    kind: str
    intent_id: str
    amount: int
    at: datetime
    request_id: str | None


class Control:
    """All methods are safe to call from any thread."""

    def __init__(self, world: World, api: Api, webhooks: Webhooks) -> None:
        self.world, self.api, self.webhooks = world, api, webhooks
        self.faults, self.key = api.faults, api.key
        if isinstance(world.clock, Clock):
            world.clock.on_move.append(self.run_due)

    # -- time and what it brings --------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """Its own; a clock that was handed in is moved by whoever owns it."""
        return cast("Clock", self.world.clock)

    @property
    def webhook_secret(self) -> str:
        return self.webhooks.secrets[0]

    def run_due(self) -> None:
        """Let happen what the clock says is due."""
        with self.world.changing():
            pass

    def deliver_all(self) -> None:
        """Send every webhook that waits (except held ones) before this returns."""
        self.run_due()
        self.webhooks.deliver_all()

    # -- what drivers, banks and Stripe do ----------------------------------------------------

    def pay(
        self, checkout_id: str, card: str = CARD, *, email: str | None = None,
        name: str | None = None, authenticate: bool | None = True,
    ) -> Outcome:  # fmt: skip
        """Pay on the hosted page; a bank that asks is answered (None: left unanswered)."""
        with self.world.changing():
            outcome = paying.pay(self.world, checkout_id, card, email, name)
            if outcome.status == "authenticate" and authenticate is not None:
                outcome = paying.authenticate(self.world, checkout_id, authenticate)
            return outcome

    def open_dispute(self, intent_id: str, reason: str = "fraudulent") -> Obj:
        """The driver's bank takes back what was captured; the dispute."""
        with self.world.changing():
            intent = self.world.get("payment_intent", intent_id)
            opened: Obj = shown(disputes.open_dispute(self.world, intent["latest_charge"], reason))
            return opened

    def close_dispute(self, dispute_id: str, *, won: bool) -> Obj:
        with self.world.changing():
            closed: Obj = shown(disputes.end(self.world, dispute_id, won=won))
            return closed

    def pend_refunds(self, count: int = 1) -> None:
        """The next refunds stay pending until `succeed_refund` or `fail_refund`."""
        with self.world.lock:
            self.world.next_refunds += ["pending"] * count

    def succeed_refund(self, refund_id: str) -> Obj:
        with self.world.changing():
            refund: Obj = shown(refunds.succeed(self.world, refund_id))
            return refund

    def fail_refund(self, refund_id: str, reason: str = "expired_or_canceled_card") -> Obj:
        """A pending or succeeded refund comes back."""
        with self.world.changing():
            refund: Obj = shown(refunds.fail(self.world, refund_id, reason))
            return refund

    def seed_charge(self, intent_id: str, amount: int, created_at: datetime, **more: Any) -> Obj:
        """A captured charge of the past; see `seeding.Past`."""
        return self.seed([seeding.Past(intent_id, amount, created_at, **more)])[0]

    def seed(self, charges: Iterable[seeding.Past]) -> list[Obj]:
        """Many at once; payouts until now are made, webhooks are not sent."""
        return seeding.seed(self.world, charges)

    # -- what is -------------------------------------------------------------------------------

    def intent(self, intent_id: str) -> Obj:
        return self.object("payment_intent", intent_id)

    def object(self, kind: str, object_id: str) -> Obj:
        """As the API would answer, without a request. Raises ApiError."""
        with self.world.changing():
            found: Obj = shown(self.world.get(kind, object_id))
            return found

    def objects(self, kind: str) -> list[Obj]:
        """All of a kind, oldest first."""
        with self.world.changing():
            found: list[Obj] = shown(self.world.store.find(kind))
            return found[::-1]

    def open_holds(self) -> list[Hold]:
        """Oldest first."""
        with self.world.changing():
            held = self.world.store.find("payment_intent", ("status", "=", "requires_capture"))
            return [self._hold(intent) for intent in held[::-1]]

    def _hold(self, intent: Obj) -> Hold:
        charge = self.world.get("charge", intent["latest_charge"])
        before = charge["payment_method_details"]["card"]["capture_before"]
        return Hold(intent["id"], intent["amount_capturable"], intent["currency"],
                    self.world.now() - charge["created"], at_utc(before),
                    intent["metadata"])  # fmt: skip

    def captures(self, intent_id: str | None = None) -> list[Effect]:
        """Captures that took effect, of one intent or of all."""
        return self.effects(intent_id, "capture")

    def effects(self, intent_id: str | None = None, kind: str | None = None) -> list[Effect]:
        """What moved money, oldest first."""
        query = "SELECT kind, subject, amount, at, request_id FROM effect"
        query += " WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR kind = ?2)"
        with self.world.changing():
            rows = self.world.store.db.execute(f"{query} ORDER BY effect_id", [intent_id, kind])
            return [Effect(row[0], row[1], row[2], at_utc(row[3]), row[4]) for row in rows]

    def journal(self, method: str = "", path: str = "") -> list[Entry]:
        """Requests to the API, oldest first; `path` may be a part of it."""
        return [entry for entry in list(self.api.journal)
                if entry.method.startswith(method) and path in entry.path]  # fmt: skip

    def balance(self, currency: str = "sek") -> int:
        """All Stripe owes us, pending included; minor units."""
        query = "SELECT coalesce(sum(net), 0) FROM object WHERE available_on IS NOT NULL"
        query += " AND currency = ?"
        with self.world.changing():
            return int(self.world.store.db.execute(query, [currency]).fetchone()[0])

    # -- the same over HTTP --------------------------------------------------------------------

    def set_clock(self, advance: float | None = None, to: str | None = None) -> Obj:
        """Move the clock by seconds or to an ISO instant."""
        clock = self.world.clock
        if isinstance(clock, Clock) and advance is not None:
            clock.advance(advance)
        if isinstance(clock, Clock) and to is not None:
            clock.set(datetime.fromisoformat(to))
        return {"now": clock.now().isoformat()}

    def seed_rows(self, charges: list[Obj]) -> Obj:
        """`seed` with JSON rows; `created_at` is an ISO instant."""
        rows = [seeding.Past(**row | {"created_at": datetime.fromisoformat(row["created_at"])})
                for row in charges]  # fmt: skip
        return {"seeded": len(self.seed(rows))}
