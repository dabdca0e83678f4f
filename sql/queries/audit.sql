-- What audits of the numbers ask. Each check answers at least one row: how many rows it looked at,
-- and one for each that differs (subject null: none does): subject, the time it is about, what is
-- expected, what was found, evidence. Checks take a period of whole days and the operator's zone.

-- name: energy_15min
-- Quarters against the sums and peaks of the readings in them.
WITH said AS (
    SELECT bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w FROM energy_15min
    WHERE bucket >= :from_at AND bucket < :until_at
), facts AS (
    SELECT date_bin('15 minutes', measured_at, timestamptz '2000-01-01 00:00+00') AS bucket,
        evse_key, station_id, evse_id, coalesce(sum(energy_delta_wh), 0)::bigint AS energy_wh,
        max(power_w) FILTER (WHERE flags IS NULL) AS peak_power_w, count(*) AS n
    FROM meter_value
    WHERE measured_at >= :from_at AND measured_at < :until_at AND evse_id > 0
    GROUP BY 1, 2, 3, 4
)
SELECT (SELECT coalesce(sum(n), 0) FROM facts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT station_id || '/' || evse_id || ' quarter ' || to_char(bucket, 'YYYY-MM-DD HH24:MI"Z"')
            AS subject, bucket AS at,
        concat(coalesce(facts.energy_wh, 0), ' Wh, peak ', facts.peak_power_w, ' W') AS expected,
        concat(coalesce(said.energy_wh, 0), ' Wh, peak ', said.peak_power_w, ' W') AS found,
        jsonb_build_object('evse_key', evse_key, 'facts', n) AS evidence
    FROM said FULL JOIN facts USING (bucket, evse_key, station_id, evse_id)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(facts.energy_wh, 0)
        OR said.peak_power_w IS DISTINCT FROM facts.peak_power_w
) f ON true;

-- name: energy_hour
-- Hours against their quarters.
WITH span AS (
    SELECT date_bin('1 hour', :from_at, timestamptz '2000-01-01 00:00+00') AS low, date_bin('1 hour', :until_at::timestamptz + interval '59 minutes', timestamptz '2000-01-01 00:00+00') AS high
), said AS (
    SELECT bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w
    FROM energy_hour, span WHERE bucket >= low AND bucket < high
), parts AS (
    SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00+00') AS bucket, evse_key, station_id, evse_id,
        sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w, count(*) AS n
    FROM energy_15min, span WHERE bucket >= low AND bucket < high
    GROUP BY 1, 2, 3, 4
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT station_id || '/' || evse_id || ' hour ' || to_char(bucket, 'YYYY-MM-DD HH24:MI"Z"') AS subject,
        bucket AS at,
        concat(coalesce(parts.energy_wh, 0), ' Wh, peak ', parts.peak_power_w, ' W') AS expected,
        concat(coalesce(said.energy_wh, 0), ' Wh, peak ', said.peak_power_w, ' W') AS found,
        jsonb_build_object('evse_key', evse_key, 'energy_15min', n) AS evidence
    FROM said FULL JOIN parts USING (bucket, evse_key, station_id, evse_id)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(parts.energy_wh, 0)
        OR said.peak_power_w IS DISTINCT FROM parts.peak_power_w
) f ON true;

-- name: energy_day
-- Days in the operator's zone against their quarters.
WITH span AS (
    SELECT :from_at::timestamptz AS low, :until_at::timestamptz AS high
), said AS (
    SELECT bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w
    FROM energy_day, span WHERE bucket >= low AND bucket < high
), parts AS (
    SELECT date_trunc('day', bucket, :zone) AS bucket, evse_key, station_id, evse_id,
        sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w, count(*) AS n
    FROM energy_15min, span WHERE bucket >= low AND bucket < high
    GROUP BY 1, 2, 3, 4
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT station_id || '/' || evse_id || ' day ' || to_char(bucket AT TIME ZONE :zone, 'YYYY-MM-DD') AS subject,
        bucket AS at,
        concat(coalesce(parts.energy_wh, 0), ' Wh, peak ', parts.peak_power_w, ' W') AS expected,
        concat(coalesce(said.energy_wh, 0), ' Wh, peak ', said.peak_power_w, ' W') AS found,
        jsonb_build_object('evse_key', evse_key, 'energy_15min', n) AS evidence
    FROM said FULL JOIN parts USING (bucket, evse_key, station_id, evse_id)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(parts.energy_wh, 0)
        OR said.peak_power_w IS DISTINCT FROM parts.peak_power_w
) f ON true;

