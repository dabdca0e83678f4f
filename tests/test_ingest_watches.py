"""What goes wrong without anybody reporting it: caused by real stations, told as alerts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from ocpp_messages import BOOT, begin, event201, sample16, start16, status16, stop16, values16
from stations import PASSWORD, Csms, RawStation, ago, dial, serving
from virtual_stations import HUB, LONG_VISIT, PACE, dave
from websockets.exceptions import InvalidStatus

from ingest.attempting import book_attempts
from ingest.simulator import contact, evse, station, v16
from ingest.simulator.fleet import DIALECTS
from ingest.simulator.spec import VirtualStationSpec
from ingest.simulator.station import VirtualStation
from ingest.timelines import book_time
from ingest.watchdog import (
    find_normals,
    forget_watched,
    watch,
    watch_clocks,
    watch_fleet,
    watch_sessions,
)
from sql.database import Connection, connect

ALERTS = "SELECT kind, evse_id FROM alert WHERE resolved_at IS NULL ORDER BY 1, 2"
INCIDENTS = "SELECT kind, severity FROM incident WHERE resolved_at IS NULL ORDER BY 1"


class Control:
    """Rounds of all watchdogs, at once or as of so many seconds from now."""

    def __init__(self, csms: Csms, connection: Connection) -> None:
        self.csms, self.connection = csms, connection

    async def look(self, seconds: float = 0) -> list[Any]:
        now = datetime.now(UTC) + timedelta(seconds=seconds)
        for rounds in (watch_sessions, watch_fleet, watch_clocks, watch):
            await asyncio.to_thread(rounds, self.connection, now)
        return self.csms.rows(ALERTS)

    def detail(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = self.csms.one("SELECT detail FROM alert WHERE kind = %s", kind)
        return found

    def incidents(self) -> list[Any]:
        return self.csms.rows(INCIDENTS)


@pytest.fixture
async def csms(database: str) -> AsyncIterator[Csms]:
    async with serving(database, "S1") as found:
        yield found


@pytest.fixture
def control(csms: Csms, connection: Connection) -> Control:
    return Control(csms, connection)


async def read(station: RawStation, transaction: int, at: datetime, wh: int, power_w: int) -> None:
    samples = [
        sample16(wh), sample16(power_w, measurand="Power.Active.Import", unit="W")
    ]  # fmt: skip
    await station.call("MeterValues", values16(samples, at, transactionId=transaction))


async def test_a_session_that_delivers_nothing_is_told_and_over_when_energy_comes(
    csms: Csms, control: Control
) -> None:
    async with csms.station() as one:
        transaction = await begin(one, 1000, ago(minutes=21))
        await one.call("StatusNotification", status16("Charging", ago(minutes=20)))
        await read(one, transaction, ago(minutes=6), 1000, 0)
        assert await control.look() == []
        await read(one, transaction, ago(minutes=4), 1000, 0)
        assert await control.look() == [("no_energy", 1)]
        assert control.detail("no_energy")["charging_seconds"] in range(950, 970)
        assert control.incidents() == [("no_energy", "high")]
        await read(one, transaction, ago(minutes=1), 1300, 7000)
        assert await control.look() == []
        assert control.incidents() == []


async def test_a_car_that_does_not_draw_power_is_no_session_without_energy(
    csms: Csms, control: Control
) -> None:
    async with csms.station() as one:
        transaction = await begin(one, 1000, ago(minutes=40))
        await one.call("StatusNotification", status16("SuspendedEV", ago(minutes=39)))
        await read(one, transaction, ago(minutes=1), 1000, 0)
        assert await control.look() == []


async def test_a_2x_session_without_energy_is_told(csms: Csms, control: Control) -> None:
    async with csms.station(version="2.0.1") as one:
        for number, (kind, minutes) in enumerate((("Started", 30), ("Updated", 2))):
            tag = "TAG" if kind == "Started" else None
            at = ago(minutes=minutes)
            await one.call("TransactionEvent", event201(kind, "t", number, at, wh=500, tag=tag,
                                                        state="Charging"))  # fmt: skip
        assert await control.look() == [("no_energy", 1)]


async def test_a_frozen_register_is_told_while_the_session_runs(
    csms: Csms, control: Control
) -> None:
    async with csms.station() as one:
        at = ago(minutes=30)
        transaction = await begin(one, 1000, at)
        await one.call("StatusNotification", status16("Charging", at))
        for minutes in range(2, 28, 2):
            await read(one, transaction, at + timedelta(minutes=minutes), 1000, 11_000)
        assert await control.look() == [("meter_frozen", 1)]
        assert control.detail("meter_frozen")["power_w"] == 11_000
        await one.call("StopTransaction", stop16(transaction, 1000))
        assert await control.look() == []


async def test_a_cable_that_nothing_follows_is_told(csms: Csms, control: Control) -> None:
    async with csms.station() as one:
        await one.call("StatusNotification", status16("Preparing", ago(minutes=14)))
        assert await control.look() == []
        assert await control.look(2 * 60) == [("stuck_preparing", 1)]
        assert control.incidents() == [("stuck_preparing", "low")]
        await one.call("StartTransaction", start16(1000))
        assert await control.look(2 * 60) == []


async def test_a_cable_left_after_a_session_is_not_stuck(csms: Csms, control: Control) -> None:
    async with csms.station(version="2.0.1") as one:
        status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied",
                  "timestamp": ago(minutes=50).isoformat()}  # fmt: skip
        await one.call("StatusNotification", status)
        begun = event201("Started", "t", 0, ago(minutes=49), tag="TAG", wh=0)
        await one.call("TransactionEvent", begun)
        await one.call("TransactionEvent", event201("Ended", "t", 1, ago(minutes=20), wh=5000))
        assert await control.look() == []


@pytest.mark.parametrize(("behind", "is_off"), [(0, False), (55, False), (90, True), (-90, True)])
async def test_a_clock_that_is_off_is_told(
    csms: Csms, control: Control, behind: int, is_off: bool
) -> None:
    async with csms.station() as one:
        for status in ("Available", "Preparing", "Available", "Preparing", "Available"):
            await one.call("StatusNotification", status16(status, ago(seconds=behind)))
        expected = [("clock_off", None)] if is_off else []
        assert await control.look() == expected
        if is_off:
            assert control.detail("clock_off")["behind_seconds"] in range(behind - 3, behind + 4)
            # who says nothing for an hour has not set the clock
            assert await control.look(3700) == expected
            for status in ("Preparing", "Available") * 4:
                await one.call("StatusNotification", status16(status))
            assert await control.look() == []


async def test_a_clock_in_1970_is_off_too(csms: Csms, control: Control) -> None:
    async with csms.station() as one:
        for second, status in enumerate(("Available", "Preparing", "Available")):
            at = datetime(1970, 1, 1, 0, 0, second, tzinfo=UTC)
            await one.call("StatusNotification", status16(status, at))
        assert await control.look() == [("clock_off", None)]
        assert control.detail("clock_off")["is_implausible"]


async def test_what_was_kept_while_offline_is_no_wrong_clock(csms: Csms, control: Control) -> None:
    async with csms.station() as one:
        transaction = await begin(one, 1000, ago(hours=3))
        for minutes in range(170, 10, -10):
            await read(one, transaction, ago(minutes=minutes), 2000 - minutes, 0)
        await one.call("StatusNotification", status16("Charging"))
        assert await control.look() == []


async def test_connections_refused_again_and_again_are_told(csms: Csms, control: Control) -> None:
    for number in range(3):
        assert await control.look() == []
        with pytest.raises(InvalidStatus):
            await dial(csms.port, "S1", ["1.6"], password=f"wrong {number}")
        with pytest.raises(InvalidStatus):
            await dial(csms.port, f"STRANGER-{number}", ["1.6"])
    assert await control.look() == [("rejected_connections", None)] * 2
    about = csms.rows("SELECT station_id, detail -> 'attempts', detail -> 'names' FROM alert"
                      " ORDER BY 1")  # fmt: skip
    assert about == [("S1", 3, 1), (None, 3, 3)]
    assert control.incidents() == [("rejected_connections", "low")]
    # over half an hour after the last one
    assert len(await control.look(29 * 60)) == 2
    assert await control.look(31 * 60) == []
    assert control.incidents() == []


async def test_refused_connections_are_forgotten_after_a_month(
    csms: Csms, control: Control
) -> None:
    csms.rows(
        "INSERT INTO connection_attempt (station_id, at, reason) VALUES"
        " ('X', now() - interval '29 days', 'old'), ('X', now() - interval '31 days', 'older')"
    )
    csms.rows("INSERT INTO command (station_id, action, requested_by, requested_at, status,"
              " finished_at) SELECT 'S1', 'TriggerMessage', who, now() - interval '31 days',"
              " 'answered', now() FROM unnest('{watchdog,alice}'::text[]) who")  # fmt: skip
    forget_watched(control.connection, datetime.now(UTC))
    assert csms.rows("SELECT reason FROM connection_attempt") == [("old",)]
    assert csms.rows("SELECT requested_by FROM command") == [("alice",)]


async def test_starts_that_fail_one_after_the_other_are_told(
    csms: Csms, control: Control, async_eventually: Any
) -> None:
    """What the simulator's button "refuse start" does: remote starts are rejected."""
    async with csms.station() as one:
        one.obey = lambda _action, _payload: {"status": "Rejected"}
        await one.call("BootNotification", BOOT["1.6"])
        await one.call("StatusNotification", status16("Available"))
        for number in range(3):
            assert await control.look() == []
            csms.rows("INSERT INTO command (station_id, action, payload, requested_by) VALUES ("
                      "'S1', 'RemoteStartTransaction', '{\"idTag\": \"TAG\", \"connectorId\": 1}',"
                      " 'alice')")  # fmt: skip
            done = "SELECT 1 FROM command WHERE finished_at IS NOT NULL HAVING count(*) > %s"
            await async_eventually(done, [number], channel="command_done")
            # time is booked in whole seconds: what is of this very one waits for its end
            for at in (datetime.now(UTC), datetime.now(UTC) + timedelta(seconds=2)):
                book_attempts(control.connection, at)
                book_time(control.connection, at)
        assert await control.look() == [("failing_starts", 1)]
        assert control.detail("failing_starts")["attempts"] == 3


