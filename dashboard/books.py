"""What the finance pages read of the books: sums, rows, proof, open items. Amounts are minor units.

As everywhere, rows are fetched whole and the connection is given back.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from dashboard.data import Row, deps
from sql.queries import load_queries

queries = load_queries("finance")
READING = ("finance", "manager")  # and admins, who may do everything
ACTING = ("finance",)
PAGE_ROWS = 50  # of the ledger also in sql/queries/finance.sql
SOLD = ("earned", "credit", "refund", "adjustment")


@dataclass(frozen=True)
class Scope:
    """Whose books and when: a month of one legal entity in one currency, perhaps a part of it."""

    operator_id: int
    currency: str
    start: datetime
    end: datetime
    site_id: int | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Book:
    """Everything booked in a scope: rows of kind, channel, site_id, account, vat_rate, bookings,
    amount; and what the accounts are for. All figures of a page are sums of these rows."""

    rows: list[Row]
    accounts: dict[str, Row]
    energy_wh: int = 0
    on_the_way: int = 0

    def amount(self, *kinds: str, role: str, **where: Any) -> int:
        """The sum of the entries on the accounts of a role; of some kinds, or of all."""
        return sum(
            row["amount"]
            for row in self.rows
            if (not kinds or row["kind"] in kinds)
            and self.role(row["account"]) == role
            and all(row[name] == value for name, value in where.items())
        )

    def role(self, account: str) -> str:
        """ "sales" for class 3, "vat" for output VAT, else what postings call the account."""
        known = self.accounts.get(account)
        if known and known["is_vat"]:
            return "vat"
        if account.startswith("3"):
            return "sales"
        roles = (known or {}).get("roles") or []
        return str(roles[0]) if roles else ""

    def net(self, *kinds: str, **where: Any) -> int:
        return -self.amount(*(kinds or SOLD), role="sales", **where)

    def vat(self, *kinds: str, **where: Any) -> int:
        return -self.amount(*(kinds or SOLD), role="vat", **where)

    def gross(self, *kinds: str, **where: Any) -> int:
        """Sold less given back; what was written off is a loss and no smaller sale."""
        return self.net(*kinds, **where) + self.vat(*kinds, **where)

    def bookings(self, *kinds: str, **where: Any) -> int:
        return sum(
            row["bookings"]
            for row in self.rows
            if row["kind"] in kinds and all(row[name] == value for name, value in where.items())
        )

    def values(self, name: str) -> list[Any]:
        """The channels, sites or VAT rates there are."""
        return sorted({row[name] for row in self.rows if row[name] is not None})


# -- the ledger ---------------------------------------------------------------------------------


def operators() -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.operators(connection)
    return rows


def sites(operator_id: int) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.sites(connection, operator_id=operator_id)
    return rows


def first_booking(operator_id: int) -> datetime | None:
    with deps().connection() as connection:
        found: datetime | None = queries.first_booking(connection, operator_id=operator_id)
    return found


def read_book(scope: Scope) -> Book:
    with deps().connection() as connection:
        accounts = {row["account"]: row for row in queries.accounts(connection)}
        rows = queries.sums(connection, **vars(scope))
        energy_wh = queries.energy_sold(connection, **vars(scope))
        return Book(rows, accounts, energy_wh, queries.on_the_way(connection, **vars(scope)))


def read_rows(scope: Scope, before: tuple[datetime, int] | None = None) -> list[Row]:
    """One page of what was sold, newest first; `before` is the last row of the page before."""
    at, number = before or (scope.end, 0)
    with deps().connection() as connection:
        rows: list[Row] = queries.rows(connection, before_at=at, before_id=number, **vars(scope))
    return rows


@dataclass(frozen=True)
class Proof:
    """What the daily checks found: the newest of each, and how each day ended."""

    checks: list[Row]
    days: list[Row]
    numbers: list[Row]
    closing: Row

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.checks if not row["ok"]]

    @property
    def checked_at(self) -> datetime | None:
        return max((row["checked_at"] for row in self.checks), default=None)


def read_proof(scope: Scope, month: date) -> Proof:
    period = {"start": scope.start, "end": scope.end}
    whose = {"operator_id": scope.operator_id}
    with deps().connection() as connection:
        return Proof(
            queries.checks(connection, month=month),
            queries.check_days(connection, zone=deps().settings.zone.key, **period),
            queries.number_range(connection, **whose, **period),
            queries.is_closed(connection, month=month, **whose),
        )


def open_items(at_most: int = 200) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.open_items(connection, at_most=at_most)
    return rows


def resolved_items(at_most: int) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.resolved_items(connection, at_most=at_most)
    return rows


def open_payouts(scope: Scope) -> Row:
    whose = {"operator_id": scope.operator_id, "currency": scope.currency}
    with deps().connection() as connection:
        row: Row = queries.open_payouts(connection, **whose)
    return row


def count_open() -> int:
    with deps().connection() as connection:
        return int(queries.count_open(connection))


def close_blockers(scope: Scope, month: date) -> list[Row]:
    """What must be settled first; kinds without items are left out."""
    parameters = {"operator_id": scope.operator_id, "start": scope.start, "end": scope.end}
    with deps().connection() as connection:
        rows = queries.close_blockers(connection, month=month, **parameters)
    return [row for row in rows if row["items"]]


# -- papers and prices --------------------------------------------------------------------------


def receipts(
    series: str | None, number: int | None, credits_only: bool, before: tuple[datetime, int]
) -> list[Row]:
    """One page of receipts and credit notes, newest first."""
    at, place = before
    with deps().connection() as connection:
        rows: list[Row] = queries.receipts(
            connection, series=series, number=number, credits_only=credits_only,
            before_at=at, before_id=place, at_most=PAGE_ROWS,
        )  # fmt: skip
    return rows


def tariffs() -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.tariffs(connection)
    return rows
