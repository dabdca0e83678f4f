"""The books: once per key, zero sums, nothing changes, closed months stay closed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from billing import postings
from billing.ledger import LedgerError, accounts_of, book, book_all
from billing.postings import About, Accounts, Posting, reversal
from billing.vat import VatLine
from sql.database import Connection

AT = datetime(2026, 6, 10, 12, tzinfo=UTC)
LINES = [VatLine(Decimal(25), 40000, 10000)]


@pytest.fixture
def accounts(connection: Connection) -> Accounts:
    return accounts_of(connection)


def earned(key: str, accounts: Accounts, **about: Any) -> Posting:
    return postings.earned(key, About(1, channel="guest", **about), LINES, "SEK", accounts)


def captured(key: str, amount: int, accounts: Accounts) -> Posting:
    return postings.captured(key, About(1, channel="guest"), amount, "SEK", accounts)


def value(connection: Connection, query: str, *parameters: Any) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def test_a_posting_is_booked_once(connection: Connection, accounts: Accounts) -> None:
    posting = earned("pay 1/earned", accounts, session_id=7, site_id=3, station_id="A")
    first = book(connection, posting, AT)
    assert book(connection, posting, AT) == first
    rows = connection.execute("SELECT account, amount, vat_rate FROM entry ORDER BY line")
    assert rows.fetchall() == [
        ("1510", 50000, None),
        ("3001", -40000, Decimal(25)),
        ("2611", -10000, Decimal(25)),
    ]
    row = connection.execute(
        "SELECT booked_at, kind, session_id, site_id, station_id, channel FROM journal"
    ).fetchone()
    assert row == (AT, "earned", 7, 3, "A", "guest")


def test_a_key_stands_for_one_thing(connection: Connection, accounts: Accounts) -> None:
    book(connection, captured("pay 1/captured", 500, accounts), AT)
    with pytest.raises(LedgerError, match="pay 1/captured: booked before with different content"):
        book(connection, captured("pay 1/captured", 501, accounts), AT)
    assert value(connection, "SELECT count(*) FROM journal") == 1


def test_many_are_booked_at_once_or_none(connection: Connection, accounts: Accounts) -> None:
    many = [captured(f"pay {number}", number, accounts) for number in range(1, 50)]
    book_all(connection, many[:10], AT)
    numbers = book_all(connection, many, AT)
    assert len(set(numbers.values())) == len(numbers) == 49
    assert value(connection, "SELECT count(*) FROM entry") == 98
    with pytest.raises(LedgerError, match="different content"):
        book_all(connection, [captured("new", 5, accounts), captured("pay 3", 5, accounts)], AT)
    assert value(connection, "SELECT count(*) FROM journal") == 49


def test_one_key_twice_in_a_batch_is_one_journal(
    connection: Connection, accounts: Accounts
) -> None:
    twice = [captured("pay 1", 5, accounts)] * 2
    assert len(book_all(connection, twice, AT)) == 1
    assert value(connection, "SELECT count(*) FROM journal") == 1
    with pytest.raises(LedgerError, match="given twice"):
        book_all(connection, [captured("a", 5, accounts), captured("a", 6, accounts)], AT)


def test_a_journal_is_reversed_once(connection: Connection, accounts: Accounts) -> None:
    first = captured("pay 1", 5, accounts)
    number = book(connection, first, AT)
    book(connection, reversal("undo", first), AT)
    assert value(connection, "SELECT sum(amount) FROM entry WHERE account = '1580'") == 0
    found = value(connection, "SELECT reverses_journal_id FROM journal WHERE kind = 'adjustment'")
    assert found == number
    with pytest.raises(LedgerError, match="reversed already"):
        book(connection, reversal("undo again", first), AT)


def test_what_is_not_booked_has_no_reversal(connection: Connection, accounts: Accounts) -> None:
    with pytest.raises(LedgerError, match="pay 9 is not booked"):
        book(connection, reversal("undo", captured("pay 9", 5, accounts)), AT)


JOURNAL = (
    "INSERT INTO journal (booked_at, idempotency_key, payload_hash, kind, operator_id) "
    "VALUES ('2026-06-10', %s, '', 'adjustment', 1) RETURNING journal_id"
)
ENTRY = "INSERT INTO entry (journal_id, line, account, amount, currency) VALUES (%s,%s,%s,%s,%s)"
Line = tuple[str, int, str]


def by_hand(connection: Connection, key: str, lines: list[Line]) -> int:
    """A journal written with plain INSERTs, line by line in one transaction."""
    with connection.transaction():
        number = int(value(connection, JOURNAL, key))
        for line, (account, amount, currency) in enumerate(lines, 1):
            connection.execute(ENTRY, [number, line, account, amount, currency])
    return number


BALANCED: list[Line] = [("1510", 5, "SEK"), ("1580", -5, "SEK")]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "has 0 entries"),
        ([("1510", 5, "SEK")], "has 1 entries"),
        ([("1510", 5, "SEK"), ("1580", -4, "SEK")], "differ by 1 SEK"),
        ([("1510", 5, "SEK"), ("1580", -5, "EUR")], "differ by"),
        ([*BALANCED, ("1510", 1, "EUR"), ("1580", -2, "EUR")], "differ by -1 EUR"),
    ],
)
def test_the_database_refuses_what_does_not_balance(
    connection: Connection, lines: list[Line], reason: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match=reason):
        by_hand(connection, "by hand", lines)
    assert value(connection, "SELECT count(*) FROM journal") == 0


def test_a_line_added_to_an_old_journal_is_weighed_too(connection: Connection) -> None:
    number = by_hand(connection, "by hand", BALANCED)
    with pytest.raises(psycopg.errors.CheckViolation, match="differ by 7 SEK"):
        connection.execute(ENTRY, [number, 3, "1510", 7, "SEK"])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET channel = 'free'",
        "UPDATE entry SET amount = amount * 2",
        "DELETE FROM entry",
        "DELETE FROM journal",
        "TRUNCATE entry",
        "TRUNCATE journal CASCADE",
        "TRUNCATE operator CASCADE",
        "INSERT INTO entry SELECT journal_id, 1, '1510', 9, 'SEK' FROM journal "
        "ON CONFLICT (journal_id, line) DO UPDATE SET amount = 9",
    ],
)
def test_what_is_booked_stays(connection: Connection, statement: str) -> None:
    by_hand(connection, "by hand", BALANCED)
    before = connection.execute("SELECT * FROM journal JOIN entry USING (journal_id)").fetchall()
    with pytest.raises(psycopg.errors.RestrictViolation, match=r"append only|stays closed"):
        connection.execute(statement.encode())
    after = connection.execute("SELECT * FROM journal JOIN entry USING (journal_id)").fetchall()
    assert after == before
