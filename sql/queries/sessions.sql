-- The session explorer and one session's page.

-- name: find
-- A page of sessions, newest first, from a place in that order on. At most so many are looked
-- through: `walked` of them, back to `oldest_at`; one row without a session says so when none fits.
WITH walked AS MATERIALIZED (
    SELECT * FROM session_walk(:from_at, :until_at, :before_at, :before_id, :of_site, :of_station,
        :of_evse, :of_token, :is_open, :is_flagged, :is_doubted, :looked_at)
), met AS MATERIALIZED (
    SELECT w.session_id, w.started_at,
        CASE :sort WHEN 'energy' THEN w.energy_wh
            WHEN 'length' THEN extract(epoch FROM w.ended_at - w.started_at)::bigint END AS rank
    FROM walked w
    WHERE (:is_ended IS NOT TRUE OR w.ended_at IS NOT NULL)
        AND (:flag::text IS NULL OR :flag = ANY (w.flags))
        AND (:least_wh::bigint IS NULL OR w.energy_wh >= :least_wh)
        AND (:most_wh::bigint IS NULL OR w.energy_wh < :most_wh)
        AND (:least_seconds::bigint IS NULL
            OR extract(epoch FROM w.ended_at - w.started_at) >= :least_seconds)
        AND (:most_seconds::bigint IS NULL
            OR extract(epoch FROM w.ended_at - w.started_at) < :most_seconds)
        AND (:of_hour::integer IS NULL
            OR extract(hour FROM w.started_at AT TIME ZONE :zone) = :of_hour)
        AND (:of_channel::text IS NULL OR :of_channel = coalesce((SELECT p.channel FROM payment p
            WHERE p.session_id = w.session_id), 'none'))
        AND (:of_tariff::text IS NULL OR :of_tariff = (SELECT c.tariff_hash FROM cdr c
            WHERE c.session_id = w.session_id AND NOT c.is_credit ORDER BY c.cdr_id DESC LIMIT 1))
        AND (:words::text IS NULL OR lower(w.id_token) = :words OR lower(w.transaction_id) = :words
            OR w.session_id::text = :words OR w.station_id = ANY (:stations::text[])
            OR w.evse_key = ANY (:evse_keys::integer[]))
    ORDER BY rank DESC NULLS LAST, w.started_at DESC, w.session_id DESC LIMIT :at_most
)
SELECT e.walked, e.oldest_at, e.oldest_id, s.session_id, s.started_at, s.ended_at, s.station_id,
    s.evse_id, s.id_token, s.driver_id, s.energy_wh, s.correction_wh, s.power_w, s.stop_reason,
    s.flags, s.charged_until, s.charging_state, v.public_code, site.name AS site, s.site_id,
    p.channel, p.card_brand, p.card_last4, p.reference, p.state AS payment_state, p.cost,
    p.currency AS payment_currency, c.gross, c.currency,
    EXISTS (SELECT FROM open_doubt d WHERE d.session_id = s.session_id) AS is_doubted
FROM (SELECT (SELECT count(*) FROM walked) AS walked, o.started_at AS oldest_at,
        o.session_id AS oldest_id
    FROM (SELECT) one LEFT JOIN LATERAL (SELECT w.started_at, w.session_id FROM walked w
        ORDER BY w.started_at, w.session_id LIMIT 1) o ON true) e
LEFT JOIN met m ON true
LEFT JOIN LATERAL (SELECT * FROM session t WHERE t.session_id = m.session_id LIMIT 1) s ON true
LEFT JOIN evse v ON v.evse_key = s.evse_key
LEFT JOIN site ON site.site_id = s.site_id
LEFT JOIN LATERAL (SELECT * FROM payment y WHERE y.session_id = s.session_id LIMIT 1) p ON true
LEFT JOIN LATERAL (
    SELECT k.gross, k.currency FROM cdr k
    WHERE k.session_id = s.session_id AND NOT k.is_credit ORDER BY k.cdr_id DESC LIMIT 1
) c ON true
ORDER BY m.rank DESC NULLS LAST, s.started_at DESC, s.session_id DESC;

