"""The app as a whole: who gets in, health, headers."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from sql.database import Connection
from tests.staff import page, signed_in, staff_app
from tests.web import add_evse, add_site, add_user


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with staff_app(database) as app:
        yield app


@pytest.mark.parametrize(
    "path", ["_dash-layout", "_dash-dependencies", "station/ODH-01", "energy?range=7d", ""]
)
def test_nothing_of_the_staff_app_answers_a_stranger(app: Flask, path: str) -> None:
    answer = app.test_client().get(f"/app/{path}")
    assert answer.status_code in (302, 401)
    assert b"ODH-01" not in answer.data


def test_a_callback_without_a_login_is_refused(app: Flask) -> None:
    answer = app.test_client().post("/app/_dash-update-component", json={"output": "x"})
    assert answer.status_code == 401


def test_every_script_and_style_comes_from_here(app: Flask) -> None:
    text = signed_in(app).get("/app/").text
    assert "/app/assets/staff/1_core.js" in text
    assert "http://" not in text
    assert "https://" not in text


def test_pages_may_load_nothing_from_elsewhere(app: Flask) -> None:
    answer = signed_in(app).get("/app/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "'unsafe-eval'" not in policy
    assert "script-src 'self' 'sha256-" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_index_page_carries_language_and_theme(app: Flask) -> None:
    client = signed_in(app, language="sv")
    client.set_cookie("theme", "light")
    text = client.get("/app/").text
    assert '<html lang="sv" data-theme="light"' in text


def test_health_says_that_the_process_lives(app: Flask) -> None:
    assert app.test_client().get("/healthz").status_code == 200


def test_ready_when_the_database_answers_and_is_migrated(
    app: Flask, connection: Connection
) -> None:
    client = app.test_client()
    assert client.get("/readyz").json == {"ready": True, "problems": []}
    connection.execute("DELETE FROM migration WHERE name LIKE '0004%'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "0004" in answer.json["problems"][0]


def test_not_ready_without_a_database(app: Flask) -> None:
    app.extensions["kilowatch"].pool.conninfo = "host=127.0.0.1 port=1 dbname=none"
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json["problems"] == ["the database does not answer"]


def test_metrics_count_viewers_and_states(app: Flask, connection: Connection) -> None:
    add_evse(connection, add_site(connection, "Ödeshög E4"), "ODH-01", "K7-0001")
    text = app.test_client().get("/metrics").text
    assert 'kilowatch_viewers{kind="staff"} 0.0' in text
    assert 'kilowatch_evses{state="available"} 1.0' in text
    assert 'kilowatch_stations{contact="online"} 1.0' in text
    assert "kilowatch_live_lag_seconds_count" in text


@pytest.mark.parametrize("role", ["operator", "manager", "finance", "admin"])
def test_every_role_sees_board_stations_and_energy(
    database: str, connection: Connection, role: str
) -> None:
    add_user(connection, "bob@example.org", role)
    with staff_app(database) as app:
        client = signed_in(app, "bob@example.org")
        for path, heading in (("/app/", "Board"), ("/app/stations", "Stations"),
                              ("/app/energy", "Energy and load")):  # fmt: skip
            assert heading in page(client, path)


def test_an_address_that_leads_nowhere_says_so(app: Flask) -> None:
    assert "There is no such page" in page(signed_in(app), "/app/nonsense")


@pytest.mark.parametrize(
    ("public_url", "seen"), [("", "127.0.0.1"), ("https://ev.example", "203.0.113.7")]
)
def test_a_proxy_is_believed_only_when_there_is_said_to_be_one(
    database: str, connection: Connection, public_url: str, seen: str
) -> None:
    headers = {"X-Forwarded-For": "10.0.0.1, 203.0.113.7", "X-Forwarded-Proto": "https"}
    with staff_app(database, public_url=public_url) as app:
        client = app.test_client()
        page = client.get("/login", headers=headers)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token
        form = {"email": "mallory@example.org", "password": "x", "csrf_token": token[1]}
        client.post("/login", data=form, headers=headers | {"Referer": "https://localhost/login"})
    [(address,)] = connection.execute("SELECT detail ->> 'address' FROM audit_log").fetchall()
    assert address == seen