# -- compared with their own past ----------------------------------------------------------------


def past(csms: Csms, **columns: str) -> None:
    """Sessions of S1's first evse: a month of one every four hours, the newest four hours old,
    11 kWh in an hour each. `columns` are expressions over n, the number counted from the newest."""
    wanted = {
        "started_at": "now() - n * interval '4 hours' - interval '1 hour'", "seconds": "3600",
        "energy_wh": "11000", "id_token": "'TAG-' || mod(n, 20)", "flags": "'{}'::text[]",
    } | columns  # fmt: skip
    csms.rows(f"""
        INSERT INTO session (station_id, evse_id, evse_key, transaction_id, id_token, started_at,
            ended_at, charged_until, energy_wh, flags)
        SELECT 'S1', 1, evse_key, 'past ' || evse_id || n, {wanted["id_token"]}, p.at,
            p.at + {wanted["seconds"]} * interval '1 second',
            p.at + {wanted["seconds"]} * interval '1 second', {wanted["energy_wh"]},
            {wanted["flags"]}
        FROM evse CROSS JOIN generate_series(1, 180) n
        CROSS JOIN LATERAL (SELECT {wanted["started_at"]} AS at) p
        WHERE station_id = 'S1' AND evse_id = 1""")  # noqa: S608


async def settled(csms: Csms, one: RawStation) -> None:
    """In contact for long, and free."""
    await one.call("StatusNotification", status16("Available"))
    csms.rows("UPDATE station SET contact_changed_at = now() - interval '2 days'")


