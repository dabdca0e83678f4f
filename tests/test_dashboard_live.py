"""The hub: snapshots, changes, resuming, lost connections, what strangers may see."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry

from dashboard.channel import FRAMES_KEPT, Channel, Viewer
from dashboard.live import BEAT_SECONDS, Hub
from dashboard.stream import events
from sql.database import Connection, connect
from sql.settings import Settings
from tests.staff import Reader, hub_of, signed_in, staff_app
from tests.web import add_evse, add_site, add_user


@pytest.fixture
def evse_key(connection: Connection) -> int:
    return add_evse(connection, add_site(connection, "Ödeshög E4"), "ODH-01", "K7-0001")


@pytest.fixture
def hub(database: str, evse_key: int) -> Iterator[Hub]:
    def dial() -> Connection:
        return connect(database, application_name="hub under test")

    hub = Hub(dial, Settings().zone, CollectorRegistry())
    hub.start()
    assert hub.ready.wait(10)
    yield hub
    hub.close()
    hub.join(5)


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with staff_app(database) as app:
        yield app


def follow(hub: Hub, last_event_id: str = "", *, public: bool = False) -> Reader:
    return Reader(events(hub, hub.public if public else hub.staff, last_event_id))


def set_status(connection: Connection, evse_key: int, status: str) -> None:
    with connection.transaction():
        connection.execute(
            "UPDATE connector SET status = %s, status_at = now() WHERE evse_key = %s",
            [status, evse_key],
        )
        connection.execute("SELECT pg_notify('evse', %s)", [str(evse_key)])


def test_a_new_viewer_gets_everything_at_once(hub: Hub, evse_key: int) -> None:
    _, data = follow(hub).next("snapshot")
    assert data["evses"]["evse_key"] == [evse_key]
    assert data["evses"]["state"] == ["available"]
    assert data["incidents"] == []
    assert data["network"] == hub.network_version


def test_a_change_reaches_every_viewer_as_the_same_frame(
    hub: Hub, connection: Connection, evse_key: int
) -> None:
    readers = [follow(hub), follow(hub)]
    for reader in readers:
        reader.next("snapshot")
    set_status(connection, evse_key, "Faulted")
    seen = [reader.next("evses")[1] for reader in readers]
    assert seen[0] == seen[1]
    assert seen[0]["evses"]["state"] == ["faulted"]


def test_a_viewer_continues_after_the_last_event_it_has_seen(
    hub: Hub, connection: Connection, evse_key: int
) -> None:
    reader = follow(hub)
    reader.next("snapshot")
    set_status(connection, evse_key, "Faulted")
    reader.next("evses")
    set_status(connection, evse_key, "Available")
    follow_on = follow(hub, reader.last_id)
    name, data = follow_on.next("evses", "snapshot")
    assert (name, data["evses"]["state"]) == ("evses", ["available"])


@pytest.mark.parametrize(
    "last_event_id", ["", "other-5", "5", "'", "-1", f"{'9' * 40}", "abc-\u0665"]
)
def test_an_id_that_is_not_ours_gives_a_snapshot(hub: Hub, last_event_id: str) -> None:
    name, _ = follow(hub, last_event_id).next("evses", "snapshot")
    assert name == "snapshot"


def test_a_viewer_that_fell_behind_the_ring_starts_over() -> None:
    channel = Channel("test", lambda: {"whole": True})
    viewer = Viewer()
    assert b"snapshot" in channel.read(viewer, 0)
    for number in range(FRAMES_KEPT + 1):
        channel.publish("evses", number)
    assert channel.read(viewer, 0).count(b"event:") == 1
    channel.publish("evses", "next")
    assert b'"next"' in channel.read(viewer, 0)
    assert viewer.snapshots == 2


def test_an_id_from_the_future_gives_a_snapshot() -> None:
    channel = Channel("test", dict)
    channel.publish("evses", 1)
    viewer = channel.resume(f"{channel.epoch}-99")
    assert b"snapshot" in channel.read(viewer, 0)


def test_a_snapshot_is_serialised_once_for_all_who_want_it() -> None:
    calls: list[int] = []
    channel = Channel("test", lambda: calls.append(1))
    for _ in range(3):
        channel.read(Viewer(), 0)
    assert len(calls) == 1


def test_what_did_not_change_is_not_sent(hub: Hub, connection: Connection, evse_key: int) -> None:
    reader = follow(hub)
    reader.next("snapshot")
    connection.execute("SELECT pg_notify('evse', %s)", [str(evse_key)])
    set_status(connection, evse_key, "Faulted")
    _, data = reader.next("evses")
    assert data["evses"]["state"] == ["faulted"]


def test_a_star_means_look_at_everything(hub: Hub, connection: Connection, evse_key: int) -> None:
    reader = follow(hub)
    reader.next("snapshot")
    connection.execute("UPDATE station SET is_online = false")
    connection.execute("SELECT pg_notify('evse', '*')")
    assert reader.next("evses")[1]["evses"]["state"] == ["unknown"]


def test_after_the_connection_was_killed_what_was_missed_arrives(
    hub: Hub, connection: Connection, evse_key: int
) -> None:
    reader = follow(hub)
    reader.next("snapshot")
    connection.execute("UPDATE connector SET status = 'Faulted', status_at = now()")  # unsaid
    killed = connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'hub under test'"
    ).fetchall()
    assert len(killed) == 1
    assert reader.next("evses", "snapshot")[1]["evses"]["state"] == ["faulted"]
    set_status(connection, evse_key, "Available")
    assert reader.next("evses")[1]["evses"]["state"] == ["available"]


def test_a_new_evse_brings_a_new_network_and_a_snapshot(hub: Hub, connection: Connection) -> None:
    reader = follow(hub)
    _, before = reader.next("snapshot")
    key = add_evse(connection, None, "NEW-01", "K7-0002")
    connection.execute("SELECT pg_notify('evse', %s)", [str(key)])
    after: dict[str, Any] = {"network": before["network"], "evses": {"evse_key": []}}
    while key not in after["evses"]["evse_key"] or after["network"] == before["network"]:
        _, after = reader.next("snapshot")
    assert "NEW-01" in hub.network["station_id"]


def test_an_incident_is_told_with_whom_it_harms(hub: Hub, connection: Connection) -> None:
    reader = follow(hub)
    reader.next("snapshot")
    connection.execute(
        "WITH i AS (INSERT INTO incident (kind, severity, opened_at)"
        " VALUES ('offline', 'high', now()) RETURNING incident_id)"
        " INSERT INTO alert (incident_id, kind, station_id, raised_at)"
        " SELECT incident_id, 'offline', 'ODH-01', now() FROM i"
    )
    _, data = reader.next("incidents")
    assert [(i["kind"], i["evses"]) for i in data["incidents"]] == [("offline", 1)]


def test_an_answered_command_is_told(hub: Hub, connection: Connection) -> None:
    reader = follow(hub)
    reader.next("snapshot")
    connection.execute(
        "INSERT INTO command (station_id, action, requested_by) VALUES ('ODH-01', 'Reset', 'alice')"
    )
    connection.execute(
        "UPDATE command SET status = 'answered', response = '{\"status\": \"Accepted\"}',"
        " finished_at = now()"
    )
    _, data = reader.next("command")
    assert data["command"]["response"] == {"status": "Accepted"}


def test_silence_is_broken_by_a_beat(hub: Hub) -> None:
    reader = follow(hub)
    assert BEAT_SECONDS < 5
    reader.next("beat")
    reader.next("beat")


def test_no_beat_without_the_database(hub: Hub) -> None:
    assert hub.is_live
    hub.ready.clear()
    assert not hub.is_live


def test_strangers_see_whether_an_evse_is_usable_and_nothing_else(
    hub: Hub, connection: Connection, evse_key: int
) -> None:
    reader = follow(hub, public=True)
    _, data = reader.next("snapshot")
    assert set(data) == {"evse_key", "state", "since"}
    assert data["state"] == ["free"]
    set_status(connection, evse_key, "Faulted")
    _, data = reader.next("evses")
    assert (data["evse_key"], data["state"]) == ([evse_key], ["fault"])


def test_strangers_are_not_told_of_a_meter_reading(
    hub: Hub, connection: Connection, evse_key: int
) -> None:
    staff, stranger = follow(hub), follow(hub, public=True)
    staff.next("snapshot")
    stranger.next("snapshot")
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, power_w) VALUES (1, 'ODH-01', 1, %s, '1', now(), 1000)",
        [evse_key],
    )
    connection.execute("SELECT pg_notify('evse', %s)", [str(evse_key)])
    assert stranger.next("evses")[1]["state"] == ["busy"]
    connection.execute("UPDATE session SET power_w = 2000")
    connection.execute("SELECT pg_notify('evse', %s)", [str(evse_key)])
    while staff.next("evses")[1]["evses"]["power_w"] != [2000.0]:
        pass
    set_status(connection, evse_key, "Faulted")
    assert stranger.next("evses")[1]["state"] == ["fault"]


def test_a_payment_is_told_by_its_number_and_nothing_else(
    hub: Hub, connection: Connection, evse_key: int
) -> None:
    stranger = follow(hub, public=True)
    stranger.next("snapshot")
    connection.execute(
        "INSERT INTO payment (payment_id, reference, channel, operator_id, evse_key, currency,"
        " hold) VALUES (71, '8F3K-27', 'guest', 1, %s, 'SEK', 30000)",
        [evse_key],
    )
    assert stranger.next("payments")[1] == {"payments": [71]}
    connection.execute("UPDATE payment SET cost = 100")
    assert stranger.next("payments")[1] == {"payments": [71]}


def test_closing_the_hub_ends_every_stream(hub: Hub) -> None:
    stream = events(hub, hub.staff)
    next(stream)
    next(stream)
    hub.close()
    assert list(stream) == [] or hub.staff.is_closed
    assert hub.staff.viewers == 0


def test_the_live_address_wants_a_login(app: Flask, evse_key: int) -> None:
    assert app.test_client().get("/live").status_code == 401
    assert app.test_client().get("/live/network").status_code == 401
    answer = signed_in(app).get("/live", buffered=False)
    assert answer.mimetype == "text/event-stream"
    name, _ = Reader(iter(answer.response)).next("snapshot")  # type: ignore[arg-type]
    assert name == "snapshot"
    answer.close()


def test_the_network_is_sent_once_per_version(app: Flask, evse_key: int) -> None:
    client = signed_in(app)
    first = client.get("/live/network")
    assert first.json["evse_key"] == [evse_key]
    again = client.get("/live/network", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert hub_of(app).network_version in first.headers["ETag"]
