-- The load of sites: energy per quarter and the fullest quarter of a day, so that a year of all sites
-- against their grid connections costs what a year of one does.
--
-- As in 0034_fleet: before the watermark quarters are kept in a table, newer ones are added when
-- reading, and what comes late is logged by the statement that brings it and folded in by
-- refresh_rollups. Ordinary readings cost nothing more. A site is made of the stations that stand
-- there now: a station that moves takes its past along. Days follow the fold, within seconds.
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
CREATE TABLE rollup.site_change (
    bucket     timestamptz NOT NULL,
    energy_wh  bigint NOT NULL,
    station_id text NOT NULL
);
COMMENT ON TABLE rollup.site_change IS 'What came late and rollup.site_15min does not hold yet.';
CREATE TABLE rollup.site_moved (station_id text NOT NULL, from_site integer, to_site integer);
COMMENT ON TABLE rollup.site_moved IS 'Stations whose past rollup.site_15min still counts where they stood.';

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

-- As in 0034_fleet, and: what comes late is logged for the sites, too.
CREATE OR REPLACE FUNCTION meter_value_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    oldest timestamptz;
    mark rollup.watermark;
BEGIN
    -- sorted by key, so that two writers never wait for each other in a circle
    INSERT INTO energy_15min AS kept (bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w)
    SELECT date_bin('15 minutes', measured_at, timestamptz '2000-01-01 00:00+00'),
        evse_key, station_id, evse_id, coalesce(sum(energy_delta_wh), 0)::bigint,
        max(power_w) FILTER (WHERE flags IS NULL)
    FROM added WHERE evse_id > 0
    GROUP BY 1, 2, 3, 4 ORDER BY 2, 1, 3, 4
    ON CONFLICT (evse_key, bucket, station_id, evse_id) DO UPDATE SET
        energy_wh = kept.energy_wh + excluded.energy_wh,
        peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w);
    INSERT INTO energy_day AS kept (bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w)
    SELECT date_trunc('day', measured_at, {{time_zone}}),
        evse_key, station_id, evse_id, coalesce(sum(energy_delta_wh), 0)::bigint,
        max(power_w) FILTER (WHERE flags IS NULL)
    FROM added WHERE evse_id > 0
    GROUP BY 1, 2, 3, 4 ORDER BY 2, 1, 3, 4
    ON CONFLICT (evse_key, bucket, station_id, evse_id) DO UPDATE SET
        energy_wh = kept.energy_wh + excluded.energy_wh,
        peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w);

    SELECT min(measured_at) INTO oldest FROM added WHERE evse_id > 0;
    SELECT * INTO mark FROM rollup.watermark;
    IF oldest < mark.fleet_until THEN
        INSERT INTO rollup.fleet_change (bucket, energy_wh, peak_power_w)
        SELECT date_bin('15 minutes', measured_at, timestamptz '2000-01-01 00:00+00'),
            coalesce(sum(energy_delta_wh), 0)::bigint, max(power_w) FILTER (WHERE flags IS NULL)
        FROM added WHERE evse_id > 0 AND measured_at < mark.fleet_until GROUP BY 1;
        INSERT INTO rollup.site_change (bucket, energy_wh, station_id)
        SELECT date_bin('15 minutes', measured_at, timestamptz '2000-01-01 00:00+00'),
            coalesce(sum(energy_delta_wh), 0)::bigint, station_id
        FROM added WHERE evse_id > 0 AND measured_at < mark.fleet_until GROUP BY 1, 3;
    END IF;
    IF oldest < mark.month_until THEN
        INSERT INTO rollup.month_change
            (bucket, evse_key, station_id, evse_id, energy_wh, peak_power_w)
        SELECT date_trunc('month', measured_at, {{time_zone}}), evse_key, station_id, evse_id,
            coalesce(sum(energy_delta_wh), 0)::bigint, max(power_w) FILTER (WHERE flags IS NULL)
        FROM added WHERE evse_id > 0 AND measured_at < mark.month_until GROUP BY 1, 2, 3, 4;
    END IF;
    RETURN NULL;
END $$;

-- What rollup.site_15min does not hold yet.
CREATE VIEW rollup.site_rest AS
SELECT s.site_id, c.bucket, c.energy_wh FROM rollup.site_change c JOIN station s USING (station_id)
WHERE s.site_id IS NOT NULL
UNION ALL
SELECT 0, bucket, energy_wh FROM rollup.site_change
UNION ALL
SELECT s.site_id, e.bucket, e.energy_wh FROM energy_15min e JOIN station s USING (station_id)
WHERE s.site_id IS NOT NULL AND e.bucket >= (SELECT fleet_until FROM rollup.watermark)
UNION ALL
SELECT 0, bucket, energy_wh FROM energy_15min
WHERE bucket >= (SELECT fleet_until FROM rollup.watermark);

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
WHERE bucket < (SELECT date_trunc('day', fleet_until, {{time_zone}}) FROM rollup.watermark)
    AND (energy_wh <> 0 OR peak_wh <> 0)
