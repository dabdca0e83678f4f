-- What drivers see and do on their account's pages.

-- name: add_link(token_hash, email, language, now, expires_at)!
-- A link to sign in with; those that ended long ago are forgotten.
WITH old AS (DELETE FROM login_link WHERE expires_at < :now::timestamptz - interval '7 days')
INSERT INTO login_link (token_hash, email, language, created_at, expires_at)
VALUES (:token_hash, :email, :language, :now, :expires_at);

-- name: mail_link(email, language, parameters, now)!
-- Send it.
INSERT INTO mail (recipient, kind, language, parameters, created_at, next_at)
VALUES (:email, 'login_link', :language, :parameters::jsonb, :now, :now);

-- name: good_link(token_hash, now)^
-- Whom a link is for, while it is good.
SELECT email, expires_at FROM login_link
WHERE token_hash = :token_hash AND used_at IS NULL AND expires_at > :now;

-- name: use_link(token_hash, now)$
-- Whom a link is for; from now on it is good for nothing.
UPDATE login_link SET used_at = :now
WHERE token_hash = :token_hash AND used_at IS NULL AND expires_at > :now
RETURNING email;

-- name: put_driver(email, language, now)$
-- The account of an address, made if there is none.
INSERT INTO driver (email, language, created_at) VALUES (:email, :language, :now)
ON CONFLICT (lower(email)) DO UPDATE SET language = excluded.language
RETURNING driver_id;

-- name: put_app_token(driver_id, id_token, now)!
-- The token that starts charging from the page; one per driver.
INSERT INTO id_token (id_token, driver_id, kind, linked_at)
SELECT :id_token, driver_id, 'app', :now FROM driver d
WHERE driver_id = :driver_id AND NOT EXISTS (
    SELECT FROM id_token t WHERE t.driver_id = d.driver_id AND t.kind = 'app');

-- name: add_session(secret_hash, driver_id, now, expires_at)!
-- Signed in on one more device.
INSERT INTO driver_session (secret_hash, driver_id, created_at, seen_at, expires_at)
VALUES (:secret_hash, :driver_id, :now, :now, :expires_at);

-- name: signed_in(secret_hash, now)^
-- The driver of a session that goes on.
SELECT d.driver_id, d.email, d.name, d.language, d.company_id, c.name AS company,
    d.payment_method_id IS NOT NULL AS has_card, d.card_brand, d.card_last4, d.card_expires,
    d.blocked_at, s.seen_at
FROM driver_session s JOIN driver d USING (driver_id) LEFT JOIN company c USING (company_id)
WHERE s.secret_hash = :secret_hash AND s.ended_at IS NULL AND s.expires_at > :now
    AND d.deleted_at IS NULL;

-- name: note_seen(secret_hash, now)!
-- When a session was used last; an hour more or less does not matter.
UPDATE driver_session SET seen_at = :now
WHERE secret_hash = :secret_hash AND seen_at < :now::timestamptz - interval '1 hour';

-- name: end_session(secret_hash, now)!
-- Signed out here.
UPDATE driver_session SET ended_at = :now WHERE secret_hash = :secret_hash AND ended_at IS NULL;

-- name: end_sessions(driver_id, now)!
-- Signed out everywhere.
UPDATE driver_session SET ended_at = :now WHERE driver_id = :driver_id AND ended_at IS NULL;

-- name: sessions_of(driver_id, from_at, until_at)
-- A driver's sessions that began within a time, newest first, with what they cost.
SELECT s.session_id, s.started_at, s.ended_at, s.energy_wh, i.name AS site, e.public_code,
    p.state, p.channel, p.quarantined_until, p.pay_secret, r.gross, r.currency, r.due, r.shown_number,
    r.secret, coalesce(n.credited, 0)::bigint AS credited