-- name: sums
-- Sums over the newest sessions that fit, of as many as are looked through; gross per currency.
WITH walked AS MATERIALIZED (
    SELECT * FROM session_walk(:from_at, :until_at, 'infinity', 0, :of_site, :of_station,
        :of_evse, :of_token, :is_open, :is_flagged, :is_doubted, :looked_at)
), met AS MATERIALIZED (
    SELECT w.* FROM walked w
    WHERE (:is_ended IS NOT TRUE OR w.ended_at IS NOT NULL)
        AND (:flag::text IS NULL OR :flag = ANY (w.flags))
        AND (:least_wh::bigint IS NULL OR w.energy_wh >= :least_wh)
        AND (:most_wh::bigint IS NULL OR w.energy_wh < :most_wh)
        AND (:least_seconds::bigint IS NULL
            OR extract(epoch FROM w.ended_at - w.started_at) >= :least_seconds)
        AND (:most_seconds::bigint IS NULL
            OR extract(epoch FROM w.ended_at - w.started_at) < :most_seconds)
        AND (:of_hour::integer IS NULL
            OR extract(hour FROM w.started_at AT TIME ZONE :zone) = :of_hour)
        AND (:of_channel::text IS NULL OR :of_channel = coalesce((SELECT p.channel FROM payment p
            WHERE p.session_id = w.session_id), 'none'))
        AND (:of_tariff::text IS NULL OR :of_tariff = (SELECT c.tariff_hash FROM cdr c
            WHERE c.session_id = w.session_id AND NOT c.is_credit ORDER BY c.cdr_id DESC LIMIT 1))
        AND (:words::text IS NULL OR lower(w.id_token) = :words OR lower(w.transaction_id) = :words
            OR w.session_id::text = :words OR w.station_id = ANY (:stations::text[])
            OR w.evse_key = ANY (:evse_keys::integer[]))
), priced AS (
    SELECT v.currency, sum(v.gross)::bigint AS gross
    FROM met m JOIN visit v ON v.session_id = m.session_id
    WHERE v.currency IS NOT NULL GROUP BY v.currency
)
SELECT (SELECT count(*) FROM walked) AS walked, count(*) AS sessions,
    count(*) FILTER (WHERE ended_at IS NULL) AS open, coalesce(sum(energy_wh), 0)::bigint AS energy_wh,
    coalesce(sum(extract(epoch FROM ended_at - started_at)), 0)::bigint AS seconds,
    (SELECT jsonb_object_agg(currency, gross) FROM priced) AS gross,
    (SELECT min(w.started_at) FROM walked w) AS oldest_at
FROM met;

-- name: open_sums^
-- Sessions of a period that go on, and their energy so far.
SELECT count(*) AS sessions, coalesce(sum(s.energy_wh), 0)::bigint AS energy_wh
FROM session s LEFT JOIN payment p ON p.session_id = s.session_id
WHERE s.ended_at IS NULL AND s.started_at >= :from_at AND s.started_at < :until_at
    AND (:of_site::integer IS NULL OR coalesce(s.site_id, -1) = :of_site)
    AND (:of_channel::text IS NULL OR coalesce(p.channel, 'none') = :of_channel);

-- name: places
-- Stations and evses that are called like some words, or stand at a site that is.
SELECT s.station_id, e.evse_key, lower(e.public_code) = :words AS is_code
FROM station s LEFT JOIN site USING (site_id) LEFT JOIN evse e USING (station_id)
WHERE strpos(lower(s.station_id), :words) > 0 OR strpos(lower(site.name), :words) > 0
    OR strpos(lower(site.city), :words) > 0 OR lower(e.public_code) = :words;

-- name: evses
-- The evses of a station, to choose one of.
SELECT evse_key, evse_id, public_code FROM evse WHERE station_id = :station_id ORDER BY evse_id;

-- name: session^
-- A session, where it was, who it was, what it stands on.
SELECT s.*, e.public_code, e.max_power_w, site.name AS site, site.time_zone, o.name AS operator,
    st.vendor, st.model, st.firmware_version, st.ocpp_version, st.is_online
FROM session s
LEFT JOIN evse e USING (evse_key)
LEFT JOIN site ON site.site_id = s.site_id
LEFT JOIN operator o ON o.operator_id = s.operator_id
LEFT JOIN station st ON st.station_id = s.station_id
WHERE s.session_id = :session_id;

-- name: readings
-- Every row of readings of a session, in the order of time, from a place in that order on; with the
-- energy counted so far (numbers are over all of them, so that any page adds up to the whole).
SELECT * FROM (
    SELECT m.measured_at, m.received_at, m.recorded_at, m.energy_wh, m.energy_delta_wh, m.power_w,
        m.current_a, m.voltage_v, m.soc_pct, m.source, m.context, m.revision, m.flags,
        m.reading_hash, sum(m.energy_delta_wh) OVER w AS counted_wh, row_number() OVER w AS place,
        count(*) OVER () AS readings
    FROM session s JOIN meter_value m ON m.evse_key = s.evse_key AND m.session_id = s.session_id
        AND m.measured_at BETWEEN least(s.started_at, s.first_reading_at) - interval '1 day'
            AND coalesce(greatest(s.ended_at, s.last_reading_at), 'infinity') + interval '1 day'
    WHERE s.session_id = :session_id
    WINDOW w AS (ORDER BY m.measured_at, m.reading_hash, m.revision)
) r WHERE r.place > :after_place ORDER BY r.place LIMIT :at_most;

