"""Make the files people ask for, outside of the web: rows of `file_request`, oldest first.

A maker gets the request's parameters and returns (name, media type, content); a BillingError of
it is told to the person who asked.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg

from billing import BillingError
from billing.exports import makers
from billing.exports.words import word
from billing.papers import receipt_pdf
from sql.database import Connection
from sql.queries import load_queries

log = logging.getLogger("kilowatch.files")
queries = load_queries("exports")
LEASE_SECONDS = 600  # the longest a file may take before somebody else tries
KEPT = timedelta(days=1)

Maker = Callable[[Connection, dict[str, Any]], tuple[str, str, bytes]]
MAKERS: dict[str, Maker] = {
    "ledger_csv": makers.ledger_csv,
    "ledger_xlsx": makers.ledger_xlsx,
    "sie": makers.sie,
    "vat_csv": makers.vat_csv,
    "receipt_pdf": receipt_pdf,
}


def make_due(connection: Connection, now: datetime) -> int:
    """Make every file that waits, and forget those of yesterday; how many were made or refused.

    Two workers never make the same file while the lease of the first holds.
    """
    answered = 0
    while (row := queries.claim_file(connection, now=now, lease_seconds=LEASE_SECONDS)) is not None:
        _answer(connection, *row, now=now)
        answered += 1
    queries.forget_files(connection, before=now - KEPT)
    return answered


def _answer(
    connection: Connection, number: int, kind: str, parameters: Any, *, now: datetime
) -> None:
    name, media_type, content, error = None, None, None, None
    try:
        name, media_type, content = _made(connection, kind, parameters)
    except BillingError as told:
        error = str(told)
    except psycopg.OperationalError:
        raise  # the database is gone: the lease ends and the file is tried again
    except Exception:
        log.exception("file %s (%s) was not made", number, kind)
        error = word(_language(parameters), "not_made")
    queries.finish_file(
        connection,
        file_request_id=number,
        file_name=name,
        media_type=media_type,
        content=content,
        error=error,
        now=now,
    )


def _made(connection: Connection, kind: str, parameters: Any) -> tuple[str, str, bytes]:
    maker = MAKERS.get(kind)
    if maker is None:
        raise BillingError(word(_language(parameters), "no_kind", kind))
    return maker(connection, parameters)


def _language(parameters: Any) -> str:
    wanted = parameters.get("language") if isinstance(parameters, dict) else None
    return "en" if wanted == "en" else "sv"
