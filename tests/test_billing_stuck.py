"""Nothing keeps a hold for ever, nor the other payments: not a price that can't be made, not a
refund or dispute that does not fit, not a mistake of ours."""

from collections.abc import Iterator
from typing import Any

import pytest
from paying import TARIFF, Street
from registering import Members

from billing import BillingError, corrections, worker
from billing.corrections import correct_due
from billing.credits import correct_cdr
from billing.double import Double
from billing.effects import Context
from billing.gateway import Gateway, RefusedError

DAY = 24 * 3600
# a rate of VAT that no account is known for
ELSEWHERE = {**TARIFF, "elements": [{"price_components": [
    {"type": "ENERGY", "price": 4, "vat": 17, "step_size": 1}]}]}  # fmt: skip


@pytest.fixture
def street(plain_database: str) -> Iterator[Members]:
    with Double() as double:
        street = Members(plain_database, double)
        yield street
        street.close()


@pytest.fixture
def unbookable(plain_database: str) -> Iterator[Street]:
    """A street whose price nobody can book."""
    with Double() as double:
        street = Street(plain_database, double, ELSEWHERE)
        yield street
        street.close()


def decide(street: Street, decision: str) -> None:
    """Staff resolve what is open."""
    street.run("UPDATE review_item SET resolved_at = %s, resolved_by = 'carin', decision = %s"
               " WHERE resolved_at IS NULL", street.now, decision)  # fmt: skip


def ask_back(street: Street, payment_id: int, amount: int) -> None:
    street.run("INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
               " VALUES (%s, 'partial', %s, 'the screen was dark', 'carin')",
               payment_id, amount)  # fmt: skip


def disputed(street: Street, payment_id: int, amount: int, status: str) -> None:
    """What a look at Stripe has found."""
    street.run("INSERT INTO dispute (dispute_id, payment_id, charge_id, amount, currency, status,"
               " opened_at) SELECT 'dp_1', payment_id, charge_id, %s, currency, %s, %s FROM payment"
               " WHERE payment_id = %s", amount, status, street.now, payment_id)  # fmt: skip


def open_reviews(street: Street) -> list[Any]:
    return [row[0] for row in street.rows(
        "SELECT kind FROM review_item WHERE resolved_at IS NULL ORDER BY 1")]  # fmt: skip


# -- what can't be priced or booked --------------------------------------------------------------


def test_a_price_that_can_t_be_booked_goes_to_people_and_the_hold_at_the_deadline(
    unbookable: Street,
) -> None:
    payment_id = unbookable.charged(20_000)
    payment = unbookable.payment(payment_id)
    assert (payment["state"], open_reviews(unbookable)) == ("completed", ["cannot_price"])
    assert unbookable.rows("SELECT * FROM receipt") == []
    until = payment["quarantined_until"]
    unbookable.double.clock.advance((until - unbookable.now).total_seconds() + 1)
    unbookable.settle()
    assert unbookable.state(payment_id) == "released"
    assert unbookable.double.open_holds() == []


def test_what_people_say_to_charge_and_still_has_no_price_waits_for_its_deadline_again(
    unbookable: Street,
) -> None:
    payment_id = unbookable.charged(20_000)
    decide(unbookable, "charge")
    unbookable.settle()
    assert (unbookable.state(payment_id), open_reviews(unbookable)) == (
        "completed", ["cannot_price"],
    )  # fmt: skip
    unbookable.double.clock.advance(3 * DAY + 1)
    unbookable.settle()
    assert unbookable.state(payment_id) == "released"


def test_people_may_still_waive_what_has_no_price(unbookable: Street) -> None:
    payment_id = unbookable.charged(20_000)
    decide(unbookable, "charge")
    unbookable.settle()
    decide(unbookable, "waive")
    unbookable.settle()
    assert unbookable.state(payment_id) == "released"


def test_a_price_that_can_be_booked_after_all_is_charged(unbookable: Street) -> None:
    payment_id = unbookable.charged(20_000)
    unbookable.run("INSERT INTO vat_rate (rate, valid_from, account, sales_account)"
                   " VALUES (17, '2020-01-01', '2610', '3004')")  # fmt: skip
    decide(unbookable, "charge")
    unbookable.settle()
    assert (unbookable.state(payment_id), unbookable.payment(payment_id)["captured"]) == (
        "settled", 9360,
    )  # fmt: skip


# -- what can't be captured ----------------------------------------------------------------------


