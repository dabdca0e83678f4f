"""What stations tell in days that are hard on numbers, and how they tell it: late, twice, out of
order, or not at all. Everything goes through the real writer; a seed says what happens.

`days` is only what is said. `tell` says it to writers and waits until it is durable.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ingest.book import Station
from ingest.events import Authorization, Boot, Event, Metering, Status, Transaction
from ingest.store import station_of
from ingest.translate import Reading
from ingest.writer import Message, Writer
from sql.database import Connection, async_connect
from sql.queries import load_async_queries

queries = load_async_queries("ingest")
TOKENS = ("ALICE", "BOB", "CAROL", "DAVE")
SECOND = timedelta(seconds=1)


class Told(NamedTuple):
    """A message of a station, and when it arrives."""

    station_id: str
    event: Event
    received_at: datetime


@asynccontextmanager
async def writers(dsn: str, count: int = 1) -> AsyncIterator[list[Writer]]:
    """Running writers, as ingest processes have."""
    made = [Writer(dsn, lambda: None) for _ in range(count)]
    tasks = [asyncio.create_task(writer.run()) for writer in made]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def known_stations(dsn: str) -> dict[str, Station]:
    """All stations as their messages need them."""
    async with await async_connect(dsn) as connection:
        names = [r[0] for r in await _rows(connection, "SELECT station_id FROM station")]
        found = await queries.stations(connection, station_ids=names)
    return {row[0]: station_of(row) for row in found}


async def _rows(connection: Any, query: str) -> list[Any]:
    return list(await (await connection.execute(query.encode())).fetchall())


async def tell(dsn: str, told: Sequence[Told], workers: int = 1, at_once: int = 50) -> None:
    """Say everything in its order, some at once, to whichever writer; all is durable after it."""
    stations, dice = await known_stations(dsn), random.Random(len(told))
    async with writers(dsn, workers) as made:
        for first in range(0, len(told), at_once):
            waits = [
                _put(dice.choice(made), stations[one.station_id], one)
                for one in told[first : first + at_once]
            ]
            await asyncio.gather(*waits)
        assert sum(writer.set_aside for writer in made) == 0


def _put(writer: Writer, station: Station, one: Told) -> asyncio.Future[bytes]:
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    message = Message(
        station, one.event, one.received_at, str(id(answered)), type(one.event).__name__,
        b"[2]", lambda _: b"[3]", answered.set_result,
    )  # fmt: skip
    writer.put(message)
    return answered


def add_network(connection: Connection, stations: int = 4, evses: int = 2) -> list[str]:
    """Two sites of two time zones and a station without one; half of the evses are fast."""
    connection.execute(
        "INSERT INTO site (site_id, operator_id, name, city, latitude, longitude, time_zone)"
        " VALUES (701, 1, 'Torget', 'Kalmar', 56.66, 16.36, 'Europe/Stockholm'),"
        " (702, 1, 'Harbour', 'London', 51.50, -0.12, 'Europe/London')"
    )
    names = [f"N{number}" for number in range(stations)]
    for number, name in enumerate(names):
        site = (701, 702, 701, None)[number % 4]
        connection.execute(
            "INSERT INTO station (station_id, site_id) VALUES (%s, %s)", [name, site]
        )
        for evse_id in range(1, evses + 1):
            connection.execute(
                "INSERT INTO evse (station_id, evse_id, public_code, max_power_w)"
                " VALUES (%s, %s, %s, %s)",
                [name, evse_id, f"{name}-{evse_id}", 150_000 if number % 2 else 22_000],
            )
    for token in TOKENS:
        connection.execute("INSERT INTO id_token (id_token, is_concurrent) VALUES (%s, true)",
                           [token])  # fmt: skip
    return names


def days(
    seed: int, names: Iterable[str], moments: Iterable[datetime], evses: int = 2
) -> list[Told]:
    """What stations tell of the hours around these moments, in the order it arrives."""
    said: list[Told] = []
    for name in names:
        dice = random.Random(f"{seed} {name}")
        said.append(Told(name, Boot("Vendor", f"M{name[-1]}", None, "1.0"), min(moments)))
        for moment in moments:
            for evse_id in range(1, evses + 1):
                said += _evening(dice, name, evse_id, moment)
            said += _main_meter(dice, name, moment)
    return sorted(said, key=lambda one: one.received_at)


def _evening(dice: random.Random, name: str, evse_id: int, moment: datetime) -> Iterator[Told]:
    """Some sessions one after the other, the first across the moment."""
    at = moment - timedelta(minutes=dice.randint(5, 100))
    register_wh = dice.choice([0, dice.randrange(900_000)])
    for _ in range(dice.randint(1, 3)):
        visit = Visit(dice, name, evse_id, at, register_wh)
        yield from disturbed(dice, visit.messages())
        at = visit.gone_at + timedelta(minutes=dice.randint(2, 50))
        register_wh = visit.register_wh if dice.random() < 0.8 else 0


def _main_meter(dice: random.Random, name: str, moment: datetime) -> Iterator[Told]:
    """The station's own meter, and clock-aligned values of an evse without a session."""
    for minutes in range(0, 60, 15):
        at = moment + timedelta(minutes=minutes)
        reading = Reading(at, "Sample.Clock", 10_000 + minutes, 5000.0)
        yield Told(name, Metering(dice.choice([0, 0, 1]), [reading]), at + SECOND)


