"""The audit finds what is wrong with the numbers, names it, and is content otherwise."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from happenings import Told, add_network, days, first_contact, lose_contact, tell

from app import audit as command
from ingest.attempting import book_attempts
from ingest.audit import audit, wanted_days
from ingest.audit_night import audit_nightly
from ingest.events import Transaction
from ingest.timelines import book_time
from ingest.translate import Reading
from ingest.visits import fold_visits
from sql.database import Connection, connect

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MIDNIGHTS = [NOW - timedelta(hours=37), NOW - timedelta(hours=13)]  # in Stockholm


@pytest.fixture
def played(plain_database: str) -> Iterator[Connection]:
    """Two nights of four stations, with readings that came late, twice and not at all. (Plain: no
    one can break an aggregate of TimescaleDB by hand; tests/timescale audits those.)"""
    with connect(plain_database) as connection:
        _play(connection, plain_database)
        yield connection


def _play(connection: Connection, database: str) -> None:
    names = add_network(connection)
    first_contact(connection, MIDNIGHTS[0] - timedelta(days=1))
    lose_contact(connection, names[0], MIDNIGHTS[0], MIDNIGHTS[0] + timedelta(hours=2), "station")
    asyncio.run(tell(database, days(1, names, MIDNIGHTS)))
    book_attempts(connection, NOW)
    book_time(connection, NOW)
    connection.execute(
        "INSERT INTO cdr (session_id, document, net, vat, gross, currency, energy_wh)"
        " SELECT session_id, '{}', energy_wh, 0, energy_wh, 'SEK', energy_wh FROM session"
        " WHERE ended_at IS NOT NULL"
    )
    connection.execute("CALL process_refresh_requests()")
    fold_visits(connection)


def differences(connection: Connection) -> dict[str, list[Any]]:
    """What an audit of everything finds, by check."""
    results = audit(connection, NOW)
    return {result.name: list(result.found) for result in results if not result.ok}


def test_numbers_that_agree_are_clean(played: Connection) -> None:
    results = audit(played, NOW)
    assert [result.name for result in results if not result.ok] == []
    checked = {result.name: result.checked for result in results}
    assert all(checked.values()), checked
    assert played.execute("SELECT count(*) FROM alert").fetchone() == (0,)
    assert played.execute("SELECT bool_and(ok) FROM number_check").fetchone() == (True,)


def test_a_start_that_claims_to_be_after_the_end_moves_nothing(
    connection: Connection, database: str
) -> None:
    """It came last, and its clock was wrong: the time of its arrival took the place of its own."""
    (name,) = add_network(connection, stations=1)

    def said(kind: Any, at: datetime, register_wh: int) -> Told:
        reading = Reading(at, "Sample.Periodic", register_wh, None)
        event = Transaction(kind, at, "T1", [reading], evse_id=1, connector_id=1, opens=True)
        return Told(name, event, NOW)

    begin = NOW - timedelta(hours=3)
    asyncio.run(tell(database, [
        said("update", begin, 1000), said("end", begin + timedelta(hours=1), 3000),
        said("start", NOW, 1000),
    ], at_once=1))  # fmt: skip
    times = connection.execute(
        "SELECT started_at, ended_at, 'times_reversed' = ANY (flags) FROM session"
    ).fetchone()
    assert times == (begin, begin + timedelta(hours=1), True)
    assert "session_registers" not in differences(connection)


# What is broken; {reading}, {quarter} and {day} are places where energy was counted.
A_READING = """source = 'meter' AND (evse_key, measured_at) = (SELECT evse_key, measured_at
    FROM meter_value WHERE energy_delta_wh > 0 AND source = 'meter'
    ORDER BY measured_at OFFSET 4 LIMIT 1)"""
A_BUCKET = """(evse_key, bucket) = (SELECT evse_key, bucket FROM {} WHERE energy_wh > 0
    ORDER BY bucket LIMIT 1)"""
PLACES = {
    "reading": A_READING,
    "quarter": A_BUCKET.format("energy_15min"),
    "day": A_BUCKET.format("energy_day"),
    "session": "session_id = (SELECT min(session_id) FROM session WHERE energy_wh > 0)",
    "visit": "session_id = (SELECT min(session_id) FROM visit WHERE gross > 0 AND who IS NOT NULL)",
}
DOUBLED = """
INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, session_id,
    source, revision, reading_hash, energy_delta_wh)
