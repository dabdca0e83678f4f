"""Every named query runs on TimescaleDB as it does on PostgreSQL."""

import psycopg
import pytest
from prepared import PARAMETER, prepared

from sql.database import Connection, connect
from sql.queries import load_queries, parts

pytestmark = [pytest.mark.node, pytest.mark.timescale]


def test_every_query_runs(wasm: Connection, plain_database: str) -> None:
    """Once, with nothing for every parameter; what NOT NULL or a check refuses has run too."""
    wrong = {}
    with connect(plain_database) as plain:
        for part in parts():
            for name, text in load_queries(part).texts.items():
                try:
                    _run(wasm, _with_nulls(plain, text))
                except (psycopg.IntegrityError, psycopg.DataError):
                    continue
                except psycopg.Error as error:
                    wrong[f"{part}/{name}"] = str(error)
    assert wrong == {}


def _run(wasm: Connection, statement: str) -> None:
    """Run it and take it back; a procedure that commits must not be in a transaction."""
    if statement.lstrip().upper().startswith("CALL"):
        wasm.execute(statement.encode())
    else:
        with wasm.transaction(force_rollback=True):
            wasm.execute(statement.encode())


def _with_nulls(plain: Connection, text: str) -> str:
    """The query with `NULL::type` for each parameter, the type being what PostgreSQL found."""
    types = {
        name: plain.execute("SELECT %s::oid::regtype::text", [oid]).fetchone()
        for name, oid in prepared(plain, text).items()
    }
    return PARAMETER.sub(
        lambda match: f"NULL::{(types[match[1]] or ('',))[0]}" if match[1] else "%", text
    )
