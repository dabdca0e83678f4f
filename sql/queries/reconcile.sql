-- Stripe's side of the books, the invariants, and what differs.

-- name: open_items(kind, name, items, at)!
-- A review item for each difference of a check that has none open.
INSERT INTO review_item (kind, subject, payment_id, session_id, amount, currency, evidence, opened_at)
SELECT :kind, :name || ': ' || i.subject, i.payment_id, i.session_id, i.amount, i.currency,
    i.evidence || jsonb_build_object('check', :name::text), :at
FROM jsonb_to_recordset(:items::jsonb) AS i (subject text, payment_id bigint, session_id bigint,
    amount bigint, currency text, evidence jsonb)
ORDER BY 2
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: resolve_gone(kind, name, subjects, at)!
-- Differences of a check that are no more are resolved.
UPDATE review_item SET resolved_at = :at, resolved_by = 'reconciliation',
    resolution = 'The difference is gone.'
WHERE kind = :kind AND resolved_at IS NULL AND starts_with(subject, :name || ': ')
    AND subject <> ALL (:subjects::text[]);

-- name: since(overlap_days)^
-- From when on Stripe is read again: the newest known, less an overlap for what may change.
SELECT coalesce(max(b.created_at) - make_interval(days => :overlap_days), '2011-01-01'),
    coalesce((SELECT max(created_at) FROM payout) - make_interval(days => 5 * :overlap_days), '2011-01-01')
FROM balance_transaction b;

-- name: store_transactions(rows, at)!
-- Balance transactions as Stripe tells them; known ones keep what we found out about them.
INSERT INTO balance_transaction AS b (balance_transaction_id, type, source_id, charge_id, amount, fee,
    net, currency, created_at, available_at, payout_id, seen_at)
SELECT r.id, r.type, r.source, r.charge, r.amount, r.fee, r.net, upper(r.currency), r.created_at,
    r.available_at, r.payout_id, :at
FROM jsonb_to_recordset(:rows::jsonb) AS r (id text, type text, source text, charge text,
    amount bigint, fee bigint, net bigint, currency text, created_at timestamptz, available_at timestamptz,
    payout_id text)
ORDER BY r.id
ON CONFLICT (balance_transaction_id) DO UPDATE SET
    available_at = excluded.available_at, payout_id = coalesce(excluded.payout_id, b.payout_id),
    charge_id = coalesce(b.charge_id, excluded.charge_id);

-- name: store_payouts(rows, at)!
-- Payouts as Stripe tells them; they belong to the first operator, whose Stripe account it is.
INSERT INTO payout (payout_id, operator_id, amount, currency, status, created_at, arrives_at,
    is_automatic, seen_at)
SELECT r.id, (SELECT min(operator_id) FROM operator), r.amount, upper(r.currency), r.status,
    r.created_at, r.arrives_at, r.automatic, :at
FROM jsonb_to_recordset(:rows::jsonb) AS r (id text, amount bigint, currency text, status text,
    created_at timestamptz, arrives_at timestamptz, automatic boolean)
ORDER BY r.id
ON CONFLICT (payout_id) DO UPDATE SET status = excluded.status, arrives_at = excluded.arrives_at,
    amount = excluded.amount, seen_at = excluded.seen_at;

-- name: payouts_to_open()
-- Automatic payouts of which not all balance transactions are known yet.
SELECT p.payout_id FROM payout p
WHERE p.is_automatic AND p.status NOT IN ('canceled', 'failed')
    AND p.amount <> coalesce((SELECT sum(b.net) FROM balance_transaction b
        WHERE b.payout_id = p.payout_id AND b.type NOT LIKE 'payout%%'), 0)
ORDER BY p.created_at, p.payout_id;

-- name: store_balance(rows, at)!
-- What Stripe holds for us, per currency.
INSERT INTO stripe_balance (read_at, currency, available, pending)
SELECT :at, upper(r.currency), r.available, r.pending
FROM jsonb_to_recordset(:rows::jsonb) AS r (currency text, available bigint, pending bigint)
ON CONFLICT (currency, read_at) DO UPDATE SET available = excluded.available,
    pending = excluded.pending;