-- name: energy_month
-- Months, as far as the period touches them, against their days.
WITH span AS (
    SELECT date_trunc('month', :from_at, :zone) AS low, (date_trunc('month', (:until_at::timestamptz - interval '1 second')
        AT TIME ZONE :zone) + interval '1 month') AT TIME ZONE :zone AS high
), said AS (
    SELECT bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w
    FROM energy_month, span WHERE bucket >= low AND bucket < high
), parts AS (
    SELECT date_trunc('month', bucket, :zone) AS bucket, evse_key, station_id, evse_id,
        sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w, count(*) AS n
    FROM energy_day, span WHERE bucket >= low AND bucket < high
    GROUP BY 1, 2, 3, 4
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT station_id || '/' || evse_id || ' month ' || to_char(bucket AT TIME ZONE :zone, 'YYYY-MM') AS subject,
        bucket AS at,
        concat(coalesce(parts.energy_wh, 0), ' Wh, peak ', parts.peak_power_w, ' W') AS expected,
        concat(coalesce(said.energy_wh, 0), ' Wh, peak ', said.peak_power_w, ' W') AS found,
        jsonb_build_object('evse_key', evse_key, 'energy_day', n) AS evidence
    FROM said FULL JOIN parts USING (bucket, evse_key, station_id, evse_id)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(parts.energy_wh, 0)
        OR said.peak_power_w IS DISTINCT FROM parts.peak_power_w
) f ON true;

-- name: energy_fleet_15min
-- The fleet's quarters against those of all evses.
WITH said AS (
    SELECT bucket, energy_wh, peak_power_w FROM energy_fleet_15min
    WHERE bucket >= :from_at AND bucket < :until_at
), parts AS (
    SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w,
        count(*) AS n
    FROM energy_15min WHERE bucket >= :from_at AND bucket < :until_at GROUP BY 1
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'fleet quarter ' || to_char(bucket, 'YYYY-MM-DD HH24:MI"Z"') AS subject, bucket AS at,
        concat(coalesce(parts.energy_wh, 0), ' Wh, peak ', parts.peak_power_w, ' W') AS expected,
        concat(coalesce(said.energy_wh, 0), ' Wh, peak ', said.peak_power_w, ' W') AS found,
        jsonb_build_object('energy_15min', n) AS evidence
    FROM said FULL JOIN parts USING (bucket)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(parts.energy_wh, 0)
        OR said.peak_power_w IS DISTINCT FROM parts.peak_power_w
) f ON true;

-- name: energy_fleet_day
-- The fleet's days against those of all evses.
WITH said AS (
    SELECT bucket, energy_wh, peak_power_w FROM energy_fleet_day
    WHERE bucket >= :from_at AND bucket < :until_at
), parts AS (
    SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w,
        count(*) AS n
    FROM energy_day WHERE bucket >= :from_at AND bucket < :until_at GROUP BY 1
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'fleet day ' || to_char(bucket AT TIME ZONE :zone, 'YYYY-MM-DD') AS subject, bucket AS at,
        concat(coalesce(parts.energy_wh, 0), ' Wh, peak ', parts.peak_power_w, ' W') AS expected,
        concat(coalesce(said.energy_wh, 0), ' Wh, peak ', said.peak_power_w, ' W') AS found,
        jsonb_build_object('energy_day', n) AS evidence
    FROM said FULL JOIN parts USING (bucket)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(parts.energy_wh, 0)
        OR said.peak_power_w IS DISTINCT FROM parts.peak_power_w
) f ON true;

-- name: session_fleet_day
-- The fleet's sessions per day against the sessions that began on it.
WITH said AS (
    SELECT bucket, sessions FROM session_fleet_day
    WHERE bucket >= :from_at AND bucket < :until_at
), facts AS (
    SELECT date_trunc('day', started_at, :zone) AS bucket, count(*) AS sessions FROM session
    WHERE started_at >= :from_at AND started_at < :until_at GROUP BY 1
)
SELECT (SELECT coalesce(sum(sessions), 0) FROM facts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'fleet sessions ' || to_char(bucket AT TIME ZONE :zone, 'YYYY-MM-DD') AS subject,
        bucket AS at, coalesce(facts.sessions, 0)::text AS expected,
        coalesce(said.sessions, 0)::text AS found, '{}'::jsonb AS evidence
    FROM said FULL JOIN facts USING (bucket)
    WHERE coalesce(said.sessions, 0) <> coalesce(facts.sessions, 0)
) f ON true;

