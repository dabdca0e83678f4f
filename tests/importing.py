"""Helpers for tests of imports: the commands, and a small network to import into."""

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result
from facts import TIME_ZONE

from ingest.cli import station
from ingest.importing.cli import session
from sql.database import Connection

Run = Callable[..., Result]


def runner(database: str) -> Run:
    """`run("session", "import", file, ..)` on that database."""

    def run(group: str, *arguments: object) -> Result:
        environment = {"KILOWATCH_DATABASE_URL": database, "KILOWATCH_TIME_ZONE": TIME_ZONE}
        command = {"session": session, "station": station}[group]
        return CliRunner(env=environment).invoke(command, [str(a) for a in arguments])

    return run


def add_network(connection: Connection) -> None:
    """KW-1 with evses of 22 kW, KW-2 with one of 50 kW and the code K7-4M2Q."""
    connection.execute("INSERT INTO site (operator_id, name) VALUES (1, 'Centralen')")
    connection.execute(
        "INSERT INTO station (station_id, site_id) SELECT id, site_id"
        " FROM site, unnest(ARRAY['KW-1', 'KW-2']) id"
    )
    connection.execute("""
        INSERT INTO evse (station_id, evse_id, max_power_w, public_code)
        VALUES ('KW-1', 1, 22000, NULL), ('KW-1', 2, 22000, NULL), ('KW-2', 1, 50000, 'K7-4M2Q')""")


HEADER = "Session ID;Laddstation;Uttag;Starttid;Sluttid;kWh;RFID;Belopp\n"


def write(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path
