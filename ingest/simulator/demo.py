"""What the demo puts into the database before anything runs."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

from ingest.attempting import book_attempts
from ingest.decisions import judge_sessions
from ingest.simulator.history import write_history
from ingest.simulator.network import Site
from ingest.simulator.seed import password_of, queries, register
from ingest.simulator.troubles import troubles
from ingest.timelines import book_time
from sql.admin import COMMAND_LINE
from sql.admin.stations import add_station, has_station, set_password
from sql.admin.tokens import put_token
from sql.database import Connection, connect
from sql.processes import end_with_parent
from sql.queries import load_queries

job_queries = load_queries("jobs")

JOB = "demo history"  # as the query has_history knows it
OWN_STATION, OWN_TOKEN = "MY-01", "MYTAG"
OWN_SITE = "Your own station"


def prepare(connection: Connection, secret_key: str) -> tuple[Sequence[Site], str]:
    """The network, and a station and tag for the visitor's own client.

    Returns the sites and the own station's password.
    """
    sites = register(connection, secret_key)
    password = password_of(secret_key + " own")[:16]
    if has_station(connection, OWN_STATION):
        set_password(connection, COMMAND_LINE, OWN_STATION, password)
    else:
        add_station(
            connection, COMMAND_LINE, OWN_STATION, password,
            site=OWN_SITE, evses=2, max_power_w=22_000, standard="IEC_62196_T2",
        )  # fmt: skip
        queries.place_site(connection, name=OWN_SITE, city="Stockholm", latitude=59.3293,
                           longitude=18.0686)  # fmt: skip
    put_token(connection, COMMAND_LINE, OWN_TOKEN, "Accepted", None, concurrent=True)
    return sites, password


def has_history(connection: Connection) -> bool:
    return bool(queries.has_history(connection))


def fill_history(
    connection: Connection,
    dsn: str,
    sites: Sequence[Site],
    days: int,
    progress: Callable[[int], object],
) -> tuple[int, float]:
    """The last days' sessions of every evse that has none yet: an interrupted start is continued.

    Returns how many, and the seconds it took.
    """
    started = time.monotonic()
    done = {(row[0], row[1]) for row in queries.evses_with_history(connection)}
    progress(len(done))
    job_queries.note_start(connection, job=JOB)
    end = datetime.now(UTC)
    put_troubles(connection, sites, end - timedelta(days=days), end)
    sessions = write_history(dsn, sites, days=days, processes=2, progress=progress, done=done)
    connection.execute("ANALYZE")
    return sessions, time.monotonic() - started


def book_history(connection: Connection, dsn: str) -> float:
    """What the jobs make of it, side by side: rollups, attempts, doubts, time per state.

    Returns the seconds it took.
    """
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=end_with_parent) as pool:
        others = [pool.submit(_book, dsn, work) for work in (book_attempts, judge_sessions)]
        connection.execute("CALL process_refresh_requests()")
        book_time(connection)
        for other in others:
            other.result()
    book_time(connection)  # an attempt that failed may be an outage
    job_queries.note_end(connection, job=JOB, error=None)
    return time.monotonic() - started


def _book(dsn: str, work: Callable[[Connection], object]) -> None:
    with connect(dsn, application_name="kilowatch history") as connection:
        connection.execute("SET synchronous_commit = off")  # made again if it is lost
        work(connection)


def put_troubles(
    connection: Connection, sites: Sequence[Site], first: datetime, end: datetime
) -> None:
    """The raw facts of contact and statuses: in service since the first day, and what went wrong.
    Repeated by an interrupted start: the same facts are the same rows."""
    known = troubles(sites, first, end)
    lost = [one for one in known if one.error_code is None]
    faults = [one for one in known if one.error_code is not None]
    with connection.transaction():
        queries.put_contacts(
            connection,
            first_at=first,
            station_ids=[one.station_id for one in lost],
            from_ats=[one.from_at for one in lost],
            until_ats=[one.until_at for one in lost],
        )
        queries.put_faults(
            connection,
            first_at=first,
            station_ids=[one.station_id for one in faults],
            evse_ids=[one.evse_id for one in faults],
            from_ats=[one.from_at for one in faults],
            until_ats=[one.until_at for one in faults],
            error_codes=[one.error_code for one in faults],
        )


def count_evses(sites: Sequence[Site]) -> int:
    return sum(len(station.evses) for site in sites for station in site.stations)
