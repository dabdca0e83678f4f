-- What the job `timelines` reads and writes: raw facts of evses in, facts of time and outages out.
-- `evse_keys` and `from_ats` are arrays of one length: each evse from its own instant on, all up
-- to `until_at`.

-- name: time_zone$
-- The operator's time zone, as the database counts days.
SELECT time_zone FROM installation;

-- name: request_open(before_at)!
-- Evses whose open segment began before an instant: midnight has passed.
INSERT INTO timeline_request (evse_key, from_at)
SELECT evse_key, open_since FROM evse_timeline
WHERE open_since < :before_at AND state IS NOT NULL;

-- name: take_requests(now, at_most)
-- The evses that must be looked at, and from when on; a request of a station is one of each evse.
-- Removed with the caller's transaction. Requests of the time to come wait for it.
WITH chosen AS (
    SELECT DISTINCT evse_key FROM timeline_request WHERE from_at <= :now
    ORDER BY evse_key LIMIT :at_most
), taken AS (
    DELETE FROM timeline_request WHERE from_at <= :now AND evse_key IN (SELECT * FROM chosen)
    RETURNING evse_key, from_at
)
SELECT e.evse_key, min(t.from_at)
FROM taken t
LEFT JOIN station s ON s.station_key = -t.evse_key
JOIN evse e ON e.evse_key = t.evse_key OR e.station_id = s.station_id
GROUP BY e.evse_key ORDER BY e.evse_key;

-- name: request!
-- Look again from an instant on.
INSERT INTO timeline_request (evse_key, from_at)
SELECT * FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]);

-- name: timelines(evse_keys)
-- How far their time is stored; since when they are in service: their station's first contact, or
-- their own first sign of life, if that came later.
SELECT e.evse_key, e.station_id, e.evse_id, t.in_service_from, t.open_since,
    coalesce(t.revision, 0), t.state IS NOT NULL, s.decommissioned_at,
    CASE WHEN c.at IS NOT NULL THEN greatest(c.at, least(h.at, o.at)) END
FROM evse e
JOIN station s USING (station_id)
LEFT JOIN evse_timeline t USING (evse_key)
LEFT JOIN LATERAL (SELECT min(at) AS at FROM contact_history c
    WHERE c.station_id = e.station_id AND c.is_online) c ON true
LEFT JOIN LATERAL (SELECT min(status_at) AS at FROM status_history h
    WHERE h.evse_key = e.evse_key) h ON true
LEFT JOIN LATERAL (SELECT min(started_at) AS at FROM session o
    WHERE o.evse_key = e.evse_key) o ON true
WHERE e.evse_key = ANY(:evse_keys::integer[])
ORDER BY e.evse_key;

-- name: lock_timelines!
-- One writer at a time for each evse.
SELECT 1 FROM evse_timeline WHERE evse_key = ANY(:evse_keys::integer[]) ORDER BY evse_key
FOR UPDATE;

-- name: running_outages(evse_keys, from_ats)
-- When the outage began that an evse was in at an instant.
SELECT n.evse_key, min(o.started_at)
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
JOIN outage o ON o.evse_key = n.evse_key AND o.started_at < n.from_at
    AND (o.ended_at IS NULL OR o.ended_at >= n.from_at)
GROUP BY n.evse_key;

-- name: contacts(evse_keys, from_ats, until_at)
-- Contact with the evses' stations, with the last change before.
SELECT n.evse_key, c.at, c.is_online, c.cause
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
JOIN evse e USING (evse_key)
CROSS JOIN LATERAL (
    (SELECT at, recorded_at, is_online, cause FROM contact_history c
        WHERE c.station_id = e.station_id AND c.at < n.from_at
        ORDER BY at DESC, recorded_at DESC LIMIT 1)
    UNION ALL
    SELECT at, recorded_at, is_online, cause FROM contact_history c
    WHERE c.station_id = e.station_id AND c.at >= n.from_at AND c.at < :until_at
) c
ORDER BY n.evse_key, c.at, c.recorded_at;