FROM session s
LEFT JOIN site i USING (site_id)
LEFT JOIN evse e ON e.evse_key = s.evse_key
LEFT JOIN payment p ON p.session_id = s.session_id
LEFT JOIN LATERAL (
    SELECT * FROM receipt r WHERE r.session_id = s.session_id AND r.credits_receipt_id IS NULL
    ORDER BY r.receipt_id DESC LIMIT 1
) r ON true
LEFT JOIN LATERAL (
    SELECT sum(gross) AS credited FROM receipt n WHERE n.credits_receipt_id = r.receipt_id
) n ON true
WHERE s.driver_id = :driver_id AND s.ended_at IS NOT NULL
    AND s.started_at >= :from_at AND s.started_at < :until_at
ORDER BY s.started_at DESC LIMIT 500;

-- name: running_of(driver_id)
-- A driver's sessions that go on.
SELECT s.session_id, s.started_at, s.energy_wh, s.power_w, s.last_reading_at, i.name AS site,
    e.public_code, v.is_online, pr.energy_per_kwh_incl_vat AS per_kwh, pr.currency
FROM session s
LEFT JOIN site i USING (site_id)
LEFT JOIN evse e ON e.evse_key = s.evse_key
LEFT JOIN evse_state v ON v.evse_key = s.evse_key
LEFT JOIN evse_price pr ON pr.evse_key = s.evse_key
WHERE s.driver_id = :driver_id AND s.ended_at IS NULL ORDER BY s.started_at DESC LIMIT 10;

-- name: months_of(driver_id, from_at, zone)
-- Sums per month of the driver's receipts and credit notes, oldest first.
SELECT date_trunc('month', s.started_at AT TIME ZONE :zone)::date AS month, r.currency,
    sum(r.gross)::bigint AS gross
FROM session s JOIN receipt r USING (session_id)
WHERE s.driver_id = :driver_id AND s.started_at >= :from_at
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: due_of(driver_id)
-- What a driver owes, oldest first.
SELECT payment_id, reference, gross, currency, due_since, pay_secret FROM payment
WHERE driver_id = :driver_id AND channel = 'registered' AND state = 'receivable'
ORDER BY due_since;

-- name: tokens_of(driver_id)
-- A driver's tags.
SELECT id_token, label, status, blocked_by, linked_at FROM id_token
WHERE driver_id = :driver_id AND kind = 'rfid' ORDER BY linked_at, id_token;

-- name: lock_driver(driver_id)$
-- The driver's row is ours until the transaction ends; whether the tags may charge.
SELECT blocked_at IS NULL FROM driver
WHERE driver_id = :driver_id AND deleted_at IS NULL FOR UPDATE;

-- name: claim_token(driver_id, numbers, label, now, at_most)!
-- A tag that staff have accepted and nobody has becomes this driver's, if there is room for it. A
-- guest's one-time token is nobody's tag.
UPDATE id_token t SET driver_id = :driver_id, label = :label, linked_at = :now, status = 'Accepted',
    blocked_by = NULL
WHERE t.id_token = (
        SELECT i.id_token FROM id_token i WHERE lower(i.id_token) = ANY(:numbers::text[])
        ORDER BY i.id_token LIMIT 1)
    AND t.driver_id IS NULL AND t.company_id IS NULL AND t.kind = 'rfid'
    AND (t.status = 'Accepted' OR t.blocked_by = 'removed')
    AND (t.expires_at IS NULL OR t.expires_at > :now)
    AND NOT EXISTS (SELECT FROM payment p WHERE p.id_token = t.id_token)
    AND (SELECT count(*) FROM id_token m WHERE m.driver_id = :driver_id AND m.kind = 'rfid')
        < :at_most;

-- name: block_token(driver_id, id_token)!
-- The driver's own wish: lost, or lent too long.
UPDATE id_token SET status = 'Blocked', blocked_by = 'driver'
WHERE driver_id = :driver_id AND id_token = :id_token AND kind = 'rfid' AND status = 'Accepted';

-- name: open_token(driver_id, id_token)!
-- What the driver has blocked, the driver may open.
UPDATE id_token t SET status = 'Accepted', blocked_by = NULL
FROM driver d
WHERE d.driver_id = t.driver_id AND d.blocked_at IS NULL AND t.driver_id = :driver_id
    AND t.id_token = :id_token AND t.blocked_by = 'driver';

