-- Audits of what pages read beside energies per evse: the load of sites, and what is counted of
-- sessions that have ended. Parameters and answers are those of audit.sql.

-- name: energy_site_15min
-- Quarters of sites (0: everybody's) against those of the evses that stand there; a site that a
-- station is just moving to or from is left out.
WITH said AS (
    SELECT site_id, bucket, energy_wh FROM energy_site_15min
    WHERE site_id = ANY (ARRAY(SELECT site_id FROM site UNION ALL SELECT 0))
        AND bucket >= :from_at AND bucket < :until_at
), parts AS (
    SELECT s.site_id, e.bucket, sum(e.energy_wh)::bigint AS energy_wh, count(*) AS n
    FROM energy_15min e JOIN station s USING (station_id)
    WHERE e.bucket >= :from_at AND e.bucket < :until_at AND s.site_id IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT 0, bucket, sum(energy_wh)::bigint, count(*) FROM energy_15min
    WHERE bucket >= :from_at AND bucket < :until_at GROUP BY 2
), moving AS (
    SELECT from_site AS site_id FROM rollup.site_moved UNION SELECT to_site FROM rollup.site_moved
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'site ' || site_id || ' quarter ' || to_char(bucket, 'YYYY-MM-DD HH24:MI"Z"') AS subject,
        bucket AS at, coalesce(parts.energy_wh, 0) || ' Wh' AS expected,
        coalesce(said.energy_wh, 0) || ' Wh' AS found,
        jsonb_build_object('site_id', site_id, 'energy_15min', n) AS evidence
    FROM said FULL JOIN parts USING (site_id, bucket)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(parts.energy_wh, 0)
        AND NOT EXISTS (SELECT FROM moving m WHERE m.site_id = coalesce(said.site_id, parts.site_id))
) f ON true;

-- name: energy_site_day
-- Days of sites, and the fullest quarter of each, against their quarters.
WITH places AS (
    SELECT ARRAY(SELECT site_id FROM site UNION ALL SELECT 0) AS ids
), said AS (
    SELECT site_id, bucket, energy_wh, greatest(peak_wh, 0) AS peak_wh,
        CASE WHEN peak_wh > 0 THEN peak_at END AS peak_at
    FROM energy_site_day
    WHERE site_id = ANY ((SELECT ids FROM places)::integer[])
        AND bucket >= :from_at AND bucket < :until_at
), parts AS (
    SELECT site_id, date_trunc('day', bucket, :zone) AS bucket, sum(energy_wh)::bigint AS energy_wh,
        greatest(max(energy_wh), 0) AS peak_wh, (array_agg(bucket ORDER BY energy_wh DESC, bucket)
            FILTER (WHERE energy_wh > 0))[1] AS peak_at, count(*) AS n
    FROM energy_site_15min
    WHERE site_id = ANY ((SELECT ids FROM places)::integer[])
        AND bucket >= :from_at AND bucket < :until_at GROUP BY 1, 2
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'site ' || site_id || ' day ' || to_char(bucket AT TIME ZONE :zone, 'YYYY-MM-DD') AS subject,
        bucket AS at, concat(coalesce(parts.energy_wh, 0), ' Wh, at most ',
            coalesce(parts.peak_wh, 0), ' Wh at ', parts.peak_at) AS expected,
        concat(coalesce(said.energy_wh, 0), ' Wh, at most ',
            coalesce(said.peak_wh, 0), ' Wh at ', said.peak_at) AS found,
        jsonb_build_object('site_id', site_id, 'energy_site_15min', n) AS evidence
    FROM said FULL JOIN parts USING (site_id, bucket)
    WHERE (coalesce(said.energy_wh, 0), coalesce(said.peak_wh, 0), said.peak_at)
        IS DISTINCT FROM (coalesce(parts.energy_wh, 0), coalesce(parts.peak_wh, 0), parts.peak_at)
) f ON true;

-- name: energy_site_load
-- Months by quarter of the day, as far as the period touches them, against their quarters.
WITH places AS (
    SELECT ARRAY(SELECT site_id FROM site UNION ALL SELECT 0) AS ids
), said AS (
    SELECT site_id, bucket, quarter, energy_wh FROM energy_site_load
    WHERE site_id = ANY ((SELECT ids FROM places)::integer[])
        AND bucket >= date_trunc('month', :from_at, :zone) AND bucket < :until_at
), parts AS (
    SELECT site_id, date_trunc('month', bucket, :zone) AS bucket,
        (extract(hour FROM bucket AT TIME ZONE :zone) * 4
            + div(extract(minute FROM bucket AT TIME ZONE :zone), 15))::smallint AS quarter,
        sum(energy_wh)::bigint AS energy_wh, count(*) AS n
    FROM energy_site_15min
    WHERE site_id = ANY ((SELECT ids FROM places)::integer[])
        AND bucket >= date_trunc('month', :from_at, :zone)
        AND bucket < (date_trunc('month', (:until_at::timestamptz - interval '1 second')
            AT TIME ZONE :zone) + interval '1 month') AT TIME ZONE :zone
    GROUP BY 1, 2, 3
)
SELECT (SELECT coalesce(sum(n), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'site ' || site_id || ' month ' || to_char(bucket AT TIME ZONE :zone, 'YYYY-MM')
            || ' quarter ' || quarter AS subject,
        bucket AS at, coalesce(parts.energy_wh, 0) || ' Wh' AS expected,
        coalesce(said.energy_wh, 0) || ' Wh' AS found,
        jsonb_build_object('site_id', site_id, 'energy_site_15min', n) AS evidence
    FROM said FULL JOIN parts USING (site_id, bucket, quarter)
    WHERE coalesce(said.energy_wh, 0) <> coalesce(parts.energy_wh, 0)
) f ON true;

-- name: visits
-- What is counted of each session against the session, its payer and its price; sessions that have
-- changed since they were counted are left out.
WITH said AS (
    SELECT v.session_id, v.day, concat_ws(', ', 'site ' || site_id, energy_wh || ' Wh',
        seconds || ' s', 'hour ' || hour, channel, gross || ' ' || currency, who) AS what
    FROM visit v WHERE v.day >= book_day(:from_at::timestamptz) AND v.day < book_day(:until_at::timestamptz)
), facts AS (
    SELECT f.session_id, f.day, concat_ws(', ', 'site ' || f.site_id, f.energy_wh || ' Wh',
        f.seconds || ' s', 'hour ' || f.hour, f.channel, f.gross || ' ' || f.currency, f.who) AS what
    FROM session s JOIN visit_fact f USING (session_id)
    WHERE s.started_at >= :from_at AND s.started_at < :until_at
)
SELECT (SELECT count(*) FROM facts) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT 'session ' || session_id AS subject, book_time(coalesce(facts.day, said.day)) AS at,
        coalesce(facts.what, 'nothing that day') AS expected,
        coalesce(said.what, 'nothing that day') AS found,
        jsonb_build_object('session_id', session_id) AS evidence
    FROM said FULL JOIN facts USING (session_id)
    WHERE said.what IS DISTINCT FROM facts.what
        AND session_id NOT IN (SELECT c.session_id FROM visit_change c)
) f ON true;

-- name: visit_total
-- Sessions by length, energy, hour and channel: days against what is counted of each session,
-- months against their days.
WITH span AS (
    SELECT book_day(:from_at::timestamptz) AS low, book_day(:until_at::timestamptz) AS high,
        date_trunc('month', book_day(:from_at::timestamptz))::date AS month_low,
        (date_trunc('month', book_day(:until_at::timestamptz) - 1) + interval '1 month')::date AS month_high,
        ARRAY(SELECT site_id FROM site UNION ALL VALUES (0), (-1)) AS ids
), counted AS (
    SELECT v.* FROM visit v WHERE v.day >= (SELECT low FROM span) AND v.day < (SELECT high FROM span)
), said AS (
    SELECT t.* FROM visit_total t WHERE level = 'day'
        AND site_id = ANY ((SELECT ids FROM span)::integer[])
        AND bucket >= (SELECT low FROM span) AND bucket < (SELECT high FROM span)
    UNION ALL
    SELECT t.* FROM visit_total t WHERE level = 'month'
        AND site_id = ANY ((SELECT ids FROM span)::integer[])
        AND bucket >= (SELECT month_low FROM span) AND bucket < (SELECT month_high FROM span)
), parts AS (
    SELECT 'day' AS level, o.site_id, c.day AS bucket, w.what, w.part, count(*) AS sessions,
        sum(c.energy_wh)::bigint AS energy_wh, sum(c.seconds)::bigint AS seconds
    FROM counted c CROSS JOIN LATERAL (VALUES (0), (c.site_id)) o (site_id)
    CROSS JOIN LATERAL (VALUES ('length', visit_length_bin(c.seconds)::text),
        ('energy', visit_energy_bin(c.energy_wh)::text), ('hour', c.hour::text),
        ('channel', c.channel)) w (what, part)
    GROUP BY 2, 3, 4, 5
    UNION ALL
    SELECT 'month', site_id, date_trunc('month', bucket)::date, what, part,
        sum(sessions)::bigint, sum(energy_wh)::bigint, sum(seconds)::bigint
    FROM visit_total WHERE level = 'day' AND site_id = ANY ((SELECT ids FROM span)::integer[])
        AND bucket >= (SELECT month_low FROM span) AND bucket < (SELECT month_high FROM span)
    GROUP BY 2, 3, 4, 5
)
SELECT (SELECT count(*) FROM counted) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT concat_ws(' ', 'site', site_id, level, bucket, what, part) AS subject,
        book_time(bucket) AS at,
        concat(coalesce(parts.sessions, 0), ' sessions, ', coalesce(parts.energy_wh, 0), ' Wh, ',
            coalesce(parts.seconds, 0), ' s') AS expected,
        concat(coalesce(said.sessions, 0), ' sessions, ', coalesce(said.energy_wh, 0), ' Wh, ',
            coalesce(said.seconds, 0), ' s') AS found,
        jsonb_build_object('site_id', site_id) AS evidence
    FROM said FULL JOIN parts USING (level, site_id, bucket, what, part)
    WHERE (coalesce(said.sessions, 0), coalesce(said.energy_wh, 0), coalesce(said.seconds, 0))
        <> (coalesce(parts.sessions, 0), coalesce(parts.energy_wh, 0), coalesce(parts.seconds, 0))
) f ON true;