-- name: statuses(evse_keys, from_ats, until_at)
-- Statuses of connectors and of the station as a whole (connector 0), each with its last before.
SELECT n.evse_key, h.status_at, h.connector_id, h.status, h.charging_state, h.error_code
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
JOIN evse e USING (evse_key)
JOIN station s USING (station_id)
CROSS JOIN LATERAL (
    SELECT l.* FROM (
        SELECT e.evse_key AS key, c.connector_id FROM connector c WHERE c.evse_key = e.evse_key
        UNION ALL SELECT -s.station_key, 0
    ) k CROSS JOIN LATERAL (
        SELECT status_at, received_at, k.connector_id, status, charging_state, error_code
        FROM status_history h WHERE h.evse_key = k.key AND h.status_at < n.from_at
            AND (k.connector_id = 0 OR h.connector_id = k.connector_id)
        ORDER BY h.status_at DESC, h.received_at DESC LIMIT 1) l
    UNION ALL
    SELECT status_at, received_at, connector_id, status, charging_state, error_code
    FROM status_history h WHERE h.evse_key = e.evse_key AND h.status_at >= n.from_at
        AND h.status_at < :until_at
    UNION ALL
    SELECT status_at, received_at, 0, status, charging_state, error_code
    FROM status_history h WHERE h.evse_key = -s.station_key AND h.status_at >= n.from_at
        AND h.status_at < :until_at
) h
ORDER BY n.evse_key, h.status_at, h.received_at, h.connector_id, h.status, h.charging_state,
    h.error_code;

-- name: charges(evse_keys, from_ats, until_at)
-- Sessions that end after the instant or go on, and the last that ended before.
SELECT n.evse_key, o.session_id, o.started_at, o.ended_at, o.charged_until,
    x.ats, x.states
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
CROSS JOIN LATERAL (
    SELECT session_id, started_at, ended_at, charged_until FROM session o
    WHERE o.evse_key = n.evse_key AND o.started_at < :until_at
        AND (o.ended_at >= n.from_at OR o.ended_at IS NULL)
    UNION ALL
    (SELECT session_id, started_at, ended_at, charged_until FROM session o
    WHERE o.evse_key = n.evse_key AND o.ended_at < n.from_at ORDER BY o.ended_at DESC LIMIT 1)
) o
LEFT JOIN LATERAL (
    SELECT array_agg(state_at ORDER BY state_at) AS ats,
        array_agg(charging_state ORDER BY state_at) AS states
    FROM session_state x WHERE x.session_id = o.session_id
) x ON true
ORDER BY n.evse_key, o.session_id;

-- name: tries(evse_keys, from_ats, until_at)
-- Attempts that failed or succeeded, from the last success before the instant on.
SELECT n.evse_key, a.started_at, a.attempt_id, a.outcome = 'succeeded'
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
JOIN attempt a USING (evse_key)
WHERE a.outcome IN ('failed', 'succeeded') AND a.started_at < :until_at
    AND a.started_at >= coalesce((
    SELECT max(b.started_at) FROM attempt b WHERE b.evse_key = n.evse_key
        AND b.outcome = 'succeeded' AND b.started_at < n.from_at), '-infinity')
ORDER BY n.evse_key, a.started_at, a.attempt_id;

-- name: exclusions(evse_keys, from_ats, until_at)
-- What people have excluded.
SELECT n.evse_key, x.from_at, x.until_at, x.reason, x.created_by
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
JOIN evse e USING (evse_key)
JOIN station s USING (station_id)
JOIN outage_exclusion x ON x.evse_key = e.evse_key OR x.station_id = s.station_id
    OR x.site_id = s.site_id
WHERE x.revoked_at IS NULL AND x.until_at >= n.from_at AND x.from_at < :until_at
ORDER BY n.evse_key, x.exclusion_id;

-- name: recorded_facts(evse_keys, from_ats, until_at)
-- The facts that stand: those not taken back.
SELECT f.evse_key, f.started_at, abs(f.seconds), f.state, f.cause, f.excluded_because,
    sum(sign(f.seconds))::integer
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
JOIN state_fact f ON f.evse_key = n.evse_key AND f.started_at >= n.from_at
    AND f.started_at < :until_at
GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign(f.seconds)) <> 0
ORDER BY 1, 2;

