"""/app/download/<page>.csv: what an analysis page shows, as a file, for the same address.

A page names how its rows are read and who may read them (dashboard/pages/downloads.py lists all).
Rows are read before the first byte is sent, or bit by bit by a generator that opens a transaction
for each part: nothing holds a snapshot while somebody downloads slowly.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, abort, request, stream_with_context
from flask_login import current_user

from dashboard.auth import require_role
from dashboard.csv_text import MEDIA_TYPE, Cell, pieces
from dashboard.data import deps
from dashboard.files import disposition
from dashboard.i18n import language


@dataclass(frozen=True)
class Table:
    """A file's name without `.csv`, its header in the reader's language, and its rows."""

    name: str
    header: Sequence[str]
    rows: Iterable[Sequence[Cell]]


@dataclass(frozen=True)
class Download:
    """How a page's rows are read from the parts of its address; `roles` empty: everybody signed
    in."""

    read: Callable[[Mapping[str, str]], Table]
    roles: frozenset[str] = frozenset()


def create_blueprint(downloads: Mapping[str, Download]) -> Blueprint:
    routes = Blueprint("downloads", __name__)

    @routes.get("/app/download/<name>.csv")
    @require_role()
    def download(name: str) -> Response:
        found = downloads.get(name)
        if found is None:
            abort(404)
        if found.roles and not current_user.has_role(*found.roles):
            abort(403)
        return answer(found.read(request.args))

    return routes


def answer(table: Table) -> Response:
    """The file as it is made, never kept by anybody on the way."""
    body = pieces(table.header, table.rows, language(), deps().settings.zone)
    response = Response(stream_with_context(body), content_type=MEDIA_TYPE)
    response.headers["Content-Disposition"] = disposition(f"{table.name}.csv")
    response.headers["Cache-Control"] = "private, no-store"
    return response
