"""Other people's clients play whole sessions and check our answers by the standard's schemas."""

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from stations import PASSWORD, Csms, ago, dial, serving, stamp

ROOT = Path(__file__).parents[1]
RESET = {"1.6": '{"type": "Hard"}', "2.0.1": '{"type": "Immediate"}'}
ENERGY = """
SELECT s.energy_wh, sum(m.energy_delta_wh)::bigint, s.ended_at IS NOT NULL, s.flags
FROM session s JOIN meter_value m USING (session_id) GROUP BY s.session_id"""


@pytest.fixture(scope="session")
def ocpp_rpc() -> list[str]:
    """The command that plays a session with npm's ocpp-rpc; CI must have it."""
    there = shutil.which("node") is not None
    if not there or not (ROOT / "node_modules" / "ocpp-rpc").exists():
        reason = "npm's OCPP client: Node.js or node_modules is missing (npm ci)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return ["node", str(Path(__file__).with_name("ocpp_rpc_session.mjs"))]


def order_reset(csms: Csms, version: str) -> None:
    csms.rows("INSERT INTO command (station_id, action, payload, requested_by)"
              " VALUES ('S1', 'Reset', %s, 'alice')", RESET[version])  # fmt: skip


@pytest.mark.node
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_ocpp_rpc_plays_a_session_in_strict_mode(
    database: str, version: str, ocpp_rpc: list[str], run_program: Any
) -> None:
    async with serving(database, "S1") as csms:
        endpoint = f"ws://127.0.0.1:{csms.port}/ocpp"
        program = run_program([*ocpp_rpc, f"ocpp{version}", endpoint, PASSWORD])
        await asyncio.to_thread(program.wait_for, "ready")
        order_reset(csms, version)
        await asyncio.to_thread(program.wait_for, "obeyed Reset")
        await asyncio.to_thread(program.wait_for, "done")
        assert await asyncio.to_thread(program.process.wait) == 0
        assert csms.one(ENERGY) == (5000, 5000, True, [])
        assert csms.rows("SELECT action FROM message_log WHERE error_code IS NOT NULL") == []
        assert csms.one("SELECT status, response FROM command") == (
            "answered",
            {"status": "Accepted"},
        )


class Client16(ChargePoint16):  # type: ignore[misc]  # untyped
    """A 1.6 station of the `ocpp` package."""

    @on("Reset")
    def on_reset(self, **_: Any) -> Any:
        return result16.Reset(status="Accepted")

    async def play(self) -> None:
        answer = await self.call(call16.BootNotification("Duo", "Volt AB"))
        assert answer.status == "Accepted"
        await self.call(call16.StatusNotification(1, "NoError", "Preparing"))
        assert (await self.call(call16.Authorize("TAG"))).id_tag_info["status"] == "Accepted"
        started = await self.call(call16.StartTransaction(1, "TAG", 1000, stamp(ago(minutes=40))))
        for minute in (30, 20, 10):
            sampled = [{"value": str(7000 - minute * 100), "unit": "Wh"}]
            value = {"timestamp": stamp(ago(minutes=minute)), "sampledValue": sampled}
            await self.call(call16.MeterValues(1, [value], started.transaction_id))
        await self.call(call16.StopTransaction(6000, stamp(), started.transaction_id))


class Client201(ChargePoint201):  # type: ignore[misc]  # untyped
    """A 2.0.1 station of the `ocpp` package."""

    @on("Reset")
    def on_reset(self, **_: Any) -> Any:
        return result201.Reset(status="Accepted")

    async def play(self) -> None:
        station = {"model": "Duo", "vendorName": "Volt AB"}
        answer = await self.call(call201.BootNotification(station, "PowerUp"))
        assert answer.status == "Accepted"
        await self.call(call201.StatusNotification(stamp(), "Occupied", 1, 1))
        token = {"idToken": "TAG", "type": "ISO14443"}
        assert (await self.call(call201.Authorize(token))).id_token_info["status"] == "Accepted"
        for number, kind in enumerate(["Started", "Updated", "Updated", "Ended"]):
            at = stamp(ago(minutes=40 - number * 10))
            sampled = [{"value": float(1000 + number * 5000 // 3)}]
            event = call201.TransactionEvent(
                kind, at, "MeterValuePeriodic", number, {"transactionId": "T-1"},
                meter_value=[{"timestamp": at, "sampledValue": sampled}],
                evse={"id": 1, "connectorId": 1}, id_token=token,
            )  # fmt: skip
            await self.call(event)


@pytest.mark.parametrize(("version", "client"), [("1.6", Client16), ("2.0.1", Client201)])
async def test_the_ocpp_package_plays_a_session(
    database: str, async_eventually: Any, version: str, client: Any
) -> None:
    async with serving(database, "S1") as csms:
        station = client("S1", await dial(csms.port, "S1", [version]))
        listening = asyncio.create_task(station.start())
        await station.play()
        order_reset(csms, version)
        query = "SELECT status, response FROM command WHERE finished_at IS NOT NULL"
        found = await async_eventually(query, channel="command_done")
        assert found == ("answered", {"status": "Accepted"})
        assert csms.one(ENERGY) == (5000, 5000, True, [])
        await station._connection.close()
        with suppress(Exception):
            await listening
