-- The watchdog's rounds. Every statement may be repeated; none reports a thing twice.

-- name: expire_leases()!
-- Workers that died without a word: from the last that was heard it is we who are down, not the
-- stations.
WITH gone AS (
    UPDATE station s SET is_online = false, offline_cause = 'csms',
        contact_changed_at = greatest(s.contact_changed_at, least(s.last_seen_at, now()))
    WHERE s.is_online AND NOT EXISTS (SELECT FROM connection c
        WHERE c.station_id = s.station_id AND c.lease_until > now())
    RETURNING s.station_id
)
SELECT pg_notify('evse', '*') FROM gone LIMIT 1;

-- name: expire_silence()!
-- The socket is open, but the station has been silent for more than two of its heartbeats: nobody
-- knows what it has been doing since it was last heard.
WITH gone AS (
    UPDATE station s SET is_online = false, offline_cause = 'station',
        contact_changed_at = greatest(s.contact_changed_at, least(s.last_seen_at, now()))
    WHERE s.is_online
        AND s.last_seen_at < now() - (2 * s.heartbeat_seconds + 45) * interval '1 second'
    RETURNING s.station_id
)
SELECT pg_notify('evse', '*') FROM gone LIMIT 1;

-- name: end_our_outage(grace_seconds)!
-- We have been back for long enough: who has not returned by now is missing by its own cause.
UPDATE station s SET offline_cause = 'station'
WHERE NOT s.is_online AND s.offline_cause = 'csms' AND EXISTS (
    SELECT FROM connection c WHERE c.lease_until > now()
        AND c.connected_at > s.contact_changed_at
        AND c.connected_at < now() - :grace_seconds * interval '1 second');

-- name: raise_offline(grace_seconds)!
-- Stations that have been out of contact for a while; not those that we sent away ourselves.
INSERT INTO alert (kind, station_id, raised_at, detail)
SELECT 'offline', s.station_id, s.contact_changed_at, '{}'
FROM station s
WHERE NOT s.is_online AND s.offline_cause = 'station'
    AND s.contact_changed_at < now() - :grace_seconds * interval '1 second'
ON CONFLICT (kind, station_id, evse_id) WHERE resolved_at IS NULL DO NOTHING;

-- name: raise_faults()!
-- Evses whose state is faulted now.
INSERT INTO alert (kind, station_id, evse_id, raised_at, detail)
SELECT 'faulted', e.station_id, e.evse_id, coalesce(max(c.status_at), now()),
    jsonb_build_object('error_code', max(c.error_code), 'info', max(c.info))
FROM connector c JOIN evse e USING (evse_key) JOIN station s USING (station_id)
WHERE c.status = 'Faulted' AND s.is_online
GROUP BY e.station_id, e.evse_id
ON CONFLICT (kind, station_id, evse_id) WHERE resolved_at IS NULL DO NOTHING;

-- name: resolve_offline()!
-- Contact is back.
UPDATE alert a SET resolved_at = s.contact_changed_at
FROM station s
WHERE a.kind = 'offline' AND a.resolved_at IS NULL AND s.station_id = a.station_id AND s.is_online;

-- name: resolve_faults()!
-- No connector of the evse is faulted any more.
UPDATE alert a SET resolved_at = now()
FROM evse e JOIN station s USING (station_id)
WHERE a.kind = 'faulted' AND a.resolved_at IS NULL
    AND e.station_id = a.station_id AND e.evse_id = a.evse_id AND s.is_online
    AND NOT EXISTS (SELECT FROM connector c
        WHERE c.evse_key = e.evse_key AND c.status = 'Faulted');

-- name: open_platform_outage(grace_seconds)!
-- Our own outage: one incident, no matter how many stations it hides. A restart is none.
INSERT INTO incident (kind, severity, opened_at, cause, next_step)
SELECT 'platform', 'critical', min(contact_changed_at),
    'ingest process ended without notice', 'check the ingest process'
FROM station WHERE NOT is_online AND offline_cause = 'csms'
    AND contact_changed_at < now() - :grace_seconds * interval '1 second'
HAVING count(*) > 0
ON CONFLICT (kind, site_id) WHERE resolved_at IS NULL DO NOTHING;

-- name: open_dark_sites(grace_seconds)!
-- All stations of a site are out of contact, none by our doing: one incident for the site.
INSERT INTO incident (kind, severity, site_id, opened_at, cause, next_step)
SELECT 'site_dark', 'critical', s.site_id, max(s.contact_changed_at),
    'power or router on site', 'call the site host'
FROM station s
WHERE s.site_id IS NOT NULL
GROUP BY s.site_id
HAVING count(*) > 1 AND bool_and(NOT s.is_online AND s.offline_cause = 'station')
    AND max(s.contact_changed_at) < now() - :grace_seconds * interval '1 second'
ON CONFLICT (kind, site_id) WHERE resolved_at IS NULL DO NOTHING;

-- name: open_station_incidents()!
-- Alerts that belong to no dark site get an incident per site and kind.
INSERT INTO incident (kind, severity, site_id, opened_at, cause, next_step)
SELECT a.kind, 'high', s.site_id, min(a.raised_at),
    CASE a.kind WHEN 'faulted' THEN max(a.detail ->> 'error_code') ELSE 'no contact' END,
    CASE a.kind WHEN 'faulted' THEN 'restart, then watch for a real session'
        ELSE 'probe, then call the site host' END
FROM alert a JOIN station s USING (station_id)
WHERE a.resolved_at IS NULL
    -- none, or one that is over: of a dark site, some may stay away when the others return
    AND NOT EXISTS (SELECT FROM incident i
        WHERE i.incident_id = a.incident_id AND i.resolved_at IS NULL)
    AND NOT (a.kind = 'offline' AND EXISTS (SELECT FROM incident i
        WHERE i.site_id = s.site_id AND i.kind = 'site_dark' AND i.resolved_at IS NULL))
GROUP BY a.kind, s.site_id
ON CONFLICT (kind, site_id) WHERE resolved_at IS NULL DO NOTHING;

-- name: gather_alerts()!
-- Alerts join the incident that explains them best: the dark site before their own kind.
UPDATE alert a SET incident_id = i.incident_id
FROM station s, incident i
WHERE a.resolved_at IS NULL AND s.station_id = a.station_id AND i.resolved_at IS NULL
    AND i.site_id IS NOT DISTINCT FROM s.site_id
    AND i.incident_id = (SELECT k.incident_id FROM incident k
        WHERE k.resolved_at IS NULL AND k.site_id IS NOT DISTINCT FROM s.site_id
            AND (k.kind = a.kind OR k.kind = 'site_dark' AND a.kind = 'offline')
        ORDER BY k.kind = 'site_dark' DESC LIMIT 1)
    AND a.incident_id IS DISTINCT FROM i.incident_id;

-- name: resolve_incidents()!
-- Over when what they are made of is over.
UPDATE incident i SET resolved_at = now()
WHERE i.resolved_at IS NULL AND CASE i.kind
    WHEN 'platform' THEN NOT EXISTS (SELECT FROM station s
        WHERE NOT s.is_online AND s.offline_cause = 'csms')
    WHEN 'site_dark' THEN EXISTS (SELECT FROM station s
        WHERE s.site_id = i.site_id AND s.is_online)
    WHEN 'offline' THEN NOT EXISTS (SELECT FROM alert a
        WHERE a.incident_id = i.incident_id AND a.resolved_at IS NULL)
    WHEN 'faulted' THEN NOT EXISTS (SELECT FROM alert a
        WHERE a.incident_id = i.incident_id AND a.resolved_at IS NULL)
    ELSE false END;
