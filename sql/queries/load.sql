-- Mean power by quarter of an hour, from the rollups of 15 minutes: of a site (site_id; 0 is the whole
-- fleet) or of single evses (evse_keys). Energy of a quarter x 4 is its mean power in W.

-- name: quarters
-- Energy by quarter of the day (0 to 95, by the operator's clock) between two midnights: whole months
-- from their rows, the days beside them added or taken off (see uptime.sql).
SELECT quarter, sum(energy_wh)::bigint AS energy_wh
FROM (
    SELECT quarter, energy_wh FROM energy_site_load
    WHERE :evse_keys::integer[] IS NULL AND site_id = :site_id::integer
        AND bucket >= :months_from AND bucket < :months_until
    UNION ALL
    SELECT rollup.quarter_of(bucket), :head_sign::integer * energy_wh FROM energy_site_15min
    WHERE :evse_keys::integer[] IS NULL AND site_id = :site_id::integer
        AND bucket >= :head_from AND bucket < :head_until
    UNION ALL
    SELECT rollup.quarter_of(bucket), :tail_sign::integer * energy_wh FROM energy_site_15min
    WHERE :evse_keys::integer[] IS NULL AND site_id = :site_id::integer
        AND bucket >= :tail_from AND bucket < :tail_until
    UNION ALL
    SELECT rollup.quarter_of(bucket), energy_wh FROM energy_15min
    WHERE :evse_keys::integer[] IS NOT NULL AND evse_key = ANY(:evse_keys)
        AND bucket >= :start AND bucket < :end
) parts
GROUP BY quarter HAVING sum(energy_wh) <> 0 ORDER BY quarter;

-- name: fullest^
-- The fullest quarter between two midnights; the earliest of equals.
SELECT peak_wh, peak_at
FROM (
    SELECT peak_wh, peak_at FROM energy_site_day
    WHERE :evse_keys::integer[] IS NULL AND site_id = :site_id::integer
        AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT sum(energy_wh)::bigint, bucket FROM energy_15min
    WHERE :evse_keys::integer[] IS NOT NULL AND evse_key = ANY(:evse_keys)
        AND bucket >= :start AND bucket < :end
    GROUP BY bucket
) parts
WHERE peak_wh > 0
ORDER BY peak_wh DESC, peak_at LIMIT 1;

-- name: day
-- The quarters of one day, between two midnights.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh
FROM (
    SELECT bucket, energy_wh FROM energy_site_15min
    WHERE :evse_keys::integer[] IS NULL AND site_id = :site_id::integer
        AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT bucket, energy_wh FROM energy_15min
    WHERE :evse_keys::integer[] IS NOT NULL AND evse_key = ANY(:evse_keys)
        AND bucket >= :start AND bucket < :end
) parts
GROUP BY bucket ORDER BY bucket;

-- name: since$
-- The first day with energy.
SELECT CASE WHEN :evse_keys::integer[] IS NULL
    THEN (SELECT min(bucket) FROM energy_site_day
        WHERE site_id = :site_id::integer AND energy_wh <> 0)
    ELSE (SELECT min(bucket) FROM energy_day
        WHERE evse_key = ANY(:evse_keys) AND energy_wh <> 0) END;

-- name: sites
-- Every site that has stations (or one): its energy and fullest quarter between two midnights, what
-- its grid connection takes, and what its evses are rated at together.
SELECT s.site_id, s.name, s.grid_limit_w, r.rating_w, r.evses, coalesce(p.energy_wh, 0) AS energy_wh,
    coalesce(p.peak_wh, 0) AS peak_wh, p.peak_at
FROM site s
JOIN (
    SELECT t.site_id, sum(e.max_power_w)::bigint AS rating_w, count(*) AS evses
    FROM station t JOIN evse e USING (station_id) GROUP BY t.site_id
) r USING (site_id)
LEFT JOIN (
    SELECT site_id, sum(energy_wh)::bigint AS energy_wh, max(peak_wh) AS peak_wh,
        (array_agg(peak_at ORDER BY peak_wh DESC, peak_at))[1] AS peak_at
    FROM energy_site_day
    WHERE bucket >= :start AND bucket < :end
        AND (:site_id::integer IS NULL OR site_id = :site_id)
    GROUP BY site_id
) p USING (site_id)
WHERE :site_id::integer IS NULL OR s.site_id = :site_id
ORDER BY coalesce(p.peak_wh, 0)::float8 / s.grid_limit_w DESC NULLS LAST, p.peak_wh DESC NULLS LAST,
    s.site_id;

-- name: rating$
-- What the evses of the fleet, a site or a list are rated at together, in W.
SELECT coalesce(sum(e.max_power_w), 0)::bigint
FROM evse e JOIN station s USING (station_id)
WHERE (:site_id::integer = 0 OR s.site_id = :site_id OR :evse_keys::integer[] IS NOT NULL)
    AND (:evse_keys::integer[] IS NULL OR e.evse_key = ANY(:evse_keys));

-- name: grid_limit$
-- What the grid connection of a site takes, in W.
SELECT grid_limit_w FROM site WHERE site_id = :site_id;
