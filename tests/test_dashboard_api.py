"""The JSON API: tokens, pages, clear refusals, and commands that wait for their answer."""

import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb
from werkzeug.test import TestResponse

from dashboard.openapi import openapi
from sql.database import Connection, connect
from tests.web import add_evse, add_site, web_app

READER, ACTOR = {"Authorization": "Bearer r-token"}, {"Authorization": "bearer c-token"}
DAY = datetime(2026, 11, 20, 23, tzinfo=UTC)  # midnight in Stockholm


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    for name, secret, scopes in (
        ("carol", "r-token", ["read"]),
        ("bot", "c-token", ["command", "read"]),
    ):
        connection.execute(
            "INSERT INTO api_token (name, token_hash, scopes) VALUES (%s, %s, %s)",
            [name, hashlib.sha256(secret.encode()).digest(), scopes],
        )
    site = add_site(connection, "Kvarnholmen", "Nacka", (59.33, 18.06))
    add_evse(connection, site, "KVH-01", "KX-4172")
    add_evse(connection, site, "KVH-01", "KX-4173", status="Faulted")
    add_evse(connection, None, "NEW/01", "NY-0001", online=False)
    with web_app(database) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1{path}", headers=READER)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def add_session(connection: Connection, number: int, started_at: datetime) -> None:
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh) VALUES (%s, 'KVH-01', 1, 1, %s, %s, 1000)",
        [number, str(number), started_at],
    )


