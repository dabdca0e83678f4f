"""Where the database is, and how to connect: one place for addresses, time-outs and time zone."""

from typing import Any

import psycopg
from psycopg import conninfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from sql import DatabaseError
from sql.embedded import start_embedded
from sql.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]
AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]

CONNECT_SECONDS = 5
# notice a host that vanished without a word within about 25 s, also in the middle of a statement
KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms
}


def database_url(settings: Settings) -> str:
    """The DSN to use: the operator's, or that of the embedded server, started if need be.

    Raises DatabaseError.
    """
    return settings.database_url or start_embedded(settings.data_dir)


def connect(
    dsn: str, *, application_name: str = "kilowatch", transaction_seconds: float | None = None
) -> Connection:
    """One autocommitting connection in UTC.

    A transaction that lasts longer than `transaction_seconds` is ended by the server.
    Raises DatabaseError with one line that says which server and why.
    """
    try:
        connection = psycopg.connect(dsn, **_arguments(dsn, application_name))
        _prepare(connection, transaction_seconds)
    except psycopg.Error as error:
        raise DatabaseError(explain(dsn, error)) from error
    return connection


async def async_connect(
    dsn: str, *, application_name: str = "kilowatch", transaction_seconds: float | None = None
) -> AsyncConnection:
    """As `connect`, for asyncio."""
    try:
        connection = await psycopg.AsyncConnection.connect(dsn, **_arguments(dsn, application_name))
        try:
            await _async_prepare(connection, transaction_seconds)
        except BaseException:  # cancelled, too
            await connection.close()
            raise
    except psycopg.Error as error:
        raise DatabaseError(explain(dsn, error)) from error
    return connection


def sync_pool(
    dsn: str,
    *,
    application_name: str = "kilowatch",
    max_size: int = 8,
    transaction_seconds: float | None = None,
) -> ConnectionPool[Connection]:
    """A closed pool of autocommitting connections in UTC; open it (`with`) after any fork.

    A connection is tried before it is lent, so that a restart of the database costs readers no
    failed request. `transaction_seconds` as in `connect`.
    """
    return ConnectionPool(
        dsn,
        kwargs=_arguments(dsn, application_name),
        configure=lambda connection: _prepare(connection, transaction_seconds),
        check=ConnectionPool.check_connection,
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        reconnect_timeout=CONNECT_SECONDS,
        name=application_name,
        open=False,
    )


def async_pool(
    dsn: str,
    *,
    application_name: str = "kilowatch",
    max_size: int = 8,
    transaction_seconds: float | None = None,
) -> AsyncConnectionPool[AsyncConnection]:
    """As `sync_pool` for asyncio; open it (`async with`) inside the loop.

    Connections are lent untried: the writer redoes a failed commit anyway, and its round trips
    are what a station waits for.
    """

    async def configure(connection: AsyncConnection) -> None:
        await _async_prepare(connection, transaction_seconds)

    return AsyncConnectionPool(
        dsn,
        kwargs=_arguments(dsn, application_name),
        configure=configure,
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        reconnect_timeout=CONNECT_SECONDS,
        name=application_name,
        open=False,
    )


def explain(dsn: str, error: Exception) -> str:
    """One line about a failed connection: the server without its password, and the reason."""
    if (where := address(dsn)) is None:  # libpq would quote the DSN, password and all
        return (
            "KILOWATCH_DATABASE_URL is no address of a PostgreSQL database: "
            "expected postgresql://user:password@host:port/name"
        )
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"cannot use the database {where}: {reason} (KILOWATCH_DATABASE_URL)"


def address(dsn: str) -> str | None:
    """The DSN as shown to people: user, host, port and database, never the password.

    None when it cannot be read.
    """
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return None
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    return f"{parts.get('user', '')}@{host}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def _arguments(dsn: str, application_name: str) -> dict[str, Any]:
    """What we ask of every connection, unless the operator's DSN says otherwise."""
    wanted: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, **KEEPALIVE}
    given = conninfo.conninfo_to_dict(dsn)
    ours = {name: value for name, value in wanted.items() if name not in given}
    return {"autocommit": True, "application_name": application_name, **ours}


def _prepare(connection: Connection, transaction_seconds: float | None) -> None:
    connection.execute(_session(connection.info.server_version, transaction_seconds))


async def _async_prepare(connection: AsyncConnection, transaction_seconds: float | None) -> None:
    await connection.execute(_session(connection.info.server_version, transaction_seconds))


def _session(server_version: int, transaction_seconds: float | None) -> str:
    """Set by statement, not by start-up option: poolers such as PgBouncer refuse options."""
    statement = "SET TIME ZONE 'UTC'"
    if transaction_seconds is not None and server_version >= 170000:
        statement += f"; SET transaction_timeout = {round(transaction_seconds * 1000)}"
    return statement
