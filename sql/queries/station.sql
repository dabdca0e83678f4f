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
-- The newest commands with what could prove them: a session that began or ended, a boot and the
-- first success after it, a log file that came.
SELECT c.command_id, c.action, c.payload, c.status, c.response, c.requested_by, c.requested_at,
    c.claimed_at, c.finished_at, s.booted_at,
    began.evse_id AS began_evse_id, began.started_at, began.energy_wh,
    ended.ended_at, ended.evse_id AS ended_evse_id,
    worked.started_at AS worked_at, worked.energy_wh AS worked_wh, l.log_id, l.received_at AS log_at
FROM command c
JOIN station s USING (station_id)
LEFT JOIN station_log l USING (command_id)
LEFT JOIN LATERAL (
    SELECT started_at, energy_wh FROM session w
    WHERE c.action = 'Reset' AND w.station_id = c.station_id AND w.energy_wh >= 100
        AND w.started_at BETWEEN c.requested_at AND c.requested_at + interval '24 hours'
        AND w.evse_id = coalesce((c.payload ->> 'evseId')::int, w.evse_id)
    ORDER BY w.started_at LIMIT 1
) worked ON true
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

-- name: attempts
-- The last attempts at each of its evses, and those of the last month whose evse is not known; what
-- became of the money of those paid by card. Newest first.
SELECT a.attempt_id, a.evse_id, a.id_token, a.session_id, a.started_at, a.ended_at, a.stage,
    a.outcome, a.reason, a.energy_wh, s.energy_wh AS session_wh, s.ended_at AS session_ended_at,
    p.reference, p.card_last4, p.hold, p.released_at, p.currency
FROM (
    SELECT l.* FROM evse e CROSS JOIN LATERAL (
        SELECT * FROM attempt n WHERE n.evse_key = e.evse_key
        ORDER BY n.started_at DESC, n.attempt_id DESC LIMIT :at_most
    ) l
    WHERE e.station_id = :station_id
    UNION ALL
    (SELECT * FROM attempt u WHERE u.station_id = :station_id AND u.evse_key IS NULL
        AND u.started_at > now() - interval '30 days'
     ORDER BY u.started_at DESC LIMIT :at_most)
) a
LEFT JOIN session s USING (session_id)
LEFT JOIN payment p USING (payment_id)
ORDER BY a.started_at DESC, a.attempt_id DESC;

-- name: normals
-- What is normal for its evses.
SELECT e.evse_id, n.gap_p95_seconds FROM evse e JOIN evse_normal n USING (evse_key)
WHERE e.station_id = :station_id;

-- name: site_power$
-- What its site draws now: the power that running sessions last reported, in watts.
SELECT coalesce(sum(o.power_w), 0)::bigint FROM station s
JOIN evse e USING (station_id)
JOIN session o ON o.evse_key = e.evse_key AND o.ended_at IS NULL
WHERE s.site_id = :site_id;

-- name: notes
-- What staff wrote about a station, newest first.
SELECT note_id, kind, at, author, text FROM station_note
WHERE station_id = :station_id
ORDER BY at DESC, note_id DESC LIMIT :at_most;

-- name: contacts
-- The newest word on each: host and technician as known at any station of the site, parts of this
-- one's.
SELECT DISTINCT ON (n.kind) n.kind, n.text, n.at, n.author
FROM station_note n JOIN station s USING (station_id)
WHERE (n.station_id = :station_id OR n.kind IN ('host', 'technician') AND s.site_id = :site_id)
    AND n.kind <> 'note'
ORDER BY n.kind, n.at DESC, n.note_id DESC;

-- name: add_note!
-- A line about a station.
INSERT INTO station_note (station_id, kind, author, text)
VALUES (:station_id, :kind, :author, :text);

-- name: outages
-- Its outages since an instant, newest first.
SELECT outage_id, evse_id, started_at, ended_at, cause, excluded_because FROM outage
WHERE station_id = :station_id AND coalesce(ended_at, 'infinity') > :since
ORDER BY started_at DESC LIMIT :at_most;

