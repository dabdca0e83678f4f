-- Time per state, uptime, outages and what they cost; for the pages Reliability and Utilisation and
-- for the API. docs/reliability.md says what each figure is made of.
--
-- Periods lie between two midnights of the operator's time zone. Whole months come from their rows,
-- the days at both ends from theirs, added (sign 1) or taken off (-1): dashboard/periods.py chooses
-- what reads least. Open segments are added as the views state_day and state_month do it.

-- name: evse_seconds
-- Seconds of every evse within a period by state, and how many of them were down, why and excluded.
WITH part AS (
    SELECT evse_key, state, cause, excluded_because, seconds FROM state_month_total
    WHERE bucket >= :months_from AND bucket < :months_until
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT evse_key, state, cause, excluded_because, :head_sign::integer * seconds
    FROM state_day_total
    WHERE bucket >= :head_from AND bucket < :head_until
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT evse_key, state, cause, excluded_because, :tail_sign::integer * seconds
    FROM state_day_total
    WHERE bucket >= :tail_from AND bucket < :tail_until
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT evse_key, state, cause, excluded_because, seconds FROM state_open
    WHERE bucket >= :start AND bucket < :end
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
), summed AS (
    SELECT evse_key, state, cause, excluded_because IS NOT NULL AS is_excluded,
        sum(seconds)::bigint AS seconds
    FROM part GROUP BY 1, 2, 3, 4
)
SELECT t.*, e.station_id, e.evse_id, e.public_code, s.vendor, s.model, s.firmware_version,
    s.site_id, site.name AS site
FROM (
    SELECT evse_key,
        coalesce(sum(seconds) FILTER (WHERE state = 'available'), 0)::bigint AS available,
        coalesce(sum(seconds) FILTER (WHERE state = 'preparing'), 0)::bigint AS preparing,
        coalesce(sum(seconds) FILTER (WHERE state = 'charging'), 0)::bigint AS charging,
        coalesce(sum(seconds) FILTER (WHERE state = 'suspended'), 0)::bigint AS suspended,
        coalesce(sum(seconds) FILTER (WHERE state = 'finished'), 0)::bigint AS finished,
        coalesce(sum(seconds) FILTER (WHERE state = 'reserved'), 0)::bigint AS reserved,
        coalesce(sum(seconds) FILTER (WHERE state = 'unavailable'), 0)::bigint AS unavailable,
        coalesce(sum(seconds) FILTER (WHERE state = 'faulted'), 0)::bigint AS faulted,
        coalesce(sum(seconds) FILTER (WHERE state = 'unknown'), 0)::bigint AS unknown,
        coalesce(sum(seconds) FILTER (WHERE is_excluded), 0)::bigint AS excluded,
        coalesce(sum(seconds) FILTER (WHERE cause = 'network'), 0)::bigint AS network,
        coalesce(sum(seconds) FILTER (WHERE cause = 'csms'), 0)::bigint AS csms,
        coalesce(sum(seconds) FILTER (WHERE cause = 'hardware'), 0)::bigint AS hardware,
        coalesce(sum(seconds) FILTER (WHERE cause = 'unavailable'), 0)::bigint AS closed,
        coalesce(sum(seconds) FILTER (WHERE cause = 'failed_starts'), 0)::bigint AS failed_starts
    FROM summed GROUP BY evse_key HAVING sum(seconds) <> 0
) t
JOIN evse e USING (evse_key)
JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
ORDER BY e.station_id, e.evse_id;

-- name: seconds
-- The same of all of them together, by state, cause and reason.
SELECT state, cause, excluded_because, sum(seconds)::bigint AS seconds
FROM (
    SELECT state, cause, excluded_because, seconds FROM state_month_total
    WHERE bucket >= :months_from AND bucket < :months_until
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT state, cause, excluded_because, :head_sign::integer * seconds FROM state_day_total
    WHERE bucket >= :head_from AND bucket < :head_until
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT state, cause, excluded_because, :tail_sign::integer * seconds FROM state_day_total
    WHERE bucket >= :tail_from AND bucket < :tail_until
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT state, cause, excluded_because, seconds FROM state_open
    WHERE bucket >= :start AND bucket < :end
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
) parts
GROUP BY 1, 2, 3 HAVING sum(seconds) <> 0;