async def test_what_is_normal_for_an_evse_is_worked_out_from_its_own_sessions(
    csms: Csms, control: Control
) -> None:
    past(csms)
    find_normals(control.connection, datetime.now(UTC))
    found = csms.rows("SELECT gap_p95_seconds, power_p90_w, slow_run, fast_share, sessions"
                      " FROM evse_normal WHERE sessions > 0")  # fmt: skip
    assert found == [(10_800, 11_000, 0, 1.0, 180)]


async def test_a_few_sessions_are_no_sample(csms: Csms, control: Control) -> None:
    past(csms)
    csms.rows("DELETE FROM session WHERE started_at < now() - interval '41 hours'")
    find_normals(control.connection, datetime.now(UTC))
    assert csms.rows("SELECT FROM evse_normal WHERE gap_p95_seconds IS NOT NULL") == []


async def test_the_meter_interval_of_an_evse_is_that_of_its_newest_session(
    csms: Csms, control: Control
) -> None:
    async with csms.station() as one:
        transaction = await begin(one, 1000, ago(minutes=30))
        for minutes in (25, 20, 15):
            await read(one, transaction, ago(minutes=minutes), 1100 - minutes, 0)
    find_normals(control.connection, datetime.now(UTC))
    assert csms.one("SELECT max(meter_interval_seconds) FROM evse_normal") in range(298, 303)


