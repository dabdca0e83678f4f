-- Implausible sessions on the pages for finance: what is doubted, what was read, what was decided.

-- name: doubted
-- Sessions as people judge them: what was measured, by which evse, who pays, what it costs.
SELECT s.session_id, s.station_id, s.evse_id, s.transaction_id, s.started_at, s.ended_at,
    s.energy_wh, s.correction_wh, s.meter_start_wh, coalesce(s.meter_stop_wh, s.register_wh)
    AS meter_stop_wh, coalesce(s.limit_w, e.max_power_w) AS limit_w, e.public_code,
    site.name AS site, p.reference, p.channel, p.state, p.failure,
    c.energy_wh AS billed_wh, c.gross, coalesce(c.currency, p.currency, site.currency) AS currency,
    x.energy_per_kwh_incl_vat, x.is_plain,
    coalesce((SELECT max(d.decision_id) FROM session_decision d
        WHERE d.session_id = s.session_id), 0) AS newest_decision
FROM session s
LEFT JOIN evse e ON e.evse_key = s.evse_key
LEFT JOIN site ON site.site_id = s.site_id
LEFT JOIN payment p ON p.session_id = s.session_id
LEFT JOIN LATERAL (
    SELECT c.energy_wh, c.gross, c.currency, c.tariff_hash FROM cdr c
    WHERE c.session_id = s.session_id AND NOT c.is_credit ORDER BY c.cdr_id DESC LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    SELECT t.energy_per_kwh_incl_vat, NOT (t.energy_varies OR t.has_more) AS is_plain
    FROM tariff_price t
    WHERE t.tariff_hash = coalesce(c.tariff_hash, p.tariff_hash, s.tariff_hash) LIMIT 1
) x ON true
WHERE s.session_id = ANY (:session_ids::bigint[]);

-- name: doubts
-- Why sessions are doubted; `is_open`: nobody has decided about it.
SELECT d.session_id, d.reason, d.detail, d.found_at, d.gone_at,
    EXISTS (SELECT FROM open_doubt o WHERE o.session_id = d.session_id AND o.reason = d.reason)
        AS is_open
FROM session_doubt d
WHERE d.session_id = ANY (:session_ids::bigint[]) AND d.gone_at IS NULL
ORDER BY d.session_id, d.found_at, d.reason;

-- name: readings
-- Of each session the first and the last reading, and those around what is odd: a register that
-- fell, or that a flag or a doubt names. `place` counts them all, so that gaps show.
SELECT s.session_id, r.measured_at, r.energy_wh, r.rise_wh, r.power_w, r.flags, r.is_odd, r.place,
    r.readings
FROM session s
CROSS JOIN LATERAL (
    SELECT *, bool_or(q.is_odd) OVER (ORDER BY q.place ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
        AS is_near
    FROM (
        SELECT m.measured_at, m.energy_wh, m.power_w, m.flags,
            m.energy_wh - lag(m.energy_wh) OVER w AS rise_wh,
            row_number() OVER w AS place, count(*) OVER () AS readings,
            m.energy_wh < lag(m.energy_wh) OVER w
                OR m.flags && '{register_decreased,register_jumped,register_negative,register_frozen,interval_implausible}'
                OR m.measured_at IN (SELECT (d.detail ->> 'after_at')::timestamptz
                    FROM session_doubt d WHERE d.session_id = s.session_id) AS is_odd
        FROM meter_value m
        WHERE m.evse_key = s.evse_key AND m.session_id = s.session_id
            AND m.measured_at BETWEEN least(s.started_at, s.first_reading_at)
                AND coalesce(greatest(s.ended_at, s.last_reading_at), 'infinity')
            AND m.source IN ('meter', 'power', 'import')
            AND (m.energy_wh IS NOT NULL OR m.power_w IS NOT NULL)
        WINDOW w AS (ORDER BY m.measured_at, m.energy_wh)
    ) q
) r
WHERE s.session_id = ANY (:session_ids::bigint[])
    AND (r.is_near OR r.place = 1 OR r.place = r.readings)
ORDER BY s.session_id, r.place;

-- name: decisions_about
-- What was decided about sessions, oldest first.
SELECT d.decision_id, d.session_id, d.decision, d.energy_wh, d.reasons, d.reason, d.decided_by,
    d.decided_at, d.applied_at, d.old_wh, d.new_wh
FROM session_decision d WHERE d.session_id = ANY (:session_ids::bigint[])
ORDER BY d.decision_id;

-- name: decided
-- What was decided lately about sessions, newest first.
SELECT d.decision_id, d.session_id, d.decision, d.reasons, d.reason, d.decided_by, d.decided_at,
    d.applied_at, d.old_wh, d.new_wh, coalesce(e.public_code, s.station_id) AS place, p.reference
FROM session_decision d
LEFT JOIN session s USING (session_id)
LEFT JOIN evse e ON e.evse_key = s.evse_key
LEFT JOIN payment p ON p.session_id = d.session_id
ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT :at_most;

-- name: decide$
-- A decision about a session as it was shown: nothing when somebody has decided since.
INSERT INTO session_decision (session_id, decision, energy_wh, reasons, reason, decided_by, form_key)
SELECT s.session_id, :decision, :energy_wh, ARRAY(SELECT d.reason FROM session_doubt d
        WHERE d.session_id = s.session_id AND d.gone_at IS NULL ORDER BY d.reason),
    :reason, :decided_by, 'session ' || s.session_id || ' after ' || :newest_decision::bigint
FROM session s
WHERE s.session_id = :session_id
    AND NOT EXISTS (SELECT FROM session_decision d
        WHERE d.session_id = s.session_id AND d.decision_id > :newest_decision)
ON CONFLICT (form_key) DO NOTHING
RETURNING decision_id;
