"""How the installation is: versions, size, queues, jobs. Read by whoever shows it."""

from datetime import datetime
from typing import Any

import msgspec

from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("state")
Row = dict[str, Any]


class State(msgspec.Struct, frozen=True):
    """As rows of dicts; `complete_until`: up to when the rollups hold every reading."""

    versions: Row
    size: int  # bytes
    queues: list[Row]  # name, n, since
    jobs: list[Row]
    workers: list[Row]
    complete_until: datetime
    kept_from: list[Row]


def read_state(connection: Connection) -> State:
    """By a connection whose rows are dicts."""
    return State(
        queries.versions(connection), queries.size(connection), queries.queues(connection),
        queries.jobs(connection), queries.workers(connection), queries.complete_until(connection),
        queries.kept_from(connection),
    )  # fmt: skip
