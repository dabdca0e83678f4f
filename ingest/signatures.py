"""Signed meter values on their way into the database, verified before their message is answered.

Only messages that carry some get here: the rest of ingestion never waits for cryptography.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from ingest.book import Book, SignedReading
from ingest.columns import array, arrays
from ingest.signed import Signed, Verdict, differs, key_of, verify
from ingest.translate import stable_hash
from sql import RequestError
from sql.database import AsyncConnection, Connection
from sql.queries import load_async_queries, load_queries

queries = load_async_queries("signed")
sync_queries = load_queries("signed")


async def check_signed(connection: AsyncConnection, book: Book) -> list[tuple[Any, ...]]:
    """Verify what the batch carries, flag the sessions it contradicts; returns rows to store."""
    evse_keys = sorted({item.evse_key for item in book.signed})
    known: dict[int, list[tuple[str, str]]] = {}
    for evse_key, public_key, source in await queries.meter_keys(
        connection, evse_keys=array(evse_keys)
    ):
        known.setdefault(evse_key, []).append((public_key, source))
    verdicts = await asyncio.to_thread(
        lambda: [
            verify(i.signed, keys_for(i.signed, known.get(i.evse_key, ()))) for i in book.signed
        ]
    )
    for item, verdict in zip(book.signed, verdicts, strict=True):
        flag(item, verdict)
    return [row_of(item, verdict) for item, verdict in zip(book.signed, verdicts, strict=True)]


def keys_for(signed: Signed, known: Sequence[tuple[str, str]]) -> list[str]:
    """What staff registered, and nothing else where they have; else the message's own key and
    what the station sent before."""
    registered = [key for key, source in known if source == "staff"]
    own = [signed.public_key] if signed.public_key else []
    return registered or [*own, *(key for key, _ in known)]


def flag(item: SignedReading, verdict: Verdict) -> None:
    session = item.session
    if session is None:
        return
    if verdict.verified == "invalid":
        session.flag("signature_invalid")
    if differs(verdict, item.register_wh, session.limit_w, item.context):
        session.flag("signed_register_differs")


COLUMNS = (
    "session_id", "station_id", "evse_id", "evse_key", "measured_at", "context", "encoding",
    "method", "raw", "raw_hash", "public_key", "verified", "detail", "register_wh", "plain_wh",
)  # fmt: skip


def row_of(item: SignedReading, verdict: Verdict) -> tuple[Any, ...]:
    signed, register_wh = item.signed, verdict.register_wh
    return (
        item.session.session_id if item.session else None, item.station_id, item.evse_id,
        item.evse_key, item.measured_at, item.context, signed.encoding, signed.method, signed.raw,
        stable_hash(signed.raw), verdict.public_key or signed.public_key, verdict.verified,
        verdict.detail, None if register_wh is None else str(register_wh), item.register_wh,
    )  # fmt: skip


async def store_signed(
    connection: AsyncConnection, book: Book, rows: list[tuple[Any, ...]]
) -> None:
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    await queries.insert_signed(connection, **arrays(columns))
    sent = sorted({(i.evse_key, i.signed.public_key) for i in book.signed if i.signed.public_key})
    if sent:
        await queries.keep_meter_keys(
            connection,
            evse_keys=array([evse_key for evse_key, _ in sent]),
            public_keys=array([key for _, key in sent]),
        )


def register_key(connection: Connection, station_id: str, evse_id: int, public_key: str) -> int:
    """Trust a meter's public key (hexadecimal, base64 or PEM), and verify again what the evse sent
    before. Returns how many records that were.

    Raises:
        RequestError: no such evse, or no readable key.
    """
    evse_key = sync_queries.evse_key(connection, station_id=station_id, evse_id=evse_id)
    if evse_key is None:
        raise RequestError(f"station {station_id} has no evse {evse_id}")
    check_key(public_key)
    with connection.transaction():
        sync_queries.add_meter_key(connection, evse_key=evse_key, public_key=public_key)
        known = [
            (key, source)
            for _, key, source in sync_queries.meter_keys(connection, evse_keys=[evse_key])
        ]
        rows = list(sync_queries.signed_of_evse(connection, evse_key=evse_key))
        for signed_id, *parts in rows:
            signed = Signed(*parts)
            verdict = verify(signed, keys_for(signed, known))
            sync_queries.judge_signed(
                connection, signed_id=signed_id, verified=verdict.verified, detail=verdict.detail,
                public_key=verdict.public_key, register_wh=verdict.register_wh,
            )  # fmt: skip
    return len(rows)


def check_key(public_key: str) -> None:
    from pyocmf import PublicKey, PyOCMFError  # noqa: PLC0415

    try:
        PublicKey.from_string(key_of(public_key))
    except PyOCMFError as error:
        raise RequestError(
            "public key: expected that of an elliptic curve, as DER in hexadecimal or base64, or"
            f" as PEM: {error}"
        ) from None
