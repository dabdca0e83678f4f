-- What the administration pages read.

-- name: sites(q, after, limit)
-- Sites by name, with how many stations each has; some at a time. Searched in names and towns.
SELECT s.site_id, s.name, s.address, s.city, s.country, s.latitude, s.longitude, s.time_zone,
    s.grid_limit_w, s.help_phone,
    (SELECT count(*) FROM station t WHERE t.site_id = s.site_id
        AND (t.decommissioned_at > now()) IS NOT FALSE) AS stations
FROM site s
WHERE (:q::text = '' OR s.name ILIKE '%%' || :q || '%%' OR s.city ILIKE '%%' || :q || '%%')
    AND lower(s.name) || chr(1) || s.site_id > :after::text
ORDER BY lower(s.name) || chr(1) || s.site_id
LIMIT :limit;

-- name: site^
-- One site as the form shows it.
SELECT site_id, name, address, city, country, latitude, longitude, time_zone, grid_limit_w,
    help_phone
FROM site WHERE site_id = :site_id;

-- name: site_names()
-- All names, for choosing one.
SELECT name FROM site ORDER BY name;

-- name: stations(q, show, after, limit)
-- Stations by id, some at a time: all, those that wait for approval, or retired ones. Searched by
-- how ids begin and in the names of sites.
SELECT s.station_id, t.name AS site, s.vendor, s.model, s.is_online, s.last_seen_at,
    s.registration_status, s.router, s.trace_until, s.decommissioned_at,
    s.password_hash IS NOT NULL AS has_password,
    (SELECT count(*) FROM evse e WHERE e.station_id = s.station_id) AS evses
FROM station s LEFT JOIN site t USING (site_id)
WHERE s.station_id > :after::text
    AND CASE :show::text WHEN 'pending' THEN s.registration_status = 'Pending'
        WHEN 'retired' THEN s.decommissioned_at <= now()
        ELSE (s.decommissioned_at > now()) IS NOT FALSE END
    AND (:q::text = '' OR s.station_id ILIKE :q || '%%' OR t.name ILIKE '%%' || :q || '%%')
ORDER BY s.station_id
LIMIT :limit;

-- name: station_counts^
-- How many stations there are, wait for approval, and are retired.
SELECT count(*) FILTER (WHERE (decommissioned_at > now()) IS NOT FALSE) AS active,
    count(*) FILTER (WHERE registration_status = 'Pending') AS pending,
    count(*) FILTER (WHERE decommissioned_at <= now()) AS retired
FROM station;

-- name: station^
-- One station as its forms show it.
SELECT s.station_id, t.name AS site, s.vendor, s.model, s.serial_number, s.firmware_version,
    s.ocpp_version, s.is_online, s.last_seen_at, s.registration_status, s.router, s.note,
    s.trace_until, s.decommissioned_at, s.password_hash IS NOT NULL AS has_password, s.created_at
FROM station s LEFT JOIN site t USING (site_id)
WHERE s.station_id = :station_id;

-- name: evses
-- A station's evses with the standards of their connectors.
SELECT e.evse_id, e.public_code, e.max_power_w,
    (SELECT array_agg(c.standard ORDER BY c.connector_id) FROM connector c
     WHERE c.evse_key = e.evse_key) AS standards
FROM evse e WHERE e.station_id = :station_id
ORDER BY e.evse_id;

-- name: rejected(at_most)
-- Who was not let in lately, and why.
SELECT station_id, at, remote, reason FROM connection_attempt ORDER BY at DESC LIMIT :at_most;

-- name: imports(at_most)
-- The newest files that were uploaded, without their bytes.
SELECT request_id, kind, file_name, bytes, is_trial, requested_by, requested_at, status, rows_total,
    rows_done, started_at, finished_at, run_id, counts, problems, error
FROM import_request ORDER BY request_id DESC LIMIT :at_most;

-- name: import_request^
-- One of them.
SELECT request_id, kind, file_name, bytes, is_trial, requested_by, requested_at, status, rows_total,
    rows_done, started_at, finished_at, run_id, counts, problems, error, settings