def test_what_is_written_off_because_it_can_t_be_captured_is_held_no_longer(
    street: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise RefusedError("amount_too_odd", "no")

    monkeypatch.setattr(Gateway, "_capture", refuse)
    payment_id = street.charged(20_000)
    assert (street.state(payment_id), len(street.double.open_holds())) == ("capture_failed", 1)
    decide(street, "write_off")
    street.settle()
    assert street.double.open_holds() == []
    assert street.payment(payment_id)["held"] == 0
    assert street.row("SELECT paid, due, written_off FROM receipt") == (0, 0, 9980)
    assert street.balance("1510") == 0


# -- disputes ------------------------------------------------------------------------------------


def test_a_refund_that_was_asked_for_before_a_dispute_was_lost_is_answered(
    street: Members,
) -> None:
    payment_id = street.charged(20_000)
    disputed(street, payment_id, 9980, "needs_response")
    ask_back(street, payment_id, 1000)
    street.settle()
    assert street.state(payment_id) == "disputed"
    street.run("UPDATE dispute SET status = 'lost', closed_at = %s", street.now)
    street.settle()
    assert street.state(payment_id) == "dispute_lost"
    assert street.row("SELECT status FROM refund_request") == ("rejected",)


def test_a_dispute_over_more_than_was_charged_is_booked_whole(street: Members) -> None:
    payment_id = street.charged(20_000)
    for status in ("needs_response", "lost"):
        street.run("DELETE FROM dispute")
        disputed(street, payment_id, 10_100, status)
        street.settle()
    assert street.state(payment_id) == "dispute_lost"
    assert [street.balance(one) for one in ("1585", "6352", "2611")] == [0, 8104, 0]


# -- corrections and refunds ---------------------------------------------------------------------


def test_a_refund_after_a_correction_upwards_credits_the_receipt_that_holds(
    street: Members,
) -> None:
    payment_id = street.charge(street.member())
    street.run("UPDATE meter_value SET energy_delta_wh = energy_delta_wh + 5000")
    street.run("UPDATE session SET energy_wh = energy_wh + 5000, version = version + 1")
    assert correct_due(street.connection, street.now) == 1
    ask_back(street, payment_id, 1000)
    street.settle()
    assert street.state(payment_id) == "partly_refunded"
    assert street.row("SELECT status FROM refund_request") == ("done",)
    assert street.row(
        "SELECT n.gross, r.gross FROM receipt n JOIN receipt r"
        " ON r.receipt_id = n.credits_receipt_id ORDER BY n.receipt_id DESC LIMIT 1"
    ) == (-1000, 12475)


def test_a_correction_gives_back_what_was_paid_and_not_what_was_written_off(
    street: Members,
) -> None:
    payment_id = street.charged(12_000, hold=5000)  # 59.88 for a hold of 50.00
    assert street.payment(payment_id)["written_off"] == 988
    street.run("UPDATE meter_value SET energy_delta_wh = energy_delta_wh - 4000")
    street.run("UPDATE session SET energy_wh = energy_wh - 4000, version = version + 1")
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    payment = street.payment(payment_id)
    assert payment["captured"] - payment["refunded"] == 3992


def test_a_correction_of_no_more_than_was_written_off_gives_nothing_back(street: Members) -> None:
    payment_id = street.charged(12_000, hold=5000)
    street.run("UPDATE meter_value SET energy_delta_wh = energy_delta_wh - 1000")
    street.run("UPDATE session SET energy_wh = energy_wh - 1000, version = version + 1")
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert (street.state(payment_id), street.rows("SELECT * FROM refund_request")) == (
        "settled", [],
    )  # fmt: skip


def test_a_session_that_can_t_be_corrected_keeps_no_other_waiting(
    street: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (street.charged(20_000) for _ in range(2))
    (bad,) = street.row("SELECT session_id FROM payment WHERE payment_id = %s", first)
    street.run("UPDATE meter_value SET energy_delta_wh = energy_delta_wh - 5000")
    street.run("UPDATE session SET energy_wh = energy_wh - 5000, version = version + 1")

    def refuse(connection: Any, session_id: int, *rest: Any, **more: Any) -> Any:
        if session_id == bad:
            raise BillingError("no price")
        return correct_cdr(connection, session_id, *rest, **more)

    monkeypatch.setattr(corrections, "correct_cdr", refuse)
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert (street.state(first), street.state(second)) == ("settled", "partly_refunded")


# -- mistakes of ours ----------------------------------------------------------------------------


def test_a_mistake_about_one_payment_keeps_no_other_waiting(
    street: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []

    def advance(_connection: Any, payment_id: int, *_: Any) -> None:
        if payment_id == first:
            raise ValueError("nobody thought of this")
        done.append(payment_id)

    first, second = street.scan(), street.scan()
    monkeypatch.setattr(worker, "advance", advance)
    one = worker.Worker(street.dsn, street.gateway, Context("http://charge.example"),
                        now=lambda: street.now)  # fmt: skip
    one.advance_all(street.connection, {first, second})
    assert (done, open_reviews(street)) == ([second], ["stuck"])