-- name: visit_sale
-- What sessions were priced at: days against what is counted of each, months against their days.
WITH span AS (
    SELECT book_day(:from_at::timestamptz) AS low, book_day(:until_at::timestamptz) AS high,
        date_trunc('month', book_day(:from_at::timestamptz))::date AS month_low,
        (date_trunc('month', book_day(:until_at::timestamptz) - 1) + interval '1 month')::date AS month_high
), counted AS (
    SELECT v.* FROM visit v WHERE v.day >= (SELECT low FROM span) AND v.day < (SELECT high FROM span)
), said AS (
    SELECT t.* FROM visit_sale t, span
    WHERE level = 'day' AND bucket >= low AND bucket < high
        OR level = 'month' AND bucket >= month_low AND bucket < month_high
), parts AS (
    SELECT 'day' AS level, o.site_id, c.day AS bucket, c.channel, c.currency, count(*) AS sessions,
        sum(c.gross)::bigint AS gross
    FROM counted c CROSS JOIN LATERAL (VALUES (0), (c.site_id)) o (site_id)
    WHERE c.currency IS NOT NULL GROUP BY 2, 3, 4, 5
    UNION ALL
    SELECT 'month', site_id, date_trunc('month', bucket)::date, channel, currency,
        sum(sessions)::bigint, sum(gross)::bigint
    FROM visit_sale, span WHERE level = 'day' AND bucket >= month_low AND bucket < month_high
    GROUP BY 2, 3, 4, 5
)
SELECT (SELECT count(*) FROM counted) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT concat_ws(' ', 'site', site_id, level, bucket, channel, currency) AS subject,
        book_time(bucket) AS at,
        concat(coalesce(parts.sessions, 0), ' sessions, ', coalesce(parts.gross, 0)) AS expected,
        concat(coalesce(said.sessions, 0), ' sessions, ', coalesce(said.gross, 0)) AS found,
        jsonb_build_object('site_id', site_id) AS evidence
    FROM said FULL JOIN parts USING (level, site_id, bucket, channel, currency)
    WHERE (coalesce(said.sessions, 0), coalesce(said.gross, 0))
        <> (coalesce(parts.sessions, 0), coalesce(parts.gross, 0))
) f ON true;