-- name: match_payments()!
-- Whose money a balance transaction moved: by charge, refund or dispute, or what was booked on it.
UPDATE balance_transaction b SET payment_id = m.payment_id
FROM (
    SELECT b.balance_transaction_id, coalesce(p.payment_id, q.payment_id, d.payment_id,
        j.payment_id) AS payment_id
    FROM balance_transaction b
    LEFT JOIN payment p ON p.charge_id = coalesce(b.charge_id, b.source_id)
    LEFT JOIN refund_request q ON q.refund_id = b.source_id
    LEFT JOIN dispute d ON d.dispute_id = b.source_id
    LEFT JOIN LATERAL (SELECT payment_id FROM journal WHERE external_id = b.source_id
        AND payment_id IS NOT NULL ORDER BY journal_id LIMIT 1) j ON true
    WHERE b.payment_id IS NULL AND b.source_id IS NOT NULL
) m
WHERE b.balance_transaction_id = m.balance_transaction_id AND m.payment_id IS NOT NULL;

-- name: to_book()
-- What only Stripe can tell us to book: fees, payouts, refunds that came back; with whom it is about.
SELECT b.balance_transaction_id, b.type, b.source_id, b.amount, b.fee, b.net, b.currency,
    b.created_at, coalesce(p.operator_id, (SELECT min(operator_id) FROM operator)) AS operator_id,
    s.site_id, e.station_id, p.channel, p.session_id, b.payment_id
FROM balance_transaction b
LEFT JOIN payment p ON p.payment_id = b.payment_id
LEFT JOIN evse e ON e.evse_key = p.evse_key
LEFT JOIN station s ON s.station_id = e.station_id
WHERE ((b.fee <> 0 OR b.type LIKE '%%\_fee' OR b.type LIKE 'payout%%')
        AND NOT EXISTS (SELECT FROM journal j WHERE j.idempotency_key =
            CASE WHEN b.type LIKE 'payout%%' THEN 'payout:' ELSE 'fee:' END
            || b.balance_transaction_id))
    OR (b.type = 'refund_failure'
        AND EXISTS (SELECT FROM journal j WHERE j.external_id = b.source_id AND j.kind = 'refund')
        AND NOT EXISTS (SELECT FROM journal j WHERE j.external_id = b.source_id
            AND j.kind = 'refund_failed'))
ORDER BY b.created_at, b.balance_transaction_id;

-- name: payments_to_look_at(since)
-- Payments of which Stripe has moved other money than we have booked: a webhook may have been lost.
SELECT DISTINCT p.payment_id, p.key::text
FROM (
    SELECT source_id, currency, max(payment_id) AS payment_id, sum(net) AS amount
    FROM balance_transaction
    WHERE source_id IN (SELECT b.source_id FROM balance_transaction b
        WHERE b.created_at >= :since AND b.payment_id IS NOT NULL)
    GROUP BY source_id, currency
) s JOIN payment p USING (payment_id)
WHERE s.amount <> coalesce((
    SELECT sum(e.amount) FROM journal j JOIN entry e USING (journal_id)
    WHERE j.external_id = s.source_id AND e.currency = s.currency AND e.account = (
        SELECT account FROM posting_account WHERE role = 'card_receivable')), 0)
ORDER BY 1;

-- name: note_check(name, month, ok, checked, difference, detail, at)!
-- What a check found.
INSERT INTO book_check (checked_at, name, month, ok, checked, difference, detail)
VALUES (:at, :name, :month, :ok, :checked, :difference, :detail::jsonb)
ON CONFLICT (name, checked_at) DO UPDATE SET month = excluded.month, ok = excluded.ok,
    checked = excluded.checked, difference = excluded.difference, detail = excluded.detail;

-- name: instants(month)^
-- What a month's checks look at: from when until when; of all time if it is null.
SELECT coalesce(book_time(:month::date), '1971-01-01'),
    coalesce(book_time((:month::date + interval '1 month')::date), '2999-01-01');
