"""What alerts have in common makes them one incident: early or late, and never two."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from watched import OPEN, Network, network

from ingest.builds import BUILD_KINDS
from ingest.kinds import KINDS
from ingest.levels import LEVELS, given, sync_levels
from ingest.watchdog import watch, watch_own
from sql.alarms import NEXT, TITLES

__all__ = ["network"]  # the fixture
NOW = "now() - interval '1 second'"


@pytest.fixture
def routed(network: Network) -> Network:
    """Five stations of a site: two behind each of two routers, one on its own."""
    for number in range(5):
        network.add(f"S{number}")
    network.run("UPDATE station SET router = 'R1' WHERE station_id IN ('S0', 'S1')")
    network.run("UPDATE station SET router = 'R2' WHERE station_id IN ('S2', 'S3')")
    return network


def members(network: Network) -> list[Any]:
    """Open alerts: station, and what groups the incident they are in."""
    return network.run(
        "SELECT a.station_id, i.kind, i.grouped_by, i.group_key FROM alert a"
        " JOIN incident i USING (incident_id)"
        " WHERE a.resolved_at IS NULL AND i.resolved_at IS NULL ORDER BY 1"
    )


def test_stations_behind_one_router_are_one_incident(routed: Network) -> None:
    routed.lose("S0", "S1")
    routed.wait(60)
    for _ in range(3):
        assert routed.watch() == [("router_down", "Dock")]
    assert members(routed) == [(name, "router_down", "router", "R1") for name in ("S0", "S1")]
    assert routed.run("SELECT severity, detail, cause FROM incident") == [
        ("critical", {"router": "R1"}, "router R1")
    ]
    routed.connect("S0", "S1")
    assert routed.watch() == []
    assert routed.run("SELECT resolution FROM incident") == [("over",)]


def test_two_routers_are_two_incidents_and_a_dark_site_is_one(routed: Network) -> None:
    routed.lose("S0", "S1", "S2", "S3")
    routed.wait(60)
    assert routed.watch() == [("router_down", "Dock"), ("router_down", "Dock")]
    routed.run("UPDATE incident SET owner = 'Alice' WHERE group_key = 'R2'")
    routed.lose("S4")
    routed.wait(60)
    assert routed.watch() == [("site_dark", "Dock")]
    assert {row[1] for row in members(routed)} == {"site_dark"}
    assert (
        routed.run(
            "SELECT i.kind, i.resolution, m.kind, m.owner FROM incident i"
            " JOIN incident m ON m.incident_id = i.merged_into"
        )
        == [("router_down", "merged", "site_dark", "Alice")] * 2
    )
    assert routed.watch() == [("site_dark", "Dock")]


def test_a_dark_site_that_comes_back_in_part_splits_and_keeps_its_owner(routed: Network) -> None:
    routed.lose(*(f"S{number}" for number in range(5)))
    routed.wait(60)
    assert routed.watch() == [("site_dark", "Dock")]
    routed.run("UPDATE incident SET owner = 'Alice'")
    routed.connect("S3", "S4")
    routed.watch()
    assert routed.watch() == [("offline", "Dock"), ("router_down", "Dock")]
    assert members(routed) == [
        ("S0", "router_down", "router", "R1"), ("S1", "router_down", "router", "R1"),
        ("S2", "offline", "station", ""),
    ]  # fmt: skip
    assert ("offline", "Alice") in routed.run(
        "SELECT kind, owner FROM incident WHERE resolved_at IS NULL"
    )


def test_stations_that_were_lost_at_different_times_have_no_router_in_common(
    routed: Network,
) -> None:
    routed.lose("S0")
    routed.wait(600)
    routed.lose("S1")
    routed.wait(60)
    assert routed.watch() == [("offline", "Dock")]
    assert members(routed) == [("S0", "offline", "site", ""), ("S1", "offline", "site", "")]


def test_a_router_that_is_named_late_takes_its_alerts(network: Network) -> None:
    for name in ("S0", "S1", "S2"):
        network.add(name)
    network.lose("S0", "S1")
    network.wait(60)
    assert network.watch() == [("offline", "Dock")]
    network.run("UPDATE station SET router = 'R1' WHERE station_id <> 'S2'")
    assert network.watch() == [("router_down", "Dock")]
    assert network.run("SELECT kind, resolution FROM incident ORDER BY 1") == [
        ("offline", "merged"), ("router_down", None)
    ]  # fmt: skip


def test_a_dark_site_that_comes_and_goes_is_one_incident(network: Network) -> None:
    for name in ("S0", "S1"):
        network.add(name)
    for times in range(3):
        network.lose("S0", "S1")
        network.wait(60)
        assert network.watch() == [("site_dark", "Dock")]
        assert network.run("SELECT count(*), max(reopened) FROM incident"
                           " WHERE kind = 'site_dark'") == [(1, times)]  # fmt: skip
        network.connect("S0", "S1")
        assert network.watch() == []


# -- firmware -------------------------------------------------------------------------------


def street(network: Network, sites: int, firmware: str = "1.2") -> None:
    """One station S<n> of one build in each of several sites."""
    for number in range(sites):
        network.run("INSERT INTO site (operator_id, name) SELECT operator_id, %s FROM operator",
                    f"Street {number}")  # fmt: skip
        network.add(f"S{number}", site=f"Street {number}")
    network.run("UPDATE station SET vendor = 'Volt', model = 'One', firmware_version = %s",
                firmware)  # fmt: skip


def fault(network: Network, *names: str, status: str = "Faulted") -> None:
    network.run("UPDATE connector SET status = %s, error_code = 'GroundFailure'"
                " WHERE evse_key IN (SELECT evse_key FROM evse WHERE station_id = ANY(%s))",
                status, list(names))  # fmt: skip


def test_one_failure_of_one_build_in_several_sites_is_one_incident(network: Network) -> None:
    street(network, 4)
    fault(network, "S0", "S1")
    assert network.watch() == [("faulted", "Street 0"), ("faulted", "Street 1")]
    network.run("UPDATE incident SET owner = 'Alice' WHERE site_id = (SELECT site_id FROM station"
                " WHERE station_id = 'S1')")  # fmt: skip
    fault(network, "S2")
    for _ in range(2):
        assert network.watch() == [("firmware", None)]
    assert network.run(
        "SELECT severity, grouped_by, group_key, detail, owner FROM incident"
        " WHERE resolved_at IS NULL"
    ) == [(
        "high", "firmware", "faulted: Volt One 1.2",
        {"alert_kind": "faulted", "vendor": "Volt", "model": "One", "firmware_version": "1.2",
         "is_after_change": False}, "Alice",
    )]  # fmt: skip
    assert [row[0] for row in members(network)] == ["S0", "S1", "S2"]
    fault(network, "S3")  # one more joins, and it goes on while any is left
    fault(network, "S0", "S1", status="Available")
    assert network.watch() == [("firmware", None)]
    assert [row[0] for row in members(network)] == ["S2", "S3"]
    fault(network, "S2", "S3", status="Available")
    assert network.watch() == []


def test_where_failures_are_usual_three_more_say_nothing_of_the_build(network: Network) -> None:
    street(network, 6)
    network.run(
        "INSERT INTO alert (kind, station_id, evse_id, raised_at, noticed_at, resolved_at)"
        " SELECT 'faulted', 'S' || mod(n, 6), 1, at, at, at FROM generate_series(1, 180) n,"
        " LATERAL (SELECT now() - n * interval '4 hours' AS at) t"
    )
    fault(network, "S0", "S1", "S2")
    assert network.watch() == [("faulted", f"Street {number}") for number in range(3)]


def test_two_failures_right_after_a_new_firmware_are_its_own(network: Network) -> None:
    street(network, 3)
    network.run("UPDATE station SET firmware_version = '1.3' WHERE station_id <> 'S2'")
    fault(network, "S0", "S1")
    assert network.watch() == [("firmware", None)]
    assert network.run("SELECT group_key, detail ->> 'is_after_change' FROM incident") == [
        ("faulted: Volt One 1.3", "true")
    ]


def test_a_dark_site_is_not_the_firmwares_doing(network: Network) -> None:
    for name in ("S0", "S1", "S2"):
        network.add(name)
    street(network, 0)
    network.run("UPDATE station SET vendor = 'Volt', model = 'One', firmware_version = '1.2'")
    network.lose("S0", "S1", "S2")
    network.wait(60)
    assert network.watch() == [("site_dark", "Dock")]


# -- planned maintenance and false alarms ------------------------------------------------------


def maintain(network: Network, until: str, **about: Any) -> None:
    ((column, value),) = about.items()
    network.run(
        f"INSERT INTO outage_exclusion ({column}, from_at, until_at, reason, created_by)"  # noqa: S608
        " VALUES (%s, now() - interval '1 hour', now() + %s::interval, 'scheduled_maintenance',"
        " 'Alice')", value, until,
    )  # fmt: skip


def site(network: Network) -> int:
    return int(network.run("SELECT site_id FROM site WHERE name = 'Dock'")[0][0])


def test_under_planned_maintenance_nothing_is_an_incident_until_it_ends(network: Network) -> None:
    for name in ("S0", "S1"):
        network.add(name)
    maintain(network, "1 hour", site_id=site(network))
    network.lose("S0", "S1")
    network.wait(60)
    for _ in range(2):
        assert network.watch() == []
    planned = "SELECT count(*), min(planned_until) > now() FROM alert WHERE resolved_at IS NULL"
    assert network.run(planned) == [(2, True)]
    watch(network.connection, datetime.now(UTC) + timedelta(hours=2))
    assert network.run(OPEN) == [("site_dark", "Dock")]
    assert network.run("SELECT count(planned_until) FROM alert") == [(0,)]


def test_what_a_window_covers_is_planned_and_nothing_else(network: Network) -> None:
    network.add("S0", 2)
    network.add("S1")
    network.add("S2")
    key = network.run("SELECT evse_key FROM evse WHERE station_id = 'S0' AND evse_id = 1")[0][0]
    maintain(network, "1 hour", evse_key=key)
    maintain(network, "2 hours", station_id="S1")
    fault(network, "S0", "S1")
    network.lose("S2")
    network.wait(60)
    assert network.watch() == [("faulted", "Dock"), ("offline", "Dock")]
    assert network.run("SELECT station_id, evse_id FROM alert WHERE planned_until IS NOT NULL"
                       " ORDER BY 1") == [("S0", 1), ("S1", 1)]  # fmt: skip
    network.run("UPDATE outage_exclusion SET revoked_at = now(), revoked_by = 'Alice'")
    network.watch()
    assert network.run("SELECT count(*) FROM alert WHERE planned_until IS NOT NULL") == [(0,)]


def test_maintenance_that_is_entered_late_ends_the_incident_as_planned(network: Network) -> None:
    for name in ("S0", "S1"):
        network.add(name)
    network.lose("S0", "S1")
    network.wait(60)
    assert network.watch() == [("site_dark", "Dock")]
    network.run("UPDATE incident SET owner = 'Alice'")
    maintain(network, "1 hour", site_id=site(network))
    assert network.watch() == []
    assert network.watch() == []
    assert network.run("SELECT resolution FROM incident") == [("planned",)]
    watch(network.connection, datetime.now(UTC) + timedelta(hours=2))
    assert network.run(OPEN) == [("site_dark", "Dock")]


FALSE_ALARM = """
WITH ended AS (
    UPDATE incident SET resolved_at = now(), resolved_by = 'Alice', resolution = 'false_alarm'
    WHERE incident_id = (SELECT max(incident_id) FROM incident) AND resolved_at IS NULL
    RETURNING incident_id
), dismissed AS (
    UPDATE alert a SET dismissed_at = now(), dismissed_by = 'Alice' FROM ended e
    WHERE a.incident_id = e.incident_id AND a.resolved_at IS NULL AND a.dismissed_at IS NULL
)
SELECT count(*) FROM ended
"""


@pytest.mark.parametrize("stations", [1, 2])
def test_a_false_alarm_stays_one_until_it_is_over(network: Network, stations: int) -> None:
    names = [f"S{number}" for number in range(stations)]
    for name in names:
        network.add(name)
    network.lose(*names)
    network.wait(60)
    (before,) = network.watch()
    assert network.run(FALSE_ALARM) == [(1,)]
    for _ in range(2):
        assert network.watch() == []
    network.connect(*names)
    network.run("UPDATE alert SET resolved_at = now() - interval '1 hour'")
    network.lose(*names)
    network.run("UPDATE incident SET resolved_at = resolved_at - interval '1 hour'")
    network.wait(60)
    assert network.watch() == [before]


def test_a_dark_site_dismissed_before_its_alerts_takes_them_with_it(network: Network) -> None:
    for name in ("S0", "S1"):
        network.add(name)
    network.lose("S0", "S1")
    network.wait(10)
    assert network.watch() == [("site_dark", "Dock")]
    assert network.run("SELECT count(*) FROM alert") == [(0,)]
    assert network.run(FALSE_ALARM) == [(1,)]
    network.wait(30)
    network.run("UPDATE incident SET resolved_at = resolved_at - interval '20 seconds'")
    for _ in range(2):
        assert network.watch() == []
    assert network.run("SELECT count(*), count(dismissed_at) FROM alert") == [(2, 2)]


def test_a_decommissioned_site_is_not_dark(network: Network) -> None:
    for name in ("S0", "S1"):
        network.add(name)
    network.run("UPDATE station SET decommissioned_at = now() - interval '1 day'")
    network.lose("S0", "S1")
    network.wait(60)
    assert network.watch() == []


# -- our own affairs ---------------------------------------------------------------------------


def own(network: Network) -> list[Any]:
    watch_own(network.connection, datetime.now(UTC))
    network.watch()
    return network.run("SELECT a.kind, a.station_id, a.detail, i.grouped_by FROM alert a"
                       " JOIN incident i USING (incident_id)"
                       " WHERE a.resolved_at IS NULL AND i.resolved_at IS NULL"
                       " ORDER BY 1, 2")  # fmt: skip


def test_a_job_that_fails_again_and_again_is_told_with_its_error(network: Network) -> None:
    network.run("INSERT INTO job_run (job, started_at, failures, failed_since, last_error)"
                " VALUES ('mend', now(), 2, now(), 'no such table')")  # fmt: skip
    assert own(network) == []
    network.run("UPDATE job_run SET failures = 3")
    ((kind, _, detail, grouped_by),) = own(network)
    assert (kind, grouped_by) == ("job_failed", "platform")
    assert [(j["job"], j["failures"], j["error"]) for j in detail["jobs"]] == [
        ("mend", 3, "no such table")
    ]
    network.run("UPDATE job_run SET failures = 9")
    assert own(network)[0][2]["jobs"][0]["failures"] == 9  # the alert says what is the case now
    network.run("UPDATE job_run SET failures = 0, failed_since = NULL")
    assert own(network) == []


def test_a_job_that_hangs_is_told_unless_all_have_stood_still(network: Network) -> None:
    network.run("INSERT INTO job_run (job, started_at, every_seconds)"
                " VALUES ('mend', now() - interval '20 minutes', 60)")  # fmt: skip
    assert own(network) == []  # nobody was there to run it
    network.run("INSERT INTO job_run (job, started_at, last_ok_at)"
                " VALUES ('watch_own', now(), now() - interval '1 minute')")  # fmt: skip
    ((kind, _, detail, _),) = own(network)
    assert kind == "job_failed"
    assert [(j["job"], j["is_late"]) for j in detail["jobs"]] == [("mend", True)]


def test_certificates_near_their_end_are_told(network: Network) -> None:
    network.add("S0")
    network.run("INSERT INTO certificate (station_id, subject, not_after) VALUES"
                " ('S0', 'CN=S0', now() + interval '20 days'),"
                " (NULL, 'CN=csms', now() + interval '22 days')")  # fmt: skip
    assert [row[:2] for row in own(network)] == [("certificate", "S0")]
    network.run("UPDATE certificate SET not_after = now() + interval '1 day'"
                " WHERE station_id IS NULL")  # fmt: skip
    assert [row[:2] for row in own(network)] == [("certificate", "S0"), ("certificate", None)]
    network.run("UPDATE certificate SET not_after = now() + interval '1 year'")
    assert own(network) == []


def test_a_hold_that_is_neither_taken_nor_released_is_told(network: Network) -> None:
    network.add("S0")
    network.run(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, state, state_at, currency,"
        " hold, held) SELECT 'AB12-CD34', 'guest', 1, evse_key, 'releasing',"
        " now() - interval '14 minutes', 'SEK', 30000, 30000 FROM evse"
    )
    assert own(network) == []
    network.run("UPDATE payment SET state_at = now() - interval '16 minutes'")
    ((kind, station, detail, _),) = own(network)
    assert (kind, station, detail["payments"]) == ("payment_stuck", "S0", 1)
    assert detail["references"] == ["AB12-CD34"]
    network.run("UPDATE payment SET held = 0, released_at = now()")
    assert own(network) == []


# -- thresholds --------------------------------------------------------------------------------


def test_thresholds_that_staff_set_are_heard_at_once_and_stay_in_bounds(network: Network) -> None:
    sync_levels(network.connection)
    sync_levels(network.connection)
    assert network.run("SELECT count(*) FROM watch_threshold") == [(len(LEVELS),)]
    network.add("S0")
    network.run("UPDATE watch_threshold SET value = 600, changed_by = 'Alice', changed_at = now()"
                " WHERE (kind, name) = ('offline', 'grace')")  # fmt: skip
    network.lose("S0")
    network.wait(60)
    assert network.watch() == []
    network.wait(600)
    assert network.watch() == [("offline", "Dock")]
    sync_levels(network.connection)
    assert given(network.connection, "offline", grace=20) == {"grace": 600}
    with pytest.raises(Exception, match="violates check constraint"):
        network.connection.execute("UPDATE watch_threshold SET value = 1 WHERE kind = 'offline'")


def test_every_kind_has_words_for_messages() -> None:
    kinds = {*KINDS, "site_dark", "router_down", "firmware", "platform", "audit"}
    assert set(TITLES) == kinds
    assert set(NEXT) == kinds
    assert set(BUILD_KINDS) <= set(KINDS)


# -- whatever happens, in any order -------------------------------------------------------------

LOOSE = """
SELECT a.alert_id FROM alert a LEFT JOIN incident i USING (incident_id)
WHERE a.resolved_at IS NULL AND a.planned_until IS NULL AND a.dismissed_at IS NULL
    AND (i.incident_id IS NULL OR i.resolved_at IS NOT NULL)
