"""The database's own limit: the same rows by COPY from one client, without OCPP or sessions."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from ingest.book import METER_COLUMNS
from sql.database import Connection, connect
from tests.bench.report import Table
from tests.bench.rig import Database

EVSES, BATCHES = 200, 150
EXTRA = Jsonb({"Current.Import L1": 1236.5, "Current.Import L2": 1237.5, "Temperature": 1241.5})
COPY = f"COPY meter_value ({', '.join(METER_COLUMNS)}) FROM STDIN (FORMAT BINARY)"


def tables(base: Database) -> list[Table]:
    with connect(base.dsn) as connection:
        cpu, begun = base.cpu_seconds(), time.process_time()
        started = time.monotonic()
        for number in range(BATCHES):
            copy(connection, batch(number))
        seconds = time.monotonic() - started
        client_us = 1e6 * (time.process_time() - begun) / (EVSES * BATCHES)
        database_us = 1e6 * (base.cpu_seconds() - cpu) / (EVSES * BATCHES)
    row = [f"{EVSES} rows a commit", f"{client_us:.1f}", f"{database_us:.1f}",
           f"{client_us + database_us:.1f}", f"{EVSES * BATCHES / seconds:.0f}"]  # fmt: skip
    columns = ["COPY with rollups", "client us", "database us", "together us", "rows/s"]
    return [Table("The database's own limit", columns, [row])]


def copy(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(COPY.encode()) as stream:
        stream.set_types(list(METER_COLUMNS.values()))
        for row in rows:
            stream.write_row(row)


def batch(number: int) -> list[tuple[Any, ...]]:
    """One reading of each evse; keys that no station of the other loads has."""
    at = datetime.now(UTC) + timedelta(microseconds=number)
    return [
        (10**6 + evse, f"L{evse}", 1, at, at, None, "Sample.Periodic", "import", 0, number,
         1000 + number, 1, 7400.0, 32.0, 230.0, 50.0, None, EXTRA)
        for evse in range(EVSES)
    ]  # fmt: skip
