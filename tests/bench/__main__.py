"""`make bench`, or python -m tests.bench [--write] [names]: figures on stdout, and with --write in
docs/benchmarks.md."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable

from tests.bench import crowd, ingest, limit, report, rig, steady
from tests.bench.report import Table
from tests.bench.rig import Database

ON_THE_RIG: dict[str, Callable[[Database], list[Table]]] = {
    "ingest": ingest.tables,
    "steady": steady.tables,
    "crowd": crowd.tables,
    "limit": limit.tables,
}
OF_THEIR_OWN = ("live", "board")  # they bring a web server and a browser


def main() -> None:
    names = [*ON_THE_RIG, *OF_THEIR_OWN]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    # without `choices`: argparse would look for the empty list among them
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(names))
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(names)):
        parser.error(f"{unknown[0]} is none of {', '.join(names)}")
    for name in asked.names or names:
        machine = report.facts()  # before: the load average is the others'
        text = "\n\n".join([*(table.text() for table in measured(name)), machine])
        sys.stdout.write(f"\n{text}\n")
        sys.stdout.flush()
        if asked.write:
            report.write(name, text)


def measured(name: str) -> list[Table]:
    """Every measurement gets a database of its own."""
    if name in OF_THEIR_OWN:
        return [_from_json(name)]
    with rig.database() as base:
        return ON_THE_RIG[name](base)


def _from_json(name: str) -> Table:
    """The rows of a measurement that prints an object a line."""
    command = [sys.executable, "-m", f"tests.bench.{name}"]
    lines = subprocess.run(command, cwd=rig.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = [json.loads(line) for line in lines.stdout.splitlines() if line.startswith("{")]
    rows = [[key, *(str(row[key]) for row in found)] for key in found[0]]
    return Table(name, ["", *[""] * len(found)], rows)


if __name__ == "__main__":
    main()
