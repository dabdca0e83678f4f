-- What finance reads and asks for. Amounts are minor units; net, VAT and gross are what was sold,
-- so they are the credit side of the books turned positive.

-- name: operators
-- The legal entities whose books these are.
SELECT operator_id, coalesce(legal_entity, name) AS name, currency FROM operator
ORDER BY operator_id;

-- name: sites
-- The sites of an operator, for the filter.
SELECT site_id, name FROM site WHERE operator_id = :operator_id ORDER BY name;

-- name: first_booking$
-- When the books of an operator begin.
SELECT min(booked_at) FROM journal WHERE operator_id = :operator_id;

-- name: sums
-- Everything booked in a period, per kind, channel, site, account and VAT rate; summed over all
-- accounts `bookings` counts each journal once. The figures of the page are sums of these rows.
SELECT kind, channel, site_id, account, vat_rate, sum(journals)::bigint AS bookings,
    sum(amount)::bigint AS amount
FROM ledger_day
WHERE operator_id = :operator_id AND bucket >= book_day(:start) AND bucket < book_day(:end)
    AND currency = :currency
    AND (:site_id::integer IS NULL OR site_id = :site_id)
    AND (:channel::text IS NULL OR channel = :channel)
GROUP BY kind, channel, site_id, account, vat_rate;

-- name: on_the_way$
-- What stands on the card account at the end of a month: charged, and not yet in the bank.
SELECT coalesce(sum(amount), 0)::bigint FROM ledger_month
WHERE operator_id = :operator_id AND bucket <= book_day(:start) AND currency = :currency
    AND account = (SELECT account FROM posting_account WHERE role = 'card_receivable');

-- name: energy_sold$
-- Watt-hours of the sessions whose earnings were booked in a period.
SELECT coalesce(sum(energy_wh), 0)::bigint FROM energy_sold_day
WHERE operator_id = :operator_id AND bucket >= book_day(:start) AND bucket < book_day(:end)
    AND currency = :currency
    AND (:site_id::integer IS NULL OR site_id = :site_id)
    AND (:channel::text IS NULL OR channel = :channel);

-- name: accounts
-- What the accounts are for: postings by role, output VAT, and their names.
SELECT a.account, a.name,
    (SELECT array_agg(p.role) FROM posting_account p WHERE p.account = a.account) AS roles,
    EXISTS (SELECT FROM vat_rate v WHERE v.account = a.account) AS is_vat
FROM account a ORDER BY a.account;

-- name: rows
-- Fifty rows of what was sold and taken back in a period, newest first, from a place in that order
-- on. (Fifty as a number, and a look into the entries that is no join: a plan for any parameters
-- must not read the month and sort it, but walk along journal_sold.)
WITH page AS (
    SELECT * FROM journal j
    WHERE j.operator_id = :operator_id AND j.booked_at >= :start AND j.booked_at < :end
        AND (j.booked_at, j.journal_id) < (:before_at::timestamptz, :before_id::bigint)
        AND j.kind IN ('earned', 'refund', 'credit', 'adjustment')
        AND (:site_id::integer IS NULL OR j.site_id = :site_id)
        AND (:channel::text IS NULL OR j.channel = :channel)
        AND (SELECT e.line FROM entry e WHERE e.journal_id = j.journal_id
            AND e.currency = :currency AND e.account LIKE '3%%' LIMIT 1) IS NOT NULL
    ORDER BY j.booked_at DESC, j.journal_id DESC LIMIT 50
)
SELECT j.journal_id, j.booked_at, j.kind, j.channel, site.name AS site, j.station_id,
    coalesce(j.session_id, p.session_id) AS session_id, p.reference, p.state, p.refunded,
    c.energy_wh, s.net, s.vat, s.net + s.vat AS gross,
    r.shown_number, o.payout_id, o.status AS payout_status, o.arrives_at, o.created_at AS paid_at
