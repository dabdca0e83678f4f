"""Sessions of earlier systems: imported once, exact to the Wh, dirty rows listed, never billed."""

import csv
import os
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from facts import LEVELS
from importing import HEADER, Run, add_network, runner, write

from billing.ended import take_ended
from ingest.audit import audit
from ingest.audit_sessions import sessions as audit_sessions
from ingest.importing import sessions
from ingest.jobs import JOBS
from sql.database import Connection, connect

NOW = datetime.now(UTC)

CLEAN = (
    "1;KW-1;1;2024-03-30 22:50;2024-03-31 04:10;33,333;TAG1;120,00",  # 4 h 20 min: spring
    "2;KW-1;2;2024-10-27 01:50;2024-10-27 03:10;7,001;TAG2;1",  # 2 h 20 min: autumn
    "3;KW-2;;31.12.2023 23:40;01.01.2024 00:20;25;TAG1;1",
    "4;KW-2;;2024-02-01 10:00;2024-02-01 10:05;0;;0",
)
DIRTY = {
    "5;KW-1;1;2024-03-31 03:00;2024-03-31 05:00;3;;": ("started_at", "no other session"),
    "6;KW-1;1;2024-02-02 10:00;2024-02-02 09:00;3;;": ("ended_at", "at or after the start"),
    "7;KW-1;1;2024-02-02 10:00;2024-02-02 11:00;-3;;": ("energy_kwh", "0 or more"),
    "8;KW-1;1;2024-02-02 10:00;2024-02-02 11:00;1430,17;;": ("energy", "at most 27400 Wh"),
    "9;KW-9;1;2024-02-02 10:00;2024-02-02 11:00;3;;": ("station", "the id of a station"),
    "10;KW-1;7;2024-02-02 10:00;2024-02-02 11:00;3;;": ("evse", "an evse of KW-1: 1, 2"),
    "11;KW-1;;2024-02-02 10:00;2024-02-02 11:00;3;;": ("evse", "an evse of KW-1: 1, 2"),
    "12;KW-1;1;;2024-02-02 11:00;3;;": ("started_at", "a time, found nothing"),
    "13;KW-1;1;2024-02-02 11:00;;3;;": ("ended_at", "how long the session took"),
    "14;KW-1;1;2024-02-02 11:00;2024-02-02 12:00;;;": ("energy_kwh", "the session's energy"),
    "15;KW-1;1;2024-02-02 11:00;2024-02-02 12:00;much;;": ("energy_kwh", "a number of kWh"),
    "16;KW-1;1;1970-01-01 00:00;2024-02-02 12:00;3;;": ("started_at", "after 1999"),
    "17;KW-1;1;2099-02-02 11:00;2099-02-02 12:00;3;;": ("ended_at", "in the past"),
    "18;KW-1;1;2024-02-02 11:00;2024-05-02 12:00;3;;": ("ended_at", "at most 31 days"),
    "1;KW-1;1;2024-03-30 22:50;2024-03-31 04:10;33,333;TAG1;120,00": ("row", "once in a file"),
    "2;KW-1;2;2024-05-27 01:50;2024-05-27 03:10;7,001;TAG2;1": ("row", "told otherwise"),
    "19;KW-1;1;2024-02-02 11:00;2024-02-02 12:00;3;;;;more": ("row", "10 values for 8 columns"),
    '20;KW-1;1;2024-02-02 11:00;2024-02-02 12:00;3;"tag;': ("row", "never closed"),
}


@pytest.fixture
def run(database: str, connection: Connection) -> Run:
    add_network(connection)
    return runner(database)


def one(connection: Connection, query: str, *parameters: Any) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row if len(row) > 1 else row[0]


def totals(connection: Connection) -> dict[str, int]:
    """Energy by every way there is to add it up, and how many sessions there are."""
    connection.execute("CALL refresh_rollups('2023-01-01', now())")
    added = "SELECT coalesce(sum(energy_wh), 0)::bigint FROM "
    sums = {relation: one(connection, added + relation) for relation in (*LEVELS, "session")}
    facts = "SELECT coalesce(sum(energy_delta_wh), 0)::bigint FROM meter_value"
    count = one(connection, "SELECT count(*) FROM session")
    return sums | {"facts": one(connection, facts), "count": count}