-- name: visitor_day
-- On which days somebody charged, against what is counted of each session.
WITH span AS (
    SELECT book_day(:from_at::timestamptz) AS low, book_day(:until_at::timestamptz) AS high
), said AS (
    SELECT d.* FROM visitor_day d
    WHERE d.day >= (SELECT low FROM span) AND d.day < (SELECT high FROM span)
), parts AS (
    SELECT v.who, o.site_id, v.day, count(*) AS sessions
    FROM visit v CROSS JOIN LATERAL (VALUES (0), (v.site_id)) o (site_id)
    WHERE v.day >= (SELECT low FROM span) AND v.day < (SELECT high FROM span) AND v.who IS NOT NULL
    GROUP BY 1, 2, 3
)
SELECT (SELECT coalesce(sum(sessions), 0) FROM parts)::bigint AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT concat_ws(' ', 'site', site_id, 'day', day, who) AS subject, book_time(day) AS at,
        coalesce(parts.sessions, 0) || ' sessions' AS expected,
        coalesce(said.sessions, 0) || ' sessions' AS found,
        jsonb_build_object('site_id', site_id) AS evidence
    FROM said FULL JOIN parts USING (who, site_id, day)
    WHERE coalesce(said.sessions, 0) <> coalesce(parts.sessions, 0)
) f ON true;

