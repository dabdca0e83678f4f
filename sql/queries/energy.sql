-- Energy per hour, day and month, always from the rollups.

-- name: hours
-- Watt-hours per hour, of all stations or the given ones.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM energy_hour
WHERE bucket >= :start AND bucket < :end
    AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
GROUP BY bucket ORDER BY bucket;

-- name: days
-- Watt-hours per day in the operator's time zone.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM energy_day
WHERE bucket >= :start AND bucket < :end
    AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
GROUP BY bucket ORDER BY bucket;

-- name: months
-- Watt-hours per month in the operator's time zone.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM energy_month
WHERE bucket >= :start AND bucket < :end
    AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
GROUP BY bucket ORDER BY bucket;

-- name: by_station
-- Watt-hours per station and site, from the days between two midnights.
SELECT d.station_id, site.name AS site, sum(d.energy_wh)::bigint AS energy_wh
FROM energy_day d
LEFT JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
WHERE d.bucket >= :start AND d.bucket < :end
    AND (:station_ids::text[] IS NULL OR d.station_id = ANY(:station_ids))
GROUP BY d.station_id, site.name
HAVING sum(d.energy_wh) <> 0
ORDER BY energy_wh DESC;

-- name: sessions_begun$
-- Sessions that began in a period.
SELECT count(*) FROM session
WHERE started_at >= :start AND started_at < :end
    AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids));

-- name: complete_until$
-- Up to when the rollups hold every reading: now, unless late ones wait for their refresh.
SELECT coalesce(min(from_at), now()) FROM rollup_refresh_request;
