"""Connections are in UTC, end what lasts too long, and say in one line what is wrong."""

import time
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from sql import DatabaseError
from sql.database import (
    address,
    async_connect,
    async_pool,
    connect,
    database_url,
    sync_pool,
)
from sql.settings import Settings

SETTINGS = "SELECT current_setting('TimeZone'), current_setting('application_name')"


def test_a_connection_is_in_utc_and_says_whose_it_is(database: str) -> None:
    with connect(database, application_name="kilowatch web") as connection:
        assert connection.execute(SETTINGS).fetchone() == ("UTC", "kilowatch web")


async def test_an_asyncio_connection_is_the_same(database: str) -> None:
    connection = await async_connect(database, application_name="kilowatch ingest")
    async with connection:
        row = await (await connection.execute(SETTINGS)).fetchone()
    assert row == ("UTC", "kilowatch ingest")


def test_a_pool_lends_connections_in_utc(database: str) -> None:
    pool = sync_pool(database, application_name="kilowatch jobs")
    with pool, pool.connection() as connection:
        assert connection.execute(SETTINGS).fetchone() == ("UTC", "kilowatch jobs")


async def test_an_asyncio_pool_lends_connections_in_utc(database: str) -> None:
    pool = async_pool(database, application_name="kilowatch ingest")
    async with pool, pool.connection() as connection:
        row = await (await connection.execute(SETTINGS)).fetchone()
    assert row == ("UTC", "kilowatch ingest")


def test_a_pool_replaces_connections_that_broke(database: str) -> None:
    with sync_pool(database, max_size=1) as pool:
        with pool.connection() as connection:
            pid = connection.info.backend_pid
        with connect(database) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pool.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_transaction_that_lasts_too_long_is_ended(database: str) -> None:
    with connect(database, transaction_seconds=0.05) as connection:
        if connection.info.server_version < 170000:
            pytest.skip("transaction_timeout came with PostgreSQL 17")
        with pytest.raises(psycopg.Error, match="transaction timeout"):
            connection.execute("SELECT pg_sleep(30)")


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        ("postgresql://kilo:secret@127.0.0.1:{port}/kw", "kilo@127.0.0.1:{port}/kw.*refused"),
        ("postgresql://kilo:secret@no-such-host.invalid/kw", "kilo@no-such-host.invalid:5432/kw"),
        ("mysql://kilo:secret@127.0.0.1/kw", "is no address"),
        ("nonsense", "is no address"),
    ],
)
def test_a_wrong_address_is_one_clear_line_without_the_password(
    dsn: str, reason: str, free_port: int
) -> None:
    with pytest.raises(DatabaseError, match=reason.format(port=free_port)) as caught:
        connect(dsn.format(port=free_port))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "KILOWATCH_DATABASE_URL" in str(caught.value)


async def test_a_wrong_address_is_the_same_for_asyncio(free_port: int) -> None:
    with pytest.raises(DatabaseError, match="refused"):
        await async_connect(f"postgresql://kilo:secret@127.0.0.1:{free_port}/kw")


def test_an_unknown_role_is_one_clear_line(plain_database: str) -> None:
    with pytest.raises(DatabaseError, match='role "mallory" does not exist'):
        connect(plain_database.replace("kilowatch@", "mallory@", 1))


def test_a_pool_without_a_server_gives_up_soon(free_port: int) -> None:
    started = time.monotonic()
    pool = sync_pool(f"postgresql://kilo@127.0.0.1:{free_port}/kw")
    with pytest.raises(PoolTimeout), pool, pool.connection(timeout=0.2):
        pass
    assert time.monotonic() - started < 5


def test_the_operators_database_wins() -> None:
    given = Settings(database_url="postgresql://db.example/kw", data_dir=Path("/nowhere"))
    assert database_url(given) == "postgresql://db.example/kw"


def test_without_one_the_embedded_server_is_started(data_dir: Path) -> None:
    with connect(database_url(Settings(data_dir=data_dir))) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_address_is_shown_without_its_password() -> None:
    assert address("postgresql://kilo:secret@db:6432/kw") == "kilo@db:6432/kw"
    assert address("host=/run dbname=kw user=kilo password=secret") == "kilo@/run:5432/kw"
