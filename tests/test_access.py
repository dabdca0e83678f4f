"""Who may do what: docs/admin.md says it, line by line, and this holds the program to it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.admin import add_api_token
from sql.database import Connection
from tests.access import (
    CALLERS,
    ROLES,
    SCOPES,
    Line,
    addresses,
    api,
    callbacks,
    clients,
    pages,
)
from tests.staff import staff_app
from tests.web import add_evse, add_site, add_user

DOCUMENT = Path(__file__).parents[1] / "docs" / "admin.md"
YES, NO = "yes", "\u2013"


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    """A small network and somebody of each role."""
    for role in ROLES:
        add_user(connection, f"{role}@example.org", role)
    add_evse(connection, add_site(connection, "Mora"), "S1", "K7-0001")
    with staff_app(database) as app:
        yield app


@pytest.fixture
def callers(app: Flask) -> list[FlaskClient]:
    return clients(app)


def written(heading: str) -> dict[str, tuple[bool, ...]]:
    """The table below a heading of the document."""
    text = DOCUMENT.read_text().split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    found = {}
    for name, rest in re.findall(r"^\| `(.+?)` \|(.*)\|$", text, re.MULTILINE):
        words = [word.strip() for word in rest.split("|")]
        assert set(words) <= {YES, NO}, f"{name}: {words}"
        found[name] = tuple(word == YES for word in words)
    return found


def line(name: str, may: Iterable[bool]) -> str:
    return f"| `{name}` | " + " | ".join(YES if one else NO for one in may) + " |"


def compare(heading: str, columns: tuple[str, ...], found: Iterable[Line]) -> None:
    known, seen = written(heading), dict(found)
    wrong = [
        f"{line(name, may)}   <- is so" for name, may in seen.items() if known.get(name) != may
    ]
    wrong += [f"{line(name, known[name])}   <- is not there" for name in known.keys() - seen.keys()]
    told = "\n".join(wrong)
    assert not wrong, f"docs/admin.md, {heading} ({', '.join(columns)}):\n{told}"


def test_pages_open_to_whom_the_document_says(callers: list[FlaskClient]) -> None:
    compare("Pages", CALLERS, pages(callers))


def test_callbacks_work_for_whom_the_document_says(callers: list[FlaskClient]) -> None:
    compare("Callbacks", CALLERS, callbacks(callers))


def test_addresses_streams_and_files_open_to_whom_the_document_says(
    app: Flask, callers: list[FlaskClient]
) -> None:
    compare("Addresses", CALLERS, addresses(app, callers))


def test_the_api_answers_tokens_of_the_right_scope_and_no_role(
    app: Flask, callers: list[FlaskClient], connection: Connection
) -> None:
    tokens = {scope: add_api_token(connection, scope, (scope,)) for scope in SCOPES[1:]}
    compare("API", SCOPES, api(app, callers, tokens))


def test_a_line_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=r"`/app/new` \| \u2013 \| yes .*is so"):
        compare("Pages", CALLERS, [("/app/new", (False, True, True, True, True))])
