"""What it costs to close sessions: CDR, receipt with its number, and journal, committed."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from billing.closing import Closed, ToClose, close_many
from billing.ledger import accounts_of, book_all
from billing.postings import About, Accounts, Posting, earned
from sql.database import Connection, connect
from tests.bench import street
from tests.bench.pricing import USUAL
from tests.bench.report import Table
from tests.bench.rig import Database
from tests.bench.street import Session

COUNT = 100_000
AT_ONCE = 250  # sessions per transaction, as `close_many` is meant to be called
ONE_BY_ONE = 50  # the baseline closes every 50th session
PERIOD = timedelta(days=30)
REPORT_SECONDS = 5.0
COLUMNS = ["sessions", "client us", "database us", "together us", "per second", "per CPU-second"]


class Cost(NamedTuple):
    """What closing so many sessions took, in seconds."""

    sessions: int
    client: float
    database: float
    wall: float

    @property
    def us(self) -> float:
        return 1e6 * (self.client + self.database) / self.sessions

    def cells(self) -> list[str]:
        each = (1e6 * spent / self.sessions for spent in (self.client, self.database))
        return [f"{self.sessions}", *(f"{us:.0f}" for us in each), f"{self.us:.0f}",
                f"{self.sessions / self.wall:.0f}", f"{1e6 / self.us:.0f}"]  # fmt: skip


def tables(base: Database, count: int = COUNT) -> list[Table]:
    with connect(base.dsn) as connection:
        tariff_hash = street.build(connection, USUAL)
        started = time.monotonic()
        sessions = street.add_sessions(connection, count, datetime.now(UTC) - PERIOD)
        report(f"{count} sessions written in {time.monotonic() - started:.0f} s")
        alone = max(count // ONE_BY_ONE, 1)
        one = _measure(base, sessions[:alone], tariff_hash, 1)
        many = _measure(base, sessions[alone:], tariff_hash, AT_ONCE)
        check(connection, count)
    rows = [
        [f"{AT_ONCE} a transaction", *many.cells()],
        ["one a transaction", *one.cells()],
        ["**one / many**", "", "", "", f"**{one.us / many.us:.1f}**", "", ""],
    ]
    return [Table(f"Closing {count:,} sessions", ["CDR, receipt, journal", *COLUMNS], rows)]


def report(text: str) -> None:
    sys.stderr.write(f"closing: {text}\n")


def _measure(
    base: Database, sessions: Sequence[Session], tariff_hash: str, at_once: int
) -> Cost:  # fmt: skip
    began, started, shown = time.process_time(), time.monotonic(), 0.0
    with connect(base.dsn) as connection:
        accounts, cpu = accounts_of(connection), base.cpu_seconds()
        for place in range(0, len(sessions), at_once):
            close(connection, sessions[place : place + at_once], tariff_hash, accounts)
            if time.monotonic() - shown > REPORT_SECONDS:
                shown = time.monotonic()
                report(f"{at_once} a transaction: {place} of {len(sessions)}")
        wall, client = time.monotonic() - started, time.process_time() - began
        return Cost(len(sessions), client, base.cpu_seconds() - cpu, wall)


def close(
    connection: Connection, sessions: Sequence[Session], tariff_hash: str, accounts: Accounts
) -> None:
    """Priced, papers written, booked; all or none."""
    now = datetime.now(UTC)
    wanted = [ToClose(one.session_id, tariff_hash, "registered") for one in sessions]
    with connection.transaction():
        closed = close_many(connection, wanted, now)
        pairs = zip(closed, sessions, strict=True)
        book_all(connection, [_posting(one, where, accounts) for one, where in pairs], now)


def _posting(one: Closed, where: Session, accounts: Accounts) -> Posting:
    about = About(1, where.site_id, where.station_id, "registered", one.session_id, None,
                  one.cdr_id, one.receipt_id)  # fmt: skip
    return earned(f"earned:{one.cdr_id}", about, one.vat_lines, one.currency, accounts)


def check(connection: Connection, count: int) -> None:
    """Every session has its papers, and they agree with the books. Raises SystemExit."""
    found = {name: connection.execute(query.encode()).fetchone() for name, query in CHECKS.items()}
    expected = (count, *(found["CDRs"] or ())[1:])
    if problems := [f"{name}: {row}" for name, row in found.items() if row != expected]:
        raise SystemExit(f"wrong: expected {expected}; " + "; ".join(problems))


BOOKED = (
    "(-sum(amount) FILTER (WHERE account LIKE '3%'))::bigint,"
    " (-sum(amount) FILTER (WHERE account LIKE '26%'))::bigint,"
    " (sum(amount) FILTER (WHERE account = '1510'))::bigint"
)
# each: how many, net, VAT, gross
CHECKS = {
    "CDRs": "SELECT count(DISTINCT session_id), sum(net)::bigint, sum(vat)::bigint,"
    " sum(gross)::bigint FROM cdr",
    "receipts": "SELECT count(*), sum(net)::bigint, sum(vat)::bigint, sum(due)::bigint FROM receipt"
    " WHERE gross > 0",
    "receipt numbers": "SELECT max(number), sum(net)::bigint, sum(vat)::bigint, sum(due)::bigint"
    " FROM receipt HAVING min(number) = 1 AND count(DISTINCT (series, number)) = max(number)",
    "entries": f"SELECT count(DISTINCT journal_id), {BOOKED} FROM entry",  # noqa: S608
    "day totals": f"SELECT sum(journals)::bigint, {BOOKED} FROM ledger_day",  # noqa: S608
    "month totals": f"SELECT sum(journals)::bigint, {BOOKED} FROM ledger_month",  # noqa: S608
}