FROM page j
CROSS JOIN LATERAL (
    SELECT coalesce(-sum(e.amount) FILTER (WHERE e.account LIKE '3%%'), 0)::bigint AS net,
        coalesce(-sum(e.amount) FILTER (WHERE e.account IN (SELECT account FROM vat_rate)), 0)::bigint
            AS vat
    FROM entry e WHERE e.journal_id = j.journal_id
) s
LEFT JOIN site ON site.site_id = j.site_id
LEFT JOIN payment p ON p.payment_id = j.payment_id
LEFT JOIN LATERAL energy_sold(j.cdr_id) c ON j.kind = 'earned'
LEFT JOIN receipt r ON r.receipt_id = j.receipt_id
LEFT JOIN LATERAL (
    SELECT b.payout_id FROM balance_transaction b
    WHERE b.payment_id = j.payment_id AND b.payout_id IS NOT NULL
        AND (b.type = 'refund') = (j.kind IN ('refund', 'credit'))
    ORDER BY b.created_at DESC LIMIT 1
) b ON true
LEFT JOIN payout o ON o.payout_id = b.payout_id
ORDER BY j.booked_at DESC, j.journal_id DESC;

-- name: checks
-- The newest result of every check of a month or of everything; failed ones first.
SELECT * FROM (
    SELECT DISTINCT ON (name) name, checked_at, ok, checked, difference, detail
    FROM book_check WHERE month = :month OR month IS NULL
    ORDER BY name, checked_at DESC
) newest ORDER BY ok, name;

-- name: check_days
-- Per day how its checks ended, and whether any had failed before that; `difference` is the largest.
SELECT day, bool_and(last_ok) AS ok, bool_or(failed) AS failed, max(difference) AS difference
FROM (
    SELECT (checked_at AT TIME ZONE :zone)::date AS day, name,
        (array_agg(ok ORDER BY checked_at DESC))[1] AS last_ok, bool_or(NOT ok) AS failed,
        max(abs(difference)) AS difference
    FROM book_check WHERE checked_at >= :start AND checked_at < :end
    GROUP BY 1, 2
) named GROUP BY day ORDER BY day;

-- name: number_range
-- First and last receipt number of a period per series, and how many there are.
SELECT series, min(number) AS first, max(number) AS last, count(*) AS numbers
FROM receipt JOIN receipt_series USING (series)
WHERE operator_id = :operator_id AND issued_at >= :start AND issued_at < :end
GROUP BY series ORDER BY series;

-- name: is_closed^
-- Whether a month takes bookings: who closed it, or who asked for it and what came of that.
SELECT a.closed_at, a.closed_by, q.status, q.outcome, q.requested_by, q.requested_at
FROM (SELECT) one
LEFT JOIN accounting_period a ON a.operator_id = :operator_id AND a.month = :month
LEFT JOIN LATERAL (
    SELECT * FROM period_close_request q
    WHERE q.operator_id = :operator_id AND q.month = :month
    ORDER BY q.requested_at DESC LIMIT 1
) q ON true;

-- name: close_blockers
-- What must be settled before a month may be closed, by kind: how many, and how much money.
SELECT 'open_payments' AS kind, count(*) AS items, coalesce(sum(greatest(p.cost, p.captured)), 0)::bigint
    AS amount
FROM payment p
WHERE p.operator_id = :operator_id AND p.created_at >= :start AND p.created_at < :end
    AND p.state IN ('charging', 'stopping', 'completed', 'capturing', 'capture_failed',
        'refund_pending')
UNION ALL
SELECT 'refunds', count(*), coalesce(sum(q.amount), 0)::bigint
FROM refund_request q JOIN payment p USING (payment_id)
WHERE p.operator_id = :operator_id AND q.status IN ('requested', 'sent')
    AND q.requested_at >= :start AND q.requested_at < :end
UNION ALL
SELECT 'review', count(*), coalesce(sum(abs(i.amount)), 0)::bigint
FROM review_item i LEFT JOIN payment p USING (payment_id)
WHERE i.resolved_at IS NULL AND i.opened_at < :end AND coalesce(p.operator_id, :operator_id)
    = :operator_id
UNION ALL
SELECT 'checks', count(*), coalesce(sum(abs(difference)), 0)::bigint
FROM (
    SELECT DISTINCT ON (name) ok, difference FROM book_check
    WHERE month = :month OR month IS NULL ORDER BY name, checked_at DESC
) newest WHERE NOT ok
UNION ALL
SELECT 'unbooked_sessions', count(*), coalesce(sum(c.gross), 0)::bigint
FROM cdr c JOIN session s USING (session_id)
WHERE c.created_at >= :start AND c.created_at < :end AND s.operator_id = :operator_id
    AND c.gross <> 0
    AND NOT EXISTS (SELECT FROM journal j WHERE j.session_id = c.session_id);

