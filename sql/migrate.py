"""Bring a database up to date with sql/migrations.

`0001_network.sql` runs everywhere. `0010_meter_value.plain.sql` and
`0010_meter_value.timescale.sql` are twins: the engine of the installation picks one, and both
leave the same relations, columns and procedures behind. The engine is chosen at the first
migration and kept, so nothing else ever asks which one it is.

`{{time_zone}}` in a file becomes the quoted name of the operator's time zone: days and months
of the rollups begin there, and continuous aggregates accept nothing but a literal.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.sql import Literal

from sql import DatabaseError
from sql.database import Connection, connect

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x4B57  # any constant: one migrator at a time
OLDEST_SERVER = 160000

LEDGER = """
CREATE TABLE IF NOT EXISTS migration (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS installation (
    engine    text NOT NULL CHECK (engine IN ('plain', 'timescale')),
    time_zone text NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS installation_one_row ON installation ((true));
"""

# The Apache build has no continuous aggregates: it counts as plain.
ENGINE = """
SELECT CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
    AND current_setting('timescaledb.license', true) = 'timescale'
    THEN 'timescale' ELSE 'plain' END
"""

# Creating the extension where its loader is not preloaded would end the connection; the loader
# shows itself by its settings, which anyone may read.
MAY_CREATE_EXTENSION = """
SELECT EXISTS (SELECT FROM pg_available_extensions
        WHERE name = 'timescaledb' AND installed_version IS NULL)
    AND current_setting('timescaledb.disable_load', true) IS NOT NULL
"""


FOREIGN = """
SELECT to_regclass('migration') IS NULL AND EXISTS (SELECT FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))
"""


class Script(NamedTuple):
    """One file of sql/migrations."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(dsn: str, time_zone: str, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is pending, one transaction per file; return the names applied.

    Several processes may call this at once: one works, the others wait and find nothing to do.
    Raises DatabaseError: the server, a changed or unknown migration, another time zone.
    """
    with connect(dsn, application_name="kilowatch migrate") as connection:
        _check_server(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # freed with the connection
        connection.execute(LEDGER)
        engine = _install(connection, time_zone)
        todo = _unapplied(connection, scripts(engine, folder))
        for script in todo:
            _apply(connection, script, time_zone)
    return [script.name for script in todo]


def pending(dsn: str, folder: Path = MIGRATIONS) -> list[str]:
    """The names `migrate` would apply; changes nothing. Raises DatabaseError."""
    with connect(dsn, application_name="kilowatch migrate") as connection:
        _check_server(connection)
        known = _one(connection, "SELECT to_regclass('installation') IS NOT NULL")
        engine = _kept(connection, "engine") if known else None
        found = scripts(engine or str(_one(connection, ENGINE)), folder)
        todo = _unapplied(connection, found) if known else found
    return [script.name for script in todo]


def engine_of(dsn: str) -> str:
    """The engine of a migrated database: `plain` or `timescale`. Raises DatabaseError."""
    with connect(dsn, application_name="kilowatch migrate") as connection:
        return str(_kept(connection, "engine"))


def is_foreign(connection: Connection) -> bool:
    """Whether a database has tables of somebody else's and none of ours."""
    return bool(_one(connection, FOREIGN))


def scripts(engine: str, folder: Path = MIGRATIONS) -> list[Script]:
    """The files this engine runs, in order."""
    wanted = (path for path in folder.glob("*.sql") if _suffix(path) in ("", engine))
    return [Script(path.name, path.read_text(encoding="utf-8")) for path in sorted(wanted)]


def _suffix(path: Path) -> str:
    return path.stem.partition(".")[2]


def _check_server(connection: Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise DatabaseError(f"PostgreSQL 16 or newer is needed, this is {version // 10000}")


def _install(connection: Connection, time_zone: str) -> str:
    """Choose engine and time zone at the first migration; afterwards hold the setting to them."""
    kept = _kept(connection, "time_zone")
    if kept is None:
        _create_extension(connection)
        engine = _one(connection, ENGINE)
        connection.execute("INSERT INTO installation VALUES (%s, %s)", [engine, time_zone])
    elif kept != time_zone:
        raise DatabaseError(
            f"KILOWATCH_TIME_ZONE is {time_zone}, but this database has counted days in {kept} "
            "from its first day: set it back, or start a new database"
        )
    return str(_kept(connection, "engine"))


def _create_extension(connection: Connection) -> None:
    """Create TimescaleDB where the server offers it and we may; otherwise plain it is."""
    if _one(connection, MAY_CREATE_EXTENSION):
        try:
            connection.execute("CREATE EXTENSION timescaledb")
        except psycopg.errors.InsufficientPrivilege:
            return


def _unapplied(connection: Connection, found: list[Script]) -> list[Script]:
    """What is still to do. Raises DatabaseError when the past is not what the files say."""
    rows = connection.execute("SELECT name, checksum FROM migration ORDER BY name").fetchall()
    applied = {str(name): str(checksum) for name, checksum in rows}
    for name in applied.keys() - {script.name for script in found}:
        raise DatabaseError(f"the database is newer than this Kilowatch: it has migration {name}")
    for script in found:
        if applied.get(script.name, script.checksum) != script.checksum:
            raise DatabaseError(
                f"migration {script.name} was changed after it was applied: "
                "restore the file and write a new migration instead"
            )
    return [script for script in found if script.name not in applied]


def _apply(connection: Connection, script: Script, time_zone: str) -> None:
    text = script.text.replace("{{time_zone}}", Literal(time_zone).as_string(connection))
    try:
        with connection.transaction():
            connection.execute(text.encode())  # no parameters: % stays literal
            connection.execute(
                "INSERT INTO migration (name, checksum) VALUES (%s, %s)",
                [script.name, script.checksum],
            )
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise DatabaseError(
            f"migration {script.name} failed, nothing of it kept: {reason}"
        ) from error


def _kept(connection: Connection, column: str) -> str | None:
    row = connection.execute("SELECT engine, time_zone FROM installation").fetchone()
    return None if row is None else str(row[("engine", "time_zone").index(column)])


def _one(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]
