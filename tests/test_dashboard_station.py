"""The station page beside its evses: attempts, notes, marks, parts, and log files."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard import station_logs
from dashboard.commands import progress, restart
from sql.database import Connection
from tests.staff import page, signed_in, staff_app
from tests.test_dashboard_pages import callback, press
from tests.web import ALICE, add_evse, add_site, add_user

MANAGER = "mia@example.org"
PATH = "/app/station/ODH-01"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection, ALICE, "operator")
    add_user(connection, MANAGER, "manager")
    with staff_app(database) as app:
        yield app


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app)


@pytest.fixture
def evse_key(connection: Connection) -> int:
    site_id = add_site(connection, "Ödeshög E4", "Ödeshög")
    add_evse(connection, site_id, "ODH-02", "K7-0003")
    key = add_evse(connection, site_id, "ODH-01", "K7-0001")
    add_evse(connection, site_id, "ODH-01", "K7-0002")
    connection.execute("UPDATE station SET ocpp_version = '2.0.1'")
    return key


def add_attempt(
    connection: Connection, evse_key: int, minutes: int, outcome: str, reason: str | None = None,
    energy_wh: int = 0, session_id: int | None = None,
) -> None:  # fmt: skip
    connection.execute("INSERT INTO station_build (vendor) VALUES ('V') ON CONFLICT DO NOTHING")
    connection.execute(
        "INSERT INTO attempt (key, station_id, evse_id, evse_key, build_id, id_token, session_id,"
        " started_at, ended_at, stage, is_authorised, outcome, reason, energy_wh, visitor)"
        " SELECT 'k' || gen_random_uuid(), station_id, evse_id, evse_key,"
        " (SELECT min(build_id) FROM station_build), '04A2B3C4D5', %s,"
        " now() - %s * interval '1 minute', now() - %s * interval '1 minute', 'charge', true, %s,"
        " %s, %s, 'v' FROM evse WHERE evse_key = %s",
        [session_id, minutes, minutes - 1, outcome, reason, energy_wh, evse_key],
    )


def test_attempts_are_told_with_reasons_and_a_streak_of_failures_is_the_verdict(
    app: Flask, alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    assert "No attempts yet" in page(alice, PATH)
    add_attempt(connection, evse_key, 90, "succeeded", "Local", 22_170)
    for minutes in (40, 30):
        add_attempt(connection, evse_key, minutes, "failed", "ConnectorLockFailure")
    add_attempt(connection, evse_key, 25, "abandoned", "EVConnectTimeout")
    text = page(alice, PATH)
    assert "has failed every start" not in text
    add_attempt(connection, evse_key, 20, "failed", "ConnectorLockFailure")
    text = page(alice, PATH)
    assert "Evse 1 has failed every start since" in text
    assert "Evse 2 works." in text
    assert "3 of the last 5 attempts here failed, connector lock failed." in text
    assert "Restart evse 1 only, then watch for a real session" in text
    assert "Failed, connector lock failed" in text
    assert "22.17\\u00a0kWh, ended at the station" in text
    assert "04A2B3C4D5" in text
    assert "04A2B3C4D5" not in page(signed_in(app, MANAGER), PATH)
    add_attempt(connection, evse_key, 5, "succeeded", "Local", 5_000)
    assert "has failed every start" not in page(alice, PATH)


def test_an_evse_is_restarted_alone_where_the_version_can(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    assert restart("2.0.1", 2).payload == {"type": "Immediate", "evseId": 2}
    assert restart("1.6", 2).payload == {"type": "Soft"}
    connection.execute(
        "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at, energy_wh)"
        " VALUES ('ODH-01', 1, %s, 't', now(), 500)",
        [evse_key],
    )
    # the car at evse 1 is none of evse 2's business
    assert "anyway" not in press(alice, "restart", 2).text
    assert "A car is charging here" in press(alice, "restart", 1).text
    assert "A car is charging here" in press(alice, "restart", 0).text
    connection.execute("UPDATE station SET ocpp_version = '1.6'")
    assert "A car is charging here" in press(alice, "restart", 2).text
    rows = connection.execute("SELECT payload FROM command").fetchall()
    assert rows == [({"type": "Immediate", "evseId": 2},)]


def test_a_restarted_evse_is_proven_by_a_session_and_a_log_by_its_file() -> None:
    row: dict[str, Any] = {"status": "answered", "response": {"status": "Accepted"},
                           "action": "Reset", "payload": {"evseId": 1}, "requested_at": 1,
                           "booted_at": 2, "worked_at": None}  # fmt: skip
    assert progress(row, {}).proof == "wait"
    assert progress(row | {"worked_at": 5}, {}).proven_at == 5
    assert progress(row | {"payload": {"type": "Soft"}}, {}).proven_at == 2
    log = row | {"action": "GetLog", "payload": {}, "log_at": None}
    assert progress(log, {}).proof == "wait"
    assert progress(log | {"log_at": 7}, {}).proof == "ok"


def write(client: FlaskClient, kind: Any, text: Any, station_id: str = "ODH-01") -> Any:
    return callback(
        client, "station-known.children", [("note-send", "n_clicks", 1)],
        [("note-kind", "value", kind), ("note-text", "value", text),
         ("station-id", "data", station_id)],
    )  # fmt: skip


def test_notes_have_author_and_time_and_contacts_count_for_the_whole_site(
    app: Flask, alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    assert write(alice, "note", f"  {MARKUP} lock\x00  ").status_code == 200
    assert write(alice, "host", "A6 Center, 036-555 02 10").status_code == 200
    assert write(alice, "part", "Lock motor, 3 in Jönköping").status_code == 200
    assert "There is nothing to write down." in write(alice, "note", " \n").text
    assert write(alice, ["x"], "odd kind").status_code == 200
    write(alice, "note", "nowhere", "NOPE")
    rows = connection.execute(
        "SELECT kind, author, text FROM station_note ORDER BY 1, 3"
    ).fetchall()
    assert rows == [("host", "Alice", "A6 Center, 036-555 02 10"),
                    ("note", "Alice", f"{MARKUP} lock"), ("note", "Alice", "odd kind"),
                    ("part", "Alice", "Lock motor, 3 in Jönköping")]  # fmt: skip
    logged = "SELECT count(*) FROM audit_log WHERE action = 'station_note' AND actor = %s"
    assert connection.execute(logged, [ALICE]).fetchone() == (4,)
    neighbour = page(alice, "/app/station/ODH-02")
    assert "A6 Center" in neighbour
    assert "Lock motor" not in neighbour
    mia = signed_in(app, MANAGER)
    assert "odd kind" in page(mia, PATH)
    assert '"note-send"' not in page(mia, PATH)
    assert write(mia, "note", "me too").status_code == 403


def part(client: FlaskClient, name: Any) -> str:
    return callback(
        client, "station-part.children",
        [("station-more", "value", name), ("command-tick", "data", None),
         ("live-tick", "data", None)],
        [("station-id", "data", "ODH-01")],
    ).text  # fmt: skip


def test_every_part_says_what_is_known_or_that_nothing_is(
    alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    nothing = {"sessions": "No sessions yet", "commands": "No command has been sent",
               "outages": "No outages in 90 days", "configuration": "It has not told",
               "firmware": "It has not told its firmware",
               "certificates": "No certificate of it is known",
               "logs": "No log has been asked for"}  # fmt: skip
    for name, words in nothing.items():
        assert words in part(alice, name)
    assert "No sessions yet" in part(alice, "nonsense")
    frame = [2, "1", "NotifyReport", {"reportData": [
        {"component": {"name": MARKUP}, "variable": {"name": "HeartbeatInterval"},
         "variableAttribute": [{"value": "300"}]}]}]  # fmt: skip
    connection.execute(
        "INSERT INTO message_log (station_id, received_at, direction, message_id, action, frame)"
        " VALUES ('ODH-01', now(), 'in', '1', 'NotifyReport', %s)",
        [json.dumps(frame)],
    )
    connection.execute(
        "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at, ended_at,"
        " energy_wh) VALUES ('ODH-01', 1, %s, 't', now(), now(), 5120)",
        [evse_key],
    )
    connection.execute(
        "INSERT INTO outage (evse_key, station_id, evse_id, started_at, cause)"
        " VALUES (%s, 'ODH-01', 1, now() - interval '1 hour', 'hardware')",
        [evse_key],
    )
    connection.execute("UPDATE station SET firmware_version = '2.7.0' WHERE station_id = 'ODH-01'")
    connection.execute(
        "UPDATE station SET firmware_version = '2.7.1', booted_at = now() + interval '1 second'"
        " WHERE station_id = 'ODH-01'"
    )
    connection.execute(
        "INSERT INTO certificate (station_id, subject, not_after)"
        " VALUES ('ODH-01', 'CN=ODH-01', now() + interval '9 days')"
    )
    connection.execute(
        "INSERT INTO command (station_id, action, status, response)"
        """ VALUES ('ODH-01', 'Reset', 'answered', '{"status": "Rejected"}')"""
    )
    something = {"sessions": "5.12", "commands": "Refused: the station refused",
                 "outages": "Hardware", "configuration": "HeartbeatInterval",
                 "firmware": "2.7.1", "certificates": "CN=ODH-01"}  # fmt: skip
    for name, words in something.items():
        assert words in part(alice, name)
    assert "dangerously" not in part(alice, "configuration")
    # commands and firmware are marked on the last day
    text = page(alice, PATH, "?more=firmware")
    assert "Firmware 2.7.1" in text
    assert "Restart" in text
    assert ": refused" in text


def ask(client: FlaskClient, about: str) -> Any:
    return callback(
        client, "told-notice.children", [("ask-told", "n_clicks", 1)],
        [("station-more", "value", about), ("station-id", "data", "ODH-01")],
    )  # fmt: skip


def test_a_station_is_asked_what_its_version_can_tell(
    app: Flask, alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    for version in ("2.0.1", "1.6"):
        connection.execute("UPDATE station SET ocpp_version = %s", [version])
        for about in ("configuration", "certificates", "sessions", "nonsense"):
            assert ask(alice, about).status_code in (200, 204)
    rows = connection.execute("SELECT action FROM command ORDER BY command_id").fetchall()
    assert [action for (action,) in rows] == [
        "GetBaseReport", "GetInstalledCertificateIds",
        "GetConfiguration", "GetInstalledCertificateIds",
    ]  # fmt: skip
    assert ask(signed_in(app, MANAGER), "configuration").status_code == 403


def test_a_log_comes_once_to_a_secret_address_and_only_helpers_read_it(
    app: Flask, alice: FlaskClient, connection: Connection, evse_key: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert "which only this machine reaches" in press(alice, "logs").text
    ((payload,),) = connection.execute("SELECT payload FROM command").fetchall()
    path = "/logs/" + payload["log"]["remoteLocation"].rsplit("/", 1)[1]
    station, mia = app.test_client(), signed_in(app, MANAGER)
    assert path.removeprefix("/logs/") not in part(mia, "commands")
    monkeypatch.setattr(station_logs, "MOST_BYTES", 20)
    assert station.get(path).status_code == 405
    assert station.put("/logs/nonsense", data=b"x").status_code == 404
    assert station.put(path, data=b"").status_code == 400
    assert station.put(path, data=b"x" * 21).status_code == 413
    assert station.put(f"{path}/a/..%5Cdiag<b>.zip", data=b"PK\x03 log").status_code == 201
    assert station.put(path, data=b"again").status_code == 410
    ((log_id, content, name),) = connection.execute(
        "SELECT log_id, content, file_name FROM station_log"
    ).fetchall()
    assert (bytes(content), name) == (b"PK\x03 log", "diagb.zip")
    assert "Proven: the file came" not in part(alice, "commands")  # not yet said to be accepted
    connection.execute(
        """UPDATE command SET status = 'answered', response = '{"status": "Accepted"}'"""
    )
    assert "Proven: the file came" in part(alice, "commands")
    got = alice.get(f"/app/station-log/{log_id}")
    assert got.data == b"PK\x03 log"
    assert got.mimetype == "application/octet-stream"
    assert 'filename="diagb.zip"' in got.headers["Content-Disposition"]
    assert mia.get(f"/app/station-log/{log_id}").status_code == 403
    assert alice.get(f"/app/station-log/{2**70}").status_code == 404
    assert f"/app/station-log/{log_id}" not in part(mia, "logs")


def test_a_log_as_a_form_is_taken_and_a_late_one_is_not(
    app: Flask, alice: FlaskClient, connection: Connection, evse_key: int
) -> None:
    connection.execute("UPDATE station SET ocpp_version = '1.6'")
    press(alice, "logs")
    press(alice, "logs")
    rows = connection.execute("SELECT payload ->> 'location' FROM command ORDER BY 1").fetchall()
    first, second = ("/logs/" + location.rsplit("/", 1)[1] for (location,) in rows)
    sent = {"file": (BytesIO(b"from a form"), "diag.txt")}
    assert app.test_client().post(first, data=sent).status_code == 201
    kept = "SELECT content, file_name FROM station_log WHERE received_at IS NOT NULL"
    assert connection.execute(kept).fetchall() == [(b"from a form", "diag.txt")]
    connection.execute("UPDATE station_log SET expires_at = now() - interval '1 second'")
    assert app.test_client().put(second, data=b"late").status_code == 410
    assert "Did not come" in part(alice, "logs")
    assert press(signed_in(app, MANAGER), "logs").status_code == 403


def target(client: FlaskClient, search: str) -> Any:
    """Which evse the commands are aimed at."""

    def find(part: Any) -> Iterator[Any]:
        if isinstance(part, dict) and part.get("id") == "command-evse":
            yield part["value"]
        parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
        for one in parts:
            yield from find(one)

    return next(find(json.loads(page(client, PATH, search))))


def test_the_evse_that_the_address_names_is_the_target(alice: FlaskClient, evse_key: int) -> None:
    wanted = {"": 1, "?evse=2": 2, "?evse=0": 0, "?evse=99": 1, "?evse=nonsense": 1}
    assert {search: target(alice, search) for search in wanted} == wanted
