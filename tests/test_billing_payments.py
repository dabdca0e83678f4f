"""A guest's payment from the QR code to the receipt, and every way it can go wrong: whatever
happens, no money is held for nothing, none is taken twice, and the books balance."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from paying import TARIFF, Street

from billing.assignment import add_tariff, find_place
from billing.corrections import correct_due
from billing.double import Double
from billing.gateway import DisputeSeen, Seen
from billing.outbox import merge
from billing.payments import locked
from billing.webhooks import Event, keep, process
from sql.database import connect

DECLINED = "4000000000000002"


@pytest.fixture
def street(plain_database: str) -> Iterator[Street]:
    with Double() as double:
        street = Street(plain_database, double)
        yield street
        street.close()


def test_a_driver_pays_for_what_was_charged_and_the_rest_is_released(street: Street) -> None:
    payment_id = street.charged(20_000)
    payment = street.payment(payment_id)
    assert payment["state"] == "settled"
    assert (payment["gross"], payment["captured"], payment["held"]) == (9980, 9980, 0)
    assert street.trail(payment_id) == [
        "awaiting_payment", "authorised", "start_requested", "charging", "completed", "capturing",
        "settled",
    ]  # fmt: skip
    assert street.double.open_holds() == []
    assert street.row("SELECT gross, paid, due, written_off FROM receipt") == (9980, 9980, 0, 0)
    assert [street.balance(one) for one in ("1510", "1580", "3001", "2611")] == [
        0, 9980, -7984, -1996,
    ]  # fmt: skip


def test_the_price_that_was_shown_is_frozen_with_the_session(street: Street) -> None:
    payment_id = street.ready_to_charge()
    dearer = {**TARIFF, "id": "dearer", "elements": [{"price_components": [
        {"type": "ENERGY", "price": 8, "vat": 25, "step_size": 1}]}]}  # fmt: skip
    add_tariff(street.connection, dearer, find_place(street.connection), street.now)
    street.begin(payment_id)
    street.measure(payment_id, 20_000)
    street.end(payment_id)
    street.settle()
    assert street.payment(payment_id)["captured"] == 9980
    assert street.row("SELECT tariff_hash FROM session") == (street.tariff_hash,)


def test_the_start_carries_a_token_of_its_own_and_is_sent_once(street: Street) -> None:
    payment_id = street.ready_to_charge()
    street.wait(30)
    token = street.payment(payment_id)["id_token"]
    commands = street.rows("SELECT action, payload FROM command")
    assert len(token) <= 20
    assert [(action, payload["idToken"]["idToken"]) for action, payload in commands] == [
        ("RequestStartTransaction", token)
    ]


def test_a_refused_start_gives_the_whole_hold_back_at_once(street: Street) -> None:
    payment_id = street.ready_to_charge()
    street.answer(street.payment(payment_id)["start_command_id"], "Rejected")
    street.settle()
    payment = street.payment(payment_id)
    assert (payment["state"], payment["failure"]) == ("released", "start_rejected")
    assert payment["released_at"] is not None
    assert street.double.intent(payment["intent_id"])["status"] == "canceled"
    assert street.rows("SELECT * FROM journal") == []


def test_no_session_within_three_minutes_gives_the_hold_back(street: Street) -> None:
    payment_id = street.ready_to_charge()
    street.answer(street.payment(payment_id)["start_command_id"])
    street.wait(170)
    assert street.state(payment_id) == "start_requested"
    street.wait(20)
    assert street.state(payment_id) == "released"
    assert street.payment(payment_id)["failure"] == "start_timeout"


def test_a_session_that_starts_after_all_is_stopped_and_free_and_a_human_is_told(
    street: Street,
) -> None:
    payment_id = street.ready_to_charge()
    street.wait(200)
    street.begin(payment_id)
    street.settle()
    assert street.state(payment_id) == "released"
    assert street.row("SELECT action FROM command ORDER BY command_id DESC LIMIT 1") == (
        "RequestStopTransaction",
    )
    assert street.row("SELECT kind FROM review_item") == ("late_start",)
    assert street.row("SELECT status FROM id_token") == ("Invalid",)


def test_charging_stops_at_95_percent_of_what_the_driver_chose(street: Street) -> None:
    payment_id = street.ready_to_charge(hold=20000)
    street.begin(payment_id)
    street.measure(payment_id, 32_100)  # 160.18 kr: 80 %
    street.settle()
    assert street.payment(payment_id)["warned_at"] is not None
    street.measure(payment_id, 6_000)  # 190.12 kr
    street.settle()
    payment = street.payment(payment_id)
    assert (payment["state"], payment["stop_requested_by"]) == ("stopping", "maximum")
    street.end(payment_id)
    street.settle()
    assert street.payment(payment_id)["captured"] == 19012


def test_what_exceeds_the_hold_is_written_off_visibly(street: Street) -> None:
    payment_id = street.charged(50_000, hold=20000)  # 249.50 kr
    assert street.payment(payment_id)["captured"] == 20000
    assert street.row("SELECT gross, paid, due, written_off FROM receipt") == (
        24950,
        20000,
        0,
        4950,
    )
    assert street.balance("1510") == 0
    assert street.balance("6352") == 3960
    assert street.balance("2611") == -4000


def test_a_session_without_energy_costs_nothing(street: Street) -> None:
    payment_id = street.charged(0)
    assert street.state(payment_id) == "released"
    assert street.payment(payment_id)["failure"] == "nothing_used"
    assert street.rows("SELECT * FROM receipt") == []
    assert street.double.open_holds() == []


def test_less_than_a_card_can_be_charged_is_written_off_and_the_hold_released(
    street: Street,
) -> None:
    payment_id = street.charged(400)  # 2.00 kr
    assert street.state(payment_id) == "released"
    assert street.row("SELECT gross, paid, due, written_off FROM receipt") == (200, 0, 0, 200)
    assert street.balance("1510") == 0
    assert street.double.open_holds() == []


def test_of_two_who_pay_for_one_evse_the_second_is_let_go(street: Street) -> None:
    first, second = street.scan(), street.scan()
    street.settle()
    for payment_id in (first, second):
        street.pay(payment_id)
        street.look(payment_id)
    street.settle()
    states = {street.state(first), street.state(second)}
    assert states == {"start_requested", "released"}
    assert len(street.double.open_holds()) == 1


def test_a_checkout_that_nobody_pays_expires(street: Street) -> None:
    payment_id = street.scan()
    street.settle()
    street.wait(32 * 60, step=60)
    assert street.state(payment_id) == "expired"
    assert street.payment(payment_id)["failure"] == "checkout_expired"


def test_a_driver_who_cancels_can_not_be_charged_any_more(street: Street) -> None:
    payment_id = street.scan()
    street.settle()
    street.run("UPDATE payment SET cancel_requested_at = %s", street.now)
    street.settle()
    assert street.state(payment_id) == "expired"
    assert street.payment(payment_id)["failure"] == "cancelled"


def test_paid_in_the_moment_of_cancelling_is_given_back(street: Street) -> None:
    payment_id = street.scan()
    street.settle()
    street.pay(payment_id)
    street.run("UPDATE payment SET cancel_requested_at = %s", street.now)
    street.settle()
    street.wait(70)
    assert street.state(payment_id) == "released"
    assert street.double.open_holds() == []


def test_nobody_is_asked_to_pay_where_charging_can_not_start(street: Street) -> None:
    street.contact(False)
    payment_id = street.scan()
    street.settle()
    assert street.state(payment_id) == "expired"
    assert street.payment(payment_id)["failure"] == "not_startable"
    assert street.rows("SELECT * FROM outbox") == []


def test_a_station_that_falls_silent_before_the_start_gives_the_hold_back(street: Street) -> None:
    payment_id = street.scan()
    street.settle()
    street.pay(payment_id)
    street.contact(False)
    street.wait(70)
    assert street.state(payment_id) == "released"
    assert street.payment(payment_id)["failure"] == "station_offline"


def test_without_a_final_reading_the_last_one_is_charged_and_a_human_is_told(
    street: Street,
) -> None:
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.measure(payment_id, 10_000)
    street.settle()
    street.double.clock.advance(60)
    street.connector("Available", None)
    street.wait(150)
    payment = street.payment(payment_id)
    assert (payment["state"], payment["captured"], payment["is_estimated"]) == (
        "settled",
        4990,
        True,
    )
    assert street.row("SELECT kind FROM review_item") == ("no_final_reading",)


def test_a_doubtful_reading_waits_for_a_human_and_is_free_if_nobody_comes(street: Street) -> None:
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.measure(payment_id, 10_000)
    street.run("UPDATE session SET flags = ARRAY['register_jumped']")
    street.end(payment_id)
    street.settle()
    assert street.state(payment_id) == "completed"
    until = street.payment(payment_id)["quarantined_until"]
    assert until - street.now <= timedelta(days=3)
    street.double.clock.advance((until - street.now).total_seconds() + 1)
    street.settle()
    assert street.state(payment_id) == "released"


def test_a_doubtful_reading_is_charged_when_a_human_says_so(street: Street) -> None:
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.measure(payment_id, 10_000)
    street.run("UPDATE session SET flags = ARRAY['register_decreased']")
    street.end(payment_id)
    street.settle()
    street.decide(street.payment(payment_id)["session_id"], "accept")
    street.settle()
    assert (street.state(payment_id), street.payment(payment_id)["captured"]) == ("settled", 4990)


def test_a_long_session_is_stopped_a_day_before_the_hold_ends(street: Street) -> None:
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.measure(payment_id, 10_000)
    street.settle()
    ends_at = street.payment(payment_id)["capture_before"]
    street.double.clock.advance((ends_at - street.now).total_seconds() - 23 * 3600)
    street.settle()
    assert street.state(payment_id) == "stopping"
    assert street.payment(payment_id)["stop_requested_by"] == "expiry"
    street.double.clock.advance(12 * 3600)
    street.settle()
    assert (street.state(payment_id), street.payment(payment_id)["captured"]) == ("settled", 4990)


def test_a_refund_has_a_credit_note_and_goes_back_through_the_books(street: Street) -> None:
    payment_id = street.charged(20_000)
    street.run("INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
               " VALUES (%s, 'partial', 4990, 'half of it was a mistake', 'carin')",
               payment_id)  # fmt: skip
    street.settle()
    assert street.state(payment_id) == "partly_refunded"
    assert street.row("SELECT status FROM refund_request") == ("done",)
    assert street.row("SELECT net, vat, gross FROM receipt WHERE credits_receipt_id IS NOT NULL") \
        == (-3992, -998, -4990)  # fmt: skip
    assert [street.balance(one) for one in ("1510", "1580", "3001", "2611")] == [
        0, 4990, -3992, -998,
    ]  # fmt: skip


def test_more_than_was_charged_is_never_refunded(street: Street) -> None:
    payment_id = street.charged(20_000)
    for amount in (9000, 9000):
        street.run("INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
                   " VALUES (%s, 'goodwill', %s, 'asked twice', 'carin')",
                   payment_id, amount)  # fmt: skip
    street.settle()
    assert street.rows("SELECT status FROM refund_request ORDER BY 1") == [("done",), ("rejected",)]
    assert street.payment(payment_id)["refunded"] == 9000


def test_a_declined_card_leaves_the_checkout_open_for_another(street: Street) -> None:
    payment_id = street.scan()
    street.settle()
    street.pay(payment_id, card=DECLINED)
    street.wait(20)
    assert street.state(payment_id) == "awaiting_payment"
    street.pay(payment_id)
    street.wait(70)
    assert street.state(payment_id) == "start_requested"


def test_readings_that_come_after_the_estimate_give_the_difference_back(street: Street) -> None:
    payment_id = street.charged(20_000)
    street.run("UPDATE meter_value SET energy_delta_wh = energy_delta_wh - 5000")
    street.run("UPDATE session SET energy_wh = energy_wh - 5000, version = version + 1")
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert street.state(payment_id) == "partly_refunded"
    assert street.row("SELECT kind, status, amount FROM refund_request") == (
        "correction", "done", 2495,
    )  # fmt: skip
    assert street.rows("SELECT gross FROM receipt ORDER BY number") == [(9980,), (-2495,)]
    assert [street.balance(one) for one in ("1510", "1580", "3001", "2611")] == [
        0, 7485, -5988, -1497,
    ]  # fmt: skip
    assert correct_due(street.connection, street.now) == 0


def test_a_guest_never_pays_for_energy_that_became_known_later(street: Street) -> None:
    payment_id = street.charged(20_000)
    street.run("UPDATE meter_value SET energy_delta_wh = energy_delta_wh + 5000")
    street.run("UPDATE session SET energy_wh = energy_wh + 5000, version = version + 1")
    assert correct_due(street.connection, street.now) == 0
    assert street.payment(payment_id)["captured"] == 9980


def test_the_station_is_told_the_cost_until_it_says_that_it_can_not_show_it(
    street: Street,
) -> None:
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.measure(payment_id, 10_000)
    street.settle()
    told = "SELECT payload, command_id FROM command WHERE action = 'CostUpdated'"
    ((payload, command_id),) = street.rows(told)
    assert payload == {"totalCost": 49.9, "transactionId": f"t{payment_id}"}
    street.run("UPDATE command SET status = 'answered', finished_at = now(),"
               " response = '{\"error\": \"NotImplemented\"}' WHERE command_id = %s",
               command_id)  # fmt: skip
    street.measure(payment_id, 10_000)
    street.settle()
    assert len(street.rows(told)) == 1


def test_webhooks_never_wait_for_whoever_keeps_an_answer_about_the_same_payment(
    street: Street,
) -> None:
    """It may wait for us: two events of one payment in one turn used to be a deadlock."""
    payment_id = street.ready_to_charge()
    (reference,) = street.row("SELECT reference FROM payment")
    for number in range(2):
        about = {"id": f"pi_{number}", "metadata": {"reference": reference}}
        event = Event(f"evt_{number}", "payment_intent.created", 1, {"object": about})
        keep(street.connection, event, street.now)
    with connect(street.dsn) as other, other.transaction():
        other.execute("SELECT FROM payment WHERE payment_id = %s FOR UPDATE", [payment_id])
        street.run("SET lock_timeout = '5s'")
        assert process(street.connection, street.now) == 2
    looks = "SELECT count(*) FROM outbox WHERE call = 'look' AND finished_at IS NULL"
    assert street.row(looks) == (1,)


def test_a_bank_that_only_asks_moves_no_money_and_a_human_is_told_once(street: Street) -> None:
    payment_id = street.charged(20_000)
    payment = street.payment(payment_id)
    asked = DisputeSeen("dp_1", payment["charge_id"], 9980, "SEK", "fraudulent",
                        "warning_needs_response", None, street.now)  # fmt: skip
    for _ in range(2):
        with street.connection.transaction():
            p = locked(street.connection, payment_id)
            merge(street.connection, p, Seen(disputes=[asked]), street.now)
    street.settle()
    assert street.state(payment_id) == "settled"
    assert street.balance("1585") == 0
    assert street.rows("SELECT kind FROM review_item") == [("dispute_inquiry",)]
