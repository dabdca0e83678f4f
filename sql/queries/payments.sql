-- Payments: what the machine reads and changes, and the calls to Stripe that wait.

-- name: lock_payment(payment_id)^
-- A payment, held until the transaction ends; fields as billing/payment.py's Payment.
SELECT payment_id, key::text, reference, channel, operator_id, evse_key, session_id, driver_id,
    language, state, state_version, state_at, created_at, currency, hold, held, captured, refunded,
    written_off, tariff_hash, checkout_id, checkout_status, intent_id, intent_status,
    capture_before, charge_id, email, id_token, start_command_id, start_by, cable_in_at,
    stop_command_id, cancel_requested_at, stop_requested_at, stop_requested_by, energy_wh, cost,
    warned_at, authorised_at, quarantined_until, is_estimated, gross, cdr_id, receipt_id,
    charge_problem, due_since, dunned, pay_requested_at, checkouts
FROM payment WHERE payment_id = :payment_id FOR UPDATE;

-- name: evse_of_payment(evse_key)^
-- The evse a payment is for, as the machine's Evse.
SELECT v.station_id, v.evse_id, coalesce(v.public_code, ''), v.site_id, t.ocpp_version,
    v.is_online, coalesce(s.cable_in, false), s.why,
    CASE WHEN v.status = 'Available' THEN v.status_at END
FROM evse_state v JOIN station t USING (station_id) LEFT JOIN evse_startable s USING (evse_key)
WHERE v.evse_key = :evse_key;

-- name: session_of_payment(session_id, id_token, evse_key, since)^
-- The session the payment is for: known already, or the one its one-time token began.
SELECT session_id, transaction_id, started_at, ended_at, energy_wh, last_reading_at, flags
FROM session
WHERE session_id = :session_id
    OR :session_id::bigint IS NULL AND lower(id_token) = lower(:id_token)
        AND (ended_at IS NULL OR evse_key = :evse_key AND started_at > :since)
ORDER BY started_at LIMIT 1;

-- name: freeze_tariff(session_id, tariff_hash)!
-- What the session is priced with.
UPDATE session SET tariff_hash = :tariff_hash WHERE session_id = :session_id AND tariff_hash IS NULL;

-- name: command_of_payment(command_id)^
-- A command of a payment.
SELECT status, response, requested_at FROM command WHERE command_id = :command_id;

-- name: calls_of_payment(payment_id)
-- What Stripe was asked for a payment: the call and how it ended.
SELECT call, outcome FROM outbox WHERE payment_id = :payment_id;

-- name: refunds_of_payment(payment_id)
-- Refunds that are not finished.
SELECT refund_request_id, amount, reason, status, refund_id, outcome, kind, receipt_id
FROM refund_request
WHERE payment_id = :payment_id AND status IN ('requested', 'sent') ORDER BY refund_request_id;

-- name: lock_payment_of_session(session_id)^
-- The payment of a session, held until the transaction ends: number, state.
SELECT payment_id, state FROM payment WHERE session_id = :session_id FOR UPDATE;

