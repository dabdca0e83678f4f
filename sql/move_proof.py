"""The proof of a move: every row of every table, and the sums that people know."""

from typing import NamedTuple

from psycopg.sql import SQL

from sql.database import Connection
from sql.move import Move
from sql.move_plan import Table


class Line(NamedTuple):
    """One thing that is compared: what both databases say of it."""

    what: str
    source: str
    target: str

    @property
    def agrees(self) -> bool:
        return self.source == self.target


SUMS = {
    "readings": "SELECT count(*) FROM meter_value",
    "Wh of all readings": "SELECT coalesce(sum(energy_delta_wh), 0)::bigint FROM meter_value",
    "sessions": "SELECT count(*) FROM session",
    "Wh of all sessions": "SELECT coalesce(sum(energy_wh), 0)::bigint FROM session",
    "journals": "SELECT count(*) FROM journal",
    "debit of all entries, minor units":
        "SELECT coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint FROM entry",
    "balance of all entries": "SELECT coalesce(sum(amount), 0)::bigint FROM entry",
    "receipts and credit notes": "SELECT count(*) FROM receipt",
    "gross of all receipts": "SELECT coalesce(sum(gross), 0)::bigint FROM receipt",
    "captured less refunded": "SELECT coalesce(sum(captured - refunded), 0)::bigint FROM payment",
}  # fmt: skip
MONTHS = """
SELECT to_char(book_day(bucket), 'YYYY-MM'), sum(energy_wh)::bigint FROM energy_month
GROUP BY 1 HAVING sum(energy_wh) <> 0 ORDER BY 1"""
FLEET = """
SELECT coalesce(sum(energy_wh), 0)::bigint, count(*) FILTER (WHERE energy_wh <> 0),
    (SELECT coalesce(sum(sessions), 0)::bigint FROM session_fleet_day)
FROM energy_fleet_15min"""
# what a row looks like as text must not depend on either server's settings
AS_TEXT = (
    "SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex';"
    " SET extra_float_digits = 1; SET TIME ZONE 'UTC'"
)
CONTENT = """
SELECT count(*), coalesce(sum(hashtextextended(ROW({})::text, 0)::numeric), 0)::text FROM {}"""


def prove(move: Move) -> list[Line]:
    """Compare; the move is good when all lines agree."""
    for connection in (move.source, move.target):
        connection.execute(AS_TEXT.encode())
    lines = [
        Line(what, _one(move.source, query), _one(move.target, query))
        for what, query in SUMS.items()
    ]
    return [*lines, *_months(move), _fleet(move), *_contents(move)]


def _one(connection: Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    return f"{row[0]:,}" if row else ""


def _months(move: Move) -> list[Line]:
    """Energy per month as the rollups have it."""
    ours, theirs = _by_month(move.source), _by_month(move.target)
    return [
        Line(f"Wh in {month}", f"{ours.get(month, 0):,}", f"{theirs.get(month, 0):,}")
        for month in sorted(ours.keys() | theirs.keys())
    ]


def _by_month(connection: Connection) -> dict[str, int]:
    return {str(month): int(energy) for month, energy in connection.execute(MONTHS).fetchall()}


def _fleet(move: Move) -> Line:
    ours, theirs = _whole(move.source), _whole(move.target)
    return Line("fleet: Wh, quarters with any; sessions begun", ours, theirs)


def _whole(connection: Connection) -> str:
    row = connection.execute(FLEET).fetchone()
    return " / ".join(f"{value:,}" for value in row or ())


def _contents(move: Move) -> list[Line]:
    """A line for each table that differs in any row, else one for all of them. Tables of `rollup`
    may be folded further on one side: their views are compared above."""
    different, rows = [], 0
    compared = [table for table in move.tables if table.schema == "public"]
    for table in compared:
        ours, theirs = _content(move.source, table), _content(move.target, table)
        rows += ours[0]
        if ours != theirs:
            different.append(Line(f"rows of {table.name}", *map(_shown, (ours, theirs))))
    same = f"{rows:,} rows in {len(compared) - len(different)} tables"
    return [*different, Line("contents of all other tables", same, same)]


def _content(connection: Connection, table: Table) -> tuple[int, str]:
    """How many rows there are, and a sum over what is in them."""
    query = SQL(CONTENT).format(table.columns, table.identifier)
    row = connection.execute(query).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def _shown(content: tuple[int, str]) -> str:
    return f"{content[0]:,} ({int(content[1]) % 1_000_000:06d})"
