"""A plain database carried over into TimescaleDB; in WebAssembly by INSERT, as it has no COPY."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from conftest import client_side, wasm_server
from facts import ANCHORS, TIME_ZONE, insert, random_facts
from psycopg.sql import SQL, Literal

from sql import move_plan
from sql.database import Connection, connect
from sql.migrate import migrate
from sql.move import Move, _begin, copy, finish, refresh
from sql.move_plan import Range, Table
from sql.move_proof import prove

pytestmark = [pytest.mark.node, pytest.mark.timescale, pytest.mark.timeout(300)]
AT_ONCE = 100


@pytest.fixture
def empty() -> Iterator[Connection]:
    """A migrated TimescaleDB in WebAssembly that no other test has touched."""
    with wasm_server() as url:
        migrate(url, TIME_ZONE)
        with client_side(url) as connection:
            yield connection


def write(source: Connection, target: Connection, table: Table, part: Range) -> int:
    """In place of COPY: rows as text, a hundred a statement."""
    rows = source.execute(SQL("SELECT r::text FROM ({}) r").format(part.rows(table))).fetchall()
    names, into = table.columns, table.identifier
    typed = SQL("SELECT {} FROM {} LIMIT 0").format(names, into)
    row_type = SQL("t_{}").format(SQL(table.relation))  # type: ignore[arg-type]
    target.execute(SQL("CREATE TEMP TABLE {} AS {}").format(row_type, typed))
    statement = SQL(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT (v::{}).* FROM (VALUES {}) r (v)"
    )
    for start in range(0, len(rows), AT_ONCE):
        some = SQL(", ").join(
            SQL("({})").format(Literal(row[0])) for row in rows[start : start + AT_ONCE]
        )
        target.execute(statement.format(into, names, row_type, some))
    target.execute(SQL("DROP TABLE {}").format(row_type))
    return len(rows)


def fill(plain: Connection) -> None:
    """Readings of years; retention has forgotten the oldest of them, their rollups stay."""
    plain.execute("INSERT INTO site (operator_id, name) VALUES (1, 'Oak')")
    plain.execute(
        "INSERT INTO station (station_id, site_id) SELECT 'S' || n, 1 FROM generate_series(1, 5) n"
    )
    plain.execute("INSERT INTO evse (station_id, evse_id) SELECT station_id, 1 FROM station")
    plain.execute(
        "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at, ended_at)"
        " SELECT 'S1', 1, 1, n::text, now() - n * interval '1 day', now()"
        " FROM generate_series(1, 30) n"
    )
    old = datetime(2025, 2, 3, 12, tzinfo=UTC)
    insert(plain, random_facts(1, 700, [old, *ANCHORS[:4]]))
    plain.execute("CALL refresh_rollups('2024-01-01', now())")
    plain.execute("CALL ensure_partitions('2025-01-01', '2025-06-01')")
    plain.execute("CALL enforce_retention(now() - '2025-06-01')")
    insert(plain, random_facts(2, 800, ANCHORS[:4]))


def test_a_plain_database_becomes_one_on_timescaledb(
    empty: Connection, plain_database: str
) -> None:
    with connect(plain_database) as plain:
        fill(plain)
        found = move_plan.tables(plain, empty)
        move = Move(plain, empty, found)
        _begin(plain, empty, found)
        copy(move, lambda _: None, write=write)
        refresh(move)
        assert [line for line in prove(move) if not line.agrees] == []
        forgotten = "SELECT sum(energy_wh)::bigint FROM {} WHERE bucket < '2025-06-01'"
        for level in ("energy_15min", "energy_hour", "energy_day", "energy_month",
                      "energy_fleet_15min", "energy_fleet_day", "energy_site_15min",
                      "energy_site_day", "energy_site_load"):  # fmt: skip
            query = forgotten.format(level).encode()
            assert empty.execute(query).fetchone() == plain.execute(query).fetchone() != (None,)
        finish(empty)
