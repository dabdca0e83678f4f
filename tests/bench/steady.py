"""How soon a message is durable and answered when 2,000 stations send one a second."""

from tests.bench import rig
from tests.bench.ingest import check
from tests.bench.load import Load, run
from tests.bench.report import Table
from tests.bench.rig import Database

STATIONS, SECONDS = 2000, 15.0
MESSAGES = {"mv8": "MeterValues, 8 values, durable", "hb": "Heartbeat, not stored"}


def tables(base: Database) -> list[Table]:
    rows = []
    for mode, name in MESSAGES.items():
        with rig.product(base) as server:
            found = run(base, server, Load(mode, STATIONS, SECONDS, rate=1, warm_seconds=3))
        check(base, found, of_product=True)
        share = 100 * (found.server_cpu + found.database_cpu) / found.seconds
        rows.append(
            [name, f"{found.per_second:.0f}", f"{found.p50_ms:.1f}", f"{found.p99_ms:.1f}",
             str(found.late), f"{found.us:.0f}", f"{share:.0f}"]
        )  # fmt: skip
    columns = ["message", "messages/s", "p50 ms", "p99 ms", "late", "CPU us", "% of a core"]
    return [Table(f"{STATIONS:,} stations x 1 message/s", columns, rows)]