-- name: add_facts!
-- New facts, and what takes old ones back.
INSERT INTO state_fact (started_at, evse_key, seconds, revision, evse_id, station_id, state, cause,
    excluded_because)
SELECT n.started_at, n.evse_key, n.seconds, t.revision, t.evse_id, t.station_id, n.state, n.cause,
    n.excluded_because
FROM unnest(:started_at::timestamptz[], :evse_key::integer[], :seconds::integer[], :state::text[],
    :cause::text[], :excluded_because::text[])
    AS n(started_at, evse_key, seconds, state, cause, excluded_because)
JOIN evse_timeline t USING (evse_key);

-- name: put_timelines!
-- Where the open segments begin now.
INSERT INTO evse_timeline AS t (evse_key, station_id, evse_id, in_service_from, open_since, state,
    cause, excluded_because, revision)
SELECT *, 1 FROM unnest(:evse_key::integer[], :station_id::text[], :evse_id::integer[],
    :in_service_from::timestamptz[], :open_since::timestamptz[], :state::text[], :cause::text[],
    :excluded_because::text[])
ON CONFLICT (evse_key) DO UPDATE SET station_id = excluded.station_id, evse_id = excluded.evse_id,
    in_service_from = excluded.in_service_from, open_since = excluded.open_since,
    state = excluded.state, cause = excluded.cause,
    excluded_because = excluded.excluded_because, revision = t.revision + 1;

-- name: recorded_outages(evse_keys, from_ats, until_at)
-- The outages that began at or after the instant.
SELECT o.evse_key, o.started_at, o.ended_at, o.cause, o.excluded_because, o.excluded_seconds
FROM unnest(:evse_keys::integer[], :from_ats::timestamptz[]) AS n(evse_key, from_at)
JOIN outage o ON o.evse_key = n.evse_key AND o.started_at >= n.from_at AND o.started_at < :until_at
ORDER BY o.evse_key, o.started_at;

-- name: drop_outages!
-- Outages that late evidence disproves.
DELETE FROM outage o
USING unnest(:evse_key::integer[], :started_at::timestamptz[], :cause::text[])
    AS n(evse_key, started_at, cause)
WHERE o.evse_key = n.evse_key AND o.started_at = n.started_at AND o.cause = n.cause;

-- name: put_outages!
-- New outages, and how known ones went on.
INSERT INTO outage AS o (evse_key, station_id, evse_id, started_at, ended_at, cause,
    excluded_because, excluded_seconds, excluded_by, evidence)
SELECT n.evse_key, e.station_id, e.evse_id, n.started_at, n.ended_at, n.cause, n.excluded_because,
    n.excluded_seconds, n.excluded_by, n.evidence::jsonb
FROM unnest(:evse_key::integer[], :started_at::timestamptz[], :ended_at::timestamptz[],
    :cause::text[], :excluded_because::text[], :excluded_seconds::bigint[], :excluded_by::text[],
    :evidence::text[]) AS n(evse_key, started_at, ended_at, cause, excluded_because,
    excluded_seconds, excluded_by, evidence)
JOIN evse e USING (evse_key)
ON CONFLICT (evse_key, started_at, cause) DO UPDATE SET ended_at = excluded.ended_at,
    excluded_because = excluded.excluded_because, excluded_seconds = excluded.excluded_seconds,
    excluded_by = excluded.excluded_by, evidence = excluded.evidence;

-- name: timed_evses()
-- The evses that have a timeline.
SELECT evse_key FROM evse_timeline ORDER BY evse_key;

