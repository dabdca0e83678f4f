"""The books: once per key, zero sums, nothing changes, closed months stay closed."""

import random
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from facts import TIME_ZONE
from psycopg.conninfo import make_conninfo
from sold import AT, Books, line, value

from billing import postings
from billing.ledger import LedgerError, accounts_of, book, book_all
from billing.months import close_due, close_month
from billing.postings import About, Accounts, Posting, reversal
from billing.vat import VatLine
from sql.database import Connection, connect
from sql.migrate import migrate
from sql.queries import load_queries

queries = load_queries("ledger")
LINES = [VatLine(Decimal(25), 40000, 10000)]


@pytest.fixture
def accounts(connection: Connection) -> Accounts:
    return accounts_of(connection)


def earned(key: str, accounts: Accounts, **about: Any) -> Posting:
    return postings.earned(key, About(1, channel="guest", **about), LINES, "SEK", accounts)


def captured(key: str, amount: int, accounts: Accounts) -> Posting:
    return postings.captured(key, About(1, channel="guest"), amount, "SEK", accounts)


def paid(key: str, amount: int, accounts: Accounts) -> Posting:
    return postings.paid(key, About(1, channel="guest"), amount, "SEK", accounts)


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


def test_the_owner_of_the_tables_may_not_change_them_either(connection: Connection) -> None:
    rows = connection.execute(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE table_name IN ('journal', 'entry') AND privilege_type IN "
        "('UPDATE', 'DELETE', 'TRUNCATE')"
    )
    assert rows.fetchall() == []


def test_an_owner_who_is_no_superuser_can_book(engine: str, empty_database: str) -> None:
    """Foreign keys lock with the owner's rights: revoked ones must not be in their way."""
    role = f"owner_{secrets.token_hex(8)}"
    with connect(empty_database) as admin:
        # whoever owns a hypertable must be able to log in: its jobs run as him
        admin.execute(f"CREATE ROLE {role} LOGIN".encode())
        admin.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}".encode())
        # what is no relation for others has a schema of its own
        database = admin.info.dbname
        admin.execute(f"GRANT CREATE ON DATABASE {database} TO {role}".encode())
        as_owner = make_conninfo(empty_database, options=f"-c role={role}")
        try:
            migrate(as_owner, TIME_ZONE)
            with connect(as_owner) as owner:
                by_hand(owner, "by hand", BALANCED)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    owner.execute("DELETE FROM entry")
                with pytest.raises(psycopg.errors.RestrictViolation):
                    owner.execute("UPDATE journal SET journal_id = 9")
        finally:
            admin.execute(f"DROP OWNED BY {role} CASCADE".encode())
            admin.execute(f"DROP ROLE {role}".encode())


# -- months ----------------------------------------------------------------------------------------

JUNE, JULY = date(2026, 6, 1), datetime(2026, 7, 2, tzinfo=UTC)


def test_a_closed_month_takes_no_bookings(connection: Connection, accounts: Accounts) -> None:
    kept = book(connection, paid("pay 1", 5, accounts), AT)
    close_month(connection, 1, JUNE, "Kim", JULY)
    with pytest.raises(LedgerError, match="the books of 2026-06 are closed: pay 2"):
        book(connection, paid("pay 2", 5, accounts), AT)
    assert book(connection, paid("pay 1", 5, accounts), AT) == kept  # booked in time
    book(connection, paid("pay 3", 5, accounts), JULY)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="are closed"):
        connection.execute(ENTRY, [kept, 3, "1510", 1, "SEK"])


def test_a_month_ends_with_the_operators_calendar(
    connection: Connection, accounts: Accounts
) -> None:
    close_month(connection, 1, JUNE, "Kim", JULY)
    last = datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC)
    with pytest.raises(LedgerError):
        book(connection, paid("the last second of June", 5, accounts), last)
    book(connection, paid("July", 5, accounts), last + timedelta(seconds=1))
    start = datetime(2026, 5, 31, 22, tzinfo=UTC)
    with pytest.raises(LedgerError):
        book(connection, paid("the first second of June", 5, accounts), start)


def test_closing_is_noted_and_happens_once(connection: Connection) -> None:
    close_month(connection, 1, JUNE, "Kim", JULY)
    close_month(connection, 1, JUNE, "Robin", JULY)
    rows = connection.execute("SELECT month, closed_at, closed_by FROM accounting_period")
    assert rows.fetchall() == [(JUNE, JULY, "Kim")]
    log = connection.execute("SELECT actor, action, subject FROM audit_log").fetchall()
    assert log == [("Kim", "close_month", "2026-06")]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM accounting_period",
        "UPDATE accounting_period SET month = '2025-01-01'",
        "TRUNCATE accounting_period",
    ],
)
def test_a_closed_month_stays_closed(connection: Connection, statement: str) -> None:
    close_month(connection, 1, JUNE, "Kim", JULY)
    with pytest.raises(psycopg.errors.RestrictViolation, match="stays closed"):
        connection.execute(statement.encode())


