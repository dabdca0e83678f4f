-- The whole fleet's energy, at a price that does not grow with the readings: two further levels of
-- continuous aggregates.

-- Sessions begun per day. A count is logged by the statement that adds a session, and folded into
-- the day's row by refresh_rollups: nobody who writes sessions waits for a row that all share.
CREATE SCHEMA rollup;
CREATE TABLE rollup.session_day (
    bucket   timestamptz PRIMARY KEY,
    sessions bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE rollup.session_day IS 'Sessions begun per day of the operator''s zone, of the whole fleet.';
CREATE TABLE rollup.session_change (bucket timestamptz NOT NULL, sessions bigint NOT NULL);
COMMENT ON TABLE rollup.session_change IS 'Sessions that rollup.session_day does not count yet.';

CREATE FUNCTION rollup.sessions_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup.session_change (bucket, sessions)
    SELECT date_trunc('day', started_at, {{time_zone}}), count(*) FROM added GROUP BY 1;
    RETURN NULL;
END $$;
CREATE FUNCTION rollup.sessions_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup.session_change (bucket, sessions)
    SELECT date_trunc('day', started_at, {{time_zone}}), -count(*) FROM removed GROUP BY 1;
    RETURN NULL;
END $$;
CREATE FUNCTION rollup.session_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup.session_change (bucket, sessions)
    VALUES (date_trunc('day', OLD.started_at, {{time_zone}}), -1),
        (date_trunc('day', NEW.started_at, {{time_zone}}), 1);
    RETURN NULL;
END $$;
CREATE TRIGGER fleet_sessions_came AFTER INSERT ON session
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION rollup.sessions_came();
CREATE TRIGGER fleet_sessions_went AFTER DELETE ON session
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION rollup.sessions_went();
CREATE TRIGGER fleet_session_moved AFTER UPDATE OF started_at ON session FOR EACH ROW
    WHEN (OLD.started_at IS DISTINCT FROM NEW.started_at) EXECUTE FUNCTION rollup.session_moved();
INSERT INTO rollup.session_day
SELECT date_trunc('day', started_at, {{time_zone}}), count(*) FROM session GROUP BY 1;

CREATE VIEW session_fleet_day AS
SELECT bucket, sum(sessions)::bigint AS sessions
FROM (SELECT * FROM rollup.session_day UNION ALL SELECT * FROM rollup.session_change) both_parts
GROUP BY bucket;
COMMENT ON VIEW session_fleet_day IS 'Sessions begun per day, of the whole fleet; days begin in the operator''s time zone.';

-- How long cables stay after the last energy, per day the session began, in the same way.
CREATE TABLE rollup.idle_day (
    bucket  timestamptz NOT NULL,
    bin     integer NOT NULL,        -- up to 15 min, 30 min, 1 h, 2 h, 4 h, longer: 0 to 5
    stays   bigint NOT NULL,
    seconds numeric NOT NULL,
    PRIMARY KEY (bucket, bin)
) WITH (fillfactor = 70);
COMMENT ON TABLE rollup.idle_day IS 'Cables that stayed after the last energy, per day and length, of the whole fleet.';
CREATE TABLE rollup.idle_change (LIKE rollup.idle_day);
COMMENT ON TABLE rollup.idle_change IS 'Stays that rollup.idle_day does not count yet.';

CREATE FUNCTION rollup.idle_bin(idle numeric) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(idle, ARRAY[900, 1800, 3600, 7200, 14400]::numeric[]);
CREATE FUNCTION rollup.idle_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup.idle_change (bucket, bin, stays, seconds)
    SELECT date_trunc('day', s.started_at, {{time_zone}}), rollup.idle_bin(i.idle), s.sign,
        s.sign * i.idle
    FROM (VALUES (-1, OLD.started_at, OLD.ended_at, OLD.charged_until),
            (1, NEW.started_at, NEW.ended_at, NEW.charged_until))
        s (sign, started_at, ended_at, charged_until)
    CROSS JOIN LATERAL (SELECT extract(epoch FROM s.ended_at - s.charged_until) AS idle) i
    WHERE s.charged_until < s.ended_at;
    RETURN NULL;
END $$;
CREATE TRIGGER fleet_idle_came AFTER INSERT ON session FOR EACH ROW
    WHEN (NEW.charged_until < NEW.ended_at) EXECUTE FUNCTION rollup.idle_changed();
CREATE TRIGGER fleet_idle_went AFTER DELETE ON session FOR EACH ROW
    WHEN (OLD.charged_until < OLD.ended_at) EXECUTE FUNCTION rollup.idle_changed();
CREATE TRIGGER fleet_idle_moved AFTER UPDATE OF started_at, ended_at, charged_until ON session
    FOR EACH ROW
    WHEN ((OLD.charged_until < OLD.ended_at OR NEW.charged_until < NEW.ended_at)
        AND (OLD.started_at, OLD.ended_at, OLD.charged_until)
            IS DISTINCT FROM (NEW.started_at, NEW.ended_at, NEW.charged_until))
    EXECUTE FUNCTION rollup.idle_changed();
INSERT INTO rollup.idle_day
SELECT date_trunc('day', started_at, {{time_zone}}), rollup.idle_bin(idle), count(*), sum(idle)
FROM session CROSS JOIN LATERAL (SELECT extract(epoch FROM ended_at - charged_until) AS idle) i
WHERE charged_until < ended_at GROUP BY 1, 2;

CREATE VIEW session_idle_day AS
SELECT bucket, bin, sum(stays)::bigint AS stays, sum(seconds) AS seconds
FROM (SELECT * FROM rollup.idle_day UNION ALL SELECT * FROM rollup.idle_change) both_parts
GROUP BY bucket, bin;
COMMENT ON VIEW session_idle_day IS 'Cables that stayed after the last energy, per day the session began and length (bin 0 to 5: up to 15 min, 30 min, 1 h, 2 h, 4 h, longer), of the whole fleet.';

CREATE FUNCTION rollup.fold_sessions() RETURNS void LANGUAGE sql AS $$
    WITH taken AS (DELETE FROM rollup.session_change RETURNING *)
    INSERT INTO rollup.session_day AS kept (bucket, sessions)
    SELECT bucket, sum(sessions)::bigint FROM taken GROUP BY 1 ORDER BY 1
    ON CONFLICT (bucket) DO UPDATE SET sessions = kept.sessions + excluded.sessions;
    WITH taken AS (DELETE FROM rollup.idle_change RETURNING *)
    INSERT INTO rollup.idle_day AS kept (bucket, bin, stays, seconds)
    SELECT bucket, bin, sum(stays)::bigint, sum(seconds) FROM taken GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (bucket, bin) DO UPDATE SET stays = kept.stays + excluded.stays,
        seconds = kept.seconds + excluded.seconds;
$$;

-- Failed first attempts of a period, counted and listed without reading those that went well.
CREATE INDEX attempt_first_failed ON attempt (started_at) INCLUDE (station_id, build_id)
    WHERE is_first AND outcome NOT IN ('open', 'succeeded');

-- Where the first month begins that begins at or after an instant.
CREATE FUNCTION month_from(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN at AT TIME ZONE {{time_zone}} = date_trunc('month', at AT TIME ZONE {{time_zone}})
    THEN at ELSE (date_trunc('month', at AT TIME ZONE {{time_zone}}) + interval '1 month')
        AT TIME ZONE {{time_zone}} END;

-- A station's or a site's sessions by time.
CREATE INDEX IF NOT EXISTS session_station_started ON session (station_id, started_at DESC);

-- What retention may not touch: sessions within these instants that are not settled, and why.
CREATE FUNCTION unbilled_sessions(from_at timestamptz, until_at timestamptz)
RETURNS TABLE (session_id bigint, started_at timestamptz, why text) LANGUAGE sql STABLE AS $$
    SELECT s.session_id, s.started_at, min(o.why)
    FROM (
        SELECT session_id, 'has not ended' FROM session WHERE ended_at IS NULL
        UNION ALL
        SELECT session_id, 'its payment is ' || state FROM payment WHERE session_id IS NOT NULL
            AND state NOT IN ('expired', 'released', 'settled', 'written_off', 'partly_refunded',
                'refunded', 'dispute_won', 'dispute_lost')
        UNION ALL
        SELECT session_id, 'no CDR is written yet' FROM ended_session
        UNION ALL
        SELECT coalesce(i.session_id, p.session_id), 'waits for review: ' || i.kind
        FROM review_item i LEFT JOIN payment p USING (payment_id) WHERE i.resolved_at IS NULL
    ) o (session_id, why)
    JOIN session s USING (session_id)
    WHERE s.started_at < until_at AND coalesce(s.ended_at, 'infinity') >= from_at
    GROUP BY s.session_id
$$;

-- Raise an error that names how many there are and the oldest.
CREATE FUNCTION refuse_unbilled(what text, from_at timestamptz, until_at timestamptz)
RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    found record;
BEGIN
    SELECT *, count(*) OVER () AS sessions INTO found
    FROM unbilled_sessions(coalesce(from_at, '-infinity'), until_at)
    ORDER BY started_at, session_id LIMIT 1;
    IF found.sessions > 0 THEN
        RAISE 'nothing was deleted: % before % belong to % not settled yet; the oldest is session % of % (%)',
            what, to_char(until_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
            CASE found.sessions WHEN 1 THEN '1 session' ELSE found.sessions || ' sessions' END,
            found.session_id, to_char(found.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
            found.why
            USING ERRCODE = 'object_in_use',
                HINT = 'SELECT * FROM unbilled_sessions(''-infinity'', now() - interval ''90 days'')';
    END IF;
END $$;

-- peak_power_w is the highest power of any one evse, not of the fleet at once.
CREATE MATERIALIZED VIEW energy_fleet_15min
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('15 minutes', bucket) AS bucket, sum(energy_wh)::bigint AS energy_wh,
    max(peak_power_w) AS peak_power_w
FROM energy_15min GROUP BY 1 WITH NO DATA;

CREATE MATERIALIZED VIEW energy_fleet_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', bucket, {{time_zone}}) AS bucket, sum(energy_wh)::bigint AS energy_wh,
    max(peak_power_w) AS peak_power_w
FROM energy_fleet_15min GROUP BY 1 WITH NO DATA;

SELECT add_continuous_aggregate_policy('energy_fleet_15min', start_offset => NULL,
    end_offset => interval '15 minutes', schedule_interval => interval '5 minutes');

-- Days and months are refreshed by process_refresh_requests alone, and whole: where buckets vary in
-- length, TimescaleDB (seen in 2.29.2) leaves out the last bucket of what has changed if the change
-- ends exactly at its beginning, so a first quarter of a day could be missing for good.
SELECT remove_continuous_aggregate_policy(level)
FROM (VALUES ('energy_day'::regclass), ('energy_month')) AS varying (level);

-- Up to where days and months have been refreshed after they ended.
CREATE TABLE rollup.closed (until_at timestamptz NOT NULL);
COMMENT ON TABLE rollup.closed IS 'Up to where days and months have been refreshed after they ended.';
INSERT INTO rollup.closed VALUES ('2000-01-01 00:00+00');

-- As before, with the fleet's levels; what has been counted of sessions is folded in, too.
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

-- Refresh what late rows asked for, and days that have ended (after a while: the last readings of a
-- day may still be on their way to disk). Requests are removed by number after the work is
-- committed: one that came meanwhile stays, and a crash leaves all of them. Requests of days that
-- follow each other are one window.
CREATE OR REPLACE PROCEDURE process_refresh_requests()
LANGUAGE plpgsql AS $$
DECLARE
    zone constant text := {{time_zone}};
    ended constant timestamptz := date_trunc('day', now() - interval '20 minutes', zone);
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
    UPDATE rollup.closed SET until_at = ended WHERE until_at < ended;
    DELETE FROM rollup_refresh_request WHERE request_id = ANY (taken);
END $$;

-- As before, and: refuses while sessions of that time are not settled.
CREATE OR REPLACE PROCEDURE enforce_retention(keep interval, keep_messages interval DEFAULT '30 days')
LANGUAGE plpgsql AS $$
DECLARE
    readings_until timestamptz;
    messages_until timestamptz;
BEGIN
    IF keep < interval '90 days' THEN
        RAISE 'readings must be kept for 90 days at least: late ones still arrive';
    END IF;
    SELECT max(range_end) INTO readings_until FROM timescaledb_information.chunks
    WHERE hypertable_name = 'meter_value' AND range_end <= now() - keep;
    SELECT max(range_end) INTO messages_until FROM timescaledb_information.chunks
    WHERE hypertable_name = 'message_log' AND range_end <= now() - keep_messages;
    IF readings_until IS NOT NULL THEN
        PERFORM refuse_unbilled('readings', (SELECT kept_from FROM retention
            WHERE relation = 'meter_value'), readings_until);
    END IF;
    IF messages_until IS NOT NULL THEN
        PERFORM refuse_unbilled('messages', (SELECT kept_from FROM retention
            WHERE relation = 'message_log'), messages_until);
    END IF;
    IF readings_until IS NOT NULL THEN
        INSERT INTO retention VALUES ('meter_value', readings_until)
        ON CONFLICT (relation) DO UPDATE
            SET kept_from = greatest(retention.kept_from, excluded.kept_from)
        RETURNING kept_from INTO readings_until;
        PERFORM remove_continuous_aggregate_policy('energy_15min');
        PERFORM add_continuous_aggregate_policy('energy_15min',
            start_offset => now() - readings_until,
            end_offset => interval '15 minutes', schedule_interval => interval '5 minutes');
        PERFORM drop_chunks('meter_value', older_than => readings_until);
    END IF;
    IF messages_until IS NOT NULL THEN
        INSERT INTO retention VALUES ('message_log', messages_until)
        ON CONFLICT (relation) DO UPDATE SET kept_from = excluded.kept_from;
        PERFORM drop_chunks('message_log', older_than => messages_until);
    END IF;
END $$;

-- A station that was offline for a week sends what belongs into the columnstore. Every row of it is
-- looked for there first, and the default limit (100,000 rows opened in a transaction) would refuse
-- a large commit. Who may not set this (not the owner) sets it for the server: docs/timescale.md.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0',
        current_database());
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'not allowed to set timescaledb.max_tuples_decompressed_per_dml_transaction';
END $$;
