-- What sessions cost and the papers about it: facts to price, CDRs, receipts, mails.

-- name: session_brief(session_id)^
-- What a price without time, clock or limits depends on: start, end, energy, time zone.
SELECT s.started_at, s.ended_at, s.energy_wh,
    coalesce(o.time_zone, (SELECT p.time_zone FROM operator p ORDER BY p.operator_id LIMIT 1))
FROM session s LEFT JOIN site o USING (site_id) WHERE s.session_id = :session_id;

-- name: sessions_to_price(session_ids)
-- Everything a price and its papers depend on, a row per session: what was used, when, and who
-- sold it where. Facts and states are lists in the order of time.
SELECT s.session_id, s.started_at, s.ended_at, s.energy_wh, s.register_at,
    f.ats, f.deltas, f.sources, f.powers, f.currents, t.ats, t.states,
    s.meter_start_wh, coalesce(s.meter_stop_wh, s.register_wh) AS meter_stop_wh, s.flags,
    s.stop_reason, s.id_token IS NOT NULL AS has_token, s.station_id, s.evse_id, s.evse_key,
    s.connector_id, c.standard, e.public_code, e.max_power_w, p.operator_id,
    coalesce(o.time_zone, p.time_zone) AS time_zone, o.site_id, o.name AS site_name,
    o.address AS site_address, o.city, o.country, o.latitude, o.longitude, o.help_phone
FROM session s
LEFT JOIN site o USING (site_id)
LEFT JOIN evse e ON e.evse_key = s.evse_key
LEFT JOIN connector c ON c.evse_key = s.evse_key AND c.connector_id = s.connector_id
JOIN operator p ON p.operator_id = coalesce(s.operator_id, o.operator_id,
    (SELECT min(q.operator_id) FROM operator q))
LEFT JOIN LATERAL (
    SELECT array_agg(m.measured_at ORDER BY m.measured_at, m.source, m.reading_hash) AS ats,
        array_agg(coalesce(m.energy_delta_wh, 0)
            ORDER BY m.measured_at, m.source, m.reading_hash) AS deltas,
        array_agg(m.source ORDER BY m.measured_at, m.source, m.reading_hash) AS sources,
        array_agg(m.power_w ORDER BY m.measured_at, m.source, m.reading_hash) AS powers,
        array_agg(m.current_a ORDER BY m.measured_at, m.source, m.reading_hash) AS currents
    FROM meter_value m
    -- corrections are dated within the quarters of an hour of the session's readings
    WHERE m.evse_key = s.evse_key AND m.session_id = s.session_id
        AND m.measured_at >= least(s.started_at, s.first_reading_at) - interval '15 minutes'
        AND m.measured_at <= coalesce(greatest(s.ended_at, s.last_reading_at),
            'infinity'::timestamptz) + interval '15 minutes'
        AND (m.energy_delta_wh IS NOT NULL OR m.power_w IS NOT NULL)
) f ON true
LEFT JOIN LATERAL (
    SELECT array_agg(h.at ORDER BY h.at, h.state) AS ats,
        array_agg(h.state ORDER BY h.at, h.state) AS states
    FROM (
        SELECT h.status_at AS at, CASE WHEN h.status IN ('Faulted', 'Unavailable') THEN h.status
            ELSE coalesce(h.charging_state, h.status) END AS state
        FROM status_history h
        WHERE h.evse_key = s.evse_key AND h.status_at >= s.started_at
            AND h.status_at <= coalesce(s.ended_at, 'infinity'::timestamptz)
            AND (h.charging_state IS NOT NULL OR h.status IN ('Faulted', 'Unavailable'))
        UNION ALL
        SELECT x.state_at, x.charging_state FROM session_state x
        WHERE x.session_id = s.session_id AND x.state_at >= s.started_at
            AND x.state_at <= coalesce(s.ended_at, 'infinity'::timestamptz)
    ) h
) t ON true
WHERE s.session_id = ANY (:session_ids::bigint[]);

-- name: sellers(operator_ids)
-- What receipts say of operators: id, name, legal entity, numbers, address, contact, F-tax, the
-- electricity's share per kWh, currency, time zone, and what stands before the year in the series.
SELECT p.operator_id, p.name, p.legal_entity, p.organisation_number, p.vat_number, r.address,
    r.email, r.phone, coalesce(r.f_tax, false), r.electricity_price, p.currency, p.time_zone,
    coalesce(r.series_prefix, CASE WHEN p.operator_id = (SELECT min(q.operator_id) FROM operator q)
        THEN '' ELSE p.operator_id || '-' END)
FROM operator p LEFT JOIN operator_receipt r USING (operator_id)
WHERE p.operator_id = ANY (:operator_ids::integer[]);

