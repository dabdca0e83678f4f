-- The watchdog's rounds. Every statement may be repeated; none reports a thing twice. Leases of
-- sockets are kept by the database's own clock.

-- name: expire_leases(now)!
-- Workers that died without a word: from the last that was heard it is we who are down, not the
-- stations.
WITH gone AS (
    UPDATE station s SET is_online = false, offline_cause = 'csms',
        contact_changed_at = greatest(s.contact_changed_at, least(s.last_seen_at, :now::timestamptz))
    WHERE s.is_online AND NOT EXISTS (SELECT FROM connection c
        WHERE c.station_id = s.station_id AND c.lease_until > now())
    RETURNING s.station_id
)
SELECT pg_notify('evse', '*') FROM gone LIMIT 1;

-- name: end_our_outage(now, grace_seconds)!
-- We have been back for long enough: who has not returned by now is missing by its own cause.
UPDATE station s SET offline_cause = 'station'
WHERE NOT s.is_online AND s.offline_cause = 'csms' AND EXISTS (
    SELECT FROM connection c WHERE c.lease_until > now()
        AND c.connected_at > s.contact_changed_at
        AND c.connected_at < :now::timestamptz - :grace_seconds::integer * interval '1 second');

-- name: open_platform_outage(now, grace_seconds)!
-- Our own outage: one incident, no matter how many stations it hides. A restart is none. What staff
-- called a false alarm stays one for the stations it was about.
INSERT INTO incident (kind, severity, grouped_by, opened_at, noticed_at, cause, next_step)
SELECT 'platform', 'critical', 'platform', min(contact_changed_at), :now,
    'ingest process ended without notice', 'check the ingest process'
FROM station WHERE NOT is_online AND offline_cause = 'csms'
    AND contact_changed_at < :now::timestamptz - :grace_seconds::integer * interval '1 second'
HAVING count(*) > 0 AND NOT EXISTS (SELECT FROM incident f WHERE f.kind = 'platform'
    AND f.resolution = 'false_alarm' AND f.resolved_at > max(contact_changed_at))
ON CONFLICT (kind, site_id, group_key) WHERE resolved_at IS NULL DO NOTHING;

-- name: open_dark_sites(now, grace_seconds, window)!
-- All stations of a site are out of contact, none by our doing or for planned maintenance: one
-- incident for the site. Dark again sooner than :window after its end: the same incident goes on.
WITH planned AS MATERIALIZED (
    SELECT s.station_id FROM outage_exclusion w
    JOIN station s ON s.site_id = w.site_id OR s.station_id = w.station_id
    WHERE w.reason = 'scheduled_maintenance' AND w.revoked_at IS NULL
        AND w.from_at <= :now::timestamptz AND w.until_at > :now::timestamptz
), dark AS MATERIALIZED (
    SELECT s.site_id, max(s.contact_changed_at) AS since
    FROM station s
    WHERE s.site_id IS NOT NULL AND (s.decommissioned_at > :now::timestamptz) IS NOT FALSE
        -- one that is in contact speaks for the site, whatever is planned for it
        AND (s.is_online OR s.station_id NOT IN (SELECT station_id FROM planned))
    GROUP BY s.site_id
    HAVING count(*) > 1 AND bool_and(NOT s.is_online AND s.offline_cause = 'station')
        AND max(s.contact_changed_at)
            < :now::timestamptz - :grace_seconds::integer * interval '1 second'
), back AS (
    UPDATE incident i SET resolved_at = NULL, resolution = NULL, reopened = i.reopened + 1,
        noticed_at = :now
    FROM dark d
    WHERE i.kind = 'site_dark' AND i.site_id = d.site_id AND i.resolution = 'over'
        AND i.resolved_at > :now::timestamptz - :window::integer * interval '1 second'
        AND NOT EXISTS (SELECT FROM incident o WHERE o.kind = i.kind AND o.site_id = i.site_id
            AND o.incident_id > i.incident_id)
    RETURNING i.site_id
)
INSERT INTO incident (kind, severity, site_id, grouped_by, opened_at, noticed_at, cause, next_step)
SELECT 'site_dark', 'critical', d.site_id, 'site', d.since, :now,
    'power or router on site', 'call the site host'
FROM dark d
WHERE d.site_id NOT IN (SELECT site_id FROM back)
    AND NOT EXISTS (SELECT FROM incident f WHERE f.kind = 'site_dark' AND f.site_id = d.site_id
        AND f.resolution = 'false_alarm' AND f.resolved_at > d.since)
ON CONFLICT (kind, site_id, group_key) WHERE resolved_at IS NULL DO NOTHING;

-- name: open_dark_routers(now, grace_seconds, together, window)!
-- All stations behind a router have lost contact together while another of the site is in contact:
-- one incident for the router.
WITH planned AS MATERIALIZED (
    SELECT s.station_id FROM outage_exclusion w
    JOIN station s ON s.site_id = w.site_id OR s.station_id = w.station_id
    WHERE w.reason = 'scheduled_maintenance' AND w.revoked_at IS NULL
        AND w.from_at <= :now::timestamptz AND w.until_at > :now::timestamptz
), dark AS MATERIALIZED (
    SELECT s.site_id, s.router, max(s.contact_changed_at) AS since
    FROM station s
    WHERE s.site_id IS NOT NULL AND s.router IS NOT NULL
        AND (s.decommissioned_at > :now::timestamptz) IS NOT FALSE
        -- one that is in contact speaks for the site, whatever is planned for it
        AND (s.is_online OR s.station_id NOT IN (SELECT station_id FROM planned))
    GROUP BY s.site_id, s.router
    HAVING count(*) > 1 AND bool_and(NOT s.is_online AND s.offline_cause = 'station')
        AND max(s.contact_changed_at) - min(s.contact_changed_at)
            <= :together::integer * interval '1 second'
        AND max(s.contact_changed_at)
            < :now::timestamptz - :grace_seconds::integer * interval '1 second'
        AND EXISTS (SELECT FROM station o WHERE o.site_id = s.site_id AND o.is_online)
), back AS (
    UPDATE incident i SET resolved_at = NULL, resolution = NULL, reopened = i.reopened + 1,
        noticed_at = :now
    FROM dark d
    WHERE i.kind = 'router_down' AND i.site_id = d.site_id AND i.group_key = d.router
        AND i.resolution = 'over'
        AND i.resolved_at > :now::timestamptz - :window::integer * interval '1 second'
        AND NOT EXISTS (SELECT FROM incident o WHERE o.kind = i.kind AND o.site_id = i.site_id
            AND o.group_key = i.group_key AND o.incident_id > i.incident_id)
    RETURNING i.site_id, i.group_key
)
INSERT INTO incident (kind, severity, site_id, grouped_by, group_key, detail, opened_at, noticed_at,
    cause, next_step)
