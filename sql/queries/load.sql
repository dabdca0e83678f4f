-- Mean power by quarter of an hour, from the rollups of 15 minutes: of the whole fleet, a site
-- (site_id) or single evses (evse_keys). Energy of a quarter x 4 is its mean power in W.

-- name: quarters
-- Energy by quarter of the day (0 to 95, by the operator's clock) between two midnights, and the
-- fullest one of each with the beginning of it, in seconds.
SELECT quarter, sum(energy_wh)::bigint AS energy_wh, (max(fullest))[1] AS peak_wh,
    -(max(fullest))[2] AS peak_epoch
FROM (
    SELECT (extract(hour FROM local) * 4 + extract(minute FROM local)::integer / 15)::integer
        AS quarter, energy_wh, ARRAY[energy_wh, -extract(epoch FROM bucket)::bigint] AS fullest
    FROM (
        SELECT bucket, energy_wh, bucket AT TIME ZONE (SELECT time_zone FROM installation) AS local
        FROM (
            SELECT bucket, energy_wh FROM energy_fleet_15min
            WHERE :site_id::integer IS NULL AND :evse_keys::integer[] IS NULL
                AND bucket >= :start AND bucket < :end
            UNION ALL
            SELECT bucket, energy_wh FROM energy_site_15min
            WHERE :site_id::integer IS NOT NULL AND :evse_keys::integer[] IS NULL
                AND site_id = :site_id AND bucket >= :start AND bucket < :end
            UNION ALL
            SELECT bucket, sum(energy_wh)::bigint FROM energy_15min
            WHERE :evse_keys::integer[] IS NOT NULL AND evse_key = ANY(:evse_keys)
                AND bucket >= :start AND bucket < :end
            GROUP BY bucket
        ) load
    ) clock
) placed
GROUP BY quarter ORDER BY quarter;

-- name: day
-- The quarters of one day, between two midnights.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh
FROM (
    SELECT bucket, energy_wh FROM energy_fleet_15min
    WHERE :site_id::integer IS NULL AND :evse_keys::integer[] IS NULL
        AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT bucket, energy_wh FROM energy_site_15min
    WHERE :site_id::integer IS NOT NULL AND :evse_keys::integer[] IS NULL
        AND site_id = :site_id AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT bucket, energy_wh FROM energy_15min
    WHERE :evse_keys::integer[] IS NOT NULL AND evse_key = ANY(:evse_keys)
        AND bucket >= :start AND bucket < :end
) parts
GROUP BY bucket ORDER BY bucket;

-- name: since$
-- The first day with energy of the fleet, a site or single evses.
SELECT CASE
    WHEN :evse_keys::integer[] IS NOT NULL THEN (SELECT min(bucket) FROM energy_day
        WHERE evse_key = ANY(:evse_keys) AND energy_wh <> 0)
    WHEN :site_id::integer IS NOT NULL THEN (SELECT min(bucket) FROM energy_site_day
        WHERE site_id = :site_id AND energy_wh <> 0)
    ELSE (SELECT min(bucket) FROM energy_fleet_day WHERE energy_wh <> 0) END;

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
WHERE (:site_id::integer IS NULL OR s.site_id = :site_id)
    AND (:evse_keys::integer[] IS NULL OR e.evse_key = ANY(:evse_keys));

-- name: grid_limit$
-- What the grid connection of a site takes, in W.
SELECT grid_limit_w FROM site WHERE site_id = :site_id;
