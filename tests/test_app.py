"""The command line as people type it, wrong as often as right."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from programs import Program

from app import cli
from sql.database import Connection, connect
from sql.settings import Settings

ROOT = Path(__file__).parent.parent
APP = [sys.executable, str(ROOT / "app.py")]


def app(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    given = {f"KILOWATCH_{name}": value for name, value in environment.items()}
    return subprocess.run(
        [*APP, *arguments], input=stdin, capture_output=True, text=True, check=False,
        env={**os.environ, **given}, timeout=60,
    )  # fmt: skip


def one_line(result: subprocess.CompletedProcess[str], code: int) -> str:
    """The error of a command that failed as it should: one line, no traceback."""
    assert result.returncode == code, result
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_every_command_explains_itself() -> None:
    assert {"demo", "run", "migrate", "ingest", "web", "jobs", "simulate"} <= set(cli.commands)
    assert {"station", "token", "user", "api-token", "settings"} <= set(cli.commands)
    for name, command in cli.commands.items():
        shown = CliRunner().invoke(cli, [name, "--help"])
        assert shown.exit_code == 0
        assert "Usage:" in shown.output
        assert command.help


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OCPP_PORT", "ninety", "KILOWATCH_OCPP_PORT=ninety: expected `int`"),
        ("OCPP_PORT", "70000", "KILOWATCH_OCPP_PORT=70000: expected `int` <= 65535"),
        ("UNKNOWN_STATIONS", "maybe", "KILOWATCH_UNKNOWN_STATIONS=maybe"),
        ("TIME_ZONE", "Mars/Olympus", "KILOWATCH_TIME_ZONE=Mars/Olympus is no time zone"),
        ("TLS_CERT", "cert.pem", "KILOWATCH_TLS_CERT and KILOWATCH_TLS_KEY go together"),
        ("TLS_CLIENT_CA", "/none.pem", "KILOWATCH_TLS_CLIENT_CA=/none.pem: there is no such file"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_names_itself(
    name: str, value: str, expected: str
) -> None:
    assert expected in one_line(app("migrate", **{name: value}), 2)


def test_a_mistyped_setting_is_pointed_out(database: str) -> None:
    result = app("migrate", DATABASE_URL=database, OCPP_PROT="9001")
    assert result.returncode == 0
    assert "KILOWATCH_OCPP_PROT is no setting" in result.stderr


def test_an_unreachable_database_is_one_line() -> None:
    url = "postgresql://nobody:secret@127.0.0.1:1/none"
    line = one_line(app("migrate", DATABASE_URL=url), 1)
    assert "KILOWATCH_DATABASE_URL" in line
    assert "secret" not in line


def test_a_folder_that_cannot_keep_the_secret_key_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = one_line(app("settings", "--value", "SECRET_KEY", DATA_DIR=str(tmp_path / "file")), 1)
    assert "KILOWATCH_DATA_DIR, KILOWATCH_SECRET_KEY" in line


@pytest.mark.parametrize("command", ["ingest", "web", "run", "demo"])
def test_a_taken_port_is_one_line(command: str, database: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = app(command, DATABASE_URL=database, OCPP_PORT=port, WEB_PORT=port)
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_settings_show_where_each_comes_from_and_hide_secrets() -> None:
    shown = app("settings", SECRET_KEY="very-secret", OCPP_PORT="9123").stdout
    assert "KILOWATCH_OCPP_PORT=9123  (environment)" in shown
    assert "KILOWATCH_WEB_PORT=8050  (default)" in shown
    assert "very-secret" not in shown
    assert shown.count("\n") == len(Settings.__struct_fields__)


def test_the_address_of_the_embedded_database_works_and_starts_it(data_dir: Path) -> None:
    url = app("settings", "--value", "DATABASE_URL", DATA_DIR=str(data_dir)).stdout.strip()
    with connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert one_line(app("settings", "--value", "NONSENSE"), 2)


def test_a_station_is_added_once_and_listed(database: str, connection: Connection) -> None:
    add = ["station", "add", "CP1", "--password", "pw", "--site", "Norra", "--evses", "2"]
    assert app(*add, DATABASE_URL=database).returncode == 0
    assert "station CP1 exists" in one_line(app(*add, DATABASE_URL=database), 1)
    assert "CP1\tNorra\t2\t-\tFalse" in app("station", "list", DATABASE_URL=database).stdout
    codes = connection.execute("SELECT public_code FROM evse").fetchall()
    assert all(re.fullmatch(r"[A-Z]\d-[A-Z0-9]{4}", code) for (code,) in codes)
    hashes = connection.execute("SELECT password_hash FROM station").fetchone()
    assert hashes
    assert hashes[0].startswith("$argon2id$")


@pytest.mark.parametrize(
    "arguments",
    [
        ["station", "add", ""],
        ["station", "add", "S" * 49],
        ["station", "add", "two\nlines"],
        ["station", "add", "S1", "--password", ""],
        ["station", "add", "S1", "--max-power-w", "99999999999"],
        ["token", "add", ""],
        ["token", "add", "T" * 256],
    ],
)
def test_what_the_database_could_not_keep_is_bad_usage(arguments: list[str]) -> None:
    result = app(*arguments, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("Error: Invalid value for")


def test_a_statement_the_database_refuses_is_one_line_without_the_row(
    database: str, connection: Connection
) -> None:
    connection.execute("ALTER TABLE station ADD CHECK (station_id <> 'S1')")
    line = one_line(app("station", "add", "S1", DATABASE_URL=database), 1)
    assert "violates check constraint" in line
    assert "argon2" not in line


def test_an_unknown_station_gets_no_password(database: str) -> None:
    line = one_line(app("station", "password", "NOPE", DATABASE_URL=database), 1)
    assert "no station is called NOPE" in line


def test_tokens_are_added_blocked_and_listed_whatever_their_case(database: str) -> None:
    app("token", "add", "ABC123", DATABASE_URL=database)
    assert app("token", "block", "abc123", DATABASE_URL=database).returncode == 0
    assert "ABC123\tBlocked" in app("token", "list", DATABASE_URL=database).stdout
    wrong = app("token", "add", "X", "--status", "Maybe", DATABASE_URL=database)
    assert wrong.returncode == 2
    assert "'Maybe' is not one of" in wrong.stderr


def test_a_user_needs_a_role_an_address_and_a_long_password(database: str) -> None:
    add = ["user", "add", "alice@example.org", "--role", "operator", "--password-stdin"]
    assert app(*add, stdin="long enough\n", DATABASE_URL=database).returncode == 0
    assert "at least 10" in one_line(app(*add, stdin="short\n", DATABASE_URL=database), 1)
    wrong = app("user", "add", "a@b.se", "--role", "king", DATABASE_URL=database)
    assert wrong.returncode == 2


def test_an_api_token_is_shown_once_as_the_last_line_and_only_its_hash_is_kept(
    database: str, connection: Connection
) -> None:
    token = app("api-token", "add", "grid", DATABASE_URL=database).stdout.splitlines()[-1]
    assert len(token) > 30
    kept = connection.execute("SELECT token_hash, scopes FROM api_token").fetchone()
    assert kept
    assert token.encode() not in bytes(kept[0])
    assert kept[1] == ["read", "command"]
    again = one_line(app("api-token", "add", "grid", DATABASE_URL=database), 1)
    assert "name: expected a name that no other API token has or had, found grid" in again


def test_nothing_imports_the_composition_root() -> None:
    """app.py stands above the parts; the layer checker only knows packages."""
    for part in ("ingest", "dashboard", "billing", "sql"):
        for path in (ROOT / part).rglob("*.py"):
            assert not re.search(
                r"^\s*(import app\b|from app\b)", path.read_text(), re.MULTILINE
            ), path


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for field in Settings.__struct_fields__:
        assert f"`KILOWATCH_{field.upper()}`" in text, field


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_demo_comes_up_shows_its_logins_and_ends_cleanly(
    data_dir: Path, run_program: Callable[..., Program], unused_ports: list[int]
) -> None:
    ocpp, web, panel = unused_ports
    environment = {
        "KILOWATCH_DATA_DIR": str(data_dir), "KILOWATCH_OCPP_PORT": str(ocpp),
        "KILOWATCH_WEB_PORT": str(web),
    }  # fmt: skip
    command = [*APP, "demo", "--days", "1", "--panel-port", str(panel)]
    program = run_program(command, environment)
    program.wait_for("Kilowatch is ready", 120)
    program.wait_for("Ctrl-C ends everything")
    printed = "\n".join(program.lines)
    assert "alice@demo.kilowatch" in printed
    assert f"ws://127.0.0.1:{ocpp}/ocpp/MY-01" in printed
    with urllib.request.urlopen(f"http://127.0.0.1:{web}/readyz", timeout=5) as answer:
        assert json.load(answer)["ready"] is True
    assert program.end(20) == 0
    assert not list(data_dir.glob("postgres/postmaster.pid"))


def test_nothing_outlives_a_parent_that_is_killed(
    database: str, run_program: Callable[..., Program], unused_ports: list[int]
) -> None:
    environment = {
        "KILOWATCH_DATABASE_URL": database, "KILOWATCH_OCPP_PORT": str(unused_ports[0]),
        "KILOWATCH_WEB_PORT": str(unused_ports[1]),
    }  # fmt: skip
    program = run_program([*APP, "run"], environment)
    program.wait_for("stations connect to")
    program.process.kill()
    assert program.end() == -signal.SIGKILL  # its output ends when the last child has


@pytest.fixture
def unused_ports() -> list[int]:
    held: list[Any] = [socket.socket() for _ in range(3)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def test_a_waiting_station_is_approved_once(database: str, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO station (station_id, registration_status) VALUES ('NEW1', 'Pending')"
    )
    approve = ["station", "approve", "NEW1", "--password", "pw"]
    assert app(*approve, DATABASE_URL=database).returncode == 0
    assert "no station NEW1 is waiting" in one_line(app(*approve, DATABASE_URL=database), 1)
    assert "Accepted" in app("station", "list", DATABASE_URL=database).stdout