-- name: rollup_differences(from_at, until_at)
-- Days, months and the fleet's hours that are not the sums of their facts; and evses whose closed
-- days in service have seconds too few or too many. Subject, time, what it should be, what it is.
WITH facts AS MATERIALIZED (
    SELECT *, date_trunc('day', started_at, z.time_zone) AS day,
        date_trunc('month', started_at, z.time_zone) AS month
    FROM state_fact CROSS JOIN (SELECT time_zone FROM installation) z
    WHERE started_at >= :from_at AND started_at < :until_at
), days AS (
    SELECT day AS bucket, evse_key, state, cause, excluded_because, sum(seconds) AS seconds
    FROM facts GROUP BY 1, 2, 3, 4, 5
), totals AS (
    SELECT bucket, evse_key, state, cause, excluded_because, sum(seconds) AS seconds
    FROM state_day_total WHERE bucket >= :from_at AND bucket < :until_at
    GROUP BY 1, 2, 3, 4, 5
), fleet AS (
    SELECT h.bucket, f.state, f.cause, f.excluded_because, sum(h.part) AS seconds
    FROM facts f CROSS JOIN LATERAL hours_of(f.started_at, f.seconds) h GROUP BY 1, 2, 3, 4
), whole AS (
    SELECT t.evse_key, d.bucket, extract(epoch FROM
        (d.bucket AT TIME ZONE z.time_zone + interval '1 day') AT TIME ZONE z.time_zone
        - d.bucket) AS length
    FROM evse_timeline t CROSS JOIN (SELECT time_zone FROM installation) z
    CROSS JOIN (SELECT DISTINCT bucket FROM totals) d
    WHERE d.bucket >= t.in_service_from
        AND (d.bucket AT TIME ZONE z.time_zone + interval '1 day') AT TIME ZONE z.time_zone
            <= t.open_since
)
SELECT format('state_day of evse_key %%s %%s %%s', coalesce(d.evse_key, t.evse_key),
        coalesce(d.state, t.state), coalesce(d.cause, t.cause, 'up')) AS subject,
    coalesce(d.bucket, t.bucket) AS at, coalesce(d.seconds, 0) AS expected, coalesce(t.seconds, 0) AS found
FROM days d FULL JOIN totals t ON (d.bucket, d.evse_key, d.state) = (t.bucket, t.evse_key, t.state)
    AND coalesce(d.cause, '') = coalesce(t.cause, '')
    AND coalesce(d.excluded_because, '') = coalesce(t.excluded_because, '')
WHERE coalesce(d.seconds, 0) <> coalesce(t.seconds, 0)
UNION ALL
SELECT format('state_month of evse_key %%s %%s', evse_key, state), bucket, sum(expected), sum(found)
FROM (
    SELECT date_trunc('month', bucket, z.time_zone) AS bucket, evse_key, state, cause,
        excluded_because, seconds AS expected, 0 AS found
    FROM state_day_total CROSS JOIN (SELECT time_zone FROM installation) z
    WHERE bucket >= date_trunc('month', :from_at::timestamptz, z.time_zone)
        AND bucket < (date_trunc('month', :until_at::timestamptz, z.time_zone)
            AT TIME ZONE z.time_zone + interval '1 month') AT TIME ZONE z.time_zone
    UNION ALL
    SELECT bucket, evse_key, state, cause, excluded_because, 0, seconds
    FROM state_month_total CROSS JOIN (SELECT time_zone FROM installation) z
    WHERE bucket >= date_trunc('month', :from_at::timestamptz, z.time_zone)
        AND bucket <= date_trunc('month', :until_at::timestamptz, z.time_zone)
) m
GROUP BY bucket, evse_key, state, cause, excluded_because HAVING sum(expected) <> sum(found)
UNION ALL
SELECT format('state_fleet_hour %%s', coalesce(f.state, t.state)), coalesce(f.bucket, t.bucket),
    coalesce(f.seconds, 0), coalesce(t.seconds, 0)
FROM fleet f FULL JOIN (
    SELECT * FROM state_fleet_total WHERE bucket >= :from_at AND bucket < :until_at AND seconds <> 0
) t ON (f.bucket, f.state) = (t.bucket, t.state)
    AND coalesce(f.cause, '') = coalesce(t.cause, '')
    AND coalesce(f.excluded_because, '') = coalesce(t.excluded_because, '')
WHERE coalesce(f.seconds, 0) <> coalesce(t.seconds, 0)
    AND coalesce(f.bucket, t.bucket) < :until_at::timestamptz - interval '1 hour'
UNION ALL
SELECT format('seconds of evse_key %%s', w.evse_key), w.bucket, w.length,
    coalesce(sum(t.seconds), 0)
FROM whole w LEFT JOIN totals t USING (evse_key, bucket)
GROUP BY w.bucket, w.evse_key, w.length HAVING coalesce(sum(t.seconds), 0) <> w.length;