def test_clean_rows_become_sessions_and_every_sum_is_theirs(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    result = run("session", "import", write(tmp_path / "old.csv", *CLEAN))
    assert result.exit_code == 0, result.output
    assert "4 imported (65.334 kWh), 0 known already, 0 changed since, 0 rejected" in result.output
    found = totals(connection)
    assert found.pop("count") == 4
    assert set(found.values()) == {65_334}
    row = one(
        connection,
        "SELECT ended_at - started_at, energy_wh, charged_until = ended_at, flags, id_token,"
        " site_id IS NOT NULL, register_wh FROM session WHERE energy_wh = 33333",
    )
    assert row == (timedelta(hours=4, minutes=20), 33_333, True, ["imported"], "TAG1", True, None)


def test_energy_lies_in_the_quarters_it_was_delivered_in(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("session", "import", write(tmp_path / "old.csv", CLEAN[2]))
    days = connection.execute(
        "SELECT bucket AT TIME ZONE 'Europe/Stockholm', energy_wh FROM energy_day ORDER BY 1"
    ).fetchall()
    assert [(str(day), wh) for day, wh in days] == [
        ("2023-12-31 00:00:00", 12_500), ("2024-01-01 00:00:00", 12_500),
    ]  # fmt: skip
    quarters = connection.execute("SELECT energy_wh FROM energy_15min ORDER BY bucket").fetchall()
    assert [wh for (wh,) in quarters] == [3125, 9375, 9375, 3125]


def test_dirty_rows_are_listed_with_line_field_and_what_was_expected(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    file = write(tmp_path / "old.csv", *CLEAN, *DIRTY)
    rejects = tmp_path / "rejects.csv"
    result = run("session", "import", file, "--rejects", rejects)
    assert result.exit_code == 1
    assert f"4 imported (65.334 kWh), 0 known already, 0 changed since, {len(DIRTY)} rejected" in (
        result.output
    )
    with rejects.open(encoding="utf-8-sig", newline="") as opened:
        header, *listed = csv.reader(opened, delimiter=";")
    assert header[-3:] == ["kilowatch_line", "kilowatch_field", "kilowatch_problem"]
    for line, (row, cells, (field, expected)) in enumerate(
        zip(DIRTY, listed, DIRTY.values(), strict=True), 6
    ):
        assert cells[-3:-1] == [str(line), field], row
        assert expected in cells[-1], row
        assert ";".join(cells[:-3]).startswith(row.split(";;")[0].replace('"', "")[:40])
    kept = connection.execute(
        "SELECT line, status, field, cells->>'Session ID' FROM import_row WHERE status = 'rejected'"
        " ORDER BY line"
    ).fetchall()
    assert [row[0] for row in kept] == list(range(6, 6 + len(DIRTY)))
    assert kept[1] == (7, "rejected", "ended_at", "6")


def test_the_same_file_twice_doubles_nothing(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    file = write(tmp_path / "old.csv", *CLEAN, *DIRTY)
    run("session", "import", file)
    before = totals(connection)
    result = run("session", "import", file)
    assert f"0 imported (0.000 kWh), 4 known already, 0 changed since, {len(DIRTY)}" in (
        result.output
    )
    assert totals(connection) == before


def test_a_later_export_adds_its_new_rows_and_reports_changed_ones(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("session", "import", write(tmp_path / "may.csv", *CLEAN[:3]))
    changed = CLEAN[0].replace("33,333", "30")
    result = run("session", "import", write(tmp_path / "june.csv", changed, *CLEAN[1:]))
    assert result.exit_code == 1
    assert "1 imported (0.000 kWh), 2 known already, 1 changed since, 0 rejected" in result.output
    assert "line 2: expected as in line 2 of may.csv" in result.output
    assert "energy_wh 33333 -> 30000" in result.output
    assert totals(connection)["session"] == 65_334


def test_without_numbers_of_their_own_sessions_are_known_by_evse_and_start(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    file = tmp_path / "old.csv"
    rows = [row.split(";", 1)[1] for row in CLEAN]
    file.write_text("\n".join([HEADER.split(";", 1)[1].strip(), *rows]))
    assert run("session", "import", file).exit_code == 0
    file.write_text("\n".join([HEADER.split(";", 1)[1].strip(), *reversed(rows)]))
    assert "0 imported (0.000 kWh), 4 known already" in run("session", "import", file).output


def test_what_kilowatch_has_seen_itself_is_not_imported_beside_it(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    connection.execute(
        "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at)"
        " SELECT station_id, evse_id, evse_key, '7', '2024-03-30 23:00+00' FROM evse"
        " WHERE station_id = 'KW-1' AND evse_id = 1"
    )
    result = run("session", "import", write(tmp_path / "old.csv", *CLEAN))
    assert "3 imported" in result.output
    assert "session" in result.output
    assert "is there from 2024-03-31 00:00 to now" in result.output


def test_touching_sessions_do_not_overlap(run: Run, tmp_path: Path) -> None:
    file = write(
        tmp_path / "old.csv",
        "1;KW-2;1;2024-02-02 10:00;2024-02-02 11:00;3;;",
        "2;KW-2;1;2024-02-02 11:00;2024-02-02 11:00;0;;",
        "3;KW-2;1;2024-02-02 11:01;2024-02-02 12:00;3;;",
        "4;KW-2;1;2024-02-02 09:00;2024-02-02 10:00;3;;",
    )
    result = run("session", "import", file)
    assert result.exit_code == 0, result.output


def test_a_dry_run_says_the_same_and_writes_nothing(
    run: Run, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "BATCH", 3)
    file = write(tmp_path / "old.csv", *CLEAN, *DIRTY)
    dry = run("session", "import", file, "--dry-run")
    assert "4 would be imported (65.334 kWh)" in dry.output
    assert totals(connection)["count"] == 0
    assert one(connection, "SELECT count(*) FROM import_run") == 0
    wet = run("session", "import", file)
    assert wet.output.count("\nline ") == dry.output.count("\nline ") == len(DIRTY)


def test_an_import_that_was_interrupted_goes_on_where_it_was(
    run: Run, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "old.csv", *CLEAN)
    monkeypatch.setattr(sessions, "BATCH", 1)
    add_rows = sessions.queries.add_rows
    calls = []

    async def breaking(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return await add_rows(*arguments, **named)

    monkeypatch.setitem(sessions.queries._methods, "add_rows", breaking)
    assert run("session", "import", file).exit_code == 1
    assert totals(connection)["count"] == 2
    result = run("session", "import", file)
    assert "2 imported (25.000 kWh), 2 known already" in result.output
    found = totals(connection)
    assert found.pop("count") == 4
    assert set(found.values()) == {65_334}
    finished = connection.execute("SELECT finished_at IS NOT NULL FROM import_run ORDER BY run_id")
    assert finished.fetchall() == [(False,), (True,)]


def test_imported_sessions_are_never_billed(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    connection.execute("UPDATE billing_start SET at = '2020-01-01'")
    driver_id = one(
        connection, "INSERT INTO driver (email) VALUES ('a@example.org') RETURNING driver_id"
    )
    connection.execute(
        "INSERT INTO id_token (id_token, driver_id, linked_at)"
        " VALUES ('tag1', %s, '2024-02-01'), ('tag2', %s, '2020-01-01')",
        [driver_id, driver_id],
    )
    run("session", "import", write(tmp_path / "old.csv", *CLEAN))
    assert take_ended(connection, NOW) == 0
    assert one(connection, "SELECT count(*) FROM ended_session") == 0
    assert one(connection, "SELECT count(*) FROM cdr") == 0
    assert one(connection, "SELECT count(*) FROM payment") == 0
    owners = connection.execute(
        "SELECT energy_wh FROM session WHERE driver_id IS NOT NULL ORDER BY energy_wh"
    ).fetchall()
    assert owners == [(7_001,), (33_333,)]  # not the one from before the tag was the driver's


def test_the_audit_agrees_with_what_was_imported(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("session", "import", write(tmp_path / "old.csv", CLEAN[0]))
    for job in JOBS:
        job.work(connection)
    results = audit(connection, NOW, [date(2024, 3, 30), date(2024, 3, 31)])
    assert sum(result.checked for result in results) > 20
    assert {result.name: result.found for result in results if not result.ok} == {}


def test_late_rows_ask_for_the_rollups_of_their_time(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("session", "import", write(tmp_path / "old.csv", *CLEAN))
    first, last = one(connection, "SELECT min(from_at), max(to_at) FROM rollup_refresh_request")
    assert first <= datetime(2023, 12, 31, 22, 45, tzinfo=UTC)
    assert last >= datetime(2024, 10, 27, 2, tzinfo=UTC)


def test_rows_from_before_retention_are_refused(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    connection.execute("INSERT INTO retention VALUES ('meter_value', '2024-01-15')")
    result = run("session", "import", write(tmp_path / "old.csv", *CLEAN))
    assert "3 imported" in result.output
    assert "expected a time from 2024-01-15 01:00 on (retention)" in result.output


def test_rows_that_retention_has_overtaken_are_known_still(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    file = write(tmp_path / "old.csv", *CLEAN)
    run("session", "import", file)
    connection.execute("INSERT INTO retention VALUES ('meter_value', '2024-01-15')")
    assert "4 known already" in run("session", "import", file).output


def test_a_mapping_file_names_columns_stations_and_the_zone(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    mapping = tmp_path / "map.toml"
    mapping.write_text(
        'time_zone = "Europe/London"\nsource = "old"\n[columns]\nstation = "Where"\n'
        'charging_minutes = "Flow"\n[stations]\n"Garage 1" = "KW-1/2"\nbay = "kw-2"\n'
    )
    file = tmp_path / "old.csv"
    file.write_text(
        "Where,Start date,Start time,Duration (minutes),Flow,Energy (Wh)\n"
        'garage 1,2024-07-01,10:00,120,30,"5,000"\nBay,2024-07-01,10:00,60,,12000\n'
        'Garage 1,2024-07-02,10:00,20,30,"5,000"\n'
    )
    result = run("session", "import", file, "--mapping", mapping, "--decimal", ".")
    assert "2 imported (17.000 kWh), 0 known already, 0 changed since, 1 rejected" in result.output
    assert "line 4: charging_minutes: expected at most 0:20:00, the whole session" in result.output
    row = one(
        connection,
        "SELECT started_at, ended_at, charged_until FROM session WHERE station_id = 'KW-1'",
    )
    assert [at.strftime("%H:%M") for at in row] == ["09:00", "11:00", "09:30"]
    assert (
        one(connection, "SELECT max(bucket) FROM energy_15min WHERE station_id = 'KW-1'")
        == (datetime(2024, 7, 1, 9, 30, tzinfo=UTC))
        or one(connection, "SELECT count(*) FROM energy_15min WHERE station_id = 'KW-1'") == 2
    )


def test_meters_at_both_ends_are_an_energy(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    file = tmp_path / "steve.csv"
    file.write_text(
        "transaction_pk,chargeBoxId,connectorId,idTag,startTimestamp,startValue,stopTimestamp,"
        "stopValue,stopReason\n"
        "1,KW-1,1,A,2024-01-02T10:00:00Z,1200345,2024-01-02T12:00:00Z,1210345,Local\n"
        "2,KW-1,1,A,2024-01-03T10:00:00Z,1210345,2024-01-03T12:00:00Z,1200345,Local\n"
    )
    result = run("session", "import", file)
    assert "line 3: meter_stop: expected a meter at or above the start's" in result.output
    assert one(
        connection, "SELECT energy_wh, meter_start_wh, meter_stop_wh, stop_reason FROM session"
    ) == (10_000, 1_200_345, 1_210_345, "Local")


def test_random_sessions_sum_alike_everywhere(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    dice = random.Random(os.environ.get("SEED", "7"))
    at, rows, energy = datetime(2024, 3, 30, 12, tzinfo=UTC), [], 0
    for number in range(300):
        at += timedelta(seconds=dice.randrange(5000))
        end = at + timedelta(seconds=dice.choice([0, 1, 59, dice.randrange(90_000)]))
        wh = dice.randrange(min(int(22 * (end - at).total_seconds() / 3.6), 40_000) + 1000)
        times = f"{at.isoformat()};{end.isoformat()}"
        rows.append(f"{number};KW-1;{1 + number % 2};{times};{wh / 1000:.3f};;")
        at, energy = end, energy + wh
    dice.shuffle(rows)
    result = run("session", "import", write(tmp_path / "old.csv", *rows))
    assert result.exit_code == 0, result.output
    found = totals(connection)
    assert found.pop("count") == 300
    assert set(found.values()) == {energy}
    results = audit_sessions(connection, datetime(2023, 1, 1, tzinfo=UTC), NOW)
    assert [result.found for result in results] == [[]] * len(results)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time-zone", "Mars"], "Mars is no time zone"),
        (["--time-zone", "/etc/passwd"], "is no time zone"),
        (["--map", "nonsense"], "expected field=Column"),
        (["--map", "station=Nope"], "column Nope is not there"),
        (["--decimal", ";"], "Invalid value for '--decimal'"),
        (["--date-order", "ymd"], "Invalid value for '--date-order'"),
        (["--mapping", "none.toml"], "does not exist"),
        (["--rejects", "/nowhere/x.csv"], "can't write /nowhere/x.csv"),
        (["--nonsense"], "No such option"),
    ],
)
def test_wrong_usage_is_one_clear_line(
    run: Run, connection: Connection, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = run("session", "import", write(tmp_path / "old.csv", *CLEAN), *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert one(connection, "SELECT count(*) FROM session") == 0


@pytest.mark.parametrize("content", [b"", b"{}", bytes(range(256)), b"\xff\xfe\x00", b"a,b\n1,2\n"])
def test_files_that_are_no_sessions_are_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "junk"
    file.write_bytes(content)
    result = run("session", "import", file)
    assert result.exit_code == 2, result.output
    assert result.output.startswith("kilowatch: ")
    assert result.output.count("\n") == 1


def test_two_imports_at_once_are_refused(database: str, run: Run, tmp_path: Path) -> None:
    with connect(database) as other:
        assert other.execute("SELECT pg_try_advisory_lock(7112036)").fetchone() == (True,)
        result = run("session", "import", write(tmp_path / "old.csv", *CLEAN))
    assert result.exit_code == 2
    assert "another import is going on" in result.output
