-- Probes: stations and sessions in doubt. The rules are in ingest/probes.py. Leases of sockets are
-- kept by the database's own clock.

-- name: doubt_contact(now, slack, at_most)!
-- Stations whose socket is open, silent for more than two of their heartbeats: they will be asked.
INSERT INTO probe (kind, station_id, reason, evidence_at, began_at)
SELECT 'contact', s.station_id, 'silent', s.last_seen_at, :now
FROM station s JOIN connection c USING (station_id)
WHERE s.is_online AND c.lease_until > now()
    AND s.last_seen_at < :now::timestamptz
        - (2 * s.heartbeat_seconds + :slack::integer) * interval '1 second'
ORDER BY s.last_seen_at LIMIT :at_most
ON CONFLICT DO NOTHING;

-- name: open_contact_probes
-- Stations under probe, with what became of the question.
SELECT p.probe_id, p.kind, p.station_id, p.reason, p.evidence_at, p.began_at, p.step,
    p.command_id, p.tries, s.ocpp_version,
    s.is_online AND EXISTS (SELECT FROM connection n
        WHERE n.station_id = p.station_id AND n.lease_until > now()) AS has_socket,
    s.last_seen_at, c.status, c.response, c.finished_at
FROM probe p
JOIN station s USING (station_id)
LEFT JOIN command c USING (command_id)
WHERE p.kind = 'contact' AND p.ended_at IS NULL;

-- name: doubt_sessions(now, silence, intervals, unmetered, doubt, offline, at_most)!
-- Open sessions that nothing was heard of for long while the station was in contact; whose evse
-- says that it is free; whose station has booted since; or whose station is gone for good. What
-- the stations' clocks say of the future counts as now.
WITH told AS (
    SELECT o.session_id, o.station_id, o.evse_key, o.version, s.is_online, s.offline_cause,
        s.contact_changed_at, s.booted_at, c.is_busy, c.free_since,
        o.first_reading_at, o.last_reading_at,
        least(greatest(o.started_at, o.last_reading_at, o.state_at), :now::timestamptz) AS said_at,
        greatest(c.active_at, o.recorded_at, b.ended_at) AS known_at
    FROM session o
    -- each looked up, whatever statistics say of contact
    CROSS JOIN LATERAL (SELECT is_online, offline_cause, contact_changed_at, booted_at
        FROM station s WHERE s.station_id = o.station_id OFFSET 0) s
    LEFT JOIN LATERAL (
        SELECT bool_or(status = 'Occupied') AS is_busy,
            max(status_at) FILTER (WHERE status <> 'Occupied') AS free_since,
            max(least(status_at, :now::timestamptz)) FILTER (WHERE status = 'Occupied'
                AND charging_state IN
                ('Charging', 'SuspendedEV', 'SuspendedEVSE')) AS active_at
        FROM connector WHERE evse_key = o.evse_key
    ) c ON true
    LEFT JOIN LATERAL (
        -- it was asked before, and goes on
        SELECT max(p.ended_at) AS ended_at FROM probe p
        WHERE p.session_id = o.session_id AND p.outcome IN ('alive', 'believed')
    ) b ON true
    WHERE o.ended_at IS NULL
        AND NOT EXISTS (SELECT FROM probe p
            WHERE p.session_id = o.session_id AND p.ended_at IS NULL)
), doubted AS (
    SELECT t.*, greatest(t.said_at, t.known_at) AS evidence_at, CASE
        WHEN NOT t.is_online THEN CASE WHEN t.offline_cause = 'station' AND
            greatest(t.contact_changed_at, t.known_at)
                < :now::timestamptz - :offline::integer * interval '1 second' THEN 'no_contact' END
        WHEN NOT t.is_busy AND t.free_since > t.said_at
            AND greatest(t.free_since, t.known_at, t.contact_changed_at) < :now::timestamptz - :doubt::integer * interval '1 second' THEN 'available'
        WHEN t.booted_at > greatest(t.said_at, t.known_at)
            AND t.booted_at < :now::timestamptz - :doubt::integer * interval '1 second'
            THEN 'booted'
        WHEN greatest(t.said_at, t.known_at, t.contact_changed_at)
            < :now::timestamptz - :silence::integer * interval '1 second' THEN 'silent' END AS reason
    FROM told t
)
INSERT INTO probe (kind, station_id, session_id, reason, evidence_at, session_version, began_at)
SELECT 'session', d.station_id, d.session_id, d.reason, d.evidence_at, d.version, :now
FROM doubted d
LEFT JOIN evse_normal n USING (evse_key)
LEFT JOIN LATERAL (
    -- by our clock, and at the session's own pace; only looked at for those few
    SELECT max(m.received_at) AS received_at,
        extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY m.gap)) AS pace
    FROM (
        SELECT received_at, measured_at - lag(measured_at) OVER (ORDER BY measured_at) AS gap
        FROM meter_value
        WHERE d.reason = 'silent' AND context IS NOT NULL
            AND evse_key = d.evse_key AND session_id = d.session_id
            AND measured_at BETWEEN d.first_reading_at AND d.last_reading_at
        ORDER BY measured_at DESC LIMIT 50
    ) m
) r ON true
WHERE d.reason IS NOT NULL AND (d.reason <> 'silent'
    OR greatest(d.evidence_at, r.received_at, d.contact_changed_at) < :now::timestamptz
        - CASE WHEN coalesce(r.pace, n.meter_interval_seconds) IS NULL THEN :unmetered::integer
            ELSE greatest(:silence::integer,
                :intervals::integer * coalesce(r.pace, n.meter_interval_seconds)) END
            * interval '1 second')
