-- The roll-out: which stations are expected, connected, proven by a session; who was refused.

-- name: sites
-- Per site how many stations are expected (never connected), connected (no success yet) and proven
-- by a session of at least 0.1 kWh. `evse_normal` knows most that are proven.
SELECT site.site_id, site.name AS site, site.city, count(*) AS stations,
    count(*) FILTER (WHERE p.step = 'expected') AS expected,
    count(*) FILTER (WHERE p.step = 'connected') AS connected,
    count(*) FILTER (WHERE p.step = 'proven') AS proven
FROM station s
LEFT JOIN site USING (site_id)
CROSS JOIN LATERAL (SELECT CASE
    WHEN EXISTS (SELECT FROM evse e LEFT JOIN evse_normal n USING (evse_key)
        WHERE e.station_id = s.station_id AND (n.sessions > 0 OR EXISTS (SELECT FROM session o
            WHERE o.evse_key = e.evse_key AND o.energy_wh >= 100))) THEN 'proven'
    WHEN s.is_online OR s.contact_changed_at IS NOT NULL THEN 'connected'
    ELSE 'expected' END AS step) p
WHERE (s.decommissioned_at > :now::timestamptz) IS NOT FALSE
GROUP BY site.site_id
ORDER BY count(*) FILTER (WHERE p.step <> 'proven') DESC, site.name;

-- name: stations
-- Stations at one step of the roll-out, a page at a time: since when expected, in contact since
-- when, what was tried, what proved it.
WITH refused AS MATERIALIZED (
    SELECT DISTINCT ON (station_id) station_id, at, reason FROM connection_attempt
    WHERE at > :now::timestamptz - interval '1 day' ORDER BY station_id, at DESC
)
SELECT s.station_id, site.name AS site, s.site_id, s.vendor, s.model, s.created_at, s.is_online,
    s.contact_changed_at, s.last_seen_at, s.booted_at, s.firmware_version, c.first_at,
    r.at AS refused_at, r.reason AS refused_because, f.started_at AS proven_at,
    f.energy_wh AS proven_wh, t.started_at AS tried_at, t.reason AS tried_reason, t.stage
FROM station s
LEFT JOIN site USING (site_id)
CROSS JOIN LATERAL (SELECT CASE
    WHEN EXISTS (SELECT FROM evse e LEFT JOIN evse_normal n USING (evse_key)
        WHERE e.station_id = s.station_id AND (n.sessions > 0 OR EXISTS (SELECT FROM session o
            WHERE o.evse_key = e.evse_key AND o.energy_wh >= 100))) THEN 'proven'
    WHEN s.is_online OR s.contact_changed_at IS NOT NULL THEN 'connected'
    ELSE 'expected' END AS step) p
LEFT JOIN LATERAL (SELECT min(h.at) AS first_at FROM contact_history h
    WHERE h.station_id = s.station_id AND h.is_online) c ON true
LEFT JOIN refused r ON r.station_id = s.station_id
LEFT JOIN LATERAL (SELECT o.started_at, o.energy_wh FROM evse e
    CROSS JOIN LATERAL (SELECT o.started_at, o.energy_wh FROM session o
        WHERE o.evse_key = e.evse_key AND o.energy_wh >= 100 ORDER BY o.started_at LIMIT 1) o
    WHERE e.station_id = s.station_id ORDER BY o.started_at LIMIT 1) f ON p.step = 'proven'
LEFT JOIN LATERAL (SELECT a.started_at, a.reason, a.stage FROM evse e
    CROSS JOIN LATERAL (SELECT a.started_at, a.reason, a.stage FROM attempt a
        WHERE a.evse_key = e.evse_key ORDER BY a.started_at DESC LIMIT 1) a
    WHERE e.station_id = s.station_id ORDER BY a.started_at DESC LIMIT 1) t ON p.step = 'connected'
WHERE p.step = :step AND s.station_id > :after
    AND (:site_id::integer IS NULL OR s.site_id = :site_id)
    AND (s.decommissioned_at > :now::timestamptz) IS NOT FALSE
ORDER BY s.station_id
LIMIT :at_most;

-- name: refused
-- Who was refused at the door lately: each name and reason once, the newest first.
SELECT t.station_id, t.reason, count(*) AS attempts, min(t.at) AS first_at, max(t.at) AS last_at,
    (array_agg(t.remote ORDER BY t.at DESC))[1] AS remote, count(DISTINCT t.remote) AS remotes,
    s.station_id IS NOT NULL AS is_known, site.name AS site
FROM (SELECT * FROM connection_attempt WHERE at > :since ORDER BY at DESC LIMIT 20000) t
LEFT JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
GROUP BY t.station_id, t.reason, s.station_id, site.site_id
ORDER BY max(t.at) DESC, t.station_id, t.reason
LIMIT :at_most;
