"""Every named query can be prepared on a migrated database, and every call returns what it says."""

from pathlib import Path

import psycopg
import pytest
from prepared import prepared

import sql.queries
from sql.database import AsyncConnection, Connection
from sql.queries import load_async_queries, load_queries, parts

QUERIES = [(part, name) for part in parts() for name in load_queries(part).texts]


@pytest.mark.parametrize(("part", "name"), QUERIES, ids=["/".join(query) for query in QUERIES])
def test_every_query_prepares(
    engine: str, shared_connection: Connection, part: str, name: str
) -> None:
    prepared(shared_connection, load_queries(part).texts[name])


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of queries of one's own."""
    (tmp_path / "things.sql").write_text(
        "-- name: many\n-- The numbers up to one.\nSELECT g, :word::text\n"
        "FROM generate_series(1, :count::int) g WHERE 'oak' LIKE 'o%%';\n\n"
        "-- name: one^\n-- One row.\nSELECT 1, :word::text;\n\n"
        "-- name: value$\n-- One value.\nSELECT 7;\n"
    )
    monkeypatch.setattr(sql.queries, "FOLDER", tmp_path)
    return "things"


def test_calls_return_lists_rows_and_values(connection: Connection, things: str) -> None:
    queries = sql.queries._load(things, "psycopg", sql.queries._list)
    assert queries.many(connection, word="oak", count=2) == [(1, "oak"), (2, "oak")]
    assert queries.one(connection, word="oak") == (1, "oak")
    assert queries.value(connection) == 7


async def test_the_same_file_serves_asyncio(async_connection: AsyncConnection, things: str) -> None:
    queries = sql.queries._load(things, "apsycopg", sql.queries._async_list)
    assert await queries.many(async_connection, word="oak", count=1) == [(1, "oak")]
    assert await queries.one(async_connection, word="oak") == (1, "oak")
    assert await queries.value(async_connection) == 7


def test_every_file_loads_for_asyncio() -> None:
    for part in parts():
        assert load_async_queries(part).texts == load_queries(part).texts


def test_every_query_has_a_sentence() -> None:
    silent = [
        f"{part}/{name}"
        for part in parts()
        for name, sentence in load_queries(part).sentences.items()
        if not sentence
    ]
    assert silent == []


def test_an_unknown_query_is_named() -> None:
    with pytest.raises(AttributeError, match="no query is named nonsense"):
        _ = load_queries(parts()[0]).nonsense


def test_a_wrong_query_does_not_prepare(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedColumn):
        prepared(connection, "SELECT nonsense FROM station")
