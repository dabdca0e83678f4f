"""kill -9 of anything at any moment: what was acknowledged is there, and there once."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from ocpp_messages import event201, sample16, start16, status16, status201, stop16, values16
from programs import Program
from stations import Payload, RawStation, add_stations, ago, dial, rows
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from sql.embedded import start_embedded
from sql.migrate import migrate

APP = Path(__file__).parents[1] / "app.py"
STATIONS, SESSIONS, READINGS, KILLS = 16, 3, 15, 3
MESSAGES = STATIONS * SESSIONS * (READINGS + 3)
TROUBLE = (ConnectionError, ConnectionClosed, InvalidHandshake, TimeoutError, OSError)
Start = Callable[[], Program]

SESSION_SUMS = """
SELECT s.station_id, s.started_at, s.ended_at, s.energy_wh, s.meter_stop_wh - s.meter_start_wh,
    sum(m.energy_delta_wh)::bigint, count(*) FILTER (WHERE m.source = 'meter'), s.flags
FROM session s LEFT JOIN meter_value m USING (session_id)
GROUP BY s.session_id ORDER BY s.station_id, s.started_at"""


class Load:
    """All stations together; `reached` resolves when so many messages are acknowledged."""

    def __init__(self, port: int) -> None:
        self.port, self.acknowledged = port, 0
        self._marks: dict[int, asyncio.Event] = {}

    async def reached(self, count: int) -> None:
        await self._marks.setdefault(count, asyncio.Event()).wait()

    def note(self) -> None:
        self.acknowledged += 1
        if self.acknowledged in self._marks:
            self._marks[self.acknowledged].set()


class PatientStation:
    """Repeats each message, over new connections, until it is answered."""

    def __init__(self, load: Load, number: int) -> None:
        self.load, self.random = load, random.Random(number)
        self.version = "1.6" if number % 2 else "2.0.1"
        self.station_id = f"S{number}"
        self.link: RawStation | None = None

    async def run(self) -> list[tuple[datetime, datetime, int]]:
        """Play the sessions; what they must have become: start, end, Wh."""
        played = []
        register = self.random.randrange(10**6)
        for number in range(SESSIONS):
            at = ago(hours=SESSIONS - number)
            play = self._play16 if self.version == "1.6" else self._play201
            registers = [register]
            for _ in range(READINGS + 1):
                registers.append(registers[-1] + self.random.randrange(600))
            times = [at + timedelta(minutes=n) for n in range(len(registers))]
            await play(f"{self.station_id}-{number}", list(zip(times, registers, strict=True)))
            register = registers[-1]
            played.append((at, times[-1], register - registers[0]))
        if self.link:
            await self.link.close()
        return played

    async def _play16(self, _name: str, points: list[tuple[datetime, int]]) -> None:
        (first_at, first), *middle, (last_at, last) = points
        await self._deliver("StatusNotification", status16("Charging", first_at))
        start = await self._deliver("StartTransaction", start16(first, first_at))
        number = start["transactionId"]
        for at, register in middle:
            values = values16([sample16(register)], at, transactionId=number)
            await self._deliver("MeterValues", values)
        await self._deliver("StopTransaction", stop16(number, last, last_at))

    async def _play201(self, name: str, points: list[tuple[datetime, int]]) -> None:
        await self._deliver("StatusNotification", status201("Occupied", points[0][0]))
        kinds = ["Started", *["Updated"] * READINGS, "Ended"]
        for number, (kind, (at, register)) in enumerate(zip(kinds, points, strict=True)):
            event = event201(kind, name, number, at, wh=register)
            await self._deliver("TransactionEvent", event)

    async def _deliver(self, action: str, payload: Payload) -> Payload:
        while True:
            try:
                if self.link is None:
                    socket = await dial(self.load.port, self.station_id, [self.version])
                    self.link = RawStation(socket)
                answer = await self.link.call(action, payload)
            except TROUBLE:
                await self._hang_up()
            else:
                self.load.note()
                return answer

    async def _hang_up(self) -> None:
        if self.link is not None:
            self.link.socket.transport.abort()
            with suppress(*TROUBLE):
                await self.link.close()
            self.link = None
        await asyncio.sleep(0.05)  # as stations do before they dial again


async def play(port: int, disturb: Callable[[], Any]) -> dict[str, Any]:
    """All stations play their sessions while `disturb` strikes at random moments."""
    load = Load(port)
    stations = [PatientStation(load, number) for number in range(STATIONS)]
    moments = sorted(random.Random(os.getpid()).sample(range(20, MESSAGES - 50), KILLS))

    async def strike() -> None:
        for moment in moments:
            await load.reached(moment)
            await asyncio.to_thread(disturb)

    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        tasks.create_task(strike())
        playing = [tasks.create_task(station.run()) for station in stations]
    assert load.acknowledged == MESSAGES
    return {s.station_id: task.result() for s, task in zip(stations, playing, strict=True)}


def assert_exact(dsn: str, played: dict[str, Any]) -> None:
    """Every session there once, with every reading once, and the energy of its registers."""
    expected = sorted(
        (station_id, start, end, wh, wh, wh, READINGS + 2, [])
        for station_id, sessions in played.items()
        for start, end, wh in sessions
    )
    assert sorted(rows(dsn, SESSION_SUMS)) == expected
    assert rows(dsn, "SELECT count(*) FROM status_history") == [(STATIONS * SESSIONS,)]
    assert rows(dsn, "SELECT count(*) FROM message_log WHERE error_code IS NOT NULL") == [(0,)]
    total = sum(wh for *_, wh in (one for sessions in played.values() for one in sessions))
    for level in ("energy_15min", "energy_hour", "energy_day", "energy_month"):
        query = f"SELECT sum(energy_wh)::bigint FROM {level}"  # noqa: S608
        assert rows(dsn, query) == [(total,)]


def ingest(run_program: Any, port: int, **settings: str) -> Start:
    """A function that starts the ingest process and waits until it listens."""
    names = {f"KILOWATCH_{name}": value for name, value in settings.items()}

    def start() -> Program:
        program: Program = run_program(
            [sys.executable, str(APP), "ingest"],
            {**names, "KILOWATCH_OCPP_PORT": f"{port}", "KILOWATCH_SECRET_KEY": "a secret key"},
        )
        program.wait_for("stations connect to")
        return program

    return start


@pytest.mark.slow
async def test_kill_9_of_the_ingest_process_loses_and_doubles_nothing(
    plain_database: str, run_program: Any, free_port: int, tmp_path: Path
) -> None:
    add_stations(plain_database, *(f"S{n}" for n in range(STATIONS)))
    start = ingest(run_program, free_port, DATABASE_URL=plain_database, DATA_DIR=str(tmp_path))
    running = [start()]

    def strike() -> None:
        running[-1].process.kill()
        running[-1].process.wait()
        running.append(start())

    assert_exact(plain_database, await play(free_port, strike))
    assert len(running) == KILLS + 1
    assert running[-1].end() == 0


@pytest.mark.slow
async def test_kill_9_of_the_database_loses_and_doubles_nothing(
    data_dir: Path, run_program: Any, free_port: int
) -> None:
    dsn = start_embedded(data_dir)
    migrate(dsn, "Europe/Stockholm")
    add_stations(dsn, *(f"S{n}" for n in range(STATIONS)))
    program = ingest(run_program, free_port, DATA_DIR=str(data_dir))()

    def strike() -> None:
        cluster = (data_dir / "postgres").resolve()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd() == str(cluster):
                    process.send_signal(signal.SIGKILL)
        assert start_embedded(data_dir) == dsn

    assert_exact(dsn, await play(free_port, strike))
    assert program.process.poll() is None
    assert program.end() == 0


@pytest.mark.slow
async def test_losing_the_writer_s_connection_loses_and_doubles_nothing(
    plain_database: str, run_program: Any, free_port: int, tmp_path: Path
) -> None:
    add_stations(plain_database, *(f"S{n}" for n in range(STATIONS)))
    settings = {"DATABASE_URL": plain_database, "DATA_DIR": str(tmp_path)}
    program = ingest(run_program, free_port, **settings)()
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"  # noqa: E501
    assert_exact(plain_database, await play(free_port, lambda: rows(plain_database, terminate)))
    assert program.end() == 0
