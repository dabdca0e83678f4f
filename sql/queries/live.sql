-- What the live hub reads: current rows by key, everything at once, and what a notification names.

-- name: evses_by_key
-- The rows of the named evses, as staff see them now.
SELECT evse_key, state, extract(epoch FROM state_since)::bigint AS state_since, power_w, energy_wh,
    soc_pct, session_id, extract(epoch FROM started_at)::bigint AS started_at, id_token, error_code,
    charging_state, is_online, extract(epoch FROM register_at)::bigint AS register_at
FROM evse_watched
WHERE evse_key = ANY(:keys);

-- name: evses
-- The rows of all evses: the first picture, and the check that no notification was missed.
SELECT evse_key, state, extract(epoch FROM state_since)::bigint AS state_since, power_w, energy_wh,
    soc_pct, session_id, extract(epoch FROM started_at)::bigint AS started_at, id_token, error_code,
    charging_state, is_online, extract(epoch FROM register_at)::bigint AS register_at
FROM evse_watched;

-- name: network
-- What changes seldom about each evse: its station, site and place on the map.
SELECT e.evse_key, e.station_id, e.evse_id, e.public_code, e.max_power_w,
    s.site_id, site.name, site.city, site.latitude, site.longitude
FROM evse e
JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
WHERE (s.decommissioned_at > now()) IS NOT FALSE
ORDER BY e.station_id, e.evse_id;

-- name: open_incidents
-- Open incidents with what they harm: evses and running sessions behind their alerts, and how many
-- sessions those evses have on a normal day (their successes of the last 90 days).
WITH harmed AS MATERIALIZED (
    -- all of a dark site is dark, also before its alerts have been gathered
    SELECT i.incident_id, s.station_id, e.evse_key
    FROM incident i JOIN station s USING (site_id) LEFT JOIN evse e USING (station_id)
    WHERE i.resolved_at IS NULL AND i.kind = 'site_dark' AND s.contact_changed_at IS NOT NULL
    UNION
    SELECT i.incident_id, a.station_id, e.evse_key
    FROM incident i JOIN alert a USING (incident_id)
    LEFT JOIN evse e ON e.station_id = a.station_id AND (a.evse_id IS NULL OR e.evse_id = a.evse_id)
    WHERE i.resolved_at IS NULL AND i.kind <> 'site_dark' AND a.resolved_at IS NULL
), harm AS (
    SELECT h.incident_id, count(DISTINCT h.station_id) AS stations, count(h.evse_key) AS evses,
        count(o.session_id) AS drivers, sum(n.sessions / greatest(1, least(90,
            extract(epoch FROM now() - f.started_at) / 86400))) AS lost_per_day
    FROM harmed h
    LEFT JOIN LATERAL (SELECT session_id FROM session
        WHERE evse_key = h.evse_key AND ended_at IS NULL LIMIT 1) o ON true
    LEFT JOIN evse_normal n USING (evse_key)
    LEFT JOIN LATERAL (SELECT min(started_at) AS started_at FROM session
        WHERE evse_key = n.evse_key) f ON true
    GROUP BY h.incident_id
)
SELECT i.incident_id, i.kind, i.severity, i.site_id, site.name AS site, i.owner,
    extract(epoch FROM i.opened_at)::bigint AS opened_at, extract(epoch FROM i.acknowledged_at)::bigint AS acknowledged_at,
    i.acknowledged_by, i.cause, i.next_step,
    coalesce(h.stations, 0) AS stations, coalesce(h.evses, 0) AS evses,
    coalesce(h.drivers, 0) AS drivers, a.station_id, coalesce(a.alerts, 0) AS alerts,
    -- the numbers behind it, where there is but one alert
    i.detail || CASE WHEN a.alerts = 1 THEN a.detail ELSE '{}' END AS detail,
    i.grouped_by, round(h.lost_per_day::numeric, 1)::float8 AS lost_per_day,
    (SELECT count(*) FROM incident_note n WHERE n.incident_id = i.incident_id) AS notes,
    (SELECT count(*) FROM delivery d WHERE d.incident_id = i.incident_id AND d.state = 'sent') AS told