async def test_dead_but_green_is_told_after_three_of_its_own_gaps(
    csms: Csms, control: Control
) -> None:
    past(csms)
    find_normals(control.connection, datetime.now(UTC))
    async with csms.station() as one:
        await settled(csms, one)
        assert await control.look() == []  # four hours ago, three are normal
        assert await control.look(4.9 * 3600) == []
        assert await control.look(5.1 * 3600) == [("silent_evse", 1)]
        assert control.incidents() == [("silent_evse", "high")]
        detail = control.detail("silent_evse")
        assert (detail["gap_p95_seconds"], detail["sessions"]) == (10_800, 180)
        shown = ("SELECT v.evse_id, v.state, w.state FROM evse_state v"
                 " JOIN evse_watched w USING (evse_key) ORDER BY 1")  # fmt: skip
        assert csms.rows(shown) == [(1, "available", "silent"), (2, "unknown", "unknown")]
        transaction = await begin(one, 1000, ago(minutes=5))
        await read(one, transaction, ago(minutes=1), 1150, 7000)
        assert await control.look(5.1 * 3600) == []


@pytest.mark.parametrize("status", ["Charging", "Faulted", "Unavailable", "Reserved"])
async def test_only_who_says_available_can_be_dead_but_green(
    csms: Csms, control: Control, status: str
) -> None:
    past(csms, started_at="now() - n * interval '4 hours' - interval '1 day'")
    find_normals(control.connection, datetime.now(UTC))
    async with csms.station() as one:
        await settled(csms, one)
        await one.call("StatusNotification", status16(status))
        assert ("silent_evse", 1) not in await control.look()


@pytest.mark.parametrize(("minutes", "cause"), [(59, "network"), (61, "failed_starts")])
async def test_a_blink_does_not_make_up_for_silence(
    csms: Csms, control: Control, minutes: int, cause: str
) -> None:
    past(csms, started_at="now() - n * interval '4 hours' - interval '3 days'")
    find_normals(control.connection, datetime.now(UTC))
    outage(csms, minutes, cause)
    async with csms.station() as one:
        await settled(csms, one)
        assert await control.look() == [("silent_evse", 1)]


async def test_after_an_outage_the_count_begins_anew(csms: Csms, control: Control) -> None:
    past(csms, started_at="now() - n * interval '4 hours' - interval '3 days'")
    find_normals(control.connection, datetime.now(UTC))
    outage(csms, 61, "network")
    async with csms.station() as one:
        await settled(csms, one)
        assert await control.look() == []
        assert await control.look(7.9 * 3600) == []
        assert await control.look(8.1 * 3600) == [("silent_evse", 1)]


def outage(csms: Csms, minutes: int, cause: str) -> None:
    """Of the first evse, over since an hour."""
    csms.rows("INSERT INTO outage (evse_key, station_id, evse_id, started_at, ended_at, cause)"
              " SELECT evse_key, station_id, evse_id, now() - interval '1 hour'"
              " - %s * interval '1 minute', now() - interval '1 hour', %s FROM evse"
              " WHERE evse_id = 1", minutes, cause)  # fmt: skip


async def test_small_sessions_are_no_success(csms: Csms, control: Control) -> None:
    past(csms, energy_wh="CASE WHEN n < 4 THEN 99 ELSE 11000 END")
    find_normals(control.connection, datetime.now(UTC))
    async with csms.station() as one:
        await settled(csms, one)
        assert await control.look() == [("silent_evse", 1)]


async def test_what_was_normal_is_kept_when_sessions_no_longer_come(
    csms: Csms, control: Control
) -> None:
    past(csms)
    find_normals(control.connection, datetime.now(UTC))
    find_normals(control.connection, datetime.now(UTC) + timedelta(days=119))
    async with csms.station() as one:
        await settled(csms, one)
        assert await control.look(119 * 86_400) == [("silent_evse", 1)]


SLOW = "CASE WHEN n <= {run} THEN 4000 WHEN mod(n, {every}) = 0 THEN 11000 ELSE {usual} END"


@pytest.mark.parametrize(
    ("run", "every", "usual", "is_derated"),
    [
        (5, 2, 11_000, True),  # every car was fast before
        (4, 2, 11_000, False),
        (22, 2, 5000, True),  # every second one
        (12, 2, 5000, False),
        (22, 5, 5000, False),  # every fifth one
        (60, 5, 5000, True),
    ],
)
async def test_derated_is_who_has_more_slow_sessions_in_a_row_than_chance_allows(
    csms: Csms, control: Control, run: int, every: int, usual: int, is_derated: bool
) -> None:
    past(csms, energy_wh=SLOW.format(run=run, every=every, usual=usual))
    find_normals(control.connection, datetime.now(UTC))
    assert await control.look() == ([("derated", 1)] if is_derated else [])