SELECT 'router_down', 'critical', d.site_id, 'router', d.router,
    jsonb_build_object('router', d.router), d.since, :now, 'router ' || d.router,
    'restart the router, or call the site host'
FROM dark d
WHERE (d.site_id, d.router) NOT IN (SELECT site_id, group_key FROM back)
    AND NOT EXISTS (SELECT FROM incident f WHERE f.kind = 'router_down' AND f.site_id = d.site_id
        AND f.group_key = d.router AND f.resolution = 'false_alarm' AND f.resolved_at > d.since)
ON CONFLICT (kind, site_id, group_key) WHERE resolved_at IS NULL DO NOTHING;

-- name: plan_alerts(now, never)!
-- Alerts under planned maintenance are planned until its end, and real again when it has ended or
-- was taken back. A window of one evse covers its station where that has no other. Some kinds are
-- alarms at any time.
UPDATE alert a SET planned_until = p.until_at
FROM (
    SELECT o.alert_id, max(w.until_at) AS until_at
    FROM alert o
    LEFT JOIN station s USING (station_id)
    LEFT JOIN LATERAL (
        SELECT min(e.evse_key) AS evse_key FROM evse e
        WHERE e.station_id = o.station_id AND (o.evse_id IS NULL OR e.evse_id = o.evse_id)
        HAVING count(*) = 1
    ) e ON true
    LEFT JOIN outage_exclusion w ON w.reason = 'scheduled_maintenance' AND w.revoked_at IS NULL
        AND w.from_at <= :now::timestamptz AND w.until_at > :now::timestamptz
        AND (w.site_id = s.site_id OR w.station_id = o.station_id OR w.evse_key = e.evse_key)
        AND o.kind <> ALL(:never::text[])
    WHERE o.resolved_at IS NULL
    GROUP BY o.alert_id
) p
WHERE a.alert_id = p.alert_id AND a.planned_until IS DISTINCT FROM p.until_at;

-- name: dismiss_alerts!
-- A dark site or router that staff called a false alarm before its stations' alerts were raised: those
-- are part of it.
UPDATE alert a SET dismissed_at = f.resolved_at, dismissed_by = f.resolved_by
FROM station s JOIN incident f ON f.site_id = s.site_id AND f.resolution = 'false_alarm'
    AND (f.kind = 'site_dark' OR f.kind = 'router_down' AND f.group_key = s.router)
    AND f.resolved_at > s.contact_changed_at
WHERE a.station_id = s.station_id AND a.kind = 'offline' AND a.resolved_at IS NULL
    AND a.incident_id IS NULL AND a.dismissed_at IS NULL;

-- name: failures_by_build(kinds)
-- Open alerts of stations whose build is known: what kind, which build, where, since when.
SELECT a.kind, a.kind || ': ' || concat_ws(' ', s.vendor, s.model, s.firmware_version) AS group_key,
    s.vendor, s.model, s.firmware_version, a.station_id, s.site_id, a.noticed_at, a.raised_at,
    s.firmware_changed_at
FROM alert a JOIN station s USING (station_id)
WHERE a.resolved_at IS NULL AND a.planned_until IS NULL AND a.dismissed_at IS NULL
    AND a.kind = ANY(:kinds::text[]) AND s.model IS NOT NULL AND s.firmware_version IS NOT NULL
    -- what the site or its router explains is not the firmware
    AND NOT (a.kind = 'offline' AND EXISTS (SELECT FROM incident i
        WHERE i.site_id = s.site_id AND i.resolved_at IS NULL AND (i.kind = 'site_dark'
            OR i.kind = 'router_down' AND i.group_key = s.router)))
ORDER BY a.alert_id;

-- name: usual_failures(kind, from_at, until_at)^
-- How many stations had an alert of a kind in a period, of how many stations at all.
SELECT count(DISTINCT (a.station_id, a.noticed_at::date)) FILTER (WHERE a.station_id IS NOT NULL),
    (SELECT count(*) FROM station)
FROM alert a
WHERE a.kind = :kind AND a.noticed_at >= :from_at AND a.noticed_at < :until_at;

-- name: build_stations(vendor, model, firmware_version, changed_after)^
-- How many stations have a build, and how many of them have had it only since an instant.
SELECT count(*), count(*) FILTER (WHERE firmware_changed_at > :changed_after::timestamptz)
FROM station WHERE vendor IS NOT DISTINCT FROM :vendor::text AND model = :model::text
    AND firmware_version = :firmware_version::text;

-- name: open_build_incident(now, group_key, severity, opened_at, detail, cause, next_step)!
-- One build fails the same way in several sites: one incident.
INSERT INTO incident (kind, severity, grouped_by, group_key, detail, opened_at, noticed_at, cause,
    next_step)
VALUES ('firmware', :severity, 'firmware', :group_key, :detail, :opened_at, :now, :cause, :next_step)
ON CONFLICT (kind, site_id, group_key) WHERE resolved_at IS NULL DO NOTHING;

-- name: open_builds
-- Builds that have an incident already.
SELECT group_key FROM incident WHERE kind = 'firmware' AND resolved_at IS NULL;

