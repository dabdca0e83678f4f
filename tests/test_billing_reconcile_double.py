"""The books against Stripe's double over HTTP: what the payments did, read back and booked."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from paying import Street

from billing.checks import Result, run_checks
from billing.double import Double
from billing.reconcile import reconcile
from billing.repricing import price_again

DAY = 86400


@pytest.fixture
def street(plain_database: str) -> Iterator[Street]:
    with Double() as double:
        street = Street(plain_database, double)
        yield street
        street.close()


def found(results: list[Result]) -> list[tuple[str, tuple[object, ...]]]:
    return [(result.name, result.found) for result in results if not result.ok]


def run(street: Street) -> list[Result]:
    results = reconcile(street.connection, street.gateway, street.now, price_again)
    assert results[-1].name == "priced_again"
    return results


def test_a_week_of_payments_agrees_with_stripe_to_the_ore(street: Street) -> None:
    paid = [street.charged(wh) for wh in (20_000, 12_345, 777)]
    street.charged(50_000, hold=20000)  # written off in part
    street.charged(0)  # nothing to pay
    street.run(
        "INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
        " VALUES (%s, 'partial', 1234, 'The screen was dark', 'kim')", paid[0],
    )  # fmt: skip
    street.settle()
    assert found(run(street)) == []
    fees = street.balance("6570")
    assert fees > 0
    assert street.balance("1580") == sum(
        part["amount"] for name in ("available", "pending") for part in balance(street)[name]
    )
    street.double.clock.advance(4 * DAY)
    street.settle()
    assert found(run(street)) == []
    assert street.balance("1580") == 0
    (payout,) = street.row("SELECT sum(amount)::bigint FROM payout")
    captured = sum(street.payment(one)["captured"] for one in paid) + 20000
    assert payout == street.balance("1930") == captured - 1234 - fees
    assert street.rows("SELECT subject FROM review_item") == []
    (again,) = [r for r in run_checks(street.connection, street.now, price=price_again)
                if r.name == "priced_again"]  # fmt: skip
    assert (again.checked, again.found) == (5, ())


def balance(street: Street) -> dict[str, list[dict[str, int]]]:
    told = street.gateway.balance()
    return {
        name: [{"amount": part.amount} for part in getattr(told, name)]
        for name in ("available", "pending")
    }


def test_a_dispute_costs_its_fee_and_comes_back_when_it_is_won(street: Street) -> None:
    payment_id = street.charged(20_000)
    opened = street.double.open_dispute(street.payment(payment_id)["intent_id"])
    street.settle()
    street.look(payment_id)
    street.settle()
    assert street.state(payment_id) == "disputed"
    assert found(run(street)) == []
    assert street.balance("1585") == 9980
    street.double.close_dispute(opened["id"], won=True)
    street.look(payment_id)
    street.settle()
    street.double.clock.advance(2 * 3600)
    assert found(run(street)) == []
    assert street.balance("1585") == 0


def test_a_dispute_whose_webhooks_were_lost_is_found_and_booked(street: Street) -> None:
    payment_id = street.charged(20_000)
    street.double.open_dispute(street.payment(payment_id)["intent_id"])
    street.settle()
    assert street.state(payment_id) == "settled"  # nobody has told us
    run(street)
    street.settle()
    assert street.state(payment_id) == "disputed"
    street.double.clock.advance(2 * 3600)
    assert found(run(street)) == []


def test_a_dispute_that_is_lost_is_written_off_with_its_vat(street: Street) -> None:
    payment_id = street.charged(20_000)
    opened = street.double.open_dispute(street.payment(payment_id)["intent_id"])
    for end in (lambda: None, lambda: street.double.close_dispute(opened["id"], won=False)):
        end()
        street.look(payment_id)
        street.settle()
    street.double.clock.advance(2 * 3600)
    assert found(run(street)) == []
    assert [street.balance(one) for one in ("1585", "6352", "2611")] == [0, 7984, 0]


def test_a_refund_that_fails_later_is_booked_and_shown(street: Street) -> None:
    payment_id = street.charged(20_000)
    street.run(
        "INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
        " VALUES (%s, 'whole', 9980, 'The screen was dark', 'kim')", payment_id,
    )  # fmt: skip
    street.settle()
    assert found(run(street)) == []
    (refund_id,) = street.row("SELECT refund_id FROM refund_request")
    street.double.fail_refund(refund_id)
    street.settle()
    street.double.clock.advance(2 * 3600)
    names = {name for name, _ in found(run(street))}
    assert not names & {"matches_stripe", "stripe_balance"}
    assert (street.balance("1510"), "priced_is_settled" in names) == (-9980, True)


def test_a_capture_whose_journal_is_missing_is_found(street: Street) -> None:
    payment_id = street.charged(20_000)
    with street.connection.transaction():
        street.run("SET LOCAL session_replication_role = replica")
        street.run("DELETE FROM entry USING journal j WHERE j.journal_id = entry.journal_id"
                   " AND j.kind = 'captured'")  # fmt: skip
        street.run("DELETE FROM journal WHERE kind = 'captured'")
    street.double.clock.advance(timedelta(hours=2).total_seconds())
    names = {name for name, _ in found(run(street))}
    assert {"matches_stripe", "stripe_balance", "sessions_are_booked"} <= names
    rows = street.rows("SELECT payment_id FROM review_item WHERE subject ^@ 'matches_stripe:'")
    assert rows == [(payment_id,)]
