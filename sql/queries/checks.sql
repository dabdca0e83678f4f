-- The invariants of the books. Every check answers at least one row: how many rows it looked at,
-- and a row for each that breaks the rule (subject null: none does). Parameters are the same for
-- all: the period it is about, and what time it is. Amounts are minor units.

-- name: captured_within_hold
-- Nothing is captured beyond its authorisation, nothing refunded beyond what was captured.
WITH looked AS (
    SELECT p.*, greatest(captured - hold, refunded - captured) AS off FROM payment p
    WHERE captured <> 0 AND created_at >= :from_at AND created_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'payment ' || reference AS subject, off AS amount, currency, payment_id, session_id,
        jsonb_build_object('hold', hold, 'captured', captured, 'refunded', refunded) AS evidence
    FROM looked WHERE off > 0
) f ON true;

-- name: once_per_session
-- At most one remote start, one capture and one receipt per session.
WITH looked AS (
    SELECT p.payment_id, p.reference, p.session_id, p.currency,
        (SELECT count(*) FROM command c WHERE c.payment_id = p.payment_id
            AND c.action IN ('RemoteStartTransaction', 'RequestStartTransaction')) AS starts,
        (SELECT count(*) FROM journal j WHERE j.payment_id = p.payment_id AND j.kind = 'captured'
            AND NOT EXISTS (SELECT FROM journal r WHERE r.reverses_journal_id = j.journal_id))
            AS captures,
        (SELECT count(*) FROM receipt r WHERE r.payment_id = p.payment_id
            AND r.credits_receipt_id IS NULL AND r.gross > coalesce((SELECT -sum(n.gross)
                FROM receipt n WHERE n.credits_receipt_id = r.receipt_id), 0)) AS receipts
    FROM payment p WHERE p.created_at >= :from_at AND p.created_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'payment ' || reference AS subject, 0::bigint AS amount, currency, payment_id,
        session_id, jsonb_build_object('remote_starts', starts, 'captures', captures,
            'receipts', receipts) AS evidence
    FROM looked WHERE starts > 1 OR captures > 1 OR receipts > 1
) f ON true;

-- name: no_hold_is_left
-- Fifteen minutes after its session ended or it was given up, a hold is gone, unless quarantined.
WITH looked AS (
    SELECT p.*, CASE WHEN p.state IN ('charging', 'stopping', 'completed', 'capturing',
            'capture_failed') THEN s.ended_at
        WHEN p.state IN ('authorised', 'start_requested', 'awaiting_payment', 'created') THEN NULL
        ELSE p.state_at END AS since
    FROM payment p LEFT JOIN session s USING (session_id)
    WHERE p.held > 0 AND p.captured = 0 AND p.released_at IS NULL
        AND p.created_at >= :from_at AND p.created_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'payment ' || reference AS subject, held AS amount, currency, payment_id, session_id,
        jsonb_build_object('state', state, 'since', since, 'held', held) AS evidence
    FROM looked WHERE since < :now::timestamptz - interval '15 minutes'
        AND (quarantined_until IS NULL OR quarantined_until <= :now)
) f ON true;

-- name: priced_is_settled
-- Captured less refunded + due in the books + written off = what receipts less credit notes say.
WITH due AS (
    SELECT j.payment_id, sum(e.amount)::bigint AS due
    FROM journal j JOIN entry e USING (journal_id)
    WHERE j.payment_id IS NOT NULL AND e.account IN (SELECT account FROM posting_account
        WHERE role IN ('receivable', 'company_receivable'))
    GROUP BY 1
), papers AS (
    SELECT payment_id, sum(gross)::bigint AS gross,
        coalesce(sum(paid) FILTER (WHERE credits_receipt_id IS NULL), 0)::bigint AS paid,
        coalesce(sum(written_off) FILTER (WHERE credits_receipt_id IS NULL), 0)::bigint
            AS written_off
    FROM receipt WHERE payment_id IS NOT NULL GROUP BY 1
), looked AS (
    SELECT p.*, coalesce(r.gross, 0) AS priced, coalesce(d.due, 0) AS due,
        r.paid AS receipt_paid, r.written_off AS receipt_written_off,
        coalesce(r.gross, 0) - (p.captured - p.refunded + coalesce(d.due, 0) + p.written_off) AS off
    FROM payment p LEFT JOIN papers r USING (payment_id) LEFT JOIN due d USING (payment_id)
    WHERE p.cdr_id IS NOT NULL AND p.state NOT IN ('capturing', 'refund_pending')
        AND p.created_at >= :from_at AND p.created_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'payment ' || reference AS subject, coalesce(nullif(off, 0), captured - receipt_paid)
            AS amount, currency, payment_id, session_id,
        jsonb_build_object('priced', priced, 'captured', captured, 'refunded', refunded,
            'due', due, 'written_off', written_off, 'receipt_paid', receipt_paid,
            'receipt_written_off', receipt_written_off) AS evidence
    FROM looked WHERE off <> 0 OR receipt_paid <> captured OR receipt_written_off <> written_off
) f ON true;