-- name: open_station_incidents(now, kinds)!
-- Alerts that nothing larger explains get an incident per site and kind. Its owner: who had the
-- incident they were in before.
INSERT INTO incident (kind, severity, site_id, grouped_by, opened_at, noticed_at, cause, next_step,
    owner)
SELECT a.kind, k.severity, s.site_id, CASE count(DISTINCT a.station_id) WHEN 0 THEN 'platform'
        WHEN 1 THEN 'station' ELSE 'site' END,
    min(a.raised_at), :now, coalesce(max(a.detail ->> 'error_code'), k.cause), k.next_step,
    max(w.owner)
FROM alert a
JOIN jsonb_to_recordset(:kinds::jsonb)
    AS k(kind text, severity text, cause text, next_step text) USING (kind)
LEFT JOIN station s USING (station_id)
LEFT JOIN incident w ON w.incident_id = a.incident_id
WHERE a.resolved_at IS NULL AND a.planned_until IS NULL AND a.dismissed_at IS NULL
    -- none, or one that is over: of a dark site, some may stay away when the others return
    AND (w.incident_id IS NULL OR w.resolved_at IS NOT NULL)
    AND NOT (a.kind = 'offline' AND EXISTS (SELECT FROM incident i
        WHERE i.site_id = s.site_id AND i.resolved_at IS NULL AND (i.kind = 'site_dark'
            OR i.kind = 'router_down' AND i.group_key = s.router)))
    AND NOT EXISTS (SELECT FROM incident i
        WHERE i.kind = 'firmware' AND i.resolved_at IS NULL AND i.group_key
            = a.kind || ': ' || concat_ws(' ', s.vendor, s.model, s.firmware_version))
GROUP BY a.kind, s.site_id, k.severity, k.cause, k.next_step
ON CONFLICT (kind, site_id, group_key) WHERE resolved_at IS NULL DO NOTHING;

-- name: gather_alerts(now)!
-- Alerts join the incident that explains them best: the dark site, the router, the build, their own
-- kind. An incident that another one has taken all alerts from is merged into that one.
WITH open AS MATERIALIZED (
    SELECT incident_id, kind, coalesce(site_id, 0) AS site_id, group_key
    FROM incident WHERE resolved_at IS NULL
), live AS MATERIALIZED (
    SELECT o.alert_id, o.incident_id, o.kind, coalesce(s.site_id, 0) AS site_id, s.router,
        o.kind || ': ' || concat_ws(' ', s.vendor, s.model, s.firmware_version) AS build
    FROM alert o LEFT JOIN station s USING (station_id)
    WHERE o.resolved_at IS NULL AND o.planned_until IS NULL AND o.dismissed_at IS NULL
), best AS MATERIALIZED (
    SELECT o.alert_id, o.incident_id AS was,
        coalesce(d.incident_id, r.incident_id, f.incident_id, k.incident_id) AS incident_id
    FROM live o
    LEFT JOIN open d ON d.kind = 'site_dark' AND o.kind = 'offline' AND d.site_id = o.site_id
    LEFT JOIN open r ON r.kind = 'router_down' AND o.kind = 'offline' AND r.site_id = o.site_id
        AND r.group_key = o.router
    LEFT JOIN open f ON f.kind = 'firmware' AND f.group_key = o.build
    LEFT JOIN open k ON k.kind = o.kind AND k.group_key = '' AND k.site_id = o.site_id
), moved AS (
    UPDATE alert a SET incident_id = b.incident_id FROM best b
    WHERE a.alert_id = b.alert_id AND b.incident_id IS NOT NULL
        AND b.was IS DISTINCT FROM b.incident_id
    RETURNING a.alert_id, b.was, b.incident_id
)
UPDATE incident i SET resolved_at = :now, resolution = 'merged', merged_into = m.incident_id
FROM (SELECT was, max(incident_id) AS incident_id FROM moved GROUP BY was) m
WHERE i.incident_id = m.was AND i.resolved_at IS NULL
    AND NOT EXISTS (SELECT FROM alert a WHERE a.incident_id = i.incident_id
        AND a.resolved_at IS NULL AND a.alert_id NOT IN (SELECT alert_id FROM moved));

-- name: merge_routers(now)!
-- The whole site is dark: its routers' incidents are part of that.
UPDATE incident i SET resolved_at = :now, resolution = 'merged', merged_into = d.incident_id
FROM incident d
WHERE i.kind = 'router_down' AND i.resolved_at IS NULL AND d.kind = 'site_dark'
    AND d.resolved_at IS NULL AND d.site_id = i.site_id;

-- name: follow_merged(now)!
-- What was merged into an incident that is merged itself now belongs to the last one.
UPDATE incident i SET merged_into = m.merged_into FROM incident m
WHERE m.incident_id = i.merged_into AND m.merged_into IS NOT NULL AND m.resolved_at = :now;

-- name: inherit_owners(now)!
-- Who had an incident that is part of another now has that one, unless somebody else does.
UPDATE incident t SET owner = m.owner
FROM (SELECT merged_into, max(owner) AS owner FROM incident
    WHERE merged_into IS NOT NULL AND resolved_at = :now GROUP BY merged_into) m
WHERE t.incident_id = m.merged_into AND t.owner IS NULL AND t.resolved_at IS NULL
    AND m.owner IS NOT NULL;

-- name: name_groups!
-- One station, or by now several of a site.
UPDATE incident i SET grouped_by = 'site'
WHERE i.grouped_by = 'station' AND i.resolved_at IS NULL
    AND (SELECT count(DISTINCT a.station_id) FROM alert a
        WHERE a.incident_id = i.incident_id) > 1;

-- name: reopen_incidents(now, window)!
-- What has come back goes on as the same incident: its owner need not be found again.
UPDATE incident i SET resolved_at = NULL, resolution = NULL, reopened = i.reopened + 1,
    noticed_at = :now