def test_a_month_that_runs_is_not_closed(connection: Connection) -> None:
    with pytest.raises(LedgerError, match="2026-06 is not over yet"):
        close_month(connection, 1, JUNE, "Kim", AT)
    with pytest.raises(LedgerError, match="operator 77: there is none"):
        close_month(connection, 77, JUNE, "Kim", JULY)


def test_an_open_review_item_keeps_a_month_open(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO review_item (kind, subject, opened_at) VALUES ('dispute', 'payment 1', %s)",
        [AT],
    )
    with pytest.raises(LedgerError, match="review items are open: 1"):
        close_month(connection, 1, JUNE, "Kim", JULY)
    close_month(connection, 1, date(2026, 5, 1), "Kim", JULY)  # it was not there in May
    connection.execute("UPDATE review_item SET resolved_at = %s", [JULY])
    close_month(connection, 1, JUNE, "Kim", JULY)


def test_a_failed_check_keeps_a_month_open(connection: Connection, accounts: Accounts) -> None:
    book(connection, earned("no receipt", accounts), AT)
    with pytest.raises(LedgerError, match="checks fail: sales_have_receipts"):
        close_month(connection, 1, JUNE, "Kim", JULY)
    assert value(connection, "SELECT count(*) FROM accounting_period") == 0


def test_what_people_ask_is_answered(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO period_close_request (operator_id, month, requested_by) "
        "VALUES (1, '2026-06-01', 'Kim'), (1, '2026-07-01', 'Kim')"
    )
    assert close_due(connection, JULY) == 2
    rows = connection.execute("SELECT status, outcome FROM period_close_request ORDER BY month")
    assert rows.fetchall() == [("done", None), ("refused", "2026-07 is not over yet")]
    assert close_due(connection, JULY) == 0


def test_closing_waits_for_a_booking_on_its_way(
    connection: Connection, accounts: Accounts, database: str
) -> None:
    with connect(database) as closer, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            book(connection, paid("slow", 5, accounts), AT)
            closing = pool.submit(close_month, closer, 1, JUNE, "Kim", JULY)
            wait_until_blocked(database, closer)
            assert not closing.done()
        closing.result(timeout=20)
    assert value(connection, "SELECT count(*) FROM journal") == 1


def wait_until_blocked(database: str, other: Connection) -> None:
    deadline = time.monotonic() + 20
    with connect(database) as watching:
        while not value(
            watching, "SELECT cardinality(pg_blocking_pids(%s))", other.info.backend_pid
        ):
            assert time.monotonic() < deadline
            watching.execute("SELECT pg_sleep(0.01)")


# -- totals ----------------------------------------------------------------------------------------

