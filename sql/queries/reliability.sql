-- How attempts to charge went, and which attempts are behind a figure. docs/attempts.md defines them.
--
-- Periods lie between two midnights of the operator's time zone; counters by month are read where
-- whole months are in them.

-- name: rates(start, end, level, site_id, station_id)
-- Counters of a period for the fleet, or by site, station, evse or build (level); null: all of them.
-- evse 0: refused or given up before an evse was known. Charging success = succeeded / authorised,
-- first-attempt success = first_successes / visits, visit success = visit_successes / visits.
WITH c AS MATERIALIZED (
    SELECT station_id, evse_id, build_id, sum(open) AS open, sum(succeeded) AS succeeded,
        sum(failed) AS failed, sum(refused) AS refused, sum(abandoned) AS abandoned, sum(authorised)
        AS authorised, sum(failed_starts) AS failed_starts, sum(visits) AS visits,
        sum(first_successes) AS first_successes, sum(visit_successes) AS visit_successes
    FROM attempts_between(:start, :end)
    WHERE :station_id::text IS NULL OR station_id = :station_id
    GROUP BY 1, 2, 3
)
SELECT CASE :level WHEN 'site' THEN coalesce(s.site_id::text, '') WHEN 'station' THEN c.station_id
        WHEN 'evse' THEN c.station_id || ' ' || c.evse_id
        WHEN 'build' THEN concat_ws(' ', b.vendor, b.model, b.firmware_version)
        ELSE '' END AS name,
    sum(c.open)::bigint AS open, sum(c.succeeded)::bigint AS succeeded, sum(c.failed)::bigint AS
    failed, sum(c.refused)::bigint AS refused, sum(c.abandoned)::bigint AS abandoned,
    sum(c.authorised)::bigint AS authorised, sum(c.failed_starts)::bigint AS failed_starts,
    sum(c.visits)::bigint AS visits, sum(c.first_successes)::bigint AS first_successes,
    sum(c.visit_successes)::bigint AS visit_successes
FROM c JOIN station s USING (station_id) JOIN station_build b USING (build_id)
WHERE :site_id::integer IS NULL OR s.site_id = :site_id
GROUP BY 1 ORDER BY 1;

-- name: fleet_days(start, end)
-- The same of the whole fleet day by day.
SELECT bucket, sum(succeeded)::bigint AS succeeded, sum(authorised)::bigint AS authorised,
    sum(failed)::bigint AS failed, sum(refused)::bigint AS refused,
    sum(abandoned)::bigint AS abandoned, sum(visits)::bigint AS visits,
    sum(first_successes)::bigint AS first_successes, sum(visit_successes)::bigint AS visit_successes
FROM attempt_fleet_day
WHERE bucket >= :start AND bucket < :end
GROUP BY bucket ORDER BY bucket;

-- name: stages(start, end, site_id, station_id)
-- Where the attempts of a period ended, and how.
SELECT c.stage, sum(c.failed)::bigint AS failed, sum(c.refused)::bigint AS refused,
    sum(c.abandoned)::bigint AS abandoned, sum(c.succeeded)::bigint AS succeeded
FROM attempts_between(:start, :end) c
WHERE (:site_id::integer IS NULL
        OR c.station_id IN (SELECT station_id FROM station WHERE site_id = :site_id))
    AND (:station_id::text IS NULL OR c.station_id = :station_id)
GROUP BY 1 ORDER BY array_position(
    ARRAY['authorise', 'plug_in', 'remote_start', 'start', 'charge'], c.stage);

-- name: reasons(start, end, site_id, station_id, at_most)
-- Why attempts of a period did not succeed, in the wire's words, most frequent first.
SELECT outcome, stage, reason, count(*) AS attempts, count(DISTINCT station_id) AS stations
FROM attempt
WHERE started_at >= :start AND started_at < :end AND outcome IN ('failed', 'refused', 'abandoned')
    AND (:site_id::integer IS NULL OR site_id = :site_id)
    AND (:station_id::text IS NULL OR station_id = :station_id)
GROUP BY 1, 2, 3 ORDER BY attempts DESC, 1, 2, 3
LIMIT :at_most;

-- name: behind(start, end, figure, site_id, station_id, evse_id, build_id, at_most)
-- The attempts that keep a figure below 100 %, newest first. figure: charging (authorised, no
-- success), first (first ones without success), visit (of visits without any success).
SELECT a.attempt_id, a.visit_id, a.is_first, a.started_at, a.ended_at, a.station_id, a.evse_id,
    a.site_id, a.stage, a.outcome, a.reason, a.energy_wh, a.session_id, a.command_id, a.payment_id,
    a.key, a.evidence, b.vendor, b.model, b.firmware_version
FROM attempt a
JOIN station_build b USING (build_id)
LEFT JOIN attempt v ON v.attempt_id = a.visit_id
WHERE a.started_at >= :start AND a.started_at < :end
    AND a.outcome IN ('failed', 'refused', 'abandoned')
    AND CASE :figure WHEN 'charging' THEN a.is_authorised WHEN 'first' THEN a.is_first
        WHEN 'visit' THEN NOT v.visit_succeeded ELSE true END
    AND (:site_id::integer IS NULL OR a.site_id = :site_id)
    AND (:station_id::text IS NULL OR a.station_id = :station_id)
    AND (:evse_id::integer IS NULL OR a.evse_id = :evse_id)
    AND (:build_id::integer IS NULL OR a.build_id = :build_id)
ORDER BY a.started_at DESC, a.attempt_id DESC
LIMIT :at_most;

-- name: visit(visit_id)
-- The attempts of one visit in their order.
SELECT a.attempt_id, a.started_at, a.ended_at, a.station_id, a.evse_id, a.stage, a.outcome,
    a.reason, a.energy_wh, a.session_id, a.key, a.evidence
FROM attempt v
JOIN attempt a ON a.visitor = v.visitor AND a.started_at >= v.started_at
    AND a.visit_id = v.attempt_id
WHERE v.attempt_id = :visit_id
ORDER BY a.started_at, a.key;

-- name: last_attempts(station_id, at_most)
-- A station's newest attempts, and how they ended.
SELECT attempt_id, visit_id, is_first, started_at, ended_at, evse_id, stage, outcome, reason,
    energy_wh, session_id, key, evidence
FROM attempt WHERE station_id = :station_id
ORDER BY started_at DESC, attempt_id DESC
LIMIT :at_most;