WHERE i.resolved_at > :now::timestamptz - :window::integer * interval '1 second'
    AND i.resolution = 'over'
    AND EXISTS (SELECT FROM alert a WHERE a.incident_id = i.incident_id
        AND (a.kind = i.kind OR i.kind = 'firmware') AND a.resolved_at IS NULL
        AND a.planned_until IS NULL AND a.dismissed_at IS NULL AND a.detail ? 'flaps')
    AND NOT EXISTS (SELECT FROM incident o WHERE o.kind = i.kind
        AND o.site_id IS NOT DISTINCT FROM i.site_id AND o.group_key = i.group_key
        AND (o.resolved_at IS NULL OR o.incident_id > i.incident_id));

-- name: resolve_incidents(now, kinds)!
-- Over when what they are made of is over, or under planned maintenance by now.
WITH planned AS MATERIALIZED (
    SELECT s.station_id FROM outage_exclusion w
    JOIN station s ON s.site_id = w.site_id OR s.station_id = w.station_id
    WHERE w.reason = 'scheduled_maintenance' AND w.revoked_at IS NULL
        AND w.from_at <= :now::timestamptz AND w.until_at > :now::timestamptz
)
UPDATE incident i SET resolved_at = :now, resolution = CASE WHEN EXISTS (SELECT FROM alert a
        WHERE a.incident_id = i.incident_id AND a.resolved_at IS NULL
            AND a.planned_until IS NOT NULL) THEN 'planned' ELSE 'over' END
WHERE i.resolved_at IS NULL AND CASE
    WHEN i.kind = 'platform' THEN NOT EXISTS (SELECT FROM station s
        WHERE NOT s.is_online AND s.offline_cause = 'csms')
    WHEN i.kind IN ('site_dark', 'router_down') THEN
        coalesce((SELECT bool_or(s.is_online)
                OR bool_and(s.station_id IN (SELECT station_id FROM planned))
            FROM station s WHERE s.site_id = i.site_id
                AND (i.kind = 'site_dark' OR s.router = i.group_key)
                AND (s.decommissioned_at > :now::timestamptz) IS NOT FALSE), true)
    WHEN i.kind = 'firmware' OR i.kind = ANY(:kinds::text[]) THEN NOT EXISTS (SELECT FROM alert a
        WHERE a.incident_id = i.incident_id AND a.resolved_at IS NULL
            AND a.planned_until IS NULL AND a.dismissed_at IS NULL)
    ELSE false END;

-- name: open_alerts(kind)
-- What is open of a kind.
SELECT station_id, evse_id FROM alert WHERE kind = :kind AND resolved_at IS NULL;

-- name: reopen_alerts(kind, findings, now, window)!
-- Due again sooner than :window after its end: not a new alert, the same one flaps.
WITH found AS MATERIALIZED (
    SELECT coalesce(station_id, '') AS station, coalesce(evse_id, 0) AS evse, detail
    FROM jsonb_to_recordset(:findings::jsonb)
        AS f(station_id text, evse_id integer, detail jsonb)
), newest AS (
    SELECT DISTINCT ON (1, 2) coalesce(station_id, '') AS station, coalesce(evse_id, 0) AS evse,
        alert_id
    FROM alert WHERE kind = :kind
        AND resolved_at > :now::timestamptz - :window::integer * interval '1 second'
    ORDER BY 1, 2, alert_id DESC
), open AS (
    SELECT coalesce(station_id, '') AS station, coalesce(evse_id, 0) AS evse
    FROM alert WHERE kind = :kind AND resolved_at IS NULL
)
UPDATE alert a SET resolved_at = NULL, over_at = NULL, detail = f.detail
    || jsonb_build_object('flaps', coalesce((a.detail ->> 'flaps')::integer, 0) + 1)
FROM found f JOIN newest n USING (station, evse)
WHERE a.alert_id = n.alert_id AND a.resolved_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM open o WHERE o.station = f.station AND o.evse = f.evse);

-- name: raise_alerts(kind, findings, now)!
-- What is due; of what is open already there is no second one.
INSERT INTO alert (kind, station_id, evse_id, raised_at, noticed_at, detail)
SELECT :kind, f.station_id, f.evse_id, least(f.since, :now::timestamptz), :now, f.detail
FROM jsonb_to_recordset(:findings::jsonb) AS f(station_id text, evse_id integer,
    since timestamptz, detail jsonb)
ON CONFLICT (kind, station_id, evse_id) WHERE resolved_at IS NULL DO NOTHING;

-- name: refresh_alerts(kind, findings)!
-- What is open and has become more, or less.
UPDATE alert a SET detail = f.detail || CASE WHEN a.detail ? 'flaps'
    THEN jsonb_build_object('flaps', a.detail -> 'flaps') ELSE '{}' END
FROM jsonb_to_recordset(:findings::jsonb)
    AS f(station_id text, evse_id integer, detail jsonb)
WHERE a.kind = :kind AND a.resolved_at IS NULL
    AND a.station_id IS NOT DISTINCT FROM f.station_id
    AND a.evse_id IS NOT DISTINCT FROM f.evse_id
    AND a.detail - 'flaps' IS DISTINCT FROM f.detail;

-- name: end_alerts(kind, findings, now, window, flaps, needs_contact)!
-- What is no longer found is over; what flaps, only after :window of calm.
UPDATE alert a SET over_at = CASE WHEN NOT d.is_found THEN d.over_at END,
    resolved_at = CASE WHEN d.is_resolved THEN d.over_at END
