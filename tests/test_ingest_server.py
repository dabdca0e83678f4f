"""Connections: who is let in, what happens to odd frames, and who disturbs whom."""

import asyncio
import json
import socket as sockets
from contextlib import suppress

import pytest
from ocpp_messages import BOOT, start16, status16
from stations import (
    PASSWORD,
    VERSIONS,
    Csms,
    RawStation,
    RefusedError,
    add_stations,
    dial,
    rows,
    serving,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ingest import peer as peer_module
from sql.database import connect

OFFLINE = "SELECT offline_cause FROM station WHERE station_id = 'S1' AND NOT is_online"


async def refused(csms: Csms, station_id: str = "S1", **options: object) -> int:
    """The HTTP status a handshake is refused with."""
    with pytest.raises(InvalidStatus) as caught:
        await dial(csms.port, station_id, ["1.6"], **options)  # type: ignore[arg-type]
    return int(caught.value.response.status_code)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_registered_station_boots(database: str, version: str) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", version) as station:
        answer = await station.call("BootNotification", BOOT[version])
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        found = csms.one("SELECT vendor, model, ocpp_version, is_online FROM station")
        assert found == ("Volt AB", "Duo", version, True)


@pytest.mark.parametrize("version", VERSIONS)
async def test_reconnecting_without_a_boot_is_normal(database: str, version: str) -> None:
    async with serving(database, "S1") as csms:
        for _ in range(2):
            async with csms.station("S1", version) as station:
                assert "currentTime" in await station.call("Heartbeat", {})


@pytest.mark.parametrize("path", ["/", "/ocpp", "/ocpp/", "/ocpp/a/b", "/x/S1", "/ocpp/S%001"])
async def test_odd_paths_are_not_found(database: str, path: str) -> None:
    async with serving(database, "S1") as csms:
        assert await refused(csms, path=path) == 404


async def test_the_station_id_may_be_escaped_and_end_with_a_slash(database: str) -> None:
    async with serving(database, "Åre 1") as csms:
        path = "/ocpp/%C3%85re%201/?x=1"
        socket = await dial(csms.port, "Åre 1", ["1.6"], path=path)
        await socket.close()


async def test_no_common_subprotocol_is_closed_politely(database: str) -> None:
    async with serving(database, "S1") as csms:
        for offered in ([], ["ocpp1.5"], ["soap", "mqtt"]):
            socket = await dial(csms.port, "S1", offered)
            await asyncio.wait_for(socket.wait_closed(), 10)
            assert (socket.subprotocol, socket.close_code) == (None, 1002)
            assert "ocpp1.6" in (socket.close_reason or "")
        assert csms.rows("SELECT FROM connection") == []


async def test_the_newest_common_version_is_chosen(database: str) -> None:
    async with serving(database, "S1") as csms:
        socket = await dial(csms.port, "S1", ["1.6", "ocpp1.2", "2.0.1"])
        assert socket.subprotocol == "ocpp2.0.1"
        await socket.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_odd_frames_do_not_end_the_connection(database: str, version: str) -> None:
    frames: list[str | bytes] = [
        "", "hello", "{}", "[]", "[2]", '[2, 5, "Heartbeat", {}]', '[3, "never asked", {}]',
        '[4, "never asked", "GenericError", "", {}]', '[3, "never asked"]', "[" * 100_000,
        b"\x00\xff\xfe", '[2, "a\\u0000b", "Odd\\u0000", {}]', '[2, "x", "' + "A" * 9000 + '", {}]',
    ]  # fmt: skip
    async with serving(database, "S1") as csms, csms.station("S1", version) as station:
        for frame in frames:
            await station.say(frame)
            assert "currentTime" in await station.call("Heartbeat", {})
        boot = await station.call("BootNotification", BOOT[version])
        assert boot["status"] == "Accepted"
        # the boot is stored after them: they are all in the log by now
        logged = csms.one("SELECT count(*) FROM message_log WHERE error_code IS NOT NULL")
        assert logged == 11
        assert csms.ingest.writer.set_aside == 0


async def test_2_0_1_answers_unreadable_frames_and_1_6_ignores_them(database: str) -> None:
    async with serving(database, "S1") as csms:
        async with csms.station("S1", "2.0.1") as station:
            await station.say("hello")
            assert (await station.stray())[:3] == [4, "-1", "RpcFrameworkError"]
        async with csms.station("S1", "1.6") as station:
            await station.say("hello")
            await station.call("Heartbeat", {})
            assert station.strays.empty()


@pytest.mark.parametrize("version", VERSIONS)
async def test_unknown_actions_and_those_of_the_other_side_are_told_apart(
    database: str, version: str
) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", version) as station:
        for action, code in (("Fly", "NotImplemented"), ("Reset", "NotSupported")):
            with pytest.raises(RefusedError) as caught:
                await station.call(action, {"type": "Hard"})
            assert caught.value.code == code


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_schema_error_names_the_field(database: str, version: str) -> None:
    codes = {"1.6": "OccurenceConstraintViolation", "2.0.1": "OccurrenceConstraintViolation"}
    fields = {"1.6": "chargePointModel", "2.0.1": "chargingStation"}
    payload = {"1.6": {"chargePointVendor": "x"}, "2.0.1": {"reason": "PowerUp"}}[version]
    async with serving(database, "S1") as csms, csms.station("S1", version) as station:
        with pytest.raises(RefusedError) as caught:
            await station.call("BootNotification", payload)
        assert caught.value.code == codes[version]
        assert caught.value.details["field"] == fields[version]
        assert fields[version] in caught.value.description


async def test_an_oversized_frame_ends_the_connection(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.say("x" * (1024 * 1024 + 1))
        assert await station.closed() == 1009


@pytest.mark.parametrize("version", VERSIONS)
async def test_200_pipelined_calls_get_200_answers(database: str, version: str) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", version) as station:
        calls = [
            station.call("Heartbeat", {}) if n % 2 else station.call(
                "BootNotification", BOOT[version]
            )
            for n in range(200)
        ]  # fmt: skip
        assert len(await asyncio.gather(*calls)) == 200
        assert station.strays.empty()


async def test_a_station_that_never_reads_is_cut_off(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "UNSENT_BYTES", 64 * 1024)
    async with serving(database, "S1", "S2") as csms:
        narrow = sockets.socket()
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", csms.port))
        socket = await dial(csms.port, "S1", ["2.0.1"], sock=narrow)
        await socket.send('[2, "1", "Heartbeat", {}]')
        await socket.recv()
        socket.transport.pause_reading()
        held = csms.ingest.presence.peers["S1"]
        frame = json.dumps([2, "1" * 255, "Fly", {}])
        gone = asyncio.create_task(held.socket.wait_closed())
        with suppress(ConnectionClosed):
            while not gone.done():
                await asyncio.wait([asyncio.create_task(socket.send(frame)), gone],
                                   return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        await asyncio.wait_for(gone, 20)
        async with csms.station("S2") as other:
            await other.call("Heartbeat", {})
        socket.transport.abort()
        await socket.wait_closed()


async def test_half_open_handshakes_block_nobody(database: str) -> None:
    async with serving(database, "S1") as csms:
        half_open = [sockets.create_connection(("127.0.0.1", csms.port)) for _ in range(50)]
        for half in half_open[::2]:
            half.send(b"GET /ocpp/S1 HTTP/1.1\r\nHost: x\r\n")
        async with csms.station() as station:
            await station.call("Heartbeat", {})
        for half in half_open:
            half.close()


async def test_a_handshake_that_breaks_off_after_approval_leaves_nothing(database: str) -> None:
    async with serving(database, "S1") as csms:
        for offered in (["1.6"], []):
            socket = await dial(csms.port, "S1", offered)
            await socket.close()
        assert len(csms.ingest._approved) == 0


async def take_over(first: Csms, second: Csms) -> tuple[int | None, list[tuple[object, ...]]]:
    """Connect twice; how the older connection was closed, and what the newer has stored."""
    async with first.station() as older:
        await older.call("BootNotification", BOOT["1.6"])
        async with second.station() as newer:
            code = await older.closed()
            await newer.call("StatusNotification", status16("Available"))
            return code, first.rows("SELECT is_online, epoch FROM station JOIN connection"
                                    " USING (station_id)")  # fmt: skip


async def test_a_newer_connection_takes_over(database: str) -> None:
    async with serving(database, "S1") as csms:
        assert await take_over(csms, csms) == (1000, [(True, 2)])


async def test_a_newer_connection_takes_over_from_another_worker(database: str) -> None:
    async with serving(database, "S1") as one, serving(database) as two:
        assert await take_over(one, two) == (1000, [(True, 2)])
        assert one.ingest.presence.peers == {}


async def test_a_takeover_nobody_told_of_is_noticed(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as older:
        await older.call("Heartbeat", {})
        csms.rows("UPDATE connection SET epoch = epoch + 1, worker_id = 'elsewhere'")
        presence = csms.ingest.presence
        async with presence.pool.connection() as connection:
            await presence._extend(connection)
        assert await older.closed() == 1000


async def test_of_many_that_open_at_once_only_the_newest_stays(database: str) -> None:
    async with serving(database, "S1") as csms:
        sockets_ = await asyncio.gather(*(dial(csms.port, "S1", ["1.6"]) for _ in range(5)))
        closing = {asyncio.create_task(socket.wait_closed(), name=f"{n}")
                   for n, socket in enumerate(sockets_)}  # fmt: skip
        while len(closing) > 1:
            done, closing = await asyncio.wait(
                closing, return_when=asyncio.FIRST_COMPLETED, timeout=20
            )
            assert done
        newest = sockets_[int(next(iter(closing)).get_name())]
        await newest.send('[2, "1", "Heartbeat", {}]')
        assert "currentTime" in str(await newest.recv())
        held = csms.ingest.presence.peers["S1"]
        assert held.epoch == csms.one("SELECT epoch FROM connection") == 5
        for socket in sockets_:
            await socket.close()


async def test_who_is_not_authenticated_disturbs_nobody(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Heartbeat", {})
        assert await refused(csms, password="wrong") == 401
        socket = await dial(csms.port, "S1", ["mqtt"])
        await socket.wait_closed()
        await station.call("Heartbeat", {})
        assert csms.one("SELECT epoch FROM connection") == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_before_approval_only_what_the_standard_allows(database: str, version: str) -> None:
    add_stations(database, "S1")
    rows(database, "UPDATE station SET registration_status = 'Pending'")
    async with serving(database) as csms, csms.station("S1", version) as station:
        assert (await station.call("BootNotification", BOOT[version]))["status"] == "Pending"
        with pytest.raises(RefusedError, match="SecurityError"):
            await station.call("Heartbeat", {})
        csms.rows("UPDATE station SET registration_status = 'Accepted'")
        assert (await station.call("BootNotification", BOOT[version]))["status"] == "Accepted"
        await station.call("Heartbeat", {})


async def test_a_rejected_station_may_only_boot(database: str) -> None:
    add_stations(database, "S1")
    rows(database, "UPDATE station SET registration_status = 'Rejected'")
    async with serving(database) as csms, csms.station("S1", "2.0.1") as station:
        assert (await station.call("BootNotification", BOOT["2.0.1"]))["status"] == "Rejected"
        event = {"type": "StartupOfTheDevice", "timestamp": "2026-01-01T00:00:00Z"}
        with pytest.raises(RefusedError, match="SecurityError"):
            await station.call("SecurityEventNotification", event)


@pytest.mark.parametrize(
    ("mode", "status"), [("pending", "Pending"), ("accept", "Accepted"), ("reject", None)]
)
async def test_unknown_stations_are_treated_as_set(
    database: str, mode: str, status: str | None
) -> None:
    async with serving(database, unknown_stations=mode) as csms:
        if status is None:
            assert await refused(csms, "N1") == 404
            assert csms.one("SELECT station_id, reason FROM connection_attempt") == (
                "N1",
                "unknown station",
            )
            return
        async with csms.station("N1") as station:
            assert (await station.call("BootNotification", BOOT["1.6"]))["status"] == status
        assert await refused(csms, "N" * 49) == 404


async def test_our_own_end_is_our_outage(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Heartbeat", {})
        held: RawStation = station
    assert rows(database, OFFLINE) == [("station",)]
    async with serving(database) as csms:
        socket = await dial(csms.port, "S1", ["1.6"])
        held = RawStation(socket)
        await held.call("Heartbeat", {})
    await held.close()
    assert rows(database, OFFLINE) == [("csms",)]


async def test_viewers_are_told_of_many_changes_by_a_star(
    database: str,
) -> None:
    async with serving(database, "S1") as csms:
        csms.rows("INSERT INTO evse (station_id, evse_id) SELECT 'S1', generate_series(3, 701)")
        with connect(database) as listener:
            listener.execute("LISTEN evse")
            async with csms.station() as station:
                await station.call("Heartbeat", {})
            (notice,) = await asyncio.to_thread(
                lambda: list(listener.notifies(timeout=10, stop_after=1))
            )
    assert notice.payload == "*"


async def test_what_was_accepted_is_durable_at_a_clean_end(database: str) -> None:
    async with serving(database, "S1") as csms:
        station = RawStation(await dial(csms.port, "S1", ["1.6"]))
        await station.call("StartTransaction", start16(0))
    assert await station.closed() == 1001
    await station.close()
    assert rows(database, "SELECT count(*) FROM session") == [(1,)]


async def test_the_password_is_never_logged(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Heartbeat", {})
        await refused(csms, password=PASSWORD + "!")
    assert PASSWORD not in caplog.text
