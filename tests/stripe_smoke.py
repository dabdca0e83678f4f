"""Does Stripe still answer as billing/gateway.py reads it? Against an account's test mode:

    KILOWATCH_STRIPE_API_KEY=sk_test_... python -m tests.stripe_smoke

Every call goes through the gateway, with the parameters the product sends. Leaves captured test
payments behind, no open hold. tests/test_stripe_smoke.py does the same to the double.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from billing import BillingError, reconcile
from billing.cards import setup_parameters
from billing.effects import Context, checkout_parameters
from billing.gateway import Gateway, Ids, RefusedError, Seen
from billing.payment import Evse, Payment, World
from sql.settings import Settings

NAME = "KILOWATCH_STRIPE_API_KEY"
HOLD, CAPTURED, REFUNDED = 30_000, 12_345, 4_000
REFUND_REQUEST = 17
PATIENCE_SECONDS = 30  # until Stripe has booked a charge
HERE = "https://charge.example.org"  # drivers would come back to it; nobody does
NOTHING = Ids(None, None)
EVSE = Evse("SMOKE", 1, "KX-4172", None, "2.0.1", True, True, None, None)


class SmokeError(Exception):
    """Stripe answers, and not as we read it."""


class Smoke:
    """One run; every run has keys of its own, so that Stripe repeats no older answer."""

    def __init__(self, gateway: Gateway, now: Callable[[], datetime]) -> None:
        self.gateway, self.now = gateway, now
        self.run = secrets.token_hex(8)
        self.began = now() - timedelta(minutes=1)
        self.calls = 0
        self.paid = Seen()  # the payment that is captured and partly refunded
        self.customer = ""

    def ask(self, call: str, ids: Ids, parameters: Any = None, key: str = "") -> Seen:
        self.calls += 1
        key = key or f"kw-smoke-{self.run}-{self.calls}"
        return self.gateway.perform(call, ids, parameters or {}, key)

    def refused(self, call: str, ids: Ids, parameters: Any = None) -> str:
        """The code with which Stripe refuses for good. Raises SmokeError if it does not."""
        try:
            self.ask(call, ids, parameters)
        except RefusedError as error:
            return error.code
        raise SmokeError(f"{call}: done, and should have been refused")

    # -- steps -------------------------------------------------------------------------------------

    def a_guest_gets_a_page_to_pay_on(self) -> None:
        asked, key = guest_page(self.now()), f"kw-smoke-{self.run}-checkout"
        made = self.ask("checkout", NOTHING, asked, key)
        told(made, "checkout_id", "checkout_url")
        equal(made, checkout_status="open", intent_id=None,
              checkout_expires_at=datetime.fromtimestamp(asked["expires_at"], UTC))  # fmt: skip
        again = self.ask("checkout", NOTHING, asked, key)
        equal(again, checkout_id=made.checkout_id, checkout_url=made.checkout_url)
        page = Ids(made.checkout_id, None)
        equal(self.ask("look", page), checkout_id=made.checkout_id, checkout_status="open")
        equal(self.ask("expire", page), checkout_status="expired", checkout_url=None)
        self.refused("expire", page)
        equal(self.ask("look", page), checkout_status="expired", intent_id=None)

    def a_card_is_held(self) -> None:
        self.paid = self.hold()

    def hold(self) -> Seen:
        held = self.ask("charge", NOTHING, charge(HOLD, "manual"))
        told(held, "intent_id", "charge_id", "capture_before")
        equal(held, intent_status="requires_capture", held=HOLD, captured=0, card_brand="visa",
              card_last4="4242", charge_problem=None)  # fmt: skip
        if not held.capture_before or held.capture_before < self.now() + timedelta(days=1):
            raise SmokeError(f"capture_before is {held.capture_before}: expected days of patience")
        return held

    def a_part_of_the_hold_is_captured_once(self) -> None:
        ids, amount = Ids(None, self.paid.intent_id), {"amount_to_capture": CAPTURED}
        done = {"intent_status": "succeeded", "held": 0, "captured": CAPTURED}
        equal(self.ask("capture", ids, amount), charge_id=self.paid.charge_id, **done)
        self.refused("capture", ids, amount)
        equal(self.ask("look", ids), refunds=[], disputes=[], **done)
        equal(self.ask("cancel", ids), **done)  # nothing to cancel is an answer, no refusal

    def a_part_of_it_is_refunded(self) -> None:
        ids = Ids(None, self.paid.intent_id, self.paid.charge_id)
        about = {"refund_request_id": str(REFUND_REQUEST), "reference": "SMKE-234"}
        sent = self.ask("refund:17", ids, {"amount": REFUNDED, "metadata": about}).refunds
        if [(one.refund_request_id, one.amount) for one in sent] != [(REFUND_REQUEST, REFUNDED)]:
            raise SmokeError(f"refund: expected one of {REFUNDED} for our request, got {sent}")
        if sent[0].status not in ("succeeded", "pending"):
            raise SmokeError(f"refund: its status is {sent[0].status}")
        seen = self.ask("look", ids).refunds
        if [one.refund_id for one in seen] != [sent[0].refund_id]:
            raise SmokeError(f"refund: a look at the payment shows {seen}")
        too_much = {"amount": CAPTURED, "metadata": about}
        self.refused("refund:18", ids, too_much)

    def a_hold_is_given_back(self) -> None:
        ids = Ids(None, self.hold().intent_id)
        for _ in range(2):
            equal(self.ask("cancel", ids), intent_status="canceled", held=0, captured=0)
        equal(self.ask("look", ids), intent_status="canceled", held=0)

    def a_declined_card_is_an_answer(self) -> None:
        declined = self.ask("charge", NOTHING, charge(HOLD, "manual", "pm_card_chargeDeclined"))
        told(declined, "intent_id")
        equal(declined, charge_problem="card_declined", intent_status="requires_payment_method")

    def a_driver_gets_a_page_to_save_a_card_on(self) -> None:
        key = f"smoke-{self.run}"
        asked = setup_parameters(key, 17, "sv", "dave@example.org", f"{HERE}/my/account")
        asked["customer_key"] = f"kw-{key}-customer"
        made = self.ask("setup", NOTHING, asked)
        told(made, "checkout_id", "checkout_url", "customer_id")
        page = Ids(made.checkout_id, None, None, made.customer_id)
        equal(self.ask("card", page), checkout_status="open", customer_id=made.customer_id,
              payment_method_id=None)  # fmt: skip
        equal(self.ask("expire", page), checkout_status="expired")
        self.customer = str(made.customer_id)

    def a_driver_is_charged_while_away(self) -> None:
        """As a registered driver's session is paid for; and found again without its answer."""
        asked = charge(CAPTURED, "automatic")
        asked |= {"customer": self.customer, "off_session": True}
        asked["metadata"] = {"reference": f"SMOKE-{self.run}"}
        done = self.ask("charge", NOTHING, asked)
        told(done, "intent_id", "charge_id")
        equal(done, intent_status="succeeded", captured=CAPTURED, held=0, card_last4="4242")
        equal(self.ask("charged", NOTHING, asked), intent_id=done.intent_id, captured=CAPTURED)

    def a_driver_is_forgotten(self) -> None:
        for _ in range(2):
            self.ask("forget", NOTHING, {"customer": self.customer})
        gone = charge(CAPTURED, "automatic") | {"customer": self.customer, "off_session": True}
        equal(self.ask("charge", NOTHING, gone), charge_problem="resource_missing")

    def the_balance_shows_what_happened(self) -> None:
        wanted = {"charge": CAPTURED, "refund": -REFUNDED}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing := wanted.items() - self.movements().items():
            if time.monotonic() > deadline:
                raise SmokeError(f"balance: never seen: {sorted(missing)}")
            time.sleep(1)  # Stripe books when it has answered
        for one in self.gateway.payouts(self.began - timedelta(days=30)):
            reconcile._payout(one)
        balance = reconcile._balance(self.gateway)
        if "sek" not in {row["currency"] for row in balance}:
            raise SmokeError(f"balance: no SEK in {balance}")

    def movements(self) -> dict[str, int]:
        """What moved of our payment: type and amount, each as reconciliation stores it."""
        found = {}
        for one in self.gateway.balance_transactions(self.began):
            row = reconcile._transaction(one)
            if row["amount"] - row["fee"] != row["net"]:
                raise SmokeError(f"balance: {row} does not add up")
            found[row["type"].removeprefix("payment_")] = row["amount"]
        return found


