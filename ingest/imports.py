"""Files that somebody uploaded in the browser: read as the commands read them, told as they go.

One job takes them one after the other. A request that was running when its process ended is taken
again: an import knows what it has done.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from ingest.importing import FileError
from ingest.importing.mapping import read_given
from ingest.importing.run import make_reader, take
from ingest.importing.sessions import BusyError
from ingest.importing.station_run import import_stations
from ingest.importing.tables import open_table
from ingest.importing.tokens import import_tokens
from sql.database import Connection, connect
from sql.queries import load_queries

queries = load_queries("imports")

TOLD_EVERY = 0.5  # seconds
MOST_TRIES = 3
SHOWN = 100  # problems of a trial
SAID = ("time_zone", "date_order", "decimal", "source")


class Request(NamedTuple):
    """A row of `import_request` that is ours now."""

    request_id: int
    kind: str
    file_name: str
    content: bytes
    settings: dict[str, str]
    is_trial: bool
    requested_by: str
    tries: int


class Outcome(NamedTuple):
    """What came of it; problems are (line, field, what is wrong)."""

    counts: dict[str, int]
    problems: list[tuple[int, str, str]]
    run_id: int | None


class Written:
    """Progress as a row that viewers are told of, twice a second at most."""

    def __init__(self, connection: Connection, request_id: int) -> None:
        self._connection, self._request_id = connection, request_id
        self._done, self._told_at = 0, 0.0

    def begin(self, total: int) -> None:
        queries.begin_import(self._connection, request_id=self._request_id, rows_total=total)

    def done(self, rows: int) -> None:
        self._done += rows
        if time.monotonic() - self._told_at > TOLD_EVERY:
            queries.tell_progress(
                self._connection, request_id=self._request_id, rows_done=self._done
            )
            self._told_at = time.monotonic()


def take_imports(connection: Connection) -> None:
    """Everything that waits. `connection` is only written with: the work has its own."""
    while (row := queries.claim_import(connection)) is not None:
        request = Request(row[0], row[1], row[2], bytes(row[3]), *row[4:])
        if request.tries > MOST_TRIES:
            _fail(connection, request, "the import has broken off several times")
        elif not _take(connection, request):
            return


def _take(connection: Connection, request: Request) -> bool:
    """False: another import is going on, so it waits."""
    dsn = make_conninfo(connection.info.dsn, password=connection.info.password or None)
    with TemporaryDirectory(prefix="kilowatch-import-") as folder:
        path = Path(folder) / _plain(request.file_name)
        path.write_bytes(request.content)
        try:
            with connect(dsn, application_name="kilowatch import") as own:
                progress = Written(connection, request.request_id)
                outcome = WORK[request.kind](own, dsn, path, request, progress)
        except BusyError:
            queries.put_back(connection, request_id=request.request_id)
            return False
        except FileError as error:
            _fail(connection, request, str(error).replace(str(path), request.file_name))
            return True
    queries.finish_import(
        connection, request_id=request.request_id, run_id=outcome.run_id,
        counts=Jsonb(outcome.counts),
        problems=Jsonb(outcome.problems[:SHOWN]) if request.is_trial else None,
    )  # fmt: skip
    return True


def _fail(connection: Connection, request: Request, error: str) -> None:
    queries.fail_import(connection, request_id=request.request_id, error=error[:1000])


def _plain(name: str) -> str:
    """A name of a file as any folder takes it."""
    kept = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name)[-100:].lstrip(". ")
    return kept or "file"


def _stations(
    own: Connection, _dsn: str, path: Path, request: Request, progress: Written
) -> Outcome:
    said = request.settings
    outcome, run_id = import_stations(
        own, path, said.get("format") or None, said.get("operator") or None, progress,
        request.requested_by, dry_run=request.is_trial,
    )  # fmt: skip
    counts = {**outcome.counts, "without_password": outcome.without_password}
    return Outcome(counts, _told(outcome.faulty), run_id)


def _sessions(
    own: Connection, dsn: str, path: Path, request: Request, progress: Written
) -> Outcome:
    given = read_given(request.settings.get("map"), None)
    said = {name: request.settings.get(name) or None for name in SAID}
    table = open_table(path)
    reader = make_reader(own, table, given, said)
    summary = take(dsn, table, reader, progress, dry_run=request.is_trial)
    counts = {**summary.counts, "energy_wh": summary.energy_wh}
    problems = [(p.record.line, p.field, p.text) for p in summary.first_problems]
    return Outcome(counts, problems, summary.run_id)


def _tokens(own: Connection, _dsn: str, path: Path, request: Request, progress: Written) -> Outcome:
    zone = ZoneInfo(request.settings.get("time_zone") or "UTC")
    outcome, run_id = import_tokens(
        own, open_table(path), zone, request.requested_by, progress, dry_run=request.is_trial
    )
    return Outcome(outcome.counts, _told(outcome.faulty), run_id)


def _told(faulty: Iterable[Any]) -> list[tuple[int, str, str]]:
    return [(one.line, one.field, one.problem) for one in faulty]


Work = Callable[[Connection, str, Path, Request, Written], Outcome]
WORK: dict[str, Work] = {"stations": _stations, "sessions": _sessions, "id_tokens": _tokens}
