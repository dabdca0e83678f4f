"""The watchdog: what nobody reports is raised once, gathered, and resolves itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from watched import OPEN, Network, network

from ingest.watchdog import watch
from sql.database import connect

__all__ = ["network"]  # the fixture


def test_nothing_is_raised_while_all_is_well(network: Network) -> None:
    network.add("S1")
    assert network.watch() == []
    assert network.run("SELECT FROM alert") == []


def test_a_worker_that_died_is_our_outage_and_one_incident(network: Network) -> None:
    for number in range(5):
        network.add(f"S{number}")
    network.run("UPDATE connection SET lease_until = now() - interval '1 second'")
    assert network.watch() == []  # it may be a restart
    network.wait(15)
    assert network.watch() == [("platform", None)]
    assert network.watch() == [("platform", None)]
    causes = network.run("SELECT DISTINCT is_online, offline_cause FROM station")
    assert causes == [(False, "csms")]
    assert network.run("SELECT FROM alert") == []
    network.connect(*(f"S{number}" for number in range(5)))
    assert network.watch() == []


def test_who_does_not_return_after_our_outage_is_missing_by_its_own_cause(
    network: Network,
) -> None:
    network.add("S1", site=None)
    network.add("S2", site=None)
    network.lose("S1", "S2", cause="csms")
    network.wait(15)
    network.connect("S1")
    assert network.watch() == [("platform", None)]
    network.wait(400)
    network.run("UPDATE station SET last_seen_at = now() WHERE station_id = 'S1'")
    assert network.watch() == [("offline", None)]
    assert network.run("SELECT station_id FROM alert WHERE resolved_at IS NULL") == [("S2",)]


@pytest.mark.parametrize(("stations", "evses"), [(3, 4), (12, 1), (1, 12)])
def test_a_dark_site_is_one_incident_and_resolves_itself(
    network: Network, stations: int, evses: int
) -> None:
    names = [f"S{number}" for number in range(stations)]
    for name in names:
        network.add(name, evses)
    network.lose(*names)
    assert network.watch() == []
    network.wait(60)
    kind = "site_dark" if stations > 1 else "offline"
    for _ in range(3):
        assert network.watch() == [(kind, "Dock")]
    assert network.run("SELECT count(*) FROM alert") == [(stations,)]
    assert network.run("SELECT count(*) FROM incident") == [(1,)]
    network.connect(*names)
    assert network.watch() == []
    assert network.run("SELECT FROM alert WHERE resolved_at IS NULL") == []


def test_who_stays_away_when_a_dark_site_returns_is_not_forgotten(network: Network) -> None:
    names = ["S1", "S2", "S3"]
    for name in names:
        network.add(name)
    network.lose(*names)
    network.wait(60)
    assert network.watch() == [("site_dark", "Dock")]
    network.connect("S1")
    network.watch()
    assert network.watch() == [("offline", "Dock")]
    alerts = network.run("SELECT station_id, kind FROM alert JOIN incident i USING (incident_id,"
                         " kind) WHERE alert.resolved_at IS NULL AND i.resolved_at IS NULL"
                         " ORDER BY 1")  # fmt: skip
    assert alerts == [("S2", "offline"), ("S3", "offline")]


def test_a_blink_of_the_network_is_no_alert(network: Network) -> None:
    network.add("S1")
    network.lose("S1")
    network.wait(5)
    assert network.watch() == []
    network.connect("S1")
    network.wait(60)
    network.connect("S1")
    assert network.watch() == []
    assert network.run("SELECT FROM alert") == []


def test_silence_on_an_open_socket_is_probed_before_it_is_an_alarm(network: Network) -> None:
    network.add("S1", site=None)
    network.run("UPDATE station SET last_seen_at = now() - interval '644 seconds'")
    network.watch()
    assert network.run("SELECT FROM command") == []
    network.run("UPDATE station SET last_seen_at = now() - interval '646 seconds'")
    for _ in range(3):
        assert network.watch() == []
    assert network.run("SELECT station_id, action, payload, requested_by FROM command") == [
        ("S1", "TriggerMessage", {"requestedMessage": "Heartbeat"}, "watchdog")
    ]
    assert network.run("SELECT is_online FROM station") == [(True,)]


def test_a_station_that_answers_a_probe_is_left_in_peace(network: Network) -> None:
    network.add("S1", site=None)
    network.run("UPDATE station SET last_seen_at = now() - interval '1 hour'")
    network.watch()
    network.run("UPDATE command SET status = 'answered', finished_at = now(),"
                " response = '{\"error\": \"NotImplemented\"}'")  # fmt: skip
    for _ in range(2):
        assert network.watch() == []
    assert network.run("SELECT outcome FROM probe") == [("heard",)]
    assert network.run("SELECT is_online, last_seen_at > now() - interval '1 minute'"
                       " FROM station") == [(True, True)]  # fmt: skip


def test_a_station_that_does_not_answer_a_probe_has_been_away_since_it_was_last_heard(
    network: Network,
) -> None:
    network.add("S1", site=None)
    network.run("UPDATE station SET last_seen_at = now() - interval '1 hour',"
                " contact_changed_at = now() - interval '2 hours'")  # fmt: skip
    network.watch()
    network.run("UPDATE command SET status = 'unknown', finished_at = now(),"
                " response = '{\"error\": \"Timeout\"}'")  # fmt: skip
    assert network.watch() == [("offline", None)]
    assert network.run("SELECT is_online, offline_cause, contact_changed_at = last_seen_at"
                       " FROM station") == [(False, "station", True)]  # fmt: skip
    assert network.run("SELECT outcome FROM probe") == [("silent",)]
    assert network.run("SELECT raised_at < now() - interval '59 minutes' FROM alert") == [(True,)]


def test_a_probe_that_could_not_be_sent_is_sent_again_and_not_for_ever(network: Network) -> None:
    network.add("S1", site=None)
    network.run("UPDATE station SET last_seen_at = now() - interval '1 hour',"
                " contact_changed_at = now() - interval '2 hours'")  # fmt: skip
    for tries in (1, 2, 3):
        assert network.watch() == []
        assert network.run("SELECT count(*) FROM command") == [(tries,)]
        network.run("UPDATE command SET status = 'refused', finished_at = now(),"
                    " response = '{\"error\": \"Expired\"}' WHERE status = 'queued'")  # fmt: skip
    assert network.watch() == [("offline", None)]


def test_a_socket_that_closes_meanwhile_ends_the_probe(network: Network) -> None:
    network.add("S1", site=None)
    network.run("UPDATE station SET last_seen_at = now() - interval '1 hour'")
    network.watch()
    network.lose("S1")
    network.watch()
    assert network.run("SELECT outcome FROM probe") == [("gone",)]


def test_contact_that_comes_and_goes_is_one_alert_of_one_incident(network: Network) -> None:
    network.add("S1")
    for _ in range(4):
        network.lose("S1")
        network.wait(60)
        assert network.watch() == [("offline", "Dock")]
        network.connect("S1")
        network.watch()
    # it has flapped three times: over only after a while of calm
    assert network.run(OPEN) == [("offline", "Dock")]
    assert network.run("SELECT count(*), max(detail ->> 'flaps') FROM alert") == [(1, "3")]
    assert network.run("SELECT count(*) FROM incident") == [(1,)]
    network.run("UPDATE connection SET lease_until = now() + interval '1 hour'")
    network.run("UPDATE station SET last_seen_at = now() + interval '15 minutes'")
    watch(network.connection, datetime.now(UTC) + timedelta(minutes=14))
    assert network.run(OPEN) == [("offline", "Dock")]
    watch(network.connection, datetime.now(UTC) + timedelta(minutes=16))
    assert network.run(OPEN) == []


def test_a_fault_is_raised_with_its_reason_and_resolves_itself(network: Network) -> None:
    network.add("S1", 2)
    network.run("UPDATE connector SET status = 'Faulted', error_code = 'GroundFailure'"
                " WHERE evse_key = (SELECT min(evse_key) FROM evse)")  # fmt: skip
    for _ in range(2):
        assert network.watch() == [("faulted", "Dock")]
    assert network.run("SELECT evse_id, detail ->> 'error_code' FROM alert") == [
        (1, "GroundFailure")
    ]
    assert network.run("SELECT cause FROM incident") == [("GroundFailure",)]
    network.run("UPDATE connector SET status = 'Available'")
    assert network.watch() == []


def test_two_watchdogs_at_once_raise_nothing_twice(network: Network) -> None:
    names = [f"S{number}" for number in range(12)]
    for name in names:
        network.add(name)
    network.run("UPDATE connector SET status = 'Faulted'")
    network.watch()
    network.lose(*names[:6])
    network.wait(60)

    def rounds() -> None:
        with connect(network.dsn) as connection:
            for _ in range(10):
                watch(connection, datetime.now(UTC))

    with ThreadPoolExecutor(2) as threads:
        for one in [threads.submit(rounds) for _ in range(2)]:
            one.result()
    assert network.run(OPEN) == [("faulted", "Dock"), ("offline", "Dock")]
    assert network.run("SELECT count(*), kind FROM alert GROUP BY kind ORDER BY 1") == [
        (6, "offline"),
        (12, "faulted"),
    ]


def test_viewers_are_told(network: Network) -> None:
    network.add("S1", site=None)
    network.run("UPDATE connection SET lease_until = now() - interval '1 second'")
    network.wait(15)
    with connect(network.dsn) as listener:
        listener.execute("LISTEN evse")
        listener.execute("LISTEN incident")
        network.watch()
        told = {notice.channel for notice in listener.notifies(timeout=5, stop_after=2)}
    assert told == {"evse", "incident"}


def test_a_round_that_changes_nothing_tells_nobody(network: Network) -> None:
    network.add("S1")
    network.lose("S1")
    network.wait(60)
    network.watch()
    with connect(network.dsn) as listener:
        listener.execute("LISTEN evse")
        listener.execute("LISTEN incident")
        network.watch()
        network.run("NOTIFY evse, 'the end'")
        told = [notice.payload for notice in listener.notifies(timeout=5, stop_after=1)]
    assert told == ["the end"]