FROM (
    SELECT o.alert_id, o.over_at AS was, f.is_found, n.over_at, NOT f.is_found
        AND ((o.detail ->> 'flaps')::integer >= :flaps::integer) IS NOT TRUE
        OR NOT f.is_found AND n.over_at
            <= :now::timestamptz - :window::integer * interval '1 second' AS is_resolved
    FROM alert o
    LEFT JOIN station s USING (station_id)
    CROSS JOIN LATERAL (SELECT coalesce(o.over_at, :now::timestamptz) AS over_at) n
    LEFT JOIN (SELECT DISTINCT coalesce(station_id, '') AS station, coalesce(evse_id, 0) AS evse
        FROM jsonb_to_recordset(:findings::jsonb) AS f(station_id text, evse_id integer)) w
        ON w.station = coalesce(o.station_id, '') AND w.evse = coalesce(o.evse_id, 0)
    CROSS JOIN LATERAL (SELECT w.station IS NOT NULL AS is_found) f
    WHERE o.kind = :kind AND o.resolved_at IS NULL
        AND (f.is_found OR NOT :needs_contact::boolean OR s.is_online IS NOT FALSE)
) d
WHERE a.alert_id = d.alert_id AND (d.is_resolved OR d.is_found AND d.was IS NOT NULL
    OR NOT d.is_found AND d.was IS NULL);

-- Findings: station_id, evse_id, since when, whether it is due (else it keeps what is open open),
-- and the numbers behind it. OFFSET 0 keeps to looking up each session's station: statistics are at
-- their worst just when all stations have lost contact.

-- name: offline(now, grace)
-- Stations that have been out of contact for a while; not those that we sent away ourselves.
SELECT s.station_id, NULL::integer AS evse_id, s.contact_changed_at,
    s.offline_cause = 'station' AND s.contact_changed_at
        < :now::timestamptz - :grace::integer * interval '1 second' AS is_due,
    jsonb_build_object('last_seen_at', s.last_seen_at, 'lost_at', s.contact_changed_at) AS detail
FROM station s
WHERE NOT s.is_online AND s.contact_changed_at IS NOT NULL
    AND (s.decommissioned_at > :now::timestamptz) IS NOT FALSE;

-- name: faulted(now)
-- Evses whose state is faulted now.
SELECT e.station_id, e.evse_id, coalesce(max(c.status_at), :now::timestamptz), true,
    jsonb_build_object('error_code', max(c.error_code), 'info', max(c.info),
        'status_at', max(c.status_at), 'connector_id', min(c.connector_id))
FROM connector c JOIN evse e USING (evse_key) JOIN station s USING (station_id)
WHERE c.status = 'Faulted' AND s.is_online
GROUP BY e.station_id, e.evse_id;

-- name: ghost_session(now, shown)
-- Sessions closed at their last evidence, until the evse has proven itself, the real end has come,
-- or staff have been told for long enough.
SELECT o.station_id, nullif(o.evse_id, 0), max(p.evidence_at), true,
    jsonb_build_object('session_id', max(o.session_id), 'reason', max(p.reason),
        'evidence_at', max(p.evidence_at), 'closed_at', max(p.ended_at),
        'energy_wh', max(o.energy_wh))
FROM probe p JOIN session o USING (session_id)
WHERE p.outcome = 'closed' AND p.kind = 'session'
    AND p.ended_at > :now::timestamptz - :shown::integer * interval '1 second'
    AND 'ghost' = ANY(o.flags)
    AND NOT EXISTS (SELECT FROM session n
        WHERE n.evse_key = o.evse_key AND n.started_at > o.started_at)
GROUP BY o.station_id, o.evse_id;

-- name: no_energy(patience, success_wh)
-- The session says that the car is charging, its readings say that nothing comes: measured for long
-- enough by the station's own clock. With power but a standing register it is the meter.
SELECT o.station_id, o.evse_id, c.since, o.last_reading_at
        >= c.since + :patience::integer * interval '1 second',
    jsonb_build_object('session_id', o.session_id, 'energy_wh', o.energy_wh,
        'charging_seconds', extract(epoch FROM o.last_reading_at - c.since)::integer)
FROM session o
CROSS JOIN LATERAL (SELECT is_online FROM station s
    WHERE s.station_id = o.station_id OFFSET 0) s
CROSS JOIN LATERAL (
    SELECT greatest(o.started_at, max(k.status_at),
            (SELECT max(x.state_at) FROM session_state x WHERE x.session_id = o.session_id)) AS since,
        coalesce(o.charging_state, max(k.charging_state), 'Charging') AS state
    FROM connector k WHERE k.evse_key = o.evse_key AND k.status = 'Occupied'
) c
WHERE o.ended_at IS NULL AND o.evse_id > 0 AND s.is_online AND o.energy_wh < :success_wh::integer
    AND c.state = 'Charging' AND o.last_reading_at > c.since AND coalesce(o.power_w, 0) < 100
    AND NOT 'register_frozen' = ANY(o.flags);

-- name: meter_frozen
-- Running sessions whose register stands still while power flows.
SELECT o.station_id, o.evse_id, coalesce(o.charged_until, o.started_at), true,
    jsonb_build_object('session_id', o.session_id, 'power_w', round(o.power_w::numeric),
        'energy_wh', o.energy_wh)
FROM session o
CROSS JOIN LATERAL (SELECT is_online FROM station s
    WHERE s.station_id = o.station_id OFFSET 0) s
WHERE o.ended_at IS NULL AND o.evse_id > 0 AND s.is_online AND 'register_frozen' = ANY(o.flags);

-- name: stuck_preparing(now, patience)
-- A cable is in, no session has begun.
SELECT e.station_id, e.evse_id, max(c.status_at),
    max(c.status_at) < :now::timestamptz - :patience::integer * interval '1 second',
    jsonb_build_object('plugged_in_at', max(c.status_at))
FROM connector c JOIN evse e USING (evse_key) JOIN station s USING (station_id)
WHERE c.status = 'Occupied' AND coalesce(c.charging_state, 'EVConnected') = 'EVConnected'
    AND s.is_online
    AND (SELECT o.ended_at IS NULL OR o.ended_at >= c.status_at FROM session o
        WHERE o.evse_key = c.evse_key ORDER BY o.started_at DESC LIMIT 1) IS NOT TRUE
GROUP BY e.station_id, e.evse_id;