-- name: ask_to_close$
-- Ask the worker to close a month; nothing when somebody already did.
INSERT INTO period_close_request (operator_id, month, requested_by)
VALUES (:operator_id, :month, :requested_by)
ON CONFLICT DO NOTHING
RETURNING period_close_request_id;

-- name: open_items
-- What waits for somebody, the most urgent first.
SELECT i.review_item_id, i.kind, i.subject, i.amount, i.currency, i.evidence, i.opened_at,
    i.deadline_at, i.owner, i.payment_id, p.reference, coalesce(i.session_id, p.session_id)
    AS session_id, r.shown_number, e.public_code, s.station_id
FROM review_item i
LEFT JOIN payment p USING (payment_id)
LEFT JOIN session s ON s.session_id = coalesce(i.session_id, p.session_id)
LEFT JOIN evse e ON e.evse_key = coalesce(p.evse_key, s.evse_key)
LEFT JOIN LATERAL (
    SELECT r.shown_number FROM receipt r
    WHERE r.payment_id = i.payment_id AND r.credits_receipt_id IS NULL
    ORDER BY r.issued_at DESC LIMIT 1
) r ON true
WHERE i.resolved_at IS NULL
ORDER BY i.deadline_at NULLS LAST, i.opened_at, i.review_item_id
LIMIT :at_most;

-- name: resolved_items
-- What was decided lately, newest first.
SELECT i.review_item_id, i.kind, i.subject, i.amount, i.currency, i.opened_at, i.resolved_at,
    i.resolved_by, i.resolution, p.reference, coalesce(i.session_id, p.session_id) AS session_id
FROM review_item i LEFT JOIN payment p USING (payment_id)
WHERE i.resolved_at IS NOT NULL
    -- sessions that people decided about have a list of their own
    AND NOT (i.kind = 'quarantine' AND EXISTS (SELECT FROM session_decision d
        WHERE d.session_id = i.session_id))
ORDER BY i.resolved_at DESC, i.review_item_id DESC LIMIT :at_most;

-- name: count_open$
-- How many review items wait for somebody.
SELECT count(*) FROM review_item WHERE resolved_at IS NULL;

-- name: open_payouts^
-- Payouts that Stripe has made and the bank has not: how many, how much, when they arrive.
SELECT count(*) AS payouts, coalesce(sum(amount), 0)::bigint AS amount, min(created_at) AS oldest_at,
    max(arrives_at) AS arrives_at
FROM payout
WHERE operator_id = :operator_id AND currency = :currency AND status IN ('pending', 'in_transit');

-- name: take_item$
-- Somebody takes an open item; nothing when it is resolved or was theirs already.
UPDATE review_item SET owner = :owner
WHERE review_item_id = :item_id AND resolved_at IS NULL AND owner IS DISTINCT FROM :owner
RETURNING review_item_id;

-- name: resolve_item$
-- An open item is decided, with a note and what the payment's machine is to do, if it asks; the
-- first one counts.
UPDATE review_item SET resolved_at = now(), resolved_by = :by, resolution = :note,
    decision = :decision
WHERE review_item_id = :item_id AND resolved_at IS NULL
RETURNING review_item_id;

-- name: payment_by_reference^
-- A payment with what it is for.
SELECT p.*, e.public_code, e.station_id, e.evse_id, site.name AS site
FROM payment p
LEFT JOIN evse e USING (evse_key)
LEFT JOIN station st ON st.station_id = e.station_id
LEFT JOIN site ON site.site_id = st.site_id
WHERE p.reference = upper(:reference);

-- name: payment_of_session^
-- The payment of a session, if it has one.
SELECT p.*, e.public_code, e.station_id, e.evse_id, site.name AS site
FROM payment p
LEFT JOIN evse e USING (evse_key)
LEFT JOIN station st ON st.station_id = e.station_id
LEFT JOIN site ON site.site_id = st.site_id
WHERE p.session_id = :session_id;

-- name: session^
-- A session and where it was.
SELECT s.*, e.public_code, site.name AS site, site.currency
FROM session s
LEFT JOIN evse e USING (evse_key)
LEFT JOIN site USING (site_id)
WHERE s.session_id = :session_id;

