"""Migrations are applied once, in order, by one process at a time, and never change."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sql import DatabaseError
from sql.database import connect
from sql.migrate import MIGRATIONS, migrate, pending, scripts

TIME_ZONE = "Europe/Stockholm"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of migrations of one's own."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (zone text DEFAULT {{time_zone}});")
    (tmp_path / "0002_two.plain.sql").write_text("CREATE TABLE two (percent text DEFAULT '%s%');")
    (tmp_path / "0002_two.timescale.sql").write_text("CREATE TABLE two (percent text);")
    return tmp_path


def test_everything_is_applied_once(empty_database: str, folder: Path) -> None:
    first = migrate(empty_database, TIME_ZONE, folder)
    assert first[0] == "0001_one.sql"
    assert len(first) == 2
    assert migrate(empty_database, TIME_ZONE, folder) == []


def test_pending_names_what_is_to_do_and_changes_nothing(empty_database: str, folder: Path) -> None:
    assert pending(empty_database, folder)[0] == "0001_one.sql"
    migrate(empty_database, TIME_ZONE, folder)
    assert pending(empty_database, folder) == []
    (folder / "0003_three.sql").write_text("CREATE TABLE three ();")
    assert pending(empty_database, folder) == ["0003_three.sql"]


def test_the_time_zone_is_written_into_the_schema(empty_database: str, folder: Path) -> None:
    migrate(empty_database, TIME_ZONE, folder)
    with connect(empty_database) as connection:
        row = connection.execute("INSERT INTO one DEFAULT VALUES RETURNING zone").fetchone()
    assert row == (TIME_ZONE,)


def test_another_time_zone_is_refused_and_both_are_named(empty_database: str, folder: Path) -> None:
    migrate(empty_database, TIME_ZONE, folder)
    with pytest.raises(DatabaseError, match=r"is Europe/Helsinki, but .* in Europe/Stockholm"):
        migrate(empty_database, "Europe/Helsinki", folder)


def test_a_changed_migration_is_refused(empty_database: str, folder: Path) -> None:
    migrate(empty_database, TIME_ZONE, folder)
    (folder / "0001_one.sql").write_text("CREATE TABLE one (other text);")
    with pytest.raises(DatabaseError, match=r"0001_one\.sql was changed after it was applied"):
        migrate(empty_database, TIME_ZONE, folder)


def test_a_database_newer_than_the_program_is_refused(empty_database: str, folder: Path) -> None:
    migrate(empty_database, TIME_ZONE, folder)
    (folder / "0001_one.sql").unlink()
    with pytest.raises(DatabaseError, match=r"newer than this Kilowatch.*0001_one\.sql"):
        migrate(empty_database, TIME_ZONE, folder)


def test_a_failing_migration_leaves_nothing_and_names_itself(
    empty_database: str, folder: Path
) -> None:
    (folder / "0003_three.sql").write_text("CREATE TABLE three (); SELECT 1 / 0;")
    with pytest.raises(DatabaseError, match=r"0003_three\.sql failed.*division by zero"):
        migrate(empty_database, TIME_ZONE, folder)
    assert pending(empty_database, folder) == ["0003_three.sql"]
    with connect(empty_database) as connection:
        row = connection.execute("SELECT to_regclass('three'), to_regclass('one')").fetchone()
    assert row == (None, "one")


def test_several_processes_may_migrate_at_once(empty_database: str, folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(empty_database, TIME_ZONE, folder), range(4)))
    assert sorted(map(len, done)) == [0, 0, 0, 2]


def test_twins_come_in_pairs() -> None:
    names = {path.name for path in MIGRATIONS.glob("*.sql")}
    assert {n.replace(".plain.", ".timescale.") for n in names if ".plain." in n} == {
        n for n in names if ".timescale." in n
    }
    assert [s.name[:4] for s in scripts("plain")] == [s.name[:4] for s in scripts("timescale")]


def test_numbers_are_unique() -> None:
    numbers = [script.name[:4] for script in scripts("plain")]
    assert len(numbers) == len(set(numbers))