class Visit:
    """A vehicle at an evse: plugged in, authorised, charged, full, gone."""

    def __init__(
        self, dice: random.Random, name: str, evse_id: int, at: datetime, register_wh: int
    ) -> None:
        self.dice, self.name, self.evse_id, self.at = dice, name, evse_id, at
        self.register_wh = self.first_wh = register_wh
        self.transaction_id = f"{name}-{evse_id}-{at.timestamp():.0f}"
        self.step = timedelta(minutes=dice.choice([1, 5, 7, 15, 20]))
        self.count = dice.randint(2, 12)
        self.end_at = at + (self.count + 1) * self.step
        self.gone_at = self.end_at + timedelta(minutes=dice.randint(1, 20))
        self.token = dice.choice(TOKENS)

    def messages(self) -> Iterator[Told]:
        yield self._status(self.at - 20 * SECOND, "Occupied", "EVConnected")
        yield self._told(Authorization(self.token), self.at - 10 * SECOND)
        if self.dice.random() < 0.08:  # no session comes of it
            yield self._status(self.gone_at, "Available", None)
            return
        yield self._event("start", self.at, id_token=self.token, charging_state="Charging")
        full = self.dice.randint(1, self.count)
        for n in range(1, self.count + 1):
            if n < full:
                self.register_wh += self.dice.randint(0, 200) * int(self.step / (60 * SECOND))
            state = "SuspendedEV" if n == full else None
            yield self._event("update", self.at + n * self.step, charging_state=state)
        yield self._event("end", self.end_at, stop_reason=self.dice.choice(["Local", "Remote"]))
        yield self._status(self.end_at, "Occupied", "Idle")
        yield self._status(self.gone_at, "Available", None)

    def _told(self, event: Event, at: datetime) -> Told:
        return Told(self.name, event, at + SECOND)

    def _status(self, at: datetime, status: str, charging_state: str | None) -> Told:
        return self._told(Status(self.evse_id, 1, status, charging_state, at), at)

    def _event(self, kind: Any, at: datetime, **more: Any) -> Told:
        odd = self.dice.choice([0] * 30 + [-700, 60_000, 2_000_000])
        power_w = None if kind != "update" else float(self.dice.randint(3000, 11_000))
        register = max(0, self.register_wh + odd)
        reading = Reading(at, "Sample.Periodic", register, power_w,
                          soc_pct=float(self.dice.randint(5, 95)))  # fmt: skip
        event = Transaction(kind, at, self.transaction_id, [reading], evse_id=self.evse_id,
                            connector_id=1, opens=True, **more)  # fmt: skip
        return self._told(event, at)


def disturbed(dice: random.Random, said: Iterable[Told]) -> Iterator[Told]:
    """Some messages come late, some twice, some not at all; a status may be lost, too."""
    for one in said:
        fate = dice.random()
        if fate < 0.03:
            continue
        late = timedelta(minutes=dice.randint(1, 600)) if fate < 0.15 else timedelta()
        yield one._replace(received_at=one.received_at + late)
        if 0.15 <= fate < 0.2:
            again = timedelta(seconds=dice.randint(1, 7200))
            yield one._replace(received_at=one.received_at + again)


def lose_contact(
    connection: Connection, name: str, from_at: datetime, until_at: datetime, cause: str
) -> None:
    """A station is out of contact for a while, as the ingest process would have noted it."""
    change: Callable[..., Any] = connection.execute
    statement = (
        "UPDATE station SET is_online = %s, offline_cause = %s, contact_changed_at = %s,"
        " last_seen_at = %s WHERE station_id = %s"
    )
    change(statement, [False, cause, from_at, from_at, name])
    change(statement, [True, None, until_at, until_at, name])


def first_contact(connection: Connection, at: datetime) -> None:
    connection.execute(
        "UPDATE station SET is_online = true, contact_changed_at = %s, last_seen_at = %s", [at, at]
    )
