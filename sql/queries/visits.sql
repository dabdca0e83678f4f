-- Drivers: how many there were, how long and how much they charged, from what fold_visits() counted.
-- Days are dates of the operator's zone, until_day is the first one after the period; scope is a
-- site's number, 0 for all sites, -1 for sessions without a site.

-- name: totals
-- Ended sessions of a period by length, energy, hour of day and channel.
SELECT t.what, t.part, sum(t.sessions)::bigint AS sessions, sum(t.energy_wh)::bigint AS energy_wh,
    sum(t.seconds)::bigint AS seconds
FROM visit_parts(:first_day, :until_day) p
JOIN visit_total t ON t.level = p.level AND t.site_id = :scope
    AND t.bucket >= p.first AND t.bucket < p.until
GROUP BY t.what, t.part;

-- name: sales
-- What the sessions of a period were priced at, per channel and currency; minor units.
SELECT t.channel, t.currency, sum(t.sessions)::bigint AS sessions, sum(t.gross)::bigint AS gross
FROM visit_parts(:first_day, :until_day) p
JOIN visit_sale t ON t.level = p.level AND t.site_id = :scope
    AND t.bucket >= p.first AND t.bucket < p.until
GROUP BY t.channel, t.currency ORDER BY t.currency, t.channel;

-- name: sites
-- Ended sessions of a period at each site.
SELECT t.site_id, site.name, sum(t.sessions)::bigint AS sessions,
    sum(t.energy_wh)::bigint AS energy_wh, sum(t.seconds)::bigint AS seconds
FROM visit_parts(:first_day, :until_day) p
JOIN visit_total t ON t.level = p.level AND t.bucket >= p.first AND t.bucket < p.until
LEFT JOIN site ON site.site_id = t.site_id
WHERE t.what = 'channel' AND t.site_id <> 0
GROUP BY t.site_id, site.name HAVING sum(t.sessions) <> 0;

-- name: users^
-- Distinct users of a period, and those of them who never came before it. See visitor_gap: days at
-- the ends, whole months between, and who came last within the first month but before the period.
SELECT coalesce(sum(users), 0)::bigint AS users,
    coalesce(sum(users) FILTER (WHERE previous = '-infinity'), 0)::bigint AS new_users
FROM (
    SELECT g.users, g.previous
    FROM visit_parts(:first_day, :until_day) p
    JOIN visitor_gap g ON g.level = p.level AND g.site_id = :scope
        AND g.bucket >= p.first AND g.bucket < p.until
    WHERE g.previous < CASE p.level WHEN 'day' THEN :first_day::date
        ELSE :first_day::date - extract(day FROM :first_day::date)::integer + 1 END
    UNION ALL
    SELECT g.users, g.previous
    FROM visit_parts(:first_day, :until_day) p
    JOIN visitor_gap g ON g.level = 'day' AND g.site_id = :scope
        AND g.previous >= :first_day::date - extract(day FROM :first_day::date)::integer + 1
        AND g.previous < :first_day::date AND g.bucket >= p.first AND g.bucket < p.until
    WHERE p.level = 'month'
) parts;

-- name: users_by_site
-- The same of each site: who is new is new at that site.
SELECT site_id, sum(users)::bigint AS users,
    coalesce(sum(users) FILTER (WHERE previous = '-infinity'), 0)::bigint AS new_users
FROM (
    SELECT g.site_id, g.users, g.previous
    FROM visit_parts(:first_day, :until_day) p
    JOIN visitor_gap g ON g.level = p.level AND g.bucket >= p.first AND g.bucket < p.until
    WHERE g.previous < CASE p.level WHEN 'day' THEN :first_day::date
        ELSE :first_day::date - extract(day FROM :first_day::date)::integer + 1 END
    UNION ALL
    SELECT g.site_id, g.users, g.previous
    FROM visit_parts(:first_day, :until_day) p
    JOIN visitor_gap g ON g.level = 'day' AND g.bucket >= p.first AND g.bucket < p.until
        AND g.previous >= :first_day::date - extract(day FROM :first_day::date)::integer + 1
        AND g.previous < :first_day::date
    WHERE p.level = 'month'
) parts
WHERE site_id <> 0 GROUP BY site_id;

-- name: buckets
-- Users per day or month of a period, and those who came for the first time then.
SELECT bucket, sum(users)::bigint AS users,
    coalesce(sum(users) FILTER (WHERE previous = '-infinity'), 0)::bigint AS new_users
FROM visitor_gap
WHERE level = :level AND site_id = :scope AND bucket >= :first_day AND bucket < :until_day
GROUP BY bucket ORDER BY bucket;

-- name: session_buckets
-- Ended sessions per day or month of a period.
SELECT bucket, sum(sessions)::bigint AS sessions, sum(energy_wh)::bigint AS energy_wh
FROM visit_total
WHERE level = :level AND site_id = :scope AND bucket >= :first_day AND bucket < :until_day
    AND what = 'channel'
GROUP BY bucket ORDER BY bucket;

-- name: waiting$
-- How many changes are not counted yet; at most a thousand are looked at.
SELECT count(*) FROM (SELECT FROM visit_change LIMIT 1000) w;

-- name: since$
-- The first day that sessions are counted from.
SELECT min(bucket) FROM visit_total WHERE level = 'month' AND site_id = 0;
