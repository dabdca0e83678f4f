"""Many small questions, one query."""

import asyncio

import pytest

from ingest.gather import MOST, Gather


async def test_what_arrives_while_one_runs_shares_the_next() -> None:
    batches: list[list[int]] = []
    gate, begun = asyncio.Event(), asyncio.Event()

    async def work(keys: list[int]) -> list[int]:
        batches.append(keys)
        begun.set()
        await gate.wait()
        return [key * 10 for key in keys]

    gather = Gather(work)
    first = asyncio.create_task(gather(1))
    await begun.wait()
    rest = [asyncio.create_task(gather(key)) for key in range(2, 5)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(first, *rest) == [10, 20, 30, 40]
    assert batches == [[1], [2, 3, 4]]


async def test_a_failure_reaches_everybody_who_waits_and_nobody_else() -> None:
    async def work(keys: list[int]) -> list[int]:
        if 13 in keys:
            raise OSError("no luck")
        return keys

    gather = Gather(work)
    for outcome in await asyncio.gather(gather(12), gather(13), return_exceptions=True):
        assert isinstance(outcome, OSError)
    assert await gather(14) == 14


async def test_one_who_no_longer_waits_costs_the_others_nothing() -> None:
    gate = asyncio.Event()

    async def work(keys: list[int]) -> list[int]:
        await gate.wait()
        return keys

    gather = Gather(work)
    gone, stays = asyncio.create_task(gather(1)), asyncio.create_task(gather(2))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    assert await stays == 2
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_rush_is_parted() -> None:
    sizes: list[int] = []

    async def work(keys: list[int]) -> list[int]:
        sizes.append(len(keys))
        return keys

    gather = Gather(work)
    assert await asyncio.gather(*map(gather, range(MOST + 7))) == list(range(MOST + 7))
    assert sizes == [MOST, 7]
