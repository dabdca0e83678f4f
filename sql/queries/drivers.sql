-- Registered drivers: their cards and debts, what is charged after a session.

-- name: card_of(driver_id)^
-- A driver's customer and card at Stripe.
SELECT customer_id, payment_method_id FROM driver WHERE driver_id = :driver_id;

-- name: email_of(driver_id)$
-- Where a driver is written to; null once the account is deleted.
SELECT email FROM driver WHERE driver_id = :driver_id;

-- name: pay_secret(payment_id)$
-- What opens the page on which a payment that is due is paid.
SELECT pay_secret FROM payment WHERE payment_id = :payment_id;

-- name: block_driver(driver_id, at)!
-- A driver owes for too long.
UPDATE driver SET blocked_at = :at WHERE driver_id = :driver_id AND blocked_at IS NULL;

-- name: block_tokens(driver_id)!
-- A driver's tags start nothing until the debt is paid.
UPDATE id_token SET status = 'Blocked', blocked_by = 'due'
WHERE driver_id = :driver_id AND status = 'Accepted';

-- name: unblock_driver(driver_id, payment_id, since)!
-- Nothing but this payment has been due since then.
UPDATE driver SET blocked_at = NULL
WHERE driver_id = :driver_id AND blocked_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM payment p WHERE p.driver_id = driver.driver_id AND p.channel = 'registered'
        AND p.state = 'receivable' AND p.due_since <= :since AND p.payment_id <> :payment_id);

-- name: unblock_tokens(driver_id)!
-- The tags that were blocked for a debt start charging again.
UPDATE id_token SET status = 'Accepted', blocked_by = NULL
WHERE driver_id = :driver_id AND blocked_by = 'due';

-- name: setups_to_ask()
-- Pages for saving a card that nobody has asked Stripe for yet.
SELECT c.card_setup_id, c.driver_id, c.key::text, c.language, d.email
FROM card_setup c JOIN driver d USING (driver_id)
WHERE c.status = 'asked' AND d.email IS NOT NULL
    AND NOT EXISTS (SELECT FROM outbox o WHERE o.idempotency_key = 'kw-' || c.key || '-setup')
ORDER BY c.created_at LIMIT 100;

-- name: setups_to_look_at(since)
-- Open pages that Stripe was not asked about since then.
SELECT c.card_setup_id, c.driver_id, c.key::text FROM card_setup c
WHERE c.status = 'open' AND coalesce(c.seen_at, c.created_at) <= :since
    AND NOT EXISTS (SELECT FROM outbox o
        WHERE o.idempotency_key = 'kw-' || c.key || '-card' AND o.finished_at IS NULL)
ORDER BY c.created_at LIMIT 100;

-- name: ask_about_card(driver_id, card_setup_id, call, key, parameters, at)!
-- Ask Stripe once about a driver's card.
INSERT INTO outbox (driver_id, card_setup_id, call, idempotency_key, parameters, created_at,
    next_at, wanted_at)
VALUES (:driver_id, :card_setup_id, :call, :key, :parameters::jsonb, :at, :at, :at)
ON CONFLICT (idempotency_key) DO NOTHING;

-- name: look_at_card(driver_id, card_setup_id, key, at)!
-- Ask Stripe again what was saved.
WITH asked AS (
    INSERT INTO outbox AS o (driver_id, card_setup_id, call, idempotency_key, created_at, next_at,
        wanted_at)
    VALUES (:driver_id, :card_setup_id, 'card', :key, :at, :at, :at)
    ON CONFLICT (idempotency_key) DO UPDATE SET finished_at = NULL, outcome = NULL,
        wanted_at = greatest(o.wanted_at, excluded.wanted_at),
        next_at = CASE WHEN o.finished_at IS NULL THEN o.next_at ELSE excluded.next_at END,
        attempts = CASE WHEN o.finished_at IS NULL THEN o.attempts ELSE 0 END
    RETURNING 1)
SELECT pg_notify('outbox', '') FROM asked;

-- name: setup_of_stripe(key, checkout_id)^
-- The page that an object of Stripe's is about: by our key or as the page itself.
SELECT card_setup_id, driver_id, key::text FROM card_setup
WHERE (key::text = :key OR checkout_id = :checkout_id) AND status IN ('asked', 'open') LIMIT 1;

-- name: lock_setup(card_setup_id)$
-- Whose page it is; page and driver are ours until the transaction ends.
SELECT d.driver_id FROM card_setup c JOIN driver d USING (driver_id)
WHERE c.card_setup_id = :card_setup_id FOR UPDATE;

-- name: keep_customer(driver_id, customer_id)!
-- Who the driver is at Stripe.
UPDATE driver SET customer_id = :customer_id
WHERE driver_id = :driver_id AND customer_id IS NULL AND deleted_at IS NULL;