-- name: failing_starts(now)
-- Evses that count as down because one attempt after the other has failed there: the rule is that
-- of time per state (docs/timeline.md), so that alert and uptime agree.
SELECT t.station_id, t.evse_id, t.open_since, true,
    jsonb_build_object('attempts', a.n, 'stage', a.stage, 'reason', a.reason, 'last_at', a.last_at,
        'attempt_ids', to_jsonb(a.attempt_ids))
FROM evse_timeline t
LEFT JOIN LATERAL (
    SELECT count(*) AS n, max(f.started_at) AS last_at,
        (array_agg(f.stage ORDER BY f.started_at DESC))[1] AS stage,
        (array_agg(f.reason ORDER BY f.started_at DESC))[1] AS reason,
        (array_agg(f.attempt_id ORDER BY f.started_at DESC))[1 : 5] AS attempt_ids
    FROM attempt f
    WHERE f.evse_key = t.evse_key AND f.outcome = 'failed' AND f.started_at <= :now::timestamptz
        AND f.started_at > coalesce((SELECT max(b.started_at) FROM attempt b
            WHERE b.evse_key = t.evse_key AND b.outcome = 'succeeded'), '-infinity')
) a ON true
WHERE t.cause = 'failed_starts';

-- name: silent_evse(now, gaps, least, settle, away, success_wh)
-- Dead but green: available, and the last success lies back :gaps times the longest gap that is
-- normal for this evse. Nobody could charge while it was down: after an outage of :away or more
-- the count begins anew, for an alert that is not open yet.
WITH quiet AS MATERIALIZED (
    SELECT n.evse_key, n.gap_p95_seconds, n.sessions, o.session_id, l.at AS since,
        s.contact_changed_at,
        greatest(:gaps::integer * n.gap_p95_seconds, :least::integer) * interval '1 second'
            AS patience
    FROM evse_normal n
    JOIN evse e USING (evse_key)
    CROSS JOIN LATERAL (SELECT is_online, contact_changed_at FROM station s
        WHERE s.station_id = e.station_id OFFSET 0) s
    LEFT JOIN LATERAL (
        SELECT o.session_id, coalesce(o.ended_at, :now::timestamptz) AS ended_at FROM session o
        WHERE o.evse_key = n.evse_key AND o.energy_wh >= :success_wh::integer
            AND o.started_at <= :now::timestamptz
        ORDER BY o.started_at DESC LIMIT 1
    ) o ON true
    CROSS JOIN LATERAL (SELECT coalesce(o.ended_at, n.computed_at) AS at) l
    WHERE s.is_online AND n.gap_p95_seconds IS NOT NULL AND l.at < :now::timestamptz
        - greatest(:gaps::integer * n.gap_p95_seconds, :least::integer) * interval '1 second'
)
SELECT v.station_id, v.evse_id, q.since,
    greatest(q.since, d.ended_at) < :now::timestamptz - q.patience AND q.contact_changed_at
        <= :now::timestamptz - :settle::integer * interval '1 second' AS is_due,
    jsonb_build_object('last_success_at', q.since, 'gap_p95_seconds', q.gap_p95_seconds,
        'silent_seconds', extract(epoch FROM :now::timestamptz - q.since)::integer,
        'sessions', q.sessions, 'session_id', q.session_id)
FROM quiet q JOIN evse_state v USING (evse_key)
CROSS JOIN LATERAL (
    SELECT max(d.ended_at) AS ended_at FROM outage d
    WHERE d.evse_key = q.evse_key AND d.ended_at > q.since AND d.cause <> 'failed_starts'
        AND d.ended_at - d.started_at >= :away::integer * interval '1 second'
) d
WHERE v.state = 'available';

-- name: derated(now, chance, least, stale_days)
-- More slow sessions in a row than chance allows: which cars come decides about single sessions,
-- but on an evse where half are fast, seventeen slow ones in a row are one case in a hundred
-- thousand.
SELECT e.station_id, e.evse_id, n.slow_since, n.slow_run >= :least::integer
        AND power(1 - n.fast_share::float8, n.slow_run) < :chance::float8,
    jsonb_build_object('power_w', n.slow_power_w, 'normal_w', n.power_p90_w,
        'max_power_w', e.max_power_w, 'sessions', n.slow_run, 'slow_since', n.slow_since,
        'fast_share', round(n.fast_share::numeric, 2))
FROM evse_normal n JOIN evse e USING (evse_key)
WHERE n.slow_run > 0 AND n.fast_share > 0
    AND n.slow_since > :now::timestamptz - :stale_days::integer * interval '1 day';

-- name: clock_off(now, off, keep, window, samples, least, replay)
-- By how much stations' clocks differ from ours: the median over their last messages of the newest
-- instant in each. What comes right after contact was regained may be old. A station that has said
-- nothing lately keeps the alert it has.
WITH told AS (
    SELECT h.station_id, h.received_at, min(h.received_at - h.status_at) AS late,
        coalesce(bool_or('clock_implausible' = ANY(h.flags)), false) AS is_implausible
    FROM status_history h
    WHERE h.received_at BETWEEN :now::timestamptz - :window::integer * interval '1 second'
        AND :now::timestamptz
    GROUP BY h.station_id, h.received_at
    UNION ALL
    SELECT o.station_id, m.received_at, min(m.received_at - m.measured_at),
        coalesce(bool_or('clock_implausible' = ANY(m.flags)), false)
    FROM session o
    CROSS JOIN LATERAL (SELECT is_online, contact_changed_at FROM station s
        WHERE s.station_id = o.station_id OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT received_at, measured_at, flags FROM meter_value
        WHERE evse_key = o.evse_key AND context IS NOT NULL
            AND measured_at BETWEEN o.first_reading_at AND o.last_reading_at
        ORDER BY measured_at DESC LIMIT :samples
    ) m
    WHERE o.ended_at IS NULL AND s.is_online AND m.received_at
        > greatest(:now::timestamptz - :window::integer * interval '1 second',
            s.contact_changed_at + :replay::integer * interval '1 second')
    GROUP BY o.station_id, m.received_at
), newest AS (
    SELECT t.*, row_number() OVER (PARTITION BY station_id ORDER BY received_at DESC) AS place
    FROM told t
), judged AS (
    SELECT station_id, count(*) AS n, min(received_at) AS since, max(received_at) AS last_at,
        avg(is_implausible::integer) >= 0.5 AS is_implausible,
        extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY late)) AS seconds
    FROM newest WHERE place <= :samples GROUP BY station_id
)
SELECT j.station_id, NULL::integer, j.since,
    j.n >= :least AND (j.is_implausible OR abs(j.seconds) > :off),
    jsonb_build_object('behind_seconds', j.seconds::integer, 'messages', j.n,
        'is_implausible', j.is_implausible, 'last_at', j.last_at)
