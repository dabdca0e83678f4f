"""A batch's reads and writes: from a `Book` to SQL and back. One connection, one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg import sql as composed

from ingest.book import LIVE, METER_COLUMNS, Book, Evse, Session, Station, Token, steady
from ingest.columns import array, arrays
from ingest.events import Authorization, Event, Status, Transaction
from ingest.quarters import quarter
from ingest.recount import note_refresh, recount
from ingest.signatures import check_signed, store_signed
from ingest.translate import encode_extra
from sql.database import AsyncConnection
from sql.queries import load_async_queries

queries = load_async_queries("ingest")

COPY_FROM = 24  # rows; fewer go quicker as one statement than as a COPY of four round trips
NOTICE_BYTES = 7000
SESSION_FIELDS = Session.__struct_fields__
UNCHANGING = {"operator_id", "site_id", "station_id", "transaction_id", "start_hash"}
INSERTED = [name for name in SESSION_FIELDS if name != "version"]
SWAPPED = [name for name in SESSION_FIELDS if name not in UNCHANGING]
MOVED = ["session_id", *LIVE, "version"]
METER_NAMES = tuple(METER_COLUMNS)
FLAGS, EXTRA = METER_NAMES.index("flags"), METER_NAMES.index("extra")
MEASURED, RECEIVED = METER_NAMES.index("measured_at"), METER_NAMES.index("received_at")
COPY = composed.SQL("COPY meter_value ({}) FROM STDIN (FORMAT BINARY)").format(
    composed.SQL(", ").join(map(composed.Identifier, METER_NAMES))
)


class ConflictError(Exception):
    """Another worker changed a session meanwhile: forget what memory thought, and redo."""


class Wanted(msgspec.Struct):
    """What the events of a batch refer to that memory does not hold."""

    transactions: set[tuple[str, str]] = set()
    starts: set[tuple[str, int]] = set()
    evse_keys: set[int] = set()
    tokens: set[str] = set()

    def add(self, station: Station, event: Event, is_cached: bool) -> None:
        if isinstance(event, Authorization | Transaction) and event.id_token:
            self.tokens.add(event.id_token.lower())
        if is_cached or not isinstance(event, Transaction):
            return
        # an empty id, which 2.x allows, is an id too
        if event.transaction_id is not None:
            self.transactions.add((station.station_id, event.transaction_id))
        if event.start_hash is not None:
            self.starts.add((station.station_id, event.start_hash))
        if event.kind == "start" or event.opens:
            self.evse_keys.add(station.evse(event.evse_id).evse_key)


async def load(
    connection: AsyncConnection,
    book: Book,
    wants: Iterable[tuple[Station, Event]],
    cache: dict[tuple[str, str], Session],
) -> None:
    """Bring what the events refer to into the book: from memory, or from the database."""
    wanted = Wanted()
    for station, event in wants:
        cached = None
        if isinstance(event, Transaction) and event.transaction_id is not None:
            cached = cache.get((station.station_id, event.transaction_id))
        if cached is not None:
            book.add(cached)
        wanted.add(station, event, cached is not None)
    if wanted.transactions or wanted.starts:
        await _load_sessions(connection, book, wanted, cache)
    if wanted.tokens:
        rows = await queries.tokens(connection, id_tokens=list(wanted.tokens))
        book.tokens.update({row[0].lower(): Token(*row) for row in rows})


async def _load_sessions(
    connection: AsyncConnection,
    book: Book,
    wanted: Wanted,
    cache: dict[tuple[str, str], Session],
) -> None:
    transactions, starts = list(wanted.transactions), list(wanted.starts)
    rows = await queries.load_sessions(
        connection,
        station_ids=array([key[0] for key in transactions]),
        transaction_ids=array([key[1] for key in transactions]),
        start_stations=array([key[0] for key in starts]),
        start_hashes=array([key[1] for key in starts]),
        evse_keys=array(sorted(wanted.evse_keys)),
    )
    for row in rows:
        session = Session(*row)
        key = (session.station_id, session.transaction_id)
        book.add(book.sessions.get(key) or cache.get(key) or session)
    # each key may turn out to be a new session
    ids = await queries.new_session_ids(connection, count=len(transactions) + len(starts))
    book.session_ids = sorted((row[0] for row in ids), reverse=True)


async def new_session_id(connection: AsyncConnection) -> int:
    """An id that no session has, for the answer to a start that could not be booked."""
    ((session_id,),) = await queries.new_session_ids(connection, count=1)
    return int(session_id)


async def add_evses(connection: AsyncConnection, station: Station, evse_ids: set[int]) -> None:
    """Create the evses that a message names for the first time."""
    await queries.add_evses(connection, station_id=station.station_id, evse_ids=sorted(evse_ids))
    for row in await queries.stations(connection, station_ids=[station.station_id]):
        station.evses = evses_of(row)


def station_of(row: Any) -> Station:
    """A row of the query `stations`."""
    return Station(*[*row[:7], evses_of(row), row[12]])


def evses_of(row: Sequence[Any]) -> dict[int, Evse]:
    keys, ids, powers = row[9:12]
    return {i: Evse(key, i, power) for key, i, power in zip(keys, ids, powers, strict=True)}


async def store(connection: AsyncConnection, book: Book, *, careful: bool) -> None:
    """Write the book; the caller commits.

    `careful`: something may be stored already (a redone batch), so everything goes by
    ON CONFLICT. Raises ConflictError when a session is no longer as it was loaded.
    """
    if book.late:
        await _lock(connection, book)
    signed = await check_signed(connection, book) if book.signed else []
    fresh = [s for s in book.dirty.values() if s.version is None]
    known = sorted((s for s in book.dirty.values() if s.version is not None), key=_by_id)
    if fresh and not book.late:
        await _insert_sessions(connection, fresh)
    if known and not book.late:
        await _swap_sessions(connection, book, known)
    await _store_readings(connection, book, careful=careful)
    if book.late:
        rows = [row for id_ in sorted(book.late) for row in await recount(connection, book, id_)]
        if rows:
            await _insert_readings(connection, rows)
        book.rows += rows
        await _insert_sessions(connection, fresh)
        await _swap_sessions(connection, book, known)
    if signed:
        await store_signed(connection, book, signed)
    await _store_statuses(connection, book)
    await _store_others(connection, book)


def _by_id(session: Session) -> int:
    return session.session_id


async def _lock(connection: AsyncConnection, book: Book) -> None:
    """Before any fact is written: the slow path must read what nobody changes meanwhile."""
    expected = {s.session_id: s.version for s in book.dirty.values() if s.version is not None}
    rows = await queries.lock_sessions(connection, session_ids=sorted(expected))
    if dict(rows) != expected:
        raise ConflictError


async def _insert_sessions(connection: AsyncConnection, sessions: list[Session]) -> None:
    if not sessions:
        return
    count = await queries.insert_sessions(connection, **_columns(sessions, INSERTED))
    if count != len(sessions):
        raise ConflictError


async def _swap_sessions(connection: AsyncConnection, book: Book, sessions: list[Session]) -> None:
    """Most sessions of a busy batch only move on: their statement has a third of the columns."""
    moved = [s for s in sessions if steady(s) == book.loaded.get(s.session_id)]
    changed = [s for s in sessions if steady(s) != book.loaded.get(s.session_id)]
    count = 0
    if moved:
        columns = {name: array([getattr(s, name) for s in moved]) for name in MOVED}
        count += await queries.move_sessions(connection, **columns)
    if changed:
        count += await queries.swap_sessions(connection, **_columns(changed, SWAPPED))
    if count != len(sessions):
        raise ConflictError


def _columns(sessions: list[Session], names: list[str]) -> dict[str, Any]:
    columns = {name: [getattr(s, name) for s in sessions] for name in names}
    columns["flags"] = [" ".join(flags) for flags in columns["flags"]]
    return arrays(columns)


async def _store_readings(connection: AsyncConnection, book: Book, *, careful: bool) -> None:
    rows, doubtful = book.fast_rows, book.rows
    if careful or len(rows) < COPY_FROM:
        rows, doubtful = [], rows + doubtful
    if rows:
        await _copy(connection, rows)
    if doubtful:
        await _insert_readings(connection, doubtful)


async def _copy(connection: AsyncConnection, rows: list[tuple[Any, ...]]) -> None:
    async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.set_types(list(METER_COLUMNS.values()))
        for row in rows:
            await copy.write_row(row)


async def _insert_readings(connection: AsyncConnection, rows: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[FLAGS] = [" ".join(flags) if flags else None for flags in columns[FLAGS]]
    columns[EXTRA] = [encode_extra(x).decode() if x else None for x in columns[EXTRA]]
    named = arrays(dict(zip(METER_NAMES, columns, strict=True)))
    await queries.insert_meter_values(connection, **named)


CONNECTOR_NAMES = ["connector_id", "status", "charging_state", "error_code", "info"]


async def _store_statuses(connection: AsyncConnection, book: Book) -> None:
    if not book.statuses:
        return
    await queries.insert_statuses(connection, **arrays(_status_columns(book)))
    newest: dict[tuple[str, int, int], tuple[Station, Evse, Status]] = {}
    for station, evse, status, _ in book.statuses:
        key = (station.station_id, evse.evse_key, status.connector_id)
        if key not in newest or status.at >= newest[key][2].at:
            newest[key] = (station, evse, status)
    connectors = [v for _, v in sorted(newest.items()) if v[1].evse_id]
    stations = [v for _, v in sorted(newest.items()) if not v[1].evse_id]
    if connectors:
        await queries.set_connectors(
            connection,
            evse_key=array([evse.evse_key for _, evse, _ in connectors]),
            status_at=array([status.at for _, _, status in connectors]),
            **arrays(_fields([status for _, _, status in connectors], CONNECTOR_NAMES)),
        )
    if stations:
        await queries.set_station_statuses(
            connection,
            station_id=[station.station_id for station, _, _ in stations],
            **_fields([s for _, _, s in stations], ["status", "error_code"]),
            status_at=[s.at for _, _, s in stations],
        )


def _fields(items: Sequence[Any], names: list[str]) -> dict[str, list[Any]]:
    return {name: [getattr(item, name) for item in items] for name in names}


def _status_columns(book: Book) -> dict[str, list[Any]]:
    statuses = [status for _, _, status, _ in book.statuses]
    names = ["connector_id", "status", "charging_state", "error_code", "info", "vendor_error_code"]
    return {
        "evse_key": [evse.evse_key for _, evse, _, _ in book.statuses],
        "station_id": [station.station_id for station, _, _, _ in book.statuses],
        "evse_id": [evse.evse_id for _, evse, _, _ in book.statuses],
        "status_at": [status.at for status in statuses],
        "received_at": [received_at for _, _, _, received_at in book.statuses],
        "flags": [" ".join(status.flags) or None for status in statuses],
        **_fields(statuses, names),
    }


LOG_COLUMNS = (
    "station_id", "received_at", "direction", "message_id", "action", "frame", "answer",
    "answer_ms", "error_code",
)  # fmt: skip
BOOT_COLUMNS = (
    "station_id", "vendor", "model", "serial_number", "firmware_version", "booted_at",
)  # fmt: skip


STATE_COLUMNS = ("session_id", "state_at", "charging_state")
AUTHORIZATION_COLUMNS = ("station_id", "at", "id_token", "status")


async def _store_others(connection: AsyncConnection, book: Book) -> None:
    if book.charging_states:
        rows = _by_column(STATE_COLUMNS, book.charging_states)
        await queries.insert_session_states(connection, **rows)
    if book.authorizations:
        rows = _by_column(AUTHORIZATION_COLUMNS, book.authorizations)
        await queries.insert_authorizations(connection, **rows)
    if book.boots:
        await queries.set_boots(connection, **_by_column(BOOT_COLUMNS, book.boots.values()))
    if book.logs:
        await insert_logs(connection, book.logs)
    _note_late_rows(book)
    if book.refresh:
        await queries.request_refresh(connection, from_at=book.refresh[0], to_at=book.refresh[1])
    if book.live:
        keys = ",".join(map(str, sorted(key for key in book.live if key > 0)))
        await queries.notify(connection, evse_keys=keys if len(keys) <= NOTICE_BYTES else "*")


async def insert_logs(connection: AsyncConnection, rows: Iterable[tuple[Any, ...]]) -> None:
    await queries.insert_message_log(connection, **_by_column(LOG_COLUMNS, rows))


def _by_column(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    return arrays(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _note_late_rows(book: Book) -> None:
    """Rows of a quarter that was over when they came may lie behind an aggregate's watermark."""
    rows = [*book.fast_rows, *book.rows]
    if not rows:
        return
    newest = quarter(max(row[RECEIVED] for row in rows))
    for row in rows:
        at = row[MEASURED]
        if at < newest and at < quarter(row[RECEIVED]):
            note_refresh(book, at, at)


def settled(book: Book, cache: dict[tuple[str, str], Session]) -> None:
    """After the commit: memory holds what the database holds; ended sessions leave it."""
    for session in book.dirty.values():
        session.version = 0 if session.version is None else session.version + 1
        key = (session.station_id, session.transaction_id)
        if session.ended_at is None:
            cache[key] = session
        else:
            cache.pop(key, None)


def forget(book: Book, cache: dict[tuple[str, str], Session]) -> None:
    """After a failure: only the database knows."""
    for key in book.sessions:
        cache.pop(key, None)
