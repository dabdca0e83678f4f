"""A plain database is carried over whole, however often it is interrupted; the proof can fail."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import _database, template
from facts import ANCHORS, TIME_ZONE, insert, random_facts
from programs import Program

from billing.ledger import accounts_of
from sql import DatabaseError
from sql.database import Connection, connect
from sql.migrate import migrate
from sql.move import SEEDED, Move, copy, finish, prepared, refresh
from sql.move_cli import timescale_move
from sql.move_plan import tables
from sql.move_proof import prove
from tests.bench import closing, ledger_fill, street
from tests.bench.pricing import USUAL

MOVING = str(Path(__file__).with_name("moving.py"))
Databases = Callable[[], AbstractContextManager[str]]


def fill(dsn: str) -> None:
    """Readings late and early, sessions, prices, receipts, books; a move in their history."""
    with connect(dsn) as connection:
        tariff_hash = street.build(connection, USUAL, 2)
        model = street.add_sessions(connection, 20, datetime.now(UTC) - timedelta(days=60))
        closing.close(connection, model, tariff_hash, accounts_of(connection))
        insert(connection, random_facts(1, 700, [*ANCHORS, datetime.now(UTC)]))
        connection.execute("CALL refresh_rollups('2024-01-01', now())")
        insert(connection, random_facts(2, 800, [*ANCHORS, datetime(2041, 5, 5, tzinfo=UTC)]))
        connection.execute(
            "INSERT INTO message_log (station_id, received_at, direction, message_id, frame)"
            " SELECT 'B1-1', now() - n * interval '1 hour', 'in', n::text, '[2]'"
            " FROM generate_series(1, 400) n"
        )
        connection.execute("INSERT INTO id_token (id_token) VALUES ('ÅSA'), ('\\x')")
        connection.execute(
            "INSERT INTO audit_log (actor, action, detail) VALUES ('alice', 'x', '{\"a\": [1.50]}')"
        )
    ledger_fill.fill(dsn, 3000, model[0].session_id, lambda _: None)


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    """Filled once; tests only read it."""
    with contextmanager(_database)("plain", template("plain")) as dsn:
        fill(dsn)
        yield dsn


@pytest.fixture
def target(database: str) -> str:
    """On every engine there is."""
    return database


def different(move: Move) -> list[str]:
    return [line.what for line in prove(move) if not line.agrees]


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608
    assert row
    return int(row[0])


def test_everything_is_carried_over_and_proven(source: str, target: str) -> None:
    with prepared(source, target) as move:
        told: list[int] = []
        copy(move, told.append, pages=3)
        refresh(move)
        assert sum(told) == move.size
        assert different(move) == []
        for table in ("meter_value", "session", "entry", "receipt", "message_log", "energy_day"):
            assert count(move.target, table) == count(move.source, table) > 0
        finish(move.target)


def test_the_target_goes_on_as_the_source_would(plain_database: str, target: str) -> None:
    """Numbers, rollups of new readings, triggers: nothing is left switched off."""
    source = plain_database
    fill(source)
    with prepared(source, target) as move:
        copy(move, lambda _: None)
        refresh(move)
        finish(move.target)
    answers = []
    for dsn in (source, target):
        with connect(dsn) as connection:
            insert(connection, random_facts(3, 900, [*ANCHORS, datetime(2026, 11, 1, tzinfo=UTC)]))
            connection.execute("CALL refresh_rollups('2024-01-01', now())")
            off = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'D'"
            months = "SELECT bucket, sum(energy_wh) FROM energy_month GROUP BY 1 ORDER BY 1"
            days = "SELECT bucket, energy_wh FROM energy_fleet_day ORDER BY 1"
            serial = "SELECT nextval('session_id_seq'), nextval('incident_incident_id_seq')"
            found = [connection.execute(q).fetchall() for q in (off, months, days, serial)]
            assert found[0] == []
            answers.append(found)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("seed", range(2))
def test_a_move_that_is_killed_again_and_again_goes_on(
    source: str, target: str, seed: int, run_program: Callable[..., Program]
) -> None:
    dice = random.Random(seed)
    command = [sys.executable, MOVING, source, target, "3"]
    for _ in range(3):
        program = run_program(command)
        program.wait_for("size")
        for _ in range(dice.randint(0, 60)):
            program.wait_for("copied")
        program.process.kill()
        program.process.wait()
        _gone(target)
    program = run_program(command)
    program.wait_for("all copied", 60)
    assert program.process.wait(30) == 0
    with prepared(source, target) as move:
        assert different(move) == []


def _gone(target: str) -> None:
    """Wait until the server has noticed that the killed one is gone."""
    with connect(target) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('kilowatch move'))")


def test_only_what_is_missing_is_copied_again(source: str, target: str) -> None:
    with prepared(source, target) as move:
        copy(move, lambda _: None, pages=2)
        move.target.execute("DELETE FROM move.done WHERE leaf LIKE '%message_log%'")
        move.target.execute("TRUNCATE message_log")
    with prepared(source, target) as move:
        copy(move, lambda _: None, pages=2)
        refresh(move)
        assert different(move) == []


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("DELETE FROM meter_value WHERE reading_hash = (SELECT min(reading_hash) FROM meter_value)",
         "readings"),
        ("UPDATE session SET energy_wh = energy_wh + 1 WHERE session_id = (SELECT max(session_id)"
         " FROM session)", "Wh of all sessions"),
        ("UPDATE station SET note = 'x' WHERE station_id = 'B1-1'", "rows of station"),
        ("UPDATE meter_value SET flags = '{late}' WHERE measured_at > '2040-01-01'",
         "rows of meter_value"),
    ],
)  # fmt: skip
def test_the_proof_fails_when_a_row_is_missing_or_different(
    source: str, target: str, damage: str, what: str
) -> None:
    with prepared(source, target) as move:
        copy(move, lambda _: None)
        refresh(move)
        assert move.target.execute(damage.encode()).rowcount > 0
        assert what in different(move)


def test_a_target_with_rows_is_refused_and_named(source: str, target: str) -> None:
    with connect(target) as connection:
        connection.execute("INSERT INTO station (station_id) VALUES ('oak')")
    with (
        pytest.raises(DatabaseError, match="not empty: it has rows in station"),
        _open(source, target),
    ):
        pass
    with connect(target) as connection:
        assert count(connection, "operator") == 1


def _open(source: str, target: str) -> AbstractContextManager[Move]:
    return prepared(source, target)


def test_a_target_half_filled_from_elsewhere_is_refused(
    source: str, target: str, plain_database: str
) -> None:
    with prepared(plain_database, target) as move:
        copy(move, lambda _: None)
    with pytest.raises(DatabaseError, match="from another database"), _open(source, target):
        pass


def test_a_database_is_not_moved_into_itself(source: str) -> None:
    with pytest.raises(DatabaseError, match="same database"), _open(source, source):
        pass


def test_a_source_in_use_is_refused_and_the_user_named(source: str, target: str) -> None:
    with (
        connect(source, application_name="kilowatch ingest"),
        pytest.raises(DatabaseError, match="the source is in use by kilowatch ingest"),
        _open(source, target),
    ):
        pass


def test_nobody_writes_to_the_source_meanwhile(source: str, target: str) -> None:
    with prepared(source, target), connect(source, application_name="psql") as other:
        other.execute("SET lock_timeout = '50ms'")
        assert count(other, "station") > 0
        with pytest.raises(Exception, match="lock timeout"):
            other.execute("UPDATE station SET note = 'x'")


def test_two_moves_into_one_target_exclude_each_other(source: str, target: str) -> None:
    with (
        prepared(source, target),
        pytest.raises(DatabaseError, match="another move"),
        _open(source, target),
    ):
        pass


def test_a_new_database_has_rows_only_where_the_move_replaces_them(plain_database: str) -> None:
    with connect(plain_database) as plain:
        full = [t.name for t in tables(plain, plain) if count(plain, t.name)]
    assert set(full) <= set(SEEDED)


@pytest.fixture
def run_move(source: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[int, str]]:
    """The command, for the source; its exit code and what it said."""
    monkeypatch.setenv("KILOWATCH_DATABASE_URL", source)
    monkeypatch.setenv("KILOWATCH_TIME_ZONE", TIME_ZONE)

    def run(to: str) -> tuple[int, str]:
        done = CliRunner().invoke(timescale_move, ["--to", to])
        return done.exit_code, done.output

    return run


def test_the_command_moves_proves_and_can_not_be_repeated(
    target: str, run_move: Callable[[str], tuple[int, str]]
) -> None:
    code, said = run_move(target)
    assert code == 0, said
    assert "DIFFERS" not in said
    for word in ("readings", "sessions", "journals", "receipts", "Wh in 2026-03", "Moved."):
        assert word in said
    code, said = run_move(target)
    assert code == 1
    assert "the target is not empty" in said


def test_the_command_says_that_the_databases_differ(
    target: str, run_move: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(move: Move) -> None:
        refresh(move)
        move.target.execute("DELETE FROM message_log WHERE message_id = '7'")

    monkeypatch.setattr("sql.move_cli.refresh", lose)
    code, said = run_move(target)
    assert code == 1
    assert "rows of message_log" in said
    assert "DIFFERS" in said
    assert "the databases differ" in said


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "cannot use the database nobody@127.0.0.1:1/none"),
        ("what is this", "--to is no address of a PostgreSQL database"),
    ],
)
def test_a_wrong_address_is_one_clear_line(
    run_move: Callable[[str], tuple[int, str]], to: str, why: str
) -> None:
    code, said = run_move(to)
    assert code == 1
    assert why in said
    assert "Traceback" not in said


def test_a_target_that_belongs_to_others_is_refused_untouched(
    new_plain_database: Databases, run_move: Callable[[str], tuple[int, str]]
) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(new_plain_database())
        with connect(other) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            connection.execute("CREATE TABLE theirs ()")
        code, said = run_move(other)
        assert code == 1
        assert "not Kilowatch's" in said
        with connect(other) as connection:
            assert connection.execute("SELECT to_regclass('migration')").fetchone() == (None,)


def test_the_command_migrates_a_new_database_first(
    new_plain_database: Databases, run_move: Callable[[str], tuple[int, str]]
) -> None:
    with new_plain_database() as fresh:
        with connect(fresh) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            connection.execute("DROP SCHEMA rollup CASCADE")
        code, said = run_move(fresh)
        assert code == 0, said
        assert migrate(fresh, TIME_ZONE) == []


def test_the_program_helps() -> None:
    done = subprocess.run(
        [sys.executable, "app.py", "timescale-move", "--help"],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--to URL" in done.stdout
