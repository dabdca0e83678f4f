"""Book postings: once per key, never changed afterwards. The database holds the rules."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from billing import BillingError
from billing.postings import Accounts, Posting, checked
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("ledger")
ENCODER = msgspec.json.Encoder(decimal_format="string")
BATCH = 2000  # postings per statement


class LedgerError(BillingError):
    """Not booked: the key stands for something else, or the month is closed."""


def accounts_of(connection: Connection, at: datetime | None = None) -> Accounts:
    """The accounts that `posting_account` and `vat_rate` name as of an instant (None: now).

    Raises LedgerError: a role has no account.
    """
    roles = dict(queries.posting_accounts(connection))
    rates = queries.vat_accounts(connection, country="SE", at=at)
    vat = {Decimal(rate): account for rate, account, _ in rates}
    sales = {Decimal(rate): account for rate, _, account in rates}
    names = [name for name in Accounts.__struct_fields__ if name not in ("vat", "sales")]
    try:
        return Accounts(**{name: roles[name] for name in names}, vat=vat, sales=sales)
    except KeyError as missing:
        raise LedgerError(f"posting_account: no account for {missing}") from None


def book(connection: Connection, posting: Posting, at: datetime) -> int:
    """Book it, or find it booked already; the journal's number.

    Raises LedgerError: the key was used for something else, or the month of `at` is closed.
    """
    return book_all(connection, [posting], at)[posting.key]


def book_all(connection: Connection, postings: Sequence[Posting], at: datetime) -> dict[str, int]:
    """As `book`, many at once and all or none; journal numbers by key."""
    return book_dated(connection, [(posting, at) for posting in postings])


def book_dated(connection: Connection, dated: Sequence[tuple[Posting, datetime]]) -> dict[str, int]:
    """As `book_all`, each posting at an instant of its own.

    A posting's `reverses` names a journal of an earlier call.
    """
    booked: dict[str, int] = {}
    with connection.transaction():
        for start in range(0, len(dated), BATCH):
            booked |= _book(connection, dated[start : start + BATCH])
    return booked


def closed_months(connection: Connection) -> Callable[[int, datetime], bool]:
    """Says of an operator and an instant whether its month takes no more bookings."""
    closed = [tuple(row) for row in queries.closed_months(connection)]

    def is_closed(operator_id: int, at: datetime) -> bool:
        return any(who == operator_id and start <= at < end for who, start, end in closed)

    return is_closed


def payload_hash(posting: Posting) -> bytes:
    """What makes two postings the same: all but who asked."""
    same = (posting.kind, posting.about, posting.entries, posting.reverses)
    return hashlib.sha256(ENCODER.encode(same)).digest()


def _book(connection: Connection, dated: Sequence[tuple[Posting, datetime]]) -> dict[str, int]:
    hashes = _hashes(posting for posting, _ in dated)
    undone = _journals(connection, {p.reverses for p, _ in dated if p.reverses})
    once = {posting.key: (posting, at) for posting, at in dated}.values()
    rows = [_row(posting, at, hashes[posting.key], undone) for posting, at in once]
    try:
        added = queries.book(connection, journals=ENCODER.encode(rows).decode())
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        raise LedgerError(str(error.diag.message_primary)) from None
    except psycopg.errors.UniqueViolation as error:
        raise LedgerError(f"it has been reversed already: {error.diag.message_detail}") from None
    numbers = dict(added)
    return numbers | _already(connection, hashes, numbers)


def _hashes(postings: Iterable[Posting]) -> dict[str, bytes]:
    """By key, each balanced. Raises LedgerError when two postings share a key and differ."""
    found: dict[str, bytes] = {}
    for posting in map(checked, postings):
        mine = payload_hash(posting)
        if found.setdefault(posting.key, mine) != mine:
            raise LedgerError(f"{posting.key}: given twice with different content")
    return found


def _row(
    posting: Posting, at: datetime, fingerprint: bytes, undone: dict[str, tuple[int, bytes]]
) -> dict[str, Any]:
    row = msgspec.structs.asdict(posting) | {"hash": fingerprint.hex(), "at": at}
    if posting.reverses is not None:
        if posting.reverses not in undone:
            raise LedgerError(f"{posting.key}: {posting.reverses} is not booked, nothing to undo")
        row["reverses_journal_id"] = undone[posting.reverses][0]
    return row


def _already(
    connection: Connection, hashes: dict[str, bytes], added: dict[str, int]
) -> dict[str, int]:
    """Those booked before, with the same content."""
    found = _journals(connection, hashes.keys() - added.keys())
    for key, (_, known) in found.items():
        if known != hashes[key]:
            raise LedgerError(f"{key}: booked before with different content")
    return {key: number for key, (number, _) in found.items()}


def _journals(connection: Connection, keys: Iterable[str]) -> dict[str, tuple[int, bytes]]:
    wanted = sorted(keys)
    rows = queries.booked(connection, keys=wanted) if wanted else []
    return {key: (number, bytes(hashed)) for key, number, hashed in rows}