STEPS = (
    Smoke.a_guest_gets_a_page_to_pay_on,
    Smoke.a_card_is_held,
    Smoke.a_part_of_the_hold_is_captured_once,
    Smoke.a_part_of_it_is_refunded,
    Smoke.a_hold_is_given_back,
    Smoke.a_declined_card_is_an_answer,
    Smoke.a_driver_gets_a_page_to_save_a_card_on,
    Smoke.a_driver_is_charged_while_away,
    Smoke.a_driver_is_forgotten,
    Smoke.the_balance_shows_what_happened,
)


def guest_page(now: datetime) -> dict[str, Any]:
    """What the product asks for when a guest presses Pay."""
    nothing = dict.fromkeys(Payment.__struct_fields__)
    payment = nothing | {"reference": "SMKE-234", "language": "sv", "currency": "SEK", "hold": HOLD}
    world = World(EVSE, None, None, None, {}, (), None)
    return checkout_parameters(Payment(**payment), world, Context(HERE), now)  # type: ignore[arg-type]


def charge(amount: int, capture: str, card: str = "pm_card_visa") -> dict[str, Any]:
    """As billing/asking.py charges a saved card, with one of Stripe's test cards."""
    return {
        "amount": amount, "currency": "sek", "payment_method": card, "confirm": True,
        "allowed_payment_method_types": ["card"], "capture_method": capture,
        "description": "Kilowatch smoke test", "metadata": {"reference": "SMKE-234"},
    }  # fmt: skip