-- name: about_session(session_id)^
-- The dimensions of journals about a session: operator, site, station, channel, session, payment.
SELECT coalesce(s.operator_id, p.operator_id, (SELECT min(operator_id) FROM operator)), s.site_id,
    s.station_id, coalesce(p.channel, c.document #>> '{kilowatch,channel}'), s.session_id,
    p.payment_id
FROM session s JOIN cdr c USING (session_id) LEFT JOIN payment p USING (session_id)
WHERE s.session_id = :session_id ORDER BY c.cdr_id LIMIT 1;

-- name: receipt_in_force(payment_id)$
-- The newest receipt of a payment: a correction upwards has credited the one before.
SELECT receipt_id FROM receipt WHERE payment_id = :payment_id AND credits_receipt_id IS NULL
ORDER BY receipt_id DESC LIMIT 1;

-- name: why_corrected(session_id)$
-- The reason people gave when they last changed a session's energy.
SELECT reason FROM session_decision
WHERE session_id = :session_id AND (decision <> 'accept' OR old_wh <> new_wh)
    AND applied_at IS NOT NULL
ORDER BY decision_id DESC LIMIT 1;

-- name: currency_of_cdr(cdr_id)$
-- What a CDR is counted in.
SELECT currency FROM cdr WHERE cdr_id = :cdr_id;

-- name: add_correction(payment_id, amount, reason, receipt_id, at)!
-- Money that a corrected session gives back; its credit note is written already. A guest gets what
-- was paid beyond the new price: what exceeded the hold was written off and never paid.
INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by, requested_at, receipt_id)
SELECT payment_id, 'correction', back, :reason, 'billing', :at, :receipt_id
FROM (
    SELECT p.payment_id, CASE WHEN p.channel <> 'guest' THEN :amount::bigint
        ELSE least(:amount::bigint, p.captured - p.refunded
            - coalesce((SELECT sum(q.amount) FROM refund_request q WHERE q.payment_id = p.payment_id
                AND q.status IN ('requested', 'sent') AND q.receipt_id IS NOT NULL), 0)
            - (SELECT sum(r.gross) FROM receipt r WHERE r.payment_id = p.payment_id)) END AS back
    FROM payment p WHERE p.payment_id = :payment_id
) one WHERE back > 0;

-- name: add_correction_review(payment_id, evidence, at)!
-- A session that turned out to cost more than was charged: a human decides.
INSERT INTO review_item (kind, subject, payment_id, session_id, currency, evidence, opened_at)
SELECT 'correction_due', 'payment ' || reference, payment_id, session_id, currency,
    :evidence::jsonb, :at
FROM payment WHERE payment_id = :payment_id
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: last_cost_told(payment_id)^
-- The newest CostUpdated of a payment: when, what was said, how it ended.
SELECT requested_at, payload ->> 'totalCost', status, response FROM command
WHERE payment_id = :payment_id AND action = 'CostUpdated' ORDER BY command_id DESC LIMIT 1;

-- name: dispute_of_payment(payment_id)^
-- The newest dispute of a payment.
SELECT dispute_id, amount, status FROM dispute
WHERE payment_id = :payment_id ORDER BY opened_at DESC LIMIT 1;

-- name: decision_about(payment_id)$
-- What a human decided last about a payment; resolving without a word means: charge it, and so
-- does any decision about its session, whose energy it has changed by then. That it can't be priced
-- all the same is a new question, with a deadline.
SELECT decision FROM (
    SELECT coalesce(decision, 'charge') AS decision, resolved_at AS at FROM review_item
    WHERE payment_id = :payment_id AND resolved_at IS NOT NULL
        AND (kind IN ('quarantine', 'cannot_price') OR decision IS NOT NULL)
    UNION ALL
    SELECT 'charge', d.decided_at FROM session_decision d JOIN payment p USING (session_id)
    WHERE p.payment_id = :payment_id AND d.applied_at IS NOT NULL
) answer
WHERE decision = 'waive' OR NOT EXISTS (SELECT FROM review_item q
    WHERE q.payment_id = :payment_id AND q.kind = 'cannot_price' AND q.resolved_at IS NULL)
ORDER BY at DESC LIMIT 1;

-- name: add_payment_event(payment_id, state_version, at, from_state, to_state, why, detail)!
-- One line of a payment's trail.
INSERT INTO payment_event (payment_id, state_version, at, from_state, to_state, why, detail)
VALUES (:payment_id, :state_version, :at, :from_state, :to_state, :why, :detail::jsonb);

-- name: add_review(kind, subject, payment_id, session_id, amount, currency, evidence, opened_at, deadline_at)!
-- A row for people to work on; one that is open already stays as it is.
INSERT INTO review_item (kind, subject, payment_id, session_id, amount, currency, evidence,
    opened_at, deadline_at)
