"""Which tariff applies where and from when: stored documents and their places.

A tariff applies to an operator, a site, a station or an evse; the most specific wins.
"""

from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

from billing.reading import Document, canonical, hash_of, parse
from billing.tariffs import Tariff, TariffError, read_tariff
from billing.times import utc
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("billing")
PLACES = ("operator", "site", "station", "evse")


class Place(Struct, frozen=True):
    """Where a tariff applies: `column` of tariff_assignment, its value, and a name for people."""

    operator_id: int
    column: str
    value: int | str
    name: str


class Assigned(Struct, frozen=True):
    """The tariff of an evse: what a session freezes (`hash`) and is priced with (`tariff`)."""

    tariff_id: int
    hash: str
    place: str
    tariff: Tariff


def find_place(connection: Connection, kind: str | None = None, name: str | None = None) -> Place:
    """The operator, site, station or evse people mean; the first operator if nothing is said.

    Operators and sites go by number or name, evses by public code or as STATION/NUMBER.
    Raises TariffError: there is none.
    """
    if kind == "evse":
        row = _found(kind, name, queries.evse_of_tariff(connection, name=name))
        return Place(row[0], "evse_key", row[1], f"evse {row[2]}/{row[3]}")
    if kind == "station":
        row = _found(kind, name, queries.station_of_tariff(connection, name=name))
        return Place(row[0], "station_id", row[1], f"station {row[1]}")
    if kind == "site":
        row = _found(kind, name, queries.site_of_tariff(connection, name=name))
        return Place(row[0], "site_id", row[1], f"site {row[2]}")
    row = _found("operator", name, queries.operator_of_tariff(connection, name=name))
    return Place(row[0], "operator_id", row[0], f"operator {row[1]}")


def _found(kind: str, name: str | None, row: Any) -> Any:
    if row is None:
        raise TariffError(f"{kind}: no {kind} is called {name}")
    return row


def add_tariff(
    connection: Connection, document: Document, place: Place, valid_from: datetime | None = None
) -> str:
    """Store the tariff and assign it to `place` from `valid_from` (now if None); its hash.

    A document that is there already is only assigned. Raises TariffError; a tariff for drivers
    must say its VAT.
    """
    tariff = read_tariff(document, vat_required=True)
    fingerprint = hash_of(document)
    with connection.transaction():
        tariff_id = _store(connection, place.operator_id, document, tariff, fingerprint)
        where: dict[str, int | str | None] = dict.fromkeys(
            ("operator_id", "site_id", "station_id", "evse_key")
        )
        where[place.column] = place.value
        queries.assign_tariff(connection, tariff_id=tariff_id, valid_from=valid_from, **where)
        queries.note_tariff(connection, subject=f"tariff {tariff_id}: {place.name}")
    return fingerprint


def _store(
    connection: Connection, operator_id: int, document: Document, tariff: Tariff, fingerprint: str
) -> int:
    start, end = tariff.start_date_time, tariff.end_date_time
    try:
        queries.add_tariff(
            connection,
            operator_id=operator_id,
            document=canonical(document).decode(),
            valid_from=start and utc(start),
            valid_until=end and utc(end),
            hash=fingerprint,
        )
    except psycopg.errors.UntranslatableCharacter:
        raise TariffError("expected text without the character NUL") from None
    return int(queries.tariff_number(connection, operator_id=operator_id, hash=fingerprint))


def tariff_for(connection: Connection, evse_key: int, at: datetime) -> Assigned | None:
    """The tariff that applies at an evse at an instant, None if it has none."""
    row = queries.tariff_of(connection, evse_key=evse_key, at=at)
    return None if row is None else Assigned(row[0], row[1], row[2], stored(row[3]))


def frozen_tariff(connection: Connection, fingerprint: str) -> Tariff | None:
    """The tariff a session was started with, by its hash."""
    text = queries.tariff_document(connection, hash=fingerprint)
    return None if text is None else stored(text)


def stored(text: str) -> Tariff:
    """A document from the database: numbers exact, shape as when it was accepted."""
    return read_tariff(parse(text, TariffError))


def list_tariffs(connection: Connection) -> list[Any]:
    """(tariff_id, document as text, hash, valid_from, place), a row per assignment."""
    return list(queries.list_tariffs(connection))
