"""Which rows of a file are new, known, changed or impossible beside others. Pure."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from ingest.importing import RowError
from ingest.importing.booking import check_energy
from ingest.importing.rows import Reader, Row, read_row
from ingest.importing.tables import Record

MOMENT = timedelta(microseconds=1)  # what a session that took no time is taken to last


class Problem(NamedTuple):
    """A row that was not imported. `status`: rejected, or changed since it was imported."""

    record: Record
    field: str
    text: str
    status: str = "rejected"


class Known(NamedTuple):
    """A row that was imported before, and its session as it is now (None: gone)."""

    identity: str
    content: str
    line: int
    sha256: str
    file_name: str
    session_id: int
    station_id: str | None
    evse_id: int | None
    started_at: datetime | None
    ended_at: datetime | None
    energy_wh: int | None
    id_token: str | None


class Taken(NamedTuple):
    """A session that is on the evse already."""

    session_id: int
    started_at: datetime
    ended_at: datetime | None


class Judged(NamedTuple):
    """`known`: how many rows were imported before, just as they are."""

    good: list[Row]
    problems: list[Problem]
    known: int


class Seen:
    """Rows of this file that the database does not know yet: when they were on which evse."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, str]] = {}
        self._spans: dict[int, list[tuple[datetime, datetime, int]]] = {}

    def add(self, row: Row) -> None:
        end = max(row.ended_at, row.started_at + MOMENT)
        insort(self._spans.setdefault(row.evse.evse_key, []), (row.started_at, end, row.line))

    def overlapping(self, row: Row) -> tuple[datetime, datetime, int] | None:
        spans = self._spans.get(row.evse.evse_key, [])
        end = max(row.ended_at, row.started_at + MOMENT)
        place = bisect_left(spans, (end,))
        if place and spans[place - 1][1] > row.started_at:
            return spans[place - 1]
        return None

    def clear(self) -> None:
        self.rows.clear()
        self._spans.clear()


class Judge:
    """Judges a file's rows in the file's order, as a reader reads them."""

    def __init__(self, reader: Reader, sha256: str) -> None:
        self._reader, self._sha256 = reader, sha256
        self.seen = Seen()

    def read(self, record: Record) -> Row | Problem:
        """What can be said of a row on its own."""
        try:
            row = read_row(self._reader, record)
            check_energy(row)
        except RowError as error:
            return Problem(record, error.field, str(error))
        return row

    def judge(
        self,
        batch: list[tuple[Record, Row | Problem]],
        known: Mapping[str, Known],
        taken: Mapping[int, Taken],
    ) -> Judged:
        """`known`: by identity; `taken`: by line."""
        judged = Judged([], [], 0)
        unchanged = 0
        for record, row in batch:
            if isinstance(row, Problem):
                judged.problems.append(row)
                continue
            try:
                if self._is_known(row, known.get(row.identity)):
                    unchanged += 1
                else:
                    self._check_free(row, taken.get(row.line))
                    self.seen.add(row)
                    judged.good.append(row)
            except RowError as error:
                status = "changed" if error.field == "changed" else "rejected"
                judged.problems.append(Problem(record, error.field, str(error), status))
        return judged._replace(known=unchanged)

    def _is_known(self, row: Row, known: Known | None) -> bool:
        """Whether the row was imported before, by another import or an earlier line."""
        if (seen := self.seen.rows.get(row.identity)) is not None:
            raise _repeated(seen[0], is_same=seen[1] == row.content)
        self.seen.rows[row.identity] = (row.line, row.content)
        if known is None:
            return False
        if known.sha256 == self._sha256 and known.line != row.line:
            raise _repeated(known.line, is_same=known.content == row.content)
        if known.content != row.content:
            raise _changed(row, known)
        return True

    def _check_free(self, row: Row, taken: Taken | None) -> None:
        if row.started_at < self._reader.oldest:
            expected = f"a time from {self._shown(self._reader.oldest)} on (retention)"
            raise RowError("started_at", self._shown(row.started_at), expected)
        if taken is not None:
            what = f"session {taken.session_id}"
            raise self._overlap(row, what, taken.started_at, taken.ended_at)
        if (other := self.seen.overlapping(row)) is not None:
            raise self._overlap(row, f"line {other[2]}", other[0], other[1])

    def _overlap(self, row: Row, what: str, began: datetime, ended: datetime | None) -> RowError:
        expected = (
            f"a time when no other session is on {row.evse.station_id}/{row.evse.evse_id};"
            f" {what} is there from {self._shown(began)} to"
            f" {self._shown(ended) if ended else 'now'}"
        )
        found = f"{self._shown(row.started_at)} to {self._shown(row.ended_at)}"
        return RowError("started_at", found, expected)

    def _shown(self, at: datetime) -> str:
        return at.astimezone(self._reader.zone).strftime("%Y-%m-%d %H:%M")


def _repeated(line: int, *, is_same: bool) -> RowError:
    if is_same:
        return RowError("row", f"the same as line {line}", "a session once in a file")
    expected = "another number or start for another session (or --source for another system)"
    return RowError("row", f"the same session as line {line}, told otherwise", expected)


def _changed(row: Row, known: Known) -> RowError:
    """The session stays as it was imported: people decide."""
    was = f"as in line {known.line} of {known.file_name} (session {known.session_id})"
    pairs = {
        "station": (known.station_id, row.evse.station_id),
        "evse": (known.evse_id, row.evse.evse_id),
        "started_at": (known.started_at, row.started_at),
        "ended_at": (known.ended_at, row.ended_at),
        "energy_wh": (known.energy_wh, row.energy_wh),
        "id_token": (known.id_token, row.id_token),
    }
    differs = [f"{name} {a} -> {b}" for name, (a, b) in pairs.items() if a != b]
    return RowError("changed", ", ".join(differs) or "another time of charging or reason", was)
