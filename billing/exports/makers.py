"""The files of the books as `billing/files.py` makes them: parameters in, a named file out.

Parameters: `month` (2026-06) or `from` and `to` (days, both included); `operator_id`, `site_id`,
`channel`, `currency`, `decimal` ("," or "."), `language` (sv | en). Each maker raises ExportError.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from billing.exports import csv_file, sie_file, xlsx_file
from billing.exports.lines import Entity, Line, entity_of, queries, read_lines
from billing.exports.scope import Scope, read_scope
from billing.exports.words import word
from sql.database import Connection


class File(NamedTuple):
    """A file for people: its name, what it is, and its bytes."""

    name: str
    media_type: str
    content: bytes


class Wanted(NamedTuple):
    """What a file is made of."""

    scope: Scope
    entity: Entity
    currency: str
    lines: Iterator[Line]


def ledger_csv(connection: Connection, parameters: dict[str, Any]) -> File:
    with _wanted(connection, parameters) as (scope, _, _, lines):
        content = csv_file.journal_csv(lines, scope.decimal, scope.language)
    return File(_name(scope, "file", "csv"), csv_file.MEDIA_TYPE, content)


def vat_csv(connection: Connection, parameters: dict[str, Any]) -> File:
    with _wanted(connection, parameters) as (scope, _, currency, lines):
        content = csv_file.vat_csv(lines, currency, scope.decimal, scope.language)
    return File(_name(scope, "vat_file", "csv"), csv_file.MEDIA_TYPE, content)


def ledger_xlsx(connection: Connection, parameters: dict[str, Any]) -> File:
    with _wanted(connection, parameters) as (scope, _, currency, lines):
        content = xlsx_file.journal_xlsx(lines, currency, scope.language)
    return File(_name(scope, "file", "xlsx"), xlsx_file.MEDIA_TYPE, content)


def sie(connection: Connection, parameters: dict[str, Any]) -> File:
    today = queries.today(connection)
    with _wanted(connection, parameters) as (scope, entity, currency, lines):
        made = sie_file.sie_file(lines, entity, currency, scope.language, today, _version())
    return File(_name(scope, "file", "si"), sie_file.MEDIA_TYPE, made)


@contextmanager
def _wanted(connection: Connection, parameters: dict[str, Any]) -> Iterator[Wanted]:
    """The lines are read while the file is made; whatever happens, their reading ends."""
    scope = read_scope(parameters)
    entity = entity_of(connection, scope)
    with closing(read_lines(connection, entity, scope)) as lines:
        yield Wanted(scope, entity, scope.currency or entity.currency, lines)


def _name(scope: Scope, what: str, ending: str) -> str:
    parts = [word(scope.language, what), scope.name, scope.channel, scope.currency]
    site = scope.site_id and f"site-{scope.site_id}"
    return "-".join(str(part) for part in (*parts, site) if part) + f".{ending}"


def _version() -> str:
    try:
        return version("kilowatch")
    except PackageNotFoundError:  # runs from its folder, as it is meant to
        return "1"