SUMS = """
SELECT {bucket} AS bucket, j.operator_id, e.account, e.currency, j.kind, j.channel, j.site_id,
    e.vat_rate, coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)::bigint,
    coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0)::bigint, sum(e.amount)::bigint,
    count(*) FILTER (WHERE e.line = 1), min(e.journal_id), max(e.journal_id)
FROM journal j JOIN entry e USING (journal_id) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""


def same(connection: Connection, table: str, bucket: str) -> None:
    expected = connection.execute(SUMS.format(bucket=bucket).encode()).fetchall()
    columns = (
        "bucket, operator_id, account, currency, kind, channel, site_id, vat_rate, debit, credit, "
        "amount, journals, first_journal_id, last_journal_id"
    )
    kept = connection.execute(
        f"SELECT {columns} FROM {table}".encode()  # noqa: S608
    ).fetchall()
    assert Counter(kept) == Counter(expected)


def random_posting(draw: random.Random, number: int, accounts: Accounts) -> Posting:
    about = About(
        1, draw.choice([None, 1, 2]), draw.choice([None, "A", "B"]),
        draw.choice([None, "guest", "company"]), draw.choice([None, number, 1]),
    )  # fmt: skip
    rates = draw.sample(list(accounts.vat), draw.randint(1, 3))
    lines = [VatLine(r, draw.randint(1, 9999), draw.randint(1, 999) if r else 0) for r in rates]
    key = f"key {number}"
    if draw.random() < 0.5:
        of_lines = draw.choice([postings.earned, postings.refunded, postings.written_off])
        return of_lines(key, about, lines, draw.choice(["SEK", "EUR"]), accounts)
    moved = draw.choice([postings.captured, postings.fee, postings.payout, postings.disputed])
    return moved(key, about, draw.randint(1, 9999), "SEK", accounts)


@pytest.mark.parametrize("seed", range(3))
def test_totals_are_the_sums_of_the_entries(
    connection: Connection, accounts: Accounts, seed: int
) -> None:
    draw = random.Random(seed)
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)  # of a day of 23 hours, in March
    number = 0
    for _ in range(12):
        some = [random_posting(draw, number + i, accounts) for i in range(draw.randint(1, 9))]
        number += len(some)
        book_all(connection, some, midnight + timedelta(minutes=draw.randint(-3000, 4000)))
    by_hand(connection, "by hand, line by line", [*BALANCED, *BALANCED])
    same(connection, "ledger_day", "book_day(j.booked_at)")
    same(connection, "ledger_month", "date_trunc('month', book_day(j.booked_at))::date")
    entries = value(connection, "SELECT count(*) FROM journal")
    assert value(connection, "SELECT sum(journals) FROM ledger_day") == entries
    sold = "SELECT coalesce(-sum(amount), 0) FROM journal JOIN entry USING (journal_id) WHERE "
    sold += "kind IN ('earned', 'refund') AND account ~ '^(3|26)'"
    assert value(connection, "SELECT sum(gross) FROM revenue_day") == value(connection, sold)


def test_revenue_is_told_per_station_and_day(connection: Connection) -> None:
    books = Books(connection)
    first = books.session(line(40000), line(1000, Decimal(6)))
    books.session(line(800), at=AT + timedelta(days=1), channel="company")
    first.capture()
    first.refund(10000)
    rows = connection.execute(
        "SELECT bucket, station_id, channel, currency, net, vat, gross, sessions FROM revenue_day "
        "ORDER BY bucket, station_id"
    ).fetchall()
    day = datetime(2026, 6, 9, 22, tzinfo=UTC)
    net = 41000 + value(connection, "SELECT net FROM receipt WHERE gross < 0")
    assert rows == [
        (day, "ST-1", "guest", "SEK", net, 41060 - net, 41060, 1),
        (day + timedelta(days=1), "ST-0", "company", "SEK", 800, 200, 1000, 1),
    ]


def test_a_corrected_session_counts_once(connection: Connection, accounts: Accounts) -> None:
    about = {"session_id": 7, "station_id": "A"}
    first = earned("first", accounts, **about)
    book(connection, first, AT)
    credit = postings.credited("credit", first.about, LINES, "SEK", accounts)
    book_all(connection, [credit, earned("again", accounts, **about)], AT)
    row = connection.execute("SELECT gross, sessions FROM revenue_day").fetchone()
    assert row == (50000, 1)


def test_an_account_is_read_page_by_page_with_its_balance(
    connection: Connection, accounts: Accounts
) -> None:
    days = [datetime(2026, month, day, tzinfo=UTC) for month in (4, 5, 6) for day in (3, 9, 20)]
    for number, at in enumerate(days, 1):
        book(connection, captured(f"pay {number}", 10**number, accounts), at)
    whose = {"operator_id": 1, "account": "1580", "currency": "SEK"}
    balance = queries.balance_before(connection, **whose, day=date(2026, 5, 5))
    assert balance == 11110
    found, after = [], (0, 0)
    while True:
        rows = queries.account_page(
            connection, **whose, from_day=date(2026, 5, 5), until_day=date(2026, 6, 10),
            after_id=after[0], after_line=after[1], balance=balance, at_most=2,
        )  # fmt: skip
        if not rows:
            break
        found += [(row[-2], row[-1]) for row in rows]
        after, balance = rows[-1][:2], rows[-1][-1]
    assert [amount for amount, _ in found] == [10**5, 10**6, 10**7, 10**8]
    assert [balance for _, balance in found] == [111110, 1111110, 11111110, 111111110]


def test_journals_are_read_page_by_page(connection: Connection, accounts: Accounts) -> None:
    for number in range(1, 8):
        book(connection, captured(f"pay {number}", number, accounts), AT)
    found: list[int] = []
    before: tuple[datetime | None, int | None] = (None, None)
    while True:
        rows = queries.journal_page(
            connection, operator_id=1, from_day=JUNE, until_day=date(2026, 7, 1), site_id=None,
            channel="guest", kind=None, before_at=before[0], before_id=before[1], at_most=3,
        )  # fmt: skip
        if not rows:
            break
        found += [row[-1] for row in rows]
        before = (rows[-1][1], rows[-1][0])
    assert found == [7, 6, 5, 4, 3, 2, 1]