-- name: receipts_are_booked
-- Net + VAT = gross on every receipt and credit note, and the books say the same of it.
WITH booked AS (
    SELECT j.receipt_id, -sum(e.amount) FILTER (WHERE e.account LIKE '3%%') AS net,
        -sum(e.amount) FILTER (WHERE e.account LIKE '26%%') AS vat
    FROM journal j JOIN entry e USING (journal_id)
    WHERE j.kind IN ('earned', 'credit', 'refund', 'adjustment') AND j.receipt_id IS NOT NULL
    GROUP BY 1
), looked AS (
    SELECT r.*, coalesce(b.net, 0)::bigint AS booked_net, coalesce(b.vat, 0)::bigint AS booked_vat
    FROM receipt r LEFT JOIN booked b USING (receipt_id)
    WHERE r.issued_at >= :from_at AND r.issued_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'receipt ' || series || '-' || number AS subject,
        gross - booked_net - booked_vat AS amount, currency, payment_id, session_id,
        jsonb_build_object('net', net, 'vat', vat, 'gross', gross, 'booked_net', booked_net,
            'booked_vat', booked_vat) AS evidence
    FROM looked WHERE net + vat <> gross OR net <> booked_net OR vat <> booked_vat
) f ON true;

-- name: sales_have_receipts
-- Every journal that moves sales names the receipt or credit note it is about.
WITH looked AS (
    SELECT j.* FROM journal j
    WHERE j.kind IN ('earned', 'credit', 'refund')
        AND j.booked_at >= :from_at AND j.booked_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'journal ' || j.journal_id AS subject, -sum(e.amount)::bigint AS amount,
        min(e.currency) AS currency, j.payment_id, j.session_id,
        jsonb_build_object('kind', j.kind, 'receipt_id', j.receipt_id) AS evidence
    FROM looked j JOIN entry e USING (journal_id)
    WHERE e.account ~ '^(3|26)'
        AND NOT EXISTS (SELECT FROM receipt r WHERE r.receipt_id = j.receipt_id)
    GROUP BY j.journal_id, j.payment_id, j.session_id, j.kind, j.receipt_id
) f ON true;

-- name: sessions_are_booked
-- Every priced session is in the books, a correction with what it changed (less what had been given
-- back before), and every captured payment with the amount captured.
WITH chain AS (
    SELECT c.*, o.gross AS old_gross, (SELECT coalesce(-sum(n.gross), 0) FROM receipt n
            WHERE n.session_id = c.session_id AND n.credits_receipt_id IS NOT NULL
                AND n.issued_at < c.created_at) AS given_back
    FROM cdr c LEFT JOIN cdr k ON k.cdr_id = c.corrects_cdr_id
        LEFT JOIN cdr o ON o.cdr_id = k.corrects_cdr_id
    WHERE NOT c.is_credit AND c.created_at >= :from_at AND c.created_at < :until_at
), looked AS (
    SELECT 'session ' || c.session_id AS subject, c.gross - coalesce(c.old_gross, 0) AS expected,
        CASE WHEN c.old_gross IS NULL THEN 0 ELSE given_back END AS at_most_more, c.currency,
        (SELECT r.payment_id FROM receipt r WHERE r.session_id = c.session_id LIMIT 1)
            AS payment_id, c.session_id,
        (SELECT coalesce(sum(e.amount), 0) FROM journal j JOIN entry e USING (journal_id)
            WHERE j.session_id = c.session_id AND j.cdr_id = c.cdr_id
                AND (j.kind = 'earned' OR j.kind = 'credit' AND c.old_gross IS NOT NULL)
                AND e.account IN (SELECT account FROM posting_account WHERE role = 'receivable'))
            AS booked
    FROM chain c
    UNION ALL
    SELECT 'payment ' || p.reference, p.captured, 0, p.currency, p.payment_id, p.session_id,
        (SELECT coalesce(sum(e.amount), 0) FROM journal j JOIN entry e USING (journal_id)
            WHERE j.payment_id = p.payment_id AND e.amount > 0 AND (j.kind = 'captured'
                OR j.kind = 'paid' AND e.account = (SELECT account FROM posting_account
                    WHERE role = 'bank')))
    FROM payment p WHERE p.captured > 0 AND p.state <> 'capturing'
        AND p.created_at >= :from_at AND p.created_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT subject, (expected - booked)::bigint AS amount, currency, payment_id,
        session_id, jsonb_build_object('expected', expected, 'booked', booked) AS evidence
    FROM looked WHERE booked NOT BETWEEN expected AND expected + at_most_more
) f ON true;

