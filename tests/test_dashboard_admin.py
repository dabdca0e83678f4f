"""The administration: what its pages say, what its forms do, and what they refuse."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard import admin, import_upload
from dashboard.pages import admin_words
from dashboard.stream import events
from ingest.imports import take_imports
from sql.admin import stations, tokens
from sql.database import Connection, connect
from sql.queries import load_queries
from tests.pressing import kept, press, said, send, wrong
from tests.staff import Reader, hub_of, page, signed_in, staff_app
from tests.web import ALICE, PASSWORD, add_evse, add_site, add_user

ADA = "ada@example.org"
ROOT = Path(__file__).parents[1]
MARKUP = "<img src=x onerror=alert(1)>"
SITE = {
    "name": "Storgatan", "address": "Storgatan 1", "city": "Mora", "country": "SE",
    "latitude": "61,004", "longitude": "14.54", "time_zone": "Europe/Stockholm",
    "grid_limit_w": "250", "help_phone": "08-123 456 78",
}  # fmt: skip


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection, ADA, "admin")
    with staff_app(database) as app:
        yield app


@pytest.fixture
def ada(app: Flask) -> FlaskClient:
    return signed_in(app, ADA)


def audit(connection: Connection, action: str) -> list[Any]:
    """Who did it to whom, and what was and is."""
    return connection.execute(
        "SELECT actor, subject, detail FROM audit_log WHERE action = %s ORDER BY audit_id", [action]
    ).fetchall()


def one(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row if row is None or len(row) > 1 else row[0]


def number_of(connection: Connection, email: str) -> int:
    row = connection.execute("SELECT user_id FROM app_user WHERE email = %s", [email]).fetchone()
    assert row
    return int(row[0])


# -- the overview ---------------------------------------------------------------------------------


def test_the_overview_says_what_runs_what_waits_and_what_fails(
    ada: FlaskClient, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO job_run (job, started_at, finished_at, error, every_seconds, failures,"
        " last_error) VALUES ('watchdog', now(), now(), 'no room on disk', 2, 3,"
        " 'no room on disk'),"
        " ('audit', now() - interval '1 day', now() - interval '1 day', NULL, 600, 0, NULL),"
        " ('timelines', now(), now(), NULL, 3, 0, NULL)"
    )
    connection.execute("INSERT INTO command (station_id, action) VALUES ('S1', 'Reset')")
    text = page(ada, "/app/admin")
    for words in ("Ready", "no room on disk", "Failing", "Late", "0041_admin.sql", "PostgreSQL"):
        assert words in text
    assert "Commands to stations" in text


def test_every_part_can_be_looked_at_when_there_is_nothing(ada: FlaskClient) -> None:
    for part in (
        "",
        "/sites",
        "/stations",
        "/imports",
        "/tokens",
        "/users",
        "/api-tokens",
        "/settings",
        "/audit",
        "/station/NOPE",
        "/sites?site=99",
        "/imports?import=7",
    ):
        path, _, query = part.partition("?")
        text = page(ada, f"/app/admin{path}", f"?{query}" if query else "")
        assert "Administration" in text


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/sites", "?site=99999999999999&q=%00&after=%ff"),
        ("/stations", "?show=nonsense&q=%25%5C_&after=" + "x" * 500),
        ("/tokens", "?status=x&q=%5C%25_"),
        ("/audit", "?who=x&from=2026-12-01&until=2016-01-01&after=nonsense"),
        (
            "/audit",
            "?from=9999-99-99&until=0001-01-01&after=2026-01-01T00:00:00%2B00:00+99999999999",
        ),
        ("/imports", "?import=-1&kind=nonsense"),
    ],
)
def test_nonsense_in_the_address_breaks_nothing(ada: FlaskClient, path: str, query: str) -> None:
    assert "Administration" in page(ada, f"/app/admin{path}", query)


def test_names_that_are_markup_are_texts(ada: FlaskClient, connection: Connection) -> None:
    site_id = add_site(connection, MARKUP)
    add_evse(connection, site_id, "S1", "K7-0001")
    for part in ("sites", "stations", "station/S1"):
        drawn = json.loads(page(ada, f"/app/admin/{part}"))
        assert f'"children": "{MARKUP}"' in json.dumps(
            drawn
        ) or f'"value": "{MARKUP}"' in json.dumps(drawn)


# -- sites ----------------------------------------------------------------------------------------


def test_a_site_is_added_and_changed_and_both_are_written_down(
    ada: FlaskClient, connection: Connection
) -> None:
    answer = send(ada, "site", SITE)
    assert said(answer, "site") == "The site is added."
    assert set(kept(answer, "site").values()) == {""}
    row = one(connection, "SELECT name, latitude, longitude, grid_limit_w, site_id FROM site")
    assert row[:4] == ("Storgatan", 61.004, 14.54, 250_000)
    answer = send(ada, "site", {**SITE, "help_phone": "112 00", "grid_limit_w": ""}, row[4])
    assert said(answer, "site") == "The site is saved."
    assert kept(answer, "site") == {}
    assert audit(connection, "site.change") == [
        (ADA, f"site {row[4]}", {
            "before": {"help_phone": "08-123 456 78", "grid_limit_w": 250_000},
            "after": {"help_phone": "112 00"},
        })
    ]  # fmt: skip
    send(ada, "site", {**SITE, "help_phone": "112 00", "grid_limit_w": ""}, row[4])
    assert len(audit(connection, "site.change")) == 1  # nothing changed, nothing to write


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Must be something written here."),
        ("name", "x" * 201, "Must be 1 to 200 printable characters."),
        ("country", "Sweden", "Must be a country's two or three letters, e.g. SE."),
        ("latitude", "91", "Must be degrees from -90 to 90."),
        ("latitude", "NaN", "Must be degrees from -90 to 90."),
        ("longitude", "east", "Must be degrees from -180 to 180."),
        ("longitude", "", "Must be both coordinates, or none."),
        ("time_zone", "Mars/Olympus", "Must be a time zone such as Europe/Stockholm."),
        ("time_zone", "../../etc/passwd", "Must be a time zone such as Europe/Stockholm."),
        ("grid_limit_w", "-3", "Must be a number of kW up to 10000."),
        ("grid_limit_w", "1e99", "Must be a number of kW up to 10000."),
        ("help_phone", "call me", "Must be a phone number such as 08-123 456 78."),
    ],
)
def test_what_is_wrong_with_a_site_stands_at_its_field_and_nothing_is_lost(
    ada: FlaskClient, connection: Connection, field: str, value: str, words: str
) -> None:
    answer = send(ada, "site", {**SITE, field: value})
    assert wrong(answer, "site") == {field: words}
    assert kept(answer, "site") == {}
    assert one(connection, "SELECT count(*) FROM site") == 0


def test_two_sites_have_two_names(ada: FlaskClient, connection: Connection) -> None:
    add_site(connection, "Storgatan")
    answer = send(ada, "site", SITE)
    assert wrong(answer, "site") == {"name": "Must be a name that no other site has."}


# -- stations -------------------------------------------------------------------------------------

STATION = {"station_id": "KW-1", "site": "Ny plats", "evses": "2", "max_power_w": "22",
           "standard": "Type 2"}  # fmt: skip


def test_a_station_is_added_with_a_password_that_is_shown_once(
    ada: FlaskClient, connection: Connection
) -> None:
    words = said(send(ada, "station-new", STATION), "station-new")
    assert words.startswith("KW-1 is added.")
    password = words.split()[3]
    assert len(password) == 20
    rows = connection.execute(
        "SELECT e.evse_id, e.max_power_w, c.standard, t.name FROM evse e JOIN connector c"
        " USING (evse_key) JOIN station s USING (station_id) JOIN site t USING (site_id)"
    ).fetchall()
    assert rows == [(n, 22_000, "IEC_62196_T2", "Ny plats") for n in (1, 2)]
    assert password not in page(ada, "/app/admin/station/KW-1")
    [(actor, subject, detail)] = audit(connection, "station.add")
    assert (actor, subject) == (ADA, "KW-1")
    assert password not in str(detail)
    assert "exists" in said(send(ada, "station-new", STATION), "station-new")


@pytest.mark.parametrize(
    ("field", "value"),
    [("station_id", ""), ("station_id", "x" * 49), ("evses", "0"), ("evses", "two"),
     ("evses", "101"), ("max_power_w", "22 volts"), ("standard", "a plug")],
)  # fmt: skip
def test_what_is_wrong_with_a_station_stands_at_its_field(
    ada: FlaskClient, connection: Connection, field: str, value: str
) -> None:
    answer = send(ada, "station-new", {**STATION, field: value})
    assert list(wrong(answer, "station-new")) == [field]
    assert one(connection, "SELECT count(*) FROM station") == 0


def test_a_station_is_moved_traced_given_a_password_and_retired(
    ada: FlaskClient, connection: Connection
) -> None:
    site_id = add_site(connection, "Mora")
    add_evse(connection, None, "KW-1", "K7-0001")
    form = {"site": "mora", "router": "R1", "note": "behind the shop"}
    assert said(send(ada, "station-kept", form, "KW-1"), "station-kept") == "KW-1 is saved."
    found = one(connection, "SELECT site_id, router, note FROM station")
    assert found == (site_id, "R1", "behind the shop")
    lost = send(ada, "station-kept", {**form, "site": "Nowhere"}, "KW-1")
    assert wrong(lost, "station-kept") == {"site": "Must be the name of a site that is there."}
    press(ada, "station-own-deed", "trace", "KW-1")
    assert one(connection, "SELECT trace_until > now() + interval '23 hours' FROM station")
    press(ada, "station-own-deed", "untrace", "KW-1")
    words = said(press(ada, "station-own-deed", "password", "KW-1"), "station-own-deed")
    assert "must come in anew" in words
    press(ada, "station-own-deed", "retire", "KW-1")
    assert one(connection, "SELECT count(*) FROM evse_state") == 0
    assert "Retired" in page(ada, "/app/admin/station/KW-1")
    assert "KW-1" not in page(ada, "/app/admin/stations")
    assert "KW-1" not in page(ada, "/app/stations")
    assert load_queries("live").network(connection) == []
    press(ada, "station-own-deed", "back", "KW-1")
    assert one(connection, "SELECT count(*) FROM evse_state") == 1
    actions = connection.execute(
        "SELECT action FROM audit_log WHERE subject = 'KW-1' ORDER BY audit_id"
    ).fetchall()
    assert [action.partition(".")[2] for (action,) in actions] == [
        "change", "trace", "untrace", "password", "retire", "bring_back"
    ]  # fmt: skip


def test_a_station_where_a_car_charges_is_not_retired(
    ada: FlaskClient, connection: Connection
) -> None:
    key = add_evse(connection, None, "KW-1", "K7-0001")
    connection.execute(
        "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at)"
        " VALUES ('KW-1', 1, %s, 'T1', now())",
        [key],
    )
    words = said(press(ada, "station-own-deed", "retire", "KW-1"), "station-own-deed")
    assert words == "a vehicle is charging at KW-1: stop the session first"
    assert one(connection, "SELECT decommissioned_at FROM station") is None


def test_evses_are_added_and_changed_and_keep_their_codes_apart(
    ada: FlaskClient, connection: Connection
) -> None:
    add_evse(connection, None, "KW-1", "K7-0001")
    add_evse(connection, None, "KW-2", "K7-0002")
    form = {"evse_id": "1", "public_code": "", "max_power_w": "50", "standard": "CCS"}
    assert "Evse 1 of KW-1 is saved." in said(send(ada, "evse-kept", form, "KW-1"), "evse-kept")
    assert connection.execute(
        "SELECT public_code, max_power_w FROM evse WHERE station_id = 'KW-1'"
    ).fetchall() == [("K7-0001", 50_000)]
    send(ada, "evse-kept", {**form, "evse_id": "2"}, "KW-1")
    assert one(connection, "SELECT count(*) FROM evse WHERE station_id = 'KW-1'") == 2
    taken = send(ada, "evse-kept", {**form, "public_code": "K7-0002"}, "KW-1")
    assert wrong(taken, "evse-kept") == {"public_code": "Must be a code that no other evse has."}
    odd = send(ada, "evse-kept", {**form, "evse_id": "x", "public_code": "a b"}, "KW-1")
    assert set(wrong(odd, "evse-kept")) == {"evse_id", "public_code"}


def test_a_station_that_waits_is_approved_from_the_list(
    ada: FlaskClient, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO station (station_id, registration_status) VALUES ('NEW-1', 'Pending')"
    )
    assert "Approve" in page(ada, "/app/admin/stations", "?show=pending")
    assert "NEW-1 is approved" in said(
        press(ada, "station-deed", "approve", "NEW-1"), "station-deed"
    )
    assert one(connection, "SELECT registration_status FROM station") == "Accepted"
    again = said(press(ada, "station-deed", "approve", "NEW-1"), "station-deed")
    assert "no station NEW-1 is waiting" in again


def test_a_long_list_goes_on_at_an_address(ada: FlaskClient, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO station (station_id) SELECT 'S-' || to_char(n, 'FM000')"
        " FROM generate_series(1, 150) n"
    )
    first = page(ada, "/app/admin/stations")
    assert "S-100" in first
    assert "S-101" not in first
    assert "after=S-100" in first
    assert "S-150" in page(ada, "/app/admin/stations", "?after=S-100")
    assert "S-142" in page(ada, "/app/admin/stations", "?q=s-14")


# -- id tokens ------------------------------------------------------------------------------------

TOKEN = {"id_token": "04AB", "parent": "", "expires_at": "2027-01-31", "status": "Accepted",
         "concurrent": "no"}  # fmt: skip


def test_a_token_is_added_blocked_and_opened_again(
    ada: FlaskClient, connection: Connection
) -> None:
    assert "04AB is saved." in said(send(ada, "token-new", TOKEN), "token-new")
    press(ada, "token-deed", "block", "04ab")
    assert one(connection, "SELECT status FROM id_token") == "Blocked"
    assert "04AB" in page(ada, "/app/admin/tokens", "?status=Blocked&q=04a")
    assert "04AB" not in page(ada, "/app/admin/tokens", "?q=%25")
    press(ada, "token-deed", "unblock", "04AB")
    assert one(connection, "SELECT status FROM id_token") == "Accepted"
    [(_, _, detail)] = audit(connection, "token.block")
    assert detail == {"before": {"status": "Accepted"}, "after": {"status": "Blocked"}}


@pytest.mark.parametrize(
    ("field", "value"),
    [("id_token", ""), ("id_token", "x" * 256), ("expires_at", "soon"), ("status", "Perhaps")],
)
def test_what_is_wrong_with_a_token_stands_at_its_field(
    ada: FlaskClient, connection: Connection, field: str, value: str
) -> None:
    assert list(wrong(send(ada, "token-new", {**TOKEN, field: value}), "token-new")) == [field]
    assert one(connection, "SELECT count(*) FROM id_token") == 0


# -- people ---------------------------------------------------------------------------------------

PERSON = {"email": "bob@example.org", "name": "Bob", "role": "manager", "way": "password"}


def secret_of(words: str) -> str:
    """What is shown once: the longest word."""
    return max(words.split(), key=len)


def test_a_person_is_let_in_by_a_password_that_is_shown_once(
    app: Flask, ada: FlaskClient, connection: Connection
) -> None:
    words = said(send(ada, "user-new", PERSON), "user-new")
    [password] = [word for word in words.split() if len(word) == 20]
    client = app.test_client()
    log_in(client, "bob@example.org", password)
    assert "Manager" in client.get("/account").text
    assert password not in str(audit(connection, "user.add"))
    taken = send(ada, "user-new", {**PERSON, "email": "BOB@example.org"})
    assert wrong(taken, "user-new") == {"email": "Must be an address that no other account has."}


def log_in(client: FlaskClient, email: str, password: str) -> None:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
    assert token
    form = {"email": email, "password": password, "csrf_token": token[1]}
    assert client.post("/login", data=form).status_code == 302


def test_a_link_lets_a_person_choose_a_password_once(
    app: Flask, ada: FlaskClient, connection: Connection
) -> None:
    words = said(send(ada, "user-new", {**PERSON, "way": "link"}), "user-new")
    path = secret_of(words).removeprefix("http://localhost")
    assert path.startswith("/password/")
    client = app.test_client()
    assert choose(client, path, "short", "short").status_code == 400
    assert choose(client, path, "long enough", "otherwise").status_code == 400
    assert choose(client, path, "long enough", "long enough").location == "/login"
    log_in(app.test_client(), "bob@example.org", "long enough")
    assert choose(client, path, "once again", "once again").status_code == 410
    assert client.post(path, data={"password": "x" * 12, "again": "x" * 12}).status_code == 400
    assert path.rpartition("/")[2] not in str(audit(connection, "user.link"))


def choose(client: FlaskClient, path: str, password: str, again: str) -> Any:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert token
    return client.post(path, data={"password": password, "again": again, "csrf_token": token[1]})


def test_an_old_link_and_one_of_somebody_who_is_out_open_nothing(
    app: Flask, ada: FlaskClient, connection: Connection
) -> None:
    now = datetime.now(UTC)
    add_user(connection, "bob@example.org", "manager")
    user_id = number_of(connection, "bob@example.org")
    token = admin.make_link(connection, ADA, user_id, now)
    later = now + admin.LINK_GOOD_FOR + timedelta(seconds=1)
    assert admin.use_link(connection, token, "long enough", later) is None
    newer = admin.make_link(connection, ADA, user_id, now)
    assert admin.use_link(connection, token, "long enough", now) is None
    press(ada, "user-deed", "deactivate", user_id)
    assert admin.use_link(connection, newer, "long enough", now) is None


def test_a_changed_role_takes_effect_at_once(
    app: Flask, ada: FlaskClient, connection: Connection
) -> None:
    add_user(connection, ALICE, "operator")
    alice = signed_in(app)
    assert "You may not open this page" in page(alice, "/app/ledger")
    form = {"email": ALICE, "name": "", "role": "finance"}
    assert "Alice is now: Finance." in said(send(ada, "user-kept", form), "user-kept")
    assert "You may not open this page" not in page(alice, "/app/ledger")
    assert "You may not open this page" in page(alice, "/app/admin")
    unknown = send(ada, "user-kept", {**form, "email": "nobody@example.org"})
    assert list(wrong(unknown, "user-kept")) == ["email"]


def test_who_is_let_out_is_out_at_once_and_comes_in_again_later(
    app: Flask, ada: FlaskClient, connection: Connection
) -> None:
    add_user(connection, ALICE, "operator")
    alice = signed_in(app)
    user_id = number_of(connection, ALICE)
    press(ada, "user-deed", "deactivate", user_id)
    assert alice.get("/live").status_code == 401
    press(ada, "user-deed", "activate", user_id)
    assert alice.get("/account").status_code == 302  # the old session is over all the same
    assert signed_in(app).get("/account").status_code == 200
    words = said(press(ada, "user-deed", "password", user_id), "user-deed")
    assert "signed out everywhere" in words


def test_the_last_administrator_stays(ada: FlaskClient, connection: Connection) -> None:
    user_id = number_of(connection, ADA)
    words = said(press(ada, "user-deed", "deactivate", user_id), "user-deed")
    assert words == "this is the last administrator: make another one first"
    form = {"email": ADA, "name": "", "role": "operator"}
    assert "last administrator" in said(send(ada, "user-kept", form), "user-kept")
    assert one(connection, "SELECT role, is_active FROM app_user") == ("admin", True)
    add_user(connection, "bea@example.org", "admin")
    assert "is now: Control room." in said(send(ada, "user-kept", form), "user-kept")


def test_two_administrators_cannot_remove_each_other_at_once(
    database: str, connection: Connection
) -> None:
    add_user(connection, ADA, "admin")
    add_user(connection, "bea@example.org", "admin")
    rows = connection.execute("SELECT user_id FROM app_user ORDER BY user_id").fetchall()
    with connect(database) as other:
        with connection.transaction():
            admin.change_user(connection, ADA, rows[1][0], {"is_active": False})
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(Exception, match="lock timeout"):
                admin.change_user(other, "bea", rows[0][0], {"is_active": False})
        with pytest.raises(admin.LastAdminError):
            admin.change_user(other, "bea", rows[0][0], {"is_active": False})


# -- API tokens -----------------------------------------------------------------------------------


def test_an_api_token_is_shown_once_works_and_is_revoked(
    app: Flask, ada: FlaskClient, connection: Connection
) -> None:
    words = said(send(ada, "api-token-new", {"name": "meters", "scopes": "read"}), "api-token-new")
    [token] = [word for word in words.split() if word.startswith("kw_")]
    asks = {"Authorization": f"Bearer {token}"}
    client = app.test_client()
    assert client.get("/api/v1/sites", headers=asks).status_code == 200
    assert client.post("/api/v1/stations/X/commands", headers=asks).status_code == 403
    text = page(ada, "/app/admin/api-tokens")
    assert token not in text
    assert "meters" in text
    number = one(connection, "SELECT api_token_id FROM api_token")
    press(ada, "api-token-deed", "revoke", number)
    assert client.get("/api/v1/sites", headers=asks).status_code == 401
    assert "quicker" in said(press(ada, "api-token-deed", "revoke", number), "api-token-deed")
    again = send(ada, "api-token-new", {"name": "meters", "scopes": "read"})
    assert list(wrong(again, "api-token-new")) == ["name"]
    odd = send(ada, "api-token-new", {"name": "", "scopes": "everything"})
    assert set(wrong(odd, "api-token-new")) == {"name", "scopes"}
    assert token not in str(audit(connection, "api_token.add"))


# -- settings and the log -------------------------------------------------------------------------


def test_settings_are_shown_and_secrets_are_not(ada: FlaskClient) -> None:
    text = json.dumps(json.loads(page(ada, "/app/admin/settings")))
    assert "KILOWATCH_TIME_ZONE" in text
    assert "Europe/Stockholm" in text
    assert "set, not shown" in text
    assert "s" * 32 not in text
    assert "postgresql://" not in text


def test_the_log_is_filtered_by_who_what_whom_and_when(
    ada: FlaskClient, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO audit_log (at, actor, action, subject, detail) SELECT"
        " '2026-10-01 12:00+02'::timestamptz + n * interval '1 hour', 'bob@example.org',"
        ' \'token.block\', \'TAG-\' || n, \'{"before": {"status": "Accepted"}, "after":'
        ' {"status": "Blocked"}}\' FROM generate_series(1, 130) n'
    )
    text = page(ada, "/app/admin/audit", "?who=bob@example.org")
    assert "TAG-130" in text
    assert 'TAG-30"' not in text
    assert "status: Accepted \\u2192 Blocked" in text
    assert "after=" in text
    older = page(
        ada, "/app/admin/audit", "?who=bob@example.org&after=2026-10-02T00:00:00%2B00:00+9"
    )
    assert 'TAG-13"' in older
    assert 'TAG-14"' not in older
    day = page(ada, "/app/admin/audit", "?what=token.block&from=2026-10-02&until=2026-10-02")
    assert 'TAG-12"' in day
    assert 'TAG-36"' not in day
    assert 'TAG-7"' in page(ada, "/app/admin/audit", "?whom=tag-7")
    assert "Nothing was written down" in page(ada, "/app/admin/audit", "?whom=%25")


def test_the_log_as_a_file_holds_all_lines_and_no_formula(
    ada: FlaskClient, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO audit_log (actor, action, subject) SELECT 'eve', 'token.add', '=1+' || n"
        " FROM generate_series(1, 1500) n"
    )
    answer = ada.get("/app/download/audit.csv?who=eve")
    lines = answer.text.strip().split("\r\n")
    assert len(lines) == 1501
    assert "'=1+1500" in answer.text
    assert ",=1+" not in answer.text


# -- one way for both -----------------------------------------------------------------------------


def test_the_command_line_writes_the_same_lines(connection: Connection) -> None:
    options: dict[str, Any] = {"site": "Mora", "evses": 1, "max_power_w": None, "standard": None}
    stations.add_station(connection, "command line", "S1", "a password", **options)
    tokens.put_token(connection, "command line", "TAG", "Accepted", None, concurrent=False)
    admin.put_user(connection, ADA, "Ada", "admin", PASSWORD)
    site_id = one(connection, "SELECT site_id FROM site")
    rows = connection.execute("SELECT actor, action, subject FROM audit_log ORDER BY audit_id")
    assert [row[1:] for row in rows] == [
        ("site.add", f"site {site_id}"), ("station.add", "S1"),
        ("token.add", "TAG"), ("user.add", ADA),
    ]  # fmt: skip


def test_every_sentence_of_the_layers_below_can_be_translated() -> None:
    """What sql/fields.py, sql/admin and dashboard/admin.py raise is named in admin_words.py."""
    raised: set[str] = set()
    for path in [*ROOT.glob("sql/**/*.py"), *ROOT.glob("dashboard/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                place = {"FieldError": 2, "RefusedError": 0, "LastAdminError": 0}.get(
                    _name(node.func)
                )
                if place is not None and len(node.args) > place:
                    raised.add(ast.literal_eval(node.args[place]))
    assert raised == {*admin_words.EXPECTED, *admin_words.REFUSALS}


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


# -- imports --------------------------------------------------------------------------------------

CSV = b"station_id,evse_id\nKW-1,1\nKW-2,x\n"


def upload(
    client: FlaskClient, content: bytes = CSV, csrf: str | None = None, **asked: str
) -> TestResponse:
    """As assets/staff/admin.js sends a file."""
    if csrf is None:
        found = re.search(r'"data-csrf":\s*"([^"]+)"', page(client, "/app/admin/imports"))
        csrf = found[1] if found else ""
    query = {"kind": "stations", "name": "list.csv", "trial": "no", **asked}
    return client.post("/app/admin/import", query_string=query, data=content,
                       headers={"X-CSRFToken": csrf})  # fmt: skip


def test_an_uploaded_file_is_imported_and_its_refused_rows_are_listed(
    ada: FlaskClient, connection: Connection
) -> None:
    answer = upload(ada)
    assert answer.status_code == 200, answer.text
    number = answer.json["request_id"]  # type: ignore[index]
    path, query = "/app/admin/imports", f"?import={number}"
    assert "It is read as soon as" in page(ada, path, query)
    take_imports(connection)
    text = page(ada, path, query)
    assert "expected a whole number from 1 to 100, found x" in text
    run = one(connection, "SELECT run_id FROM import_request")
    assert f"/app/download/refused.csv?run={run}" in json.dumps(json.loads(text))
    lines = ada.get(f"/app/download/refused.csv?run={run}").text.splitlines()
    assert lines[1].startswith("3,evse_id,")
    assert "KW-2" in lines[1]
    [(actor, _, detail)] = audit(connection, "import.ask")
    assert (actor, detail["after"]["file_name"]) == (ADA, "list.csv")


def test_a_trial_keeps_what_would_be_refused(ada: FlaskClient, connection: Connection) -> None:
    number = upload(ada, trial="yes").json["request_id"]  # type: ignore[index]
    take_imports(connection)
    text = page(ada, "/app/admin/imports", f"?import={number}")
    assert "trial: nothing is changed" in text
    assert "found x" in text
    assert one(connection, "SELECT count(*) FROM station") == 0


@pytest.mark.parametrize(
    ("asked", "content", "status", "field"),
    [
        ({"kind": "secrets"}, CSV, 422, "kind"),
        ({"name": ""}, CSV, 422, "file"),
        ({}, b"", 422, "file"),
        ({"time_zone": "Mars"}, CSV, 422, "time_zone"),
        ({"decimal": ";"}, CSV, 422, "decimal"),
        ({"format": "docx"}, CSV, 422, "format"),
        ({"csrf": "invented"}, CSV, 400, "file"),
    ],
)
def test_what_is_wrong_with_an_upload_stands_at_its_field(
    ada: FlaskClient, connection: Connection, asked: dict[str, str], content: bytes, status: int,
    field: str,
) -> None:  # fmt: skip
    answer = upload(ada, content, **asked)
    assert answer.status_code == status
    assert list(answer.json["errors"]) == [field]  # type: ignore[index]
    assert one(connection, "SELECT count(*) FROM import_request") == 0


def test_a_file_is_not_taken_twice_at_once_nor_beyond_its_size(
    ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upload(ada).status_code == 200
    assert "being imported already" in upload(ada).text
    monkeypatch.setattr(import_upload, "MOST_BYTES", 10)
    assert upload(ada, b"x" * 11).status_code == 413


def test_who_watches_imports_is_told_live(
    app: Flask, ada: FlaskClient, connection: Connection
) -> None:
    hub = hub_of(app)
    hub.start()
    assert hub.ready.wait(10)
    reader = Reader(events(hub, hub.staff))
    reader.next("snapshot")
    number = upload(ada).json["request_id"]  # type: ignore[index]
    assert reader.next("finance")[1]["finance"] == {"imports": [number]}


def test_the_stream_of_somebody_who_is_let_out_ends(app: Flask, connection: Connection) -> None:
    add_user(connection, ALICE, "operator")
    hub = hub_of(app)
    hub.start()
    assert hub.ready.wait(10)
    user_id = number_of(connection, ALICE)

    def is_active() -> bool:
        row = connection.execute("SELECT is_active FROM app_user WHERE user_id = %s", [user_id])
        return bool((row.fetchone() or [False])[0])

    stream = events(hub, hub.staff, may_look=is_active)
    Reader(stream).next("snapshot")
    admin.change_user(connection, ADA, user_id, {"is_active": False})
    for _ in range(20):  # beats until the hub has heard of it
        if next(stream, None) is None:
            break
    assert next(stream, None) is None
