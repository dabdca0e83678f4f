"""Registered drivers: a card saved once, charged after every session; and what happens when the
bank says no, nobody knows the tag, or the worker dies in the middle."""

from collections.abc import Iterator

import pytest
from registering import ASKS_EVERY_TIME, DECLINED_LATER, Members

from billing.double import Double


@pytest.fixture
def street(plain_database: str) -> Iterator[Members]:
    with Double() as double:
        street = Members(plain_database, double)
        yield street
        street.close()


def test_a_saved_card_is_charged_after_the_session(street: Members) -> None:
    driver_id = street.member()
    assert street.row("SELECT card_brand, card_last4 FROM driver") == ("visa", "4242")
    payment = street.payment(street.charge(driver_id))
    assert (payment["state"], payment["channel"]) == ("settled", "registered")
    assert (payment["gross"], payment["captured"]) == (9980, 9980)
    assert street.trail(payment["payment_id"]) == ["capturing", "settled"]
    assert street.row("SELECT gross, paid, due FROM receipt") == (9980, 9980, 0)
    assert [street.balance(one) for one in ("1510", "1580", "3001", "2611")] == [
        0, 9980, -7984, -1996,
    ]  # fmt: skip
    assert street.mails() == [("receipt", "dave@example.org")]


def test_a_declined_card_makes_a_debt_and_a_mail_with_a_page_to_pay_on(street: Members) -> None:
    payment_id = street.charge(street.member(DECLINED_LATER))
    payment = street.payment(payment_id)
    assert (payment["state"], payment["charge_problem"]) == ("receivable", "card_declined")
    assert street.row("SELECT paid, due FROM receipt") == (0, 9980)
    assert street.mails() == [("payment_declined", "dave@example.org")]
    street.run("UPDATE payment SET pay_requested_at = %s", street.now)
    street.settle()
    street.pay(payment_id)
    street.look(payment_id)
    street.settle()
    payment = street.payment(payment_id)
    assert (payment["state"], payment["captured"]) == ("settled", 9980)
    assert street.row("SELECT paid, due FROM receipt") == (9980, 0)
    assert street.balance("1510") == 0
    assert len(street.double.captures()) == 1


def test_a_bank_that_wants_to_see_its_customer_is_told_so_by_mail(street: Members) -> None:
    payment_id = street.charge(street.member(ASKS_EVERY_TIME))
    payment = street.payment(payment_id)
    assert (payment["state"], payment["charge_problem"]) == (
        "receivable",
        "authentication_required",
    )
    assert street.mails() == [("payment_authentication", "dave@example.org")]


def test_without_a_card_the_driver_is_asked_to_pay(street: Members) -> None:
    payment_id = street.charge(street.member(card=None))
    assert street.state(payment_id) == "receivable"
    assert street.mails() == [("payment_no_card", "dave@example.org")]
    assert street.double.journal("POST", "/v1/payment_intents") == []
