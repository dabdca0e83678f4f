-- What people decided about sessions, booked as corrections.

-- name: changes(count)
-- Ended sessions that are new or have changed: number of the change, session.
SELECT change_id, session_id FROM session_change ORDER BY change_id LIMIT :count;

-- name: forget_changes(change_ids)!
-- Changes that were judged.
DELETE FROM session_change WHERE change_id = ANY (:change_ids::bigint[]);

-- name: sessions_to_settle(count)
-- Sessions with a decision that is not booked yet, the oldest decision first.
SELECT session_id FROM session_decision WHERE applied_at IS NULL
GROUP BY session_id ORDER BY min(decision_id) LIMIT :count;

-- name: stated_sessions(session_ids)
-- Which of these people have stated the energy of, and it is no longer that: readings came later.
SELECT d.session_id FROM session_decided d JOIN session s USING (session_id)
WHERE d.session_id = ANY (:session_ids::bigint[]) AND d.applied_at IS NOT NULL
    AND d.decision <> 'accept' AND d.energy_wh <> s.energy_wh
ORDER BY d.session_id;

-- name: lock_session(session_id)^
-- A session, held until the transaction ends, and the decision that holds for it: fields as
-- ingest/decisions.py's Decided.
SELECT s.session_id, s.station_id, s.transaction_id, s.started_at,
    coalesce(s.ended_at, s.last_reading_at, s.started_at), s.energy_wh, s.correction_wh, s.version,
    d.decision_id, d.energy_wh
FROM session s
CROSS JOIN LATERAL (
    SELECT c.decision_id, c.energy_wh FROM session_decision c
    WHERE c.session_id = s.session_id ORDER BY c.decision_id DESC LIMIT 1
) d
WHERE s.session_id = :session_id FOR UPDATE OF s;

-- name: facts(session_id)
-- Everything that is counted of a session: when, how much, by which source.
SELECT m.measured_at, m.energy_delta_wh, m.source
FROM session s JOIN meter_value m ON m.evse_key = s.evse_key AND m.session_id = s.session_id
    AND m.measured_at >= least(s.started_at, s.ended_at, s.first_reading_at)
        - interval '15 minutes'
    AND m.measured_at <= greatest(s.started_at, coalesce(s.ended_at, 'infinity'::timestamptz),
        s.last_reading_at) + interval '15 minutes'
WHERE s.session_id = :session_id AND m.energy_delta_wh IS NOT NULL
ORDER BY m.measured_at, m.source, m.reading_hash;

-- name: add_corrections(session_id, decision_id, ats, deltas, hashes, version, now)!
-- Facts that make the session's energy what was decided; `extra` names the decision.
INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, session_id,
    source, revision, reading_hash, energy_delta_wh, extra)
SELECT s.evse_key, s.station_id, s.evse_id, n.at, :now, s.session_id, 'correction', :version,
    n.hash, n.delta_wh, jsonb_build_object('decision_id', :decision_id::bigint)
FROM session s, unnest(:ats::timestamptz[], :deltas::bigint[], :hashes::bigint[])
    AS n(at, delta_wh, hash)
WHERE s.session_id = :session_id;

-- name: correct_session(session_id, energy_wh, correction_wh, version)$
-- Compare and set: whoever holds the session in memory loads it anew. Its evse.
UPDATE session SET energy_wh = :energy_wh, correction_wh = :correction_wh, version = version + 1
WHERE session_id = :session_id AND version = :version
RETURNING evse_key;

-- name: request_refresh(from_at, to_at)!
-- Aggregates of that time must be brought up to date.
INSERT INTO rollup_refresh_request (from_at, to_at) VALUES (:from_at, :to_at);

-- name: tell_live(evse_key)!
-- Who looks at the evse sees it at once.
SELECT pg_notify('evse', :evse_key::text);

-- name: note_applied(session_id, decision_id, old_wh, new_wh, now)!
-- Booked, with all decisions before it that nobody had got to.
UPDATE session_decision SET applied_at = :now, old_wh = :old_wh, new_wh = :new_wh
WHERE session_id = :session_id AND decision_id <= :decision_id AND applied_at IS NULL;
