"""Registered drivers: a card saved once, charged after every session; and what happens when the
bank says no, nobody knows the tag, or the worker dies in the middle."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from paying import TARIFF
from registering import ASKS_EVERY_TIME, DECLINED_LATER, Members

from billing.assignment import add_tariff, find_place
from billing.checks import CHECKS, run_checks
from billing.double import Double, cards
from billing.ended import take_ended
from billing.outbox import claim, send
from billing.payments import advance
from billing.webhooks import keep, read
from sql.database import connect

DAY = 24 * 3600


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


def test_a_session_of_nobodys_tag_is_free_and_has_one_record(street: Members) -> None:
    sessions = [street.session("STRANGER"), street.session(None)]
    street.settle()
    street.settle()
    records = street.rows(
        "SELECT session_id, gross, document #>> '{kilowatch,channel}' FROM cdr ORDER BY session_id"
    )
    assert records == [(one, 0, "free") for one in sessions]
    assert street.rows("SELECT * FROM payment") == []
    assert street.rows("SELECT * FROM ended_session") == []


def test_what_ended_before_billing_began_is_nobodys_debt(street: Members) -> None:
    street.run("UPDATE billing_start SET at = %s", street.now.replace(year=street.now.year + 1))
    street.charge_unbilled(street.member())
    assert street.rows("SELECT * FROM cdr") == []
    assert street.rows("SELECT * FROM payment") == []


def test_a_guests_session_is_not_charged_twice(street: Members) -> None:
    street.charged(20_000)
    assert street.rows("SELECT channel FROM payment") == [("guest",)]
    assert street.row("SELECT count(*), max(gross) FROM cdr") == (1, 9980)
    street.wait(90)
    assert street.rows("SELECT * FROM ended_session") == []
    assert street.row("SELECT count(*) FROM cdr") == (1,)


def test_a_guests_token_in_other_letters_is_still_the_guests(street: Members) -> None:
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.run("UPDATE session SET id_token = lower(id_token)")
    street.measure(payment_id, 20_000)
    street.end(payment_id)
    take_ended(street.connection, street.now)
    assert street.rows("SELECT * FROM cdr") == []
    street.settle()
    assert street.payment(payment_id)["captured"] == 9980


def test_a_guests_session_that_is_given_away_has_its_record_too(street: Members) -> None:
    payment_id = street.ready_to_charge()
    street.wait(200)
    street.begin(payment_id)
    street.settle()
    street.measure(payment_id, 5_000)
    street.end(payment_id)
    street.wait(120)
    assert street.state(payment_id) == "released"
    assert street.row("SELECT gross, document #>> '{kilowatch,channel}' FROM cdr") == (0, "free")


def test_a_tag_that_is_linked_afterwards_pays_for_nothing_before(street: Members) -> None:
    driver_id = street.driver()
    street.run("INSERT INTO id_token (id_token) VALUES ('LATER')")
    session_id = street.session("LATER")
    street.run("UPDATE id_token SET driver_id = %s, linked_at = %s", driver_id, street.now)
    street.settle()
    assert street.rows("SELECT * FROM payment") == []
    assert street.row("SELECT session_id, gross FROM cdr") == (session_id, 0)


def test_without_a_price_it_is_free(street: Members) -> None:
    street.run("DELETE FROM tariff_assignment")
    street.charge_unbilled(street.member())
    assert street.row("SELECT gross FROM cdr") == (0,)
    assert street.rows("SELECT * FROM payment") == []


def test_the_price_at_the_start_counts(street: Members) -> None:
    driver_id = street.member()
    session_id = street.session(f"TAG{driver_id:05}", 20_000, minutes=30)
    dearer = {**TARIFF, "id": "dearer", "elements": [{"price_components": [
        {"type": "ENERGY", "price": 9, "vat": 25, "step_size": 1}]}]}  # fmt: skip
    add_tariff(street.connection, dearer, find_place(street.connection),
               street.now - timedelta(minutes=10))  # fmt: skip
    street.settle()
    assert street.payment(street.payment_of(session_id))["gross"] == 9980


def test_nothing_used_costs_nothing_and_asks_no_card(street: Members) -> None:
    payment = street.payment(street.charge(street.member(), wh=0))
    assert (payment["state"], payment["failure"]) == ("released", "nothing_used")
    assert street.rows("SELECT * FROM receipt") == []
    assert street.double.journal("POST", "/v1/payment_intents") == []


def test_too_little_for_a_card_is_written_off_visibly(street: Members) -> None:
    payment = street.payment(street.charge(street.member(), wh=200))  # 1.00 kr
    assert (payment["state"], payment["written_off"]) == ("written_off", 100)
    assert street.row("SELECT gross, paid, due, written_off FROM receipt") == (100, 0, 0, 100)
    assert street.balance("1510") == 0
    assert street.mails() == []


def test_a_doubtful_reading_waits_for_a_human(street: Members) -> None:
    driver_id = street.member()
    session_id = street.session(f"TAG{driver_id:05}")
    street.run("UPDATE session SET flags = ARRAY['register_jumped']")
    street.settle()
    payment_id = street.payment_of(session_id)
    assert street.state(payment_id) == "completed"
    assert street.double.journal("POST", "/v1/payment_intents") == []
    street.decide(session_id, "accept")
    street.settle()
    assert street.state(payment_id) == "settled"


def test_a_doubtful_reading_nobody_looks_at_is_free_and_has_its_record(street: Members) -> None:
    driver_id = street.member()
    session_id = street.session(f"TAG{driver_id:05}")
    street.run("UPDATE session SET flags = ARRAY['register_jumped']")
    street.settle()
    street.double.clock.advance(3 * DAY + 60)
    street.settle()
    street.settle()
    assert street.state(street.payment_of(session_id)) == "released"
    assert street.row("SELECT gross, document #>> '{kilowatch,channel}' FROM cdr") == (0, "free")


# -- cards ----------------------------------------------------------------------------------------


def test_another_card_replaces_the_first_which_stripe_forgets(street: Members) -> None:
    driver_id = street.member()
    (first,) = street.row("SELECT payment_method_id FROM driver")
    street.save_card(driver_id, "5555555555554444")
    assert street.row("SELECT card_brand, card_last4 FROM driver") == ("mastercard", "4444")
    assert street.double.object("payment_method", first)["customer"] is None
    assert len(street.double.objects("customer")) == 1


def test_a_removed_card_is_charged_no_more(street: Members) -> None:
    driver_id = street.member()
    street.run("UPDATE driver SET payment_method_id = NULL, card_brand = NULL, card_last4 = NULL")
    street.settle()
    payment_id = street.charge(driver_id)
    assert street.state(payment_id) == "receivable"
    assert street.row("SELECT outcome FROM outbox WHERE call = 'detach'") == ("done",)


def test_a_card_that_goes_between_pricing_and_charging_makes_a_debt(street: Members) -> None:
    driver_id = street.member()
    (method,) = street.row("SELECT payment_method_id FROM driver")
    with street.double.world.changing():
        cards.detach(street.double.world, {}, method)
    payment = street.payment(street.charge(driver_id))
    assert payment["state"] == "receivable"
    assert street.mails() == [("payment_declined", "dave@example.org")]


def test_a_page_to_save_a_card_on_that_nobody_uses_expires(street: Members) -> None:
    driver_id = street.driver()
    street.ask_for_card(driver_id)
    street.wait(25 * 3600, step=3600)
    assert street.row("SELECT status FROM card_setup") == ("expired",)
    assert street.row("SELECT payment_method_id FROM driver") == (None,)


def test_a_card_is_found_without_any_webhook(street: Members) -> None:
    driver_id = street.driver()
    street.ask_for_card(driver_id)
    street.double.pay(street.row("SELECT checkout_id FROM card_setup")[0])
    street.wait(90)
    assert street.row("SELECT card_last4 FROM driver") == ("4242",)


def test_webhooks_in_any_order_and_number_save_the_card_once(plain_database: str) -> None:
    deliveries: list[tuple[bytes, str]] = []

    def sink(payload: bytes, signature: str) -> int:
        deliveries.append((payload, signature))
        return 200

    with Double(webhook_sink=sink) as double:
        street = Members(plain_database, double)
        driver_id = street.driver()
        street.ask_for_card(driver_id)
        double.pay(street.row("SELECT checkout_id FROM card_setup")[0])
        double.deliver_all()
        for payload, signature in [*deliveries[::-1], *deliveries]:
            event = read(payload, signature, double.webhook_secret)
            keep(street.connection, event, street.now)
            street.settle()
        assert street.row("SELECT card_last4 FROM driver") == ("4242",)
        assert street.row("SELECT count(*) FROM card_setup WHERE status = 'complete'") == (1,)
        assert len(double.objects("setup_intent")) == 1
        street.close()


# -- crashes and lost answers ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lose_answer", "down", "refuse"])
def test_a_charge_whose_answer_is_lost_is_made_once(street: Members, kind: Any) -> None:
    driver_id = street.member()
    street.double.faults.add("POST /v1/payment_intents", kind, times=4)
    payment_id = street.charge(driver_id)
    street.wait(200)
    assert street.state(payment_id) == "settled"
    assert [one.amount for one in street.double.captures()] == [9980]


def test_a_charge_claimed_by_a_worker_that_dies_is_sent_by_another(street: Members) -> None:
    driver_id = street.member()
    session_id = street.session(f"TAG{driver_id:05}")
    take_ended(street.connection, street.now)
    payment_id = street.payment_of(session_id)
    advance(street.connection, payment_id, street.context, street.now)
    (due,) = claim(street.connection, street.now, 10)
    street.gateway.perform(
        due.call, due.ids, due.parameters, due.key
    )  # and dies before it notes it
    street.settle()
    assert street.state(payment_id) == "capturing"
    street.wait(120)
    assert street.state(payment_id) == "settled"
    assert len(street.double.captures()) == 1


def test_a_charge_made_a_day_before_is_found_not_made_again(street: Members) -> None:
    """Stripe has forgotten the key by then."""
    driver_id = street.member()
    session_id = street.session(f"TAG{driver_id:05}")
    take_ended(street.connection, street.now)
    payment_id = street.payment_of(session_id)
    advance(street.connection, payment_id, street.context, street.now)
    (due,) = claim(street.connection, street.now, 10)
    street.gateway.perform(due.call, due.ids, due.parameters, due.key)
    street.double.clock.advance(2 * DAY)
    street.settle()
    assert street.state(payment_id) == "settled"
    assert len(street.double.captures()) == 1


def test_two_workers_at_once_charge_every_session_once(street: Members) -> None:
    driver_id = street.member()
    sessions = [street.session(f"TAG{driver_id:05}", 10_000) for _ in range(12)]
    start = threading.Barrier(2)

    def work() -> None:
        with connect(street.dsn) as connection:
            start.wait(10)
            for _ in range(6):
                take_ended(connection, street.now)
                for session_id in sessions:
                    found = connection.execute(
                        "SELECT payment_id FROM payment WHERE session_id = %s", [session_id]
                    ).fetchone()
                    if found:
                        advance(connection, found[0], street.context, street.now)
                for due in claim(connection, street.now, 5):
                    send(connection, street.gateway, due, street.now)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    street.wait(120)
    assert street.rows("SELECT state, count(*) FROM payment GROUP BY 1") == [("settled", 12)]
    assert [one.amount for one in street.double.captures()] == [4990] * 12
    assert street.balance("1580") == 12 * 4990


# -- debts -----------------------------------------------------------------------------------------


def test_a_debt_is_asked_for_again_then_blocks_and_then_a_human_decides(street: Members) -> None:
    driver_id = street.member(DECLINED_LATER)
    payment_id = street.charge(driver_id)

    def seen() -> tuple[Any, ...]:
        (status,) = street.row("SELECT status FROM id_token WHERE kind = 'rfid'")
        return len(street.mails()), status, len(street.rows("SELECT * FROM review_item"))

    assert seen() == (1, "Accepted", 0)
    for days, expected in (
        (3, (2, "Accepted", 0)),
        (10, (3, "Accepted", 0)),
        (14, (3, "Blocked", 0)),
        (30, (3, "Blocked", 1)),
    ):
        since = street.payment(payment_id)["due_since"]
        street.double.clock.set(since + timedelta(days=days, minutes=1))
        street.settle()
        assert seen() == expected
    street.run("UPDATE payment SET pay_requested_at = %s", street.now)
    street.settle()
    street.pay(payment_id)
    street.look(payment_id)
    street.settle()
    assert street.state(payment_id) == "settled"
    assert street.row("SELECT status, blocked_by FROM id_token") == ("Accepted", None)
    assert street.row("SELECT blocked_at FROM driver") == (None,)


def test_paying_one_of_two_old_debts_does_not_unblock(street: Members) -> None:
    driver_id = street.member(DECLINED_LATER)
    first, second = street.charge(driver_id), street.charge(driver_id)
    street.double.clock.advance(15 * DAY)
    street.settle()
    for payment_id, status in ((first, "Blocked"), (second, "Accepted")):
        street.run("UPDATE payment SET pay_requested_at = %s WHERE payment_id = %s",
                   street.now, payment_id)  # fmt: skip
        street.settle()
        street.pay(payment_id)
        street.look(payment_id)
        street.settle()
        assert street.row("SELECT status FROM id_token") == (status,)


def test_a_tag_the_driver_has_blocked_stays_so_when_the_debt_is_paid(street: Members) -> None:
    driver_id = street.member(DECLINED_LATER)
    payment_id = street.charge(driver_id)
    street.run("UPDATE id_token SET status = 'Blocked', blocked_by = 'driver'")
    street.double.clock.advance(15 * DAY)
    street.settle()
    street.run("UPDATE payment SET pay_requested_at = %s", street.now)
    street.settle()
    street.pay(payment_id)
    street.look(payment_id)
    street.settle()
    assert street.row("SELECT status, blocked_by FROM id_token") == ("Blocked", "driver")


def test_staff_give_a_debt_up(street: Members) -> None:
    payment_id = street.charge(street.member(DECLINED_LATER))
    street.double.clock.advance(31 * DAY)
    street.settle()
    street.run("UPDATE review_item SET resolved_at = %s, resolved_by = 'carin',"
               " decision = 'write_off'", street.now)  # fmt: skip
    street.settle()
    assert street.state(payment_id) == "written_off"
    assert street.row("SELECT due, written_off FROM receipt") == (0, 9980)
    assert street.balance("1510") == 0
    assert street.row("SELECT status FROM id_token") == ("Accepted",)


def test_there_is_one_page_to_pay_on_however_often_it_is_asked_for(street: Members) -> None:
    payment_id = street.charge(street.member(DECLINED_LATER))
    for _ in range(3):
        street.run("UPDATE payment SET pay_requested_at = %s", street.now)
        street.settle()
    pages = [one for one in street.double.journal("POST") if one.path == "/v1/checkout/sessions"]
    assert len(pages) == 2  # one was for the card
    assert street.payment(payment_id)["checkouts"] == 1


def test_a_page_to_pay_on_that_has_expired_gives_way_to_another(street: Members) -> None:
    payment_id = street.charge(street.member(DECLINED_LATER))
    street.run("UPDATE payment SET pay_requested_at = %s", street.now)
    street.settle()
    street.wait(24 * 3600, step=3600)
    assert street.payment(payment_id)["checkout_status"] == "expired"
    street.run("UPDATE payment SET pay_requested_at = %s", street.now)
    street.settle()
    street.pay(payment_id)
    street.wait(120)
    assert street.state(payment_id) == "settled"


def test_a_refund_goes_back_to_the_saved_card(street: Members) -> None:
    payment_id = street.charge(street.member())
    street.run("INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
               " VALUES (%s, 'whole', 9980, 'it was slow', 'carin')", payment_id)  # fmt: skip
    street.settle()
    assert street.state(payment_id) == "refunded"
    assert [street.balance(one) for one in ("1510", "1580", "3001")] == [0, 0, 0]


# -- the month ----------------------------------------------------------------------


def test_the_statement_is_the_sum_of_the_months_receipts(street: Members) -> None:
    driver_id = street.member()
    for wh in (20_000, 12_345):
        street.charge(driver_id, wh)
    street.next_month()
    (net, vat, gross) = street.row(
        "SELECT sum(net)::bigint, sum(vat)::bigint, sum(gross)::bigint FROM receipt"
    )
    assert street.row("SELECT sessions, energy_wh, net, vat, gross FROM statement") == (
        2, 32_345, net, vat, gross,
    )  # fmt: skip
    assert street.mails()[-1] == ("statement", "dave@example.org")
    street.next_month()
    assert street.row("SELECT count(*) FROM statement") == (1,)


def test_the_books_agree_whatever_the_bank_said(street: Members) -> None:
    for number, card in enumerate(["4242424242424242", DECLINED_LATER, ASKS_EVERY_TIME]):
        street.charge(street.member(card, email=f"d{number}@example.org"), 20_000)
    street.charge(street.member(email="small@example.org"), 200)
    wanted = [name for name in CHECKS if "stripe" not in name and name != "payouts_add_up"]
    results = {one.name: one for one in run_checks(street.connection, street.now)}
    assert {name: results[name].found for name in wanted if not results[name].ok} == {}