-- name: entries_sum_to_zero
-- Every journal has two entries or more, which sum to zero per currency.
WITH looked AS (
    SELECT j.journal_id, j.payment_id, j.session_id, e.currency, count(e.line) AS lines,
        coalesce(sum(e.amount), 0)::bigint AS off
    FROM journal j LEFT JOIN entry e USING (journal_id)
    WHERE j.booked_at >= :from_at AND j.booked_at < :until_at
    GROUP BY j.journal_id, e.currency
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'journal ' || journal_id || coalesce(' ' || currency, '') AS subject, off AS amount,
        currency, payment_id, session_id, jsonb_build_object('lines', lines) AS evidence
    FROM looked WHERE off <> 0 OR lines < 2
) f ON true;

-- name: totals_are_sums
-- The totals that pages show are the sums of the entries, per month, account and currency; so are
-- the sales by tariff, per month and currency.
WITH told AS (
    SELECT date_trunc('month', bucket)::date AS month, operator_id, account, currency,
        sum(amount) AS amount, sum(debit) AS debit, sum(journals) AS journals FROM ledger_day
    WHERE bucket >= book_day(:from_at::timestamptz) AND bucket < book_day(:until_at::timestamptz)
    GROUP BY 1, 2, 3, 4
), kept AS (
    SELECT bucket AS month, operator_id, account, currency, sum(amount) AS amount,
        sum(debit) AS debit, sum(journals) AS journals FROM ledger_month
    WHERE bucket >= book_day(:from_at::timestamptz) AND bucket < book_day(:until_at::timestamptz)
    GROUP BY 1, 2, 3, 4
), summed AS (
    SELECT date_trunc('month', book_day(j.booked_at))::date AS month, j.operator_id, e.account,
        e.currency, sum(e.amount) AS amount, sum(e.amount) FILTER (WHERE e.amount > 0) AS debit,
        count(*) FILTER (WHERE e.line = 1) AS journals
    FROM journal j JOIN entry e USING (journal_id)
    WHERE j.booked_at >= :from_at AND j.booked_at < :until_at
    GROUP BY 1, 2, 3, 4
), by_tariff AS (
    SELECT date_trunc('month', bucket)::date AS month, operator_id, currency, sum(net) AS net,
        sum(vat) AS vat, sum(sessions) AS sessions FROM revenue_tariff_day
    WHERE bucket >= book_day(:from_at::timestamptz) AND bucket < book_day(:until_at::timestamptz)
    GROUP BY 1, 2, 3
), sold AS (
    SELECT date_trunc('month', book_day(j.booked_at))::date AS month, j.operator_id, e.currency,
        coalesce(-sum(e.amount) FILTER (WHERE e.account LIKE '3%%'), 0) AS net,
        coalesce(-sum(e.amount) FILTER (WHERE e.account LIKE '26%%'), 0) AS vat,
        count(*) FILTER (WHERE e.line = 1 AND j.kind = 'earned' AND NOT EXISTS (
            SELECT FROM journal o WHERE o.session_id = j.session_id AND o.kind = 'earned'
                AND o.journal_id < j.journal_id)) AS sessions
    FROM journal j JOIN entry e USING (journal_id)
    WHERE j.booked_at >= :from_at AND j.booked_at < :until_at
        AND j.kind IN ('earned', 'credit', 'refund', 'adjustment')
    GROUP BY 1, 2, 3
), looked AS (
    SELECT month, operator_id, account, currency, t.amount AS day, k.amount AS whole,
        s.amount AS entries, ARRAY[t.amount, t.debit, t.journals] IS DISTINCT FROM
            ARRAY[s.amount, coalesce(s.debit, 0), s.journals]
            OR ARRAY[k.amount, k.debit, k.journals] IS DISTINCT FROM
            ARRAY[s.amount, coalesce(s.debit, 0), s.journals] AS differs
    FROM summed s FULL JOIN told t USING (month, operator_id, account, currency)
        FULL JOIN kept k USING (month, operator_id, account, currency)
    UNION ALL
    SELECT month, operator_id, NULL, currency, t.net + t.vat, NULL, s.net + s.vat,
        (coalesce(t.net, 0), coalesce(t.vat, 0), coalesce(t.sessions, 0))
            <> (coalesce(s.net, 0), coalesce(s.vat, 0), coalesce(s.sessions, 0))
    FROM sold s FULL JOIN by_tariff t USING (month, operator_id, currency)
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT format('%%s of operator %%s in %%s', coalesce('account ' || account, 'sales by tariff'),
            operator_id, to_char(month, 'YYYY-MM')) AS subject,
        (coalesce(entries, 0) - coalesce(day, 0))::bigint AS amount, currency,
        NULL::bigint AS payment_id, NULL::bigint AS session_id,
        jsonb_build_object('entries', entries, 'days', day, 'months', whole) AS evidence
    FROM looked WHERE differs
) f ON true;