VALUES (:kind, :subject, :payment_id, :session_id, :amount, :currency, :evidence::jsonb,
    :opened_at, :deadline_at)
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: add_token(id_token)!
-- A one-time token that may start one session.
INSERT INTO id_token (id_token, status) VALUES (:id_token, 'Accepted');

-- name: end_token(id_token)!
-- It starts nothing any more.
UPDATE id_token SET status = 'Invalid' WHERE id_token = :id_token AND status = 'Accepted';

-- name: add_command(station_id, action, payload, payment_id, requested_by, expires_seconds)$
-- A call to the station; its number.
INSERT INTO command (station_id, action, payload, payment_id, requested_by, expires_at)
VALUES (:station_id, :action, :payload::jsonb, :payment_id, :requested_by,
    now() + make_interval(secs => :expires_seconds))
RETURNING command_id;

-- name: next_start_id()$
-- A number for RequestStartTransaction that no other start has.
SELECT nextval(pg_get_serial_sequence('command', 'command_id'))::bigint;

-- name: ask_stripe(payment_id, call, key, parameters, at)!
-- Ask once: the same call of the same payment is already there or becomes so.
INSERT INTO outbox (payment_id, call, idempotency_key, parameters, created_at, next_at, wanted_at)
VALUES (:payment_id, :call, :key, :parameters::jsonb, :at, :at, :at)
ON CONFLICT (idempotency_key) DO NOTHING;

-- name: look_at_stripe(payment_id, key, at)!
-- Read the payment's objects again: a look that has begun already does not count.
INSERT INTO outbox AS o (payment_id, call, idempotency_key, created_at, next_at, wanted_at)
VALUES (:payment_id, 'look', :key, :at, :at, :at)
ON CONFLICT (idempotency_key) DO UPDATE SET finished_at = NULL, outcome = NULL,
    wanted_at = greatest(o.wanted_at, excluded.wanted_at),
    next_at = CASE WHEN o.finished_at IS NULL THEN o.next_at ELSE excluded.next_at END,
    attempts = CASE WHEN o.finished_at IS NULL THEN o.attempts ELSE 0 END;

-- name: notify_outbox()!
-- A look that is asked for again is no new row: wake the sender all the same.
SELECT pg_notify('outbox', '');

-- name: claim_calls(at, until, count)
-- Calls that are due, for this worker alone until its lease ends.
UPDATE outbox o SET claimed_until = :until, attempts = o.attempts + 1,
    first_sent_at = coalesce(o.first_sent_at, :at)
FROM (
    SELECT outbox_id, payment_id, card_setup_id, driver_id FROM outbox
    WHERE finished_at IS NULL AND next_at <= :at AND (claimed_until IS NULL OR claimed_until <= :at)
    ORDER BY next_at LIMIT :count FOR UPDATE SKIP LOCKED
) due
LEFT JOIN payment p ON p.payment_id = due.payment_id
LEFT JOIN card_setup c ON c.card_setup_id = due.card_setup_id
LEFT JOIN driver d ON d.driver_id = due.driver_id
WHERE o.outbox_id = due.outbox_id
RETURNING o.outbox_id, coalesce(o.payment_id, 0), o.call, o.idempotency_key, o.parameters,
    o.attempts, o.first_sent_at, coalesce(p.checkout_id, c.checkout_id), p.intent_id, p.charge_id,
    o.driver_id, o.card_setup_id, d.customer_id;

-- name: finish_call(outbox_id, outcome, response, error, began_at, at)!
-- How a call ended; a look that was asked for again meanwhile stays open.
UPDATE outbox SET
    finished_at = CASE WHEN call IN ('look', 'card') AND wanted_at > :began_at THEN NULL ELSE :at::timestamptz END,
    outcome = CASE WHEN call IN ('look', 'card') AND wanted_at > :began_at THEN NULL ELSE :outcome END,
    response = :response::jsonb, error = :error, claimed_until = NULL, next_at = :at
WHERE outbox_id = :outbox_id AND finished_at IS NULL;

