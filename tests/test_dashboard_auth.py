"""Signing in and out, roles, and guesses at passwords."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.auth import User, own_path, require_role
from sql.database import Connection
from tests.web import ALICE, PASSWORD, add_user, web_app


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with web_app(database) as app:

        @app.get("/app/")
        def board() -> str:
            return "the board"

        @app.get("/app/ledger")
        @require_role("finance")
        def ledger() -> str:
            return "the ledger"

        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def log_in(
    client: FlaskClient, password: str = PASSWORD, email: str = ALICE, address: str = "/login"
) -> TestResponse:
    form = {"email": email, "password": password, "csrf_token": token(client.get("/login").text)}
    return client.post(address, data=form)


def test_alice_signs_in_and_reaches_the_board(client: FlaskClient) -> None:
    answer = log_in(client, email="  Alice@Example.org ")
    assert answer.location == "/app/"
    assert client.get("/app/").text == "the board"
    assert client.get("/login").location == "/app/"


def test_her_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    database: str, connection: Connection
) -> None:
    add_user(connection)
    with web_app(database, public_url="https://laddning.example") as app:
        client = app.test_client()
        page = client.get("/login", base_url="https://localhost")
        cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" in cookie


def test_without_a_login_pages_lead_to_it_and_scripts_are_refused(client: FlaskClient) -> None:
    page = client.get("/app/station/A?x=1", headers={"Accept": "text/html"})
    assert page.location == "/login?next=/app/station/A%3Fx%3D1"
    assert client.get("/app/", headers={"Accept": "text/html"}).location == "/login"
    assert client.post("/app/_dash-update-component", json={}).status_code == 401
    assert client.get("/account").location == "/login?next=/account"


def test_after_signing_in_she_is_where_she_wanted_to_be(client: FlaskClient) -> None:
    answer = log_in(client, address="/login?next=/app/station/A%3Fx%3D1")
    assert answer.location == "/app/station/A?x=1"


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "", "/a\nb"]
)
def test_next_never_leads_to_another_host(wanted: str) -> None:
    assert own_path(wanted, "/app/") == "/app/"


def test_a_wrong_password_says_only_that_the_two_do_not_fit(client: FlaskClient) -> None:
    wrong = log_in(client, "wrong")
    nobody = log_in(client, "wrong", "mallory@example.org")
    assert wrong.status_code == nobody.status_code == 401
    sentence = "E-mail address and password do not belong together."
    assert sentence in wrong.text
    assert sentence in nobody.text
    assert "wrong" not in wrong.text.split("<form")[1]


def test_a_form_from_elsewhere_is_refused(client: FlaskClient) -> None:
    answer = client.post("/login", data={"email": ALICE, "password": PASSWORD})
    assert answer.status_code == 400
    assert client.post("/logout").status_code == 400


def test_five_wrong_guesses_close_the_door_even_for_the_right_one(
    client: FlaskClient, app: Flask
) -> None:
    for _ in range(5):
        assert log_in(client, "guess").status_code == 401
    assert log_in(client).status_code == 429
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert log_in(elsewhere).status_code == 302  # she herself, at her own desk, is not locked out


def test_the_door_opens_again_after_a_quarter_of_an_hour(
    client: FlaskClient, connection: Connection
) -> None:
    for _ in range(5):
        log_in(client, "guess")
    connection.execute("UPDATE audit_log SET at = at - interval '16 minutes'")
    assert log_in(client).status_code == 302


def test_guessing_at_many_accounts_from_one_address_is_stopped(
    client: FlaskClient, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO audit_log (actor, action, subject, detail) SELECT 'anonymous', 'login_failed',"
        " 'user' || n, '{\"address\": \"127.0.0.1\"}' FROM generate_series(1, 50) AS n"
    )
    assert log_in(client).status_code == 429


def test_signing_in_and_out_is_written_down(client: FlaskClient, connection: Connection) -> None:
    log_in(client, "wrong")
    log_in(client)
    page = client.get("/account")
    assert "Control room" in page.text
    client.post("/logout", data={"csrf_token": token(page.text)})
    assert client.get("/app/").status_code in (302, 401)
    actions = connection.execute("SELECT action FROM audit_log ORDER BY audit_id").fetchall()
    assert actions == [("login_failed",), ("login",), ("logout",)]


def test_a_cookie_kept_from_before_the_sign_out_opens_nothing(client: FlaskClient) -> None:
    log_in(client)
    page = client.get("/account")
    kept = page.request.headers["Cookie"]
    client.post("/logout", data={"csrf_token": token(page.text)})
    thief = client.application.test_client(use_cookies=False)
    assert thief.get("/account", headers={"Cookie": kept}).status_code == 302


def test_a_changed_password_ends_every_session(client: FlaskClient, connection: Connection) -> None:
    log_in(client)
    connection.execute("UPDATE app_user SET session_salt = 'new'")
    assert client.get("/account").status_code == 302


def test_a_closed_account_is_out_at_once(client: FlaskClient, connection: Connection) -> None:
    log_in(client)
    connection.execute("UPDATE app_user SET is_active = false")
    assert client.get("/account").status_code == 302
    assert log_in(client).status_code == 401


def test_a_forged_session_is_nobody(client: FlaskClient) -> None:
    client.set_cookie("kilowatch", "eyJfdXNlcl9pZCI6IjE6eCJ9.aaaa.bbbb")
    assert client.get("/account").status_code == 302


def test_a_role_opens_its_pages_and_admin_all(client: FlaskClient, connection: Connection) -> None:
    log_in(client)
    assert client.get("/app/ledger").status_code == 403
    connection.execute("UPDATE app_user SET role = 'finance'")
    assert client.get("/app/ledger").status_code == 200
    assert User(1, "a", "A", "admin", "s").has_role("finance")


def test_language_and_theme_are_remembered_and_lead_back(client: FlaskClient) -> None:
    answer = client.get("/choose?language=sv&theme=light&next=/login")
    assert answer.location == "/login"
    assert "Logga in" in client.get("/login").text
    assert client.get_cookie("theme").value == "light"  # type: ignore[union-attr]
    wrong = client.get("/choose?language=xx", headers={"Referer": "http://localhost/e/KX-1"})
    assert wrong.location == "/e/KX-1"
    assert "Set-Cookie" not in wrong.headers
    assert client.get("/choose", headers={"Referer": "http://evil.example/x"}).location == "/"