-- name: matches_stripe
-- Each charge, refund, dispute, fee and payout of Stripe is in the books with the same amount, and
-- the other way round. What moved within the hour before Stripe was read may be on its way.
WITH read AS (
    SELECT max(read_at) AS at FROM stripe_balance
), books AS (
    SELECT coalesce(j.external_id, 'journal ' || j.journal_id) AS id, e.currency,
        sum(e.amount)::bigint AS amount, max(j.booked_at) AS at, max(j.payment_id) AS payment_id
    FROM journal j JOIN entry e USING (journal_id)
    WHERE e.account = (SELECT account FROM posting_account WHERE role = 'card_receivable')
    GROUP BY 1, 2
), stripe AS (
    SELECT coalesce(source_id, balance_transaction_id) AS id, currency, sum(net)::bigint AS amount,
        max(created_at) AS at, max(payment_id) AS payment_id,
        jsonb_agg(DISTINCT type) AS types
    FROM balance_transaction GROUP BY 1, 2
), looked AS (
    SELECT id, currency, b.amount AS booked, s.amount AS moved, s.types,
        coalesce(s.payment_id, b.payment_id) AS payment_id, greatest(b.at, s.at) AS at
    FROM books b FULL JOIN stripe s USING (id, currency), read
    WHERE greatest(b.at, s.at) < read.at - interval '1 hour'
        AND greatest(b.at, s.at) >= :from_at AND greatest(b.at, s.at) < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'Stripe ' || l.id AS subject, coalesce(booked, 0) - coalesce(moved, 0) AS amount,
        l.currency, l.payment_id, p.session_id,
        jsonb_build_object('booked', booked, 'stripe', moved, 'types', types) AS evidence
    FROM looked l LEFT JOIN payment p USING (payment_id)
    WHERE booked IS DISTINCT FROM moved AND coalesce(booked, 0) <> coalesce(moved, 0)
) f ON true;