-- name: postpone_call(outbox_id, error, next_at)!
-- It did not get through: try again then.
UPDATE outbox SET error = :error, next_at = :next_at, claimed_until = NULL
WHERE outbox_id = :outbox_id AND finished_at IS NULL;

-- name: due_payments(at, count)
-- Open payments that the sweep must look at.
SELECT payment_id FROM payment
WHERE state NOT IN ('expired', 'released', 'settled', 'written_off', 'partly_refunded', 'refunded',
    'dispute_won', 'dispute_lost') AND look_at <= :at
ORDER BY look_at LIMIT :count;

-- name: woken_payments()
-- Payments at rest that something has happened to: a refund asked for, a dispute, money that is
-- held all the same, a session that began too late. The worker that heard of it may have died.
SELECT payment_id FROM refund_request WHERE status IN ('requested', 'sent')
UNION
SELECT d.payment_id FROM dispute d JOIN payment p USING (payment_id)
WHERE d.closed_at IS NULL AND d.status NOT LIKE 'warning%%'
    AND p.state NOT IN ('disputed', 'dispute_won', 'dispute_lost')
UNION
SELECT payment_id FROM payment WHERE held > 0 AND state IN ('expired', 'released', 'settled')
UNION
SELECT p.payment_id FROM session s JOIN payment p ON p.id_token = s.id_token
WHERE s.ended_at IS NULL AND p.state IN ('expired', 'released');

-- name: payments_at(evse_keys, since)
-- Payments that news of these evses may concern: open ones, and those given up lately.
SELECT payment_id FROM payment
WHERE evse_key = ANY(:evse_keys)
    AND state IN ('authorised', 'start_requested', 'charging', 'stopping')
UNION ALL
-- a hold lasts a week: older ones, of which an evse has thousands, need not be read
SELECT payment_id FROM payment
WHERE evse_key = ANY(:evse_keys) AND created_at > :since::timestamptz - interval '8 days'
    AND (state = 'releasing' OR state IN ('released', 'expired') AND id_token IS NOT NULL
        AND state_at > :since);

-- name: payments_on_evses()
-- Every payment that waits for its evse or charges.
SELECT payment_id FROM payment
WHERE state IN ('authorised', 'start_requested', 'charging', 'stopping', 'releasing');

-- name: payment_of_command(command_id)$
-- The payment a command belongs to.
SELECT payment_id FROM command WHERE command_id = :command_id;

-- name: report_stuck(payment_id, problem, at, look_at)!
-- A payment that can't go on: for people to see, and for the sweep to try again.
WITH later AS (
    UPDATE payment SET look_at = :look_at WHERE payment_id = :payment_id
    RETURNING payment_id, reference, session_id, currency)
INSERT INTO review_item (kind, subject, payment_id, session_id, currency, evidence, opened_at)
SELECT 'stuck', 'payment ' || reference, payment_id, session_id, currency,
    jsonb_build_object('problem', :problem::text), :at FROM later
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: intents_to_look_at(at, count)
-- Open payments whose objects were not read for a while: the sweep asks Stripe about each.
SELECT payment_id, key::text FROM payment
WHERE state IN ('awaiting_payment', 'authorised', 'start_requested', 'charging', 'stopping',
        'completed', 'capturing', 'capture_failed', 'releasing', 'refund_pending', 'disputed',
        'receivable')
    AND (checkout_id IS NOT NULL OR state <> 'receivable' AND intent_id IS NOT NULL)
    AND (state <> 'receivable' OR checkout_status = 'open')
    AND coalesce(stripe_seen_at, created_at) < :at::timestamptz - CASE
        WHEN state IN ('charging', 'stopping', 'start_requested', 'disputed', 'capture_failed')
        THEN interval '1 hour' ELSE interval '1 minute' END
    AND NOT EXISTS (SELECT FROM outbox o WHERE o.payment_id = payment.payment_id
        AND o.call = 'look' AND o.finished_at IS NULL)
ORDER BY stripe_seen_at NULLS FIRST LIMIT :count;