UNION ALL
SELECT site_id, date_trunc('day', bucket, {{time_zone}}), sum(energy_wh)::bigint, max(energy_wh),
    (array_agg(bucket ORDER BY energy_wh DESC, bucket))[1]
FROM energy_site_15min
WHERE bucket >= (SELECT date_trunc('day', fleet_until, {{time_zone}}) FROM rollup.watermark)
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

-- Sum up days of sites anew from their quarters.
CREATE FUNCTION rollup.count_site_days(site_ids integer[], days timestamptz[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO rollup.site_day (bucket, energy_wh, peak_wh, peak_at, site_id)
    SELECT d.day, sum(q.energy_wh)::bigint, max(q.energy_wh),
        (array_agg(q.bucket ORDER BY q.energy_wh DESC, q.bucket))[1], d.site_id
    FROM unnest(site_ids, days) d (site_id, day)
    JOIN rollup.site_15min q ON q.site_id = d.site_id AND q.bucket >= d.day
        AND q.bucket < (d.day AT TIME ZONE {{time_zone}} + interval '1 day') AT TIME ZONE {{time_zone}}
    GROUP BY d.site_id, d.day ORDER BY d.site_id, d.day
    ON CONFLICT (site_id, bucket) DO UPDATE SET energy_wh = excluded.energy_wh,
        peak_wh = excluded.peak_wh, peak_at = excluded.peak_at;
$$;

-- Book what sites have got.
CREATE FUNCTION rollup.book_sites(site_ids integer[], buckets timestamptz[], energies bigint[])
RETURNS void LANGUAGE sql AS $$
    INSERT INTO rollup.site_load AS kept (bucket, energy_wh, site_id, quarter)
    SELECT date_trunc('month', bucket, {{time_zone}}), sum(energy_wh)::bigint, site_id,
        rollup.quarter_of(bucket)
    FROM unnest(site_ids, buckets, energies) c (site_id, bucket, energy_wh)
    GROUP BY 3, 1, 4 ORDER BY 3, 1, 4
    ON CONFLICT (site_id, bucket, quarter) DO UPDATE SET
        energy_wh = kept.energy_wh + excluded.energy_wh;
    INSERT INTO rollup.site_15min AS kept (bucket, energy_wh, site_id)
    SELECT bucket, energy_wh, site_id
    FROM unnest(site_ids, buckets, energies) c (site_id, bucket, energy_wh) ORDER BY 3, 1
    ON CONFLICT (site_id, bucket) DO UPDATE SET energy_wh = kept.energy_wh + excluded.energy_wh;
    SELECT rollup.count_site_days(array_agg(site_id), array_agg(day))
    FROM (SELECT DISTINCT site_id, date_trunc('day', bucket, {{time_zone}}) AS day
        FROM unnest(site_ids, buckets) c (site_id, bucket)) d;
$$;

-- Take in stations that have moved, and what came late. The past of a station leaves with what was
-- counted of it: what is still in the log is folded where it stands now. One statement, one
-- snapshot: a writer is wholly in it or not at all. The caller holds the lock of site_moved.
CREATE FUNCTION rollup.taken_changes(OUT sites integer[], OUT buckets timestamptz[],
    OUT energies bigint[]) LANGUAGE sql AS $$
    WITH moved AS (DELETE FROM rollup.site_moved RETURNING *), part AS (
        SELECT m.from_site, m.to_site, q.bucket, q.energy_wh
        FROM moved m JOIN energy_15min q USING (station_id)
        WHERE q.bucket < (SELECT fleet_until FROM rollup.watermark)
        UNION ALL
        SELECT m.from_site, m.to_site, c.bucket, -c.energy_wh
        FROM moved m JOIN rollup.site_change c USING (station_id)
    ), late AS (DELETE FROM rollup.site_change RETURNING *), changes AS (
        SELECT site_id, bucket, sum(energy_wh)::bigint AS energy_wh
        FROM (
            SELECT from_site AS site_id, bucket, -energy_wh AS energy_wh FROM part
            UNION ALL SELECT to_site, bucket, energy_wh FROM part
            UNION ALL SELECT s.site_id, bucket, energy_wh FROM late JOIN station s USING (station_id)
            UNION ALL SELECT 0, bucket, energy_wh FROM late
        ) all_of_them
        WHERE site_id IS NOT NULL GROUP BY site_id, bucket
    )
    SELECT array_agg(site_id), array_agg(bucket), array_agg(energy_wh) FROM changes;
$$;
CREATE FUNCTION rollup.fold_sites() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM rollup.site_moved) AND NOT EXISTS (SELECT FROM rollup.site_change) THEN
        RETURN;
    END IF;
    PERFORM rollup.book_sites(c.sites, c.buckets, c.energies) FROM rollup.taken_changes() c;
END $$;

-- Energy per quarter of every site, and of all stations, between two quarters.
CREATE FUNCTION rollup.sums_of_sites(low timestamptz, high timestamptz)
RETURNS TABLE (site_id integer, bucket timestamptz, energy_wh bigint) LANGUAGE sql STABLE AS $$
    SELECT s.site_id, e.bucket, sum(e.energy_wh)::bigint
    FROM energy_15min e JOIN station s USING (station_id)
    WHERE e.bucket >= low AND e.bucket < high AND s.site_id IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT 0, e.bucket, sum(e.energy_wh)::bigint FROM energy_15min e
    WHERE e.bucket >= low AND e.bucket < high GROUP BY 2
$$;

-- As in 0034_fleet, and the sites'. The caller holds both locks.
CREATE OR REPLACE FUNCTION rollup.advance(fleet_to timestamptz, month_to timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    mark rollup.watermark;
BEGIN
    SELECT * INTO STRICT mark FROM rollup.watermark FOR UPDATE;
    PERFORM rollup.fold_sites();
    IF mark.fleet_until < fleet_to THEN
        WITH fresh AS (
            SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
            FROM energy_15min WHERE bucket >= mark.fleet_until AND bucket < fleet_to GROUP BY 1
        ), quarter AS (
            INSERT INTO rollup.fleet_15min AS kept SELECT * FROM fresh ORDER BY bucket
            ON CONFLICT (bucket) DO UPDATE SET energy_wh = kept.energy_wh + excluded.energy_wh,
                peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w)
        )
        INSERT INTO rollup.fleet_day AS kept
        SELECT date_trunc('day', bucket, {{time_zone}}), sum(energy_wh)::bigint, max(peak_power_w)
        FROM fresh GROUP BY 1 ORDER BY 1
        ON CONFLICT (bucket) DO UPDATE SET energy_wh = kept.energy_wh + excluded.energy_wh,
            peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w);

        PERFORM rollup.book_sites(array_agg(site_id), array_agg(bucket), array_agg(energy_wh))
        FROM rollup.sums_of_sites(mark.fleet_until, fleet_to);
    END IF;
    IF mark.month_until < month_to THEN
        INSERT INTO rollup.month AS kept
        SELECT date_trunc('month', bucket, {{time_zone}}), sum(energy_wh)::bigint, evse_key,
            evse_id, max(peak_power_w), station_id
        FROM energy_day WHERE bucket >= mark.month_until AND bucket < month_to
        GROUP BY 1, evse_key, station_id, evse_id ORDER BY 1, evse_key, station_id, evse_id
        ON CONFLICT (bucket, evse_key, station_id, evse_id) DO UPDATE SET
            energy_wh = kept.energy_wh + excluded.energy_wh,
            peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w);
    END IF;
    UPDATE rollup.watermark SET fleet_until = greatest(fleet_until, fleet_to),
        month_until = greatest(month_until, month_to);
