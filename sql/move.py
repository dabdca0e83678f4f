"""Carry a plain database over into another one, TimescaleDB or plain; resumable at any point.

Tables are copied by ranges of pages in the order of their foreign keys, binary, through this
process. A range and the line in the ledger that says it is done are one transaction on the target:
however the move ends, the next one goes on where it was. Triggers of the target do not fire: what
they would have written is copied like everything else, and the levels that TimescaleDB computes
itself are refreshed at the end. The source is locked against writers meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from sql import DatabaseError
from sql.database import Connection, connect
from sql.move_plan import Range, Table, tables

NAME = "kilowatch move"
PAGES = 2048  # a range: 16 MB of the source

# what migrations put into a new database; replaced by the source's rows
SEEDED = (
    "account", "billing_start", "operator", "posting_account", "rollup.watermark", "vat_rate",
)  # fmt: skip

LEDGER = """
CREATE SCHEMA move;
CREATE TABLE move.source (system text NOT NULL, database text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE move.done (leaf text, first_page bigint, copied bigint NOT NULL,
    PRIMARY KEY (leaf, first_page));
"""
WHO = "SELECT system_identifier::text, current_database()::text FROM pg_control_system()"
OTHERS = """
SELECT string_agg(DISTINCT application_name, ', ') FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'kilowatch %%'
    AND application_name <> %s AND pid <> pg_backend_pid()"""

Write = Callable[[Connection, Connection, Table, Range], int]


class Move(NamedTuple):
    """Two migrated databases, and the tables that both have."""

    source: Connection
    target: Connection
    tables: list[Table]

    @property
    def size(self) -> int:
        """Pages to go through, those that are done already included."""
        return sum(leaf.pages for table in self.tables for leaf in table.leaves)


@contextmanager
def prepared(source_dsn: str, target_dsn: str) -> Iterator[Move]:
    """Both ends, checked and locked; the target new, or half-filled by an earlier move from here.

    Raises DatabaseError: one line that says what is in the way.
    """
    with (
        connect(source_dsn, application_name=NAME) as keeper,
        connect(source_dsn, application_name=NAME) as source,
        connect(target_dsn, application_name=NAME) as target,
    ):
        for connection in (keeper, source, target):
            connection.execute("SET idle_in_transaction_session_timeout = 0")
        _refuse_others(source, "the source")
        _refuse_others(target, "the target")
        _claim(target)
        found = tables(source, target)
        _begin(source, target, found)
        with keeper.transaction():
            _keep_still(keeper, found)
            yield Move(source, target, found)


def copy(
    move: Move,
    told: Callable[[int], object],
    *,
    pages: int = PAGES,
    write: Write | None = None,
) -> None:
    """Copy what is missing; `told` gets the pages of every range, also of one done before."""
    done = _done(move.target)
    _make_partitions(move)
    for table in move.tables:
        for part in table.ranges(pages):
            if (part.leaf, part.first) not in done:
                _copy_range(move, table, part, write or copy_binary)
            told(part.pages)
    _set_sequences(move)


def finish(target: Connection) -> None:
    """Forget the ledger: the target is a database of its own from now on."""
    target.execute("DROP SCHEMA move CASCADE")


# -- before ------------------------------------------------------------------------------------


def _refuse_others(connection: Connection, which: str) -> None:
    row = connection.execute(OTHERS.encode(), [NAME]).fetchone()
    if row and row[0]:
        raise DatabaseError(f"{which} is in use by {row[0]}: stop it, then start the move again")


def _claim(target: Connection) -> None:
    row = target.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [NAME]).fetchone()
    if row == (False,):
        raise DatabaseError("another move into the target is at work")


def _begin(source: Connection, target: Connection, found: list[Table]) -> None:
    """Go on with our own move, or begin one in an empty database."""
    us = source.execute(WHO).fetchone()
    if us == target.execute(WHO).fetchone():
        raise DatabaseError("source and target are the same database")
    if target.execute("SELECT to_regnamespace('move') IS NOT NULL").fetchone() == (True,):
        begun = target.execute("SELECT system, database FROM move.source").fetchone()
        if begun != us:
            raise DatabaseError("the target is half-filled by a move from another database")
        return
    if full := [table.name for table in found if _has_rows(target, table)]:
        raise DatabaseError(
            f"the target is not empty: it has rows in {', '.join(full[:3])}"
            f"{' and others' if full[3:] else ''}; move into a new database"
        )
    with target.transaction():
        target.execute(LEDGER.encode())
        target.execute("INSERT INTO move.source (system, database) VALUES (%s, %s)", us)
        for table in reversed(found):
            if table.name in SEEDED:
                with _without_triggers(target, table):
                    target.execute(SQL("DELETE FROM {}").format(table.identifier))


def _has_rows(target: Connection, table: Table) -> bool:
    if table.name in SEEDED:
        return False
    query = SQL("SELECT EXISTS (SELECT FROM {})").format(table.identifier)
    return target.execute(query).fetchone() == (True,)


def _keep_still(keeper: Connection, found: list[Table]) -> None:
    """Nobody writes to the source until the move ends: what is copied is one moment of it."""
    keeper.execute("SET LOCAL lock_timeout = '5s'")
    names = SQL(", ").join(table.identifier for table in found)
    try:
        keeper.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(names))
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseError(
            "somebody is writing to the source: stop it, then start the move again"
        ) from error


# -- copying -----------------------------------------------------------------------------------


def _done(target: Connection) -> set[tuple[str, int]]:
    return {(str(leaf), int(page)) for leaf, page in
            target.execute("SELECT leaf, first_page FROM move.done").fetchall()}  # fmt: skip


BOUNDS = r"""
SELECT min(substring(bound FROM 'FROM \(''(.*?)''\)')::timestamptz),
    max(substring(bound FROM 'TO \(''(.*?)''\)')::timestamptz) - interval '1 day'
FROM pg_inherits, pg_class c, pg_get_expr(relpartbound, c.oid) bound
WHERE inhparent = 'meter_value'::regclass AND c.oid = inhrelid"""


def _make_partitions(move: Move) -> None:
    """The same months as in the source; on TimescaleDB nothing."""
    low, high = move.source.execute(BOUNDS.encode()).fetchone() or (None, None)
    if low is not None:
        move.target.execute("CALL ensure_partitions(%s, %s)", [low, high])


def _copy_range(move: Move, table: Table, part: Range, write: Write) -> None:
    with move.target.transaction(), _without_triggers(move.target, table):
        copied = write(move.source, move.target, table, part)
        move.target.execute(
            "INSERT INTO move.done VALUES (%s, %s, %s)", [part.leaf, part.first, copied]
        )


def copy_binary(source: Connection, target: Connection, table: Table, part: Range) -> int:
    """Rows of a range from COPY to COPY; how many."""
    out = SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(part.rows(table))
    into = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table.identifier, table.columns)
    with (
        source.cursor() as reader,
        target.cursor() as writer,
        writer.copy(into) as sink,
        reader.copy(out) as rows,
    ):
        for block in rows:
            sink.write(block)
    return writer.rowcount


@contextmanager
def _without_triggers(target: Connection, table: Table) -> Iterator[None]:
    """The table's own triggers are off; a transaction that fails turns them on again."""
    for trigger in table.triggers:
        _switch(target, table, "DISABLE", trigger)
    yield
    for trigger in table.triggers:
        _switch(target, table, "ENABLE", trigger)


def _switch(target: Connection, table: Table, verb: str, trigger: str) -> None:
    statement = SQL("ALTER TABLE {} " + verb + " TRIGGER {}")
    target.execute(statement.format(table.identifier, Identifier(trigger)))


SEQUENCES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND n.nspname IN ('public', 'rollup') ORDER BY 1, 2"""


def _set_sequences(move: Move) -> None:
    """The next number on the target is the one that it would have been."""
    for row in move.source.execute(SEQUENCES).fetchall():
        sequence = Identifier(*row)
        place: Composed = SQL("SELECT last_value, is_called FROM {}").format(sequence)
        last = move.source.execute(place).fetchone()
        if last:
            move.target.execute("SELECT setval(%s::regclass, %s, %s)",
                                [sequence.as_string(move.target), *last])  # fmt: skip


# -- rollups -----------------------------------------------------------------------------------

SPAN = """
SELECT least((SELECT min(bucket) FROM energy_15min), (SELECT min(measured_at) FROM meter_value)),
    now()"""
MATERIALIZED = """
SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
FROM timescaledb_information.continuous_aggregates WHERE view_name = 'energy_15min'"""
KEPT = "SELECT kept_from FROM retention WHERE relation = 'meter_value'"
QUARTERS = "bucket, energy_wh, evse_key, evse_id, peak_power_w, station_id"
QUARTERS_AT_ONCE = 400


def refresh(move: Move) -> None:
    """Let the target compute what it computes itself."""
    for relation in move.tables:
        move.target.execute(SQL("ANALYZE {}").format(relation.identifier))
    if not any(table.name == "energy_15min" for table in move.tables):
        _keep_old_quarters(move)
    span = move.source.execute(SPAN).fetchone()
    if span and span[0]:
        move.target.execute("CALL refresh_rollups(%s, %s)", span)


def _keep_old_quarters(move: Move) -> None:
    """Quarters whose readings retention has deleted: nothing else can tell the aggregates."""
    kept = move.target.execute(KEPT).fetchone()
    where = move.target.execute(MATERIALIZED).fetchone()
    if not kept or not where:
        return
    read = f"SELECT {QUARTERS} FROM energy_15min WHERE bucket < %s"  # noqa: S608
    with move.target.transaction():
        move.target.execute(f"DELETE FROM {where[0]} WHERE bucket < %s".encode(), kept)  # noqa: S608
        cursor = move.source.execute(read.encode(), kept)
        while rows := cursor.fetchmany(QUARTERS_AT_ONCE):
            _insert_quarters(move.target, where[0], rows)


def _insert_quarters(target: Connection, hypertable: str, rows: list[tuple[object, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    insert = (
        f"INSERT INTO {hypertable} ({QUARTERS}) SELECT * FROM unnest(%s::timestamptz[],"  # noqa: S608
        " %s::bigint[], %s::int[], %s::int[], %s::real[], %s::text[])"
    )
    target.execute(insert.encode(), columns)
