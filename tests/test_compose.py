"""compose.yaml and the Dockerfile name what there is: commands, settings, files. (They are parsed
here, not run: that needs Docker.)"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import cli
from sql.settings import PREFIX, read_settings, unknown_names

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["migrate", "ingest", "web", "jobs"]
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def environment(service: str) -> dict[str, str]:
    """What the service is given when nothing is set outside."""
    given = {name: value for name, value in SERVICES[service]["environment"].items() if value}
    return {name: DEFAULT.sub(r"\1", value) for name, value in given.items()}


@pytest.mark.parametrize("service", OURS)
def test_every_service_runs_a_command_with_settings_that_exist(service: str) -> None:
    assert SERVICES[service]["command"][0] in cli.commands
    names = SERVICES[service]["environment"]
    assert unknown_names(names) == []
    assert all(name.startswith(PREFIX) for name in names)
    settings = read_settings(environment(service))
    assert "@database:" in settings.database_url


def test_the_migration_is_done_before_anything_runs() -> None:
    for service in ("ingest", "web", "jobs"):
        waits = SERVICES[service]["depends_on"]["migrate"]
        assert waits == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["restart"] == "no"


def test_the_image_of_the_database_is_pinned() -> None:
    image = SERVICES["database"]["image"]
    assert re.fullmatch(r"timescale/timescaledb:2\.\d+\.\d+-pg17", image)
    assert "latest" not in (ROOT / "compose.yaml").read_text()


def test_ports_are_open_on_loopback_only() -> None:
    ports = [port for one in SERVICES.values() for port in one.get("ports", [])]
    settings = read_settings({})
    wanted = {f"127.0.0.1:{n}:{n}" for n in (settings.ocpp_port, settings.web_port)}
    assert {DEFAULT.sub(r"\1", port) for port in ports} == wanted


def test_no_password_is_written_down() -> None:
    database = SERVICES["database"]["environment"]
    assert not any(name.endswith("PASSWORD") for name in database)
    assert database["POSTGRES_PASSWORD_FILE"] == "/secrets/database_password"
    script = SERVICES["passwords"]["command"][0]
    for path in ("/secrets/database_password", "/secrets/pgpass"):
        assert path in script
    assert "passfile=/secrets/pgpass" in environment("web")["KILOWATCH_DATABASE_URL"]


def test_every_volume_and_dependency_is_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"]
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_whoever_listens_is_asked_for_its_health() -> None:
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) == (name == "database" or "ports" in service), name


def test_the_image_has_every_part_and_only_what_is_there() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = {part for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE)
              for part in line.split()}  # fmt: skip
    assert {"app.py", "sql", "ingest", "billing", "dashboard", "assets"} <= copied
    assert all((ROOT / part).exists() for part in copied)
    let_in = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert let_in == copied
