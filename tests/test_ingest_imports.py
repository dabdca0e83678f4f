"""Files uploaded in the browser: read by the job as the commands read them; nothing twice."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from facts import TIME_ZONE
from importing import HEADER, add_network
from psycopg.types.json import Jsonb

from ingest.imports import MOST_TRIES, take_imports
from sql.database import Connection, connect

STATIONS = """station_id,evse_id,public_code,standard,max_power_kw,site
KW-1,1,K7-4M2Q,Type 2,22,Centralen
KW-1,2,K7-4M2R,CCS,50,Centralen
KW-2,x,,CCS,50,Centralen
"""
SESSIONS = HEADER + (
    "1;KW-1;1;2024-03-30 22:50;2024-03-31 04:10;33,333;TAG1;120,00\n"
    "2;KW-9;1;2024-03-30 22:50;2024-03-31 04:10;33,333;TAG1;120,00\n"
)
TOKENS = """Tagg-ID;status;giltig till;grupp;flera
04AB;;2027-01-31;;
04AC;Blocked;;FLEET;ja
04ab;Accepted;;;
04AD;Perhaps;;;
"""


def ask(
    connection: Connection, kind: str, text: str | bytes, *, trial: bool = False, **settings: str
) -> int:
    content = text if isinstance(text, bytes) else text.encode()
    row = connection.execute(
        "INSERT INTO import_request (kind, file_name, sha256, bytes, content, settings, is_trial,"
        " requested_by) VALUES (%s, '../odd name.csv', %s, %s, %s, %s, %s, 'ada@example.org')"
        " RETURNING request_id",
        [kind, hashlib.sha256(content).hexdigest(), len(content), content,
         Jsonb({"time_zone": TIME_ZONE, **settings}), trial],
    ).fetchone()  # fmt: skip
    assert row
    return int(row[0])


def taken(connection: Connection, kind: str, text: str | bytes, **options: Any) -> dict[str, Any]:
    """What became of a file: the row of its request."""
    number = ask(connection, kind, text, **options)
    take_imports(connection)
    cursor = connection.execute("SELECT * FROM import_request WHERE request_id = %s", [number])
    row = cursor.fetchone()
    assert row
    assert cursor.description
    return dict(zip((column.name for column in cursor.description), row, strict=True))


def count(connection: Connection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}".encode()).fetchone()  # noqa: S608
    assert row
    return int(row[0])


def test_stations_are_imported_and_what_is_refused_is_listed(connection: Connection) -> None:
    row = taken(connection, "stations", STATIONS)
    assert (row["status"], row["content"], row["error"]) == ("done", None, None)
    assert row["counts"] == {"added": 1, "changed": 0, "unchanged": 0, "rejected": 1, "gone": 0,
                             "without_password": 1}  # fmt: skip
    refused = connection.execute(
        "SELECT line, field, problem FROM import_row WHERE run_id = %s AND status = 'rejected'",
        [row["run_id"]],
    ).fetchall()
    assert refused == [(4, "evse_id", "expected a whole number from 1 to 100, found x")]
    actors = connection.execute("SELECT actor FROM audit_log WHERE action = 'station.import'")
    assert actors.fetchall() == [("ada@example.org",)]
    again = taken(connection, "stations", STATIONS)
    assert (again["counts"]["added"], again["counts"]["unchanged"]) == (0, 1)


def test_a_trial_says_what_would_happen_and_changes_nothing(connection: Connection) -> None:
    row = taken(connection, "stations", STATIONS, trial=True)
    assert row["counts"]["added"] == 1
    assert row["problems"] == [[4, "evse_id", "expected a whole number from 1 to 100, found x"]]
    assert row["run_id"] is None
    assert count(connection, "station") == count(connection, "import_run") == 0


def test_the_json_of_other_networks_is_understood(connection: Connection) -> None:
    location = {
        "id": "L1", "name": "Ocpi", "address": "A 1", "city": "Mora", "country": "SWE",
        "coordinates": {"latitude": "61.0", "longitude": "14.5"}, "time_zone": "Europe/Stockholm",
        "evses": [{"uid": "SE*ABC*E1*1", "status": "AVAILABLE", "connectors": [
            {"id": "1", "standard": "IEC_62196_T2", "max_electric_power": 22000}]}],
    }  # fmt: skip
    row = taken(connection, "stations", json.dumps([location]))
    assert row["counts"]["added"] == 1, row
    assert count(connection, "site") == 1


def test_sessions_are_imported_once(connection: Connection) -> None:
    add_network(connection)
    row = taken(connection, "sessions", SESSIONS, source="old")
    assert row["status"] == "done", row["error"]
    assert (row["counts"]["imported"], row["counts"]["rejected"]) == (1, 1)
    assert row["counts"]["energy_wh"] == 33_333
    assert row["rows_done"] == row["rows_total"] == 3
    again = taken(connection, "sessions", SESSIONS, source="old")
    assert again["counts"] == {"known": 1, "rejected": 1, "imported": 0, "energy_wh": 0}
    assert count(connection, "session") == 1


def test_id_tokens_are_imported_and_said_again_nothing(connection: Connection) -> None:
    row = taken(connection, "id_tokens", TOKENS)
    assert row["counts"] == {"imported": 2, "unchanged": 0, "rejected": 2}, row["error"]
    rows = connection.execute(
        "SELECT id_token, status, expires_at AT TIME ZONE 'Europe/Stockholm', parent_id_token,"
        " is_concurrent FROM id_token ORDER BY 1"
    ).fetchall()
    assert [(row[0], row[1], str(row[2]), *row[3:]) for row in rows] == [
        ("04AB", "Accepted", "2027-02-01 00:00:00", None, False),
        ("04AC", "Blocked", "None", "FLEET", True),
    ]
    refused = connection.execute(
        "SELECT line, field FROM import_row WHERE status = 'rejected' ORDER BY line"
    ).fetchall()
    assert refused == [(4, "id_token"), (5, "status")]
    assert taken(connection, "id_tokens", TOKENS)["counts"]["unchanged"] == 2


def test_the_command_imports_id_tokens_too(
    database: str, connection: Connection, tmp_path: Path
) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from ingest.cli import token  # noqa: PLC0415

    (tmp_path / "tags.csv").write_text(TOKENS)
    environment = {"KILOWATCH_DATABASE_URL": database, "KILOWATCH_TIME_ZONE": TIME_ZONE}
    found = CliRunner(env=environment).invoke(token, ["import", str(tmp_path / "tags.csv")])
    assert found.exit_code == 1, found.output
    assert "2 imported, 0 unchanged, 2 rejected" in found.output
    assert "line 5: status: expected one of Accepted, Blocked, Expired, Invalid" in found.output
    assert count(connection, "id_token") == 2


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("stations", b"\x00\x01\x02", ""),
        ("stations", b"{", ""),
        ("stations", b"a,b\n1,2\n", "no column station_id"),
        ("sessions", b"a,b\n1,2\n", "no column for station"),
        ("id_tokens", b"a,b\n1,2\n", "no column id_token"),
        ("id_tokens", b"\n\n", "odd name.csv is empty"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused_in_words(
    connection: Connection, kind: str, content: bytes, words: str
) -> None:
    row = taken(connection, kind, content)
    assert row["status"] == "failed"
    assert words in row["error"]
    assert "kilowatch-import" not in row["error"]
    assert row["content"] is None


def test_what_a_process_left_behind_is_taken_again_but_not_for_ever(connection: Connection) -> None:
    number = ask(connection, "stations", STATIONS)
    connection.execute("UPDATE import_request SET status = 'running', tries = 1, rows_done = 2")
    take_imports(connection)
    assert count(connection, "station") == 1
    number = ask(connection, "stations", STATIONS)
    connection.execute(
        "UPDATE import_request SET status = 'running', tries = %s WHERE request_id = %s",
        [MOST_TRIES, number],
    )
    take_imports(connection)
    row = connection.execute("SELECT status, error FROM import_request ORDER BY 1 DESC").fetchone()
    assert row == ("failed", "the import has broken off several times")


def test_while_the_command_line_imports_sessions_the_others_wait(
    database: str, connection: Connection
) -> None:
    add_network(connection)
    number = ask(connection, "sessions", SESSIONS)
    with connect(database) as other:
        other.execute("SELECT pg_advisory_lock(7112036)")
        take_imports(connection)
        row = connection.execute("SELECT status, tries FROM import_request").fetchone()
        assert row == ("waiting", 0)
    take_imports(connection)
    row = connection.execute(
        "SELECT status FROM import_request WHERE request_id = %s", [number]
    ).fetchone()
    assert row == ("done",)


def test_progress_is_told_as_it_goes(database: str, connection: Connection) -> None:
    with connect(database) as other:
        other.execute("LISTEN import_request")
        taken(connection, "stations", STATIONS)
        told = list(other.notifies(timeout=0))
    assert len(told) >= 4  # asked, claimed, so many rows, done


def test_the_same_file_waits_once(connection: Connection) -> None:
    ask(connection, "stations", STATIONS)
    with pytest.raises(Exception, match="import_request_once"):
        ask(connection, "stations", STATIONS)
    ask(connection, "stations", STATIONS, trial=True)