FROM judged j
WHERE j.n >= :least AND (j.is_implausible OR abs(j.seconds) > :keep)
UNION ALL
SELECT a.station_id, NULL, a.raised_at, false, a.detail
FROM alert a
WHERE a.kind = 'clock_off' AND a.resolved_at IS NULL AND NOT EXISTS (SELECT FROM judged j
    WHERE j.station_id = a.station_id AND j.n >= :least);

-- name: rejected_connections(now, times, window, over)
-- Refused at the door again and again: each station of ours, and all that are none together.
SELECT s.station_id, NULL::integer, min(t.at), count(*) FILTER (WHERE t.at
        > :now::timestamptz - :window::integer * interval '1 second') >= :times,
    jsonb_build_object('attempts', count(*), 'last_at', max(t.at), 'reason', max(t.reason),
        'remote', max(t.remote), 'remotes', count(DISTINCT t.remote),
        'name', max(t.station_id), 'names', count(DISTINCT t.station_id))
FROM connection_attempt t LEFT JOIN station s USING (station_id)
WHERE t.at BETWEEN :now::timestamptz - :over::integer * interval '1 second' AND :now::timestamptz
GROUP BY s.station_id;

-- name: payment_stuck(now, patience)
-- Payments that can't go on, per evse: holds that are neither taken nor released long after the
-- session, and those the worker has given to people.
SELECT e.station_id, e.evse_id, min(x.since), true,
    jsonb_build_object('payments', count(*),
        'payment_ids', to_jsonb((array_agg(x.payment_id ORDER BY x.since, x.payment_id))[1 : 10]),
        'references', to_jsonb((array_agg(x.reference ORDER BY x.since, x.payment_id))[1 : 10]))
FROM (
    SELECT p.payment_id, p.reference, p.evse_key,
        CASE p.state WHEN 'releasing' THEN p.state_at ELSE s.ended_at END
            + :patience::integer * interval '1 second' AS since
    FROM payment p LEFT JOIN session s USING (session_id)
    WHERE p.held > 0 AND p.captured = 0 AND p.released_at IS NULL
        AND p.state IN ('charging', 'stopping', 'completed', 'capturing', 'capture_failed',
            'releasing')
        AND (p.quarantined_until IS NULL OR p.quarantined_until <= :now::timestamptz)
        AND NOT EXISTS (SELECT FROM review_item r WHERE r.payment_id = p.payment_id
            AND r.kind = 'stuck' AND r.resolved_at IS NULL)
    UNION ALL
    SELECT p.payment_id, p.reference, p.evse_key, r.opened_at
    FROM review_item r JOIN payment p USING (payment_id)
    WHERE r.kind = 'stuck' AND r.resolved_at IS NULL
) x LEFT JOIN evse e USING (evse_key)
WHERE x.since <= :now::timestamptz
GROUP BY e.station_id, e.evse_id;

-- name: job_failed(now, failures, late)
-- Jobs that failed several times in a row, and those whose turn has passed by far (or that hang).
-- Right after a stop of the whole process all are late: only who was there lately may say so.
SELECT NULL::text, NULL::integer, min(j.since), true,
    jsonb_build_object('jobs', jsonb_agg(jsonb_build_object('job', j.job, 'since', j.since,
        'failures', j.failures, 'error', j.last_error, 'is_late', j.is_late) ORDER BY j.job))
FROM (
    SELECT job, failures, CASE WHEN failures > 0 THEN last_error END AS last_error,
        coalesce(failed_since, started_at) AS since,
        coalesce(started_at < :now::timestamptz
            - (every_seconds + :late::integer) * interval '1 second', false) AS is_late
    FROM job_run
) j
WHERE j.failures >= :failures::integer OR j.is_late AND EXISTS (SELECT FROM job_run w
    WHERE w.job = 'watch_own' AND w.last_ok_at > :now::timestamptz - interval '5 minutes')
HAVING count(*) > 0;

-- name: certificate(now, ahead_days)
-- Certificates near their end: our own for stations, and those stations log in with.
SELECT c.station_id, NULL::integer, c.not_after - :ahead_days::integer * interval '1 day', true,
    jsonb_build_object('subject', c.subject, 'issuer', c.issuer, 'not_after', c.not_after,
        'seen_at', c.seen_at)
FROM certificate c LEFT JOIN station s USING (station_id)
WHERE c.not_after <= :now::timestamptz + :ahead_days::integer * interval '1 day'
    AND (s.decommissioned_at > :now::timestamptz) IS NOT FALSE;

-- name: undelivered(now, shown, late)
-- Receivers who have not been reached for a while, or were given up, and not reached since.
SELECT NULL::text, NULL::integer, min(f.since), true,
    jsonb_build_object('receivers', jsonb_agg(DISTINCT r.name), 'deliveries', count(*),
        'error', max(f.error))
