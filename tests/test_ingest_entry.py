"""What staff change of a station reaches its open socket: come in anew, or go on otherwise."""

import asyncio

import pytest
from stations import PATIENCE, Csms, RawStation, serving

from ingest import presence
from ingest.peer import Peer
from sql.admin import stations
from sql.database import Connection, connect

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


async def ready(csms: Csms, station: RawStation) -> None:
    """It is in, and its worker listens: a command has reached it."""
    await station.call("BootNotification", BOOT)
    csms.rows("INSERT INTO command (station_id, action) VALUES ('S1', 'ClearCache')")
    await station.order()


async def test_a_new_password_closes_the_socket_that_the_old_one_opened(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1", "S2") as csms:
        async with csms.station("S1") as station, csms.station("S2") as other:
            await ready(csms, station)
            stations.set_password(connection, "ada", "S1", "something new")
            assert await station.closed() == 1008
            assert await other.call("Heartbeat", {})
        async with csms.station("S1", password="something new") as station:
            assert await station.call("Heartbeat", {})


async def test_a_retired_station_is_out_and_stays_out_until_it_is_brought_back(
    database: str, connection: Connection
) -> None:
    async with serving(database, "S1", unknown_stations="accept") as csms:
        async with csms.station("S1") as station:
            await ready(csms, station)
            now = csms.one("SELECT now()")
            stations.retire(connection, "ada", "S1", now)
            assert await station.closed() == 1008
        with pytest.raises(Exception, match="404"):
            async with csms.station("S1"):
                pass
        stations.bring_back(connection, "ada", "S1")
        async with csms.station("S1") as station:
            assert await station.call("Heartbeat", {})


async def test_a_lost_notice_is_made_up_for_when_the_lease_is_extended(
    database: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "EXTEND_SECONDS", 0.05)
    monkeypatch.setattr(presence.Presence, "on_entry", lambda _self, _payload: None)
    async with serving(database, "S1") as csms, csms.station("S1") as station:
        await ready(csms, station)
        stations.set_password(connection, "ada", "S1", "something new")
        assert await station.closed() == 1008


async def test_a_trace_is_known_without_a_new_connection(
    database: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed, refresh = asyncio.Event(), Peer.refresh

    async def told(peer: Peer) -> None:
        await refresh(peer)
        refreshed.set()

    monkeypatch.setattr(Peer, "refresh", told)
    async with serving(database, "S1") as csms, csms.station("S1") as station:
        await ready(csms, station)
        until = csms.one("SELECT now() + interval '1 hour'")
        stations.trace(connection, "ada", "S1", until)
        await asyncio.wait_for(refreshed.wait(), PATIENCE)
        assert csms.ingest.presence.peers["S1"].station.trace_until == until
        assert await station.call("Heartbeat", {})


def test_evses_of_a_retired_station_are_nobody_s_any_more(
    database: str, connection: Connection
) -> None:
    with connect(database) as other:
        other.execute("LISTEN evse")
        connection.execute("INSERT INTO station (station_id) VALUES ('S1')")
        connection.execute("INSERT INTO evse (station_id, evse_id) VALUES ('S1', 1)")
        row = connection.execute("SELECT now()").fetchone()
        assert row
        stations.retire(connection, "ada", "S1", row[0])
        [notice] = list(other.notifies(timeout=5, stop_after=1))
        assert notice.payload == "*"
        assert connection.execute("SELECT count(*) FROM evse_state").fetchone() == (0,)