-- name: take_numbers(series, operator_id, count)$
-- The last of so many new numbers; the row stays locked until the transaction ends.
INSERT INTO receipt_series AS s (series, operator_id, last_number)
VALUES (:series, :operator_id, :count)
ON CONFLICT (series) DO UPDATE SET last_number = s.last_number + excluded.last_number
RETURNING last_number;

-- name: add_cdrs(rows)
-- CDRs from a list of JSON objects; a session that has one already keeps it. Id and session.
INSERT INTO cdr (session_id, tariff_hash, document, net, vat, gross, currency, energy_wh,
    corrects_cdr_id, is_credit, created_at)
SELECT r.session_id, r.tariff_hash, r.document, r.net, r.vat, r.gross, r.currency, r.energy_wh,
    r.corrects_cdr_id, r.is_credit, r.created_at
FROM jsonb_to_recordset(:rows::jsonb) AS r (session_id bigint, tariff_hash text, document jsonb,
    net bigint, vat bigint, gross bigint, currency text, energy_wh bigint, corrects_cdr_id bigint,
    is_credit boolean, created_at timestamptz)
ORDER BY r.session_id
ON CONFLICT DO NOTHING RETURNING cdr_id, session_id;

-- name: add_receipts(rows)
-- Receipts and credit notes from a list of JSON objects; id and session.
INSERT INTO receipt (series, number, session_id, payment_id, cdr_id, issued_at, net, vat, gross,
    currency, due, credits_receipt_id, reason, document, secret)
SELECT r.series, r.number, r.session_id, r.payment_id, r.cdr_id, r.issued_at, r.net, r.vat,
    r.gross, r.currency, r.gross, r.credits_receipt_id, r.reason, r.document, r.secret
FROM jsonb_to_recordset(:rows::jsonb) AS r (series text, number bigint, session_id bigint,
    payment_id bigint, cdr_id bigint, issued_at timestamptz, net bigint, vat bigint, gross bigint,
    currency text, credits_receipt_id bigint, reason text, document jsonb, secret text)
ORDER BY r.series, r.number
RETURNING receipt_id, session_id;

-- name: newest_cdrs(session_ids)
-- The CDR that holds for each session (no credit, not corrected), with its receipt if it has one.
SELECT DISTINCT ON (c.session_id) c.session_id, c.cdr_id, r.receipt_id, c.net, c.vat, c.gross,
    c.currency, c.energy_wh, c.document #>> '{kilowatch,vat_lines}'
FROM cdr c LEFT JOIN receipt r ON r.cdr_id = c.cdr_id AND r.credits_receipt_id IS NULL
WHERE c.session_id = ANY (:session_ids::bigint[]) AND NOT c.is_credit
ORDER BY c.session_id, c.cdr_id DESC;

-- name: paying(payment_ids)
-- What receipts say of payments: id, reference, when the price was shown.
SELECT payment_id, reference, price_shown_at FROM payment
WHERE payment_id = ANY (:payment_ids::bigint[]);

-- name: note_paid(receipt_id, paid, written_off)$
-- So much of a receipt has been paid and written off in all; the rest is due.
UPDATE receipt SET paid = :paid, written_off = :written_off,
    due = gross - :paid::bigint - :written_off::bigint
WHERE receipt_id = :receipt_id RETURNING receipt_id;

-- name: lock_receipt(receipt_id)^
-- A receipt, held until the transaction ends: what a credit note needs of it.
SELECT r.receipt_id, r.shown_number, r.issued_at, r.session_id, r.payment_id, r.cdr_id, r.gross,
    r.currency, r.credits_receipt_id, r.document
FROM receipt r WHERE r.receipt_id = :receipt_id FOR UPDATE;

-- name: credits_of(receipt_id)
-- VAT lines of every credit note of a receipt.
SELECT document ->> 'vat_lines' FROM receipt
WHERE credits_receipt_id = :receipt_id ORDER BY receipt_id;

-- name: cdr_to_correct(session_id)^
-- The CDR that holds for a session, locked until the transaction ends: with its payment, channel,
-- amounts, document as text, and the receipt people got.
SELECT c.cdr_id, c.tariff_hash, c.energy_wh, c.net, c.vat, c.gross, c.currency,
    c.document::text, r.receipt_id, coalesce(r.payment_id,
        (SELECT p.payment_id FROM payment p WHERE p.session_id = c.session_id))
FROM cdr c
LEFT JOIN LATERAL (
    -- a correction that lowers the price keeps the receipt of the first CDR
    SELECT p.receipt_id, p.payment_id FROM receipt p
    WHERE p.session_id = c.session_id AND p.credits_receipt_id IS NULL
    ORDER BY p.receipt_id DESC LIMIT 1
) r ON true
WHERE c.session_id = :session_id AND NOT c.is_credit
ORDER BY c.cdr_id DESC LIMIT 1 FOR UPDATE OF c;

