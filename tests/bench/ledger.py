"""How soon the staff's ledger page has what it shows, over a year of five million entries."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask

from billing.ledger import accounts_of
from dashboard import books, data, trails
from dashboard.books import Scope
from dashboard.deps import Deps
from dashboard.pages.ledger_view import edges, shifted
from sql.database import Connection, connect, sync_pool
from sql.settings import Settings
from tests.bench import closing, ledger_fill, street
from tests.bench.pricing import USUAL
from tests.bench.report import Table
from tests.bench.rig import Database

COUNT = 5_000_000
RUNS, WARM = 40, 10  # statements are prepared and their plans chosen by then
NAIVE_RUNS = 2
PAGE_MS = 100
LATER = 2_000  # rows into the month


def tables(base: Database, count: int = COUNT) -> list[Table]:
    with connect(base.dsn) as connection:
        written = _prepare(base.dsn, connection, count)
        entries, megabytes = _row(connection, SIZE)
        report(f"{entries} entries in {written:.0f} s, {megabytes} MB in all")
        with _page(base.dsn):
            scope = month_before()
            rows = [_timed(name, read) for name, read in readings(connection, scope).items()]
            naive = {name: _naive(connection, one) for name, one in scopes(scope).items()}
    cells = [[name, *_cells(times), *_compared(times, naive.get(name))] for name, times in rows]
    title = f"The ledger page over {entries:,} entries, written in {written:.0f} s"
    columns = ["what is read", "p50 ms", "p95 ms", "entries summed directly ms", "times"]
    return [Table(title, columns, [*cells, ["bar, each", "", f"{PAGE_MS}", "", ""]])]


SIZE = "SELECT count(*), pg_database_size(current_database()) / 1000000 FROM entry"


def report(text: str) -> None:
    sys.stderr.write(f"ledger: {text}\n")


def _row(connection: Connection, query: str, *given: Any) -> Any:
    return connection.execute(query.encode(), given).fetchone()


def _prepare(dsn: str, connection: Connection, count: int) -> float:
    """A network, one session closed as always, and a year like it; seconds of writing."""
    tariff_hash = street.build(connection, USUAL)
    model = street.add_sessions(connection, 1, datetime.now(UTC) - timedelta(hours=4))
    closing.close(connection, model, tariff_hash, accounts_of(connection))
    return ledger_fill.fill(dsn, count, model[0].session_id, report)


@contextmanager
def _page(dsn: str) -> Iterator[None]:
    """The staff's app, as far as reading the books needs it."""
    app = Flask("bench")
    with sync_pool(dsn, application_name="kilowatch web", transaction_seconds=30) as pool:
        app.extensions["kilowatch"] = Deps(Settings(database_url=dsn), pool)
        with app.app_context():
            yield


def month_before() -> Scope:
    """The last whole month."""
    today = datetime.now(data.deps().settings.zone).date()
    start, end = edges(shifted(date(today.year, today.month, 1), -1))
    return Scope(1, "SEK", start, end)


TOTALS = "month's totals, by channel and site"


def scopes(scope: Scope) -> dict[str, Scope]:
    return {
        TOTALS: scope,
        "- of one site": replace(scope, site_id=7),
        "- of one channel": replace(scope, channel="company"),
    }


