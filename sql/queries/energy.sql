-- Energy per hour, day and month, always from the rollups: the fleet's own for all stations, so that
-- a year of a large network costs what a year of a small one does.

-- name: hours
-- Watt-hours per hour, of all stations or the given ones.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM (
    SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00+00') AS bucket, energy_wh,
        peak_power_w
    FROM energy_fleet_15min
    WHERE :station_ids::text[] IS NULL AND bucket >= :start
        AND bucket < :end::timestamptz + interval '1 hour'
    UNION ALL
    SELECT bucket, energy_wh, peak_power_w FROM energy_hour
    WHERE :station_ids::text[] IS NOT NULL AND bucket >= :start AND bucket < :end
        AND station_id = ANY(:station_ids)
) parts
WHERE bucket >= :start AND bucket < :end
GROUP BY bucket ORDER BY bucket;

-- name: days
-- Watt-hours per day in the operator's time zone.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM (
    SELECT bucket, energy_wh, peak_power_w FROM energy_fleet_day
    WHERE :station_ids::text[] IS NULL AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT bucket, energy_wh, peak_power_w FROM energy_day
    WHERE :station_ids::text[] IS NOT NULL AND bucket >= :start AND bucket < :end
        AND station_id = ANY(:station_ids)
) parts
GROUP BY bucket ORDER BY bucket;

-- name: months
-- Watt-hours per month in the operator's time zone.
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM (
    SELECT book_time(date_trunc('month', book_day(bucket))::date) AS bucket, energy_wh, peak_power_w
    FROM energy_fleet_day
    WHERE :station_ids::text[] IS NULL AND bucket >= :start
        AND bucket < :end::timestamptz + interval '1 month'
    UNION ALL
    SELECT bucket, energy_wh, peak_power_w FROM energy_month
    WHERE :station_ids::text[] IS NOT NULL AND bucket >= :start AND bucket < :end
        AND station_id = ANY(:station_ids)
) parts
WHERE bucket >= :start AND bucket < :end
GROUP BY bucket ORDER BY bucket;

-- name: by_station
-- Watt-hours per station and site, between two midnights. A month from its row: the days of the
-- month that `start` is in are added, those of the last one after `end` (mostly none) taken off.
WITH part AS (
    SELECT station_id, energy_wh FROM energy_month
    WHERE bucket >= month_from(:start) AND bucket < :end
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
    UNION ALL
    SELECT station_id, energy_wh FROM energy_day
    WHERE bucket >= :start AND bucket < least(month_from(:start), :end)
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
    UNION ALL
    SELECT station_id, -energy_wh FROM energy_day
    WHERE bucket >= :end AND bucket < month_from(:end) AND month_from(:start) < :end
        AND (:station_ids::text[] IS NULL OR station_id = ANY(:station_ids))
)
SELECT d.station_id, site.name AS site, d.energy_wh
FROM (
    SELECT station_id, sum(energy_wh)::bigint AS energy_wh FROM part
    GROUP BY station_id HAVING sum(energy_wh) <> 0
) d
LEFT JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
ORDER BY energy_wh DESC, station_id;

-- name: sessions_begun$
-- Sessions that began between two midnights.
SELECT CASE WHEN :station_ids::text[] IS NULL THEN (
        SELECT coalesce(sum(sessions), 0)::bigint FROM session_fleet_day
        WHERE bucket >= :start AND bucket < :end)
    ELSE (
        SELECT count(*) FROM session
        WHERE started_at >= :start AND started_at < :end AND station_id = ANY(:station_ids))
    END;

-- name: complete_until$
-- Up to when the rollups hold every reading: now, unless late ones wait for their refresh.
SELECT coalesce(min(from_at), now()) FROM rollup_refresh_request;
