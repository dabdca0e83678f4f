-- Energy per quarter, hour, day and month. Quarters and days are tables which one trigger keeps
-- exact within the insert's own transaction; hours and months are views over them (four trigger
-- levels collapse while a long snapshot is open, two do not). Days and months begin in the
-- operator's time zone.
--
-- peak_power_w is informative: the highest power among unflagged readings.

CREATE TABLE energy_15min (
    bucket       timestamptz NOT NULL,
    energy_wh    bigint NOT NULL,
    evse_key     integer NOT NULL,
    evse_id      integer NOT NULL,
    peak_power_w real,
    station_id   text NOT NULL,
    PRIMARY KEY (evse_key, bucket, station_id, evse_id)
) WITH (fillfactor = 50);  -- room for updates in place: a row is rewritten all through its quarter
CREATE INDEX energy_15min_bucket ON energy_15min (bucket);
CREATE INDEX energy_15min_hour ON energy_15min
    (date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00+00'));  -- what energy_hour filters by

CREATE TABLE energy_day (LIKE energy_15min INCLUDING CONSTRAINTS, PRIMARY KEY (evse_key, bucket, station_id, evse_id))
    WITH (fillfactor = 50);
CREATE INDEX energy_day_bucket ON energy_day (bucket);
CREATE INDEX energy_day_month ON energy_day
    ((date_trunc('month', bucket AT TIME ZONE {{time_zone}}) AT TIME ZONE {{time_zone}}));

CREATE FUNCTION meter_value_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
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
    RETURN NULL;
END $$;
CREATE TRIGGER meter_value_roll_up AFTER INSERT ON meter_value
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION meter_value_roll_up();

CREATE VIEW energy_hour AS
SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00+00') AS bucket,
    sum(energy_wh)::bigint AS energy_wh, evse_key, evse_id,
    max(peak_power_w) AS peak_power_w, station_id
FROM energy_15min GROUP BY 1, evse_key, station_id, evse_id;

CREATE VIEW energy_month AS
SELECT date_trunc('month', bucket AT TIME ZONE {{time_zone}}) AT TIME ZONE {{time_zone}} AS bucket,
    sum(energy_wh)::bigint AS energy_wh, evse_key, evse_id,
    max(peak_power_w) AS peak_power_w, station_id
FROM energy_day GROUP BY 1, evse_key, station_id, evse_id;