-- name: months
-- Seconds per month, down and excluded, of the evses of the given stations together.
SELECT bucket, sum(seconds)::bigint AS in_service,
    coalesce(sum(seconds) FILTER (WHERE cause IS NOT NULL), 0)::bigint AS down,
    coalesce(sum(seconds) FILTER (WHERE excluded_because IS NOT NULL), 0)::bigint AS excluded
FROM (
    SELECT bucket, cause, excluded_because, seconds FROM state_month_total
    WHERE bucket >= :start AND bucket < :end
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT book_time(date_trunc('month', book_day(bucket))::date), cause, excluded_because, seconds FROM state_open
    WHERE bucket >= :start AND bucket < :end
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
) parts
GROUP BY bucket ORDER BY bucket;

-- name: evse_months
-- Seconds per month, down and excluded, of single evses.
SELECT evse_key, bucket, sum(seconds)::bigint AS in_service,
    coalesce(sum(seconds) FILTER (WHERE cause IS NOT NULL), 0)::bigint AS down,
    coalesce(sum(seconds) FILTER (WHERE excluded_because IS NOT NULL), 0)::bigint AS excluded
FROM state_month
WHERE evse_key = ANY(:evse_keys) AND bucket >= :start AND bucket < :end
GROUP BY evse_key, bucket;

-- name: timed_evses
-- Evses whose time is counted, in order of station and number, after a place in it.
SELECT e.evse_key, e.station_id, e.evse_id FROM evse e
WHERE (e.station_id, e.evse_id) > (:after_station, :after_evse::integer)
    AND (:station_id::text IS NULL OR e.station_id = :station_id)
    AND EXISTS (SELECT FROM evse_timeline t WHERE t.evse_key = e.evse_key)
ORDER BY e.station_id, e.evse_id LIMIT :limit;

-- name: evse_uptime
-- A month of some evses and the year that ends with it: seconds in service, down, excluded and
-- without contact.
SELECT evse_key,
    coalesce(sum(seconds) FILTER (WHERE bucket >= :month), 0)::bigint AS in_service,
    coalesce(sum(seconds) FILTER (WHERE bucket >= :month AND cause IS NOT NULL), 0)::bigint AS down,
    coalesce(sum(seconds) FILTER (WHERE bucket >= :month AND excluded_because IS NOT NULL), 0
        )::bigint AS excluded,
    coalesce(sum(seconds) FILTER (WHERE bucket >= :month AND state = 'unknown'), 0
        )::bigint AS unknown,
    sum(seconds)::bigint AS year_in_service,
    coalesce(sum(seconds) FILTER (WHERE cause IS NOT NULL), 0)::bigint AS year_down,
    coalesce(sum(seconds) FILTER (WHERE excluded_because IS NOT NULL), 0)::bigint AS year_excluded,
    coalesce(sum(seconds) FILTER (WHERE state = 'unknown'), 0)::bigint AS year_unknown
FROM (
    SELECT evse_key, bucket, state, cause, excluded_because, seconds FROM state_month_total
    WHERE evse_key = ANY(:evse_keys) AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT evse_key, bucket, state, cause, excluded_because, seconds FROM state_open
    WHERE evse_key = ANY(:evse_keys) AND bucket >= :start AND bucket < :end
) parts
GROUP BY evse_key HAVING sum(seconds) <> 0;

-- name: days
-- Seconds per day and state of single evses.
SELECT bucket, state, sum(seconds)::bigint AS seconds
FROM state_day
WHERE evse_key = ANY(:evse_keys) AND bucket >= :start AND bucket < :end
GROUP BY bucket, state ORDER BY bucket;