-- name: cdrs
-- What a session was priced at: the record in force first, corrections by their own rows.
SELECT c.cdr_id, c.net, c.vat, c.gross, c.currency, c.energy_wh, c.is_credit, c.corrects_cdr_id,
    c.created_at, c.tariff_hash, c.document ->> 'kilowatch' AS kilowatch
FROM cdr c WHERE c.session_id = :session_id
ORDER BY c.is_credit, c.cdr_id DESC;

-- name: receipts_of
-- Receipts and credit notes of a session or payment, oldest first.
SELECT r.receipt_id, r.shown_number, r.issued_at, r.net, r.vat, r.gross, r.currency, r.paid,
    r.due, r.written_off, r.credits_receipt_id, r.reason, r.document -> 'lines' AS lines, r.secret
FROM receipt r
WHERE r.session_id = :session_id OR r.payment_id = :payment_id
ORDER BY r.issued_at, r.receipt_id;

-- name: bookings_of
-- Every entry booked for a session or payment, journal by journal.
SELECT j.journal_id, j.booked_at, j.kind, j.external_id, j.requested_by, j.reverses_journal_id,
    e.line, e.account, a.name AS account_name, e.amount, e.currency
FROM journal j JOIN entry e USING (journal_id) JOIN account a USING (account)
WHERE j.session_id = :session_id OR j.payment_id = :payment_id
ORDER BY j.booked_at, j.journal_id, e.line;

-- name: balance_of
-- What Stripe booked for a payment, and in which payout it went to the bank.
SELECT b.balance_transaction_id, b.type, b.source_id, b.amount, b.fee, b.net, b.currency,
    b.created_at, b.available_at, b.payout_id
FROM balance_transaction b WHERE b.payment_id = :payment_id
ORDER BY b.created_at, b.balance_transaction_id;

-- name: payouts_of
-- The payouts that hold money of a payment: its part, the others' and the whole.
SELECT o.payout_id, o.amount, o.currency, o.status, o.created_at, o.arrives_at, t.parts, t.mine,
    t.mine_count, t.others
FROM payout o
CROSS JOIN LATERAL (
    SELECT count(*) AS parts, coalesce(sum(b.net), 0)::bigint AS total,
        coalesce(sum(b.net) FILTER (WHERE b.payment_id = :payment_id), 0)::bigint AS mine,
        count(*) FILTER (WHERE b.payment_id = :payment_id) AS mine_count,
        coalesce(sum(b.net) FILTER (WHERE b.payment_id IS DISTINCT FROM :payment_id), 0)::bigint
            AS others
    FROM balance_transaction b WHERE b.payout_id = o.payout_id AND b.type <> 'payout'
) t
WHERE o.payout_id IN (SELECT b.payout_id FROM balance_transaction b
    WHERE b.payment_id = :payment_id)
ORDER BY o.created_at;

-- name: events_of
-- How a payment came to its state.
SELECT at, from_state, to_state, why FROM payment_event WHERE payment_id = :payment_id
ORDER BY state_version;

-- name: refunds_of
-- What was asked to be given back, and what became of it.
SELECT q.refund_request_id, q.kind, q.amount, q.reason, q.requested_by, q.requested_at, q.status,
    q.refund_id, q.outcome, q.finished_at, r.shown_number
FROM refund_request q LEFT JOIN receipt r ON r.receipt_id = q.receipt_id
WHERE q.payment_id = :payment_id ORDER BY q.requested_at, q.refund_request_id;

-- name: disputes_of
-- Disputes about a payment.
SELECT dispute_id, amount, currency, reason, status, evidence_due_at, opened_at, closed_at
FROM dispute WHERE payment_id = :payment_id ORDER BY opened_at;

-- name: reviews_of
-- Review items about a payment or session, open ones first.
SELECT review_item_id, kind, subject, amount, currency, opened_at, resolved_at, resolution
FROM review_item WHERE payment_id = :payment_id OR session_id = :session_id
ORDER BY resolved_at NULLS FIRST, opened_at;

