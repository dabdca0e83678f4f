"""The invariants of the books, checked: what staff see behind "Agrees".

Each check is a query of sql/queries/checks.sql. What breaks a rule becomes a review item, once
while it is open, resolved when it is gone. Every run leaves a row per check in `book_check`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct

from billing import BillingError
from billing.reviews import Found, open_items, resolve_gone
from sql.database import Connection
from sql.queries import load_queries

log = logging.getLogger("kilowatch.books")
queries = load_queries("checks")
notes = load_queries("reconcile")
# the names are an interface: they are in book_check and in review items
CHECKS = (
    "captured_within_hold",
    "once_per_session",
    "no_hold_is_left",
    "priced_is_settled",
    "receipts_are_booked",
    "sales_have_receipts",
    "sessions_are_booked",
    "entries_sum_to_zero",
    "totals_are_sums",
    "matches_stripe",
    "stripe_balance",
    "stripe_is_read",
    "payouts_add_up",
    "numbers_are_unbroken",
)
PRICED_AGAIN = "priced_again"
SHOWN = 20  # differences in a check's detail; all of them are review items

Priced = tuple[int, int, int]
Price = Callable[[Connection, int], Priced]
"""(connection, cdr_id) -> (net, vat, gross) in minor units, from the CDR's stored inputs."""


class Result(Struct, frozen=True):
    """What a check found; `difference` is the sum of the amounts that are off, in minor units."""

    name: str
    checked: int
    found: tuple[Found, ...]

    @property
    def ok(self) -> bool:
        return not self.found

    @property
    def difference(self) -> int:
        return sum(abs(one.amount) for one in self.found)


def run_checks(
    connection: Connection,
    now: datetime,
    month: date | None = None,
    *,
    price: Price | None = None,
    priced_since: datetime | None = None,
) -> list[Result]:
    """Check everything, or what began in a month; write down what was found.

    With `price` the CDRs of the period are priced again, or those made since `priced_since`.
    Differences that are gone are resolved only by a run over everything.
    """
    from_at, until_at = notes.instants(connection, month=month)
    results = [_checked(connection, name, from_at, until_at, now) for name in CHECKS]
    for result in results:
        _write_down(connection, result, now, month, is_whole=month is None)
    if price is not None:
        again = priced_again(connection, price, priced_since or from_at, until_at)
        _write_down(connection, again, now, month, is_whole=not (month or priced_since))
        results.append(again)
    return results


def _checked(
    connection: Connection, name: str, from_at: Any, until_at: Any, now: datetime
) -> Result:
    rows = getattr(queries, name)(connection, from_at=from_at, until_at=until_at, now=now)
    found = tuple(Found(*row[1:]) for row in rows if row[1] is not None)
    return Result(name, int(rows[0][0]), found)


def priced_again(connection: Connection, price: Price, from_at: Any, until_at: Any) -> Result:
    """Pricing stored inputs again gives the same amount, CDR by CDR."""
    rows = queries.priced_sessions(connection, from_at=from_at, until_at=until_at)
    return Result(PRICED_AGAIN, len(rows), tuple(_differing(connection, price, rows)))


def _differing(connection: Connection, price: Price, rows: Iterable[Any]) -> Iterator[Found]:
    for cdr_id, session_id, currency, *stored in rows:
        try:
            again = price(connection, cdr_id)
        except BillingError as error:
            evidence: dict[str, Any] = {"stored": stored, "error": str(error)}
            yield Found(f"cdr {cdr_id}", stored[2], currency, None, session_id, evidence)
            continue
        if list(again) != stored:
            evidence = {"stored": stored, "again": list(again)}
            off = again[2] - stored[2]
            yield Found(f"cdr {cdr_id}", off, currency, None, session_id, evidence)


def _write_down(
    connection: Connection, result: Result, now: datetime, month: date | None, *, is_whole: bool
) -> None:
    shown = [msgspec.structs.asdict(one) for one in result.found[:SHOWN]]
    detail = {"differences": len(result.found), "first": shown}
    with connection.transaction():
        notes.note_check(
            connection,
            name=result.name,
            month=month,
            ok=result.ok,
            checked=result.checked,
            difference=result.difference,
            detail=msgspec.json.encode(detail).decode(),
            at=now,
        )
        open_items(connection, result.name, result.found, now)
        if is_whole:
            resolve_gone(connection, result.name, result.found, now)
    if not result.ok:
        log.warning("%s: %s of %s differ", result.name, len(result.found), result.checked)