-- name: fleet_days
-- Seconds per day and state of the whole fleet, from its hours.
SELECT book_time(book_day(bucket)) AS bucket, state, sum(seconds)::bigint AS seconds
FROM state_fleet_hour
WHERE bucket >= :start AND bucket < :end
GROUP BY 1, 2 ORDER BY 1;

-- name: month_states
-- Seconds per month and state of the evses, or of all.
SELECT bucket, state, sum(seconds)::bigint AS seconds
FROM (
    SELECT bucket, state, seconds FROM state_month_total
    WHERE bucket >= :start AND bucket < :end
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
    UNION ALL
    SELECT book_time(date_trunc('month', book_day(bucket))::date), state, seconds FROM state_open
    WHERE bucket >= :start AND bucket < :end
        AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
) parts
GROUP BY bucket, state ORDER BY bucket;

-- name: fleet_week
-- Seconds of the whole fleet by weekday (1 Monday) and hour of the operator's clock.
SELECT extract(isodow FROM local)::integer AS weekday, extract(hour FROM local)::integer AS hour,
    sum(seconds)::bigint AS seconds, sum(occupied)::bigint AS occupied,
    sum(charging)::bigint AS charging, sum(idle)::bigint AS idle
FROM (
    SELECT bucket AT TIME ZONE (SELECT time_zone FROM installation) AS local,
        sum(seconds) AS seconds,
        coalesce(sum(seconds) FILTER (WHERE state IN ('preparing', 'charging', 'suspended',
            'finished')), 0) AS occupied,
        coalesce(sum(seconds) FILTER (WHERE state = 'charging'), 0) AS charging,
        coalesce(sum(seconds) FILTER (WHERE state IN ('suspended', 'finished')), 0) AS idle
    FROM state_fleet_hour
    WHERE bucket >= :start AND bucket < :end
    GROUP BY bucket
) hours
GROUP BY 1, 2;

-- name: week
-- The same of single evses, from the facts themselves: none of them crosses a midnight.
SELECT extract(isodow FROM local)::integer AS weekday, extract(hour FROM local)::integer AS hour,
    sum(part)::bigint AS seconds,
    coalesce(sum(part) FILTER (WHERE state IN ('preparing', 'charging', 'suspended',
        'finished')), 0)::bigint AS occupied,
    coalesce(sum(part) FILTER (WHERE state = 'charging'), 0)::bigint AS charging,
    coalesce(sum(part) FILTER (WHERE state IN ('suspended', 'finished')), 0)::bigint AS idle
FROM (
    SELECT f.state, h.bucket, h.part
    FROM state_fact f CROSS JOIN LATERAL hours_of(f.started_at, f.seconds) h
    WHERE f.evse_key = ANY(:evse_keys) AND f.started_at >= :start AND f.started_at < :end
    UNION ALL
    SELECT t.state, h.bucket, h.part
    FROM evse_timeline t CROSS JOIN LATERAL hours_of(greatest(t.open_since, :start), extract(epoch
        FROM least(date_trunc('second', now()), :end) - greatest(t.open_since, :start))::bigint) h
    WHERE t.evse_key = ANY(:evse_keys) AND t.state IS NOT NULL
        AND greatest(t.open_since, :start) < least(date_trunc('second', now()), :end)
) parts
CROSS JOIN LATERAL (SELECT bucket AT TIME ZONE (SELECT time_zone FROM installation) AS local) l
GROUP BY 1, 2;

-- name: scope
-- The evses of a site, a station or one evse; of all of them without either.
SELECT e.evse_key, s.station_id, e.evse_id, s.site_id
FROM evse e JOIN station s USING (station_id)
WHERE (:site_id::integer IS NULL OR s.site_id = :site_id)
    AND (:station_id::text IS NULL OR s.station_id = :station_id)
    AND (:evse_id::integer IS NULL OR e.evse_id = :evse_id)
ORDER BY s.station_id, e.evse_id;

-- name: known_since$
-- When the first evse came into service.
SELECT min(in_service_from) FROM evse_timeline;

