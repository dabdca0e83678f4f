-- The load of sites: energy per quarter and the fullest quarter of a day, so that a year of all sites
-- against their grid connections costs what a year of one does.
--
-- Aggregates never join, and a site is made of the stations that stand there now: these are tables
-- that refresh_rollups counts anew from energy_15min, for the time it refreshes and for stations that
-- have moved, and up to half an hour ago every few minutes. Newer quarters are added when reading.
-- Site 0 is the whole fleet, stations without a site included.

CREATE TABLE rollup.site_15min (
    bucket    timestamptz NOT NULL,
    energy_wh bigint NOT NULL,
    site_id   integer NOT NULL,
    PRIMARY KEY (site_id, bucket) INCLUDE (energy_wh)  -- a site's year lies together in it
) WITH (fillfactor = 70);
COMMENT ON TABLE rollup.site_15min IS 'Quarters of each site before the watermark; read energy_site_15min.';
CREATE TABLE rollup.site_day (
    bucket    timestamptz NOT NULL,
    energy_wh bigint NOT NULL,
    peak_wh   bigint NOT NULL,
    peak_at   timestamptz NOT NULL,
    site_id   integer NOT NULL,
    PRIMARY KEY (site_id, bucket)
) WITH (fillfactor = 50);
COMMENT ON TABLE rollup.site_day IS 'Days of those quarters and the fullest of them; read energy_site_day.';
CREATE TABLE rollup.site_load (
    bucket    timestamptz NOT NULL,      -- a month
    energy_wh bigint NOT NULL,
    site_id   integer NOT NULL,
    quarter   smallint NOT NULL,         -- of the day, 0 to 95, by the operator's clock
    PRIMARY KEY (site_id, bucket, quarter)
) WITH (fillfactor = 50);
COMMENT ON TABLE rollup.site_load IS 'Those quarters by month and quarter of the day; read energy_site_load.';
CREATE TABLE rollup.site_moved (station_id text NOT NULL, from_site integer, to_site integer);
COMMENT ON TABLE rollup.site_moved IS 'Stations whose past rollup.site_15min still counts where they stood.';
CREATE TABLE rollup.site_counted (until_at timestamptz NOT NULL);   -- beginning of a quarter
COMMENT ON TABLE rollup.site_counted IS 'Up to when rollup.site_15min holds what energy_15min does.';
INSERT INTO rollup.site_counted VALUES ('-infinity');

-- Logged whether anything is counted of it yet or not: somebody may be writing its first readings.
CREATE FUNCTION rollup.station_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup.site_moved (station_id, from_site, to_site)
    VALUES (coalesce(NEW.station_id, OLD.station_id), OLD.site_id, NEW.site_id);
    RETURN NULL;
END $$;
CREATE TRIGGER load_station_came AFTER INSERT ON station FOR EACH ROW
    WHEN (NEW.site_id IS NOT NULL) EXECUTE FUNCTION rollup.station_moved();
CREATE TRIGGER load_station_moved AFTER UPDATE OF site_id ON station FOR EACH ROW
    WHEN (OLD.site_id IS DISTINCT FROM NEW.site_id) EXECUTE FUNCTION rollup.station_moved();
CREATE TRIGGER load_station_went AFTER DELETE ON station FOR EACH ROW
    WHEN (OLD.site_id IS NOT NULL) EXECUTE FUNCTION rollup.station_moved();

CREATE FUNCTION rollup.quarter_of(at timestamptz) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (date_part('epoch', at AT TIME ZONE {{time_zone}})::bigint % 86400 / 900)::smallint;

-- What rollup.site_15min does not hold yet.
CREATE VIEW rollup.site_rest AS
SELECT s.site_id, e.bucket, e.energy_wh FROM energy_15min e JOIN station s USING (station_id)
WHERE s.site_id IS NOT NULL AND e.bucket >= (SELECT until_at FROM rollup.site_counted)
UNION ALL
SELECT 0, bucket, energy_wh FROM energy_15min
WHERE bucket >= (SELECT until_at FROM rollup.site_counted);

CREATE VIEW energy_site_15min AS
SELECT site_id, bucket, sum(energy_wh)::bigint AS energy_wh
FROM (
    SELECT site_id, bucket, energy_wh FROM rollup.site_15min
    UNION ALL SELECT site_id, bucket, energy_wh FROM rollup.site_rest
) parts
GROUP BY site_id, bucket HAVING sum(energy_wh) <> 0;
COMMENT ON VIEW energy_site_15min IS 'Energy per quarter of an hour of the stations that stand at a site (0: of all stations); energy_wh x 4 is its mean load in W.';

