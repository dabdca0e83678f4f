"""Jobs: work that recurs. A part lists its own in JOBS; the jobs process runs them all.

Any number of jobs processes may run: an advisory lock lets one at a time do each job.
"""

import logging
from collections.abc import Callable

import msgspec

from sql import DatabaseError
from sql.database import Connection, connect
from sql.queries import load_queries

log = logging.getLogger("kilowatch.jobs")
queries = load_queries("jobs")


class Job(msgspec.Struct, frozen=True):
    """`work` gets an autocommitting connection and is called every `seconds`."""

    name: str
    seconds: float
    work: Callable[[Connection], None]


def run_job(dsn: str, job: Job) -> bool:
    """Run the job unless another process is at it; True if it ran and ended well.

    A failure is logged and kept in `job_run`; the next turn tries again.
    """
    try:
        with connect(dsn, application_name=f"kilowatch job {job.name}") as connection:
            if not queries.try_lock(connection, job=job.name):
                return False
            return _run_and_note(connection, job)
    except DatabaseError as error:
        log.warning("job %s waits: %s", job.name, error)
        return False


def _run_and_note(connection: Connection, job: Job) -> bool:
    queries.note_turn(connection, job=job.name, every_seconds=job.seconds)
    error = None
    try:
        job.work(connection)
    except Exception as failure:
        error = " ".join(str(failure).split())[:500]
        log.exception("job %s failed", job.name)
    if not connection.closed:
        queries.note_end(connection, job=job.name, error=error)
    return error is None
