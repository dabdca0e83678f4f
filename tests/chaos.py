"""A day of chaos: stations of both versions whose messages come late, twice, out of order or not at
all, with clocks that are wrong, to ingest processes that are killed meanwhile.

A station plays its day through real sockets. What was acknowledged is remembered: it must be there.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ocpp_messages import (
    BOOT,
    authorize,
    event201,
    sample16,
    start16,
    status16,
    status201,
    stop16,
    values16,
)
from stations import Payload, RawStation, RefusedError, dial
from websockets.exceptions import ConnectionClosed, InvalidHandshake

TROUBLE = (ConnectionError, ConnectionClosed, InvalidHandshake, TimeoutError, OSError)
MINUTE = timedelta(minutes=1)
MEANWHILE = 40  # messages go on while a process dies and comes back


class Message(NamedTuple):
    action: str
    payload: Payload
    register: tuple[datetime, int] | None = None  # it tells, at a believable time


class Chaos:
    """How much of it: what share of messages suffers what."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.lost = self.doubled = self.late = 0.05
        self.cut, self.wrong_clock, self.garbage = 0.03, 0.02, 0.01


class Load:
    """All stations together: where they call, and how far they are."""

    def __init__(self, ports: list[int], chaos: Chaos) -> None:
        self.ports, self.chaos = ports, chaos
        self.acknowledged: list[tuple[str, datetime, int]] = []
        self.sent = 0
        self._moved = asyncio.Condition()
        self._until = 0

    async def reached(self, count: int) -> None:
        """So many messages are through; stations go on a little further, no matter what."""
        async with self._moved:
            self._until = count + MEANWHILE
            self._moved.notify_all()
            await self._moved.wait_for(lambda: self.sent >= count)

    async def may_go_on(self) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self.sent < self._until)

    async def note(self, station_id: str, message: Message) -> None:
        if message.register:
            self.acknowledged.append((station_id, *message.register))
        async with self._moved:
            self.sent += 1
            self._moved.notify_all()