-- name: attempts
-- Attempts and visits of a period by vendor, model and firmware of the station as of then.
SELECT b.build_id, b.vendor, b.model, b.firmware_version,
    sum(sign * succeeded)::bigint AS succeeded, sum(sign * authorised)::bigint AS authorised,
    sum(sign * visits)::bigint AS visits, sum(sign * first_successes)::bigint AS first_successes,
    sum(sign * visit_successes)::bigint AS visit_successes,
    sum(sign * failed_starts)::bigint AS failed_starts
FROM (
    SELECT 1 AS sign, build_id, succeeded, authorised, visits, first_successes, visit_successes,
        failed_starts
    FROM attempt_fleet_day
    WHERE :station_ids::text[] IS NULL AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT 1, build_id, succeeded, authorised, visits, first_successes, visit_successes,
        failed_starts
    FROM attempt_month
    WHERE station_id = ANY(:station_ids) AND bucket >= :months_from AND bucket < :months_until
    UNION ALL
    SELECT :head_sign::integer, build_id, succeeded, authorised, visits, first_successes,
        visit_successes, failed_starts
    FROM attempt_day
    WHERE station_id = ANY(:station_ids) AND bucket >= :head_from AND bucket < :head_until
    UNION ALL
    SELECT :tail_sign::integer, build_id, succeeded, authorised, visits, first_successes,
        visit_successes, failed_starts
    FROM attempt_day
    WHERE station_id = ANY(:station_ids) AND bucket >= :tail_from AND bucket < :tail_until
) counted
JOIN station_build b USING (build_id)
GROUP BY b.build_id HAVING sum(sign * visits) <> 0 OR sum(sign * authorised) <> 0
ORDER BY b.build_id;

-- name: evse_attempts
-- Attempts and visits of a period per evse.
SELECT e.evse_key, sum(sign * succeeded)::bigint AS succeeded,
    sum(sign * authorised)::bigint AS authorised, sum(sign * visits)::bigint AS visits,
    sum(sign * first_successes)::bigint AS first_successes
FROM (
    SELECT 1 AS sign, station_id, evse_id, succeeded, authorised, visits, first_successes
    FROM attempt_month
    WHERE bucket >= :months_from AND bucket < :months_until
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
    UNION ALL
    SELECT :head_sign::integer, station_id, evse_id, succeeded, authorised, visits, first_successes
    FROM attempt_day
    WHERE bucket >= :head_from AND bucket < :head_until
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
    UNION ALL
    SELECT :tail_sign::integer, station_id, evse_id, succeeded, authorised, visits, first_successes
    FROM attempt_day
    WHERE bucket >= :tail_from AND bucket < :tail_until
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
) counted
JOIN evse e USING (station_id, evse_id)
GROUP BY e.evse_key;

-- name: failed_attempts
-- First attempts of visits that did not succeed, newest first; of one build when it is given.
SELECT a.attempt_id, a.started_at, a.ended_at, a.station_id, a.evse_id, site.name AS site, a.stage,
    a.outcome, a.reason, a.energy_wh, a.visit_succeeded, b.vendor, b.model, b.firmware_version,
    (SELECT count(*) FROM attempt
        WHERE started_at >= :start AND started_at < :end AND is_first
            AND outcome NOT IN ('open', 'succeeded')
            AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
            AND (:build_id::integer IS NULL OR build_id = :build_id)) AS found
FROM (
    SELECT * FROM attempt
    WHERE started_at >= :start AND started_at < :end AND is_first
        AND outcome NOT IN ('open', 'succeeded')
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
        AND (:build_id::integer IS NULL OR build_id = :build_id)
    ORDER BY started_at DESC LIMIT :at_most
) a
JOIN station_build b USING (build_id)
LEFT JOIN site ON site.site_id = a.site_id
ORDER BY a.started_at DESC;

