"""What goes over the wire: kept where it never changes, compressed where that pays."""

import gzip
import json
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from sql.database import Connection
from tests.addresses import Address, layout_request
from tests.staff import signed_in, staff_app
from tests.web import add_user

PACKED = {"Accept-Encoding": "gzip"}


@pytest.fixture
def alice(database: str, connection: Connection) -> Iterator[FlaskClient]:
    add_user(connection)
    with staff_app(database) as app:
        yield signed_in(app)


def files(client: FlaskClient) -> list[str]:
    """Scripts and style sheets of the staff app."""
    return re.findall(r'(?:src|href)="(/app/[^"]+\.(?:js|css)[^"]*)"', client.get("/app/").text)


def test_every_file_of_a_page_is_packed_and_kept_for_a_year(alice: FlaskClient) -> None:
    found = files(alice)
    assert len(found) > 10
    plain = sent = 0
    for path in found:
        answer = alice.get(path, headers=PACKED)
        assert "max-age=31536000, immutable" in answer.headers["Cache-Control"], path
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
        sent += len(answer.data)
        packed = answer.content_encoding == "gzip"
        plain += len(gzip.decompress(answer.data) if packed else answer.data)
    assert sent < plain / 3


def test_a_file_is_the_same_packed_and_not(alice: FlaskClient) -> None:
    path = next(path for path in files(alice) if "dash_renderer" in path)
    whole = alice.get(path, headers={"Accept-Encoding": "identity"})
    assert whole.content_encoding is None
    assert gzip.decompress(alice.get(path, headers=PACKED).data) == whole.data
    assert "Accept-Encoding" in whole.headers["Vary"]


def test_a_file_without_a_version_is_looked_after(alice: FlaskClient) -> None:
    first = alice.get("/app/assets/nordic.geojson", headers=PACKED)
    assert first.content_encoding == "gzip"
    assert "stale-while-revalidate" in first.headers["Cache-Control"]
    again = alice.get(
        "/app/assets/nordic.geojson", headers=PACKED | {"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    again.close()


def test_a_page_s_answer_is_packed_and_not_kept(alice: FlaskClient) -> None:
    body = layout_request(Address("energy", "/app/energy"))
    answer = alice.post("/app/_dash-update-component", json=body, headers=PACKED)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "response" in json.loads(gzip.decompress(answer.data))


def test_a_stream_is_neither_packed_nor_held_back(alice: FlaskClient) -> None:
    answer = alice.get("/live", headers=PACKED, buffered=False)
    assert answer.content_encoding is None
    assert next(iter(answer.response)) == b"retry: 1000\n\n"
    answer.close()
