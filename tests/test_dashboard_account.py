"""Drivers' accounts: signing in by mail, tags, debts, what is shown, deletion."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from conftest import Eventually
from flask import Flask
from flask.testing import FlaskClient
from paying import TARIFF
from psycopg.sql import SQL, Identifier
from web import add_evse, add_site, web_app

from billing.assignment import add_tariff, find_place
from billing.double import Double
from billing.jobs import make_worker
from billing.webhooks import create_blueprint
from sql.database import Connection, connect
from sql.settings import Settings

DAVE, ERIN = "dave@example.org", "erin@example.org"


@pytest.fixture
def app(database: str) -> Iterator[Flask]:
    with web_app(database, public_url="", language="en") as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def asked(client: FlaskClient, email: str = DAVE) -> Any:
    return client.post("/my/login", data={"email": email})


def link_of(connection: Connection, email: str = DAVE) -> str:
    row = connection.execute(
        "SELECT parameters ->> 'path' FROM mail WHERE lower(recipient) = lower(%s)"
        " AND kind = 'login_link' ORDER BY mail_id DESC LIMIT 1", [email],
    ).fetchone()  # fmt: skip
    assert row
    return str(row[0])


def sign_in(client: FlaskClient, connection: Connection, email: str = DAVE) -> int:
    asked(client, email)
    assert client.post(link_of(connection, email)).status_code == 303
    row = connection.execute(
        "SELECT driver_id FROM driver WHERE lower(email) = lower(%s)", [email]
    ).fetchone()
    assert row
    return int(row[0])


def text_of(client: FlaskClient, path: str = "/my/account") -> str:
    response = client.get(path)
    assert response.status_code == 200, response.status
    return response.text


# -- signing in ------------------------------------------------------------------------------------


def test_a_link_by_mail_opens_an_account_that_did_not_exist(
    client: FlaskClient, connection: Connection
) -> None:
    response = asked(client)
    assert response.location == "/my/login?sent=1"
    path = link_of(connection)
    assert DAVE in client.get(path).text
    entered = client.post(path)
    assert (entered.status_code, entered.location) == (303, "/my/account")
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert DAVE in text_of(client)


def test_opening_the_link_changes_nothing(client: FlaskClient, connection: Connection) -> None:
    """Mail scanners open links before people do."""
    asked(client)
    path = link_of(connection)
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert connection.execute("SELECT count(*) FROM driver").fetchone() == (0,)
    assert client.post(path).status_code == 303


def test_a_link_works_once(client: FlaskClient, app: Flask, connection: Connection) -> None:
    asked(client)
    path = link_of(connection)
    assert client.post(path).status_code == 303
    other = app.test_client()
    assert other.post(path).status_code == 410
    assert other.get(path).status_code == 410
    assert other.get("/my/account").location == "/my/login"


def test_a_link_is_too_old_after_half_an_hour(client: FlaskClient, connection: Connection) -> None:
    asked(client)
    connection.execute("UPDATE login_link SET expires_at = expires_at - interval '31 minutes'")
    assert client.post(link_of(connection)).status_code == 410


def test_the_answer_does_not_tell_whether_there_is_an_account(
    app: Flask, connection: Connection
) -> None:
    sign_in(app.test_client(), connection, DAVE)
    known, unknown = asked(app.test_client(), DAVE), asked(app.test_client(), ERIN)
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    assert set(known.headers.keys()) == set(unknown.headers.keys())
    assert known.data == unknown.data


def test_the_database_keeps_no_secret_that_signs_in(
    client: FlaskClient, connection: Connection
) -> None:
    asked(client)
    path = link_of(connection)
    entered = client.post(path)
    connection.execute("UPDATE mail SET sent_at = now()")
    dump = connection.execute(
        "SELECT (SELECT string_agg(to_jsonb(l)::text, '') FROM login_link l)"
        " || (SELECT string_agg(to_jsonb(s)::text, '') FROM driver_session s)"
        " || (SELECT string_agg(to_jsonb(m)::text, '') FROM mail m)"
    ).fetchone()
    assert dump
    assert path.rsplit("/", 1)[1] not in dump[0]
    assert entered.headers["Set-Cookie"].partition("=")[2].partition(";")[0] not in dump[0]


def test_one_address_gets_three_links_and_silence_after_that(
    client: FlaskClient, connection: Connection
) -> None:
    answers = {asked(client).status_code for _ in range(5)}
    assert answers == {303}
    assert connection.execute("SELECT count(*) FROM mail").fetchone() == (3,)


def test_capital_letters_make_no_second_account(app: Flask, connection: Connection) -> None:
    first = sign_in(app.test_client(), connection, DAVE)
    assert sign_in(app.test_client(), connection, "Dave@Example.ORG") == first
    assert connection.execute("SELECT count(*) FROM driver").fetchone() == (1,)


@pytest.mark.parametrize("email", ["", "dave", "dave@", "a b@example.org", "dave@example.org\0"])
def test_what_is_no_address_gets_no_link(
    client: FlaskClient, connection: Connection, email: str
) -> None:
    assert asked(client, email).status_code == 400
    assert connection.execute("SELECT count(*) FROM mail").fetchone() == (0,)


def test_another_sites_form_does_nothing(client: FlaskClient, connection: Connection) -> None:
    sign_in(client, connection)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/my/card/remove", "/my/tags", "/my/close", "/my/sign-out", "/my/login"):
        assert client.post(path, headers=foreign).status_code == 403


def test_signing_out_everywhere_ends_every_device(app: Flask, connection: Connection) -> None:
    phone, laptop = app.test_client(), app.test_client()
    for device in (phone, laptop):
        sign_in(device, connection)
    phone.post("/my/sign-out-everywhere")
    assert laptop.get("/my/account").location == "/my/login"


def test_signing_out_ends_this_device_only(app: Flask, connection: Connection) -> None:
    phone, laptop = app.test_client(), app.test_client()
    for device in (phone, laptop):
        sign_in(device, connection)
    phone.post("/my/sign-out")
    assert phone.get("/my/account").location == "/my/login"
    assert laptop.get("/my/account").status_code == 200


def test_without_signing_in_there_is_nothing_to_see_or_do(client: FlaskClient) -> None:
    for path in ("/my/account", "/my/statement/1", "/my/close"):
        assert client.get(path).location == "/my/login"
    for path in ("/my/card", "/my/tags", "/my/tags/remove", "/my/close"):
        assert client.post(path).location == "/my/login"


# -- tags -----------------------------------------------------------------------------------------


def add_tag(connection: Connection, number: str, status: str = "Accepted") -> None:
    connection.execute("INSERT INTO id_token (id_token, status) VALUES (%s, %s)", [number, status])


def claim(client: FlaskClient, number: str) -> str:
    response = client.post("/my/tags", data={"number": number, "label": "Key ring"})
    return str(response.location).partition("said=")[2].partition("#")[0]


def test_a_tag_that_staff_handed_out_becomes_the_drivers(
    client: FlaskClient, connection: Connection
) -> None:
    driver_id = sign_in(client, connection)
    add_tag(connection, "04A1B2C3")
    assert claim(client, "04:a1:b2:c3") == "tag_added"
    row = connection.execute(
        "SELECT driver_id, label FROM id_token WHERE id_token = '04A1B2C3'"
    ).fetchone()
    assert row == (driver_id, "Key ring")
    page = text_of(client)
    assert "Key ring" in page
    assert "B2C3" in page


def test_a_tag_of_anothers_is_refused_like_one_that_does_not_exist(
    app: Flask, connection: Connection
) -> None:
    dave, erin = app.test_client(), app.test_client()
    sign_in(dave, connection, DAVE)
    sign_in(erin, connection, ERIN)
    add_tag(connection, "04A1B2C3")
    assert claim(dave, "04A1B2C3") == "tag_added"
    assert claim(erin, "04A1B2C3") == claim(erin, "FFFFFFFF") == "no_tag"
    assert DAVE not in text_of(erin, "/my/account?said=no_tag")


def test_a_tag_that_staff_have_blocked_can_not_be_added(
    client: FlaskClient, connection: Connection
) -> None:
    sign_in(client, connection)
    add_tag(connection, "04A1B2C3", "Blocked")
    assert claim(client, "04A1B2C3") == "no_tag"


def test_a_guests_one_time_token_is_nobodys_tag(
    client: FlaskClient, connection: Connection
) -> None:
    sign_in(client, connection)
    add_tag(connection, "KWGUESTTOKEN")
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, currency, hold, id_token)"
        " VALUES ('AAAA-AA', 'guest', 1, 1, 'SEK', 100, 'KWGUESTTOKEN')"
    )
    assert claim(client, "KWGUESTTOKEN") == "no_tag"


def test_ten_tags_are_enough(client: FlaskClient, connection: Connection) -> None:
    sign_in(client, connection)
    for number in range(11):
        add_tag(connection, f"TAG{number:04}")
    answers = [claim(client, f"TAG{number:04}") for number in range(11)]
    assert answers == ["tag_added"] * 10 + ["no_tag"]


def test_a_removed_tag_starts_nothing_until_somebody_adds_it_again(
    app: Flask, connection: Connection
) -> None:
    dave, erin = app.test_client(), app.test_client()
    sign_in(dave, connection, DAVE)
    erins = sign_in(erin, connection, ERIN)
    add_tag(connection, "04A1B2C3")
    claim(dave, "04A1B2C3")
    dave.post("/my/tags/remove", data={"tag": "04A1B2C3"})
    status = "SELECT status, driver_id FROM id_token WHERE id_token = '04A1B2C3'"
    assert connection.execute(status.encode()).fetchone() == ("Blocked", None)
    assert claim(erin, "04A1B2C3") == "tag_added"
    assert connection.execute(status.encode()).fetchone() == ("Accepted", erins)


def test_a_driver_blocks_and_opens_a_tag_but_not_what_staff_have_blocked(
    client: FlaskClient, connection: Connection
) -> None:
    sign_in(client, connection)
    add_tag(connection, "04A1B2C3")
    claim(client, "04A1B2C3")
    status = b"SELECT status FROM id_token WHERE id_token = '04A1B2C3'"
    client.post("/my/tags/block", data={"tag": "04A1B2C3"})
    assert connection.execute(status).fetchone() == ("Blocked",)
    client.post("/my/tags/open", data={"tag": "04A1B2C3"})
    assert connection.execute(status).fetchone() == ("Accepted",)
    connection.execute("UPDATE id_token SET status = 'Blocked' WHERE id_token = '04A1B2C3'")
    client.post("/my/tags/open", data={"tag": "04A1B2C3"})
    assert connection.execute(status).fetchone() == ("Blocked",)
    client.post("/my/tags/remove", data={"tag": "04A1B2C3"})
    assert claim(client, "04A1B2C3") == "no_tag"


def test_nobody_touches_anothers_tag(app: Flask, connection: Connection) -> None:
    dave, erin = app.test_client(), app.test_client()
    driver_id = sign_in(dave, connection, DAVE)
    sign_in(erin, connection, ERIN)
    add_tag(connection, "04A1B2C3")
    claim(dave, "04A1B2C3")
    for wish in ("block", "remove"):
        erin.post(f"/my/tags/{wish}", data={"tag": "04A1B2C3"})
    assert connection.execute(
        "SELECT status, driver_id FROM id_token WHERE id_token = '04A1B2C3'"
    ).fetchone() == ("Accepted", driver_id)


# -- what is shown ----------------------------------------------------------------------


def test_the_page_shows_a_session_that_runs(client: FlaskClient, connection: Connection) -> None:
    driver_id = sign_in(client, connection)
    evse_key = add_evse(connection, add_site(connection, "Kvarnholmen"), "S1", "KX-4172")
    connection.execute(
        "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, transaction_id,"
        " driver_id, started_at, energy_wh, power_w) SELECT 1, site_id, 'S1', 1, %s, 't', %s,"
        " now() - interval '10 minutes', 12340, 87400 FROM site", [evse_key, driver_id],
    )  # fmt: skip
    page = text_of(client)
    for word in ("KX-4172", "12.34", "87.4", "Kvarnholmen"):
        assert word in page


def test_pages_are_private_and_allow_no_foreign_code(
    client: FlaskClient, connection: Connection
) -> None:
    sign_in(client, connection)
    response = client.get("/my/account")
    assert "no-store" in response.headers["Cache-Control"]
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "style=" not in response.text
    assert "<script>" not in response.text


def test_a_month_that_is_none_is_not_found(client: FlaskClient, connection: Connection) -> None:
    sign_in(client, connection)
    assert client.get("/my/account?month=2026-10").status_code == 200
    for month in ("2026-13", "x", "0001-01", "9999-12", "2026-1"):
        assert client.get(f"/my/account?month={month}").status_code == 404


def test_both_languages_are_whole(client: FlaskClient, connection: Connection) -> None:
    sign_in(client, connection)
    client.set_cookie("language", "sv")
    page = text_of(client)
    for word in ("Mina laddningar", "Laddtaggar", "Spara ett kort", "Radera kontot"):
        assert word in page


# -- deletion -------------------------------------------------------------------------------------


def test_a_deleted_account_leaves_nothing_personal(
    client: FlaskClient, connection: Connection
) -> None:
    driver_id = sign_in(client, connection)
    add_tag(connection, "04A1B2C3")
    claim(client, "04A1B2C3")
    connection.execute(
        "UPDATE driver SET customer_id = 'cus_1', payment_method_id = 'pm_1', card_last4 = '4242'"
    )
    assert client.get("/my/close").status_code == 200
    assert "deleted" in client.post("/my/close").text
    assert client.get("/my/account").location == "/my/login"
    tables = ("driver", "login_link", "driver_session", "mail", "payment", "outbox", "stripe_event")
    for table in tables:
        query = SQL("SELECT to_jsonb(t)::text FROM {} t").format(Identifier(table))
        rows = connection.execute(query).fetchall()
        assert not [row for row in rows if DAVE in row[0] or "4242" in row[0]], table
    calls = connection.execute("SELECT call FROM outbox ORDER BY call").fetchall()
    assert calls == [("detach",), ("forget",)]
    assert connection.execute(
        "SELECT status, driver_id FROM id_token WHERE id_token = '04A1B2C3'"
    ).fetchone() == ("Blocked", None)
    assert sign_in(client, connection) != driver_id


def test_an_account_with_a_debt_is_not_deleted(client: FlaskClient, connection: Connection) -> None:
    driver_id = sign_in(client, connection)
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, currency, hold, driver_id,"
        " state, gross, due_since, pay_secret) VALUES ('AAAA-AA', 'registered', 1, 1, 'SEK', 100,"
        " %s, 'receivable', 100, %s, 'sesam')", [driver_id, datetime.now(UTC)],
    )  # fmt: skip
    assert "is not paid" in text_of(client)
    client.post("/my/close")
    assert connection.execute("SELECT email FROM driver").fetchone() == (DAVE,)


def test_what_is_due_is_shown_to_whoever_has_the_link(
    client: FlaskClient, connection: Connection
) -> None:
    add_evse(connection, add_site(connection, "Kvarnholmen"), "S1", "KX-4172")
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, currency, hold, state,"
        " gross, due_since, pay_secret, charge_problem, energy_wh) SELECT 'AAAA-AA', 'registered',"
        " 1, evse_key, 'SEK', 9980, 'receivable', 9980, now(), 'sesam', 'card_declined', 20000"
        " FROM evse"
    )
    page = text_of(client, "/my/pay/sesam")
    assert "99.80" in page
    assert "declined" in page
    assert client.get("/my/pay/other").status_code == 404
    assert client.post("/my/pay/sesam").location == "/my/pay/sesam?said=no_page"


# -- the whole way ----------------------------------------------------------------------


@contextmanager
def working(database: str, double: Double) -> Iterator[Settings]:
    """The billing worker, listening as it does in the jobs process."""
    settings = Settings(
        database_url=database, public_url="http://charge.example", stripe_api_key=double.key,
        stripe_api_base=double.base, stripe_webhook_secret=double.webhook_secret,
    )  # fmt: skip
    worker = make_worker(settings, database)
    thread = Thread(target=worker.run)
    thread.start()
    try:
        yield settings
    finally:
        worker.close()
        thread.join(30)


def test_from_the_link_to_a_charged_card(
    database: str, connection: Connection, eventually: Eventually
) -> None:
    add_site(connection, "Kvarnholmen")
    evse_key = add_evse(connection, 1, "S1", "KX-4172")
    add_tariff(connection, TARIFF, find_place(connection), datetime(2020, 1, 1, tzinfo=UTC))
    add_tag(connection, "04A1B2C3")
    with Double() as double, working(database, double) as settings:
        pages = {"stripe_api_key": double.key, "stripe_api_base": double.base}
        with web_app(database, public_url="", **pages) as app:
            app.register_blueprint(
                create_blueprint(lambda: connect(database), settings.stripe_webhook_secret)
            )
            double.webhooks.sink = lambda payload, signature: (
                app.test_client()
                .post("/stripe/webhook", data=payload, headers={"Stripe-Signature": signature})
                .status_code
            )
            client = app.test_client()
            driver_id = sign_in(client, connection)
            claim(client, "04A1B2C3")
            page = client.post("/my/card")
            assert page.location.startswith(double.base)
            double.pay(page.location.rsplit("/", 1)[1])
            eventually("SELECT 1 FROM driver WHERE card_last4 = '4242'", channel="card_setup")
            assert "4242" in text_of(client)
            connection.execute(
                "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key,"
                " transaction_id, id_token, driver_id, started_at, ended_at, energy_wh,"
                " meter_start_wh, meter_stop_wh) VALUES (1, 1, 'S1', 1, %s, 't1', '04A1B2C3', %s,"
                " now() - interval '10 minutes', now(), 20000, 0, 20000)", [evse_key, driver_id],
            )  # fmt: skip
            eventually("SELECT 1 FROM payment WHERE state = 'settled'", channel="payment")
            page_text = text_of(client)
            assert "SEK\u00a099.80" in page_text
            assert "/receipt/" in page_text
            pay_declined(client, connection, double, eventually, evse_key, driver_id)


def pay_declined(
    client: FlaskClient, connection: Connection, double: Double, eventually: Eventually,
    evse_key: int, driver_id: int,
) -> None:  # fmt: skip
    """The next session finds no card; its debt is paid on the page behind the mail's link."""
    client.post("/my/card/remove")
    connection.execute(
        "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key,"
        " transaction_id, id_token, driver_id, started_at, ended_at, energy_wh) VALUES"
        " (1, 1, 'S1', 1, %s, 't2', '04A1B2C3', %s, now(), now() + interval '4 minutes', 10000)",
        [evse_key, driver_id],
    )
    (path,) = eventually(
        "SELECT parameters ->> 'path' FROM mail WHERE kind = 'payment_no_card'", channel="mail"
    )
    assert "49.90" in text_of(client, path)
    page = client.post(path)
    assert page.location.startswith(double.base)
    double.pay(page.location.rsplit("/", 1)[1])
    eventually("SELECT 1 FROM payment WHERE state = 'settled' HAVING count(*) = 2",
               channel="payment")  # fmt: skip
    assert "Paid. Thank you." in text_of(client, path)