-- name: days_are_whole
-- The states of an evse in service fill each closed day: 23, 24 or 25 hours, not a second more.
WITH days AS (
    SELECT day AT TIME ZONE :zone AS low, (day + interval '1 day') AT TIME ZONE :zone AS high
    FROM generate_series(:from_at AT TIME ZONE :zone, :until_at AT TIME ZONE :zone,
        interval '1 day') AS day
), served AS (
    SELECT t.evse_key, t.station_id, t.evse_id, low,
        extract(epoch FROM CASE WHEN t.state IS NULL THEN least(high, t.open_since) ELSE high END
            - greatest(low, t.in_service_from))::bigint AS seconds
    FROM evse_timeline t JOIN days ON high <= :until_at AND high <= :now
        AND high > t.in_service_from AND (t.state IS NOT NULL OR low < t.open_since)
), said AS (
    SELECT evse_key, bucket AS low, sum(seconds)::bigint AS seconds,
        jsonb_object_agg(concat_ws(' ', state, cause, excluded_because), seconds) AS states
    FROM state_day WHERE bucket >= :from_at AND bucket < :until_at GROUP BY 1, 2
)
SELECT (SELECT count(*) FROM served) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT station_id || '/' || evse_id || ' day ' || to_char(low AT TIME ZONE :zone, 'YYYY-MM-DD')
            AS subject,
        low AS at, served.seconds || ' s' AS expected, coalesce(said.seconds, 0) || ' s' AS found,
        jsonb_build_object('evse_key', evse_key, 'states', states) AS evidence
    FROM served LEFT JOIN said USING (evse_key, low)
    WHERE served.seconds <> coalesce(said.seconds, 0)
) f ON true;

-- name: station_meters_count_nothing
-- Nothing is counted from a station's own main meter (evse 0), neither as a fact nor in a rollup.
WITH looked AS (
    SELECT station_id, evse_key, measured_at AS at, energy_delta_wh AS energy_wh,
        'reading' AS what
    FROM meter_value
    WHERE measured_at >= :from_at AND measured_at < :until_at AND evse_id = 0
    UNION ALL
    SELECT station_id, evse_key, bucket, energy_wh, 'quarter' FROM energy_15min
    WHERE bucket >= :from_at AND bucket < :until_at AND evse_id = 0
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT station_id || '/0 ' || what || ' ' || to_char(at, 'YYYY-MM-DD HH24:MI:SS.US"Z"')
            AS subject,
        at, '0 Wh' AS expected, energy_wh || ' Wh' AS found,
        jsonb_build_object('evse_key', evse_key) AS evidence
    FROM looked WHERE energy_wh <> 0
) f ON true;

-- name: facts_have_sessions
-- Every fact belongs to a session of its evse, between the session's first and last reading.
WITH facts AS (
    SELECT session_id, evse_key, station_id, evse_id, min(measured_at) AS first,
        max(measured_at) AS last, coalesce(sum(energy_delta_wh), 0)::bigint AS energy_wh,
        count(*) AS n
    FROM meter_value
    WHERE measured_at >= :from_at AND measured_at < :until_at
        AND (session_id IS NOT NULL OR energy_delta_wh <> 0)
    GROUP BY 1, 2, 3, 4
)
SELECT (SELECT coalesce(sum(n), 0) FROM facts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT concat(station_id, '/', facts.evse_id, ' facts of session ', session_id, ' on ',
            to_char(facts.first AT TIME ZONE :zone, 'YYYY-MM-DD')) AS subject,
        facts.first AS at,
        CASE WHEN s.session_id IS NULL THEN 'a session of theirs'
            ELSE concat('readings from ', s.first_reading_at, ' to ', s.last_reading_at) END
            AS expected,
        concat(facts.n, ' rows of ', facts.energy_wh, ' Wh from ', facts.first, ' to ', facts.last)
            AS found,
        jsonb_build_object('evse_key', facts.evse_key) AS evidence
    FROM facts LEFT JOIN session s USING (session_id, station_id)
    WHERE s.session_id IS NULL OR facts.evse_key > 0 AND facts.evse_key <> s.evse_key
        OR facts.first < s.first_reading_at OR facts.last > s.last_reading_at
        OR s.first_reading_at IS NULL
) f ON true;

