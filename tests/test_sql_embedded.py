"""The embedded server is found again, survives what can be killed, and says what is wrong."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from programs import Program

from sql import DatabaseError
from sql.database import connect
from sql.embedded import start_embedded, stop_embedded
from sql.embedded_host import LONGEST_SOCKET_PATH, SOCKET_NAME

ROOT = Path(__file__).parents[1]
RunProgram = Callable[..., Program]

# Starts the server of a data folder, prints its DSN, and holds on until its input ends.
HOLDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sql.embedded import start_embedded
print("DSN " + start_embedded(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def holder(data_dir: Path) -> list[str]:
    return [sys.executable, "-c", HOLDER, str(data_dir), str(ROOT)]


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres/postmaster.pid").read_text().split()[0]))


def answer(dsn: str, query: str) -> object:
    with connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


@pytest.fixture
def dsn(data_dir: Path) -> str:
    """The DSN of a server with a table that holds one committed number."""
    dsn = start_embedded(data_dir)
    with connect(dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
    return dsn


def test_it_starts_without_set_up_and_keeps_its_data(data_dir: Path, dsn: str) -> None:
    assert stop_embedded(data_dir)
    assert not (data_dir / "postgres/postmaster.pid").exists()
    assert answer(start_embedded(data_dir), "SELECT number FROM kept") == 42


def test_it_is_found_by_a_second_call(data_dir: Path, dsn: str) -> None:
    before = postmaster(data_dir).pid
    assert start_embedded(data_dir) == dsn
    assert postmaster(data_dir).pid == before


def test_it_runs_with_our_settings(dsn: str) -> None:
    assert answer(dsn, "SHOW jit") == "off"
    assert answer(dsn, "SHOW max_connections") == "200"
    assert answer(dsn, "SHOW synchronous_commit") == "on"
    assert answer(dsn, "SHOW fsync") == "on"
    assert answer(dsn, "SHOW TimeZone") == "UTC"


def test_it_listens_on_no_network(dsn: str) -> None:
    assert answer(dsn, "SHOW listen_addresses") == ""


def test_its_folder_is_closed_to_others(data_dir: Path, dsn: str) -> None:
    assert (data_dir / "postgres").stat().st_mode & 0o077 == 0


def test_it_stays_up_while_another_process_uses_it(
    data_dir: Path, dsn: str, run_program: RunProgram
) -> None:
    other = run_program(holder(data_dir))
    assert other.wait_for("DSN") == f"DSN {dsn}"
    assert not stop_embedded(data_dir)
    assert answer(dsn, "SELECT number FROM kept") == 42
    other.end()
    assert stop_embedded(data_dir)


def test_it_survives_kill_9_of_its_parent(data_dir: Path, run_program: RunProgram) -> None:
    parent = run_program(holder(data_dir))
    dsn = parent.wait_for("DSN").removeprefix("DSN ")
    before = postmaster(data_dir).pid
    parent.process.kill()
    parent.process.wait()
    assert answer(dsn, "SELECT 1") == 1
    assert start_embedded(data_dir) == dsn
    assert postmaster(data_dir).pid == before
    assert stop_embedded(data_dir)  # the dead holds nothing


def test_it_starts_again_after_kill_9_of_the_server(data_dir: Path, dsn: str) -> None:
    server = postmaster(data_dir)
    children = server.children()
    server.kill()
    psutil.wait_procs([server, *children], timeout=30)
    assert (data_dir / "postgres/postmaster.pid").exists()
    assert answer(start_embedded(data_dir), "SELECT number FROM kept") == 42


def test_it_starts_at_once_after_kill_9_while_a_client_waits(data_dir: Path, dsn: str) -> None:
    with connect(dsn) as waiting:
        postmaster(data_dir).kill()
        assert answer(start_embedded(data_dir), "SELECT number FROM kept") == 42
        with pytest.raises(psycopg.OperationalError):
            waiting.execute("SELECT 1")


def test_a_stale_number_that_belongs_to_another_process_is_no_obstacle(
    data_dir: Path, dsn: str
) -> None:
    stop_embedded(data_dir)
    stale = data_dir / "postgres/postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{data_dir}/postgres\n1\n5432\n/nowhere\n\n0 0\nready\n")
    assert answer(start_embedded(data_dir), "SELECT number FROM kept") == 42


def test_a_half_made_cluster_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new").mkdir()
    (data_dir / "postgres.new/PG_VERSION").write_text("18\n")
    assert answer(start_embedded(data_dir), "SELECT 1") == 1


def test_a_deep_folder_with_odd_characters_works(data_dir: Path) -> None:
    deep = data_dir / ("deep" * 30) / "it's a % folder"
    assert len(str(deep / SOCKET_NAME)) > LONGEST_SOCKET_PATH
    try:
        assert answer(start_embedded(deep), "SELECT 1") == 1
    finally:
        stop_embedded(deep)


def test_two_processes_may_start_it_at_once(data_dir: Path, run_program: RunProgram) -> None:
    first, second = run_program(holder(data_dir)), run_program(holder(data_dir))
    assert first.wait_for("DSN") == second.wait_for("DSN")


def test_stopping_what_never_ran_is_fine(data_dir: Path) -> None:
    assert stop_embedded(data_dir)


def test_a_data_folder_that_is_a_file_is_one_clear_line(data_dir: Path) -> None:
    (data_dir / "file").write_text("")
    with pytest.raises(DatabaseError, match="cannot write to the data folder") as caught:
        start_embedded(data_dir / "file")
    assert "\n" not in str(caught.value)


def test_a_server_that_cannot_start_says_why(data_dir: Path, dsn: str) -> None:
    stop_embedded(data_dir)
    with pytest.raises(DatabaseError, match=r"cannot start the database.*shared_buffers") as caught:
        start_embedded(data_dir, {"shared_buffers": "nonsense"})
    assert "\n" not in str(caught.value)


# The same as nobody: given up only after the imports, which may be closed to others.
AS_NOBODY = HOLDER.replace(
    "print(",
    "import os, psycopg, psutil\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\nprint(",
    1,
)


@pytest.mark.skipif(os.geteuid() != 0, reason="not as root: every test is this test")
def test_it_runs_as_an_ordinary_user(data_dir: Path, run_program: RunProgram) -> None:
    shutil.chown(data_dir, 65534, 65534)
    other = run_program([sys.executable, "-c", AS_NOBODY, str(data_dir), str(ROOT)])
    dsn = other.wait_for("DSN").removeprefix("DSN ")
    assert postmaster(data_dir).uids().real == 65534
    assert start_embedded(data_dir) == dsn  # root finds it
    assert not stop_embedded(data_dir)


@pytest.mark.skipif(os.geteuid() != 0, reason="made as root")
def test_a_folder_that_may_not_be_written_is_one_clear_line(
    data_dir: Path, run_program: RunProgram
) -> None:
    data_dir.chmod(0o755)
    other = run_program([sys.executable, "-c", AS_NOBODY, str(data_dir), str(ROOT)])
    line = other.wait_for("sql.DatabaseError:")
    assert line.endswith(f"cannot write to the data folder {data_dir}: Permission denied")
