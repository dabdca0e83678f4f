-- name: token^
-- The live token of a hash, with what it may do.
SELECT api_token_id, name, scopes, last_used_at
FROM api_token WHERE token_hash = :token_hash AND revoked_at IS NULL;

-- name: token_used!
-- When a token was last used, kept to the minute so that reading costs no write each time.
UPDATE api_token SET last_used_at = now()
WHERE api_token_id = :api_token_id
  AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');

-- name: sites
-- All sites with how many evses they have and how many are free.
SELECT s.site_id, s.name, s.address, s.city, s.country, s.latitude, s.longitude, s.time_zone,
       s.currency, s.grid_limit_w, s.help_phone, count(v.evse_key) AS evses,
       count(v.evse_key) FILTER (WHERE v.state = 'available') AS available
FROM site s LEFT JOIN evse_state v USING (site_id)
GROUP BY s.site_id ORDER BY s.site_id;

-- name: stations
-- Stations with their evses; one only when station_id is given, a site's when site_id is.
SELECT s.station_id, s.site_id, s.vendor, s.model, s.serial_number, s.firmware_version,
       s.ocpp_version, s.is_online, s.last_seen_at, s.registration_status,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
           'evse_id', v.evse_id, 'public_code', v.public_code, 'max_power_w', v.max_power_w,
           'state', v.state, 'state_since', v.state_since, 'error_code', v.error_code,
           'connectors', v.standards, 'session_id', v.session_id, 'power_w', v.power_w,
           'energy_wh', v.energy_wh, 'soc_pct', v.soc_pct) ORDER BY v.evse_id)
        FROM evse_state v WHERE v.station_id = s.station_id), '[]') AS evses
FROM station s
WHERE s.station_id = coalesce(:station_id::text, s.station_id)
  AND (:site_id::integer IS NULL OR s.site_id = :site_id::integer)
  AND s.station_id > :after AND (s.decommissioned_at > now()) IS NOT FALSE
ORDER BY s.station_id LIMIT :limit;

-- name: station_exists^
-- The station, if it is known.
SELECT station_id FROM station WHERE station_id = :station_id;

-- name: sessions
-- Sessions that began in [from, to), newest first, from a place in that order on.
SELECT session_id, site_id, station_id, evse_id, connector_id, transaction_id, id_token,
       started_at, ended_at, meter_start_wh, meter_stop_wh, energy_wh, stop_reason, flags
FROM session
WHERE started_at >= coalesce(:since::timestamptz, '-infinity')
  AND started_at < coalesce(:until::timestamptz, 'infinity')
  AND (:station_id::text IS NULL OR station_id = :station_id::text)
  AND (:cursor_at::timestamptz IS NULL
       OR (started_at, session_id) < (:cursor_at::timestamptz, :cursor_id::bigint))
ORDER BY started_at DESC, session_id DESC LIMIT :limit;

-- name: energy_hour
-- Energy per hour and evse in [from, to).
SELECT bucket, station_id, evse_id, energy_wh, peak_power_w FROM energy_hour
WHERE bucket >= :since AND bucket < :until
  AND (:station_id::text IS NULL OR station_id = :station_id::text)
ORDER BY bucket, station_id, evse_id LIMIT :limit;

-- name: energy_day
-- Energy per day and evse in [from, to); days begin in the operator's time zone.
SELECT bucket, station_id, evse_id, energy_wh, peak_power_w FROM energy_day
WHERE bucket >= :since AND bucket < :until
  AND (:station_id::text IS NULL OR station_id = :station_id::text)
ORDER BY bucket, station_id, evse_id LIMIT :limit;

-- name: energy_month
-- Energy per month and evse in [from, to); months begin in the operator's time zone.
SELECT bucket, station_id, evse_id, energy_wh, peak_power_w FROM energy_month
WHERE bucket >= :since AND bucket < :until
  AND (:station_id::text IS NULL OR station_id = :station_id::text)
ORDER BY bucket, station_id, evse_id LIMIT :limit;

-- name: insert_command^
-- Queue a call to a station; the trigger wakes the worker that holds its socket.
INSERT INTO command (station_id, action, payload, requested_by)
VALUES (:station_id, :action, :payload, :requested_by) RETURNING command_id;

-- name: command^
-- A command and what became of it.
SELECT command_id, station_id, action, payload, status, response, requested_by, requested_at,
       finished_at
FROM command WHERE command_id = :command_id;
