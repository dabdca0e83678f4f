"""Commands: rows of `command` become CALLs, and their answers rows."""

import json
from typing import Any

import pytest
from ocpp_messages import BOOT
from stations import Csms, RawStation, RefusedError, dial, serving

from ingest import peer as peer_module

COMMANDS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("1.6", "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1}, {"status": "Accepted"}),
    ("1.6", "RemoteStopTransaction", {"transactionId": 7}, {"status": "Rejected"}),
    ("1.6", "Reset", {"type": "Hard"}, {"status": "Accepted"}),
    ("1.6", "UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}),
    ("1.6", "TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "NotImplemented"}),
    ("1.6", "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"},
     {"status": "Scheduled"}),
    ("1.6", "GetConfiguration", {"key": ["x"]}, {"unknownKey": ["x"]}),
    ("1.6", "ChangeConfiguration", {"key": "x", "value": "1"}, {"status": "RebootRequired"}),
    ("2.0.1", "RequestStartTransaction",
     {"idToken": {"idToken": "TAG", "type": "Central"}, "remoteStartId": 1, "evseId": 1},
     {"status": "Accepted"}),
    ("2.0.1", "RequestStopTransaction", {"transactionId": "t"}, {"status": "Rejected"}),
    ("2.0.1", "Reset", {"type": "OnIdle"}, {"status": "Scheduled"}),
    ("2.0.1", "UnlockConnector", {"evseId": 1, "connectorId": 1}, {"status": "UnlockFailed"}),
    ("2.0.1", "TriggerMessage", {"requestedMessage": "StatusNotification"},
     {"status": "Accepted"}),
    ("2.0.1", "ChangeAvailability", {"operationalStatus": "Inoperative"}, {"status": "Accepted"}),
    ("2.0.1", "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"},
     {"status": "Accepted"}),
    ("2.0.1", "GetVariables",
     {"getVariableData": [{"component": {"name": "C"}, "variable": {"name": "V"}}]},
     {"getVariableResult": [{"attributeStatus": "UnknownComponent", "component": {"name": "C"},
                             "variable": {"name": "V"}}]}),
    ("2.0.1", "SetVariables",
     {"setVariableData": [{"attributeValue": "1", "component": {"name": "C"},
                           "variable": {"name": "V"}}]},
     {"setVariableResult": [{"attributeStatus": "Accepted", "component": {"name": "C"},
                             "variable": {"name": "V"}}]}),
]  # fmt: skip


def order(csms: Csms, action: str, payload: dict[str, Any], **columns: Any) -> int:
    """Queue a command for S1; its number."""
    values = {"station_id": "S1", "action": action, "payload": json.dumps(payload), **columns}
    marks = ", ".join(["%s"] * (len(values) + 1))
    query = f"""INSERT INTO command ({", ".join(values)}, requested_by)
        VALUES ({marks}) RETURNING command_id"""  # noqa: S608
    return int(csms.one(query, *values.values(), "alice"))


async def outcome(eventually: Any, command_id: int) -> tuple[str, Any]:
    query = "SELECT status, response FROM command WHERE command_id = %s AND finished_at IS NOT NULL"
    found = await eventually(query, [command_id], channel="command_done")
    return found[0], found[1]


@pytest.mark.parametrize(("version", "action", "payload", "answer"), COMMANDS)
async def test_a_row_becomes_a_call_and_its_answer_a_row(
    database: str, async_eventually: Any, version: str, action: str, payload: Any, answer: Any
) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", version) as station:
        station.obey = lambda _action, _payload: answer
        await station.call("BootNotification", BOOT[version])
        command_id = order(csms, action, payload)
        assert await station.order() == (action, payload)
        assert await outcome(async_eventually, command_id) == ("answered", answer)
        logged = csms.one("SELECT direction, action, answer::jsonb, error_code FROM message_log"
                          " WHERE direction = 'out'")  # fmt: skip
        assert logged == ("out", action, answer, None)


async def test_a_station_that_is_not_there_is_refused(database: str, async_eventually: Any) -> None:
    async with serving(database, "S1") as csms:
        refused = ("refused", {"error": "StationOffline"})
        assert await outcome(async_eventually, order(csms, "Reset", {"type": "Hard"})) == refused