def test_without_a_valid_token_nothing_is_told(client: FlaskClient, connection: Connection) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eA=="}):
        answer = client.get("/api/v1/stations", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.get_json()["error"]["code"] == "unauthorized"
    connection.execute("UPDATE api_token SET revoked_at = now()")
    assert client.get("/api/v1/stations", headers=READER).status_code == 401


def test_a_token_only_does_what_its_scopes_allow(client: FlaskClient) -> None:
    answer = client.post(
        "/api/v1/stations/KVH-01/commands", headers=READER, json={"action": "Reset"}
    )
    assert answer.status_code == 403
    assert answer.get_json()["error"]["expected"] == "command"


def test_when_a_token_was_last_used_is_kept(client: FlaskClient, connection: Connection) -> None:
    get(client, "/sites")
    row = connection.execute("SELECT name FROM api_token WHERE last_used_at IS NOT NULL").fetchall()
    assert row == [("carol",)]


def test_sites_say_how_many_evses_are_free(client: FlaskClient) -> None:
    [site] = get(client, "/sites")["sites"]
    assert (site["name"], site["evses"], site["available"]) == ("Kvarnholmen", 2, 1)


def test_stations_come_with_their_evses_page_by_page(client: FlaskClient) -> None:
    first = get(client, "/stations?limit=1")
    assert [s["station_id"] for s in first["stations"]] == ["KVH-01"]
    assert [e["state"] for e in first["stations"][0]["evses"]] == ["available", "faulted"]
    second = get(client, f"/stations?limit=1&cursor={first['next_cursor']}")
    assert [s["station_id"] for s in second["stations"]] == ["NEW/01"]
    assert second["next_cursor"] is None
    assert get(client, "/stations?site_id=1")["stations"][0]["site_id"] == 1


def test_one_station_is_found_by_its_id_even_with_a_slash(client: FlaskClient) -> None:
    assert get(client, "/stations/NEW/01")["evses"][0]["state"] == "unknown"
    seen = get(client, "/stations/KVH-01")["last_seen_at"]
    assert seen.endswith("Z") or "+00:00" in seen
    assert get(client, "/stations/none", 404)["error"]["field"] == "station_id"


def test_sessions_are_paged_without_losing_or_repeating_any(
    client: FlaskClient, connection: Connection
) -> None:
    for number in range(5):
        add_session(connection, number + 1, DAY + timedelta(hours=number // 2))
    seen, cursor = [], ""
    while cursor is not None:
        page = get(client, f"/sessions?limit=2{'&cursor=' + cursor if cursor else ''}")
        seen += [session["session_id"] for session in page["sessions"]]
        cursor = page["next_cursor"]
    assert seen == [5, 4, 3, 2, 1]


def test_sessions_of_a_day_begin_at_the_operators_midnight(
    client: FlaskClient, connection: Connection
) -> None:
    add_session(connection, 1, DAY - timedelta(seconds=1))
    add_session(connection, 2, DAY)
    found = get(client, "/sessions?from=2026-11-21&to=2026-11-22&station_id=KVH-01")["sessions"]
    assert [session["session_id"] for session in found] == [2]
    exact = get(client, "/sessions?from=2026-11-21T00:00:00+01:00&to=2026-11-21T01:00:00Z")
    assert len(exact["sessions"]) == 1


def test_energy_adds_up_on_every_grain(client: FlaskClient, connection: Connection) -> None:
    for hour, delta in ((0, 700), (1, 300), (24, 50)):
        at = DAY + timedelta(hours=hour, minutes=5)
        connection.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " reading_hash, energy_delta_wh, power_w, source)"
            " VALUES (1, 'KVH-01', 1, %s, %s, %s, %s, 11000, 'meter')",
            [at, at, hour, delta],
        )
    span = "from=2026-11-21&to=2026-11-23"
    totals = {
        grain: [row["energy_wh"] for row in get(client, f"/energy?grain={grain}&{span}")["energy"]]
        for grain in ("hour", "day")
    }
    assert totals == {"hour": [700, 300, 50], "day": [1000, 50]}
    month = get(client, "/energy?grain=month&from=2026-11-01&to=2026-12-01&station_id=KVH-01")
    assert month["energy"][0]["energy_wh"] == 1050
    assert get(client, "/energy?from=2026-11-21&station_id=other")["energy"] == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/sessions?limit=0", "limit"), ("/sessions?limit=many", "limit"),
        ("/sessions?limit=100000000000", "limit"), ("/sessions?from=yesterday", "from"),
        ("/sessions?from=2026-11-21T10:00", "from"), ("/sessions?cursor=%%%", "cursor"),
        ("/sessions?cursor=bm90aGluZw==", "cursor"),
        ("/sessions?from=2026-11-22&to=2026-11-21", "to"), ("/energy?grain=week", "grain"),
        ("/energy?grain=hour&from=2026-01-01&to=2026-06-01", "to"),
        ("/stations?site_id=x", "site_id"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_its_field_and_what_was_expected(
    client: FlaskClient, path: str, field: str
) -> None:
    error = get(client, path, 422)["error"]
    assert error["field"] == field
    assert error["expected"]
    assert "got" in error


def order(client: FlaskClient, body: Any, path: str = "KVH-01/commands?timeout=5") -> TestResponse:
    return client.post(f"/api/v1/stations/{path}", headers=ACTOR, json=body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"), ({}, "action"), ({"action": 7}, "action"),
        ({"action": "Drop table"}, "action"),
        ({"action": "Reset", "payload": []}, "payload"), ({"action": "Reset", "extra": 1}, "extra"),
    ],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_never_queued(
    client: FlaskClient, connection: Connection, body: Any, field: str
) -> None:
    answer = order(client, body)
    assert answer.status_code == 422
    assert answer.get_json()["error"]["field"] == field
    assert connection.execute("SELECT count(*) FROM command").fetchone() == (0,)


def test_unreadable_and_oversized_bodies_are_refused(client: FlaskClient) -> None:
    path = "/api/v1/stations/KVH-01/commands"
    assert client.post(path, headers=ACTOR, data="{nonsense").status_code == 422
    assert client.post(path, headers=ACTOR, data="x" * 100_001).status_code == 413
    assert order(client, {"action": "Reset"}, "KVH-01/commands?timeout=121").status_code == 422
    assert order(client, {"action": "Reset"}, "nobody/commands").status_code == 404


@pytest.fixture
def ingest(database: str) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """The other side: waits for a command and finishes it as told."""
    threads: list[threading.Thread] = []

    def finish(status: str, response: dict[str, Any]) -> None:
        listener = connect(database)
        listener.execute("LISTEN command")

        def work() -> None:
            with listener:
                assert list(listener.notifies(timeout=10, stop_after=1))
                listener.execute(
                    "UPDATE command SET status = %s, response = %s, finished_at = now()",
                    [status, Jsonb(response)],
                )

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield finish
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("status", "response", "http"),
    [
        ("answered", {"status": "Accepted"}, 200),
        ("unknown", {"error": "Timeout"}, 200),
        ("refused", {"error": "StationOffline"}, 409),
        ("refused", {"error": "Expired"}, 409),
        ("refused", {"error": "InvalidPayload", "detail": "type: required"}, 422),
    ],
)
def test_a_command_is_answered_with_what_became_of_it(
    client: FlaskClient, ingest: Callable[..., None], status: str, response: Any, http: int
) -> None:
    ingest(status, response)
    answer = order(client, {"action": "Reset", "payload": {"type": "Soft"}})
    body = answer.get_json()
    assert answer.status_code == http
    assert (body["status"], body["response"]) == (status, response)
    assert get(client, f"/commands/{body['command_id']}")["payload"] == {"type": "Soft"}


def test_a_command_still_open_is_202_and_can_be_asked_about(client: FlaskClient) -> None:
    for path in ("KVH-01/commands?timeout=0", "NEW/01/commands?timeout=0.05"):
        answer = order(client, {"action": "Reset"}, path)
        assert answer.status_code == 202
        number = answer.get_json()["command_id"]
        assert get(client, f"/commands/{number}")["status"] == "queued"
    assert get(client, "/commands/999", 404)["error"]["code"] == "unknown_command"


def test_every_command_is_written_down_with_its_token(
    client: FlaskClient, connection: Connection
) -> None:
    order(client, {"action": "Reset"}, "KVH-01/commands?timeout=0")
    row = connection.execute("SELECT actor, action, subject, detail FROM audit_log").fetchone()
    assert row
    assert row[:3] == ("api:bot", "command", "KVH-01")
    assert row[3]["action"] == "Reset"


@pytest.mark.parametrize(
    "path",
    [
        "/sessions?limit=99999999999", "/sessions?station_id=%00", "/sessions?cursor=%00",
        "/energy?from=9999-12-31T00:00:00Z", "/energy?to=0001-01-01T00:00:00Z", "/stations/%00",
        "/stations?site_id=9999999999",
    ],
)  # fmt: skip
def test_values_nobody_can_keep_are_the_asker_s_mistake(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/api/v1{path}", headers=READER)
    assert answer.status_code in (404, 422), answer.text
    assert answer.get_json()["error"]


def test_a_body_in_chunks_has_a_limit_too(client: FlaskClient) -> None:
    answer = client.post(
        "/api/v1/stations/KVH-01/commands",
        headers=ACTOR,
        input_stream=io.BytesIO(b" " * 200_000),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


def test_unknown_addresses_and_methods_are_answered_in_json(client: FlaskClient) -> None:
    assert client.get("/api/v1/nothing").get_json()["error"]["code"] == "not_found"
    assert client.delete("/api/v1/sites", headers=READER).get_json()["error"]["code"]
    assert client.delete("/").status_code == 405


def test_the_description_names_every_address_there_is(app: Flask, client: FlaskClient) -> None:
    described = client.get("/api/v1/openapi.json").get_json()["paths"]
    served = {
        re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
    }
    assert set(described) == served - {"/openapi.json", "/docs", "/{rest}"}


def test_answers_have_exactly_the_described_fields(
    client: FlaskClient, connection: Connection
) -> None:
    add_session(connection, 1, DAY)
    schemas = openapi("http://x/")["components"]["schemas"]
    station = get(client, "/stations/KVH-01")
    samples = {
        "Station": station,
        "Evse": station["evses"][0],
        "Site": get(client, "/sites")["sites"][0],
        "Session": get(client, "/sessions")["sessions"][0],
    }
    for name, sample in samples.items():
        assert set(sample) == set(schemas[name]["properties"]), name


def test_the_documentation_can_be_read_without_a_token(client: FlaskClient) -> None:
    page = client.get("/api/v1/docs").text
    assert "/stations/{station_id}/commands" in page
    assert json.dumps({"action": "Reset"})[:10] in page.replace("&#34;", '"')
