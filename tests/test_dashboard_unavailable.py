"""A web server whose database is gone: 503 and words, never an error of ours."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from psycopg_pool import ConnectionPool

from dashboard import create_app
from sql.database import Connection
from sql.settings import Settings
from tests.addresses import Address, layout_request
from tests.staff import hub_of, signed_in, staff_app
from tests.web import add_user

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def stranded(database: str, connection: Connection) -> Iterator[FlaskClient]:
    """Signed in while there was a database."""
    add_user(connection)
    with staff_app(database) as app:
        cookie = signed_in(app).get_cookie("kilowatch")
    pool: ConnectionPool[Connection] = ConnectionPool(
        NOWHERE, min_size=0, max_size=1, timeout=0.1, open=True, kwargs={"connect_timeout": 1}
    )
    with pool:
        app = create_app(Settings(database_url=NOWHERE, secret_key="s" * 32), pool)
        client = app.test_client()
        assert cookie
        client.set_cookie("kilowatch", cookie.value)
        client.set_cookie("language", "en")
        yield client
        hub_of(app).close()


@pytest.mark.parametrize("path", ["/app/", "/app/energy", "/account", "/", "/e/K7-0001"])
def test_people_get_a_page_that_asks_again_by_itself(stranded: FlaskClient, path: str) -> None:
    answer = stranded.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "Not available right now" in answer.text
    assert 'http-equiv="refresh"' in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_callback_gets_one_line(stranded: FlaskClient) -> None:
    body = layout_request(Address("energy", "/app/energy"))
    answer = stranded.post("/app/_dash-update-component", json=body)
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert answer.text == "the database does not answer, try again later\n"


def test_what_was_asked_to_be_done_is_not_asked_again(stranded: FlaskClient) -> None:
    answer = stranded.post("/app/", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "refresh" not in answer.text
    assert "was not done" in answer.text


def test_the_process_is_alive_and_not_ready(stranded: FlaskClient) -> None:
    assert stranded.get("/healthz").status_code == 200
    assert stranded.get("/readyz").status_code == 503
