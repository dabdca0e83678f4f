"""What the pages say: verdicts, commands, messages, energy; in both languages."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard import data, load
from dashboard.pages.energy_view import View, buckets
from dashboard.pages.station_connect import ocpp_address
from dashboard.pages.station_log import pretty
from dashboard.pages.station_past import stretches
from dashboard.periods import last_days
from sql.database import Connection
from sql.settings import Settings
from tests.staff import page, signed_in, staff_app
from tests.web import add_evse, add_site, add_user

MARKUP = "<img src=x onerror=alert(1)>"
NOW = datetime(2026, 11, 22, 16, 42, tzinfo=UTC)


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with staff_app(database) as app:
        yield app


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app)


@pytest.fixture
def evse_key(connection: Connection) -> int:
    return add_evse(connection, add_site(connection, "Ödeshög E4"), "ODH-01", "K7-0001")


def start_session(connection: Connection, evse_key: int, version: str = "1.6") -> None:
    connection.execute("UPDATE station SET ocpp_version = %s", [version])
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh, power_w, id_token)"
        " VALUES (77, 'ODH-01', 1, %s, '77', now() - interval '21 minutes', 31420, 87400, 'TAG')",
        [evse_key],
    )


def add_reading(connection: Connection, evse_key: int, at: datetime, delta_wh: int) -> None:
    connection.execute(
        "INSERT INTO meter_value (measured_at, received_at, session_id, reading_hash, energy_wh,"
        " energy_delta_wh, evse_key, evse_id, power_w, station_id, source)"
        " VALUES (%s, now(), 77, %s, 0, %s, %s, 1, 50000, 'ODH-01', 'meter')",
        [at, int(at.timestamp()), delta_wh, evse_key],
    )


def press(client: FlaskClient, name: str, evse_id: int = 1, station_id: str = "ODH-01") -> Any:
    """Press one of the command buttons as the page does."""
    names = ["start", "stop", "unlock", "restart", "out", "back", "logs"]
    return callback(
        client,
        "command-notice.children",
        [(f"command-{n}", "n_clicks", 1 if n == name else None) for n in names],
        [("command-evse", "value", evse_id), ("command-token", "value", "TAG"),
         ("station-id", "data", station_id)],
    )  # fmt: skip


def callback(client: FlaskClient, first_output: str, inputs: list[Any], state: list[Any]) -> Any:
    """Call the callback with these inputs; its dependencies tell its outputs."""
    known = client.get("/app/_dash-dependencies").json
    ids = [f"{i}.{p}" for i, p, _ in inputs]
    found = next(
        d for d in known
        if [f"{i['id']}.{i['property']}" for i in d["inputs"]] == ids
        and first_output in d["output"]
    )  # fmt: skip
    outputs = [
        dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
        for part in re.split(r"\.\.\.", found["output"].strip("."))
    ]
    triggered = next((f"{i}.{p}" for i, p, v in inputs if v is not None), ids[0])
    body = {
        "output": found["output"],
        "outputs": outputs if found["output"].startswith("..") else outputs[0],
        "inputs": [{"id": i, "property": p, "value": v} for i, p, v in inputs],
        "state": [{"id": i, "property": p, "value": v} for i, p, v in state],
        "changedPropIds": [triggered],
    }
    return client.post("/app/_dash-update-component", json=body)


def commands(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT action, payload, requested_by FROM command ORDER BY command_id"
    ).fetchall()


def test_an_empty_database_gives_calm_pages(alice: FlaskClient) -> None:
    assert "No stations yet" in page(alice, "/app/stations")
    assert "No energy in this period" in page(alice, "/app/energy")
    assert '"id":"board"' in page(alice, "/app/").replace(" ", "")


def test_an_unknown_station_is_named_as_such(alice: FlaskClient) -> None:
    assert "No station is called NOPE" in page(alice, "/app/station/NOPE")


def test_markup_in_names_stays_text(alice: FlaskClient, connection: Connection) -> None:
    add_evse(connection, add_site(connection, MARKUP), "A&B <b>", MARKUP)
    text = page(alice, "/app/station/A%26B%20%3Cb%3E")
    assert "dangerously_allow_html" not in text
    assert "innerHTML" not in text
    # Dash carries texts as JSON children, which React writes as texts
    assert json.dumps(MARKUP) in text.replace("\\u003c", "<").replace("\\u003e", ">")


def test_the_verdict_says_what_is_wrong_since_when_and_what_works(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    add_evse(connection, None, "ODH-01", "K7-0002")
    connection.execute(
        "UPDATE connector SET status = 'Faulted', error_code = 'ConnectorLockFailure'"
        " WHERE evse_key = %s", [evse_key],
    )  # fmt: skip
    text = page(alice, "/app/station/ODH-01")
    assert "Evse 1: Fault: connector lock failed since" in text
    assert "Evse 2 works." in text


def test_a_station_without_contact_says_since_when(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    connection.execute("UPDATE station SET is_online = false, contact_changed_at = now()")
    assert "No contact since" in page(alice, "/app/station/ODH-01")


def test_the_page_speaks_swedish(app: Flask, evse_key: int) -> None:
    anna = signed_in(app, language="sv")
    text = page(anna, "/app/station/ODH-01")
    assert "Ta ur drift" in text
    assert "Stationer" in text


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [("1.6", "RemoteStartTransaction", {"connectorId": 1, "idTag": "TAG"}),
     ("2.0.1", "RequestStartTransaction", {"evseId": 1})],
)  # fmt: skip
def test_start_is_queued_in_the_words_of_the_version(
    alice: FlaskClient, connection: Connection, evse_key: int,
    version: str, action: str, payload: dict[str, Any],
) -> None:  # fmt: skip
    connection.execute("UPDATE station SET ocpp_version = %s", [version])
    answer = press(alice, "start")
    assert "sent 1" in answer.text  # which has the trail drawn anew
    [(queued, sent, requested_by)] = commands(connection)
    assert (queued, requested_by) == (action, "alice@example.org")
    assert sent.items() >= payload.items()


def test_whoever_asked_for_a_command_is_in_the_audit_log(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    press(alice, "unlock")
    rows = connection.execute(
        "SELECT actor, action, subject FROM audit_log WHERE action = 'UnlockConnector'"
    ).fetchall()
    assert rows == [("alice@example.org", "UnlockConnector", "ODH-01")]


def test_stop_names_the_running_session(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    assert "No session is running on evse 1" in press(alice, "stop").text
    start_session(connection, evse_key)
    press(alice, "stop")
    assert commands(connection)[0][:2] == ("RemoteStopTransaction", {"transactionId": 77})


def test_restart_asks_first_when_a_car_is_charging(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    start_session(connection, evse_key)
    answer = press(alice, "restart")
    assert "A car is charging here (31.42" in answer.text
    assert commands(connection) == []
    callback(
        alice, "command-notice.children", [("command-sure", "n_clicks", 1)],
        [("command-pending", "data", ["restart", 1]), ("station-id", "data", "ODH-01")],
    )  # fmt: skip
    assert commands(connection)[0][:2] == ("Reset", {"type": "Soft"})


def test_a_manager_may_look_but_not_act(app: Flask, connection: Connection, evse_key: int) -> None:
    add_user(connection, "bob@example.org", "manager")
    bob = signed_in(app, "bob@example.org")
    assert "Your role may look, not act" in page(bob, "/app/station/ODH-01")
    assert press(bob, "restart").status_code == 403
    assert commands(connection) == []


def test_a_payload_that_is_no_json_is_said_and_not_sent(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    def send(payload: str) -> Any:
        return callback(
            alice, "command-notice.children", [("expert-send", "n_clicks", 1)],
            [("expert-action", "value", "ClearCache"), ("expert-payload", "value", payload),
             ("station-id", "data", "ODH-01")],
        )  # fmt: skip

    assert "The payload is not JSON" in send("{").text
    assert "must be an object" in send("[1]").text
    assert commands(connection) == []
    send("{}")
    assert commands(connection)[0][0] == "ClearCache"


def test_messages_are_filtered_and_heartbeats_hidden(
    app: Flask, connection: Connection, evse_key: int
) -> None:
    connection.execute(
        "INSERT INTO message_log (station_id, received_at, direction, message_id, action, frame,"
        " error_code) VALUES ('ODH-01', now(), 'in', '1', 'Heartbeat', '[2,\"1\"]', NULL),"
        " ('ODH-01', now(), 'in', '2', 'MeterValues', '[2]', 'FormationViolation'),"
        " ('ODH-01', now(), 'out', '3', 'Reset', '[2]', NULL)"
    )
    with app.app_context():

        def actions(**wanted: Any) -> list[str]:
            rows = data.read_messages("ODH-01", data.MessageFilter(**wanted))
            return sorted(row["action"] for row in rows)

        assert actions() == ["MeterValues", "Reset"]
        assert actions(hide_heartbeats=False) == ["Heartbeat", "MeterValues", "Reset"]
        assert actions(direction="out") == ["Reset"]
        assert actions(errors_only=True) == ["MeterValues"]
        assert actions(action="meter") == ["MeterValues"]
        assert data.count_messages("ODH-01") == {"messages": 3, "heartbeats": 1}


def test_the_curve_of_a_session_ends_at_its_energy(
    app: Flask, connection: Connection, evse_key: int
) -> None:
    start_session(connection, evse_key)
    begin = datetime.now(UTC) - timedelta(minutes=20)
    for minute in range(20):
        add_reading(connection, evse_key, begin + timedelta(minutes=minute), 1571)
    with app.app_context():
        found = data.read_station("ODH-01")
        assert found is not None
        curve = data.read_curve(found.evses[0])
    assert curve[-1]["counted_wh"] == 31420
    assert [row["counted_wh"] for row in curve] == sorted(row["counted_wh"] for row in curve)


@pytest.mark.parametrize("grain", ["hour", "day", "month"])
def test_the_sum_of_an_energy_view_is_the_sum_of_its_bars(
    app: Flask, connection: Connection, evse_key: int, grain: str
) -> None:
    now = datetime.now(UTC)
    for hours in range(1, 60, 7):
        add_reading(connection, evse_key, now - timedelta(hours=hours), 1000 + hours)
    total = sum(1000 + hours for hours in range(1, 60, 7))
    with app.app_context():
        period = last_days(now.astimezone(Settings().zone).date(), 45, Settings().zone)
        found = load.read_energy(grain, period, None)
        nothing = load.read_energy(grain, period, ["OTHER"])
    assert found.total_wh == total
    assert sum(row["energy_wh"] for row in found.by_station) == total
    assert (nothing.total_wh, nothing.buckets) == (0, {})


def test_an_energy_page_shows_its_sum_and_keeps_its_filters(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    add_reading(connection, evse_key, datetime.now(UTC) - timedelta(seconds=1), 42_420)
    text = page(alice, "/app/energy", "?range=7d&station=ODH-01")
    assert "42.42" in text
    assert "range=30d&station=ODH-01" in text
    assert "Complete as of" in text


def test_late_readings_move_complete_as_of_back(app: Flask, connection: Connection) -> None:
    now = datetime.now(UTC)
    connection.execute(
        "INSERT INTO rollup_refresh_request (from_at, to_at) VALUES (%s, %s)",
        [now - timedelta(hours=5), now],
    )
    with app.app_context():
        period = last_days(now.date(), 2, Settings().zone)
        found = load.read_energy("day", period, None)
    assert found.complete_until == now - timedelta(hours=5)


@pytest.mark.parametrize(
    "address",
    [{}, {"range": "nonsense"}, {"grain": "second"}, {"range": "12m", "grain": "hour"},
     {"site": "'; DROP TABLE session"}, {"station": MARKUP}],
)  # fmt: skip
def test_odd_addresses_give_a_usable_energy_page(
    alice: FlaskClient, address: dict[str, str]
) -> None:
    view = View.read(address, date(2026, 11, 23))
    assert view.range in ("30d", "12m")
    assert "Energy and load" in page(alice, "/app/energy", "?" + view.href().partition("?")[2])


def test_days_of_23_and_25_hours_have_so_many_bars() -> None:
    zone = Settings().zone
    for day, hours in ((datetime(2026, 3, 29, tzinfo=zone), 23),
                       (datetime(2026, 10, 25, tzinfo=zone), 25)):  # fmt: skip
        end = (day.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        assert len(buckets("hour", day, end, zone)) == hours
        assert len(buckets("day", day, end, zone)) == 1


def test_time_without_contact_is_unknown_in_the_timeline() -> None:
    evse = {"is_online": False, "contact_changed_at": NOW - timedelta(hours=6),
            "state_since": NOW - timedelta(hours=6), "state": "unknown"}  # fmt: skip
    rows = [{"status": "Available", "charging_state": None, "status_at": NOW - timedelta(hours=30)},
            {"status": "Occupied", "charging_state": "Charging",
             "status_at": NOW - timedelta(hours=12)}]  # fmt: skip
    found = stretches(evse, rows, NOW - timedelta(hours=24), NOW)
    assert found == [("available", 0, 12), ("charging", 12, 18), ("unknown", 18, 24)]


def test_a_frame_that_is_no_json_is_shown_as_it_came() -> None:
    assert pretty("[2,") == "[2,"
    assert pretty('{"a":1}') == '{\n  "a": 1\n}'


def test_a_station_that_has_never_connected_is_told_how_and_blamed_for_nothing(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    never = "UPDATE station SET is_online = false, last_seen_at = NULL, contact_changed_at = NULL"
    connection.execute(f"{never}, password_hash = '$argon2id$secret'")
    text = page(alice, "/app/station/ODH-01").replace("\\u002f", "/")
    assert "Not connected yet" in text
    assert "ws://127.0.0.1:9000/ocpp/ODH-01" in text
    assert "verdict warn" not in text
    assert "argon2" not in text
    assert "Not connected yet" in page(alice, "/app/stations")
    connection.execute("UPDATE station SET is_online = true, contact_changed_at = now()")
    assert "How to connect it" not in page(alice, "/app/station/ODH-01")


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "ws://127.0.0.1:9000/ocpp/A%2FB"),
        ({"ocpp_host": "0.0.0.0"}, "ws://board.example:9000/ocpp/A%2FB"),
        ({"ocpp_host": "0.0.0.0", "public_url": "https://ev.example"},
         "ws://ev.example:9000/ocpp/A%2FB"),
        ({"ocpp_host": "::", "ocpp_port": 443, "tls_cert": "/c.pem"},
         "wss://board.example:443/ocpp/A%2FB"),
    ],
)  # fmt: skip
def test_the_address_to_connect_to_is_one_the_station_can_reach(
    settings: dict[str, Any], address: str
) -> None:
    given = Settings(database_url="", secret_key="s" * 32, **settings)
    assert ocpp_address(given, "board.example:8050", "A/B") == address
