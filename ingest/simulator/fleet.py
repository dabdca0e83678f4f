"""Many virtual stations, and the drivers, faults and silences that befall them.

Everything is drawn from the seed. At ``speed`` X drivers come, cars fill and faults pass X times
quicker, while timestamps stay real: each session carries an X-th of its energy, so that power,
register and timestamps agree at any speed (see ``spec.Pace``).
"""

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from ingest.simulator.contact import Dialect, wait_at_most
from ingest.simulator.controls import Controls
from ingest.simulator.evse import Fault, Guest
from ingest.simulator.network import Site, Station
from ingest.simulator.plan import plan_visit
from ingest.simulator.spec import Pace, VirtualStationSpec
from ingest.simulator.station import VirtualStation
from ingest.simulator.v16 import Dialect16
from ingest.simulator.v201 import Dialect201

DIALECTS: dict[str, Callable[[VirtualStation], Dialect]] = {"1.6": Dialect16, "2.0.1": Dialect201}

# Far busier than a real public network (5 to 20 %), so that a live board looks alive.
_BUSY_SHARE = 0.3
_FAULTY_SHARE = 0.008
_MINUTE = 60.0
_FAULT_S = (10 * _MINUTE, 40 * _MINUTE)
_SILENCE_S = (1 * _MINUTE, 6 * _MINUTE)
_BETWEEN_SILENCES_S = 300 * _MINUTE
_FASTEST_METER_S = 1.0
_STAGGER_S = 0.1
_ALL_UP_WITHIN_S = 10.0


class Tokens:
    """The drivers' tokens: nobody charges at two places while another token is free."""

    def __init__(self, id_tokens: Sequence[str]) -> None:
        self._all = tuple(id_tokens)
        self._free = list(id_tokens)

    def take(self, rng: Random) -> str:
        """Return a free token, or any when all are in use."""
        if not self._free:
            return rng.choice(self._all)
        return self._free.pop(rng.randrange(len(self._free)))

    def give_back(self, id_token: str) -> None:
        """Let others have the token again."""
        if id_token not in self._free:
            self._free.append(id_token)


async def run_fleet(
    stations: Sequence[VirtualStationSpec],
    url: str,
    *,
    speed: float,
    seed: int,
    id_tokens: Sequence[str],
    controls: Controls,
) -> None:
    """Play the stations against ``url`` (``ws://host:9000/ocpp``) until cancelled.

    Cancelled, it ends running sessions, waits two seconds at most for the answers and hangs up.
    """
    pace, tokens = _pace(speed), Tokens(id_tokens)
    stagger_s = min(_STAGGER_S, _ALL_UP_WITHIN_S / max(1, len(stations)))
    async with asyncio.TaskGroup() as group:
        for n, spec in enumerate(stations):
            rng = Random(f"{seed}:{spec.station_id}")
            station = VirtualStation(spec, url, rng, DIALECTS, pace)
            controls.attach(station)
            group.create_task(_play(station, n * stagger_s, seed, tokens))


def pick_stations(sites: Sequence[Site], count: int, seed: int = 1) -> tuple[Station, ...]:
    """Return ``count`` stations of whole sites spread over the country, the last cut short."""
    shuffled = Random(seed).sample(sites, len(sites))
    return tuple(station for site in shuffled for station in site.stations)[:count]


def _pace(speed: float) -> Pace:
    if speed <= 0:
        raise ValueError(f"speed must be above 0, not {speed:g}")
    interval_s = max(30 / speed, _FASTEST_METER_S)
    return Pace(speed=speed, meter_interval_s=interval_s)


async def _play(station: VirtualStation, delay_s: float, seed: int, tokens: Tokens) -> None:
    await asyncio.sleep(delay_s)
    station.start_task(_silences(station, Random(f"{seed}:{station.station_id}:line")))
    for evse_id in station.evses:
        rng = Random(f"{seed}:{station.station_id}:{evse_id}")
        place = Place(station, evse_id, rng, tokens)
        station.start_task(place.drivers())
        station.start_task(place.faults())
    await station.run()


class Place:
    """One evse as its drivers know it: somebody comes, sometimes it is broken."""

    def __init__(self, station: VirtualStation, evse_id: int, rng: Random, tokens: Tokens) -> None:
        self._station = station
        self._evse = station.evses[evse_id]
        self._tokens = tokens
        self._rng = rng
        # Its own stream: how long drivers stay must not decide when something breaks.
        self._fault_rng = Random(rng.getrandbits(64))
        self._somebody_waits = asyncio.Event()

    async def drivers(self) -> None:
        """Let drivers come for ever; in the long run the evse is busy the share it should be."""
        await self._station.contact.accepted.wait()
        is_busy = self._rng.random() < _BUSY_SHARE
        while True:
            visit = plan_visit(self._rng, self._evse.evse)
            gap_s = visit.unplug_s * (1 / _BUSY_SHARE - 1) * self._rng.expovariate(1)
            await self._gap(self._rng.uniform(0, 5) if is_busy else gap_s)
            is_busy = False
            id_token = self._tokens.take(self._rng)
            try:
                hesitates_s = self._rng.uniform(2, 6)
                await self._evse.serve(Guest(visit, id_token, hesitates_s=hesitates_s))
            finally:
                self._tokens.give_back(id_token)

    async def faults(self) -> None:
        """Break and mend for ever; whoever waited in line takes the mended evse at once."""
        await self._station.contact.accepted.wait()
        starts_broken = self._fault_rng.random() < _FAULTY_SHARE
        while True:
            lasts_s = self._fault_rng.uniform(*_FAULT_S)
            healthy_s = lasts_s * (1 / _FAULTY_SHARE - 1) * self._fault_rng.expovariate(1)
            await self._pass(0 if starts_broken else healthy_s)
            starts_broken = False
            await self._break(lasts_s)

    async def _break(self, lasts_s: float) -> None:
        rebooted = self._station.rebooted
        self._evse.fail(self._fault_rng.choice(tuple(Fault)))
        await wait_at_most(self._station.pace.real(lasts_s), rebooted.wait())
        self._evse.recover()
        await self._pass(self._fault_rng.uniform(8, 15))
        self._somebody_waits.set()

    async def _gap(self, seconds: float) -> None:
        await wait_at_most(self._station.pace.real(seconds), self._somebody_waits.wait())
        self._somebody_waits.clear()

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(self._station.pace.real(seconds))


async def _silences(station: VirtualStation, rng: Random) -> None:
    """Lose contact now and then; the station goes on and replays when it is back."""
    while True:
        await asyncio.sleep(station.pace.real(rng.expovariate(1 / _BETWEEN_SILENCES_S)))
        station.lose_contact("spell")
        await asyncio.sleep(station.pace.real(rng.uniform(*_SILENCE_S)))
        station.regain_contact("spell")
