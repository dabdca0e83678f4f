"""CSV files as they come: any of the usual delimiters and encodings, quotes that never close, rows
too long or too short. Rows keep the number of the line they begin on."""

import codecs
import csv
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.importing import FileError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
QUOTED_LINES = 50  # a quoted text longer than that is a quote that was never closed
CHUNK = 1 << 20
UNUSED_IN_1252 = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Table(NamedTuple):
    """A CSV file and how to read it. `lines` counts all of its lines, the header's too."""

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    lines: int
    sha256: str


class Record(NamedTuple):
    """A row: its cells by place, and what is wrong with it as a row of a table, if anything."""

    line: int
    cells: list[str]
    problem: str | None = None


def open_table(path: Path) -> Table:
    """Look at a file: encoding, delimiter, header. Raises FileError."""
    encoding, lines, sha256 = _survey(path)
    delimiter, header, header_line = _header(path, encoding)
    return Table(path, encoding, delimiter, tuple(header), header_line, lines, sha256)


def _survey(path: Path) -> tuple[str, int, str]:
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    start, is_1252 = b"", True
    for chunk in _chunks(path):
        start = start or chunk[:4]
        digest.update(chunk)
        lines += chunk.count(b"\n")
        last = chunk[-1:]
        is_1252 = is_1252 and not any(octet in chunk for octet in UNUSED_IN_1252)
        utf8 = _still(utf8, chunk)
    utf8 = _still(utf8, b"", final=True)
    if not start:
        raise FileError(f"{path} is empty: expected a line with the names of the columns")
    bom = next((name for mark, name in BOMS.items() if start.startswith(mark)), None)
    encoding = bom or ("utf-8" if utf8 else "cp1252" if is_1252 else "latin-1")
    return encoding, lines + (last != b"\n"), digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}") from error


def _still(
    decoder: codecs.IncrementalDecoder | None, chunk: bytes, *, final: bool = False
) -> codecs.IncrementalDecoder | None:
    """The decoder, as long as everything it was fed was of its encoding."""
    if decoder is None:
        return None
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return None
    return decoder


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    with path.open(encoding=encoding, errors="replace") as file:
        for number, line in enumerate(file, 1):
            yield number, line.replace("\0", "").rstrip("\n")


def _header(path: Path, encoding: str) -> tuple[str, list[str], int]:
    told = None  # Excel writes the delimiter into a line of its own: sep=;
    for number, line in _lines(path, encoding):
        if not line.strip():
            continue
        if line.lower().startswith("sep=") and len(line) == 5:
            told = line[4]
            continue
        delimiter = told or max(DELIMITERS, key=lambda mark: len(_split(line, mark)))
        return delimiter, [name.strip() for name in _split(line, delimiter)], number
    raise FileError(f"{path} is empty: expected a line with the names of the columns")


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def records(table: Table) -> Iterator[Record]:
    """The rows after the header, without blank ones."""
    waiting: deque[tuple[int, str]] = deque()
    source = _lines(table.path, table.encoding)
    while (first := waiting.popleft() if waiting else next(source, None)) is not None:
        number, line = first
        if number <= table.header_line:
            continue
        record = _record(table, number, line, source, waiting)
        if any(cell.strip() for cell in record.cells):
            yield record


def _record(
    table: Table,
    number: int,
    line: str,
    source: Iterator[tuple[int, str]],
    waiting: deque[tuple[int, str]],
) -> Record:
    taken: list[tuple[int, str]] = []
    while '"' in line and _is_open(line, table.delimiter):
        following = waiting.popleft() if waiting else next(source, None)
        if following is None or len(taken) == QUOTED_LINES:
            waiting.extendleft(reversed([*taken, *([following] if following else [])]))
            cells = line.split("\n", maxsplit=1)[0].split(table.delimiter)
            return Record(number, cells, 'a quote (") that is never closed')
        taken.append(following)
        line += "\n" + following[1]
    return _fitted(table, number, _split_any(line, table.delimiter))


def _is_open(line: str, delimiter: str) -> bool:
    try:
        list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def _split_any(line: str, delimiter: str) -> list[str]:
    try:
        return _split(line, delimiter)
    except csv.Error:  # longer than any field csv takes
        return line.split(delimiter)


def _fitted(table: Table, number: int, cells: list[str]) -> Record:
    width = len(table.header)
    cells += [""] * (width - len(cells))
    if any(cell.strip() for cell in cells[width:]):
        return Record(number, cells, f"{len(cells)} values for {width} columns")
    return Record(number, cells[:width])


class RejectsFile:
    """Rows that were not imported, with all their columns and why: to be corrected and imported.

    A context manager; the file is there only if a row was. It never replaces another file.
    """

    ADDED = ("kilowatch_line", "kilowatch_field", "kilowatch_problem")

    def __init__(self, path: Path | None, header: Sequence[str], delimiter: str) -> None:
        self._path, self._delimiter = path, delimiter
        self._rows = 0
        self._header = [name for name in header if name not in self.ADDED]
        self._width = len(self._header)
        if path is not None:
            try:
                self._file = path.open("x", encoding="utf-8-sig", newline="")
            except FileExistsError:
                raise FileError(f"{path} is there already: name a new file (--rejects)") from None
            except OSError as error:
                raise FileError(f"can't write {path}: {error.strerror} (--rejects)") from error
            self._writer = csv.writer(self._file, delimiter=delimiter)
            self._writer.writerow([*self._header, *self.ADDED])

    def __enter__(self) -> "RejectsFile":
        return self

    def add(self, rows: Iterable[tuple[Record, str, str]]) -> None:
        """Rows with the field and the problem of each."""
        for record, field, problem in rows:
            self._rows += 1
            if self._path is not None:
                kept = record.cells[: self._width] if record.problem is None else record.cells
                self._writer.writerow([*kept, record.line, field, problem])

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            self._file.close()
            if not self._rows:
                self._path.unlink()