-- name: reading_sums^
-- What the readings of a session add up to, by where the rows come from.
SELECT count(*) AS readings, coalesce(sum(m.energy_delta_wh), 0)::bigint AS energy_wh,
    count(*) FILTER (WHERE m.flags IS NOT NULL) AS flagged,
    count(*) FILTER (WHERE m.source IN ('adjustment', 'correction')) AS adjusted,
    coalesce(sum(m.energy_delta_wh) FILTER (WHERE m.source IN ('adjustment', 'correction')), 0)::bigint
        AS adjusted_wh,
    max(m.power_w) FILTER (WHERE m.flags IS NULL) AS peak_power_w,
    min(m.measured_at) FILTER (WHERE m.energy_delta_wh > 0) AS charging_from
FROM session s JOIN meter_value m ON m.evse_key = s.evse_key AND m.session_id = s.session_id
    AND m.measured_at BETWEEN least(s.started_at, s.first_reading_at) - interval '1 day'
        AND coalesce(greatest(s.ended_at, s.last_reading_at), 'infinity') + interval '1 day'
WHERE s.session_id = :session_id;

-- name: signed
-- Signed readings of a session and whether their signatures hold.
SELECT measured_at, context, encoding, method, verified, detail, plain_wh, register_wh
FROM signed_meter_value WHERE session_id = :session_id ORDER BY measured_at, signed_id LIMIT 50;

-- name: statuses
-- What the evse's connectors said around a session.
SELECT h.status_at, h.connector_id, h.status, h.charging_state, h.error_code, h.info
FROM status_history h
WHERE h.evse_key = :evse_key AND h.status_at >= :from_at AND h.status_at <= :until_at
ORDER BY h.status_at LIMIT 100;

-- name: states
-- The charging states a session reported itself.
SELECT state_at, charging_state FROM session_state WHERE session_id = :session_id ORDER BY state_at
LIMIT 200;

-- name: authorizations
-- What a station asked about a token around a session, and our answers.
SELECT at, status FROM authorization_history
WHERE station_id = :station_id AND at >= :from_at AND at <= :until_at
    AND lower(id_token) = lower(:of_token)
ORDER BY at LIMIT 10;

-- name: commands
-- Commands about a session: its start, its stop, unlocking its evse.
SELECT c.command_id, c.action, c.status, c.requested_at, c.requested_by, c.finished_at
FROM command c
WHERE c.station_id = :station_id AND c.requested_at >= :from_at AND c.requested_at <= :until_at
ORDER BY c.requested_at LIMIT 30;

-- name: attempts
-- The attempt that a session belongs to, and its visit.
SELECT a.attempt_id, a.started_at, a.ended_at, a.outcome, a.stage, a.reason, a.is_authorised,
    a.is_first, a.session_id, v.visit_succeeded, v.started_at AS visit_at
FROM attempt a LEFT JOIN attempt v ON v.attempt_id = a.visit_id
WHERE a.station_id = :station_id AND a.session_id = :session_id
    AND a.started_at >= :from_at AND a.started_at <= :until_at
ORDER BY a.started_at;

-- name: messages
-- The station's frames while a session went on, without heartbeats; those that name it first when
-- there are too many.
SELECT * FROM (
    SELECT received_at, direction, message_id, action, frame, answer, answer_ms, error_code,
        count(*) OVER () AS frames
    FROM message_log
    WHERE station_id = :station_id AND received_at >= :from_at AND received_at <= :until_at
        AND action IS DISTINCT FROM 'Heartbeat'
    ORDER BY strpos(frame, :transaction_id) = 0, received_at LIMIT :at_most
) m ORDER BY received_at, direction, message_id;

-- name: cdr_document$
-- The record in force as it would go to a roaming partner.
SELECT jsonb_pretty(document - 'kilowatch') FROM cdr WHERE session_id = :session_id AND NOT is_credit
ORDER BY cdr_id DESC LIMIT 1;

-- name: imported^
-- Which file a session was brought in by.
SELECT r.source, r.file_name, w.line FROM import_row w JOIN import_run r USING (run_id)
WHERE w.session_id = :session_id ORDER BY w.run_id LIMIT 1;
