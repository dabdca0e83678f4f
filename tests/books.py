"""What must be true of payments, papers, books and Stripe together, whatever has happened."""

from typing import Any

from paying import OVER, Street

from billing.double import Double
from sql.database import Connection

LONGEST_HOLD_SECONDS = 15 * 60


def check_books(street: Street) -> None:
    """The invariants of payments: each in its own function, named by what must hold."""
    connection, double = street.connection, street.double
    nothing_beyond_what_was_held(connection)
    one_start_one_capture_one_receipt(connection, double)
    no_hold_is_forgotten(connection, double)
    every_ore_is_accounted_for(connection)
    receipts_are_the_journal(connection)
    entries_sum_to_zero(connection)
    the_books_have_what_stripe_has(connection, double)
    numbers_have_no_gaps(connection)
    refunds_have_credit_notes(connection, double)


def _none(connection: Connection, query: str) -> None:
    assert connection.execute(query.encode()).fetchall() == [], query


def nothing_beyond_what_was_held(connection: Connection) -> None:
    _none(connection, "SELECT reference FROM payment WHERE captured > hold OR refunded > captured")


def one_start_one_capture_one_receipt(connection: Connection, double: Double) -> None:
    _none(connection, "SELECT payment_id FROM command WHERE action LIKE '%StartTransaction'"
                      " GROUP BY payment_id HAVING count(*) > 1")  # fmt: skip
    _none(connection, "SELECT session_id FROM receipt WHERE credits_receipt_id IS NULL"
                      " GROUP BY session_id HAVING count(*) > 1")  # fmt: skip
    _none(connection, "SELECT session_id FROM cdr WHERE corrects_cdr_id IS NULL"
                      " GROUP BY session_id HAVING count(*) > 1")  # fmt: skip
    intents = [effect.intent_id for effect in double.captures()]
    assert len(intents) == len(set(intents))


def no_hold_is_forgotten(connection: Connection, double: Double) -> None:
    """What is held belongs to a session that goes on, or to one a human is asked about."""
    rows = connection.execute(
        "SELECT intent_id FROM payment WHERE state IN ('start_requested', 'charging', 'stopping')"
        " OR state = 'completed' AND quarantined_until IS NOT NULL"
    ).fetchall()
    named = {row[0] for row in rows}
    old = [hold for hold in double.open_holds() if hold.age > LONGEST_HOLD_SECONDS]
    assert [hold for hold in old if hold.intent_id not in named] == []


def every_ore_is_accounted_for(connection: Connection) -> None:
    _none(connection, "SELECT number FROM receipt WHERE paid + due + written_off <> gross"
                      " OR net + vat <> gross")  # fmt: skip
    _none(connection, "SELECT p.reference FROM payment p JOIN receipt r USING (receipt_id)"
                      " WHERE p.state IN ('settled', 'partly_refunded', 'refunded')"
                      " AND (r.paid, r.written_off, r.due, r.gross)"
                      " IS DISTINCT FROM (p.captured, p.written_off, 0, p.gross)")  # fmt: skip
    _none(connection, "SELECT p.reference FROM payment p JOIN cdr USING (cdr_id)"
                      " WHERE p.gross <> cdr.gross")  # fmt: skip


def receipts_are_the_journal(connection: Connection) -> None:
    booked = (
        "SELECT -coalesce(sum(e.amount) FILTER (WHERE e.account LIKE '3%%'), 0)::bigint AS net,"
        " -coalesce(sum(e.amount) FILTER (WHERE e.account LIKE '26%%'), 0)::bigint AS vat"
        " FROM entry e JOIN journal j USING (journal_id) WHERE j.kind IN"
        " ('earned', 'credit', 'refund')"
    )
    receipts = "SELECT coalesce(sum(net), 0)::bigint, coalesce(sum(vat), 0)::bigint FROM receipt"
    assert connection.execute(booked.replace("%%", "%").encode()).fetchone() == (
        connection.execute(receipts.encode()).fetchone()
    )


def entries_sum_to_zero(connection: Connection) -> None:
    _none(connection, "SELECT journal_id FROM entry GROUP BY journal_id, currency"
                      " HAVING sum(amount) <> 0")  # fmt: skip


def the_books_have_what_stripe_has(connection: Connection, double: Double) -> None:
    """Before fees and payouts are booked: captures less refunds, in journal and at Stripe."""
    row: Any = connection.execute(
        "SELECT coalesce(sum(amount), 0)::bigint FROM entry WHERE account = '1580'"
    ).fetchone()
    charged = sum(one["amount_received"] for one in double.objects("payment_intent"))
    refunded = sum(one["amount"] for one in double.objects("refund")
                   if one["status"] in ("succeeded", "pending"))  # fmt: skip
    disputed = sum(one["amount"] for one in double.objects("dispute") if one["status"] != "won")
    assert row[0] == charged - refunded - disputed


def numbers_have_no_gaps(connection: Connection) -> None:
    _none(connection, "SELECT series FROM receipt GROUP BY series"
                      " HAVING count(*) <> max(number) OR min(number) <> 1")  # fmt: skip


def refunds_have_credit_notes(connection: Connection, double: Double) -> None:
    _none(connection, "SELECT p.reference FROM payment p WHERE p.refunded <> (SELECT"
                      " coalesce(sum(-r.gross), 0) FROM receipt r JOIN refund_request f"
                      " USING (receipt_id) WHERE f.payment_id = p.payment_id)")  # fmt: skip


def all_over(street: Street) -> bool:
    """Whether every payment has come to rest."""
    (count,) = street.row(
        "SELECT count(*) FROM payment WHERE NOT state = ANY(%s) AND NOT"
        " (state = 'completed' AND quarantined_until IS NOT NULL)"
        " AND state NOT IN ('capture_failed', 'refund_failed')", list(OVER),
    )  # fmt: skip
    return bool(count == 0)
