"""CPU per message of the ingest process and its database, against the baseline, in turns."""

import statistics
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.bench import rig, verify
from tests.bench.load import Load, Run, run
from tests.bench.report import Table
from tests.bench.rig import Database, Server

STATIONS, SECONDS, TURNS = 200, 5.0, 2
MESSAGES = {
    "mv8": "MeterValues, 8 values (1.6)",
    "te8": "TransactionEvent, 8 values (2.0.1)",
    "status": "StatusNotification (1.6)",
    "cycle": "Start- and StopTransaction (1.6)",
    "hb": "Heartbeat (1.6)",
}
COLUMNS = [
    "message", "server us", "database us", "together us", "messages/s", "p50 ms", "p99 ms",
]  # fmt: skip
Program = Callable[[Database], AbstractContextManager[Server]]


def tables(base: Database) -> list[Table]:
    """Closed loop: every station sends its next message when the last is answered."""
    rows = []
    for mode, name in MESSAGES.items():
        sides: dict[Program, list[Run]] = {rig.product: [], rig.baseline: []}
        for _ in range(TURNS):
            for side, runs in sides.items():
                runs.append(_measure(base, side, Load(mode, STATIONS, SECONDS)))
        rows += _rows(name, *sides.values())
    columns = [
        "message",
        "server us",
        "database us",
        "together us",
        "messages/s",
        "p50 ms",
        "p99 ms",
    ]
    return [Table(f"CPU per message, {STATIONS} stations in a closed loop", columns, rows)]


def _measure(base: Database, side: Program, load: Load) -> Run:
    with side(base) as server:
        result = run(base, server, load)
    check(base, result, of_product=side is rig.product)
    sys.stderr.write(
        f"{load.mode} {side.__name__}: {result.us:.0f} us, {result.per_second:.0f}/s\n"
    )
    return result


def check(base: Database, result: Run, *, of_product: bool) -> None:
    """Figures of a load that lost something are worth nothing.

    Raises SystemExit.
    """
    found = verify.problems(base.dsn, result.acknowledged) if of_product else []
    if result.errors:
        found.append(f"{result.errors} errors")
    if found:
        raise SystemExit("wrong: " + "; ".join(found))


def _rows(name: str, ours: list[Run], theirs: list[Run]) -> list[list[str]]:
    ratio = median(theirs, "us") / median(ours, "us")
    return [
        [name, *_cells(ours)],
        ["- baseline", *_cells(theirs)],
        ["- **baseline / Kilowatch**", "", "", f"**{ratio:.1f}**", "", "", ""],
    ]


def _cells(runs: list[Run]) -> list[str]:
    micros = [f"{median(runs, name):.1f}" for name in ("server_us", "database_us", "us")]
    times = [f"{median(runs, name):.1f}" for name in ("p50_ms", "p99_ms")]
    return [*micros, f"{median(runs, 'per_second'):.0f}", *times]


def median(runs: list[Run], name: str) -> float:
    return statistics.median(getattr(run, name) for run in runs)
