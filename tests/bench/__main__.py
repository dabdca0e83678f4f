"""`make bench`, or python -m tests.bench [--write] [names]: figures on stdout, and with --write in
docs/benchmarks.md. With --count the measurements of money are smaller: sessions, entries,
payments; of `scale` and `pages`: readings; of `shift`: hours."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable

from tests.bench import (
    audit,
    closing,
    crowd,
    ingest,
    ledger,
    limit,
    pages,
    payments,
    pricing,
    report,
    rig,
    scale,
    shift,
    steady,
)
from tests.bench.report import Table
from tests.bench.rig import Database

ON_THE_RIG: dict[str, Callable[[Database], list[Table]]] = {
    "ingest": ingest.tables,
    "steady": steady.tables,
    "crowd": crowd.tables,
    "limit": limit.tables,
}
COUNTED: dict[str, Callable[..., list[Table]]] = {
    "audit": audit.tables,
    "closing": closing.tables,
    "ledger": ledger.tables,
    "pages": pages.tables,
    "payments": payments.tables,
    "scale": scale.tables,
    "shift": shift.tables,
}
ALONE = {"pricing": pricing.tables}  # without a database
OF_THEIR_OWN = ("live", "board")  # they bring a web server and a browser


def main() -> None:
    names = [*ON_THE_RIG, *ALONE, *COUNTED, *OF_THEIR_OWN]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    # without `choices`: argparse would look for the empty list among them
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(names))
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    parser.add_argument("--count", type=int, help="of a quick run; the usual one takes minutes")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(names)):
        parser.error(f"{unknown[0]} is none of {', '.join(names)}")
    for name in asked.names or names:
        machine = report.facts()  # before: the load average is the others'
        text = "\n\n".join([*(table.text() for table in measured(name, asked.count)), machine])
        sys.stdout.write(f"\n{text}\n")
        sys.stdout.flush()
        if asked.write:
            report.write(name, text)


def measured(name: str, count: int | None) -> list[Table]:
    """Every measurement gets a database of its own."""
    if name in OF_THEIR_OWN:
        return [_from_json(name)]
    if name in ALONE:
        return ALONE[name]()
    with rig.database() as base:
        if name in ON_THE_RIG:
            return ON_THE_RIG[name](base)
        return COUNTED[name](base, *([count] if count else []))


def _from_json(name: str) -> Table:
    """The rows of a measurement that prints an object a line."""
    command = [sys.executable, "-m", f"tests.bench.{name}"]
    lines = subprocess.run(command, cwd=rig.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = [json.loads(line) for line in lines.stdout.splitlines() if line.startswith("{")]
    rows = [[key, *(str(row[key]) for row in found)] for key in found[0]]
    return Table(name, ["", *[""] * len(found)], rows)


if __name__ == "__main__":
    main()
