-- What the pages of drivers read and ask for: prices, one's own payment, receipts, fault reports.

-- name: prices
-- The price to show at every evse that has one.
SELECT evse_key, currency, energy_per_kwh_incl_vat, energy_varies, has_more FROM evse_price;

-- name: offer^
-- Whether one evse can be started, and what it would cost: the tariff's text keeps its decimals.
SELECT s.why, s.cable_in, p.tariff_hash, p.currency, t.document::text AS document,
    coalesce(i.operator_id, (SELECT min(operator_id) FROM operator)) AS operator_id
FROM evse_startable s
JOIN evse e USING (evse_key)
JOIN station USING (station_id)
LEFT JOIN site i USING (site_id)
LEFT JOIN evse_price p USING (evse_key)
LEFT JOIN LATERAL (SELECT document FROM tariff WHERE hash = p.tariff_hash LIMIT 1) t ON true
WHERE s.evse_key = :evse_key;

-- name: tariff_text$
-- A frozen tariff's document by its hash.
SELECT document::text FROM tariff WHERE hash = :tariff_hash LIMIT 1;

-- name: own_payment^
-- The payment that its payer should see at an evse: the running one, else the one that is named,
-- else the newest.
SELECT p.payment_id, p.reference, p.evse_key, p.state, p.state_at, p.created_at, p.currency, p.hold,
    p.captured, p.refunded, p.written_off, p.tariff_hash, p.checkout_url, p.checkout_expires_at,
    p.intent_status, p.card_brand, p.card_last4, p.start_by, p.cancel_requested_at,
    p.stop_requested_at, p.stop_requested_by, p.energy_wh, p.cost, p.cost_at, p.authorised_at,
    p.captured_at, p.released_at, p.failure, p.quarantined_until, p.session_id, p.email IS NOT NULL AS has_email,
    s.started_at, s.ended_at, s.power_w, s.charging_state, s.state_at AS charging_state_at,
    v.state AS evse_state, v.is_online, v.contact_changed_at,
    stop.status AS stop_status, stop.response ->> 'status' AS stop_answer,
    coalesce(stop.requested_at, p.stop_requested_at) AS stop_sent_at,
    (SELECT min(o.next_at) FROM outbox o WHERE o.payment_id = p.payment_id
        AND o.finished_at IS NULL AND o.attempts > 0) AS next_try_at,
    (SELECT max(e.at) FROM payment_event e WHERE e.payment_id = p.payment_id
        AND e.to_state = 'releasing') AS releasing_at,
    r.receipt_id, r.shown_number, r.secret, r.net, r.vat, r.gross, r.document::text AS document
FROM payment p
JOIN evse_state v USING (evse_key)
LEFT JOIN session s ON s.session_id = p.session_id
LEFT JOIN command stop ON stop.command_id = p.stop_command_id
LEFT JOIN LATERAL (
    SELECT * FROM receipt WHERE payment_id = p.payment_id AND credits_receipt_id IS NULL
    ORDER BY receipt_id DESC LIMIT 1
) r ON true
WHERE p.owner_hash = :owner_hash AND p.evse_key = :evse_key
ORDER BY p.state IN ('authorised', 'start_requested', 'charging', 'stopping') DESC,
    p.reference = :reference DESC, p.created_at DESC
LIMIT 1;

-- name: power_curve
-- The power of a session in at most sixty steps.
SELECT round(max(seconds))::int AS seconds, avg(power_w) AS power_w
FROM (
    SELECT extract(epoch FROM measured_at - :started_at)::float8 AS seconds, power_w::float8 AS power_w
    FROM meter_value
    WHERE evse_key = :evse_key AND session_id = :session_id AND power_w IS NOT NULL
        AND measured_at BETWEEN :started_at AND :now
) readings
GROUP BY width_bucket(seconds, 0, greatest(extract(epoch FROM :now::timestamptz - :started_at::timestamptz)::float8, 1), 60)
ORDER BY 1;

-- name: lock_payer!
-- One request of a payer at a time: until the transaction ends, the others wait here.
SELECT pg_advisory_xact_lock(hashtextextended(:owner_hash::bytea::text, :evse_key));

-- name: unpaid_payments
-- A payer's payments at an evse that nothing has been paid for and that can still be paid.
SELECT payment_id, reference, state, hold, currency, tariff_hash, checkout_url
FROM payment
WHERE owner_hash = :owner_hash AND evse_key = :evse_key AND state IN ('created', 'awaiting_payment')
    AND cancel_requested_at IS NULL
    AND (checkout_expires_at IS NULL OR checkout_expires_at > :now::timestamptz + interval '1 minute')
ORDER BY created_at DESC;

-- name: running_payment$
-- The reference of a payer's payment at an evse that money is held for.
SELECT reference FROM payment
WHERE owner_hash = :owner_hash AND evse_key = :evse_key
    AND state IN ('authorised', 'start_requested', 'charging', 'stopping')
LIMIT 1;

-- name: add_payment$
-- Ask for a payment, if its evse can be started right now; its number, or nothing.
INSERT INTO payment (reference, channel, operator_id, evse_key, owner_hash, language, currency, hold,
    tariff_hash, price_shown_at, created_at, state_at, look_at)