-- name: attempt^
-- One attempt with its build and site.
SELECT a.*, b.vendor, b.model, b.firmware_version, site.name AS site
FROM attempt a
JOIN station_build b USING (build_id)
LEFT JOIN site ON site.site_id = a.site_id
WHERE a.attempt_id = :attempt_id;

-- name: repairs^
-- How long outages took that ended in a period: median, 90 % and how many. Excluded ones and those
-- of our own platform are nobody's repair.
SELECT count(*) AS outages,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at)) AS median,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at)) AS p90
FROM outage
WHERE ended_at >= :start AND ended_at < :end AND cause <> 'csms' AND excluded_because IS NULL
    AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys));

-- name: repair_months
-- The same per month.
SELECT book_time(date_trunc('month', book_day(ended_at))::date) AS bucket, count(*) AS outages,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at)) AS median,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at)) AS p90
FROM outage
WHERE ended_at >= :start AND ended_at < :end AND cause <> 'csms' AND excluded_because IS NULL
    AND (:evse_keys::integer[] IS NULL OR evse_key = ANY(:evse_keys))
GROUP BY 1 ORDER BY 1;

-- name: outages
-- Outages that reach into a period, those of one site and cause that began within two minutes of
-- each other as one; worst first. `rates`: sessions a second of each evse from `first_key` on, what
-- its time is worth.
WITH inside AS (
    SELECT o.outage_id, o.evse_key, o.started_at, o.ended_at, o.cause, o.excluded_because,
        o.excluded_seconds, coalesce(s.site_id, -s.station_key) AS place,
        greatest(o.started_at, :start) AS from_at,
        least(coalesce(o.ended_at, 'infinity'), date_trunc('second', now()), :end) AS until_at
    FROM outage o
    JOIN station s USING (station_id)
    WHERE o.started_at < least(:end, now()) AND coalesce(o.ended_at, 'infinity') > :start
        AND (:evse_keys::integer[] IS NULL OR o.evse_key = ANY(:evse_keys))
        AND (:cause::text IS NULL OR o.cause = :cause)
), counted AS (
    SELECT outage_id, evse_key, started_at, ended_at, cause, place,
        extract(epoch FROM until_at - from_at)::integer AS seconds,
        CASE WHEN excluded_because IS NOT NULL
            THEN extract(epoch FROM until_at - from_at)::integer
        WHEN excluded_seconds = 0 THEN 0
        WHEN started_at >= :start AND ended_at <= :end THEN excluded_seconds
        ELSE (SELECT coalesce(sum(f.seconds), 0) FROM state_fact f
            WHERE f.evse_key = inside.evse_key AND f.started_at >= from_at
                AND f.started_at < until_at AND f.cause = inside.cause
                AND f.excluded_because IS NOT NULL)
            + (SELECT coalesce(sum(extract(epoch FROM until_at - greatest(t.open_since, from_at))),
                0)::bigint FROM evse_timeline t
            WHERE t.evse_key = inside.evse_key AND inside.ended_at IS NULL
                AND t.open_since < until_at AND t.excluded_because IS NOT NULL)
        END AS excluded,
        started_at > lag(started_at, 1, '-infinity') OVER w + interval '2 minutes' AS is_new
    FROM inside
    WHERE until_at > from_at
    WINDOW w AS (PARTITION BY place, cause ORDER BY started_at)
), numbered AS (
    SELECT *, seconds * coalesce((:rates::double precision[])[evse_key - :first_key + 1], 0) AS lost,
        count(*) FILTER (WHERE is_new) OVER (PARTITION BY place, cause ORDER BY started_at) AS run
    FROM counted
), gathered AS (
    SELECT place, cause, min(outage_id) AS outage_id, array_agg(evse_key) AS evse_keys,
        min(started_at) AS started_at,
        CASE WHEN count(*) = count(ended_at) THEN max(ended_at) END AS ended_at,
        sum(seconds) AS seconds, sum(excluded)::bigint AS excluded, sum(lost) AS lost,
        count(*) OVER () AS found
    FROM numbered GROUP BY place, cause, run
    ORDER BY CASE :sort::text WHEN 'time' THEN NULL
            WHEN 'length' THEN sum(seconds)::double precision ELSE sum(lost) END
        DESC NULLS LAST, started_at DESC, place
    LIMIT :at_most
)
SELECT g.outage_id, g.cause, g.started_at, g.ended_at, g.seconds, g.excluded, g.lost, g.found,
    e.station_id, e.evse_id, e.stations, e.evses, site.site_id, site.name AS site