-- name: setup_seen(card_setup_id, checkout_id, checkout_url, expires_at, status, at)!
-- What Stripe said of a page; what has ended stays so.
UPDATE card_setup SET checkout_id = coalesce(:checkout_id, checkout_id),
    checkout_url = coalesce(:checkout_url, checkout_url),
    checkout_expires_at = coalesce(:expires_at, checkout_expires_at), status = :status, seen_at = :at
WHERE card_setup_id = :card_setup_id AND status IN ('asked', 'open');

-- name: keep_card(driver_id, customer_id, payment_method_id, brand, last4, expires, card_setup_id)!
-- The card that is charged from now on, unless a later page has saved another.
UPDATE driver SET customer_id = coalesce(:customer_id, customer_id),
    payment_method_id = :payment_method_id, card_brand = :brand, card_last4 = :last4,
    card_expires = :expires
WHERE driver_id = :driver_id AND deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM card_setup c WHERE c.driver_id = driver.driver_id AND c.status = 'complete'
        AND c.card_setup_id > :card_setup_id);

-- name: setup_failed(card_setup_id, at)!
-- Stripe made no page.
UPDATE card_setup SET status = 'failed', seen_at = :at
WHERE card_setup_id = :card_setup_id AND status = 'asked';

-- name: claim_ended(at, count)
-- Sessions of the queue, for this worker alone until the transaction ends: fields as Ended of
-- billing/ended.py. Whose a session is, its token said when it began.
SELECT s.session_id,
    coalesce(s.operator_id, i.operator_id, (SELECT min(o.operator_id) FROM operator o)),
    s.evse_key, s.started_at, s.ended_at, p.payment_id, p.state,
    EXISTS (SELECT FROM cdr c WHERE c.session_id = s.session_id), d.driver_id, f.company_id,
    coalesce(d.language, f.language, 'sv'), d.email
FROM (
    SELECT session_id FROM ended_session WHERE look_at <= :at
    ORDER BY look_at, session_id LIMIT :count FOR UPDATE SKIP LOCKED
) due
JOIN session s USING (session_id)
LEFT JOIN site i ON i.site_id = s.site_id
LEFT JOIN LATERAL (
    SELECT payment_id, state FROM payment
    WHERE session_id = s.session_id OR lower(id_token) = lower(s.id_token)
    ORDER BY session_id = s.session_id DESC NULLS LAST LIMIT 1
) p ON true
LEFT JOIN id_token t ON lower(t.id_token) = lower(s.id_token) AND t.linked_at <= s.started_at
LEFT JOIN driver d ON d.driver_id = coalesce(s.driver_id, t.driver_id)
LEFT JOIN company f ON f.company_id = CASE WHEN d.driver_id IS NULL THEN t.company_id
    ELSE d.company_id END
ORDER BY s.session_id;

-- name: add_payment(reference, channel, operator_id, evse_key, session_id, driver_id, company_id, language, email, currency, tariff_hash, at)!
-- A session to be paid for afterwards; nothing when the reference is another's.
INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, driver_id, company_id,
    language, email, state, currency, hold, tariff_hash, created_at, state_at, look_at)
VALUES (:reference, :channel, :operator_id, :evse_key, :session_id, :driver_id, :company_id,
    :language, :email, 'completed', :currency, 0, :tariff_hash, :at, :at, :at)
ON CONFLICT (reference) DO NOTHING;

-- name: note_driver(session_id, driver_id)!
-- Whose session it was, where the token was told after the start.
UPDATE session SET driver_id = :driver_id WHERE session_id = :session_id AND driver_id IS NULL;

-- name: postpone_ended(session_ids, look_at)!
-- Their payments are not over yet.
UPDATE ended_session SET look_at = :look_at WHERE session_id = ANY(:session_ids::bigint[]);

-- name: forget_ended(session_ids)!
-- They have their CDR, or a payment that will write it.
DELETE FROM ended_session WHERE session_id = ANY(:session_ids::bigint[]);

-- name: report_unbilled(session_id, problem, at, look_at)!
-- A session whose CDR can't be written: for people to see, and to be tried again.
WITH later AS (
    UPDATE ended_session SET look_at = :look_at WHERE session_id = :session_id RETURNING session_id)
INSERT INTO review_item (kind, subject, session_id, evidence, opened_at)
SELECT 'unbilled_session', 'session ' || session_id, session_id,
    jsonb_build_object('problem', :problem::text), :at FROM later
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: queue_session(session_id)!
-- A session whose payment has come to nothing still needs its CDR.
INSERT INTO ended_session (session_id) VALUES (:session_id) ON CONFLICT DO NOTHING;