SELECT evse_key, station_id, evse_id, measured_at, received_at, session_id, source, 7,
    reading_hash, energy_delta_wh FROM meter_value WHERE {reading}"""
COUNTED = """
INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, source,
    reading_hash, energy_delta_wh)
SELECT -station_key, station_id, 0, started_at, started_at, 'meter', 1, 500
FROM station JOIN session USING (station_id) WHERE {session}"""
SECOND_VEHICLE = """
INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, transaction_id,
    started_at, ended_at)
SELECT operator_id, site_id, station_id, evse_id, evse_key, 'T2',
    started_at + interval '1 minute', ended_at
FROM session WHERE flags = '{{}}' ORDER BY energy_wh DESC LIMIT 1"""
GONE = {"facts_have_sessions", "attempts", "time_and_outages"}
BROKEN = {
    "a quarter changed by hand": (
        "UPDATE energy_15min SET energy_wh = energy_wh + 1 WHERE {quarter}",
        {"energy_15min", "energy_day", "energy_fleet_15min", "energy_site_15min"},
    ),
    "a peak changed by hand": (
        "UPDATE energy_15min SET peak_power_w = 99000 WHERE {quarter}",
        {"energy_15min", "energy_day", "energy_fleet_15min"},
    ),
    "a quarter that is gone": (
        "DELETE FROM energy_15min WHERE {quarter}",
        {"energy_15min", "energy_day", "energy_fleet_15min", "energy_site_15min"},
    ),
    "a day changed by hand": (
        "UPDATE energy_day SET energy_wh = energy_wh - 1 WHERE {day}",
        {"energy_day", "energy_month", "energy_fleet_day"},
    ),
    "a month changed by hand": (
        "UPDATE rollup.month SET energy_wh = energy_wh - 1 WHERE energy_wh > 0",
        {"energy_month"},
    ),
    "the fleet's sum changed by hand": (
        "UPDATE rollup.fleet_15min SET energy_wh = energy_wh - 1 WHERE energy_wh > 0",
        {"energy_fleet_15min"},
    ),
    "a reading that is gone": (
        "DELETE FROM meter_value WHERE {reading}",
        {"energy_15min", "session_facts", "session_energy"},
    ),
    "a fact that is there twice": (DOUBLED, {"session_facts", "session_energy"}),
    "a fact moved to another quarter": (
        "UPDATE meter_value SET measured_at = measured_at + interval '15 minutes' WHERE {reading}",
        {"energy_15min", "session_facts"},
    ),
    "a fact of no session": (
        "UPDATE meter_value SET session_id = 4711 WHERE {reading}",
        {"facts_have_sessions", "session_facts", "session_energy"},
    ),
    "something counted of a station's own meter": (
        COUNTED,
        {"station_meters_count_nothing", "facts_have_sessions"},
    ),
    "a session's energy edited": (
        "UPDATE session SET energy_wh = energy_wh + 1000 WHERE {session}",
        {"session_energy"},
    ),
    "a session's first register edited": (
        "UPDATE session SET meter_start_wh = meter_start_wh + 1 WHERE {session}",
        {"session_registers"},
    ),
    "a session's end before its start": (
        "UPDATE session SET ended_at = started_at - interval '1 second' WHERE {session}",
        {"session_registers"},
    ),
    "a session that is gone": ("DELETE FROM session WHERE {session}", GONE),
    "two vehicles at one evse": (SECOND_VEHICLE, {"evses_have_one_vehicle"}),
    "a state fact that is gone": (
        "DELETE FROM state_fact WHERE started_at = (SELECT min(started_at) FROM state_fact"
        " WHERE state = 'charging')",
        {"time_and_outages"},
    ),
    "seconds of a day changed by hand": (
        "UPDATE state_day_total SET seconds = seconds + 1 WHERE state = 'charging'",
        {"time_and_outages", "days_are_whole"},
    ),
    "an outage that is gone": ("DELETE FROM outage WHERE true", {"time_and_outages"}),
    "an attempt counted twice": (
        "UPDATE attempt_total SET succeeded = succeeded + 1 WHERE level = 'day'",
        {"attempts"},
    ),
    "a site's quarter changed by hand": (
        "UPDATE rollup.site_15min SET energy_wh = energy_wh + 1 WHERE (site_id, bucket) = (SELECT"
        " site_id, bucket FROM rollup.site_15min WHERE site_id > 0 AND energy_wh > 0 LIMIT 1)",
        {"energy_site_15min", "energy_site_day", "energy_site_load"},
    ),
    "a site's fullest quarter at another time": (
        "UPDATE rollup.site_day SET peak_at = peak_at + interval '15 minutes' WHERE (site_id,"
        " bucket) = (SELECT site_id, bucket FROM rollup.site_day WHERE peak_wh > 0"
        " ORDER BY bucket LIMIT 1)",
        {"energy_site_day"},
    ),
    "a quarter of a site's months that is gone": (
        "DELETE FROM rollup.site_load WHERE (site_id, quarter) = (SELECT site_id, quarter"
        " FROM rollup.site_load WHERE energy_wh > 0 LIMIT 1)",
        {"energy_site_load"},
    ),
    "a station moved behind the rollups' back": (
        "WITH silent AS (SELECT set_config('session_replication_role', 'replica', false))"
        " UPDATE station SET site_id = CASE site_id WHEN 701 THEN 702 ELSE 701 END FROM silent"
        " WHERE station_id = 'N1'",
        {"energy_site_15min"},
    ),
    "what is counted of a session changed by hand": (
        "UPDATE visit SET who = md5('nobody')::uuid WHERE {visit}",
        {"visits", "visitor_day"},
    ),
    "a session that is not counted": (
        "DELETE FROM visit WHERE {visit}",
        {"visits", "visit_total", "visit_sale", "visitor_day"},
    ),
    "a length of a day changed by hand": (
        "UPDATE visit_total SET seconds = seconds + 1 WHERE level = 'day' AND site_id = 0"
        " AND what = 'length'",
        {"visit_total"},
    ),
    "a channel of a month changed by hand": (
        "UPDATE visit_total SET sessions = sessions + 1 WHERE level = 'month' AND site_id = 0"
        " AND what = 'channel'",
        {"visit_total"},
    ),
    "sales of a month that are gone": (
        "DELETE FROM visit_sale WHERE level = 'month' AND site_id > 0",
        {"visit_sale"},
    ),
    "a day on which nobody came": (
        "INSERT INTO visitor_day SELECT md5('nobody')::uuid, 0, max(day), 1 FROM visit",
        {"visitor_day", "visitor_gap"},
    ),
    "users of a month counted twice": (
        "UPDATE visitor_gap SET users = 2 * users WHERE level = 'month' AND site_id = 0",
        {"visitor_gap"},
    ),
    "the fleet's sessions miscounted": (
        "UPDATE rollup.session_day SET sessions = sessions + 1",
        {"session_fleet_day"},
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_found_and_named(played: Connection, what: str) -> None:
    """By the checks that know it, and by nothing that it does not concern."""
    statement, names = BROKEN[what]
    changed = played.execute(statement.format(**PLACES).encode()).rowcount
    assert changed, "nothing was broken"
    found = differences(played)
    assert set(found) == names
    for one in (difference for some in found.values() for difference in some):
        assert one.subject
        assert one.expected != one.found, one


def alerts(connection: Connection) -> list[Any]:
    """Alerts and incidents of the audit: open or not."""
    rows = connection.execute(
        "SELECT a.resolved_at IS NULL, i.resolved_at IS NULL, a.detail -> 'differences'"
        " FROM alert a JOIN incident i USING (incident_id) WHERE a.kind = 'audit'"
    )
    return rows.fetchall()


def test_a_difference_is_one_alert_until_its_day_is_right_again(played: Connection) -> None:
    wrong = "UPDATE session SET energy_wh = energy_wh + %s WHERE " + PLACES["session"]  # noqa: S608
    played.execute(wrong.encode(), [500])
    for hours in range(2):
        audit(played, NOW + timedelta(hours=hours))
    assert alerts(played) == [(True, True, {"session_energy": 1})]
    seen = played.execute(
        "SELECT expected, found, found_at, seen_at FROM number_difference"
    ).fetchall()
    assert [row[2:] for row in seen] == [(NOW, NOW + timedelta(hours=1))]
    assert int(seen[0][1].split()[0]) - int(seen[0][0].split()[0]) == 500

    played.execute(wrong.encode(), [-500])
    today = wanted_days(played, NOW)[-1]
    audit(played, NOW + timedelta(hours=2), [today])
    assert alerts(played)[0][0], "another day's audit says nothing of that one"
    audit(played, NOW + timedelta(hours=3))
    assert alerts(played) == [(False, False, {"session_energy": 1})]


def test_every_night_audits_the_day_before_once(played: Connection) -> None:
    zone = ZoneInfo("Europe/Stockholm")
    night = datetime(2026, 11, 21, 2, 59, tzinfo=zone)
    assert audit_nightly(played, night) == [date(2026, 11, 19)], "it was not there at night"
    assert audit_nightly(played, night + timedelta(seconds=30)) == []
    assert audit_nightly(played, night + timedelta(minutes=2)) == [date(2026, 11, 20)]
    assert audit_nightly(played, night + timedelta(minutes=12)) == []


def test_days_that_changed_or_differed_are_audited_again(played: Connection) -> None:
    night = datetime(2026, 11, 21, 4, tzinfo=ZoneInfo("Europe/Stockholm"))
    assert audit_nightly(played, night) == [date(2026, 11, 20)]
    for moment in MIDNIGHTS[0] - timedelta(hours=40), MIDNIGHTS[0] + timedelta(hours=5):
        played.execute(
            "INSERT INTO rollup_refresh_request (from_at, to_at) VALUES (%s, %s)", [moment, moment]
        )
    tomorrow = [date(2026, 11, 21), date(2026, 11, 20)]  # no night has audited the 18th
    assert audit_nightly(played, night + timedelta(days=1)) == tomorrow
    played.execute(f"DELETE FROM energy_15min WHERE {PLACES['quarter']}".encode())  # noqa: S608
    audit(played, night)
    (day,) = {row[0].date() for row in played.execute(
        "SELECT at AT TIME ZONE 'Europe/Stockholm' FROM number_difference"
        " WHERE name = 'energy_15min'"
    )}  # fmt: skip
    later = night + timedelta(days=2)
    assert audit_nightly(played, later, budget_seconds=-1) == [date(2026, 11, 22)]
    assert day in audit_nightly(played, later + timedelta(days=1))


def test_readings_that_retention_removed_are_not_missed(played: Connection) -> None:
    kept_from = MIDNIGHTS[1] - timedelta(minutes=1)
    played.execute("DELETE FROM meter_value WHERE measured_at < %s", [kept_from])
    played.execute("INSERT INTO retention VALUES ('meter_value', %s)", [kept_from])
    assert wanted_days(played, NOW)[0] == date(2026, 11, 21)


def test_the_command_says_what_differs_and_fails(played: Connection, plain_database: str) -> None:
    def run(*options: str) -> Any:
        return CliRunner().invoke(command, options, obj=lambda: connect(plain_database))

    result = run("--numbers")
    assert result.exit_code == 0, result.output
    assert "ok\tsession_energy\tchecked " in result.output
    assert "entries_sum_to_zero" not in result.output
    assert "entries_sum_to_zero" in run("--month", "2026-11").output
    played.execute(f"UPDATE session SET energy_wh = 1 WHERE {PLACES['session']}".encode())  # noqa: S608
    result = run("--month", "2026-11")
    assert result.exit_code == 1
    assert "DIFFERS\tsession_energy\tchecked " in result.output
    assert "expected " in result.output
    assert run("--day", "2026-06-30").exit_code == 0, "there was nothing yet"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--day", "2026-13-01"], "a day such as 2026-06-30, got 2026-13-01"),
        (["--month", "June"], "a month such as 2026-06, got June"),
        (["--month", "2026-06", "--day", "2026-06-30"], "--month or --day"),
        (["--books", "--numbers"], "--numbers or --books"),
    ],
)
def test_the_command_names_what_is_wrong_with_its_options(options: list[str], words: str) -> None:
    result = CliRunner().invoke(command, options, obj=None)
    assert result.exit_code == 2
    assert words in result.output
