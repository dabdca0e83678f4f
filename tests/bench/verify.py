"""Nothing that was acknowledged may be missing, and every sum must be right: asked of the database
after a load."""

from pathlib import Path

from sql.database import Connection, connect

STORED = {  # where the unique marker of a kind of message is found again
    "mv8": "SELECT energy_wh FROM meter_value WHERE context = 'Sample.Periodic'",
    "te8": "SELECT energy_wh FROM meter_value WHERE context = 'Sample.Periodic'",
    "status": "SELECT info::bigint FROM status_history WHERE info ~ '^[0-9]+$'",
    "start": "SELECT meter_start_wh FROM session",
    "stop": "SELECT meter_stop_wh FROM session",
}
WRONG_SESSIONS = """
SELECT count(*) FROM session s
LEFT JOIN (SELECT session_id, sum(energy_delta_wh) AS energy_wh FROM meter_value GROUP BY 1) m
    USING (session_id)
WHERE s.energy_wh IS DISTINCT FROM coalesce(m.energy_wh, 0)
    OR s.flags = '{}' AND s.energy_wh <> coalesce(s.register_wh - s.meter_start_wh, 0)"""
ROLLUPS = """
SELECT (SELECT coalesce(sum(energy_delta_wh), 0) FROM meter_value)
     - (SELECT coalesce(sum(energy_wh), 0) FROM energy_day)"""


def problems(dsn: str, acknowledged: Path) -> list[str]:
    """What is wrong, a line each; empty when all is well."""
    with connect(dsn) as connection:
        found = {
            "acknowledged messages missing": _missing(connection, acknowledged),
            "sessions whose sum is not their registers' difference": _one(
                connection, WRONG_SESSIONS
            ),
            "Wh that the rollups are off": _one(connection, ROLLUPS),
        }
    return [f"{count} {what}" for what, count in found.items() if count]


def _missing(connection: Connection, acknowledged: Path) -> int:
    lines = [line.split() for line in acknowledged.read_text().splitlines()]
    count = 0
    for kind in sorted({kind for kind, _ in lines} & STORED.keys()):
        markers = [int(marker) for name, marker in lines if name == kind]
        query = f"SELECT count(*) FROM unnest(%s::bigint[]) n WHERE n NOT IN ({STORED[kind]})"  # noqa: S608
        row = connection.execute(query.encode(), [markers]).fetchone()
        count += row[0] if row else 0
    return count


def _one(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
