-- Upkeep on TimescaleDB. Procedures of the same names exist on PostgreSQL; call them outside of a
-- transaction: a refresh commits its own.

-- Chunks make themselves.
CREATE PROCEDURE ensure_partitions(from_at timestamptz, to_at timestamptz)
LANGUAGE sql AS '';

-- Forget whole chunks of readings older than keep, and of messages older than keep_messages.
-- Rollups stay: dropping a chunk marks its time as changed, and refreshing it would empty the
-- rollups of it, so from now on nothing refreshes the lowest level before `kept_from`.
CREATE PROCEDURE enforce_retention(keep interval, keep_messages interval DEFAULT '30 days')
LANGUAGE plpgsql AS $$
DECLARE
    gone timestamptz;
BEGIN
    IF keep < interval '90 days' THEN
        RAISE 'readings must be kept for 90 days at least: late ones still arrive';
    END IF;
    SELECT max(range_end) INTO gone FROM timescaledb_information.chunks
    WHERE hypertable_name = 'meter_value' AND range_end <= now() - keep;
    IF gone IS NOT NULL THEN
        INSERT INTO retention VALUES ('meter_value', gone)
        ON CONFLICT (relation) DO UPDATE
            SET kept_from = greatest(retention.kept_from, excluded.kept_from)
        RETURNING kept_from INTO gone;
        PERFORM remove_continuous_aggregate_policy('energy_15min');
        PERFORM add_continuous_aggregate_policy('energy_15min', start_offset => now() - gone,
            end_offset => interval '15 minutes', schedule_interval => interval '5 minutes');
        PERFORM drop_chunks('meter_value', older_than => gone);
    END IF;
    SELECT max(range_end) INTO gone FROM timescaledb_information.chunks
    WHERE hypertable_name = 'message_log' AND range_end <= now() - keep_messages;
    IF gone IS NOT NULL THEN
        INSERT INTO retention VALUES ('message_log', gone)
        ON CONFLICT (relation) DO UPDATE SET kept_from = excluded.kept_from;
        PERFORM drop_chunks('message_log', older_than => gone);
    END IF;
END $$;

-- Bring the rollups up to date between two instants, bottom-up. Each level's window is widened to
-- whole buckets and ends where the current bucket begins: past it the watermark would hide the
-- readings to come, and up to it reads are live anyway. A commit follows each level: only then
-- does the next one learn what changed.
CREATE PROCEDURE refresh_rollups(from_at timestamptz, to_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    zone constant text := {{time_zone}};
    kept timestamptz;
    low timestamptz;
    high timestamptz;
    current timestamptz;
BEGIN
    IF from_at IS NULL OR to_at IS NULL THEN
        RAISE 'refresh_rollups needs both ends';
    END IF;
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

    low := time_bucket('1 hour', from_at);
    high := least(time_bucket('1 hour', to_at) + interval '1 hour', time_bucket('1 hour', now()));
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_hour', low, high);
        COMMIT;
    END IF;

    -- a day is added on the wall clock: some days have 23 or 25 hours
    low := date_trunc('day', from_at, zone);
    current := date_trunc('day', now(), zone);
    high := least((date_trunc('day', to_at AT TIME ZONE zone) + interval '1 day') AT TIME ZONE zone,
        current);
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_day', low, high);
        COMMIT;
    END IF;

    low := date_trunc('month', from_at, zone);
    current := date_trunc('month', now(), zone);
    high := least((date_trunc('month', to_at AT TIME ZONE zone) + interval '1 month')
        AT TIME ZONE zone, current);
    IF low < high THEN
        CALL refresh_continuous_aggregate('energy_month', low, high);
        COMMIT;
    END IF;
END $$;

-- Refresh what late rows asked for. Requests are removed by number after the work is committed:
-- one that came meanwhile stays, and a crash leaves all of them.
CREATE PROCEDURE process_refresh_requests()
LANGUAGE plpgsql AS $$
DECLARE
    taken bigint[];
    from_at timestamptz;
    to_at timestamptz;
BEGIN
    SELECT array_agg(request_id), min(r.from_at), max(r.to_at) INTO taken, from_at, to_at
    FROM rollup_refresh_request AS r;
    IF taken IS NOT NULL THEN
        CALL refresh_rollups(from_at, to_at);
        DELETE FROM rollup_refresh_request WHERE request_id = ANY (taken);
    END IF;
END $$;
