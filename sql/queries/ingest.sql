-- What the ingest process reads and writes. Sets of rows come as one array per column.

-- name: stations(station_ids)
-- Stations with their credentials, as connections and messages need them; retired ones are unknown.
SELECT s.station_id, s.station_key, t.operator_id, s.site_id, s.registration_status,
    s.heartbeat_seconds, s.trace_until, s.password_hash, s.password_hmac,
    coalesce(array_agg(e.evse_key ORDER BY e.evse_id) FILTER (WHERE e.evse_key IS NOT NULL), '{}'),
    coalesce(array_agg(e.evse_id ORDER BY e.evse_id) FILTER (WHERE e.evse_key IS NOT NULL), '{}'),
    coalesce(array_agg(e.max_power_w ORDER BY e.evse_id) FILTER (WHERE e.evse_key IS NOT NULL), '{}'),
    s.entry_version
FROM station s
LEFT JOIN site t USING (site_id)
LEFT JOIN evse e USING (station_id)
WHERE s.station_id = ANY(:station_ids::text[]) AND (s.decommissioned_at > now()) IS NOT FALSE
GROUP BY s.station_id, t.site_id;

-- name: add_stations(station_ids, registration_status)!
-- Stations that presented themselves, where unknown ones are let in.
INSERT INTO station (station_id, registration_status)
SELECT unnest(:station_ids::text[]), :registration_status
ON CONFLICT DO NOTHING;

-- name: keep_password_hmac(station_id, password_hash, password_hmac)!
-- Remember a checked password; not if it was changed meanwhile.
UPDATE station SET password_hmac = :password_hmac
WHERE station_id = :station_id AND password_hash = :password_hash;

-- name: add_connection_attempt(station_id, remote, reason)!
-- A refused connection, for staff to see.
INSERT INTO connection_attempt (station_id, remote, reason) VALUES (:station_id, :remote, :reason);

-- name: add_evses(station_id, evse_ids)!
-- Evses that a station's messages name for the first time.
INSERT INTO evse (station_id, evse_id)
SELECT :station_id, unnest(:evse_ids::integer[])
ON CONFLICT DO NOTHING;

-- name: claim_connections(worker_id, lease_seconds, station_ids, remotes, subprotocols, ocpp_versions)
-- Take stations' connections over, whoever had them; the epoch tells older holders apart.
WITH wanted AS (
    SELECT * FROM unnest(:station_ids::text[], :remotes::text[], :subprotocols::text[],
        :ocpp_versions::text[]) AS n(station_id, remote, subprotocol, ocpp_version)
), claimed AS (
    INSERT INTO connection AS c
        (station_id, worker_id, epoch, lease_until, connected_at, remote, subprotocol)
    SELECT station_id, :worker_id, 1, now() + :lease_seconds * interval '1 second', now(),
        remote, subprotocol
    FROM wanted ORDER BY station_id
    ON CONFLICT (station_id) DO UPDATE SET worker_id = excluded.worker_id, epoch = c.epoch + 1,
        lease_until = excluded.lease_until, connected_at = excluded.connected_at,
        remote = excluded.remote, subprotocol = excluded.subprotocol
    RETURNING station_id, epoch
), online AS (
    UPDATE station s SET is_online = true, last_seen_at = now(), ocpp_version = w.ocpp_version,
        contact_changed_at = CASE WHEN s.is_online THEN s.contact_changed_at ELSE now() END,
        offline_cause = NULL
    FROM wanted w WHERE s.station_id = w.station_id
), told AS (
    SELECT station_id, epoch, pg_notify('connection', station_id || ' ' || epoch) FROM claimed
)
SELECT station_id, epoch FROM told;

-- name: release_connections(station_ids, epochs, cause)
-- Offline, but only where nobody has taken over since.
WITH released AS (
    UPDATE connection c SET lease_until = now()
    FROM unnest(:station_ids::text[], :epochs::bigint[]) AS n(station_id, epoch)
    WHERE c.station_id = n.station_id AND c.epoch = n.epoch
    RETURNING c.station_id
)
UPDATE station s SET is_online = false, contact_changed_at = now(), offline_cause = :cause
FROM released r WHERE s.station_id = r.station_id AND s.is_online
RETURNING s.station_id;

