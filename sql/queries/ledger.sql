-- The ledger: what is booked, and how it is read.

-- name: posting_accounts()
-- The account of every role.
SELECT role, account FROM posting_account;

-- name: vat_accounts(country, at)
-- VAT account and sales account per rate (per cent) as of an instant; null: now.
SELECT DISTINCT ON (rate) rate, account, sales_account FROM vat_rate
WHERE country = :country AND valid_from <= book_day(coalesce(:at::timestamptz, now()))
ORDER BY rate, valid_from DESC;

-- name: book(journals, at)
-- Book postings (a JSON array) with their entries; one row per journal that was not there yet.
WITH given AS MATERIALIZED (
    SELECT g.value AS j FROM jsonb_array_elements(:journals::jsonb) WITH ORDINALITY AS g (value, place)
    ORDER BY place
), added AS (
    INSERT INTO journal (booked_at, idempotency_key, payload_hash, kind, reverses_journal_id,
        operator_id, site_id, station_id, channel, session_id, payment_id, cdr_id, receipt_id,
        external_id, requested_by)
    SELECT :at::timestamptz, j ->> 'key', decode(j ->> 'hash', 'hex'), j ->> 'kind',
        (j ->> 'reverses_journal_id')::bigint, (j #>> '{about,operator_id}')::integer,
        (j #>> '{about,site_id}')::integer, j #>> '{about,station_id}', j #>> '{about,channel}',
        (j #>> '{about,session_id}')::bigint, (j #>> '{about,payment_id}')::bigint,
        (j #>> '{about,cdr_id}')::bigint, (j #>> '{about,receipt_id}')::bigint,
        j #>> '{about,external_id}', j ->> 'requested_by'
    FROM given
    ON CONFLICT (idempotency_key) DO NOTHING
    RETURNING journal_id, idempotency_key
), lines AS (
    INSERT INTO entry (journal_id, line, account, amount, currency, vat_rate)
    SELECT a.journal_id, e.line, e.value ->> 'account', (e.value ->> 'amount')::bigint,
        e.value ->> 'currency', (e.value ->> 'vat_rate')::numeric
    FROM given g JOIN added a ON a.idempotency_key = g.j ->> 'key',
        jsonb_array_elements(g.j -> 'entries') WITH ORDINALITY AS e (value, line)
)
SELECT idempotency_key, journal_id FROM added;

-- name: booked(keys)
-- Journals by key: key, number, hash of what was booked.
SELECT idempotency_key, journal_id, payload_hash FROM journal
WHERE idempotency_key = ANY(:keys::text[]);
