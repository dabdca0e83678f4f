-- One station's page.

-- name: station^
-- The station with its site.
SELECT s.*, site.name AS site, site.city, site.help_phone, site.grid_limit_w, c.remote,
    c.connected_at, c.subprotocol
FROM station s
LEFT JOIN site USING (site_id)
LEFT JOIN connection c USING (station_id)
WHERE s.station_id = :station_id;

-- name: evses
-- Its evses as staff see them.
SELECT * FROM evse_watched WHERE station_id = :station_id ORDER BY evse_id;

-- name: readings
-- A running session's readings with the energy it had then; at most some hundred points.
SELECT measured_at, power_w, soc_pct, counted_wh FROM (
    SELECT measured_at, max(power_w) AS power_w, max(soc_pct) AS soc_pct,
        sum(sum(energy_delta_wh)) OVER (ORDER BY measured_at) AS counted_wh,
        row_number() OVER (ORDER BY measured_at DESC) AS place, count(*) OVER () AS n
    FROM meter_value
    WHERE evse_key = :evse_key AND measured_at >= :started_at::timestamptz - interval '1 minute'
        AND session_id = :session_id
    GROUP BY measured_at
) r
WHERE (place - 1) %% greatest(1, n / 400) = 0
ORDER BY measured_at;

-- name: sessions
-- Its last sessions.
SELECT session_id, evse_id, transaction_id, id_token, started_at, ended_at, energy_wh, stop_reason,
    flags
FROM session
WHERE station_id = :station_id
ORDER BY started_at DESC, session_id DESC
LIMIT :at_most;

-- name: last_success^
-- Its last session that delivered at least 0.1 kWh.
SELECT evse_id, started_at, ended_at, energy_wh FROM session
WHERE station_id = :station_id AND energy_wh >= 100
ORDER BY started_at DESC LIMIT 1;

-- name: history
-- Status changes since an instant, and for each evse the last one before it.
SELECT h.evse_id, h.status, h.charging_state, h.status_at, h.error_code
FROM evse e JOIN status_history h USING (evse_key)
WHERE e.station_id = :station_id AND h.status_at >= :since
UNION ALL
SELECT h.evse_id, h.status, h.charging_state, h.status_at, h.error_code
FROM evse e CROSS JOIN LATERAL (
    SELECT * FROM status_history h
    WHERE h.evse_key = e.evse_key AND h.status_at < :since
        AND h.status_at >= :since::timestamptz - interval '30 days'
    ORDER BY h.status_at DESC LIMIT 1
) h
WHERE e.station_id = :station_id
ORDER BY evse_id, status_at;

-- name: energy_days
-- Watt-hours per evse and day since a midnight.
SELECT bucket, evse_id, energy_wh FROM energy_day
WHERE station_id = :station_id AND bucket >= :since
ORDER BY bucket;

-- name: messages
-- The newest frames, filtered.
SELECT received_at, direction, message_id, action, frame, answer, answer_ms, error_code
FROM message_log
WHERE station_id = :station_id AND received_at > now() - interval '30 days'
    AND (:direction = '' OR direction = :direction)
    AND (NOT :errors_only OR error_code IS NOT NULL)
    AND (NOT :hide_heartbeats OR action IS DISTINCT FROM 'Heartbeat')
    AND (:action = '' OR action ILIKE '%%' || :action || '%%')
ORDER BY received_at DESC, direction, message_id
LIMIT :at_most;

-- name: message_counts^
-- How many frames there were in the last 24 hours, and how many were heartbeats.
SELECT count(*) AS messages, count(*) FILTER (WHERE action = 'Heartbeat') AS heartbeats
FROM message_log
WHERE station_id = :station_id AND received_at > now() - interval '24 hours';

-- name: commands
-- The newest commands with what could prove them: a session that began or ended, a boot.
SELECT c.command_id, c.action, c.payload, c.status, c.response, c.requested_by, c.requested_at,
    c.claimed_at, c.finished_at, s.booted_at,
    began.evse_id AS began_evse_id, began.started_at, began.energy_wh,
    ended.ended_at, ended.evse_id AS ended_evse_id
FROM command c
JOIN station s USING (station_id)
LEFT JOIN LATERAL (
    SELECT evse_id, started_at, energy_wh FROM session b
    WHERE c.action IN ('RemoteStartTransaction', 'RequestStartTransaction')
        AND b.station_id = c.station_id
        AND b.started_at BETWEEN c.requested_at - interval '5 seconds'
            AND c.requested_at + interval '5 minutes'
        AND b.evse_id = coalesce((c.payload ->> 'evseId')::int, (c.payload ->> 'connectorId')::int,
            b.evse_id)
    ORDER BY b.started_at LIMIT 1
) began ON true
LEFT JOIN LATERAL (
    SELECT ended_at, evse_id FROM session e
    WHERE c.action IN ('RemoteStopTransaction', 'RequestStopTransaction')
        AND e.station_id = c.station_id AND e.transaction_id = c.payload ->> 'transactionId'
) ended ON true
WHERE c.station_id = :station_id
ORDER BY c.requested_at DESC, c.command_id DESC
LIMIT :at_most;

-- name: enqueue$
-- A command for whichever ingest process holds the station's socket.
INSERT INTO command (station_id, action, payload, requested_by)
VALUES (:station_id, :action, :payload, :requested_by)
RETURNING command_id;

-- name: audit!
-- Who did what to which station.
INSERT INTO audit_log (actor, action, subject, detail)
VALUES (:actor, :action, :subject, :detail);

-- name: id_tokens
-- Tokens that may start a session now.
SELECT id_token FROM id_token
WHERE status = 'Accepted' AND (expires_at IS NULL OR expires_at > now())
ORDER BY driver_id NULLS FIRST, id_token
LIMIT 50;
