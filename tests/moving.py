"""A move of its own process that tells how far it is: `python moving.py SOURCE TARGET PAGES`. Tests
kill it in the middle."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sql.move import copy, prepared, refresh

if __name__ == "__main__":
    with prepared(sys.argv[1], sys.argv[2]) as move:
        print("size", move.size, flush=True)  # noqa: T201
        copy(move, lambda pages: print("copied", pages, flush=True), pages=int(sys.argv[3]))  # noqa: T201
        refresh(move)
    print("all copied", flush=True)  # noqa: T201