"""
WRONG_PLACE = """
SELECT a.alert_id FROM alert a JOIN station s USING (station_id) JOIN incident i USING (incident_id)
JOIN incident d ON d.site_id = s.site_id AND d.resolved_at IS NULL
    AND (d.kind = 'site_dark' OR d.kind = 'router_down' AND d.group_key = s.router)
WHERE a.kind = 'offline' AND a.resolved_at IS NULL AND a.planned_until IS NULL
    AND a.dismissed_at IS NULL AND i.kind NOT IN ('site_dark', 'router_down')
"""
EMPTY = """
SELECT i.incident_id FROM incident i
WHERE i.resolved_at IS NULL AND i.kind NOT IN ('site_dark', 'router_down') AND NOT EXISTS (
    SELECT FROM alert a WHERE a.incident_id = i.incident_id AND a.resolved_at IS NULL
        AND a.planned_until IS NULL AND a.dismissed_at IS NULL)
"""
LIT = """
SELECT i.incident_id FROM incident i JOIN station s USING (site_id)
WHERE i.resolved_at IS NULL AND s.is_online
    AND (i.kind = 'site_dark' OR i.kind = 'router_down' AND s.router = i.group_key)
"""
CHAINS = """
SELECT i.incident_id FROM incident i JOIN incident m ON m.incident_id = i.merged_into
WHERE m.merged_into IS NOT NULL OR i.resolution <> 'merged'
"""
STATE = (
    "SELECT kind, site_id, group_key, grouped_by, resolved_at, resolution, reopened, merged_into"
    " FROM incident ORDER BY incident_id",
    "SELECT incident_id, kind, station_id, resolved_at, planned_until, dismissed_at FROM alert"
    " ORDER BY alert_id",
)


@pytest.mark.parametrize("seed", [2, 4])  # between them: every kind and every way to end
def test_in_any_order_every_alert_is_in_one_incident_that_explains_it(
    network: Network, seed: int
) -> None:
    dice = random.Random(seed)
    names = _two_sites(network)
    for _ in range(10):
        some = dice.sample(names, dice.randint(1, len(names)))
        _happen(network, dice.choice(HAPPENINGS), some)
        network.wait(60)
        for _ in range(3):
            network.watch()
        settled = [network.run(query) for query in STATE]
        network.watch()
        assert [network.run(query) for query in STATE] == settled
        for query in (LOOSE, WRONG_PLACE, EMPTY, LIT, CHAINS):
            assert network.run(query) == []


HAPPENINGS = (
    "lose", "lose", "connect", "connect", "fault", "mend", "maintain", "open again", "false alarm"
)  # fmt: skip


def _two_sites(network: Network) -> list[str]:
    network.run("INSERT INTO site (operator_id, name) SELECT operator_id, 'Quay' FROM operator")
    names = [f"S{number}" for number in range(8)]
    for number, name in enumerate(names):
        network.add(name, site="Dock" if number < 5 else "Quay")
    network.run("UPDATE station SET router = 'R' || mod(right(station_id, 1)::integer, 3)")
    network.run("UPDATE station SET vendor = 'Volt', model = 'One', firmware_version = '1.2'"
                " WHERE station_id IN ('S0', 'S4', 'S6')")  # fmt: skip
    return names


def _happen(network: Network, what: str, names: list[str]) -> None:
    if what == "lose":
        network.lose(*names)
    elif what == "connect":
        network.connect(*names)
    elif what in ("fault", "mend"):
        fault(network, *names, status="Faulted" if what == "fault" else "Available")
    elif what == "maintain":
        maintain(network, "1 hour", station_id=names[0])
    elif what == "open again":
        network.run("UPDATE outage_exclusion SET revoked_at = now(), revoked_by = 'Alice'")
    else:
        network.run(FALSE_ALARM)