-- name: extend_leases(station_ids, epochs, lease_seconds)
-- The worker is alive and holds these; what is missing from the answer, somebody else holds now.
-- Who came in under an older entry version must come in anew.
UPDATE connection c SET lease_until = now() + :lease_seconds * interval '1 second'
FROM unnest(:station_ids::text[], :epochs::bigint[]) AS n(station_id, epoch)
JOIN station s ON s.station_id = n.station_id
WHERE c.station_id = n.station_id AND c.epoch = n.epoch
RETURNING c.station_id, c.epoch, s.entry_version;

-- name: saw_stations(station_ids, seen_at)
-- When stations were last heard; silence that has ended makes them online again.
UPDATE station s SET last_seen_at = greatest(s.last_seen_at, n.seen_at), is_online = true,
    contact_changed_at = CASE WHEN s.is_online THEN s.contact_changed_at ELSE now() END,
    offline_cause = NULL
FROM unnest(:station_ids::text[], :seen_at::timestamptz[]) AS n(station_id, seen_at)
WHERE s.station_id = n.station_id
RETURNING s.station_id, s.contact_changed_at = now();

-- name: notify_evses(station_ids)!
-- Tell live viewers that contact with stations has changed; '*' when the list gets too long.
SELECT pg_notify('evse', CASE WHEN count(*) > 700 THEN '*'
    ELSE string_agg(evse_key::text, ',') END)
FROM evse WHERE station_id = ANY(:station_ids::text[]) HAVING count(*) > 0;

-- name: load_sessions(station_ids, transaction_ids, start_stations, start_hashes, evse_keys)
-- Sessions a batch may touch: named by transaction id, by a repeated start, or open on an evse
-- that a new start would end.
SELECT s.session_id, s.operator_id, s.site_id, s.station_id, s.evse_id, s.evse_key, s.connector_id,
    s.transaction_id, s.id_token, s.started_at, s.ended_at, s.meter_start_wh, s.meter_stop_wh,
    s.energy_wh, s.register_wh, s.register_at, s.power_w, s.power_at, s.soc_pct, s.charging_state,
    s.state_at, s.first_reading_at, s.last_reading_at, s.charged_until, s.candidate_wh, s.candidate_at,
    s.candidate_seen, s.energy_basis, s.power_sum, s.interval_at, s.interval_mwh, s.lag_seconds,
    s.lag_at, s.limit_w, s.stop_reason, s.stopped_by, s.flags, s.remote_start_id, s.seq_no,
    s.start_hash, s.version
FROM session s
WHERE s.session_id IN (
    SELECT t.session_id FROM session t
    JOIN unnest(:station_ids::text[], :transaction_ids::text[]) AS n(station_id, transaction_id)
        USING (station_id, transaction_id)
    UNION
    SELECT t.session_id FROM session t
    JOIN unnest(:start_stations::text[], :start_hashes::bigint[]) AS n(station_id, start_hash)
        USING (station_id, start_hash)
    UNION
    SELECT t.session_id FROM session t
    WHERE t.evse_key = ANY(:evse_keys::integer[]) AND t.ended_at IS NULL);

-- name: tokens(id_tokens)
-- Id tokens, whatever their case, and the evses on which they have a session open.
SELECT t.id_token, t.status, t.expires_at, t.parent_id_token, t.is_concurrent,
    array(SELECT o.evse_key FROM session o
        WHERE lower(o.id_token) = lower(t.id_token) AND o.ended_at IS NULL)
FROM id_token t
WHERE lower(t.id_token) = ANY(:id_tokens::text[]);

-- name: new_session_ids(count)
-- A block of ids, so that an answer needs no round trip.
SELECT nextval('session_id_seq') FROM generate_series(1, :count::integer);

-- name: lock_sessions(session_ids)
-- The slow path's sessions, in the order of ids that every part keeps.
SELECT session_id, version FROM session
WHERE session_id = ANY(:session_ids::bigint[]) ORDER BY session_id FOR UPDATE;