-- name: changed_sessions(since, count, fixed)
-- Sessions whose energy is no longer what their CDR says, however old if people have decided so; of
-- the channel `fixed` only less counts. What is held back, or is about to be what was decided, waits.
SELECT s.session_id
FROM session s
JOIN LATERAL (
    SELECT c.energy_wh, c.document #>> '{kilowatch,channel}' AS channel FROM cdr c
    WHERE c.session_id = s.session_id AND NOT c.is_credit
    ORDER BY c.cdr_id DESC LIMIT 1
) c ON true
WHERE s.session_id IN (
        SELECT n.session_id FROM session n WHERE n.started_at >= :since
        UNION
        SELECT d.session_id FROM session_decision d WHERE d.applied_at >= :since)
    AND s.energy_wh <> c.energy_wh AND (s.energy_wh < c.energy_wh OR c.channel <> :fixed)
    AND NOT EXISTS (SELECT FROM open_doubt q WHERE q.session_id = s.session_id)
    AND NOT EXISTS (SELECT FROM session_decided d WHERE d.session_id = s.session_id
        AND (d.applied_at IS NULL OR d.decision <> 'accept' AND d.energy_wh <> s.energy_wh))
ORDER BY s.session_id LIMIT :count;

-- name: paper(receipt_id)^
-- A receipt with what its payment says now: fields as billing/sheet.py's Paper.
SELECT r.receipt_id, r.shown_number, r.issued_at, r.gross, r.currency, r.paid, r.due,
    r.written_off, r.secret, r.document, p.reference, p.card_brand, p.card_last4,
    coalesce(p.hold, 0), coalesce(p.captured, 0), p.authorised_at, p.captured_at, p.intent_id,
    coalesce(p.is_estimated, false)
FROM receipt r LEFT JOIN payment p USING (payment_id)
WHERE r.receipt_id = :receipt_id;

-- name: queue_mail(recipient, kind, language, parameters, key)!
-- A mail to be sent; one with the same key is there already.
INSERT INTO mail (recipient, kind, language, parameters, idempotency_key)
VALUES (:recipient, :kind, :language, :parameters::jsonb, :key)
ON CONFLICT (idempotency_key) DO NOTHING;

-- name: claim_mail(at, until)^
-- The mail that has waited longest, for this worker alone until its lease ends.
UPDATE mail SET claimed_until = :until, attempts = attempts + 1
WHERE mail_id = (
    SELECT mail_id FROM mail
    WHERE sent_at IS NULL AND failed_at IS NULL AND next_at <= :at
        AND (claimed_until IS NULL OR claimed_until <= :at)
    ORDER BY next_at, mail_id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING mail_id, recipient, kind, language, parameters, attempts, created_at;

-- name: mail_sent(mail_id, at)!
-- The server has taken it.
UPDATE mail SET sent_at = :at, claimed_until = NULL, error = NULL WHERE mail_id = :mail_id;

-- name: mail_waits(mail_id, next_at, error)!
-- It did not get through: try again then.
UPDATE mail SET next_at = :next_at, claimed_until = NULL, error = :error WHERE mail_id = :mail_id;

-- name: mail_failed(mail_id, at, error)!
-- Given up: nobody will send it, and a human is told. (Of alerts to staff `delivery` tells.)
WITH failed AS (
    UPDATE mail SET failed_at = :at, claimed_until = NULL, error = :error
    WHERE mail_id = :mail_id RETURNING mail_id, kind, error, parameters
)
INSERT INTO review_item (kind, subject, payment_id, session_id, evidence, opened_at)
SELECT 'mail_failed', 'mail ' || f.mail_id, r.payment_id, r.session_id,
    jsonb_build_object('kind', f.kind, 'problem', f.error, 'receipt', r.shown_number), :at
FROM failed f LEFT JOIN receipt r ON r.receipt_id::text = f.parameters ->> 'receipt_id'
WHERE f.kind <> 'alert'
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: mails_wait(at, reason)!
-- Nothing can be sent at all: the mails that are due say why.
UPDATE mail SET error = :reason
WHERE sent_at IS NULL AND failed_at IS NULL AND next_at <= :at AND error IS DISTINCT FROM :reason;

-- name: mails_pause(at, next_at, reason)!
-- The server can't be reached: what is due waits as well, without counting as tried.
UPDATE mail SET error = :reason, next_at = :next_at
WHERE sent_at IS NULL AND failed_at IS NULL AND next_at <= :at
    AND (claimed_until IS NULL OR claimed_until <= :at);