@pytest.mark.parametrize(
    ("version", "action", "payload", "field"),
    [
        ("1.6", "Reset", {"type": "Gently"}, "payload.type"),
        ("1.6", "Reset", {}, '"type"'),
        ("1.6", "Reset", {"type": "Hard", "when": 1}, "'when'"),
        ("1.6", "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, "action"),
        ("2.0.1", "Reset", {"type": "Hard"}, "payload.type"),
        ("2.0.1", "ChangeConfiguration", {"key": "a", "value": "b"}, "action"),
        ("2.0.1", "GetVariables", {"getVariableData": [{}]}, "payload.getVariableData.0"),
    ],
)
async def test_a_payload_the_version_does_not_know_is_never_sent(
    database: str, async_eventually: Any, version: str, action: str, payload: Any, field: str
) -> None:
    async with serving(database, "S1") as csms, csms.station("S1", version) as station:
        await station.call("Heartbeat", {})
        status, response = await outcome(async_eventually, order(csms, action, payload))
        assert (status, response["error"]) == ("refused", "InvalidPayload")
        assert field in response["detail"]
        assert station.orders.empty()


async def test_a_callerror_is_an_answer(database: str, async_eventually: Any) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        station.obey = lambda *_: RefusedError("NotSupported", "can't\0", {"a": "\0"})
        await station.call("Heartbeat", {})
        status, response = await outcome(async_eventually, order(csms, "Reset", {"type": "Hard"}))
        assert (status, response) == ("answered", {"error": "NotSupported", "detail": "can't"})


@pytest.mark.parametrize("answer", [{}, {"status": "\0Perhaps"}, {"a": [1, {"b": None}]}])
async def test_an_answer_of_any_shape_is_kept(
    database: str, async_eventually: Any, answer: dict[str, Any]
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        station.obey = lambda *_: answer
        await station.call("Heartbeat", {})
        command_id = order(csms, "Reset", {"type": "Hard"})
        kept = json.loads(json.dumps(answer).replace(r"\u0000", ""))
        assert await outcome(async_eventually, command_id) == ("answered", kept)


async def test_no_answer_in_time_leaves_the_outcome_unknown_and_is_not_repeated(
    database: str, async_eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "CALL_SECONDS", 0.2)
    async with serving(database, "S1") as csms, csms.station() as station:
        station.obey = lambda *_: None
        await station.call("Heartbeat", {})
        first = order(csms, "Reset", {"type": "Hard"})
        assert await outcome(async_eventually, first) == ("unknown", {"error": "Timeout"})
        station.obey = lambda *_: {"status": "Accepted"}
        second = order(csms, "ClearCache", {})
        assert (await outcome(async_eventually, second))[0] == "answered"
        sent = [(await station.order())[0] for _ in range(station.orders.qsize())]
        assert sent == ["Reset", "ClearCache"]


async def test_an_answer_that_comes_too_late_changes_nothing(
    database: str, async_eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "CALL_SECONDS", 0.1)
    async with serving(database, "S1") as csms:
        socket = await dial(csms.port, "S1", ["1.6"])
        await socket.send('[2, "1", "Heartbeat", {}]')
        await socket.recv()
        command_id = order(csms, "Reset", {"type": "Hard"})
        message_id = json.loads(await socket.recv())[1]
        unknown = ("unknown", {"error": "Timeout"})
        assert await outcome(async_eventually, command_id) == unknown
        for frame in ([3, message_id, {"status": "Accepted"}], [2, "2", "Heartbeat", {}]):
            await socket.send(json.dumps(frame))
        assert json.loads(await socket.recv())[1] == "2"
        assert csms.one("SELECT status FROM command") == "unknown"
        await socket.close()


async def test_a_closed_connection_leaves_the_outcome_unknown(
    database: str, async_eventually: Any
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        station.obey = lambda *_: None
        await station.call("Heartbeat", {})
        first, second = (order(csms, "Reset", {"type": "Hard"}) for _ in range(2))
        await station.order()
        await station.close()
        closed = ("unknown", {"error": "ConnectionClosed"})
        assert await outcome(async_eventually, first) == closed
        refused = ("refused", {"error": "StationOffline"})
        assert await outcome(async_eventually, second) == refused


async def test_a_station_is_served_while_it_owes_us_an_answer(
    database: str, async_eventually: Any
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        station.obey = lambda *_: None
        await station.call("Heartbeat", {})
        command_id = order(csms, "Reset", {"type": "Hard"})
        await station.order()
        assert (await station.call("BootNotification", BOOT["1.6"]))["status"] == "Accepted"
        assert csms.one("SELECT status FROM command") == "claimed"
        await station.close()
        await outcome(async_eventually, command_id)


async def test_one_call_is_outstanding_at_a_time_and_the_next_waits_in_the_database(
    database: str, async_eventually: Any
) -> None:
    async with serving(database, "S1") as csms:
        socket = await dial(csms.port, "S1", ["1.6"])
        await socket.send('[2, "1", "Heartbeat", {}]')
        await socket.recv()
        numbers = [order(csms, "Reset", {"type": "Hard"}) for _ in range(3)]
        for sent in range(3):
            message_id = json.loads(await socket.recv())[1]
            found = csms.rows("SELECT status FROM command ORDER BY command_id")
            queued = [("queued",)] * (2 - sent)
            assert found == [("answered",)] * sent + [("claimed",)] + queued
            await socket.send(json.dumps([3, message_id, {"status": "Accepted"}]))
            await outcome(async_eventually, numbers[sent])
        await socket.close()


async def test_a_command_whose_time_is_over_is_not_sent(
    database: str, async_eventually: Any
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Heartbeat", {})
        command_id = order(csms, "Reset", {"type": "Hard"}, expires_at="2026-01-01T00:00:00Z")
        assert await outcome(async_eventually, command_id) == ("refused", {"error": "Expired"})
        assert station.orders.empty()


async def test_what_a_dead_worker_had_claimed_becomes_unknown(
    database: str, async_eventually: Any
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Heartbeat", {})
        columns = {"status": "claimed", "claimed_by": "dead", "claimed_at": "2026-01-01T00:00:00Z"}
        command_id = order(csms, "Reset", {"type": "Hard"}, **columns)
        lost = ("unknown", {"error": "WorkerLost"})
        assert await outcome(async_eventually, command_id) == lost
        assert station.orders.empty()


async def test_of_two_workers_only_the_holder_sends(database: str, async_eventually: Any) -> None:
    async with serving(database, "S1") as one, serving(database) as two:
        older = RawStation(await dial(one.port, "S1", ["1.6"]))
        await older.call("Heartbeat", {})
        async with two.station() as newer:
            await newer.call("Heartbeat", {})
            await older.closed()
            numbers = [order(one, "Reset", {"type": "Hard"}) for _ in range(5)]
            found = [await outcome(async_eventually, number) for number in numbers]
            assert found == [("answered", {"status": "Accepted"})] * 5
            assert (older.orders.qsize(), newer.orders.qsize()) == (0, 5)
            worker_id = two.ingest.presence.worker_id
            assert one.rows("SELECT DISTINCT claimed_by FROM command") == [(worker_id,)]
        await older.close()


async def test_a_worker_that_was_not_told_of_a_takeover_sends_nothing(
    database: str, async_eventually: Any
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Heartbeat", {})
        csms.rows("UPDATE connection SET worker_id = 'elsewhere', epoch = 2")
        until = "SELECT now() + interval '2 seconds'"
        command_id = order(csms, "Reset", {"type": "Hard"}, expires_at=csms.one(until))
        assert await outcome(async_eventually, command_id) == ("refused", {"error": "Expired"})
        assert station.orders.empty()


async def test_commands_go_on_after_the_listening_connection_was_lost(
    database: str, async_eventually: Any
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        await station.call("Heartbeat", {})
        csms.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  " WHERE application_name = 'kilowatch commands'")  # fmt: skip
        command_id = order(csms, "Reset", {"type": "Hard"})
        assert (await outcome(async_eventually, command_id))[0] == "answered"
        assert await station.order() == ("Reset", {"type": "Hard"})