FROM gathered g
CROSS JOIN LATERAL (
    SELECT min(station_id) AS station_id, min(evse_id) AS evse_id,
        count(DISTINCT station_id) AS stations, count(*) AS evses
    FROM evse WHERE evse_key = ANY(g.evse_keys)
) e
LEFT JOIN site ON site.site_id = g.place
ORDER BY CASE :sort::text WHEN 'time' THEN NULL
        WHEN 'length' THEN g.seconds::double precision ELSE g.lost END
    DESC NULLS LAST, g.started_at DESC, g.place;

-- name: outage^
-- One outage with its evse and site.
SELECT o.*, s.site_id, site.name AS site, e.public_code, s.vendor, s.model, s.firmware_version,
    s.ocpp_version
FROM outage o
JOIN evse e USING (evse_key)
JOIN station s ON s.station_id = e.station_id
LEFT JOIN site ON site.site_id = s.site_id
WHERE o.outage_id = :outage_id;

-- name: outage_mates
-- Outages of the same site and cause that began within two minutes of this one, this one included.
SELECT o.outage_id, o.evse_key, o.station_id, o.evse_id, o.started_at, o.ended_at
FROM outage o JOIN station s USING (station_id)
WHERE o.cause = :cause AND o.started_at BETWEEN :started_at::timestamptz - interval '2 minutes'
        AND :started_at::timestamptz + interval '2 minutes'
    AND (s.site_id = :site_id OR o.station_id = :station_id)
ORDER BY o.station_id, o.evse_id;

-- name: contacts
-- Contact of a station between two instants.
SELECT at, is_online, cause, last_seen_at FROM contact_history
WHERE station_id = :station_id AND at >= :from_at AND at <= :until_at
ORDER BY at LIMIT :at_most;

-- name: statuses
-- What was told of an evse, or of its whole station, between two instants.
SELECT evse_id, connector_id, status, charging_state, status_at, error_code
FROM status_history
WHERE evse_key IN ((SELECT e.evse_key FROM evse e
        WHERE e.station_id = :station_id AND e.evse_id = :evse_id),
        (SELECT -s.station_key FROM station s WHERE s.station_id = :station_id))
    AND status_at >= :from_at AND status_at <= :until_at
ORDER BY status_at LIMIT :at_most;

-- name: tries
-- Attempts at an evse between two instants.
SELECT attempt_id, started_at, stage, outcome, reason, energy_wh FROM attempt
WHERE evse_key = :evse_key AND started_at >= :from_at AND started_at <= :until_at
ORDER BY started_at LIMIT :at_most;

-- name: proof^
-- The first session that delivered at least 0.1 kWh and began after an instant.
SELECT session_id, started_at, energy_wh FROM session
WHERE evse_key = :evse_key AND started_at >= :since AND energy_wh >= 100
ORDER BY started_at LIMIT 1;

-- name: messages_around
-- The frames of a station just before and just after an instant.
(SELECT received_at, direction, message_id, action, frame, answer, answer_ms, error_code
FROM message_log
WHERE station_id = :station_id AND received_at <= :at
    AND received_at > :at::timestamptz - interval '1 day'
ORDER BY received_at DESC LIMIT :at_most)
UNION ALL
(SELECT received_at, direction, message_id, action, frame, answer, answer_ms, error_code
FROM message_log
WHERE station_id = :station_id AND received_at > :at
    AND received_at < :at::timestamptz + interval '1 day'
ORDER BY received_at LIMIT :at_most)
ORDER BY received_at;

