-- Incidents as staff handle them: what happened, who has it, what was done, what the next shift must
-- know. What raises, groups and ends them is in watchdog.sql and alerting.sql.

-- name: incident^
-- One incident, open or past.
SELECT i.*, site.name AS site, site.help_phone AS phone
FROM incident i LEFT JOIN site USING (site_id)
WHERE i.incident_id = :incident_id;

-- name: alerts_of
-- What an incident is made of, oldest first, with how each evse is now.
SELECT a.alert_id, a.incident_id, a.kind, a.station_id, a.evse_id, a.raised_at, a.resolved_at, a.over_at, a.detail,
    a.planned_until, a.dismissed_at, a.dismissed_by, s.station_id IS NOT NULL AS is_known, site.name AS site, s.site_id, s.is_online, e.evse_key,
    w.state, w.state_since
FROM alert a
LEFT JOIN station s USING (station_id)
LEFT JOIN site ON site.site_id = s.site_id
LEFT JOIN evse e ON e.station_id = a.station_id AND e.evse_id = a.evse_id
LEFT JOIN evse_watched w ON w.evse_key = e.evse_key
WHERE a.incident_id = :incident_id
ORDER BY a.resolved_at IS NOT NULL, a.raised_at, a.alert_id
LIMIT :at_most;

-- name: evses_of_site
-- How the evses of a site are now: all of a dark site are concerned, whatever alerts there are.
SELECT station_id, evse_id, evse_key, state, state_since, session_id, energy_wh
FROM evse_watched
WHERE site_id = :site_id
ORDER BY station_id, evse_id
LIMIT :at_most;

-- name: notes_of
-- What people wrote about some incidents, oldest first.
SELECT note_id, incident_id, at, author, text
FROM incident_note WHERE incident_id = ANY(:incident_ids) ORDER BY at, note_id;

-- name: deeds_of
-- What people did to an incident, from the audit log.
SELECT audit_id, at, actor, action, detail, u.name
FROM audit_log LEFT JOIN app_user u ON lower(u.email) = lower(actor)
WHERE lower(subject) = lower(:subject) AND subject = :subject AND at >= :since
ORDER BY at, audit_id LIMIT :at_most;

-- name: messages_of
-- Messages sent about an incident, oldest first.
SELECT d.*, r.name AS receiver, r.channel
FROM delivery d LEFT JOIN receiver r USING (receiver_id)
WHERE d.incident_id = :incident_id
ORDER BY d.delivery_id LIMIT :at_most;

-- name: past
-- Incidents that are over, newest first, a page at a time; each filter may be left out.
SELECT i.incident_id, i.kind, i.severity, i.site_id, site.name AS site, i.owner, i.opened_at,
    i.acknowledged_at, i.acknowledged_by, i.resolved_at, i.resolution, i.resolved_by, i.cause,
    i.next_step, i.detail, a.*
FROM incident i
LEFT JOIN site USING (site_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS alerts, count(DISTINCT station_id) AS stations,
        count(DISTINCT (station_id, evse_id)) FILTER (WHERE evse_id IS NOT NULL) AS evses,
        min(station_id) AS station_id
    FROM alert WHERE alert.incident_id = i.incident_id
) a
WHERE i.resolved_at IS NOT NULL AND i.incident_id < :before_id
    AND (:severity::text IS NULL OR i.severity = :severity)
    AND (:kind::text IS NULL OR i.kind = :kind)
    AND (:site_id::integer IS NULL OR i.site_id = :site_id)
    AND CASE WHEN :owner::text IS NULL THEN true WHEN :owner = '-' THEN i.owner IS NULL
        ELSE i.owner = :owner END
    AND (:pattern::text IS NULL OR site.name ILIKE :pattern OR i.cause ILIKE :pattern
        OR i.owner ILIKE :pattern
        OR EXISTS (SELECT FROM alert f WHERE f.incident_id = i.incident_id
            AND f.station_id ILIKE :pattern)
        OR EXISTS (SELECT FROM incident_note n WHERE n.incident_id = i.incident_id
            AND n.text ILIKE :pattern))
ORDER BY i.incident_id DESC
LIMIT :at_most;

-- name: kinds
-- Which kinds of incidents there have been, for a filter.
WITH RECURSIVE k AS (
    (SELECT kind FROM incident ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT i.kind FROM incident i WHERE i.kind > k.kind ORDER BY i.kind LIMIT 1)
    FROM k WHERE k.kind IS NOT NULL
)
SELECT kind FROM k WHERE kind IS NOT NULL;