ORDER BY d.evidence_at LIMIT :at_most
ON CONFLICT DO NOTHING;

-- name: open_session_probes
-- Sessions under probe, with what became of the question and of the session.
SELECT p.probe_id, p.kind, p.station_id, p.reason, p.evidence_at, p.began_at, p.step,
    p.command_id, p.tries, s.ocpp_version,
    s.is_online AND EXISTS (SELECT FROM connection n
        WHERE n.station_id = p.station_id AND n.lease_until > now()) AS has_socket,
    s.last_seen_at, c.status, c.response, c.finished_at,
    p.session_id, p.session_version, o.version, o.ended_at, o.transaction_id, o.evse_id,
    v.status, v.charging_state
FROM probe p
LEFT JOIN station s USING (station_id)
LEFT JOIN command c USING (command_id)
LEFT JOIN session o ON o.session_id = p.session_id
LEFT JOIN LATERAL (
    SELECT status, charging_state FROM connector
    WHERE evse_key = o.evse_key ORDER BY status = 'Occupied' DESC, status_at DESC LIMIT 1
) v ON true
WHERE p.kind = 'session' AND p.ended_at IS NULL;

-- name: ask(calls, now)!
-- Queue the next question of each probe, unless another watchdog has done so.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(:calls::jsonb) AS w(probe_id bigint, was bigint,
        station_id text, step text, action text, payload jsonb)
), moved AS (
    UPDATE probe p SET step = w.step, asked_at = :now, tries = p.tries + 1,
        command_id = nextval(pg_get_serial_sequence('command', 'command_id'))
    FROM wanted w
    WHERE p.probe_id = w.probe_id AND p.command_id IS NOT DISTINCT FROM w.was
        AND p.ended_at IS NULL
    RETURNING p.command_id, w.station_id, w.action, w.payload
)
INSERT INTO command (command_id, station_id, action, payload, requested_by)
SELECT command_id, station_id, action, payload, 'watchdog' FROM moved;

-- name: end_probes(outcomes, now)!
-- What probes have found. A station that has answered was seen; one that has not is out of
-- contact since it was last heard, whatever its socket looks like.
WITH found AS (
    SELECT * FROM jsonb_to_recordset(:outcomes::jsonb) AS w(probe_id bigint, outcome text)
), ended AS (
    UPDATE probe p SET ended_at = :now, outcome = f.outcome
    FROM found f WHERE p.probe_id = f.probe_id AND p.ended_at IS NULL
    RETURNING p.kind, p.station_id, p.began_at, p.outcome, p.command_id
), heard AS (
    UPDATE station s SET last_seen_at = greatest(s.last_seen_at, c.finished_at)
    FROM ended e JOIN command c USING (command_id)
    WHERE e.kind = 'contact' AND e.outcome = 'heard' AND s.station_id = e.station_id
), lost AS (
    UPDATE station s SET is_online = false, offline_cause = 'station',
        contact_changed_at = greatest(s.contact_changed_at,
            least(s.last_seen_at, :now::timestamptz))
    FROM ended e
    WHERE e.kind = 'contact' AND e.outcome = 'silent' AND s.station_id = e.station_id
        AND s.is_online AND s.last_seen_at <= e.began_at
    RETURNING s.station_id
)
SELECT pg_notify('evse', CASE WHEN count(*) > 700 THEN '*'
    ELSE string_agg(evse_key::text, ',') END)
FROM evse JOIN lost USING (station_id) HAVING count(*) > 0;

-- name: close_ghosts(ghosts, now)!
-- Close sessions at their last evidence, by the compare-and-set that all who change sessions keep
-- to: what arrives meanwhile wins, and the probe is judged anew.
WITH found AS (
    SELECT * FROM jsonb_to_recordset(:ghosts::jsonb)
        AS w(probe_id bigint, session_id bigint, version integer)
), closed AS (
    UPDATE session o SET
        ended_at = greatest(o.started_at, least(o.last_reading_at, :now::timestamptz)),
        power_w = NULL, charging_state = NULL, flags = array_append(o.flags, 'ghost'),
        version = o.version + 1
    FROM (SELECT f.* FROM found f JOIN session l USING (session_id)
        ORDER BY f.session_id FOR UPDATE OF l) f
    WHERE o.session_id = f.session_id AND o.version = f.version AND o.ended_at IS NULL
    RETURNING f.probe_id, o.evse_key
), ended AS (
    UPDATE probe p SET ended_at = :now, outcome = 'closed'
    FROM closed c WHERE p.probe_id = c.probe_id
)
SELECT pg_notify('evse', CASE WHEN count(*) > 700 THEN '*'
    ELSE string_agg(evse_key::text, ',') END)
FROM closed WHERE evse_key > 0 HAVING count(*) > 0;

-- name: forget(now, attempts_days, probes_days, commands_days)!
-- What nobody asks for any more: refused connections, probes and the watchdog's own commands.
WITH attempts AS (
    DELETE FROM connection_attempt
    WHERE at < :now::timestamptz - :attempts_days::integer * interval '1 day'
), probes AS (
    DELETE FROM probe WHERE ended_at < :now::timestamptz - :probes_days::integer * interval '1 day'
)
DELETE FROM command WHERE requested_by = 'watchdog' AND finished_at IS NOT NULL
    AND requested_at < :now::timestamptz - :commands_days::integer * interval '1 day';
