"""Read Stripe's side of the books, book what only Stripe can tell, and check both sides.

A run reads all balance transactions and payouts since the last one, with an overlap, and changes
nothing when it is run again.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from billing import BillingError, postings
from billing.checks import Price, Result, run_checks
from billing.ledger import accounts_of, book_dated, closed_months
from billing.postings import About, Accounts, Posting
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("reconcile")
looks = load_queries("payments")
OVERLAP_DAYS = 7  # what may change after we have seen it; five times that for payouts
TRIES = 3
PRICED_AGAIN = timedelta(days=2)
STRAYS = timedelta(days=60)
Dated = tuple[Posting, datetime]


class ReconcileError(BillingError):
    """Stripe could not be read; what was known stays, the next run tries again."""

    retryable = True


class Source(Protocol):
    """Stripe as the SDK shows it: objects with Stripe's fields, times in seconds since 1970."""

    def balance_transactions(self, since: datetime) -> Iterable[Any]:
        """All balance transactions created since then."""

    def payouts(self, since: datetime) -> Iterable[Any]:
        """All payouts created since then."""

    def payout_transactions(self, payout_id: str) -> Iterable[Any]:
        """The balance transactions in an automatic payout, its own among them or not."""

    def balance(self) -> Any:
        """`available` and `pending`: lists of objects with amount and currency."""


class Movement(Struct, frozen=True):
    """A balance transaction that is to be booked, and what it is about."""

    id: str
    type: str
    source_id: str | None
    amount: int
    fee: int
    net: int
    currency: str
    created_at: datetime
    operator_id: int
    site_id: int | None
    station_id: str | None
    channel: str | None
    session_id: int | None
    payment_id: int | None


def reconcile(
    connection: Connection, source: Source, now: datetime, price: Price | None = None
) -> list[Result]:
    """Read Stripe, book, check everything; the checks' results. Raises what the source raises.

    With `price` the CDRs of the last days are priced again; `audit` does it with all.
    """
    read(connection, source, now)
    book_movements(connection, now)
    look_at_strays(connection, now)
    return run_checks(connection, now, price=price, priced_since=now - PRICED_AGAIN)


def read(connection: Connection, source: Source, now: datetime) -> None:
    """Store balance transactions, payouts and the balance, so that they fit each other.

    Nothing is stored before Stripe has answered to the end: the newest known row is the mark the
    next run goes on from. Raises ReconcileError: the balance never held still.
    """
    for _ in range(TRIES):
        moved_since, paid_since = queries.since(connection, overlap_days=OVERLAP_DAYS)
        before = _balance(source)
        payouts = [_payout(one) for one in source.payouts(paid_since)]
        moved = [_transaction(one) for one in source.balance_transactions(moved_since)]
        with connection.transaction():
            queries.store_payouts(connection, rows=_json(payouts), at=now)
            queries.store_transactions(connection, rows=_json(moved), at=now)
        _read_payouts(connection, source, now)
        if _balance(source) == before:
            queries.store_balance(connection, rows=_json(before), at=now)
            queries.match_payments(connection)
            return
    raise ReconcileError("Stripe's balance moved all the time while it was read")


def _read_payouts(connection: Connection, source: Source, now: datetime) -> None:
    """Which balance transactions are in which payout: Stripe says it only payout by payout."""
    for (payout_id,) in queries.payouts_to_open(connection):
        inside = [
            _transaction(one) | {"payout_id": payout_id}
            for one in source.payout_transactions(payout_id)
        ]
        queries.store_transactions(connection, rows=_json(inside), at=now)


def book_movements(connection: Connection, now: datetime) -> int:
    """Book fees, payouts and refunds that came back, each once; how many are new."""
    accounts = accounts_of(connection)
    closed = closed_months(connection)
    dated: list[Dated] = []
    for movement in (Movement(*row) for row in queries.to_book(connection)):
        # what Stripe tells us too late for its month is booked in this one
        at = now if closed(movement.operator_id, movement.created_at) else movement.created_at
        dated += ((posting, at) for posting in posted(movement, accounts))
    return len(book_dated(connection, dated))


def look_at_strays(connection: Connection, now: datetime) -> int:
    """Ask Stripe about payments whose money moved without us: the webhook may have been lost.

    A dispute that nobody told us of is booked by its payment within the hour; how many those are.
    """
    found = queries.payments_to_look_at(connection, since=now - STRAYS)
    with connection.transaction():
        for payment_id, key in found:
            looks.look_at_stripe(connection, payment_id=payment_id, key=f"kw-{key}-look", at=now)
        if found:
            looks.notify_outbox(connection)
    return len(found)


def posted(movement: Movement, accounts: Accounts) -> Iterator[Posting]:
    """What a balance transaction makes us book; charges and refunds are booked by their payment."""
    about = About(
        movement.operator_id,
        movement.site_id,
        movement.station_id,
        movement.channel,
        movement.session_id,
        movement.payment_id,
        external_id=movement.source_id or movement.id,
    )
    given = (movement.currency, accounts)
    if movement.type.startswith("payout"):
        yield postings.payout(f"payout:{movement.id}", about, -movement.amount, *given)
    elif movement.type == "refund_failure":
        key = f"refund_failed:{movement.id}"
        yield postings.refund_failed(key, about, movement.amount, *given)
    fee = movement.fee - (movement.amount if movement.type.endswith("_fee") else 0)
    if fee:
        yield postings.fee(f"fee:{movement.id}", about, fee, *given)


def _transaction(told: Any) -> dict[str, Any]:
    return {
        "id": told.id,
        "type": told.type,
        "source": _id(told.source),
        "charge": _id(getattr(told.source, "charge", None)),
        "amount": told.amount,
        "fee": told.fee,
        "net": told.net,
        "currency": told.currency,
        "created_at": _instant(told.created),
        "available_at": _instant(told.available_on),
        "payout_id": None,
    }


def _payout(told: Any) -> dict[str, Any]:
    return {
        "id": told.id,
        "amount": told.amount,
        "currency": told.currency,
        "status": told.status,
        "created_at": _instant(told.created),
        "arrives_at": _instant(told.arrival_date),
        "automatic": told.automatic,
    }


def _balance(source: Source) -> list[dict[str, Any]]:
    """Per currency what is available and pending; a currency in both lists is one row."""
    told = source.balance()
    found: dict[str, dict[str, Any]] = {}
    for name in ("available", "pending"):
        for part in getattr(told, name):
            row = found.setdefault(
                part.currency, {"currency": part.currency, "available": 0, "pending": 0}
            )
            row[name] += part.amount
    return [found[currency] for currency in sorted(found)]


def _id(source: Any) -> str | None:
    """An id, or the id of the object in its place."""
    found = getattr(source, "id", source)
    return None if found is None else str(found)


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _json(rows: Any) -> str:
    return msgspec.json.encode(rows).decode()