-- name: mails_of
-- Mails about receipts, newest first, and whether they got there.
SELECT m.recipient, m.kind, m.created_at, m.sent_at, m.failed_at, m.error
FROM mail m
WHERE m.parameters ->> 'receipt_id' = ANY(:receipt_ids::text[])
ORDER BY m.created_at DESC, m.mail_id DESC LIMIT 5;

-- name: lock_payment$
-- Keeps everybody else's request waiting until ours is in.
SELECT payment_id FROM payment WHERE payment_id = :payment_id FOR UPDATE;

-- name: refundable^
-- What of a payment may still be given back. Asked after the lock was had: a statement that waits
-- for a lock itself sees the requests of before it waited.
SELECT p.payment_id, p.reference, p.currency, p.captured, p.captured - p.refunded - coalesce((
    SELECT sum(q.amount) FROM refund_request q
    WHERE q.payment_id = p.payment_id AND q.status IN ('requested', 'sent')), 0)::bigint AS remaining
FROM payment p WHERE p.payment_id = :payment_id;

-- name: ask_refund$
-- A refund for the worker to send; nothing when the same form was sent before.
INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by, form_key)
VALUES (:payment_id, :kind, :amount, :reason, :requested_by, :form_key)
ON CONFLICT (form_key) DO NOTHING
RETURNING refund_request_id;

-- name: ask_mail$
-- A mail for the worker to send; nothing when the same form was sent before.
INSERT INTO mail (recipient, kind, language, parameters, idempotency_key)
VALUES (:recipient, :kind, :language, :parameters, :key)
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING mail_id;

-- name: ask_file$
-- A file for the worker to make.
INSERT INTO file_request (kind, parameters, requested_by)
VALUES (:kind, :parameters, :requested_by)
RETURNING file_request_id;

-- name: file_state^
-- How far a file has come; without its content.
SELECT file_request_id, kind, requested_by, requested_at, finished_at, file_name, error
FROM file_request WHERE file_request_id = :file_id AND requested_by = :requested_by;

-- name: file^
-- A finished file, for the one who asked for it.
SELECT kind, file_name, media_type, content FROM file_request
WHERE file_request_id = :file_id AND requested_by = :requested_by AND content IS NOT NULL;

-- name: audit!
-- Who did what to which payment, item or month.
INSERT INTO audit_log (actor, action, subject, detail)
VALUES (:actor, :action, :subject, :detail);

-- name: receipts
-- Receipts and credit notes, newest first, from a place in that order on; all or one number.
SELECT r.receipt_id, r.shown_number, r.issued_at, r.net, r.vat, r.gross, r.currency, r.paid,
    r.due, r.written_off, r.reason, r.secret, r.session_id, p.reference,
    c.shown_number AS credits_number, site.name AS site,
    (SELECT array_agg(n.shown_number ORDER BY n.receipt_id) FROM receipt n
        WHERE n.credits_receipt_id = r.receipt_id) AS credit_notes
FROM receipt r
LEFT JOIN receipt c ON c.receipt_id = r.credits_receipt_id
LEFT JOIN payment p ON p.payment_id = r.payment_id
LEFT JOIN session s ON s.session_id = r.session_id
LEFT JOIN site ON site.site_id = s.site_id
WHERE (:number::bigint IS NULL OR r.number = :number)
    AND (:series::text IS NULL OR r.series = :series)
    AND (:credits_only IS NOT TRUE OR r.credits_receipt_id IS NOT NULL)
    AND (r.issued_at, r.receipt_id) < (:before_at::timestamptz, :before_id::bigint)
ORDER BY r.issued_at DESC, r.receipt_id DESC LIMIT :at_most;

