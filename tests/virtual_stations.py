"""Virtual stations and their fixtures, for the tests of the simulator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from random import Random

import pytest_asyncio
from simulator_csms import Csms, running_csms

from ingest.simulator.evse import Guest
from ingest.simulator.fleet import DIALECTS
from ingest.simulator.network import CCS, TYPE_2, Evse
from ingest.simulator.plan import Visit
from ingest.simulator.spec import Pace, VirtualStationSpec
from ingest.simulator.station import VirtualStation
from ingest.simulator.vehicle import Vehicle, charge_curve

SPEED = 600.0
HUB = Evse(1, "K7-4MQQ", 150_000, CCS)
POST = Evse(2, "K7-4MQR", 22_000, TYPE_2)
REGISTERS = (45_000_000, 7_000_123)
PACE = Pace(
    speed=SPEED,
    meter_interval_s=0.05,
    call_timeout_s=0.2,
    retry_s=0.02,
    backoff_s=0.02,
    backoff_limit_s=0.1,
)
# 300 s at 150 kW, then full; the driver is gone after 420 s: 0.7 s of real time.
CAR = Vehicle(80_000, 11_000, 3, 200_000, 0.2, 12_500, knee_soc=0.6)
VISIT = Visit(charge_curve(CAR, HUB), stop_s=420.0, unplug_s=440.0)
AC_VISIT = Visit(charge_curve(replace(CAR, wanted_wh=900.0), POST), stop_s=420.0, unplug_s=440.0)
LONG_VISIT = replace(VISIT, stop_s=60_000.0, unplug_s=60_020.0)
VERSIONS = ["1.6", "2.0.1"]
START = {"1.6": "RemoteStartTransaction", "2.0.1": "RequestStartTransaction"}

Stations = Callable[..., Awaitable[VirtualStation]]


@pytest_asyncio.fixture
async def csms() -> AsyncIterator[Csms]:
    async with running_csms() as (csms, url, _):
        csms.url = url  # type: ignore[attr-defined]
        yield csms


@pytest_asyncio.fixture
async def station_of(csms: Csms) -> AsyncIterator[Stations]:
    """Start stations of either version, accepted unless told otherwise; end them afterwards."""
    running: list[asyncio.Task[None]] = []

    async def start(version: str, is_awaited: bool = True) -> VirtualStation:
        spec = VirtualStationSpec(
            "ODH-01", "secret", version, (HUB, POST), "ODH", registers_wh=REGISTERS
        )
        station = VirtualStation(spec, csms.url, Random(1), DIALECTS, PACE)  # type: ignore[attr-defined]
        running.append(asyncio.create_task(station.run()))
        if is_awaited:
            await csms.until(lambda: len(csms.of("StatusNotification")) >= 2)
        return station

    yield start
    for task in running:
        task.cancel()
    for task in running:
        with suppress(asyncio.CancelledError):
            await task


def dave(visit: Visit = VISIT) -> Guest:
    return Guest(visit, "DAVE-01")


def energies(csms: Csms) -> list[tuple[datetime, int, float]]:
    """Return (instant, register in Wh, power in W) of every reading inside a session, in order."""
    readings = []
    for payload in csms.of("MeterValues", "TransactionEvent"):
        for meter_value in payload.get("meterValue", []):
            values = {v["measurand"]: float(v["value"]) for v in meter_value["sampledValue"]}
            at = datetime.fromisoformat(meter_value["timestamp"])
            register_wh = round(values["Energy.Active.Import.Register"])
            readings.append((at, register_wh, values["Power.Active.Import"]))
    return readings


def events(csms: Csms) -> list[str]:
    return [payload["eventType"] for payload in csms.of("TransactionEvent")]


def is_over(csms: Csms) -> bool:
    return bool(csms.of("StopTransaction")) or "Ended" in events(csms)


def has_begun(csms: Csms, n: int = 1) -> bool:
    return len(csms.of("StartTransaction")) + events(csms).count("Started") >= n


def last_status(csms: Csms, evse_id: int = 1) -> str | None:
    for payload in reversed(csms.of("StatusNotification")):
        if payload.get("evseId", payload["connectorId"]) == evse_id:
            return str(payload.get("status", payload.get("connectorStatus")))
    return None