-- name: remove_token(driver_id, id_token)!
-- The tag is nobody's and starts nothing: else whoever holds it would charge for free. One that
-- staff have blocked stays blocked by them.
UPDATE id_token SET driver_id = NULL, label = NULL, linked_at = NULL,
    blocked_by = CASE WHEN status = 'Accepted' OR blocked_by IS NOT NULL THEN 'removed' END,
    status = CASE WHEN status = 'Accepted' THEN 'Blocked' ELSE status END
WHERE driver_id = :driver_id AND id_token = :id_token AND kind = 'rfid';

-- name: ask_for_card(driver_id, language, now)$
-- The driver wants to save a card: the page that is open, or a new one.
WITH known AS (
    SELECT card_setup_id FROM card_setup
    WHERE driver_id = :driver_id AND status = 'open' AND language = :language
        AND checkout_expires_at > :now::timestamptz + interval '1 minute'
    ORDER BY card_setup_id DESC LIMIT 1
), new AS (
    INSERT INTO card_setup (driver_id, language, created_at)
    SELECT :driver_id, :language, :now WHERE NOT EXISTS (SELECT FROM known)
    RETURNING card_setup_id
)
SELECT card_setup_id FROM known UNION ALL SELECT card_setup_id FROM new;

-- name: card_page(card_setup_id)^
-- How far the page to save a card on has come.
SELECT status, checkout_url FROM card_setup WHERE card_setup_id = :card_setup_id;

-- name: remove_card(driver_id)!
-- No card any more; a trigger has Stripe forget it.
UPDATE driver SET payment_method_id = NULL, card_brand = NULL, card_last4 = NULL, card_expires = NULL
WHERE driver_id = :driver_id AND payment_method_id IS NOT NULL;

-- name: payment_to_pay(secret)^
-- What is due behind a link: the payment, its session and its page at Stripe.
SELECT p.payment_id, p.reference, p.state, p.gross, p.currency, p.charge_problem, p.checkout_status,
    p.checkout_url, p.checkout_expires_at, p.checkouts, s.started_at, s.ended_at, p.energy_wh,
    i.name AS site, coalesce(i.time_zone, '') AS time_zone, e.public_code, r.shown_number,
    r.secret AS receipt_secret
FROM payment p
LEFT JOIN session s USING (session_id)
LEFT JOIN site i ON i.site_id = s.site_id
LEFT JOIN evse e ON e.evse_key = p.evse_key
LEFT JOIN receipt r ON r.receipt_id = p.receipt_id
WHERE p.pay_secret = :secret;

-- name: ask_to_pay(payment_id, now)$
-- The driver waits for a page to pay on; one that is open and good for a while is that page.
UPDATE payment SET look_at = :now, pay_requested_at = CASE WHEN checkout_status = 'open'
        AND checkout_expires_at > :now::timestamptz + interval '1 minute'
    THEN pay_requested_at ELSE :now END
WHERE payment_id = :payment_id AND state = 'receivable' RETURNING payment_id;

-- name: pay_page(payment_id, now)^
-- How far the page to pay on has come.
SELECT state, CASE WHEN checkout_status = 'open'
    AND checkout_expires_at > :now::timestamptz + interval '1 minute' THEN checkout_url END AS url
FROM payment WHERE payment_id = :payment_id;

-- name: statements_of(driver_id)
-- A driver's monthly statements, newest first.
SELECT statement_id, month, currency, sessions, energy_wh, gross FROM statement
WHERE driver_id = :driver_id ORDER BY month DESC, currency LIMIT 60;

-- name: statement_of(driver_id, statement_id)^
-- One of a driver's own statements.
SELECT * FROM statement WHERE driver_id = :driver_id AND statement_id = :statement_id;

