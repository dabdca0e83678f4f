-- The ledger: what is booked, and how it is read.

-- name: posting_accounts()
-- The account of every role.
SELECT role, account FROM posting_account;

-- name: vat_accounts(country, at)
-- VAT account and sales account per rate (per cent) as of an instant; null: now.
SELECT DISTINCT ON (rate) rate, account, sales_account FROM vat_rate
WHERE country = :country AND valid_from <= book_day(coalesce(:at::timestamptz, now()))
ORDER BY rate, valid_from DESC;

-- name: book(journals)
-- Book postings (a JSON array) with their entries; one row per journal that was not there yet.
WITH given AS MATERIALIZED (
    SELECT g.value AS j FROM jsonb_array_elements(:journals::jsonb) WITH ORDINALITY AS g (value, place)
    ORDER BY place
), added AS (
    INSERT INTO journal (booked_at, idempotency_key, payload_hash, kind, reverses_journal_id,
        operator_id, site_id, station_id, channel, session_id, payment_id, cdr_id, receipt_id,
        external_id, requested_by)
    SELECT (j ->> 'at')::timestamptz, j ->> 'key', decode(j ->> 'hash', 'hex'), j ->> 'kind',
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

-- name: closed_months()
-- The months that take no more bookings: operator, beginning, end.
SELECT operator_id, book_time(month), book_time((month + interval '1 month')::date)
FROM accounting_period;

-- name: month_state(operator_id, month)^
-- Where a month begins and ends, who closed it, and the review items that were open before its end.
SELECT book_time(:month::date), book_time((:month::date + interval '1 month')::date), p.closed_by,
    (SELECT count(*) FROM review_item i LEFT JOIN payment y USING (payment_id)
     WHERE i.resolved_at IS NULL
        AND i.opened_at < book_time((:month::date + interval '1 month')::date)
        AND coalesce(y.operator_id, o.operator_id) = o.operator_id)
FROM operator o LEFT JOIN accounting_period p
    ON p.operator_id = o.operator_id AND p.month = :month::date
WHERE o.operator_id = :operator_id;

-- name: close_month(operator_id, month, by, at)!
-- The month takes no more bookings; waits for those that are on their way.
INSERT INTO accounting_period (operator_id, month, closed_at, closed_by)
VALUES (:operator_id, :month, :at, :by) ON CONFLICT DO NOTHING;

-- name: note_closed(operator_id, month, by, at)!
-- An entry in the audit log.
INSERT INTO audit_log (at, actor, action, subject, detail)
VALUES (:at, :by, 'close_month', to_char(:month::date, 'YYYY-MM'),
    jsonb_build_object('operator_id', :operator_id::integer));

-- name: asked_to_close()^
-- The oldest open request to close a month: number, operator, month, who asked; locked.
SELECT period_close_request_id, operator_id, month, requested_by FROM period_close_request
WHERE status = 'requested' ORDER BY period_close_request_id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: answer_close(period_close_request_id, status, outcome, at)!
-- What became of a request to close a month.
UPDATE period_close_request SET status = :status, outcome = :outcome, finished_at = :at
WHERE period_close_request_id = :period_close_request_id;

-- name: totals(operator_id, currency, from_day, until_day, site_id, channel)
-- Sums of the books from one day to before another, per kind, channel, site, account and VAT rate:
-- of whole months where there are any between them, else of days.
WITH whole AS (
    SELECT (date_trunc('month', :from_day::date - 1) + interval '1 month')::date AS first,
        date_trunc('month', :until_day::date)::date AS last
), part AS (
    SELECT m.* FROM ledger_month m, whole w
    WHERE operator_id = :operator_id AND bucket >= w.first AND bucket < w.last
    UNION ALL
    SELECT d.* FROM ledger_day d, whole w
    WHERE operator_id = :operator_id AND bucket >= :from_day::date AND bucket < :until_day::date
        AND (bucket < w.first OR bucket >= greatest(w.first, w.last))
)
SELECT kind, channel, site_id, account, vat_rate, sum(journals)::bigint AS journals,
    sum(debit)::bigint AS debit, sum(credit)::bigint AS credit, sum(amount)::bigint AS amount
FROM part
WHERE currency = :currency
    AND (:site_id::integer IS NULL OR site_id = :site_id)
    AND (:channel::text IS NULL OR channel = :channel)
GROUP BY kind, channel, site_id, account, vat_rate;

-- name: journal_page(operator_id, from_day, until_day, site_id, channel, kind, before_at, before_id, at_most)
-- Journals of a range, newest first, from a place in that order on, with their debit per currency.
SELECT j.journal_id, j.booked_at, j.kind, j.channel, j.site_id, j.station_id, j.session_id,
    j.payment_id, j.cdr_id, j.receipt_id, j.external_id, j.reverses_journal_id, j.requested_by,
    e.currency, e.debit
FROM (
    SELECT * FROM journal
    WHERE operator_id = :operator_id AND booked_at >= book_time(:from_day::date)
        AND booked_at < book_time(:until_day::date)
        AND (booked_at, journal_id) < (coalesce(:before_at::timestamptz, 'infinity'),
            coalesce(:before_id::bigint, 0))
        AND (:site_id::integer IS NULL OR site_id = :site_id)
        AND (:channel::text IS NULL OR channel = :channel)
        AND (:kind::text IS NULL OR kind = :kind)
    ORDER BY booked_at DESC, journal_id DESC LIMIT :at_most
) j CROSS JOIN LATERAL (
    SELECT currency, coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint AS debit
    FROM entry WHERE journal_id = j.journal_id GROUP BY currency
) e
ORDER BY j.booked_at DESC, j.journal_id DESC, e.currency;

-- name: balance_before(operator_id, account, currency, day)$
-- What an account holds before a day: whole months, and the days of the month it is in.
SELECT coalesce((
        SELECT sum(amount) FROM ledger_month
        WHERE operator_id = :operator_id AND account = :account AND currency = :currency
            AND bucket < date_trunc('month', :day::date)
    ), 0)::bigint + coalesce((
        SELECT sum(amount) FROM ledger_day
        WHERE operator_id = :operator_id AND account = :account AND currency = :currency
            AND bucket >= date_trunc('month', :day::date) AND bucket < :day::date
    ), 0)::bigint;

-- name: account_page(operator_id, account, currency, from_day, until_day, after_id, after_line, balance, at_most)
-- Lines of an account in the order of their journals, with the balance after each. `balance` is
-- that of the page before (balance_before at first), `after_id` and `after_line` its last line.
-- (LATERAL with LIMIT 1: each line looks its journal up, and the page ends after at_most of them.)
WITH bounds AS MATERIALIZED (
    SELECT min(first_journal_id) AS first, max(last_journal_id) AS last FROM ledger_day
    WHERE operator_id = :operator_id AND account = :account
        AND bucket >= :from_day::date AND bucket < :until_day::date
)
SELECT p.*, :balance::bigint + (sum(p.amount) OVER (
    ORDER BY p.journal_id, p.line))::bigint AS balance
FROM (
    SELECT e.journal_id, e.line, j.booked_at, j.kind, j.session_id, j.payment_id, j.receipt_id,
        j.external_id, e.amount
    FROM entry e CROSS JOIN LATERAL (
        SELECT * FROM journal n WHERE n.journal_id = e.journal_id LIMIT 1) j
    WHERE e.account = :account AND e.currency = :currency
        AND e.journal_id >= greatest((SELECT first FROM bounds), :after_id::bigint)
        AND e.journal_id <= (SELECT last FROM bounds)
        AND (e.journal_id <> :after_id::bigint OR e.line > :after_line::integer)
        AND j.operator_id = :operator_id AND j.booked_at >= book_time(:from_day::date)
        AND j.booked_at < book_time(:until_day::date)
    ORDER BY e.journal_id, e.line LIMIT :at_most
) p
ORDER BY p.journal_id, p.line;