-- name: session_readings(session_id, evse_keys, from_at, to_at)
-- All that is recorded of one session: readings, and the energy facts.
SELECT measured_at, source, energy_wh, power_w, extra, context, energy_delta_wh FROM meter_value
WHERE evse_key = ANY(:evse_keys::integer[]) AND session_id = :session_id
    AND measured_at BETWEEN :from_at AND :to_at;

-- name: correction_of(session_id)$
-- What people's decisions added to a session's energy.
SELECT coalesce((SELECT correction_wh FROM session WHERE session_id = :session_id), 0);

-- name: insert_sessions!
-- New sessions; fewer rows than asked for means that another worker was first.
INSERT INTO session (session_id, operator_id, site_id, station_id, evse_id, evse_key, connector_id,
    transaction_id, id_token, started_at, ended_at, meter_start_wh, meter_stop_wh, energy_wh,
    register_wh, register_at, power_w, power_at, soc_pct, charging_state, state_at,
    first_reading_at, last_reading_at, charged_until, candidate_wh, candidate_at, candidate_seen,
    energy_basis, power_sum, interval_at, interval_mwh, lag_seconds, lag_at, limit_w, stop_reason,
    stopped_by, flags, remote_start_id, seq_no, start_hash, driver_id)
SELECT n.session_id, n.operator_id, n.site_id, n.station_id, n.evse_id, n.evse_key, n.connector_id,
    n.transaction_id, n.id_token, n.started_at, n.ended_at, n.meter_start_wh, n.meter_stop_wh,
    n.energy_wh, n.register_wh, n.register_at, n.power_w, n.power_at, n.soc_pct, n.charging_state,
    n.state_at, n.first_reading_at, n.last_reading_at, n.charged_until, n.candidate_wh,
    n.candidate_at, n.candidate_seen, n.energy_basis, n.power_sum, n.interval_at, n.interval_mwh,
    n.lag_seconds, n.lag_at, n.limit_w, n.stop_reason, n.stopped_by,
    string_to_array(n.flags, ' '), n.remote_start_id, n.seq_no, n.start_hash,
    (SELECT t.driver_id FROM id_token t WHERE lower(t.id_token) = lower(n.id_token))
FROM unnest(:session_id::bigint[], :operator_id::integer[], :site_id::integer[],
    :station_id::text[], :evse_id::integer[], :evse_key::integer[], :connector_id::integer[],
    :transaction_id::text[], :id_token::text[], :started_at::timestamptz[],
    :ended_at::timestamptz[], :meter_start_wh::bigint[], :meter_stop_wh::bigint[],
    :energy_wh::bigint[], :register_wh::bigint[], :register_at::timestamptz[], :power_w::real[],
    :power_at::timestamptz[], :soc_pct::real[], :charging_state::text[], :state_at::timestamptz[],
    :first_reading_at::timestamptz[], :last_reading_at::timestamptz[],
    :charged_until::timestamptz[], :candidate_wh::bigint[],
    :candidate_at::timestamptz[], :candidate_seen::integer[], :energy_basis::text[],
    :power_sum::bigint[], :interval_at::timestamptz[], :interval_mwh::integer[],
    :lag_seconds::integer[], :lag_at::timestamptz[], :limit_w::integer[], :stop_reason::text[], :stopped_by::text[],
    :flags::text[], :remote_start_id::integer[], :seq_no::bigint[], :start_hash::bigint[])
    AS n(session_id, operator_id, site_id, station_id, evse_id, evse_key, connector_id,
    transaction_id, id_token, started_at, ended_at, meter_start_wh, meter_stop_wh, energy_wh,
    register_wh, register_at, power_w, power_at, soc_pct, charging_state, state_at,
    first_reading_at, last_reading_at, charged_until, candidate_wh, candidate_at, candidate_seen,
    energy_basis, power_sum, interval_at, interval_mwh, lag_seconds, lag_at, limit_w, stop_reason,
    stopped_by, flags, remote_start_id, seq_no, start_hash)