async def test_one_fast_session_proves_the_power_back(csms: Csms, control: Control) -> None:
    past(csms, energy_wh=SLOW.format(run=6, every=2, usual=11_000))
    find_normals(control.connection, datetime.now(UTC))
    assert await control.look() == [("derated", 1)]
    detail = control.detail("derated")
    assert (detail["power_w"], detail["normal_w"], detail["sessions"]) == (4000, 11_000, 6)
    assert control.incidents() == [("derated", "low")]
    csms.rows("UPDATE session SET energy_wh = 9000 WHERE transaction_id = 'past 11'")
    csms.rows("UPDATE evse_normal SET computed_at = computed_at - interval '5 hours'")
    find_normals(control.connection, datetime.now(UTC))
    assert await control.look() == []


async def test_sessions_with_a_broken_meter_say_nothing_about_power(
    csms: Csms, control: Control
) -> None:
    flags = "CASE WHEN n <= 9 THEN '{register_frozen}' ELSE '{}' END::text[]"
    past(csms, energy_wh=SLOW.format(run=9, every=2, usual=11_000), flags=flags)
    find_normals(control.connection, datetime.now(UTC))
    assert await control.look() == []


async def test_alerts_of_a_station_out_of_contact_stay_as_they_were(
    csms: Csms, control: Control, async_eventually: Any
) -> None:
    async with csms.station() as one:
        await one.call("StatusNotification", status16("Preparing", ago(minutes=20)))
        assert await control.look() == [("stuck_preparing", 1)]
    await async_eventually("SELECT 1 FROM station WHERE NOT is_online", channel="evse")
    assert ("stuck_preparing", 1) in await control.look()
    async with csms.station() as one:
        await one.call("StatusNotification", status16("Available"))
        assert ("stuck_preparing", 1) not in await control.look()


async def test_two_watchdogs_raise_nothing_twice(
    csms: Csms, control: Control, database: str
) -> None:
    past(
        csms,
        energy_wh=SLOW.format(run=9, every=2, usual=11_000),
        started_at="now() - n * interval '4 hours' - interval '3 days'",
    )
    now = datetime.now(UTC)

    def rounds() -> None:
        with connect(database) as connection:
            for _ in range(5):
                for work in (find_normals, watch_sessions, watch_fleet, watch):
                    work(connection, now)

    async with csms.station() as one:
        await settled(csms, one)
        await one.call("StatusNotification", status16("Faulted", connector=2))
        await asyncio.gather(*(asyncio.to_thread(rounds) for _ in range(2)))
    found = [("derated", 1), ("faulted", 2), ("silent_evse", 1)]
    assert csms.rows(ALERTS) == found
    assert csms.one("SELECT count(*) FROM alert") == 3
    assert csms.one("SELECT count(*) FROM incident") == 3


# -- a whole station -----------------------------------------------------------------------------


class FastClock:
    """Sixty seconds pass in one, from an hour ago on."""

    def __init__(self, times: int = 60) -> None:
        self.began_at, self.times = datetime.now(UTC), times

    def __call__(self) -> datetime:
        at = self.began_at - timedelta(hours=1)
        at += (datetime.now(UTC) - self.began_at) * self.times
        return at.replace(microsecond=at.microsecond // 1000 * 1000)


async def test_the_simulators_button_freeze_meter_leads_to_an_alert(
    csms: Csms, control: Control, monkeypatch: pytest.MonkeyPatch, async_eventually: Any
) -> None:
    clock = FastClock()
    for module in (evse, v16, station):
        monkeypatch.setattr(module, "now", clock)
    spec = VirtualStationSpec("S1", PASSWORD, "1.6", (HUB,), "ODH", registers_wh=(1000,))
    pace = contact.Pace(**{f: getattr(PACE, f) for f in ("meter_interval_s", "retry_s")})
    url = f"ws://127.0.0.1:{csms.port}/ocpp"
    virtual = VirtualStation(spec, url, Random(1), DIALECTS, pace)
    csms.rows("UPDATE evse SET max_power_w = 150000")
    csms.rows("INSERT INTO id_token (id_token) VALUES ('DAVE-01')")
    running = asyncio.create_task(virtual.run())
    try:
        await virtual.contact.accepted.wait()
        virtual.freeze_meters(True)
        virtual.receive(1, dave(LONG_VISIT))
        flagged = "SELECT 1 FROM session WHERE 'register_frozen' = ANY(flags)"
        await async_eventually(flagged, channel="evse", seconds=20)
        assert ("meter_frozen", 1) in await control.look()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
