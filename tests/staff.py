"""What tests of the staff app share: the whole web part, signed-in clients, and stream readers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from flask import Flask
from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.live import Hub
from sql.database import sync_pool
from sql.settings import Settings
from tests.web import ALICE, PASSWORD


@contextmanager
def staff_app(database: str, **settings: Any) -> Iterator[Flask]:
    """The whole web part; its hub ends with it."""
    chosen = Settings(database_url=database, secret_key="s" * 32, **settings)
    with sync_pool(database, max_size=4) as pool:
        app = create_app(chosen, pool)
        try:
            yield app
        finally:
            hub_of(app).close()
            hub_of(app).join(5)


def hub_of(app: Flask) -> Hub:
    hub: Hub = app.extensions["kilowatch_hub"]
    return hub


def signed_in(app: Flask, email: str = ALICE, language: str = "en") -> FlaskClient:
    """A client that has logged in."""
    client = app.test_client()
    client.set_cookie("language", language)
    page = client.get("/login").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    form = {"email": email, "password": PASSWORD, "csrf_token": token[1]}
    assert client.post("/login", data=form).status_code == 302
    return client


def page(client: FlaskClient, path: str, search: str = "") -> str:
    """What Dash draws for an address, as JSON text."""
    body = {
        "output": "..._pages_content.children..._pages_store.data...",
        "outputs": [
            {"id": "_pages_content", "property": "children"},
            {"id": "_pages_store", "property": "data"},
        ],
        "inputs": [
            {"id": "_pages_location", "property": "pathname", "value": path},
            {"id": "_pages_location", "property": "search", "value": search},
        ],
        "changedPropIds": ["_pages_location.pathname"],
    }
    body["output"] = ".._pages_content.children..._pages_store.data.."
    client.get("/app/_dash-dependencies")
    answer = client.post("/app/_dash-update-component", json=body)
    assert answer.status_code == 200, answer.text
    return answer.text


class Reader:
    """Reads events from a stream's chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._text = chunks, b""
        self.last_id = ""

    def next(self, *wanted: str) -> tuple[str, Any]:
        """The next event of one of these names, skipping all others."""
        while True:
            while b"\n\n" not in self._text:
                self._text += next(self._chunks)
            block, _, self._text = self._text.partition(b"\n\n")
            lines = dict(
                line.split(": ", 1) for line in block.decode().splitlines() if ": " in line
            )
            self.last_id = lines.get("id", self.last_id)
            if lines.get("event") in wanted:
                return lines["event"], msgspec.json.decode(lines["data"])