-- name: papers_of(driver_id, month, currency)
-- The receipts and credit notes a statement is the sum of.
SELECT r.receipt_id, r.shown_number, r.issued_at, r.net, r.vat, r.gross, r.secret, i.name AS site,
    s.started_at, s.ended_at, c.energy_wh, r.credits_receipt_id IS NOT NULL AS is_credit
FROM receipt r
JOIN payment p ON p.payment_id = r.payment_id
LEFT JOIN session s ON s.session_id = r.session_id
LEFT JOIN site i ON i.site_id = s.site_id
LEFT JOIN cdr c ON c.cdr_id = r.cdr_id
WHERE p.driver_id = :driver_id AND p.channel = 'registered' AND r.currency = :currency
    AND r.issued_at >= book_time(:month::date)
    AND r.issued_at < book_time((:month::date + interval '1 month')::date)
ORDER BY r.issued_at, r.receipt_id;

-- name: invoice_by_secret(secret)^
-- A collective invoice behind its link.
SELECT v.invoice_id, v.shown_number, v.month, v.issued_at, v.due_at, v.currency, v.net, v.vat, v.gross,
    v.paid, v.status, v.document::text AS document
FROM invoice v WHERE v.secret = :secret;

-- name: open_business(driver_id)$
-- Whether something is going on: a session, a charge, a debt.
SELECT EXISTS (SELECT FROM session s WHERE s.driver_id = :driver_id AND s.ended_at IS NULL)
    OR EXISTS (SELECT FROM ended_session q JOIN session s USING (session_id)
        WHERE s.driver_id = :driver_id)
    OR EXISTS (SELECT FROM payment p WHERE p.driver_id = :driver_id AND p.state IN ('completed',
        'capturing', 'refund_pending') OR p.driver_id = :driver_id AND p.state = 'receivable'
        AND p.channel = 'registered');

-- name: forget_driver(driver_id, email, customer_id, now)!
-- Everything personal of an account goes: here, in mails, tags, calls and events.
WITH tags AS (
    UPDATE id_token SET driver_id = NULL, label = NULL, linked_at = NULL,
        blocked_by = CASE WHEN kind = 'rfid' THEN 'removed' END,
        status = CASE WHEN kind = 'rfid' THEN 'Blocked' ELSE 'Invalid' END
    WHERE driver_id = :driver_id
), links AS (
    DELETE FROM login_link WHERE lower(email) = lower(:email)
), mails AS (
    DELETE FROM mail WHERE lower(recipient) = lower(:email)
), sessions AS (
    DELETE FROM driver_session WHERE driver_id = :driver_id
), payments AS (
    UPDATE payment SET email = NULL WHERE driver_id = :driver_id
), calls AS (
    UPDATE outbox o SET parameters = CASE WHEN o.call = 'setup' THEN '{}' ELSE o.parameters END,
        response = o.response - 'email'
    WHERE o.driver_id = :driver_id
        OR o.payment_id IN (SELECT payment_id FROM payment WHERE driver_id = :driver_id)
), events AS (
    UPDATE stripe_event SET payload = payload #- '{data,object,customer_details}'
        #- '{data,object,billing_details}' #- '{data,object,email}'
    WHERE payload #>> '{data,object,customer}' = :customer_id
        OR payload #>> '{data,object,id}' = :customer_id
), stripe AS (
    INSERT INTO outbox (driver_id, call, idempotency_key, parameters, created_at, next_at, wanted_at)
    SELECT :driver_id, 'forget', 'kw-forget-' || :customer_id::text,
        jsonb_build_object('customer', :customer_id::text), :now, :now, :now
    WHERE :customer_id::text IS NOT NULL ON CONFLICT (idempotency_key) DO NOTHING
)
UPDATE driver SET email = NULL, name = NULL, customer_id = NULL, payment_method_id = NULL,
    card_brand = NULL, card_last4 = NULL, card_expires = NULL, company_id = NULL, deleted_at = :now
WHERE driver_id = :driver_id AND deleted_at IS NULL;

-- name: customer_of(driver_id)$
-- Who the driver is at Stripe.
SELECT customer_id FROM driver WHERE driver_id = :driver_id;
