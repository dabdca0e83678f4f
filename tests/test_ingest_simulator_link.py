"""Frames that make no sense end neither a station nor a fleet."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from ingest.simulator.fleet import DIALECTS, Tokens, pick_stations, run_fleet
from ingest.simulator.network import demo_network
from ingest.simulator.spec import Pace, VirtualStationSpec
from ingest.simulator.station import VirtualStation

STATION = demo_network()[0].stations[0]
SPEC = VirtualStationSpec.of(STATION, "secret")
QUICK = Pace(speed=600, call_timeout_s=0.2, retry_s=0.02, backoff_s=0.01, backoff_limit_s=0.05)
Frames = Callable[[list[Any]], list[str]]


@asynccontextmanager
async def played(answers: Frames) -> AsyncIterator[asyncio.Queue[list[Any]]]:
    """Play one station against a server that answers each frame with `answers(frame)`."""
    heard: asyncio.Queue[list[Any]] = asyncio.Queue()

    async def talk(socket: ServerConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            for answer in answers(frame):
                await socket.send(answer)
            heard.put_nowait(frame)

    subprotocols: Any = ["ocpp1.6", "ocpp2.0.1"]
    async with serve(talk, "127.0.0.1", 0, subprotocols=subprotocols) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        station = VirtualStation(SPEC, f"ws://127.0.0.1:{port}/ocpp", Random(1), DIALECTS, QUICK)
        task = asyncio.create_task(station.run())
        try:
            async with asyncio.timeout(20):
                yield heard
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def accepted(frame: list[Any]) -> str:
    payload = {"currentTime": "2026-01-01T00:00:00Z", "interval": 300, "status": "Accepted"}
    return json.dumps([3, frame[1], payload if frame[2] == "BootNotification" else {}])


@pytest.mark.parametrize("noise", ["hello", "{}", "[]", "[3]", "[2, 1]", "[9, 9]", '[3, "?", {}]'])
async def test_unreadable_frames_are_ignored(noise: str) -> None:
    async with played(lambda frame: [noise, accepted(frame)]) as heard:
        assert (await heard.get())[2] == "BootNotification"
        assert (await heard.get())[2] == "StatusNotification"


async def test_a_senseless_boot_answer_is_asked_for_again() -> None:
    answers = iter(['[3, "{}", {{}}]', '[3, "{}", {{"status": 1}}]'])

    def answer(frame: list[Any]) -> list[str]:
        senseless = next(answers, None)
        return [senseless.format(frame[1]) if senseless else accepted(frame)]

    async with played(answer) as heard:
        actions = [(await heard.get())[2] for _ in range(4)]
        assert actions == ["BootNotification"] * 3 + ["StatusNotification"]


def test_nobody_charges_at_two_places_while_a_token_is_free() -> None:
    tokens, rng = Tokens(["ALICE", "BOB"]), Random(1)
    first = tokens.take(rng)
    assert {first, tokens.take(rng)} == {"ALICE", "BOB"}
    assert tokens.take(rng) in {"ALICE", "BOB"}
    tokens.give_back(first)
    assert tokens.take(rng) == first


def test_a_part_of_the_network_is_made_of_whole_sites() -> None:
    picked = pick_stations(demo_network(), 40)
    assert len(picked) == 40
    sizes = {site.site_id: len(site.stations) for site in demo_network()}
    partly = [
        site
        for site in {s.site_id for s in picked}
        if sum(s.site_id == site for s in picked) < sizes[site]
    ]
    assert len(partly) <= 1
    assert pick_stations(demo_network(), 40) == picked


async def test_a_speed_of_nothing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="speed must be above 0, not 0"):
        await run_fleet([SPEC], "ws://x", speed=0, seed=1, id_tokens=["A"], controls=None)  # type: ignore[arg-type]