FROM incident i
LEFT JOIN site USING (site_id)
LEFT JOIN harm h USING (incident_id)
LEFT JOIN LATERAL (
    SELECT min(station_id) AS station_id, count(*) AS alerts, min(detail::text)::jsonb AS detail
    FROM alert WHERE alert.incident_id = i.incident_id AND resolved_at IS NULL
) a ON true
WHERE i.resolved_at IS NULL
ORDER BY array_position(ARRAY['critical', 'high', 'low'], i.severity), coalesce(h.drivers, 0) DESC,
    coalesce(h.evses, 0) DESC, i.opened_at;

-- name: rates
-- How many sessions an evse has on a normal day: its successes of the last 90 days.
SELECT n.evse_key, round((n.sessions / greatest(1, least(90,
    extract(epoch FROM now() - f.started_at) / 86400)))::numeric, 2)::float8 AS per_day
FROM evse_normal n
CROSS JOIN LATERAL (SELECT min(started_at) AS started_at FROM session
    WHERE evse_key = n.evse_key) f
WHERE n.sessions > 0;

-- name: command^
-- One command as the page shows it.
SELECT command_id, station_id, action, status, response, requested_by,
    extract(epoch FROM requested_at) AS requested_at, extract(epoch FROM claimed_at) AS claimed_at,
    extract(epoch FROM finished_at) AS finished_at, payload
FROM command
WHERE command_id = :command_id;

-- name: today^
-- Energy, sessions and net sales since midnight in the operator's time zone; how many holds are
-- still open fifteen minutes after their session ended or was given up; visits and those whose
-- first attempt succeeded, of the last 24 hours and of today and the six days before.
SELECT
    (SELECT coalesce(sum(energy_wh), 0)::bigint FROM energy_day
        WHERE bucket >= date_trunc('day', now(), :time_zone)) AS energy_wh,
    (SELECT count(*) FROM session
        WHERE started_at >= date_trunc('day', now(), :time_zone)) AS sessions,
    o.currency,
    (SELECT coalesce(sum(net), 0)::bigint FROM revenue_day
        WHERE bucket >= date_trunc('day', now(), :time_zone) AND currency = o.currency) AS net,
    (SELECT count(*) FROM payment p LEFT JOIN session s USING (session_id)
        WHERE p.held > 0 AND p.captured = 0 AND p.released_at IS NULL
            AND p.state IN ('charging', 'stopping', 'completed', 'capturing', 'capture_failed',
                'releasing')
            AND CASE p.state WHEN 'releasing' THEN p.state_at ELSE s.ended_at END
                < now() - interval '15 minutes'
            AND (p.quarantined_until IS NULL OR p.quarantined_until <= now())) AS holds,
    d.visits AS day_visits, d.first_successes AS day_first_successes,
    w.visits AS week_visits, w.first_successes AS week_first_successes
FROM (SELECT count(*) AS visits, count(*) FILTER (WHERE outcome = 'succeeded') AS first_successes
    FROM attempt
    WHERE is_first AND outcome <> 'open' AND started_at > now() - interval '24 hours') d,
(SELECT coalesce(sum(visits), 0)::bigint AS visits,
        coalesce(sum(first_successes), 0)::bigint AS first_successes
    FROM attempt_fleet_day
    WHERE bucket >= date_trunc('day', now() - interval '6 days', :time_zone)) w,
(SELECT currency FROM operator ORDER BY operator_id LIMIT 1) o;

-- name: count_stations
-- For /metrics: how many stations are in contact.
SELECT CASE WHEN is_online THEN 'online' ELSE 'offline' END AS label, count(*) AS n
FROM station GROUP BY 1;

-- name: count_evses
-- For /metrics: evses per state.
SELECT state AS label, count(*) AS n FROM evse_state GROUP BY 1;

-- name: count_commands
-- For /metrics: what became of the last hour's commands.
SELECT status AS label, count(*) AS n FROM command
WHERE requested_at > now() - interval '1 hour' GROUP BY 1;
