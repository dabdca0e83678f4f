"""Implausible sessions and money: nothing is taken before people have looked, and afterwards
session = CDR = receipt = journal, whatever they decided and whenever."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from books import check_books
from registering import Members

from billing.checks import run_checks
from billing.corrections import correct_due
from billing.double import Double
from ingest.decisions import apply_decisions, judge_sessions

DAY = 86_400


@pytest.fixture
def street(plain_database: str) -> Iterator[Members]:
    with Double() as double:
        street = Members(plain_database, double)
        yield street
        street.close()


def charged(street: Members, flag: str | None = "register_jumped", wh: int = 20_000) -> int:
    """A guest's session that has ended; the payment's number. Without a flag it is plausible."""
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.measure(payment_id, wh)
    if flag:
        street.run("UPDATE session SET flags = flags || %s::text WHERE transaction_id = %s",
                   flag, f"t{payment_id}")  # fmt: skip
    street.end(payment_id)
    street.settle()
    return payment_id


def session_of(street: Members, payment_id: int) -> int:
    return int(street.payment(payment_id)["session_id"])


def agrees(street: Members, session_id: int, *, once: bool = True) -> tuple[int, int]:
    """(Wh, gross) of the session, its facts, its CDR, its receipts and its journals: all alike.
    `once`: nobody has got a second receipt."""
    if once:
        check_books(street)
    (energy_wh,) = street.row("SELECT energy_wh FROM session WHERE session_id = %s", session_id)
    facts = street.row("SELECT coalesce(sum(energy_delta_wh), 0)::bigint FROM meter_value"
                       " WHERE session_id = %s", session_id)  # fmt: skip
    assert facts == (energy_wh,)
    billed_wh, gross = street.row("SELECT sum(energy_wh)::bigint, sum(gross)::bigint FROM cdr"
                                  " WHERE session_id = %s", session_id)  # fmt: skip
    (shown,) = street.row("SELECT coalesce(sum(gross), 0)::bigint FROM receipt"
                          " WHERE session_id = %s", session_id)  # fmt: skip
    (booked,) = street.row(
        "SELECT coalesce(-sum(e.amount), 0)::bigint FROM entry e JOIN journal j USING (journal_id)"
        " WHERE j.session_id = %s AND (e.account LIKE '3%%' OR e.account LIKE '26%%')", session_id,
    )  # fmt: skip
    assert (billed_wh, shown, booked) == (energy_wh, gross, gross)
    return energy_wh, gross


# -- before money is taken ----------------------------------------------------------------------


def test_a_guest_pays_for_the_corrected_energy(street: Members) -> None:
    payment_id = charged(street)
    assert (street.state(payment_id), street.double.captures()) == ("completed", [])
    street.decide(session_of(street, payment_id), "correct", 12_000)
    street.settle()
    payment = street.payment(payment_id)
    assert (payment["state"], payment["captured"]) == ("settled", 5988)
    assert agrees(street, session_of(street, payment_id)) == (12_000, 5988)


def test_a_voided_session_releases_the_hold_and_costs_nothing(street: Members) -> None:
    payment_id = charged(street)
    street.decide(session_of(street, payment_id), "void", 0)
    street.settle()
    assert street.state(payment_id) == "released"
    assert street.double.open_holds() == []
    assert agrees(street, session_of(street, payment_id)) == (0, 0)


def test_an_accepted_session_is_charged_as_it_was_measured(street: Members) -> None:
    payment_id = charged(street)
    street.decide(session_of(street, payment_id), "accept")
    street.settle()
    assert agrees(street, session_of(street, payment_id)) == (20_000, 9980)
    assert street.row("SELECT resolved_by, decision FROM review_item") == ("carin", "charge")


def test_nothing_is_charged_between_the_decision_and_its_booking(street: Members) -> None:
    payment_id = charged(street)
    session_id = session_of(street, payment_id)
    street.state_energy(session_id, "correct", 1_000)
    street.wait(60)
    assert (street.state(payment_id), street.double.captures()) == ("completed", [])
    apply_decisions(street.connection, street.now)
    street.settle()
    assert agrees(street, session_id) == (1_000, 499)


def test_a_decision_made_before_billing_looks_is_waited_for_as_well(street: Members) -> None:
    driver_id = street.member()
    session_id = street.session(f"TAG{driver_id:05}")
    street.run("UPDATE session SET flags = '{register_jumped}'")
    judge_sessions(street.connection, street.now)
    street.state_energy(session_id, "correct", 5_000)
    street.settle()
    payment_id = street.payment_of(session_id)
    assert street.state(payment_id) == "completed"
    apply_decisions(street.connection, street.now)
    street.settle()
    assert street.state(payment_id) == "settled"
    assert agrees(street, session_id) == (5_000, 2495)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("energy_wh = 900000", "beyond_vehicle"),
        ("started_at = ended_at - interval '1 second'", "too_much_energy"),
        ("flags = '{start_missing}'", "start_missing"),
        ("started_at = started_at - interval '32 days'", "too_long"),
    ],
)
def test_what_no_flag_tells_is_found_before_money_is_taken(
    street: Members, change: str, reason: str
) -> None:
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.settle()
    street.measure(payment_id, 20_000)
    street.end(payment_id)
    street.run(f"UPDATE session SET {change}")  # noqa: S608
    street.settle()
    assert (street.state(payment_id), street.double.captures()) == ("completed", [])
    assert (reason,) in street.rows("SELECT reason FROM open_doubt")
    (deadline_at, amount) = street.row("SELECT deadline_at, amount FROM review_item")
    assert deadline_at == street.payment(payment_id)["quarantined_until"]
    assert amount == street.payment(payment_id)["cost"]


def test_a_doubt_that_later_readings_explain_frees_the_payment(street: Members) -> None:
    payment_id = charged(street, "start_missing")
    street.run("UPDATE session SET flags = '{}'")
    street.wait(60)
    assert agrees(street, session_of(street, payment_id)) == (20_000, 9980)


def test_who_decides_too_late_changes_the_record_and_no_money(street: Members) -> None:
    payment_id = charged(street)
    street.double.clock.advance(3 * DAY + 60)
    street.settle()
    assert street.state(payment_id) == "released"
    street.wait(70)
    assert agrees(street, session_of(street, payment_id)) == (20_000, 0)
    street.decide(session_of(street, payment_id), "correct", 3_000)
    correct_due(street.connection, street.now)
    street.settle()
    assert agrees(street, session_of(street, payment_id)) == (3_000, 0)


# -- sessions nobody pays for ------------------------------------------------------------------


def test_a_free_session_waits_for_people_before_it_gets_its_record(street: Members) -> None:
    session_id = street.session("STRANGER")
    street.run("UPDATE session SET flags = '{register_jumped}'")
    street.settle()
    assert street.rows("SELECT * FROM cdr") == []
    assert street.row("SELECT subject, payment_id FROM review_item") == (
        f"session {session_id}", None,
    )  # fmt: skip
    street.decide(session_id, "correct", 7_000)
    street.wait(70)
    assert agrees(street, session_id) == (7_000, 0)


def test_a_free_session_nobody_looks_at_gets_its_record_after_three_days(street: Members) -> None:
    session_id = street.session(None)
    street.run("UPDATE session SET flags = '{register_jumped}'")
    street.settle()
    street.double.clock.advance(3 * DAY + 60)
    street.settle()
    assert agrees(street, session_id) == (20_000, 0)
    street.decide(session_id, "void", 0)
    assert correct_due(street.connection, street.now) == 1
    assert agrees(street, session_id) == (0, 0)


# -- after it was billed -----------------------------------------------------------------------


def test_a_billed_session_that_is_corrected_is_credited_and_refunded(street: Members) -> None:
    payment_id = charged(street, None)
    session_id = session_of(street, payment_id)
    assert agrees(street, session_id) == (20_000, 9980)
    street.decide(session_id, "correct", 15_000)
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert street.state(payment_id) == "partly_refunded"
    assert street.payment(payment_id)["refunded"] == 2495
    assert street.row("SELECT reason FROM refund_request") == ("the display showed it",)
    assert agrees(street, session_id) == (15_000, 7485)


def test_a_billed_session_that_is_voided_gives_all_of_it_back(street: Members) -> None:
    payment_id = charged(street, None)
    street.decide(session_of(street, payment_id), "void", 0)
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert street.state(payment_id) == "refunded"
    assert agrees(street, session_of(street, payment_id)) == (0, 0)


def test_a_decision_about_an_old_session_counts_like_any_other(street: Members) -> None:
    payment_id = charged(street, None)
    street.double.clock.advance(200 * DAY)
    street.decide(session_of(street, payment_id), "correct", 10_000)
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert agrees(street, session_of(street, payment_id)) == (10_000, 4990)


def test_a_driver_with_an_account_gets_a_new_receipt_for_more(street: Members) -> None:
    payment_id = street.charge(street.member(), wh=10_000)
    session_id = session_of(street, payment_id)
    street.decide(session_id, "correct", 12_000)
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert agrees(street, session_id, once=False) == (12_000, 5988)
    assert street.row("SELECT kind FROM review_item") == ("correction_due",)


def test_what_was_voided_and_is_accepted_after_all_is_asked_for_by_people(street: Members) -> None:
    driver_id = street.member()
    session_id = street.session(f"TAG{driver_id:05}", 10_000)
    street.run("UPDATE session SET flags = '{register_jumped}'")
    street.settle()
    street.decide(session_id, "void", 0)
    street.settle()
    assert street.state(street.payment_of(session_id)) == "released"
    street.decide(session_id, "accept")
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert agrees(street, session_id) == (10_000, 4990)
    assert ("correction_due",) in street.rows("SELECT kind FROM review_item")
    assert [one.name for one in run_checks(street.connection, street.now) if not one.ok] == []


def test_a_guest_is_never_charged_more_afterwards(street: Members) -> None:
    payment_id = charged(street, None)
    street.decide(session_of(street, payment_id), "correct", 25_000)
    assert correct_due(street.connection, street.now) == 0
    assert street.payment(payment_id)["captured"] == 9980


def change_readings(street: Members, wh: int, flag: str = "") -> None:
    """Late readings change what was measured, as the slow path books it."""
    street.run(
        "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
        " session_id, source, revision, reading_hash, energy_delta_wh) SELECT evse_key,"
        " station_id, evse_id, ended_at, %s, session_id, 'adjustment', version + 1, %s, %s"
        " FROM session", street.now, street.dice.getrandbits(60), wh,
    )  # fmt: skip
    street.run("UPDATE session SET energy_wh = energy_wh + %s, version = version + 1,"
               " flags = array_remove(flags || %s::text, '')", wh, flag)  # fmt: skip


def test_late_readings_that_are_doubtful_move_no_money_until_people_say_so(
    street: Members,
) -> None:
    payment_id = charged(street, None)
    change_readings(street, -6_000, "register_decreased")
    assert correct_due(street.connection, street.now) == 0
    assert street.row("SELECT count(*) FROM open_doubt") == (1,)
    street.decide(session_of(street, payment_id), "accept")
    assert correct_due(street.connection, street.now) == 1
    street.settle()
    assert agrees(street, session_of(street, payment_id)) == (14_000, 6986)


def test_late_readings_after_a_correction_change_neither_energy_nor_price(
    street: Members,
) -> None:
    payment_id = charged(street)
    session_id = session_of(street, payment_id)
    street.decide(session_id, "correct", 12_000)
    street.settle()
    change_readings(street, -5_000)
    assert correct_due(street.connection, street.now) == 0  # it is about to be 12 kWh again
    judge_sessions(street.connection, street.now)
    assert correct_due(street.connection, street.now) == 0
    assert agrees(street, session_id) == (12_000, 5988)


def test_the_price_by_the_clock_follows_the_correction(street: Members) -> None:
    """Half of the energy is half of it in every quarter of an hour."""
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    for _ in range(4):
        street.measure(payment_id, 5_000, minutes=9)
    street.end(payment_id)
    street.run("UPDATE session SET flags = '{register_jumped}'")
    street.settle()
    before = _by_quarter(street)
    street.decide(session_of(street, payment_id), "correct", 10_000)
    street.settle()
    assert agrees(street, session_of(street, payment_id)) == (10_000, 4990)
    assert _by_quarter(street) == [(bucket, wh // 2) for bucket, wh in before]
    (end,) = street.row("SELECT max(measured_at) - (SELECT max(ended_at) FROM session)"
                        " FROM meter_value")  # fmt: skip
    assert end <= timedelta()


def _by_quarter(street: Members) -> list[Any]:
    return street.rows("SELECT bucket, energy_wh FROM energy_15min ORDER BY bucket")
