"""Random histories of payments against the real database and Stripe's double: drivers, a station,
people, a worker that dies at the worst moments, answers that get lost, webhooks that come twice,
late, in disorder or never. Whatever happens, the invariants hold; in the end everything rests.

`make test` plays a hundred and twenty; PAYMENT_HISTORIES=10000 plays the nightly form.
"""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
from books import all_over, check_books
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from paying import Street

from billing.double import Double
from billing.gateway import LaterError, RefusedError
from billing.outbox import claim, send
from billing.payments import advance
from billing.webhooks import keep, process, read
from sql.database import connect

HISTORIES = int(os.environ.get("PAYMENT_HISTORIES", "120"))
LOTS = 4  # so that they can be played side by side
WELL_KNOWN = {"charging", "settled", "released", "expired"}
CARDS = ("4242424242424242", "4000000000000002")
FAULTS = ("lose_answer", "refuse", "down")
WISHES = {
    "cancel": "UPDATE payment SET cancel_requested_at = %s WHERE payment_id = %s",
    "stop": "UPDATE payment SET stop_requested_at = %s WHERE payment_id = %s",
}
WAITS = (1, 20, 70, 200, 700, 2000)


class History(RuleBasedStateMachine):
    """One charger, up to a few payments at once, in a world of its own. `new_database` is the
    test's, and `seen` counts how far histories got."""

    new_database: Callable[[], AbstractContextManager[str]]
    seen: Counter[str]

    @initialize()
    def begin(self) -> None:
        self.world = ExitStack()
        self.dsn = self.world.enter_context(type(self).new_database())
        self.double = self.world.enter_context(Double(webhook_sink=self.hear))
        self.street = Street(self.dsn, self.double)
        self.world.callback(self.street.close)
        self.payments: list[int] = []

    def hear(self, payload: bytes, signature: str) -> int:
        """A webhook, as it would come over HTTP."""
        event = read(payload, signature, self.double.webhook_secret)
        with connect(self.dsn) as connection:
            keep(connection, event, self.double.clock.now())
        return 200

    def teardown(self) -> None:
        if not hasattr(self, "street"):
            return
        with self.world:
            self._calm_down()
            check_books(self.street)
            assert all_over(self.street), self.street.rows("SELECT state FROM payment")
            rows = self.street.rows("SELECT DISTINCT to_state FROM payment_event")
            type(self).seen.update(row[0] for row in rows)

    def _calm_down(self) -> None:
        """Nothing goes wrong any more, the car leaves, a quarter of an hour goes by."""
        self.double.faults.clear()
        self.double.webhooks.behave()
        self.double.webhooks.release()
        self.double.deliver_all()
        self.decide(won=True)
        for payment_id in self.payments:
            self.street.end(payment_id)
        for seconds in (1, 100, 100, 300, 400, 600, 900):
            self.decide(won=False)
            self.double.clock.advance(seconds)
            self.street.settle()

    def _any(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.payments))

    # What mostly happens next to a payment, three times as often as any mishap: else few
    # histories would get far.
    @rule(data=st.data())
    def go_as_planned(self, data: st.DataObject) -> None:
        if not self.payments:
            self.payments.append(self.street.scan())
            self.street.settle()
        self.go_on(self._any(data), data)

    go_as_planned_2 = rule(data=st.data())(lambda self, data: self.go_as_planned(data))
    go_as_planned_3 = rule(data=st.data())(lambda self, data: self.go_as_planned(data))

    def go_on(self, payment_id: int, data: st.DataObject) -> None:
        state = self.street.state(payment_id)
        if state == "awaiting_payment":
            self.pay_on_the_page(payment_id, CARDS[0])
            self.street.look(payment_id)
        elif state == "start_requested":
            self.start_session(payment_id)
        elif state == "charging":
            self.street.measure(payment_id, data.draw(st.sampled_from([0, 999, 12_345, 70_000])))
            self.street.end(payment_id)
        self.street.settle()

    # -- people ----------------------------------------------------------------------------------

    @rule(hold=st.sampled_from([20000, 30000]))
    def scan(self, hold: int) -> None:
        if len(self.payments) < 4:
            self.payments.append(self.street.scan(hold))

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), card=st.sampled_from(CARDS))
    def pay(self, data: st.DataObject, card: str) -> None:
        self.pay_on_the_page(self._any(data), card)

    def pay_on_the_page(self, payment_id: int, card: str) -> None:
        checkout_id = self.street.payment(payment_id)["checkout_id"]
        if checkout_id and self.double.object("checkout.session", checkout_id)["status"] == "open":
            self.street.pay(payment_id, card)

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), what=st.sampled_from(sorted(WISHES)))
    def change_their_mind(self, data: st.DataObject, what: str) -> None:
        self.street.run(WISHES[what], self.street.now, self._any(data))

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), amount=st.sampled_from([0, 0, 100, 5000, 20000]))
    def refund(self, data: st.DataObject, amount: int) -> None:
        """So much, or (0) everything that is left."""
        payment_id = self._any(data)
        payment = self.street.payment(payment_id)
        amount = amount or payment["captured"] - payment["refunded"]
        if payment["captured"] and amount:
            self.street.run(
                "INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
                " VALUES (%s, 'goodwill', %s, 'a bad day', 'carin')", payment_id, amount,
            )  # fmt: skip

    @rule()
    def make_refunds_slow(self) -> None:
        self.double.pend_refunds(1)

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def dispute(self, data: st.DataObject) -> None:
        """The bank takes the driver's side, for now."""
        payment = self.street.payment(self._any(data))
        mine = [one for one in self.double.objects("dispute")
                if one["payment_intent"] == payment["intent_id"]]  # fmt: skip
        if payment["captured"] and not payment["refunded"] and not mine:
            self.double.open_dispute(payment["intent_id"])

    @rule(won=st.booleans())
    def decide(self, won: bool) -> None:
        """What was open at the bank and at Stripe is decided one way or the other."""
        for dispute in self.double.objects("dispute"):
            if dispute["status"] not in ("won", "lost"):
                self.double.close_dispute(dispute["id"], won=won)
        for refund in self.double.objects("refund"):
            if refund["status"] == "pending":
                (self.double.succeed_refund if won else self.double.fail_refund)(refund["id"])

    # -- the station -----------------------------------------------------------------------------

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), status=st.sampled_from(["Accepted", "Rejected"]))
    def answer_a_start(self, data: st.DataObject, status: str) -> None:
        command_id = self.street.payment(self._any(data))["start_command_id"]
        if command_id:
            self.street.answer(command_id, status)

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        self.start_session(self._any(data))

    def start_session(self, payment_id: int) -> None:
        busy = self.street.row("SELECT 1 FROM session WHERE evse_key = %s AND (ended_at IS NULL"
                               " OR transaction_id = %s)", self.street.evse_key,
                               f"t{payment_id}")  # fmt: skip
        if self.street.payment(payment_id)["id_token"] and not busy:
            self.street.begin(payment_id)

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), wh=st.sampled_from([0, 7, 12_345, 45_000]))
    def draw_energy(self, data: st.DataObject, wh: int) -> None:
        payment_id = self._any(data)
        if self._charges(payment_id):
            self.street.measure(payment_id, wh)

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        payment_id = self._any(data)
        if self._charges(payment_id):
            self.street.end(payment_id)

    def _charges(self, payment_id: int) -> bool:
        return bool(self.street.row("SELECT 1 FROM session WHERE transaction_id = %s"
                                    " AND ended_at IS NULL", f"t{payment_id}"))  # fmt: skip

    @rule(seconds=st.sampled_from([0, 5, 300]))
    def lose_contact(self, seconds: int) -> None:
        self.street.contact(False)
        self.street.wait(seconds, step=100)
        self.street.contact(True)

    # -- time, Stripe and the way to it -----------------------------------------------------------

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        self.double.clock.advance(seconds)

    @rule(kind=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def go_wrong(self, kind: Any, times: int) -> None:
        self.double.faults.add("*", kind, times=times)

    @rule(how=st.sampled_from(["hold", "drop", "duplicate", "release"]))
    def webhooks(self, how: str) -> None:
        if how == "release":
            self.double.webhooks.release(order="random")
        else:
            getattr(self.double.webhooks, how)()

    # -- the worker -------------------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        self.street.turn()

    @rule()
    def settle(self) -> None:
        self.street.settle()

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def work_on_one(self, data: st.DataObject) -> None:
        advance(self.street.connection, self._any(data), self.street.context, self.street.now)

    @rule()
    def read_webhooks(self) -> None:
        process(self.street.connection, self.street.now)

    @rule()
    def die_before_sending(self) -> None:
        claim(self.street.connection, self.street.now, 5)

    @rule()
    def die_before_the_answer_is_kept(self) -> None:
        for due in claim(self.street.connection, self.street.now, 5):
            try:
                self.street.gateway.perform(due.call, due.ids, due.parameters, due.key_now)
            except (LaterError, RefusedError):
                continue

    @rule()
    def send_some(self) -> None:
        for due in claim(self.street.connection, self.street.now, 2):
            send(self.street.connection, self.street.gateway, due, self.street.now)


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("lot", range(LOTS))
def test_whatever_happens_nothing_is_lost_taken_twice_or_held_for_nothing(
    new_plain_database: Callable[[], AbstractContextManager[str]], lot: int
) -> None:
    seen: Counter[str] = Counter()
    world = {"new_database": staticmethod(new_plain_database), "seen": seen}
    run_state_machine_as_test(
        type("Played", (History,), world),
        settings=settings(
            max_examples=HISTORIES // LOTS, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    assert seen.keys() >= WELL_KNOWN  # else the histories never got far enough to prove anything