END $$;

-- As in 0034_fleet, and: sites are folded, with stations held where they stand. Who can't have a
-- lock within 200 ms leaves it for the next call.
CREATE OR REPLACE PROCEDURE refresh_rollups(from_at timestamptz, to_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    zone constant text := {{time_zone}};
    mark rollup.watermark;
    low timestamptz;
    fleet_to timestamptz;
    month_to timestamptz;
BEGIN
    IF from_at IS NULL OR to_at IS NULL THEN
        RAISE 'refresh_rollups needs both ends';
    END IF;
    PERFORM rollup.fold_sessions();
    PERFORM rollup.fold();
    COMMIT;
    PERFORM set_config('lock_timeout', '200ms', true);
    BEGIN
        LOCK TABLE rollup.site_moved IN SHARE ROW EXCLUSIVE MODE;
    EXCEPTION WHEN lock_not_available THEN
        RETURN;
    END;
    PERFORM rollup.fold_sites();
    COMMIT;
    LOOP
        SELECT * INTO STRICT mark FROM rollup.watermark;
        fleet_to := date_bin('15 minutes', now() - interval '30 minutes',
            timestamptz '2000-01-01 00:00+00');
        month_to := date_trunc('day', now() - interval '1 hour', zone);
        EXIT WHEN mark.fleet_until > fleet_to - interval '30 minutes' AND mark.month_until >= month_to;
        low := greatest(least(mark.fleet_until, mark.month_until),
            (SELECT coalesce(min(bucket), now()) FROM energy_day)) + interval '31 days';
        fleet_to := least(fleet_to, date_bin('15 minutes', low, timestamptz '2000-01-01 00:00+00'));
        month_to := least(month_to, date_trunc('day', low, zone));
        PERFORM set_config('lock_timeout', '200ms', true);
        BEGIN
            LOCK TABLE rollup.site_moved IN SHARE ROW EXCLUSIVE MODE;
            LOCK TABLE ONLY meter_value IN SHARE MODE;
        EXCEPTION WHEN lock_not_available THEN
            RETURN;
        END;
        PERFORM rollup.advance(fleet_to, month_to);
        COMMIT;
    END LOOP;
END $$;

-- What lies before the watermark already.
LOCK TABLE ONLY meter_value IN SHARE MODE;
SELECT rollup.book_sites(array_agg(site_id), array_agg(bucket), array_agg(energy_wh))
FROM rollup.sums_of_sites('-infinity', (SELECT fleet_until FROM rollup.watermark));