ON CONFLICT DO NOTHING;

-- name: move_sessions!
-- Compare and set where nothing but the live columns has changed.
UPDATE session s SET energy_wh = n.energy_wh, register_wh = n.register_wh,
    register_at = n.register_at, power_w = n.power_w, soc_pct = n.soc_pct,
    last_reading_at = n.last_reading_at, state_at = n.state_at, seq_no = n.seq_no,
    charged_until = n.charged_until, power_at = n.power_at, version = s.version + 1
FROM unnest(:session_id::bigint[], :energy_wh::bigint[], :register_wh::bigint[],
    :register_at::timestamptz[], :power_w::real[], :soc_pct::real[],
    :last_reading_at::timestamptz[], :state_at::timestamptz[], :seq_no::bigint[],
    :charged_until::timestamptz[], :power_at::timestamptz[], :version::integer[])
    AS n(session_id, energy_wh, register_wh, register_at, power_w, soc_pct, last_reading_at,
    state_at, seq_no, charged_until, power_at, version)
WHERE s.session_id = n.session_id AND s.version = n.version;

-- name: swap_sessions!
-- Compare and set: only rows that are still as this worker last saw them.
UPDATE session s SET evse_id = n.evse_id, evse_key = n.evse_key, connector_id = n.connector_id,
    id_token = n.id_token, started_at = n.started_at, ended_at = n.ended_at,
    meter_start_wh = n.meter_start_wh, meter_stop_wh = n.meter_stop_wh, energy_wh = n.energy_wh,
    register_wh = n.register_wh, register_at = n.register_at, power_w = n.power_w,
    power_at = n.power_at, soc_pct = n.soc_pct, charging_state = n.charging_state, state_at = n.state_at,
    first_reading_at = n.first_reading_at, last_reading_at = n.last_reading_at,
    charged_until = n.charged_until,
    candidate_wh = n.candidate_wh, candidate_at = n.candidate_at,
    candidate_seen = n.candidate_seen, energy_basis = n.energy_basis, power_sum = n.power_sum,
    interval_at = n.interval_at, interval_mwh = n.interval_mwh, lag_seconds = n.lag_seconds,
    lag_at = n.lag_at, limit_w = n.limit_w,
    stop_reason = n.stop_reason, stopped_by = n.stopped_by, flags = string_to_array(n.flags, ' '),
    remote_start_id = n.remote_start_id, seq_no = n.seq_no, version = s.version + 1
FROM unnest(:session_id::bigint[], :evse_id::integer[], :evse_key::integer[],
    :connector_id::integer[], :id_token::text[], :started_at::timestamptz[],
    :ended_at::timestamptz[], :meter_start_wh::bigint[], :meter_stop_wh::bigint[],
    :energy_wh::bigint[], :register_wh::bigint[], :register_at::timestamptz[], :power_w::real[],
    :power_at::timestamptz[], :soc_pct::real[], :charging_state::text[], :state_at::timestamptz[],
    :first_reading_at::timestamptz[], :last_reading_at::timestamptz[],
    :charged_until::timestamptz[], :candidate_wh::bigint[],
    :candidate_at::timestamptz[], :candidate_seen::integer[], :energy_basis::text[],
    :power_sum::bigint[], :interval_at::timestamptz[], :interval_mwh::integer[],
    :lag_seconds::integer[], :lag_at::timestamptz[], :limit_w::integer[], :stop_reason::text[], :stopped_by::text[],
    :flags::text[], :remote_start_id::integer[], :seq_no::bigint[], :version::integer[])
    AS n(session_id, evse_id, evse_key, connector_id, id_token, started_at, ended_at,
    meter_start_wh, meter_stop_wh, energy_wh, register_wh, register_at, power_w, power_at, soc_pct,
    charging_state, state_at, first_reading_at, last_reading_at, charged_until, candidate_wh,
    candidate_at, candidate_seen, energy_basis, power_sum, interval_at, interval_mwh, lag_seconds,
    lag_at, limit_w, stop_reason, stopped_by, flags, remote_start_id, seq_no, version)