FROM (
    SELECT receiver_id, error, next_at AS since FROM delivery
    WHERE state = 'failed' AND event <> 'test'
        AND next_at > :now::timestamptz - :shown::integer * interval '1 second'
    UNION ALL
    SELECT receiver_id, error, created_at FROM delivery
    -- (what was held for a night has been due for its attempts only)
    WHERE state = 'waiting' AND event <> 'test' AND error IS NOT NULL
        AND (mail_id IS NOT NULL OR attempts > 3)
        AND created_at < :now::timestamptz - :late::integer * interval '1 second'
) f JOIN receiver r USING (receiver_id)
WHERE r.is_active AND NOT EXISTS (SELECT FROM delivery d
    WHERE d.receiver_id = f.receiver_id AND d.state = 'sent' AND d.sent_at > f.since)
HAVING count(*) > 0;

-- What is normal for each evse.

-- name: compute_normals(now, days, least, success_wh, slow_pct, power_seconds, power_wh)!
-- Gaps between successes, and mean power while energy flowed. Of evses that had a session since,
-- and of all once a day; one with too few sessions keeps what was known of it.
WITH stale AS MATERIALIZED (
    SELECT e.evse_key, e.max_power_w FROM evse e LEFT JOIN evse_normal n USING (evse_key)
    WHERE (n.computed_at > :now::timestamptz - interval '1 day') IS NOT TRUE
        OR EXISTS (SELECT FROM session o WHERE o.evse_key = e.evse_key
            AND o.started_at > n.computed_at - interval '1 day' AND o.ended_at > n.computed_at)
), base AS MATERIALIZED (
    SELECT o.evse_key, o.started_at, extract(epoch FROM o.started_at
            - lag(o.ended_at) OVER (PARTITION BY o.evse_key ORDER BY o.started_at)) AS gap,
        CASE WHEN o.energy_wh >= :power_wh::integer AND o.flags <@ '{offline,stop_late}'::text[]
            AND o.charged_until >= o.started_at + :power_seconds::integer * interval '1 second'
            THEN o.energy_wh * 3600 / extract(epoch FROM o.charged_until - o.started_at)
            END AS power_w
    FROM stale JOIN session o USING (evse_key)
    WHERE o.started_at BETWEEN :now::timestamptz - :days::integer * interval '1 day'
        AND :now::timestamptz
        AND o.ended_at IS NOT NULL AND o.energy_wh >= :success_wh::integer
), gaps AS (
    SELECT evse_key, count(*) AS sessions, count(gap) AS n,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY greatest(gap, 0)) AS p95,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY power_w) AS p90
    FROM base GROUP BY evse_key
), fast AS (
    -- the newest fast session ends the run of slow ones
    SELECT b.evse_key, count(*) AS n, max(b.started_at) AS last_at, g.p90
    FROM base b JOIN gaps g USING (evse_key)
    WHERE b.power_w * 100 >= :slow_pct::integer * g.p90 GROUP BY b.evse_key, g.p90
), power AS (
    SELECT f.evse_key, f.p90, f.n, count(b.power_w) FILTER (WHERE b.started_at <= f.last_at) AS others,
        count(b.power_w) FILTER (WHERE b.started_at > f.last_at) AS run,
        min(b.started_at) FILTER (WHERE b.started_at > f.last_at) AS since,
        max(b.power_w) FILTER (WHERE b.started_at > f.last_at) AS best_w
    FROM fast f JOIN base b USING (evse_key)
    WHERE b.power_w IS NOT NULL GROUP BY f.evse_key, f.p90, f.n
    HAVING count(b.power_w) FILTER (WHERE b.started_at <= f.last_at) >= :least::integer
)
INSERT INTO evse_normal AS k (evse_key, gap_p95_seconds, power_p90_w, slow_run, slow_since,
    slow_power_w, fast_share, sessions, computed_at)
SELECT e.evse_key, CASE WHEN g.n >= :least::integer THEN g.p95 END, least(p.p90, e.max_power_w),
    p.run, p.since, p.best_w, p.n::real / p.others, coalesce(g.sessions, 0), :now
FROM stale e LEFT JOIN gaps g USING (evse_key) LEFT JOIN power p USING (evse_key)
ON CONFLICT (evse_key) DO UPDATE SET
    gap_p95_seconds = coalesce(excluded.gap_p95_seconds, k.gap_p95_seconds),
    power_p90_w = coalesce(excluded.power_p90_w, k.power_p90_w), slow_run = excluded.slow_run,
    slow_since = excluded.slow_since, slow_power_w = excluded.slow_power_w,
    fast_share = excluded.fast_share,
    sessions = CASE WHEN excluded.gap_p95_seconds IS NULL AND k.gap_p95_seconds IS NOT NULL
        THEN k.sessions ELSE excluded.sessions END,
    computed_at = excluded.computed_at;

-- name: compute_intervals(now)!
-- How often each evse sends readings within a session: its newest one with at least three; looked
-- at once a day.
INSERT INTO evse_normal AS k (evse_key, meter_interval_seconds, interval_at)
SELECT e.evse_key, r.seconds, :now
FROM evse e
LEFT JOIN evse_normal n USING (evse_key)
CROSS JOIN LATERAL (
    SELECT session_id, first_reading_at, last_reading_at FROM session o
    WHERE o.evse_key = e.evse_key AND o.started_at <= :now::timestamptz
        AND o.last_reading_at > o.first_reading_at
    ORDER BY o.started_at DESC LIMIT 1
) o
CROSS JOIN LATERAL (
    SELECT greatest(1, extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY gap)))
        AS seconds
    FROM (
        SELECT measured_at - lag(measured_at) OVER (ORDER BY measured_at) AS gap
        FROM (SELECT DISTINCT measured_at FROM meter_value
            WHERE evse_key = e.evse_key AND session_id = o.session_id AND context IS NOT NULL
                AND measured_at BETWEEN o.first_reading_at AND o.last_reading_at
            ORDER BY measured_at LIMIT 20) m
    ) g HAVING count(gap) >= 2
) r
WHERE (n.interval_at > :now::timestamptz - interval '1 day') IS NOT TRUE
ON CONFLICT (evse_key) DO UPDATE SET meter_interval_seconds = excluded.meter_interval_seconds,
    interval_at = excluded.interval_at;
