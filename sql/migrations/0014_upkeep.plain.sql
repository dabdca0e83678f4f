-- Upkeep on PostgreSQL. Procedures of the same names exist on TimescaleDB; call them outside of a
-- transaction.

-- Make the months of meter_value and the weeks of message_log from from_at to to_at, and move
-- there what the default partitions caught meanwhile. Rollups counted those rows when they came:
-- moving goes past the table that has the trigger.
CREATE PROCEDURE ensure_partitions(from_at timestamptz, to_at timestamptz)
LANGUAGE plpgsql SET lock_timeout = '10s' AS $$
DECLARE
    wanted record;
    fresh text;
    spare text;
BEGIN
    FOR wanted IN
        SELECT 'meter_value' AS parent, 'measured_at' AS key, 'YYYY_MM' AS form,
            low, low + interval '1 month' AS high
        FROM generate_series(date_trunc('month', from_at AT TIME ZONE 'UTC'),
            to_at AT TIME ZONE 'UTC', interval '1 month') AS low
        UNION ALL
        SELECT 'message_log', 'received_at', 'YYYY_MM_DD', low, low + interval '7 days'
        FROM generate_series(
            date_trunc('week', greatest(from_at, now() - interval '30 days') AT TIME ZONE 'UTC'),
            to_at AT TIME ZONE 'UTC', interval '7 days') AS low
    LOOP
        fresh := wanted.parent || '_' || to_char(wanted.low, wanted.form);
        spare := wanted.parent || '_default';
        CONTINUE WHEN to_regclass(fresh) IS NOT NULL;
        -- attached when filled: CREATE .. PARTITION OF would lock the whole table
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH
            (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02)',
            fresh, wanted.parent);
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', spare);
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *)
            INSERT INTO %I SELECT * FROM moved', spare,
            wanted.key, wanted.low AT TIME ZONE 'UTC', wanted.key, wanted.high AT TIME ZONE 'UTC',
            fresh);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            wanted.parent, fresh, wanted.low AT TIME ZONE 'UTC', wanted.high AT TIME ZONE 'UTC');
    END LOOP;
END $$;

-- Forget whole partitions of readings older than keep, and of messages older than keep_messages.
-- Rollups stay.
CREATE PROCEDURE enforce_retention(keep interval, keep_messages interval DEFAULT '30 days')
LANGUAGE plpgsql SET lock_timeout = '10s' AS $$
DECLARE
    old record;
BEGIN
    IF keep < interval '90 days' THEN
        RAISE 'readings must be kept for 90 days at least: late ones still arrive';
    END IF;
    FOR old IN
        SELECT parent::text, name, high
        FROM (VALUES ('meter_value'::regclass, now() - keep),
                ('message_log', now() - keep_messages)) AS rule (parent, cutoff)
        JOIN pg_inherits ON inhparent = parent
        CROSS JOIN LATERAL (SELECT inhrelid::regclass::text AS name,
            substring((SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = inhrelid)
                FROM 'TO \(''(.*)''\)')::timestamptz AS high) AS bound
        WHERE high <= cutoff ORDER BY high
    LOOP
        EXECUTE format('DROP TABLE %s', old.name);
        INSERT INTO retention VALUES (old.parent, old.high)
        ON CONFLICT (relation) DO UPDATE
            SET kept_from = greatest(retention.kept_from, excluded.kept_from);
    END LOOP;
    DELETE FROM meter_value_default
    WHERE measured_at < date_trunc('month', now() - keep, 'UTC');
    DELETE FROM message_log_default
    WHERE received_at < date_trunc('week', now() - keep_messages, 'UTC');
END $$;

-- Bring the rollups up to date between two instants: here they always are.
CREATE PROCEDURE refresh_rollups(from_at timestamptz, to_at timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    IF from_at IS NULL OR to_at IS NULL THEN
        RAISE 'refresh_rollups needs both ends';
    END IF;
END $$;

-- Refresh what late rows asked for.
CREATE PROCEDURE process_refresh_requests()
LANGUAGE sql AS 'DELETE FROM rollup_refresh_request';

CALL ensure_partitions(now() - interval '13 months', now() + interval '3 months');