class ChaoticStation:
    """Plays sessions at its evses, one after the other, on a bad day."""

    def __init__(self, load: Load, number: int, evses: int = 2) -> None:
        self.load, self.evses = load, evses
        self.dice = random.Random(f"{load.chaos.seed} {number}")
        self.version = "1.6" if number % 2 else "2.0.1"
        self.station_id = f"S{number}"
        self.link: RawStation | None = None

    async def run(self, begin: datetime, sessions: int) -> None:
        await self._deliver(Message("BootNotification", BOOT[self.version]))
        if self.version == "1.6":  # its main meter
            await self._deliver(Message("MeterValues", values16([sample16(10**7)], begin, 0)))
        play = self._play16 if self.version == "1.6" else self._play201
        for evse_id in range(1, self.evses + 1):
            at, register = begin, self.dice.randrange(10**6)
            for number in range(sessions):
                at += self.dice.randint(3, 90) * MINUTE
                points = self._points(at, register)
                await play(f"{self.station_id}-{evse_id}-{number}", evse_id, points)
                at, register = points[-1][0] + MINUTE, points[-1][1]
        if self.link:
            with suppress(*TROUBLE):
                await self.link.close()

    def _points(self, at: datetime, register: int) -> list[tuple[datetime, int]]:
        """Rising mostly; sometimes a wild one, or a meter that begins anew."""
        points = [(at, register)]
        for _ in range(self.dice.randint(3, 14)):
            at += self.dice.choice([1, 5, 10]) * MINUTE
            register += self.dice.randrange(1200)
            odd = self.dice.choice([0] * 40 + [-800, 70_000, 3_000_000])
            points.append((at, max(0, register + odd)))
            if self.dice.random() < 0.01:
                register = 0
        return points

    # -- what they say -----------------------------------------------------------------------------

    async def _play16(self, _name: str, evse: int, points: list[tuple[datetime, int]]) -> None:
        (first_at, first), *middle, (last_at, last) = points
        await self._deliver(Message("Authorize", authorize("1.6", "TAG")))
        await self._deliver(
            Message("StatusNotification", status16("Preparing", first_at, connector=evse))
        )
        begun = Message("StartTransaction", start16(first, first_at, evse), (first_at, first))
        answer = await self._deliver(begun)
        if answer is None:
            return
        number = int(answer["transactionId"])
        said = [
            Message(
                "MeterValues", values16([sample16(wh)], at, evse, transactionId=number), (at, wh)
            )
            for at, wh in middle
        ]
        said.append(Message("StatusNotification", status16("Charging", first_at, connector=evse)))
        end = Message("StopTransaction", stop16(number, last, last_at), (last_at, last))
        free = Message(
            "StatusNotification", status16("Available", last_at + MINUTE, connector=evse)
        )
        await self._disturbed([*said, end, free])

    async def _play201(self, name: str, evse: int, points: list[tuple[datetime, int]]) -> None:
        kinds = ["Started", *["Updated"] * (len(points) - 2), "Ended"]
        said = [Message("StatusNotification", status201("Occupied", points[0][0], evse))]
        for seq_no, (kind, (at, wh)) in enumerate(zip(kinds, points, strict=True)):
            state = self.dice.choice([None, None, "Charging", "SuspendedEV"])
            tag = "TAG" if kind == "Started" else None
            event = event201(kind, name, seq_no, at, wh=wh, tag=tag, evse=evse, state=state)
            said.append(Message("TransactionEvent", event, (at, wh)))
        said.append(
            Message("StatusNotification", status201("Available", points[-1][0] + MINUTE, evse))
        )
        await self._disturbed(said)

    async def _disturbed(self, said: list[Message]) -> None:
        """In an order that is not always theirs, and not all of it."""
        chaos, late = self.load.chaos, list[Message]()
        for message in self._spoilt(said):
            fate = self.dice.random()
            if fate < chaos.lost:
                continue
            if fate < chaos.lost + chaos.late:
                late.append(message)
                continue
            await self._deliver(message)
            if fate > 1 - chaos.doubled:
                await self._deliver(message)
        self.dice.shuffle(late)
        for message in late:
            await self._deliver(message)

    def _spoilt(self, said: list[Message]) -> Iterator[Message]:
        """Some times are wrong, and some frames nonsense."""
        for message in said:
            if self.dice.random() < self.load.chaos.garbage:
                yield Message("MeterValues", {"connectorId": "one", "meterValue": []})
            if message.register and self.dice.random() < self.load.chaos.wrong_clock:
                wrong = self.dice.choice(["1970-01-01T00:00:12Z", "2106-02-07T06:28:15Z", "noon"])
                yield Message(message.action, _with_times(message.payload, wrong))
            else:
                yield message

    # -- how they say it ---------------------------------------------------------------------------

    async def _deliver(self, message: Message) -> Payload | None:
        """Repeat it, over new connections, until it is answered; its answer, None if refused."""
        await self.load.may_go_on()
        while True:
            try:
                if self.link is None:
                    port = self.dice.choice(self.load.ports)
                    self.link = RawStation(await dial(port, self.station_id, [self.version]))
                if self.dice.random() < self.load.chaos.cut:
                    await self.link.say(json.dumps([2, "cut", message.action, message.payload]))
                    raise ConnectionError("gone before the answer")
                answer = await self.link.call(message.action, message.payload)
            except RefusedError:
                await self.load.note(self.station_id, message._replace(register=None))
                return None
            except TROUBLE:
                await self._hang_up()
            else:
                await self.load.note(self.station_id, message)
                return answer

    async def _hang_up(self) -> None:
        if self.link is not None:
            self.link.socket.transport.abort()
            with suppress(*TROUBLE):
                await self.link.close()
            self.link = None
        await asyncio.sleep(0.05)  # as stations do before they dial again


def _with_times(payload: Any, wrong: str) -> Any:
    """The payload with every time replaced."""
    if isinstance(payload, dict):
        return {
            key: wrong if key == "timestamp" else _with_times(value, wrong)
            for key, value in payload.items()
        }
    return [_with_times(one, wrong) for one in payload] if isinstance(payload, list) else payload


async def bad_day(
    load: Load, stations: int, sessions: int, begin: datetime,
    strikes: int, strike: Callable[[], Awaitable[None]],
) -> None:  # fmt: skip
    """All stations play; `strike` hits at random moments, while they go on."""
    dice = random.Random(load.chaos.seed)
    moments = sorted(dice.sample(range(30, stations * sessions * 10), strikes))

    async def strike_all() -> None:
        for moment in moments:
            await load.reached(moment)
            await strike()
        await load.reached(10**9)

    async with asyncio.TaskGroup() as tasks:
        striking = tasks.create_task(strike_all())
        await asyncio.gather(
            *(ChaoticStation(load, number).run(begin, sessions) for number in range(stations))
        )
        striking.cancel()