WHERE s.session_id = n.session_id AND s.version = n.version;

-- name: insert_meter_values!
-- Readings that may be repeated: the same one is the same row.
INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, session_id,
    context, source, revision, reading_hash, energy_wh, energy_delta_wh, power_w, current_a,
    voltage_v, soc_pct, flags, extra)
SELECT n.evse_key, n.station_id, n.evse_id, n.measured_at, n.received_at, n.session_id,
    n.context, n.source, n.revision, n.reading_hash, n.energy_wh, n.energy_delta_wh, n.power_w,
    n.current_a, n.voltage_v, n.soc_pct, string_to_array(n.flags, ' '), n.extra::jsonb
FROM unnest(:evse_key::integer[], :station_id::text[], :evse_id::integer[],
    :measured_at::timestamptz[], :received_at::timestamptz[], :session_id::bigint[],
    :context::text[], :source::text[], :revision::integer[], :reading_hash::bigint[],
    :energy_wh::bigint[], :energy_delta_wh::bigint[], :power_w::real[], :current_a::real[],
    :voltage_v::real[], :soc_pct::real[], :flags::text[], :extra::text[])
    AS n(evse_key, station_id, evse_id, measured_at, received_at, session_id, context, source,
    revision, reading_hash, energy_wh, energy_delta_wh, power_w, current_a, voltage_v, soc_pct,
    flags, extra)
ON CONFLICT DO NOTHING;

-- name: insert_message_log!
-- One row an exchange, with its answer.
INSERT INTO message_log (station_id, received_at, direction, message_id, action, frame, answer,
    answer_ms, error_code)
SELECT * FROM unnest(:station_id::text[], :received_at::timestamptz[], :direction::text[],
    :message_id::text[], :action::text[], :frame::text[], :answer::text[], :answer_ms::real[],
    :error_code::text[])
ON CONFLICT DO NOTHING;

-- name: insert_statuses!
-- Every status notification, once.
INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status, charging_state,
    status_at, received_at, error_code, info, vendor_error_code, flags)
SELECT n.evse_key, n.station_id, n.evse_id, n.connector_id, n.status, n.charging_state,
    n.status_at, n.received_at, n.error_code, n.info, n.vendor_error_code,
    string_to_array(n.flags, ' ')
FROM unnest(:evse_key::integer[], :station_id::text[], :evse_id::integer[],
    :connector_id::integer[], :status::text[], :charging_state::text[], :status_at::timestamptz[],
    :received_at::timestamptz[], :error_code::text[], :info::text[], :vendor_error_code::text[],
    :flags::text[])
    AS n(evse_key, station_id, evse_id, connector_id, status, charging_state, status_at,
    received_at, error_code, info, vendor_error_code, flags)
ON CONFLICT DO NOTHING;

-- name: insert_session_states!
-- Changes of charging states within sessions; of several at one instant the last told counts.
INSERT INTO session_state (session_id, state_at, charging_state)
SELECT DISTINCT ON (session_id, state_at) session_id, state_at, charging_state
FROM unnest(:session_id::bigint[], :state_at::timestamptz[], :charging_state::text[])
    WITH ORDINALITY AS n(session_id, state_at, charging_state, place)
ORDER BY session_id, state_at, place DESC
ON CONFLICT (session_id, state_at) DO UPDATE SET charging_state = excluded.charging_state;

-- name: insert_authorizations!
-- What stations asked about id tokens, and our answers.
INSERT INTO authorization_history (station_id, at, id_token, status)
SELECT * FROM unnest(:station_id::text[], :at::timestamptz[], :id_token::text[], :status::text[])
ON CONFLICT DO NOTHING;

-- name: set_connectors!
-- The newest status by the station's own time wins, whatever order they arrive in.
INSERT INTO connector AS c
    (evse_key, connector_id, status, charging_state, status_at, error_code, info)
SELECT * FROM unnest(:evse_key::integer[], :connector_id::integer[], :status::text[],
    :charging_state::text[], :status_at::timestamptz[], :error_code::text[], :info::text[])