-- name: find_payments
-- At most fifty payments by what a caller knows: reference, public code, the card's last four
-- digits and perhaps an amount and a time, an amount and a time, or a receipt number. Newest first.
WITH hit AS MATERIALIZED (
    SELECT DISTINCT payment_id FROM (
        SELECT payment_id FROM payment WHERE reference = :reference
        UNION ALL
        (SELECT payment_id FROM payment
         WHERE evse_key = (SELECT evse_key FROM evse WHERE public_code = :public_code)
         ORDER BY created_at DESC LIMIT 50)
        UNION ALL
        (SELECT payment_id FROM payment WHERE card_last4 = :card
             AND (:amount::bigint IS NULL
                 OR :amount IN (captured, hold, refunded, captured - refunded))
             AND created_at >= coalesce(:since::timestamptz, '-infinity')
             AND created_at < coalesce(:until::timestamptz, 'infinity')
         ORDER BY created_at DESC LIMIT 50)
        UNION ALL
        (SELECT payment_id FROM payment WHERE :card::text IS NULL
             AND :amount::bigint IN (captured, hold, refunded, captured - refunded)
             AND created_at >= :since::timestamptz AND created_at < :until::timestamptz
         ORDER BY created_at DESC LIMIT 50)
        UNION ALL
        (SELECT payment_id FROM receipt WHERE number = :number
             AND (:series::text IS NULL OR series = :series) AND payment_id IS NOT NULL LIMIT 50)
    ) one LIMIT 50
)
SELECT p.payment_id, p.reference, p.state, p.failure, p.created_at, p.currency, p.hold, p.held,
    p.captured, p.refunded, p.cost, p.energy_wh, p.card_brand, p.card_last4, p.session_id,
    e.public_code, e.station_id, e.evse_id, site.name AS site, r.shown_number
FROM hit
-- each hit is looked up: a plan for all cases would read the whole table
CROSS JOIN LATERAL (SELECT * FROM payment y WHERE y.payment_id = hit.payment_id LIMIT 1) p
LEFT JOIN evse e USING (evse_key)
LEFT JOIN station st ON st.station_id = e.station_id
LEFT JOIN site ON site.site_id = st.site_id
LEFT JOIN LATERAL (
    SELECT r.shown_number FROM receipt r
    WHERE r.payment_id = p.payment_id AND r.credits_receipt_id IS NULL
    ORDER BY r.issued_at DESC LIMIT 1
) r ON true
ORDER BY p.created_at DESC;

-- name: newest_payments
-- The last payments, for an empty search.
SELECT p.payment_id, p.reference, p.state, p.failure, p.created_at, p.currency, p.hold, p.held,
    p.captured, p.refunded, p.cost, p.energy_wh, p.card_brand, p.card_last4, p.session_id,
    e.public_code, e.station_id, e.evse_id, site.name AS site, r.shown_number
FROM payment p
LEFT JOIN evse e USING (evse_key)
LEFT JOIN station st ON st.station_id = e.station_id
LEFT JOIN site ON site.site_id = st.site_id
LEFT JOIN LATERAL (
    SELECT r.shown_number FROM receipt r
    WHERE r.payment_id = p.payment_id AND r.credits_receipt_id IS NULL
    ORDER BY r.issued_at DESC LIMIT 1
) r ON true
ORDER BY p.created_at DESC, p.payment_id DESC LIMIT :at_most;

-- name: running_payments
-- The payments of running sessions, for their stations' pages.
SELECT p.payment_id, p.session_id, p.evse_key, p.reference, p.state, p.cost, p.cost_at, p.currency, p.hold
FROM payment p
WHERE p.evse_key = ANY(:evse_keys)
    AND p.state IN ('authorised', 'start_requested', 'charging', 'stopping');

-- name: costs
-- What running payments cost so far.
SELECT payment_id, cost, currency, hold FROM payment WHERE payment_id = ANY(:payment_ids);

-- name: tariffs
-- All tariffs and where they apply.
SELECT t.tariff_id, t.document, nullif(t.valid_from, '-infinity') AS valid_from,
    nullif(t.valid_until, 'infinity') AS valid_until, t.added_at, x.currency,
    x.energy_per_kwh_incl_vat, x.energy_varies, x.has_more,
    (SELECT count(*) FROM tariffs_at(now()) a WHERE a.tariff_id = t.tariff_id) AS evses,
    (SELECT array_agg(place ORDER BY place) FROM (
        SELECT DISTINCT coalesce(o.name, site.name, a.station_id, e.public_code, e.station_id)
            AS place
        FROM tariff_assignment a
        LEFT JOIN operator o ON o.operator_id = a.operator_id
        LEFT JOIN site ON site.site_id = a.site_id
        LEFT JOIN evse e ON e.evse_key = a.evse_key
        WHERE a.tariff_id = t.tariff_id) named) AS places
FROM tariff t JOIN tariff_price x USING (tariff_id)
ORDER BY evses DESC, t.tariff_id;
