-- What is behind one hour of the week, for the page Utilisation: its dates, one by one.

-- name: fleet_hour
-- Seconds of the whole fleet in one hour of the week (weekday 1 is Monday), date by date.
SELECT bucket, sum(seconds)::bigint AS seconds,
    coalesce(sum(seconds) FILTER (WHERE state IN ('preparing', 'charging', 'suspended',
        'finished')), 0)::bigint AS occupied,
    coalesce(sum(seconds) FILTER (WHERE state = 'charging'), 0)::bigint AS charging,
    coalesce(sum(seconds) FILTER (WHERE state IN ('suspended', 'finished')), 0)::bigint AS idle
FROM state_fleet_hour
CROSS JOIN LATERAL (SELECT bucket AT TIME ZONE (SELECT time_zone FROM installation) AS local) l
WHERE bucket >= :start AND bucket < :end
    AND extract(isodow FROM local) = :weekday AND extract(hour FROM local) = :hour
GROUP BY bucket ORDER BY bucket DESC;

-- name: hour
-- The same of single evses, from the facts themselves: none of them crosses a midnight.
SELECT bucket, sum(part)::bigint AS seconds,
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
WHERE extract(isodow FROM local) = :weekday AND extract(hour FROM local) = :hour
GROUP BY bucket ORDER BY bucket DESC;