def readings(connection: Connection, scope: Scope) -> dict[str, Callable[[], object]]:
    """What the page asks for, by the page's own functions."""
    month, totals = scope.start.date(), scopes(scope)
    sold = _row(connection, SOLD, scope.start, scope.end)[0]
    deep = min(LATER, sold // 2)
    later = _row(connection, PLACE, scope.start, scope.end, deep)
    reference = _row(connection, "SELECT reference FROM payment WHERE payment_id = %s", later[2])[0]
    return {
        "everything the page shows": lambda: whole_page(scope, month),
        "proof line": lambda: books.read_proof(scope, month),
        **{name: partial(books.read_book, one) for name, one in totals.items()},
        "first page of rows": lambda: books.read_rows(scope),
        f"page after row {deep:,}": lambda: books.read_rows(scope, (later[0], later[1])),
        "first page of one site": lambda: books.read_rows(totals["- of one site"]),
        "first page of a channel without any": lambda: books.read_rows(
            replace(scope, channel="roaming")
        ),
        "one session's trail": lambda: trails.read_trail(reference),
        "what keeps the month open": lambda: books.close_blockers(scope, month),
        "first page of receipts": lambda: books.receipts(None, None, False, (scope.end, 0)),
        "a receipt by its number": lambda: books.receipts(None, LATER, False, (scope.end, 0)),
    }


SOLD = """
SELECT count(*) FROM journal
WHERE booked_at >= %s AND booked_at < %s AND kind = 'earned' AND channel = 'guest'"""
PLACE = """
SELECT booked_at, journal_id, payment_id FROM journal
WHERE booked_at >= %s AND booked_at < %s AND kind = 'earned' AND channel = 'guest'
ORDER BY booked_at DESC, journal_id DESC OFFSET %s LIMIT 1"""


def whole_page(scope: Scope, month: date) -> None:
    """As dashboard/pages/ledger.py reads it."""
    books.operators()
    books.read_book(scope)
    books.read_proof(scope, month)
    books.open_items()
    books.read_rows(scope)
    books.sites(scope.operator_id)
    books.first_booking(scope.operator_id)


def _timed(name: str, read: Callable[[], object]) -> tuple[str, list[float]]:
    """Seconds of each run, warm."""
    times = []
    for run in range(WARM + RUNS):
        began = time.perf_counter()
        read()
        if run >= WARM:
            times.append(time.perf_counter() - began)
    report(f"{name}: {1000 * statistics.median(times):.1f} ms")
    return name, times


def _cells(times: list[float]) -> list[str]:
    quantile = statistics.quantiles(times, n=20)[18]
    return [f"{1000 * statistics.median(times):.1f}", f"{1000 * quantile:.1f}"]


def _compared(times: list[float], naive: float | None) -> list[str]:
    if naive is None:
        return ["", ""]
    return [f"{1000 * naive:.0f}", f"**{naive / statistics.median(times):.0f}**"]


# -- the baseline ----------------------------------------------------------------------------------


def _naive(connection: Connection, scope: Scope) -> float:
    """Seconds, the best of a few, of summing entries; they must agree. Raises SystemExit."""
    times = []
    for _ in range(NAIVE_RUNS):
        began = time.perf_counter()
        found = [connection.execute(query, vars(scope)).fetchall() for query in SUMS]  # type: ignore[arg-type]
        times.append(time.perf_counter() - began)
    book = books.read_book(scope)
    rows = {tuple(row.values()) for row in book.rows}
    if rows != set(found[0]) or (book.energy_wh, book.on_the_way) != (
        found[1][0][0],
        found[2][0][0],
    ):
        raise SystemExit(f"wrong: the totals of {scope} are not the sums of their entries")
    report(f"summed directly: {1000 * min(times):.0f} ms")
    return min(times)


WHICH = """j.operator_id = %(operator_id)s AND j.booked_at >= %(start)s AND j.booked_at < %(end)s
    AND (%(site_id)s::integer IS NULL OR j.site_id = %(site_id)s)
    AND (%(channel)s::text IS NULL OR j.channel = %(channel)s)"""
SUMS = (
    f"""SELECT j.kind, j.channel, j.site_id, e.account, e.vat_rate,
        count(*) FILTER (WHERE e.line = 1), sum(e.amount)::bigint
    FROM journal j JOIN entry e USING (journal_id) WHERE {WHICH} AND e.currency = %(currency)s
    GROUP BY 1, 2, 3, 4, 5""",  # noqa: S608
    f"""SELECT coalesce(sum(c.energy_wh), 0)::bigint FROM journal j JOIN cdr c USING (cdr_id)
    WHERE {WHICH} AND j.kind = 'earned' AND c.currency = %(currency)s""",  # noqa: S608
    """SELECT coalesce(sum(e.amount), 0)::bigint FROM journal j JOIN entry e USING (journal_id)
    WHERE j.operator_id = %(operator_id)s AND j.booked_at < %(end)s AND e.account = '1580'
        AND e.currency = %(currency)s""",
)