-- name: owners
-- Who may be given an incident: those who may act on it.
SELECT name FROM app_user
WHERE is_active AND role IN ('operator', 'admin') GROUP BY name ORDER BY name;

-- name: assign$
-- An open incident gets an owner; gives its id, nothing when it is over or was theirs already.
UPDATE incident SET owner = :owner
WHERE incident_id = :incident_id AND resolved_at IS NULL AND owner IS DISTINCT FROM :owner
RETURNING incident_id;

-- name: acknowledge$
-- Somebody has seen an open incident: the first one counts.
UPDATE incident SET acknowledged_at = now(), acknowledged_by = :by
WHERE incident_id = :incident_id AND resolved_at IS NULL AND acknowledged_at IS NULL
RETURNING incident_id;

-- name: add_note$
-- A note to an incident, open or past; nothing where there is no such incident.
INSERT INTO incident_note (incident_id, author, text)
SELECT incident_id, :author, :text FROM incident WHERE incident_id = :incident_id
RETURNING note_id;

-- name: close_as_false$
-- Nothing was wrong: the incident is over, and its alerts tell nobody until they are over by
-- themselves. Nothing when it is over already.
WITH closed AS (
    UPDATE incident SET resolved_at = now(), resolution = 'false_alarm', resolved_by = :by
    WHERE incident_id = :incident_id AND resolved_at IS NULL
    RETURNING incident_id
), dismissed AS (
    UPDATE alert a SET dismissed_at = now(), dismissed_by = :by
    FROM closed WHERE a.incident_id = closed.incident_id AND a.resolved_at IS NULL
        AND a.dismissed_at IS NULL
)
SELECT incident_id FROM closed;

-- name: audit!
-- Who did what to which incident.
INSERT INTO audit_log (actor, action, subject, detail)
VALUES (:actor, :action, :subject, :detail);

-- name: last_handover^
-- The newest handover, where the shift of now began.
SELECT * FROM handover ORDER BY handover_id DESC LIMIT 1;

-- name: handovers
-- The newest handovers.
SELECT handover_id, at, author, text FROM handover ORDER BY handover_id DESC LIMIT :at_most;

-- name: handover^
-- One handover as it was given.
SELECT * FROM handover WHERE handover_id = :handover_id;

-- name: hand_over$
-- The list as it stands, with what the shift has to say.
INSERT INTO handover (author, text, incidents) VALUES (:author, :text, :incidents)
RETURNING handover_id;

-- name: resolved_since
-- What was resolved since an instant, newest first.
SELECT i.incident_id, i.kind, i.severity, i.site_id, site.name AS site, i.owner, i.opened_at,
    i.acknowledged_by, i.resolved_at, i.resolution, i.resolved_by, i.cause, i.detail, a.*
FROM incident i
LEFT JOIN site USING (site_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS alerts, count(DISTINCT station_id) AS stations,
        count(DISTINCT (station_id, evse_id)) FILTER (WHERE evse_id IS NOT NULL) AS evses,
        min(station_id) AS station_id
    FROM alert WHERE alert.incident_id = i.incident_id
) a
WHERE i.resolved_at >= :since
ORDER BY i.resolved_at DESC LIMIT :at_most;

-- name: windows
-- Planned maintenance, of one site or of all: what goes on and what is to come by its beginning,
-- then what is over, the newest first.
SELECT x.*, site.name AS site, e.station_id AS evse_station_id, e.evse_id
FROM outage_exclusion x
LEFT JOIN evse e ON e.evse_key = x.evse_key
LEFT JOIN station s ON s.station_id = coalesce(x.station_id, e.station_id)
LEFT JOIN site ON site.site_id = coalesce(x.site_id, s.site_id)
WHERE x.reason = 'scheduled_maintenance' AND x.until_at > :since
    AND (:site_id::integer IS NULL OR site.site_id = :site_id)
ORDER BY x.until_at <= :now OR x.revoked_at IS NOT NULL,
    CASE WHEN x.until_at > :now THEN x.from_at END, x.until_at DESC
LIMIT :at_most;

-- name: planned_alerts
-- What goes on under planned maintenance: it belongs to no incident and tells nobody.
SELECT a.alert_id, a.kind, a.station_id, a.evse_id, a.raised_at, a.planned_until, a.detail,
    site.name AS site
FROM alert a
LEFT JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
WHERE a.resolved_at IS NULL AND a.planned_until > :now::timestamptz
ORDER BY a.planned_until, a.station_id, a.evse_id LIMIT :at_most;

-- name: site_names
-- All sites, for filters and forms.
SELECT site_id, name FROM site ORDER BY name;
