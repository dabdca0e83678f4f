"""Millions of entries of a year, and everything the ledger page shows beside them. By SQL, in
chunks of one transaction each, past all triggers: totals, closed months, balance of each journal.

Of every 20 sessions 12 are guests', 5 of registered drivers (both: earned, captured, the card's
fee), 3 of companies (earned, invoiced); every 50th is refunded. Papers hold what real ones hold.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sql.database import Connection, connect

ENTRIES_A_SESSION = 6.8
CHUNK = 10_000  # sessions a transaction
DAYS = 365
OFFSET = 1_000  # session, CDR, receipt and payment have one number, this much above their place


class Year(NamedTuple):
    """When it begins, how many sessions it has, and the one that lent its papers."""

    since: datetime
    count: int
    model: int


def fill(dsn: str, entries: int, model: int, say: Callable[[str], object]) -> float:
    """Write about so many; seconds. `model`: a closed session whose papers are copied.

    Two connections write half a year each, and so never wait for each other's totals.
    """
    count, began = max(2, round(entries / ENTRIES_A_SESSION)), time.monotonic()
    year = Year(datetime.now(UTC) - timedelta(days=DAYS + 1), count, model)
    with connect(dsn) as connection:
        _open_series(connection, year)
        with ThreadPoolExecutor(2) as threads:
            halves = [(0, count // 2), (count // 2, count)]
            list(threads.map(lambda half: _write(dsn, year, *half, say), halves))
        with connection.transaction():
            for statement in (*PAID_OUT, *CHECKED):
                connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")  # as autovacuum would have, little by little
    return time.monotonic() - began


def _open_series(connection: Connection, year: Year) -> None:
    for series in {year.since.year, datetime.now(UTC).year}:
        connection.execute(
            "INSERT INTO receipt_series (series, operator_id, last_number) VALUES (%s, 1, %s)"
            " ON CONFLICT (series) DO UPDATE SET last_number = excluded.last_number",
            [str(series), year.count + OFFSET],
        )


def _write(dsn: str, year: Year, first: int, end: int, say: Callable[[str], object]) -> None:
    shown = time.monotonic()
    with connect(dsn) as connection:
        for start in range(first, end, CHUNK):
            _write_chunk(connection, year, start, min(start + CHUNK, end) - 1)
            if time.monotonic() - shown > 5:
                shown = time.monotonic()
                say(f"{start - first} of {end - first} sessions written, from {first} on")


def _write_chunk(connection: Connection, year: Year, first: int, last: int) -> None:
    every = timedelta(days=DAYS) / year.count
    chunk = {"first": first, "last": last, "since": year.since, "every": every}
    with connection.transaction():
        connection.execute(SOLD.encode(), chunk)
        for statement in WRITE:
            connection.execute(statement.encode(), {"model": year.model})


SOLD = f"""
CREATE TEMP TABLE sold ON COMMIT DROP AS
WITH place AS (
    SELECT row_number() OVER (ORDER BY evse_key) - 1 AS place, count(*) OVER () AS places, *
    FROM evse JOIN station USING (station_id)
)
SELECT n, n + {OFFSET} AS id, site_id, station_id, evse_id, evse_key, at, wh, net, vat,
    net + vat AS gross, (net + vat) * 15 / 1000 + 180 AS fee, 'po_' || book_day(at) AS payout_id,
    CASE WHEN n %% 20 < 12 THEN 'guest' WHEN n %% 20 < 17 THEN 'registered' ELSE 'company' END
        AS channel,
    n %% 20 < 17 AS by_card, n %% 50 = 0 AS is_refunded
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
CROSS JOIN LATERAL (SELECT %(since)s::timestamptz + n * %(every)s::interval AS at,
    4000 + n * 7919 %% 52000 AS wh) s