CREATE VIEW energy_site_day AS
SELECT site_id, bucket, energy_wh, peak_wh, peak_at FROM rollup.site_day
WHERE bucket < (SELECT date_trunc('day', until_at, {{time_zone}}) FROM rollup.site_counted)
    AND (energy_wh <> 0 OR peak_wh <> 0)
UNION ALL
SELECT site_id, date_trunc('day', bucket, {{time_zone}}), sum(energy_wh)::bigint, max(energy_wh),
    (array_agg(bucket ORDER BY energy_wh DESC, bucket))[1]
FROM energy_site_15min
WHERE bucket >= (SELECT date_trunc('day', until_at, {{time_zone}}) FROM rollup.site_counted)
GROUP BY 1, 2;
COMMENT ON VIEW energy_site_day IS 'Energy per day of a site, and its fullest quarter: peak_wh x 4 is the largest mean load in W, informative.';

CREATE VIEW energy_site_load AS
SELECT site_id, bucket, quarter, sum(energy_wh)::bigint AS energy_wh
FROM (
    SELECT site_id, bucket, quarter, energy_wh FROM rollup.site_load
    UNION ALL
    SELECT site_id, date_trunc('month', bucket, {{time_zone}}), rollup.quarter_of(bucket), energy_wh
    FROM rollup.site_rest
) parts
GROUP BY site_id, bucket, quarter HAVING sum(energy_wh) <> 0;
COMMENT ON VIEW energy_site_load IS 'Energy per month and quarter of the day (0 to 95, by the operator''s clock) of a site; 0: of all stations.';