ON CONFLICT (evse_key, connector_id) DO UPDATE SET status = excluded.status,
    charging_state = excluded.charging_state, status_at = excluded.status_at,
    error_code = excluded.error_code, info = excluded.info
WHERE c.status_at IS NULL OR excluded.status_at >= c.status_at;

-- name: set_station_statuses!
-- The same for the station as a whole (connector 0).
UPDATE station s SET status = n.status, status_at = n.status_at, error_code = n.error_code
FROM unnest(:station_id::text[], :status::text[], :status_at::timestamptz[], :error_code::text[])
    AS n(station_id, status, status_at, error_code)
WHERE s.station_id = n.station_id AND (s.status_at IS NULL OR n.status_at >= s.status_at);

-- name: set_boots!
-- What stations say of themselves when they boot.
UPDATE station s SET vendor = n.vendor, model = n.model, serial_number = n.serial_number,
    firmware_version = n.firmware_version, booted_at = n.booted_at
FROM unnest(:station_id::text[], :vendor::text[], :model::text[], :serial_number::text[],
    :firmware_version::text[], :booted_at::timestamptz[])
    AS n(station_id, vendor, model, serial_number, firmware_version, booted_at)
WHERE s.station_id = n.station_id;

-- name: request_refresh(from_at, to_at)!
-- Late rows: aggregates of that time must be brought up to date.
INSERT INTO rollup_refresh_request (from_at, to_at) VALUES (:from_at, :to_at);

-- name: notify(evse_keys)!
-- At most one notice a commit.
SELECT pg_notify('evse', :evse_keys);

-- name: claim_commands(station_ids, worker_id)
-- The next command of each station, if this worker still holds it; committed before it is sent.
-- The others wait here, where they can expire.
UPDATE command SET status = 'claimed', claimed_by = :worker_id, claimed_at = now()
WHERE status = 'queued' AND command_id IN (
    SELECT min(c.command_id) FROM command c
    JOIN connection n ON n.station_id = c.station_id AND n.worker_id = :worker_id
    WHERE c.status = 'queued' AND c.expires_at > now() AND c.station_id = ANY(:station_ids::text[])
    GROUP BY c.station_id)
RETURNING command_id, station_id, action, payload;

-- name: queued_stations()
-- Stations that have commands waiting.
SELECT DISTINCT station_id FROM command WHERE status = 'queued';

-- name: refuse_unreachable()
-- Commands that cannot be sent: nobody holds the station's connection, or their time is over.
UPDATE command c SET status = 'refused', finished_at = now(),
    response = jsonb_build_object('error', CASE WHEN c.expires_at <= now() THEN 'Expired'
        ELSE 'StationOffline' END)
WHERE c.status = 'queued' AND (c.expires_at <= now() OR NOT EXISTS (
    SELECT FROM connection n WHERE n.station_id = c.station_id AND n.lease_until > now()))
RETURNING c.command_id;

-- name: finish_command(command_id, status, response)!
-- What became of a command; an outcome once known stays.
UPDATE command SET status = :status, response = :response::jsonb, finished_at = now()
WHERE command_id = :command_id AND finished_at IS NULL;

-- name: lose_commands()
-- Claimed by a worker that has died: whether they were sent is not known.
UPDATE command c SET status = 'unknown', finished_at = now(),
    response = '{"error": "WorkerLost"}'
WHERE c.status = 'claimed' AND c.claimed_at < now() - interval '2 minutes'
RETURNING c.command_id;

-- name: note_certificate(station_id, subject, issuer, not_after)!
-- A certificate is in use: our own (station_id null), or one that a station logs in with.
INSERT INTO certificate AS c (station_id, subject, issuer, not_after)
VALUES (:station_id, :subject, :issuer, :not_after)
ON CONFLICT (station_id) DO UPDATE SET subject = excluded.subject, issuer = excluded.issuer,
    not_after = excluded.not_after, seen_at = now()
WHERE c.not_after <> excluded.not_after OR c.subject <> excluded.subject
    OR c.seen_at < now() - interval '1 hour';