-- name: evses_have_one_vehicle
-- No two sessions of an evse overlap by a minute, unless one of them is flagged or doubted for it.
WITH looked AS (
    SELECT session_id, station_id, evse_id, evse_key, started_at, ended_at,
        flags <> '{}' OR EXISTS (SELECT FROM session_doubt d WHERE d.session_id = s.session_id
            AND d.reason = 'overlaps' AND d.gone_at IS NULL) AS is_odd
    FROM session s WHERE evse_key > 0 AND started_at < :until_at AND (ended_at IS NULL OR ended_at > :from_at)
)
SELECT (SELECT count(*) FROM looked) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT concat('session ', b.session_id, ' and ', a.session_id) AS subject, b.started_at AS at,
        concat('no start before ', a.ended_at) AS expected,
        concat('started ', b.started_at) AS found,
        jsonb_build_object('station_id', a.station_id, 'evse_id', a.evse_id, 'first',
            a.session_id, 'second', b.session_id) AS evidence
    FROM looked a JOIN looked b USING (evse_key)
    WHERE (a.started_at, a.session_id) < (b.started_at, b.session_id)
        AND b.started_at + interval '1 minute'
            <= least(coalesce(a.ended_at, 'infinity'), coalesce(b.ended_at, 'infinity'))
        AND NOT a.is_odd AND NOT b.is_odd
) f ON true;

-- name: evse_keys
-- The evses that had a session open in the period.
SELECT DISTINCT evse_key FROM session
WHERE started_at < :until_at AND (ended_at IS NULL OR ended_at >= :from_at)
ORDER BY evse_key;

-- name: sessions
-- The sessions of some evses that were open in the period.
SELECT s.session_id, s.station_id, s.evse_id, s.evse_key, s.started_at, s.ended_at, s.energy_wh,
    s.register_wh, s.register_at, s.limit_w, s.meter_start_wh, s.meter_stop_wh,
    s.first_reading_at, s.last_reading_at
FROM session s
WHERE s.evse_key = ANY(:evse_keys::integer[]) AND s.started_at < :until_at
    AND (s.ended_at IS NULL OR s.ended_at >= :from_at)
ORDER BY s.session_id;

-- name: readings
-- Everything recorded of these sessions: readings as the fold wants them, and the facts.
SELECT s.session_id, m.measured_at, m.source, m.energy_wh, m.power_w, m.extra, m.context,
    m.energy_delta_wh
FROM session s
JOIN station t USING (station_id)
CROSS JOIN LATERAL (
    SELECT m.measured_at, m.source, m.energy_wh, m.power_w, m.context, m.energy_delta_wh,
        CASE WHEN m.extra ? 'Energy.Active.Import.Interval' THEN m.extra END AS extra
    FROM meter_value m
    WHERE m.evse_key IN (s.evse_key, -t.station_key) AND m.session_id = s.session_id
        AND m.measured_at BETWEEN s.first_reading_at AND s.last_reading_at
) m
WHERE s.session_id = ANY(:session_ids::bigint[])
ORDER BY s.session_id;

-- name: count_time$
-- Facts of time per state in a period.
SELECT count(*) FROM state_fact WHERE started_at >= :from_at AND started_at < :until_at;

-- name: count_attempts$
-- Attempts to charge in a period.
SELECT count(*) FROM attempt WHERE started_at >= :from_at AND started_at < :until_at;

-- name: hold_job(job)
-- Waits until nobody runs the job, as sql/jobs.py would; then nobody does until it is released.
SELECT pg_advisory_lock(hashtext('kilowatch job ' || :job));

-- name: release_job(job)
-- It may run again.
SELECT pg_advisory_unlock(hashtext('kilowatch job ' || :job));

-- name: place^
-- The operator's zone, the first instant there is anything to audit, and from when on all readings
-- are still there.
SELECT i.time_zone,
    date_trunc('day', least((SELECT min(bucket) FROM energy_day),
        (SELECT min(started_at) FROM session), (SELECT min(in_service_from) FROM evse_timeline)),
        i.time_zone) AS first_at,
    (SELECT max(kept_from) FROM retention WHERE relation = 'meter_value') AS kept_from,
    (SELECT count(*) FROM evse) AS evses
FROM installation i;

