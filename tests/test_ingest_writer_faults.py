"""What the database refuses costs one message; a database that is away costs a connection."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
from ocpp_messages import BOOT, begin, sample16, start16, status16, stop16, values16
from stations import Csms, RawStation, add_stations, ago, dial, rows, serving
from websockets.exceptions import InvalidStatus

from ingest import writer as writer_module
from sql.database import connect

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the marker' USING ERRCODE = '{code}';
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON {table}
    FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse();
"""


def refuse(csms: Csms, table: str, condition: str, code: str = "23514") -> None:
    """Let the database refuse rows of a table."""
    with connect(csms.dsn) as connection:
        connection.execute(REFUSE.format(table=table, condition=condition, code=code).encode())


async def test_a_bad_message_is_set_aside_and_the_others_are_stored(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        number = await begin(station, 0, ago(minutes=60))
        refuse(csms, "meter_value", "NEW.energy_wh = 666")
        waiting = []
        for minute, register in enumerate((100, 200, 666, 700, 800)):
            values = values16([sample16(register)], ago(minutes=50 - minute), transactionId=number)
            waiting.append(station.post("MeterValues", values))
        for one in waiting:
            assert (await one)[1][2] == {}
        await station.call("StopTransaction", stop16(number, 900))
        kept = csms.rows("SELECT energy_wh FROM meter_value WHERE source = 'meter' ORDER BY 1")
        assert kept == [(0,), (100,), (200,), (700,), (800,), (900,)]
        assert csms.one("SELECT energy_wh FROM session") == 900
        aside = csms.one("SELECT action, error_code, frame LIKE '%%666%%' FROM message_log"
                         " WHERE error_code IS NOT NULL")  # fmt: skip
        assert aside == ("MeterValues", "CheckViolation", True)


async def test_a_start_that_is_set_aside_gets_an_id_nobody_has(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        refuse(csms, "session", "NEW.meter_start_wh = 666", "P0001")
        number = await begin(station, 666, ago(minutes=60))
        assert number > 0
        await station.call("MeterValues", values16([sample16(700)], transactionId=number))
        await station.call("StopTransaction", stop16(number, 900))
        assert await begin(station, 900, ago(minutes=1)) != number
        assert csms.one("SELECT count(*) FROM session") == 1


async def test_a_boot_that_is_set_aside_is_not_taken_for_approval(database: str) -> None:
    add_stations(database, "S1")
    rows(database, "UPDATE station SET registration_status = 'Pending'")
    async with serving(database) as csms, csms.station() as station:
        refuse(csms, "message_log", "NEW.answer LIKE '%interval%' AND NEW.error_code IS NULL")
        assert (await station.call("BootNotification", BOOT["1.6"]))["status"] == "Pending"


async def test_a_message_that_cannot_even_be_set_aside_costs_nothing_else(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        refuse(csms, "message_log", "NEW.frame LIKE '%666%'")
        lost = station.post("StartTransaction", start16(666))
        assert await begin(station, 0, ago(minutes=1)) > 0
        assert not lost.done()
        lost.cancel()


async def test_evses_of_a_batch_that_failed_are_no_phantoms(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        refuse(csms, "status_history", "NEW.info = 'bad'")
        await station.call("StatusNotification", status16("Available", connector=7, info="bad"))
        await station.call("StatusNotification", status16("Charging", connector=7))
        assert csms.ingest.writer.set_aside == 1
        query = "SELECT evse_id, status FROM connector JOIN evse USING (evse_key)"
        assert csms.one(query) == (7, "Occupied")


async def kill_writer(csms: Csms) -> None:
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    await asyncio.to_thread(csms.rows, query + " AND datname = current_database()",
                            "kilowatch ingest")  # fmt: skip


async def test_the_writer_s_connection_may_die_at_any_moment(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        number = await begin(station, 0, ago(minutes=200))
        for register in range(1, 101):
            when = ago(minutes=200 - register)
            values = values16([sample16(register * 10)], when, transactionId=number)
            answer = station.post("MeterValues", values)
            if register % 10 == 0:
                await kill_writer(csms)
            assert (await asyncio.wait_for(answer, 10))[1][0] == 3
        await station.call("StopTransaction", stop16(number, 1010))
        assert csms.one("SELECT energy_wh FROM session") == 1010
        assert csms.one("SELECT sum(energy_delta_wh)::bigint FROM meter_value") == 1010
        assert csms.one("SELECT count(*) FROM meter_value WHERE source = 'meter'") == 102


async def connect_when_back(csms: Csms) -> RawStation:
    """Try again as stations do."""
    async with asyncio.timeout(30):
        while True:
            try:
                return RawStation(await dial(csms.port, "S1", ["1.6"]))
            except InvalidStatus:
                await asyncio.sleep(0.1)


async def test_a_database_that_is_away_too_long_sends_stations_away_and_lets_them_return(
    database: str, monkeypatch: pytest.MonkeyPatch, async_eventually: Any
) -> None:
    monkeypatch.setattr(writer_module, "GONE_SECONDS", 0.5)
    name = urlsplit(database).path[1:]
    admin = urlsplit(database)._replace(path="/postgres").geturl()
    async with serving(database, "S1", "S2") as csms:
        async with csms.station() as station, csms.station("S2") as idle:
            number = await begin(station, 0, ago(minutes=60))
            await idle.call("Heartbeat", {})
            rows(admin, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            rows(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = %s", name)  # fmt: skip
            unanswered = station.post("StopTransaction", stop16(number, 700))
            assert [await one.closed() for one in (station, idle)] == [1006, 1006]
            assert unanswered.exception()
        with pytest.raises(InvalidStatus) as caught:
            await dial(csms.port, "S1", ["1.6"])
        assert caught.value.response.status_code == 503
        assert caught.value.response.headers["Retry-After"]
        rows(admin, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        station = await connect_when_back(csms)
        await station.call("StopTransaction", stop16(number, 700))
        await station.close()
        assert csms.one("SELECT energy_wh, meter_stop_wh FROM session") == (700, 700)
        query = "SELECT offline_cause FROM station WHERE station_id = 'S2' AND NOT is_online"
        assert await async_eventually(query, channel="evse") == ("csms",)


@pytest.mark.parametrize("code", ["25006", "53100"])
async def test_a_server_that_cannot_write_is_not_the_message_s_fault(
    database: str, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """25006: read-only, as after a failover; 53100: the disk is full."""
    monkeypatch.setattr(writer_module, "GONE_SECONDS", 0.3)
    async with serving(database, "S1") as csms:
        async with csms.station() as station:
            await station.call("Heartbeat", {})
            refuse(csms, "session", "true", code)
            waiting: Any = station.post("StartTransaction", start16(0))
            assert await station.closed() == 1006
            assert waiting.exception()
        assert csms.ingest.writer.set_aside == 0
        csms.rows("DROP TRIGGER refuse ON session")
        station = await connect_when_back(csms)
        assert await begin(station, 0, ago(minutes=1)) > 0
        await station.close()


async def test_a_database_that_hangs_sends_stations_away_and_lets_them_return(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an error nor an answer: a lock that is never given stands for a stuck disk."""
    monkeypatch.setattr(writer_module, "STUCK_SECONDS", 0.5)
    async with serving(database, "S1") as csms:
        async with csms.station() as station:
            number = await begin(station, 0, ago(minutes=60))
            with connect(database) as holder, holder.transaction():
                holder.execute("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")
                unanswered = station.post("StopTransaction", stop16(number, 700))
                assert await station.closed() == 1006
                assert unanswered.exception()
                with pytest.raises(InvalidStatus) as caught:
                    await dial(csms.port, "S1", ["1.6"])
                assert caught.value.response.status_code == 503
        station = await connect_when_back(csms)
        await station.call("StopTransaction", stop16(number, 700))
        await station.close()
        assert csms.one("SELECT energy_wh, meter_stop_wh FROM session") == (700, 700)