-- name: firmware
-- Which firmware it has had, newest first.
SELECT at, vendor, model, firmware_version,
    lead(firmware_version) OVER (ORDER BY at DESC) AS before
FROM firmware_history WHERE station_id = :station_id
ORDER BY at DESC LIMIT :at_most;

-- name: marks
-- What somebody did to it since an instant, and firmware that changed: for its timeline.
SELECT c.requested_at AS at, c.action, c.payload, c.status, c.response, c.requested_by,
    NULL AS firmware_version
FROM command c
WHERE c.station_id = :station_id AND c.requested_at >= :since
    AND c.action IN ('Reset', 'UnlockConnector', 'ChangeAvailability', 'UpdateFirmware',
        'RemoteStartTransaction', 'RequestStartTransaction', 'RemoteStopTransaction',
        'RequestStopTransaction')
UNION ALL
SELECT f.at, 'firmware', NULL, NULL, NULL, NULL, f.firmware_version
FROM firmware_history f
WHERE f.station_id = :station_id AND f.at >= :since
    AND EXISTS (SELECT FROM firmware_history b WHERE b.station_id = f.station_id AND b.at < f.at)
ORDER BY at;

-- name: told_reports
-- Frames in which it reported its variables, oldest first.
SELECT received_at, frame FROM (
    SELECT received_at, frame FROM message_log
    WHERE station_id = :station_id AND action = 'NotifyReport'
        AND received_at > now() - interval '30 days'
    ORDER BY received_at DESC LIMIT :at_most
) newest ORDER BY received_at;

-- name: told_answers
-- Its answers to questions about configuration and certificates, oldest first.
SELECT action, payload, response, finished_at FROM (
    SELECT action, payload, response, finished_at FROM command
    WHERE station_id = :station_id AND status = 'answered'
        AND action IN ('GetConfiguration', 'GetVariables', 'GetInstalledCertificateIds')
    ORDER BY requested_at DESC LIMIT :at_most
) newest ORDER BY finished_at;

-- name: log_status
-- What it said of firmware and log transfers lately, newest first.
SELECT received_at, action, frame FROM message_log
WHERE station_id = :station_id AND received_at > now() - interval '30 days'
    AND action IN ('FirmwareStatusNotification', 'LogStatusNotification',
        'DiagnosticsStatusNotification')
ORDER BY received_at DESC LIMIT :at_most;

-- name: certificate^
-- The certificate it logged in with last.
SELECT subject, issuer, not_after, seen_at FROM certificate WHERE station_id = :station_id;

-- name: expect_log!
-- A place for one log file; older than 30 days they are forgotten.
WITH forgotten AS (
    DELETE FROM station_log WHERE requested_at < now() - interval '30 days'
)
INSERT INTO station_log (station_id, command_id, token_hash, requested_by, expires_at)
VALUES (:station_id, :command_id, :token_hash, :requested_by, now() + interval '6 hours');

-- name: expected_log^
-- Whether a secret address is known, and still takes a file.
SELECT log_id, station_id, received_at IS NULL AND expires_at > now() AS is_open
FROM station_log WHERE token_hash = :token_hash;

-- name: keep_log$
-- The file, if none came before; tells those who look at its command.
WITH kept AS (
    UPDATE station_log SET received_at = now(), remote = :remote, file_name = :file_name,
        content = :content
    WHERE log_id = :log_id AND received_at IS NULL AND expires_at > now()
    RETURNING log_id, command_id
)
SELECT log_id FROM kept, pg_notify('command_done', command_id::text);

-- name: logs
-- Log files it was asked for, newest first.
SELECT log_id, requested_by, requested_at, expires_at, received_at, file_name,
    octet_length(content) AS bytes
FROM station_log WHERE station_id = :station_id
ORDER BY requested_at DESC LIMIT :at_most;

-- name: log_file^
-- One log file.
SELECT station_id, file_name, content FROM station_log
WHERE log_id = :log_id AND received_at IS NOT NULL;