-- name: note_check!
-- What a run of a check came to.
INSERT INTO number_check (checked_at, name, from_at, until_at, ok, checked, differences)
VALUES (:at, :name, :from_at, :until_at, :differences::bigint = 0, :checked, :differences)
ON CONFLICT DO NOTHING;

-- name: open_differences!
-- Each difference once while it is open.
INSERT INTO number_difference (name, subject, at, expected, found, evidence, found_at, seen_at)
SELECT DISTINCT ON (r.subject) :name, r.subject, r.at, r.expected, r.found,
    coalesce(r.evidence, '{}'), :now::timestamptz, :now::timestamptz
FROM jsonb_to_recordset(:rows::jsonb)
    AS r(subject text, at timestamptz, expected text, found text, evidence jsonb)
ON CONFLICT (name, subject) WHERE resolved_at IS NULL DO UPDATE
    SET at = excluded.at, expected = excluded.expected, found = excluded.found,
        evidence = excluded.evidence, seen_at = excluded.seen_at;

-- name: resolve_differences!
-- Gone: an audit of their time has not found them again.
UPDATE number_difference SET resolved_at = :now
WHERE name = :name AND resolved_at IS NULL AND seen_at < :now
    AND at >= :from_at AND at < :until_at;

-- name: raise_alert!
-- One incident and one alert for all open differences; nothing when there are none.
WITH open AS (
    SELECT count(*) AS n, min(found_at) AS since, min(at) AS first_at,
        jsonb_object_agg(name, n) AS checks
    FROM (SELECT name, count(*) AS n, min(found_at) AS found_at, min(at) AS at
        FROM number_difference WHERE resolved_at IS NULL GROUP BY name) d
), opened AS (
    INSERT INTO incident (kind, severity, grouped_by, opened_at, cause, next_step)
    SELECT 'audit', 'high', 'platform', since, 'numbers differ from their raw facts',
        'run the audit for the days named, see docs/numbers.md'
    FROM open WHERE n > 0 AND NOT EXISTS (SELECT FROM alert
        WHERE kind = 'audit' AND resolved_at IS NULL AND dismissed_at IS NOT NULL)
    ON CONFLICT (kind, site_id, group_key) WHERE resolved_at IS NULL
    DO UPDATE SET cause = excluded.cause
    RETURNING incident_id
)
INSERT INTO alert (incident_id, kind, raised_at, detail)
SELECT incident_id, 'audit', since, jsonb_build_object('differences', checks, 'first_at', first_at)
FROM open, opened
ON CONFLICT (kind, station_id, evse_id) WHERE resolved_at IS NULL
DO UPDATE SET detail = excluded.detail, incident_id = excluded.incident_id;

-- name: resolve_alert!
-- Nothing differs any more.
WITH gone AS (
    UPDATE alert SET resolved_at = :now
    WHERE kind = 'audit' AND resolved_at IS NULL
        AND NOT EXISTS (SELECT FROM number_difference WHERE resolved_at IS NULL)
    RETURNING incident_id
)
UPDATE incident SET resolved_at = :now, resolution = 'over'
WHERE incident_id IN (SELECT incident_id FROM gone) AND resolved_at IS NULL;

-- name: last_night$
-- When a day's own audit was last over.
SELECT max(checked_at) FROM number_check
WHERE name = 'night' AND from_at = :from_at AND until_at = :until_at;

-- name: gather_days(zone)!
-- What was asked for becomes days, each once; what is left undone waits for the next night. Days
-- that no night has audited are left out: a past that is written in one go (an import) is audited
-- by command.
WITH asked AS (
    DELETE FROM audit_request RETURNING from_at, until_at
)
INSERT INTO audit_day (from_at)
SELECT DISTINCT n.from_at FROM number_check n
JOIN asked a ON a.from_at < n.until_at AND a.until_at >= n.from_at
WHERE n.name = 'night'
UNION
SELECT date_trunc('day', at, :zone) FROM number_difference WHERE resolved_at IS NULL
ON CONFLICT DO NOTHING;

-- name: waiting_days(before)
-- Days to audit again, the newest first.
SELECT from_at FROM audit_day WHERE from_at < :before ORDER BY from_at DESC;

-- name: drop_day(from_at)!
-- It has been audited.
DELETE FROM audit_day WHERE from_at = :from_at;

-- name: forget_checks!
-- Runs and resolved differences of long ago.
WITH gone AS (DELETE FROM number_difference WHERE resolved_at < :before)
DELETE FROM number_check WHERE checked_at < :before;