-- name: visitor_gap
-- How many came again after how long, against the days (months) on which each of them charged.
WITH span AS (
    SELECT book_day(:from_at::timestamptz) AS low, book_day(:until_at::timestamptz) AS high,
        date_trunc('month', book_day(:from_at::timestamptz))::date AS month_low,
        (date_trunc('month', book_day(:until_at::timestamptz) - 1) + interval '1 month')::date AS month_high
), said AS (
    SELECT g.* FROM visitor_gap g WHERE level = 'day'
        AND bucket >= (SELECT low FROM span) AND bucket < (SELECT high FROM span)
    UNION ALL
    SELECT g.* FROM visitor_gap g WHERE level = 'month'
        AND bucket >= (SELECT month_low FROM span) AND bucket < (SELECT month_high FROM span)
), came AS (
    SELECT 'day' AS level, d.who, d.site_id, d.day AS bucket FROM visitor_day d
    WHERE d.day >= (SELECT low FROM span) AND d.day < (SELECT high FROM span)
    UNION ALL
    SELECT DISTINCT 'month', d.who, d.site_id, date_trunc('month', d.day)::date FROM visitor_day d
    WHERE d.day >= (SELECT month_low FROM span) AND d.day < (SELECT month_high FROM span)
), parts AS (
    SELECT c.level, c.site_id, c.bucket, coalesce(CASE c.level WHEN 'day' THEN p.day
        ELSE date_trunc('month', p.day)::date END, '-infinity') AS previous, count(*) AS users
    FROM came c CROSS JOIN LATERAL (SELECT max(d.day) AS day FROM visitor_day d
        WHERE d.who = c.who AND d.site_id = c.site_id AND d.day < c.bucket) p
    GROUP BY 1, 2, 3, 4
)
SELECT (SELECT count(*) FROM came) AS checked, f.*
FROM (SELECT) one LEFT JOIN (
    SELECT concat_ws(' ', 'site', site_id, level, bucket, 'after',
            CASE WHEN isfinite(previous) THEN previous::text ELSE 'none' END) AS subject,
        book_time(bucket) AS at, coalesce(parts.users, 0) || ' users' AS expected,
        coalesce(said.users, 0) || ' users' AS found,
        jsonb_build_object('site_id', site_id) AS evidence
    FROM said FULL JOIN parts USING (level, site_id, bucket, previous)
    WHERE coalesce(said.users, 0) <> coalesce(parts.users, 0)
) f ON true;