-- name: exclusions
-- Exclusions that reach into a period, and all that are still to come.
SELECT x.*, site.name AS site, e.station_id AS evse_station_id, e.evse_id
FROM outage_exclusion x
LEFT JOIN site ON site.site_id = x.site_id
LEFT JOIN evse e ON e.evse_key = x.evse_key
WHERE (x.until_at > :start AND x.from_at < :end OR x.until_at > :now)
    AND (:site_id::integer IS NULL OR x.site_id = :site_id
        OR x.station_id = ANY(:station_ids) OR x.evse_key = ANY(:evse_keys))
ORDER BY x.revoked_at IS NOT NULL, x.from_at DESC
LIMIT :at_most;

-- name: subject_exists$
-- Whether there is such a site, station or evse.
SELECT EXISTS (SELECT FROM site WHERE site_id = :site_id::integer)
    OR EXISTS (SELECT FROM station WHERE station_id = :station_id::text)
    OR EXISTS (SELECT FROM evse WHERE evse_key = :evse_key::integer);

-- name: exclude$
-- Time that does not count from now on; its id, nothing when the same stands already.
WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('kilowatch exclusions')))
INSERT INTO outage_exclusion (site_id, station_id, evse_key, from_at, until_at, reason, note,
    created_by)
SELECT :site_id::integer, :station_id::text, :evse_key::integer, :from_at::timestamptz,
    :until_at::timestamptz, :reason, :note, :created_by
FROM alone
WHERE NOT EXISTS (
    SELECT FROM outage_exclusion x
    WHERE (x.site_id, x.station_id, x.evse_key) IS NOT DISTINCT FROM
            (:site_id::integer, :station_id::text, :evse_key::integer)
        AND x.from_at = :from_at AND x.until_at = :until_at AND x.reason = :reason
        AND x.revoked_at IS NULL)
RETURNING exclusion_id;

-- name: revoke$
-- An exclusion counts no more; nothing when somebody was quicker.
UPDATE outage_exclusion SET revoked_by = :revoked_by, revoked_at = now()
WHERE exclusion_id = :exclusion_id AND revoked_at IS NULL
RETURNING exclusion_id;

-- name: audit!
-- Who did what.
INSERT INTO audit_log (actor, action, subject, detail)
VALUES (:actor, :action, :subject, :detail);

-- name: energy
-- Watt-hours per evse in a period.
SELECT e.evse_key, sum(sign * energy_wh)::bigint AS energy_wh
FROM (
    SELECT 1 AS sign, station_id, evse_id, energy_wh FROM energy_month
    WHERE bucket >= :months_from AND bucket < :months_until
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
    UNION ALL
    SELECT :head_sign::integer, station_id, evse_id, energy_wh FROM energy_day
    WHERE bucket >= :head_from AND bucket < :head_until
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
    UNION ALL
    SELECT :tail_sign::integer, station_id, evse_id, energy_wh FROM energy_day
    WHERE bucket >= :tail_from AND bucket < :tail_until
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
) parts
JOIN evse e USING (station_id, evse_id)
GROUP BY e.evse_key;

-- name: idle_lengths
-- Sessions begun in a period by how long the cable stayed after the last energy: how many, and how
-- long in all.
SELECT bin, sum(stays)::bigint AS stays, sum(seconds)::bigint AS seconds
FROM (
    SELECT bin, stays, seconds FROM session_idle_day
    WHERE :evse_keys::integer[] IS NULL AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT width_bucket(idle, ARRAY[900, 1800, 3600, 7200, 14400]::numeric[]), 1, idle
    FROM session
    CROSS JOIN LATERAL (SELECT extract(epoch FROM ended_at - charged_until) AS idle) i
    WHERE :evse_keys::integer[] IS NOT NULL AND evse_key = ANY(:evse_keys)
        AND started_at >= :start AND started_at < :end AND charged_until < ended_at
) parts
GROUP BY bin HAVING sum(stays) <> 0 ORDER BY bin;