def told(seen: Seen, *names: str) -> None:
    """Raises SmokeError: the gateway did not find one of these."""
    if missing := [name for name in names if not getattr(seen, name)]:
        raise SmokeError(f"not told: {', '.join(missing)}; {seen}")


def equal(seen: Seen, **expected: Any) -> None:
    for name, value in expected.items():
        if getattr(seen, name) != value:
            raise SmokeError(f"{name} is {getattr(seen, name)!r}, expected {value!r}")


def problem_of(key: str) -> str | None:
    """Why nothing can be done with this key."""
    if not key:
        return f"{NAME} is not set: expected a test key of an account of Stripe's, sk_test_..."
    if not key.startswith("sk_test_"):
        return f"{NAME} is no test key: this makes payments, so it takes sk_test_... only"
    return None


def smoke(settings: Settings, say: Callable[[str], object], now: Callable[[], datetime]) -> bool:
    """All steps; whether Stripe (or what is at `stripe_api_base`) answers as expected."""
    run = Smoke(Gateway(settings), now)
    for step in STEPS:
        name = step.__name__.replace("_", " ")
        try:
            step(run)
        except (SmokeError, BillingError) as error:
            say(f"WRONG  {name}: {error}")
            return False
        say(f"ok     {name}")
    say(f"{run.calls} calls, run {run.run}")
    return True


def main() -> int:
    key = os.environ.get(NAME, "")
    if problem := problem_of(key):
        sys.stderr.write(problem + "\n")
        return 2
    fine = smoke(Settings(stripe_api_key=key), _say, lambda: datetime.now(UTC))
    return 0 if fine else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