-- Count some sites (null: all) anew between two quarters.
CREATE FUNCTION rollup.count_sites(site_ids integer[], low timestamptz, high timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM rollup.site_15min
    WHERE bucket >= low AND bucket < high AND (site_ids IS NULL OR site_id = ANY (site_ids));
    INSERT INTO rollup.site_15min (bucket, energy_wh, site_id)
    SELECT e.bucket, sum(e.energy_wh)::bigint, s.site_id
    FROM energy_15min e JOIN station s USING (station_id)
    WHERE e.bucket >= low AND e.bucket < high AND s.site_id IS NOT NULL
        AND (site_ids IS NULL OR s.site_id = ANY (site_ids))
    GROUP BY s.site_id, e.bucket
    UNION ALL
    SELECT bucket, sum(energy_wh)::bigint, 0 FROM energy_15min
    WHERE site_ids IS NULL AND bucket >= low AND bucket < high GROUP BY bucket;
    DELETE FROM rollup.site_day
    WHERE bucket >= date_trunc('day', low, {{time_zone}}) AND bucket < high
        AND (site_ids IS NULL OR site_id = ANY (site_ids));
    INSERT INTO rollup.site_day (bucket, energy_wh, peak_wh, peak_at, site_id)
    SELECT date_trunc('day', bucket, {{time_zone}}), sum(energy_wh)::bigint, max(energy_wh),
        (array_agg(bucket ORDER BY energy_wh DESC, bucket))[1], site_id
    FROM rollup.site_15min
    WHERE bucket >= date_trunc('day', low, {{time_zone}}) AND bucket < (date_trunc('day',
            high AT TIME ZONE {{time_zone}}) + interval '1 day') AT TIME ZONE {{time_zone}}
        AND (site_ids IS NULL OR site_id = ANY (site_ids))
    GROUP BY 1, site_id
    ON CONFLICT (site_id, bucket) DO UPDATE SET energy_wh = excluded.energy_wh,
        peak_wh = excluded.peak_wh, peak_at = excluded.peak_at;
    DELETE FROM rollup.site_load
    WHERE bucket >= date_trunc('month', low, {{time_zone}}) AND bucket < high
        AND (site_ids IS NULL OR site_id = ANY (site_ids));
    INSERT INTO rollup.site_load (bucket, energy_wh, site_id, quarter)
    SELECT date_trunc('month', bucket, {{time_zone}}), sum(energy_wh)::bigint, site_id,
        rollup.quarter_of(bucket)
    FROM rollup.site_15min
    WHERE bucket >= date_trunc('month', low, {{time_zone}}) AND bucket < (date_trunc('month',
            high AT TIME ZONE {{time_zone}}) + interval '1 month') AT TIME ZONE {{time_zone}}
        AND (site_ids IS NULL OR site_id = ANY (site_ids))
    GROUP BY 1, 3, 4
    ON CONFLICT (site_id, bucket, quarter) DO UPDATE SET energy_wh = excluded.energy_wh;
END $$;

-- Bring the sites up to date between two instants, without a hole behind what was counted before.
CREATE FUNCTION rollup.refresh_sites(from_at timestamptz, to_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    counted timestamptz;
    moved integer[];
    high timestamptz := least(time_bucket('15 minutes', to_at) + interval '15 minutes',
        time_bucket('15 minutes', now()));
BEGIN
    SELECT until_at INTO STRICT counted FROM rollup.site_counted FOR UPDATE;
    WITH gone AS (DELETE FROM rollup.site_moved RETURNING *)
    SELECT array_agg(DISTINCT site_id) INTO moved
    FROM gone CROSS JOIN LATERAL (VALUES (from_site), (to_site)) m (site_id)
    WHERE site_id IS NOT NULL
        AND EXISTS (SELECT FROM energy_15min e WHERE e.station_id = gone.station_id);
    IF moved IS NOT NULL THEN
        PERFORM rollup.count_sites(moved, '-infinity', counted);
    END IF;
    IF least(from_at, counted) < high THEN
        PERFORM rollup.count_sites(NULL, CASE WHEN from_at < counted
            THEN time_bucket('15 minutes', from_at) ELSE counted END, high);
        UPDATE rollup.site_counted SET until_at = high WHERE until_at < high;
    END IF;
END $$;

-- As in 0034_fleet, and the sites'.
CREATE OR REPLACE PROCEDURE refresh_rollups(from_at timestamptz, to_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    zone constant text := {{time_zone}};
    kept timestamptz;
    low timestamptz;
    high timestamptz;
BEGIN
    IF from_at IS NULL OR to_at IS NULL THEN
        RAISE 'refresh_rollups needs both ends';
    END IF;
    PERFORM rollup.fold_sessions();
    COMMIT;
    from_at := greatest(from_at, timestamptz '2000-01-01 00:00+00');
    to_at := least(to_at, now());
    SELECT kept_from INTO kept FROM retention WHERE relation = 'meter_value';

    low := greatest(time_bucket('15 minutes', from_at), kept);
    high := least(time_bucket('15 minutes', to_at) + interval '15 minutes',
        time_bucket('15 minutes', now()));
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_15min', low, high);
        COMMIT;
    END IF;
    low := time_bucket('15 minutes', from_at);
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_fleet_15min', low, high);
        COMMIT;
    END IF;
    PERFORM rollup.refresh_sites(from_at, to_at);
    COMMIT;

    low := time_bucket('1 hour', from_at);
    high := least(time_bucket('1 hour', to_at) + interval '1 hour', time_bucket('1 hour', now()));
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_hour', low, high);
        COMMIT;
    END IF;

    -- a day is added on the wall clock: some days have 23 or 25 hours
    low := date_trunc('day', from_at, zone);
    high := least((date_trunc('day', to_at AT TIME ZONE zone) + interval '1 day') AT TIME ZONE zone,
        date_trunc('day', now(), zone));
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_day', low, high, force => true);
        COMMIT;
        CALL refresh_continuous_aggregate('energy_fleet_day', low, high, force => true);
        COMMIT;
    END IF;

    low := date_trunc('month', from_at, zone);
    high := least((date_trunc('month', to_at AT TIME ZONE zone) + interval '1 month')
        AT TIME ZONE zone, date_trunc('month', now(), zone));
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_month', low, high, force => true);
        COMMIT;
    END IF;
END $$;

-- As in 0034_fleet, and: sites follow half an hour behind, and stations that have moved at once.
CREATE OR REPLACE PROCEDURE process_refresh_requests()
LANGUAGE plpgsql AS $$
DECLARE
    zone constant text := {{time_zone}};
    ended constant timestamptz := date_trunc('day', now() - interval '20 minutes', zone);
    behind constant timestamptz := time_bucket('15 minutes', now() - interval '30 minutes');
    taken bigint[];
    span record;
BEGIN
    PERFORM rollup.fold_sessions();
    SELECT array_agg(request_id) INTO taken FROM rollup_refresh_request;
    FOR span IN
        SELECT min(from_at) AS from_at, max(to_at) AS to_at
        FROM (SELECT *, count(*) FILTER (WHERE is_apart) OVER (ORDER BY from_at, request_id) AS part
            FROM (SELECT *, from_at > max(to_at) OVER (ORDER BY from_at, request_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + interval '1 day' AS is_apart
                FROM rollup_refresh_request WHERE request_id = ANY (taken)) r) p
        GROUP BY part
        UNION ALL
        SELECT until_at - interval '1 day', ended FROM rollup.closed WHERE until_at < ended
    LOOP
        CALL refresh_rollups(span.from_at, span.to_at);
    END LOOP;
    IF EXISTS (SELECT FROM rollup.site_moved)
        OR EXISTS (SELECT FROM rollup.site_counted WHERE until_at < behind - interval '15 minutes') THEN
        PERFORM rollup.refresh_sites(behind, behind - interval '15 minutes');
        COMMIT;
    END IF;
    UPDATE rollup.closed SET until_at = ended WHERE until_at < ended;
    DELETE FROM rollup_refresh_request WHERE request_id = ANY (taken);
END $$;
