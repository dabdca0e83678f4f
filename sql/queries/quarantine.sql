-- Which sessions are implausible: what they are judged by, and what is kept of it.

-- name: sessions_to_judge(session_ids)
-- Sessions as sql/doubts.py's Seen, without registers, and the doubts that stand already. What
-- people have stated the energy of is judged no more.
SELECT s.session_id, s.started_at, s.ended_at, s.energy_wh,
    coalesce(s.limit_w, e.max_power_w) AS limit_w, s.flags, p.power_wh,
    coalesce(inside.session_id, before.session_id) AS other_id,
    coalesce(inside.seconds, before.seconds) AS other_seconds,
    ARRAY(SELECT d.reason FROM session_doubt d
        WHERE d.session_id = s.session_id AND d.gone_at IS NULL) AS known
FROM session s
LEFT JOIN evse e ON e.evse_key = s.evse_key
LEFT JOIN LATERAL (
    -- each power holds until the next reading, a quarter of an hour at most
    SELECT (sum(w.power_w::numeric * w.seconds) / 3600)::bigint AS power_wh
    FROM (
        SELECT m.power_w, least(coalesce(extract(epoch FROM lead(m.measured_at)
            OVER (ORDER BY m.measured_at) - m.measured_at), 0), 900) AS seconds
        FROM meter_value m
        WHERE s.energy_wh < 10000
            AND m.evse_key = s.evse_key AND m.session_id = s.session_id
            AND m.measured_at BETWEEN least(s.started_at, s.first_reading_at)
                AND coalesce(greatest(s.ended_at, s.last_reading_at), 'infinity')
            AND m.power_w BETWEEN 0 AND 1e9 AND m.flags IS NULL
    ) w
) p ON true
LEFT JOIN LATERAL (
    SELECT o.session_id, extract(epoch FROM least(o.ended_at, s.ended_at) - o.started_at)::bigint
        AS seconds
    FROM session o
    WHERE s.evse_id > 0 AND s.energy_wh > 0 AND o.evse_key = s.evse_key
        AND o.started_at > s.started_at AND o.started_at < s.ended_at
        AND o.energy_wh > 0 AND o.ended_at > o.started_at
    ORDER BY o.started_at LIMIT 1
) inside ON true
LEFT JOIN LATERAL (
    SELECT o.session_id, extract(epoch FROM least(o.ended_at, s.ended_at) - s.started_at)::bigint
        AS seconds
    FROM (
        SELECT * FROM session x
        WHERE s.evse_id > 0 AND s.energy_wh > 0 AND x.evse_key = s.evse_key
            AND x.started_at <= s.started_at AND x.session_id <> s.session_id
        ORDER BY x.started_at DESC LIMIT 1
    ) o
    WHERE o.energy_wh > 0 AND o.ended_at > s.started_at
) before ON true
WHERE s.session_id = ANY (:session_ids::bigint[])
    AND NOT EXISTS (SELECT FROM session_decision c
        WHERE c.session_id = s.session_id AND c.decision <> 'accept')
ORDER BY s.session_id;

-- name: registers_of(session_id)
-- The registers of a session, in the order of time.
SELECT m.measured_at, m.energy_wh
FROM session s JOIN meter_value m ON m.evse_key = s.evse_key AND m.session_id = s.session_id
    AND m.measured_at BETWEEN least(s.started_at, s.first_reading_at)
        AND coalesce(greatest(s.ended_at, s.last_reading_at), 'infinity')
WHERE s.session_id = :session_id AND m.energy_wh IS NOT NULL
ORDER BY m.measured_at, m.energy_wh;

-- name: lock_payment(session_id)!
-- The payment comes first in the order of locks: a review item refers to it.
SELECT payment_id FROM payment WHERE session_id = :session_id FOR UPDATE;

-- name: keep_doubts(session_id, doubts, now)!
-- The doubts of a session as a list of JSON objects; the others it had have been explained.
WITH found AS (
    SELECT reason, detail FROM jsonb_to_recordset(:doubts::jsonb) AS f (reason text, detail jsonb)
), gone AS (
    UPDATE session_doubt d SET gone_at = :now
    WHERE d.session_id = :session_id AND d.gone_at IS NULL
        AND d.reason NOT IN (SELECT reason FROM found)
)
INSERT INTO session_doubt AS d (session_id, reason, detail, found_at)
SELECT :session_id, reason, detail, :now FROM found ORDER BY reason
ON CONFLICT (session_id, reason) DO UPDATE
    SET gone_at = NULL, detail = excluded.detail, found_at = excluded.found_at
    WHERE d.gone_at IS NOT NULL;

-- name: open_item(session_id, now, deadline_at)!
-- One open review item for a session in quarantine; a payment that turns up joins it.
INSERT INTO review_item AS i (kind, subject, payment_id, session_id, amount, currency, evidence,
    opened_at, deadline_at)
SELECT 'quarantine', 'session ' || d.session_id, p.payment_id, d.session_id, p.cost, p.currency,
    jsonb_build_object('doubts', array_agg(d.reason ORDER BY d.found_at, d.reason)), :now,
    :deadline_at
FROM open_doubt d LEFT JOIN payment p ON p.session_id = d.session_id
WHERE d.session_id = :session_id
GROUP BY d.session_id, p.payment_id
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO UPDATE
    SET payment_id = coalesce(i.payment_id, excluded.payment_id), evidence = excluded.evidence,
        amount = coalesce(excluded.amount, i.amount),
        currency = coalesce(excluded.currency, i.currency),
        deadline_at = coalesce(i.deadline_at, excluded.deadline_at)
    WHERE (i.payment_id, i.deadline_at, i.evidence, i.amount) IS DISTINCT FROM
        (coalesce(i.payment_id, excluded.payment_id),
        coalesce(i.deadline_at, excluded.deadline_at), excluded.evidence,
        coalesce(excluded.amount, i.amount));

-- name: close_item(session_id, now)!
-- Nothing is doubtful any more: the question has answered itself.
UPDATE review_item i SET resolved_at = :now, resolved_by = 'kilowatch', decision = 'charge',
    resolution = 'later readings explain it'
WHERE i.kind = 'quarantine' AND i.session_id = :session_id AND i.resolved_at IS NULL
    AND i.subject = 'session ' || i.session_id
    AND NOT EXISTS (SELECT FROM open_doubt d WHERE d.session_id = i.session_id);

-- name: held_back(session_ids)
-- Which of these sessions wait: for a decision, or for one to be booked. Since when.
SELECT session_id, min(since) FROM (
    SELECT session_id, found_at AS since FROM open_doubt
    WHERE session_id = ANY (:session_ids::bigint[])
    UNION ALL
    SELECT session_id, decided_at FROM session_decision
    WHERE session_id = ANY (:session_ids::bigint[]) AND applied_at IS NULL
) w GROUP BY session_id;
