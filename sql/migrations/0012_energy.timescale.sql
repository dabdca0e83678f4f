-- Energy per quarter, hour, day and month: hierarchical continuous aggregates that also read what
-- is not yet materialized. Days and months begin in the operator's time zone; days are made of
-- quarters, as a zone may be half an hour off the full hour. Aggregates never join: a station
-- that moves must not split its past. WITH NO DATA keeps the migration one transaction.
--
-- peak_power_w is informative: the highest power among unflagged readings.

CREATE MATERIALIZED VIEW energy_15min
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('15 minutes', measured_at) AS bucket,
    coalesce(sum(energy_delta_wh), 0)::bigint AS energy_wh, evse_key, evse_id,
    max(power_w) FILTER (WHERE flags IS NULL) AS peak_power_w, station_id
FROM meter_value WHERE evse_id > 0
GROUP BY 1, evse_key, evse_id, station_id WITH NO DATA;

CREATE MATERIALIZED VIEW energy_hour
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 hour', bucket) AS bucket,
    sum(energy_wh)::bigint AS energy_wh, evse_key, evse_id,
    max(peak_power_w) AS peak_power_w, station_id
FROM energy_15min GROUP BY 1, evse_key, evse_id, station_id WITH NO DATA;

CREATE MATERIALIZED VIEW energy_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', bucket, {{time_zone}}) AS bucket,
    sum(energy_wh)::bigint AS energy_wh, evse_key, evse_id,
    max(peak_power_w) AS peak_power_w, station_id
FROM energy_15min GROUP BY 1, evse_key, evse_id, station_id WITH NO DATA;

CREATE MATERIALIZED VIEW energy_month
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 month', bucket, {{time_zone}}) AS bucket,
    sum(energy_wh)::bigint AS energy_wh, evse_key, evse_id,
    max(peak_power_w) AS peak_power_w, station_id
FROM energy_day GROUP BY 1, evse_key, evse_id, station_id WITH NO DATA;

-- No start: what changed is known from the invalidation log, however old. An end before now: a
-- refresh past now would move the watermark and hide the readings to come.
SELECT add_continuous_aggregate_policy(level, start_offset => NULL,
    end_offset => ending, schedule_interval => every)
FROM (VALUES
    ('energy_15min'::regclass, interval '15 minutes', interval '5 minutes'),
    ('energy_hour', interval '1 hour', interval '15 minutes'),
    ('energy_day', interval '1 day', interval '1 hour'),
    ('energy_month', interval '1 day', interval '6 hours')
) AS policy (level, ending, every);