CROSS JOIN LATERAL (SELECT wh * 3992 / 10000 AS net) p
CROSS JOIN LATERAL (SELECT (net + 2) / 4 AS vat) v
JOIN place ON place.place = n %% places
ORDER BY n"""  # noqa: S608
ABOUT = """booked_at, idempotency_key, payload_hash, kind, operator_id, site_id, station_id,
    channel, session_id, payment_id, cdr_id, receipt_id, external_id"""
OF_SOLD = """1, site_id, station_id, channel, id, id, id, id"""


def journals(
    kind: str, delay: str, external: str, condition: str, *lines: tuple[str, str, str]
) -> str:
    """Journals of a kind for every session of the chunk, lines of (account, amount, rate)."""
    values = ", ".join(
        f"({number}, '{account}', {amount}, {rate}::numeric)"
        for number, (account, amount, rate) in enumerate(lines, 1)
    )
    return f"""
        WITH added AS (
            INSERT INTO journal ({ABOUT})
            SELECT at + interval '{delay}', '{kind}:' || id, sha256(('{kind}:' || id)::bytea),
                '{kind}', {OF_SOLD}, {external}
            FROM sold WHERE {condition} ORDER BY n RETURNING journal_id, session_id
        )
        INSERT INTO entry (journal_id, line, account, amount, currency, vat_rate)
        SELECT journal_id, line, account, amount, 'SEK', rate
        FROM added JOIN sold ON id = session_id
        CROSS JOIN LATERAL (VALUES {values}) l (line, account, amount, rate)"""  # noqa: S608


WRITE = (
    """INSERT INTO session (session_id, operator_id, site_id, station_id, evse_id, evse_key,
        connector_id, transaction_id, started_at, ended_at, energy_wh, meter_start_wh,
        meter_stop_wh, stop_reason)
    SELECT id, 1, site_id, station_id, evse_id, evse_key, 1, 'ledger' || id,
        at - interval '40 minutes', at, wh, 1000, 1000 + wh, 'EVDisconnected' FROM sold""",
    """INSERT INTO cdr (cdr_id, session_id, tariff_hash, document, net, vat, gross, currency,
        energy_wh, created_at)
    SELECT id, id, c.tariff_hash, c.document, s.net, s.vat, s.gross, 'SEK', wh, at
    FROM sold s, cdr c WHERE c.session_id = %(model)s""",
    """INSERT INTO receipt (receipt_id, series, number, session_id, payment_id, cdr_id, issued_at,
        net, vat, gross, currency, paid, due, document, secret)
    SELECT id, extract(year FROM at)::text, id, id, id, id, at, s.net, s.vat, s.gross, 'SEK',
        s.gross, 0, r.document, 'secret' || id
    FROM sold s, receipt r WHERE r.session_id = %(model)s""",
    """INSERT INTO payment (payment_id, reference, channel, operator_id, evse_key, session_id,
        state, state_version, state_at, created_at, look_at, currency, hold, captured, tariff_hash,
        intent_id, intent_status, charge_id, card_brand, card_last4, email, captured_at, energy_wh,
        cost, gross, cdr_id, receipt_id)
    SELECT id, overlay(lpad(upper(to_hex(id)), 8, '0') PLACING '-' FROM 5 FOR 0), channel, 1,
        evse_key, id, 'settled', 9, at, at - interval '45 minutes', at, 'SEK', gross, gross,
        repeat('a', 64), 'pi_' || id, 'succeeded', 'ch_' || id, 'visa', '4242',
        'dave@example.org', at, wh, gross, gross, id, id FROM sold""",
    journals("earned", "0", "NULL", "true", ("1510", "gross", "NULL"), ("3001", "-net", "25"),
             ("2611", "-vat", "25")),
    journals("captured", "30 seconds", "'ch_' || id", "by_card", ("1580", "gross", "NULL"),
             ("1510", "-gross", "NULL")),
    journals("fee", "1 hour", "'ch_' || id", "by_card", ("6570", "fee", "NULL"),
             ("1580", "-fee", "NULL")),
    journals("invoiced", "1 hour", "NULL", "NOT by_card", ("1512", "gross", "NULL"),
             ("1510", "-gross", "NULL")),
    journals("refund", "2 hours", "'re_' || id", "by_card AND is_refunded",
             ("3001", "net / 2", "25"), ("2611", "vat / 2", "25"),
             ("1580", "-(net / 2 + vat / 2)", "NULL")),
    """INSERT INTO balance_transaction (balance_transaction_id, type, source_id, payment_id, amount,
        fee, net, currency, created_at, available_at, payout_id)
    SELECT 'txn_' || id, 'charge', 'ch_' || id, id, gross, fee, gross - fee, 'SEK', at,
        at + interval '2 days', payout_id FROM sold WHERE by_card""",
)  # fmt: skip
PAID_OUT = (
    """INSERT INTO payout (payout_id, operator_id, amount, currency, status, created_at, arrives_at)
    SELECT payout_id, 1, sum(net), 'SEK',
        CASE WHEN max(created_at) < now() - interval '3 days' THEN 'paid' ELSE 'in_transit' END,
        max(created_at), max(created_at) + interval '2 days'
    FROM balance_transaction GROUP BY payout_id""",
    """WITH added AS (
        INSERT INTO journal (booked_at, idempotency_key, payload_hash, kind, operator_id,
            external_id)
        SELECT created_at, payout_id, sha256(payout_id::bytea), 'payout', 1, payout_id FROM payout
        WHERE status = 'paid' ORDER BY created_at RETURNING journal_id, external_id
    )
    INSERT INTO entry (journal_id, line, account, amount, currency)
    SELECT journal_id, line, account, sign * amount, 'SEK'
    FROM added JOIN payout ON payout_id = external_id,
        (VALUES (1, '1930', 1), (2, '1580', -1)) l (line, account, sign)""",
)
# a year of daily checks, and what a busy queue holds
CHECKED = (
    """INSERT INTO book_check (checked_at, name, ok, checked)
    SELECT day, name, true, 1000 FROM generate_series(now() - interval '1 year', now(),
        '1 day') day, unnest('{captured_within_hold,one_capture,holds,priced_is_settled,
        receipts_equal_journal,entries_balance,stripe_balance,payouts,reprice,receipt_numbers,
        totals}'::text[]) name""",
    """INSERT INTO review_item (kind, subject, payment_id, session_id, amount, currency, opened_at)
    SELECT 'difference', 'payment ' || reference, payment_id, session_id, gross, 'SEK', captured_at
    FROM payment ORDER BY payment_id DESC LIMIT 100""",
)