SELECT :reference, 'guest', :operator_id, :evse_key, :owner_hash, :language, :currency, :hold,
    :tariff_hash, :shown_at, :now, :now, :now
FROM evse_startable WHERE evse_key = :evse_key AND why IS NULL
RETURNING payment_id;

-- name: payment_door^
-- How far the making of a payment's checkout has come.
SELECT state, checkout_url, failure, reference FROM payment WHERE payment_id = :payment_id;

-- name: cancel_payments!
-- The payer wants these no longer; nothing happens to those that have got further.
UPDATE payment SET cancel_requested_at = :now
WHERE payment_id = ANY(:payment_ids::bigint[]) AND cancel_requested_at IS NULL
    AND state IN ('created', 'awaiting_payment', 'authorised', 'start_requested');

-- name: cancel_own!
-- The payer takes back what has not begun to charge.
UPDATE payment SET cancel_requested_at = :now
WHERE owner_hash = :owner_hash AND reference = :reference AND cancel_requested_at IS NULL
    AND state IN ('created', 'awaiting_payment', 'authorised', 'start_requested');

-- name: stop_own!
-- The payer wants the charging to end.
UPDATE payment SET stop_requested_at = :now, stop_requested_by = 'driver'
WHERE owner_hash = :owner_hash AND reference = :reference AND stop_requested_at IS NULL
    AND state IN ('charging', 'stopping');

-- name: is_own$
-- Whether a payment at an evse belongs to this payer.
SELECT payment_id FROM payment
WHERE owner_hash = :owner_hash AND reference = :reference AND evse_key = :evse_key;

-- name: set_email!
-- Where the answer and the receipt shall go, before there is a receipt.
UPDATE payment SET email = :email WHERE owner_hash = :owner_hash AND reference = :reference;

-- name: report_fault!
-- What somebody at the charger says is wrong.
INSERT INTO fault_report (evse_key, kind, note, payment_id, reported_at)
VALUES (:evse_key, :kind, :note, :payment_id, :now);

-- name: count_request$
-- How often this caller has asked for this since the window began, this time included.
INSERT INTO request_count (caller, purpose, began_at) VALUES (:caller, :purpose, :began_at)
ON CONFLICT (caller, purpose, began_at) DO UPDATE SET requests = request_count.requests + 1
RETURNING requests;

-- name: forget_requests!
-- Windows that are over.
DELETE FROM request_count WHERE began_at < :before;

-- name: receipt_by_secret^
-- A receipt or credit note by the secret in its link, with what refers to it.
SELECT r.receipt_id, r.shown_number, r.issued_at, r.net, r.vat, r.gross, r.currency, r.paid,
    r.due, r.written_off, r.reason, r.document::text AS document, r.secret, r.payment_id, r.session_id,
    of.shown_number AS of_number, of.secret AS of_secret, of.issued_at AS of_issued_at,
    p.reference, p.hold, p.captured, p.captured_at, p.released_at, p.refunded, p.card_brand, p.card_last4,
    p.authorised_at, p.price_shown_at, p.intent_id, p.tariff_hash, e.public_code
FROM receipt r
LEFT JOIN receipt of ON of.receipt_id = r.credits_receipt_id
LEFT JOIN payment p ON p.payment_id = r.payment_id
LEFT JOIN evse e ON e.evse_key = p.evse_key
WHERE r.secret = :secret;

-- name: credits_of
-- The credit notes that take back a receipt, oldest first.
SELECT shown_number, secret, gross, issued_at FROM receipt
WHERE credits_receipt_id = :receipt_id ORDER BY receipt_id;

-- name: ask_for_file$
-- Ask for a file that is made outside of the web workers.
INSERT INTO file_request (kind, parameters, requested_by)
VALUES (:kind, :parameters, 'driver') RETURNING file_request_id;

-- name: finished_file^
-- A file, once it is made.
SELECT finished_at, file_name, media_type, content, error FROM file_request
WHERE file_request_id = :file_request_id AND finished_at IS NOT NULL;

-- name: ask_for_mail!
-- Send a receipt to an address; the same one twice is one letter.
INSERT INTO mail (recipient, kind, language, parameters, idempotency_key)
VALUES (:recipient, :kind, :language, :parameters, :key)
ON CONFLICT (idempotency_key) DO NOTHING;

-- name: payments_of
-- All payments of one phone, newest first, with their receipts.
SELECT p.payment_id, p.reference, p.state, p.created_at, p.authorised_at, p.currency, p.hold, p.captured, p.refunded,
    p.energy_wh, p.cost, p.failure, p.quarantined_until, p.released_at, e.public_code, i.name AS site, i.time_zone,
    s.started_at, s.ended_at, s.energy_wh AS session_wh,
    r.shown_number, r.secret, r.gross
FROM payment p
JOIN evse e USING (evse_key)
JOIN station USING (station_id)
LEFT JOIN site i USING (site_id)
LEFT JOIN session s ON s.session_id = p.session_id
LEFT JOIN LATERAL (
    SELECT * FROM receipt WHERE payment_id = p.payment_id AND credits_receipt_id IS NULL
    ORDER BY receipt_id DESC LIMIT 1
) r ON true
WHERE p.owner_hash = :owner_hash
ORDER BY p.created_at DESC LIMIT 100;
