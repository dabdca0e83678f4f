"""After a day of chaos the numbers are what the raw facts say, on both engines.

TEST_CHAOS_SESSIONS (3 if not given) and TEST_CHAOS_SEED make it longer or another.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos import Chaos, Load, bad_day
from conftest import client_side, freeze
from happenings import first_contact
from parity import carry_over
from programs import Program
from stations import add_stations
from test_timescale_parity import compare_rollups, wrong_answers

from ingest.attempting import book_attempts
from ingest.audit import audit
from ingest.decisions import apply_decisions, judge_sessions
from ingest.timelines import book_time
from ingest.visits import fold_visits
from sql.database import Connection, connect

pytestmark = [pytest.mark.node, pytest.mark.timescale, pytest.mark.slow, pytest.mark.timeout(3600)]
APP = Path(__file__).parents[2] / "app.py"
STATIONS, STRIKES = 8, 4
SESSIONS = int(os.environ.get("TEST_CHAOS_SESSIONS", "3"))
SEED = int(os.environ.get("TEST_CHAOS_SEED", "1"))


class Processes:
    """Two ingest processes and the jobs, which die without a word and come back."""

    def __init__(
        self, run: Callable[..., Program], dsn: str, folder: Path, ports: list[int]
    ) -> None:
        self.run, self.dsn, self.folder = run, dsn, folder
        self.deaths = 0
        self.commands = [("ingest", port) for port in ports] + [("jobs", 0)]
        self.running = [self.start(*command) for command in self.commands]

    def start(self, command: str, port: int) -> Program:
        settings = {
            "KILOWATCH_DATABASE_URL": self.dsn, "KILOWATCH_DATA_DIR": str(self.folder),
            "KILOWATCH_OCPP_PORT": str(port), "KILOWATCH_SECRET_KEY": "a secret key",
        }  # fmt: skip
        program = self.run([sys.executable, str(APP), command], settings)
        if port:
            program.wait_for("stations connect to")
        return program

    def kill_one(self) -> None:
        number = self.deaths % len(self.running)
        self.deaths += 1
        self.running[number].process.kill()
        self.running[number].end()
        self.running[number] = self.start(*self.commands[number])

    def end(self) -> None:
        for program in self.running:
            program.end()


def decide(connection: Connection) -> int:
    """Staff state other energies of some doubted sessions, and void one."""
    return connection.execute(
        "INSERT INTO session_decision (session_id, decision, energy_wh, reasons, reason,"
        " decided_by) SELECT session_id, CASE n WHEN 1 THEN 'void' ELSE 'correct' END,"
        " CASE n WHEN 1 THEN 0 ELSE 1234 END, reasons, 'as the display said', 'carin'"
        " FROM (SELECT session_id, array_agg(reason) AS reasons,"
        " row_number() OVER (ORDER BY session_id) AS n FROM session_doubt JOIN session USING"
        " (session_id) WHERE ended_at IS NOT NULL GROUP BY 1) d WHERE n % 3 = 1"
    ).rowcount


def settle(connection: Connection, now: datetime) -> None:
    """What the jobs have not come to."""
    judge_sessions(connection, now)
    assert decide(connection)
    apply_decisions(connection, now)
    book_attempts(connection, now)
    book_time(connection, now)
    connection.execute("CALL process_refresh_requests()")


def differing(connection: Connection, now: datetime) -> dict[str, Any]:
    results = audit(connection, now)
    assert len(results) > 10
    assert [result.name for result in results if not result.checked] == []
    return {result.name: result.found[:5] for result in results if not result.ok}


def test_after_a_day_of_chaos_every_number_is_right_on_both_engines(
    clocked_plain: str, clocked_timescale: str, run_program: Callable[..., Program],
    free_ports: list[int], tmp_path: Path,
) -> None:  # fmt: skip
    add_stations(clocked_plain, *(f"S{n}" for n in range(STATIONS)))
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20 + 4 * SESSIONS)
    with connect(clocked_plain) as plain:
        first_contact(plain, begin - timedelta(days=1))
    processes = Processes(run_program, clocked_plain, tmp_path, free_ports)
    load = Load(free_ports, Chaos(SEED))

    async def strike() -> None:
        await asyncio.to_thread(processes.kill_one)

    asyncio.run(bad_day(load, STATIONS, SESSIONS, begin, STRIKES, strike))
    processes.end()
    assert processes.deaths == STRIKES
    with connect(clocked_plain) as plain:
        assert lost(plain, load) == []
        now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        freeze(plain, now)
        settle(plain, now)
        assert differing(plain, now) == {}
        # the document of a session of days is too long for WebAssembly: without those of it
        plain.execute("SET session_replication_role = replica")
        plain.execute(
            "WITH gone AS (DELETE FROM cdr WHERE length(document::text) > 30000"
            " RETURNING session_id) INSERT INTO visit_change (session_id) SELECT * FROM gone"
        )
        plain.execute("SET session_replication_role = origin")
        fold_visits(plain)
        with client_side(clocked_timescale) as timescale:
            freeze(timescale, now)
            carry_over(plain, timescale, now)
            compare_rollups(plain, timescale)  # before its audit, which books time up to then
            wrong = wrong_answers(plain, timescale, now)
            assert differing(timescale, now) == {}
            timescale.execute(  # by hand, behind the aggregates' back
                "UPDATE meter_value SET energy_delta_wh = energy_delta_wh + 1 WHERE reading_hash ="
                " (SELECT min(reading_hash) FROM meter_value WHERE energy_delta_wh > 0)"
            )
            assert {"energy_15min", "session_facts"} <= differing(timescale, now).keys()
    # this world has no books and no drivers' accounts: what asks for them is not told apart here
    assert {name: why for name, why in wrong.items() if "nothing was compared" not in why} == {}


def lost(connection: Connection, load: Load) -> list[Any]:
    """Registers that were acknowledged and are not there."""
    kept = set(connection.execute(
        "SELECT station_id, measured_at, energy_wh FROM meter_value WHERE energy_wh IS NOT NULL"
    ))  # fmt: skip
    assert len(load.acknowledged) > 100
    return [one for one in load.acknowledged if one not in kept]