-- name: add_stripe_event(event_id, type, object_id, created_at, received_at, payload)$
-- A webhook, kept once; how many times it has come.
INSERT INTO stripe_event AS e (event_id, type, object_id, created_at, received_at, payload)
VALUES (:event_id, :type, :object_id, :created_at, :received_at, :payload::jsonb)
ON CONFLICT (event_id) DO UPDATE SET deliveries = e.deliveries + 1
RETURNING deliveries;

-- name: claim_stripe_events(count)
-- Webhooks nobody has looked into yet.
SELECT event_id, type, payload FROM stripe_event WHERE processed_at IS NULL
ORDER BY received_at LIMIT :count FOR UPDATE SKIP LOCKED;

-- name: payment_of_stripe(reference, ids)^
-- The payment that an object of Stripe is about: by our reference or by the ids it names.
SELECT payment_id, key::text FROM payment
WHERE reference = :reference OR intent_id = ANY(:ids) OR checkout_id = ANY(:ids)
    OR charge_id = ANY(:ids)
LIMIT 1;

-- name: stripe_event_done(event_id, at)!
-- Looked into.
UPDATE stripe_event SET processed_at = :at WHERE event_id = :event_id;

-- name: forget_events(before)!
-- Webhooks that were looked into before then.
DELETE FROM stripe_event WHERE processed_at < :before;

-- name: forget_mails(before)!
-- Mails older than that which were sent or given up.
DELETE FROM mail WHERE created_at < :before AND (sent_at IS NOT NULL OR failed_at IS NOT NULL);

-- name: forget_addresses(before)!
-- Where guests' receipts went, of payments at rest.
UPDATE payment SET email = NULL
WHERE email IS NOT NULL AND channel = 'guest' AND created_at < :before AND state IN ('expired',
    'released', 'settled', 'written_off', 'partly_refunded', 'refunded', 'dispute_won',
    'dispute_lost');

-- name: forget_answers(before)!
-- The addresses in what Stripe answered.
UPDATE outbox SET response = response - 'email'
WHERE created_at < :before AND finished_at IS NOT NULL AND response ->> 'email' IS NOT NULL;

-- name: refund_seen(refund_request_id, refund_id, outcome)!
-- What Stripe says of a refund; once it has ended it stays so, unless it fails afterwards.
UPDATE refund_request SET refund_id = :refund_id, outcome = :outcome,
    status = CASE WHEN status = 'requested' THEN 'sent' ELSE status END
WHERE refund_request_id = :refund_request_id AND status IN ('requested', 'sent')
    AND outcome IS DISTINCT FROM :outcome;

-- name: finish_refund(refund_request_id, status, outcome, receipt_id, at)!
-- A refund is done, has failed, or is never sent.
UPDATE refund_request SET status = :status, outcome = :outcome, receipt_id = :receipt_id,
    finished_at = :at
WHERE refund_request_id = :refund_request_id;

-- name: dispute_seen(dispute_id, payment_id, charge_id, amount, currency, reason, status, evidence_due_at, opened_at, at)!
-- What Stripe says of a dispute.
INSERT INTO dispute AS d (dispute_id, payment_id, charge_id, amount, currency, reason, status,
    evidence_due_at, opened_at)
VALUES (:dispute_id, :payment_id, :charge_id, :amount, :currency, :reason, :status,
    :evidence_due_at, :opened_at)
ON CONFLICT (dispute_id) DO UPDATE SET status = excluded.status,
    evidence_due_at = excluded.evidence_due_at,
    closed_at = CASE WHEN excluded.status IN ('won', 'lost') THEN coalesce(d.closed_at, :at::timestamptz) END
WHERE d.status IS DISTINCT FROM excluded.status AND d.status NOT IN ('won', 'lost');

-- name: has_card(driver_id)$
-- Whether a driver has saved a card.
SELECT payment_method_id IS NOT NULL FROM driver WHERE driver_id = :driver_id;