FROM import_request WHERE request_id = :request_id;

-- name: refused_rows(run_id, after_line, at_most)
-- Rows of a run that were not imported, and why; some at a time.
SELECT line, status, field, problem, cells FROM import_row
WHERE run_id = :run_id AND line > :after_line AND status <> 'imported'
ORDER BY line LIMIT :at_most;

-- name: tokens(q, wanted, after, limit)
-- Id tokens in alphabetical order, some at a time; searched by how they begin.
SELECT t.id_token, t.status, t.expires_at, t.parent_id_token, t.is_concurrent, t.blocked_by,
    d.name AS driver, c.name AS company
FROM id_token t LEFT JOIN driver d USING (driver_id)
    LEFT JOIN company c ON c.company_id = t.company_id
WHERE lower(t.id_token) LIKE replace(replace(replace(lower(:q::text), '\', '\\'), '%%', '\%%'), '_', '\_') || '%%'
    AND (:wanted::text = '' OR t.status = :wanted)
    AND lower(t.id_token) > :after::text
ORDER BY lower(t.id_token)
LIMIT :limit;

-- name: users()
-- Everybody who may or might sign in, and whether a link waits to be used.
SELECT u.user_id, u.email, u.name, u.role, u.is_active, u.created_at, u.last_login_at,
    (SELECT max(l.expires_at) FROM password_link l WHERE l.user_id = u.user_id
        AND l.used_at IS NULL AND l.expires_at > now()) AS link_until
FROM app_user u ORDER BY u.is_active DESC, lower(u.name), u.user_id;

-- name: api_tokens()
-- Tokens of programs, those that are good first.
SELECT api_token_id, name, scopes, created_at, last_used_at, revoked_at FROM api_token
ORDER BY revoked_at NULLS FIRST, lower(name);

-- name: audit_log(who, what, whom, since, until, cursor_at, cursor_id, limit)
-- The audit log, newest first, some at a time; by who, what and how the subject begins.
SELECT audit_id, at, actor, action, subject, detail FROM audit_log
WHERE (:who::text = '' OR actor = :who) AND (:what::text = '' OR action = :what)
    AND (:whom::text = '' OR lower(subject) LIKE
        replace(replace(replace(lower(:whom), '\', '\\'), '%%', '\%%'), '_', '\_') || '%%')
    AND (:since::timestamptz IS NULL OR at >= :since)
    AND (:until::timestamptz IS NULL OR at < :until)
    AND (:cursor_at::timestamptz IS NULL OR (at, audit_id) < (:cursor_at, :cursor_id::bigint))
ORDER BY at DESC, audit_id DESC
LIMIT :limit;

-- name: audit_actors()
-- Everybody who stands in the log: one look-up each, however long it is.
WITH RECURSIVE found AS (
    (SELECT actor FROM audit_log ORDER BY actor LIMIT 1)
    UNION ALL
    SELECT (SELECT a.actor FROM audit_log a WHERE a.actor > found.actor ORDER BY a.actor LIMIT 1)
    FROM found WHERE found.actor IS NOT NULL
)
SELECT actor FROM found WHERE actor IS NOT NULL LIMIT 500;

-- name: audit_actions()
-- Everything that was ever done.
WITH RECURSIVE found AS (
    (SELECT action FROM audit_log ORDER BY action LIMIT 1)
    UNION ALL
    SELECT (SELECT a.action FROM audit_log a WHERE a.action > found.action ORDER BY a.action LIMIT 1)
    FROM found WHERE found.action IS NOT NULL
)
SELECT action FROM found WHERE action IS NOT NULL LIMIT 500;

-- name: ask_import(kind, file_name, sha256, bytes, content, settings, is_trial, requested_by)$
-- A file to import; nothing if the same one waits already.
INSERT INTO import_request (kind, file_name, sha256, bytes, content, settings, is_trial, requested_by)
VALUES (:kind, :file_name, :sha256, :bytes, :content, :settings, :is_trial, :requested_by)
ON CONFLICT DO NOTHING RETURNING request_id;