-- name: stripe_balance
-- What Stripe holds for us, available and pending = all balance transactions = account 1580.
WITH read AS (
    SELECT DISTINCT ON (currency) * FROM stripe_balance ORDER BY currency, read_at DESC
), books AS (
    SELECT coalesce(j.external_id, 'journal ' || j.journal_id) AS id, e.currency,
        sum(e.amount) AS amount, max(j.booked_at) AS at
    FROM journal j JOIN entry e USING (journal_id)
    WHERE e.account = (SELECT account FROM posting_account WHERE role = 'card_receivable')
    GROUP BY 1, 2
), stripe AS (
    SELECT coalesce(source_id, balance_transaction_id) AS id, currency, sum(net) AS amount,
        max(created_at) AS at
    FROM balance_transaction GROUP BY 1, 2
), sums AS (
    SELECT r.currency, coalesce(sum(b.amount), 0)::bigint AS booked,
        coalesce(sum(s.amount), 0)::bigint AS moved, coalesce(sum(coalesce(b.amount, 0)
            - coalesce(s.amount, 0)) FILTER (
            WHERE greatest(b.at, s.at) >= r.read_at - interval '1 hour'), 0)::bigint AS on_its_way
    FROM read r LEFT JOIN (books b FULL JOIN stripe s USING (id, currency)) USING (currency)
    GROUP BY r.currency
), looked AS (
    SELECT s.*, r.available + r.pending AS held, r.read_at FROM sums s JOIN read r USING (currency)
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'Stripe balance ' || currency AS subject,
        coalesce(nullif(booked - on_its_way - held, 0), moved - held) AS amount, currency,
        NULL::bigint AS payment_id, NULL::bigint AS session_id,
        jsonb_build_object('booked', booked, 'on_its_way', on_its_way, 'stripe', held,
            'balance_transactions', moved, 'read_at', read_at) AS evidence
    FROM looked WHERE booked - on_its_way <> held OR moved <> held
) f ON true;

-- name: stripe_is_read
-- Stripe was read within two days, if there is money there to read about.
WITH looked AS (
    SELECT (SELECT max(read_at) FROM stripe_balance) AS read_at, min(booked_at) AS first_at
    FROM journal WHERE kind = 'captured' HAVING count(*) > 0
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'Stripe' AS subject, 0::bigint AS amount, NULL::text AS currency,
        NULL::bigint AS payment_id, NULL::bigint AS session_id,
        jsonb_build_object('read_at', read_at) AS evidence
    FROM looked WHERE greatest(read_at, first_at) < :now::timestamptz - interval '2 days'
) f ON true;

-- name: payouts_add_up
-- A payout is the sum of its balance transactions, and is in the books.
WITH looked AS (
    SELECT p.*, (SELECT sum(b.net) FROM balance_transaction b WHERE b.payout_id = p.payout_id
            AND b.type NOT LIKE 'payout%%') AS moved,
        (SELECT sum(e.amount) FROM journal j JOIN entry e USING (journal_id)
            WHERE j.external_id = p.payout_id AND j.kind = 'payout' AND e.account = (SELECT account
                FROM posting_account WHERE role = 'bank')) AS booked,
        CASE WHEN p.status IN ('failed', 'canceled') THEN 0 ELSE p.amount END AS expected
    FROM payout p WHERE p.created_at >= :from_at AND p.created_at < :until_at
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'payout ' || payout_id AS subject, (expected - coalesce(CASE
            WHEN expected <> coalesce(booked, 0) THEN booked ELSE moved END, 0))::bigint AS amount,
        currency, NULL::bigint AS payment_id, NULL::bigint AS session_id,
        jsonb_build_object('amount', amount, 'balance_transactions', moved, 'booked', booked,
            'status', status) AS evidence
    FROM looked WHERE expected <> coalesce(booked, 0)
        OR (is_automatic AND expected <> 0 AND expected <> coalesce(moved, 0))
) f ON true;

-- name: numbers_are_unbroken
-- Receipt numbers of a series are 1, 2, 3 .. up to its counter.
WITH looked AS (
    SELECT s.series, s.last_number, count(r.number) AS receipts, coalesce(min(r.number), 1) AS first,
        coalesce(max(r.number), 0) AS last
    FROM receipt_series s LEFT JOIN receipt r USING (series) GROUP BY s.series
)
SELECT (SELECT coalesce(sum(receipts), 0)::bigint FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'series ' || series AS subject, 0::bigint AS amount, NULL::text AS currency,
        NULL::bigint AS payment_id, NULL::bigint AS session_id,
        jsonb_build_object('first', first, 'last', last, 'receipts', receipts,
            'counter', last_number) AS evidence
    FROM looked WHERE first <> 1 OR last <> receipts OR last <> last_number
) f ON true;

-- name: priced_sessions
-- CDRs to price again: number, session, currency, net, VAT, gross; a credit takes back what it had.
SELECT cdr_id, session_id, currency, net, vat, gross FROM cdr
WHERE NOT is_credit AND created_at >= :from_at AND created_at < :until_at ORDER BY cdr_id;

-- name: cdr_document$
-- A CDR as text, number by number.
SELECT document::text FROM cdr WHERE cdr_id = :cdr_id;
