-- The whole fleet's energy, and months, at a price that does not grow with the readings.
--
-- Up to an instant, the watermark, quarters of the fleet and months of each evse are kept in tables;
-- what is newer is added when reading, and what came late is logged by the statement that brought
-- it and folded in by refresh_rollups. So readers are exact at every moment, and no writer waits
-- for a row that all share. Moving the watermark locks the readings against writers for some
-- milliseconds: a writer is wholly before (then it is summed) or wholly after (then it is logged).
-- Writers must be READ COMMITTED, as they are by default.

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

CREATE TABLE rollup.watermark (
    is_only     boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    fleet_until timestamptz NOT NULL DEFAULT '-infinity',   -- beginning of a quarter
    month_until timestamptz NOT NULL DEFAULT '-infinity'    -- beginning of a day
);
COMMENT ON TABLE rollup.watermark IS 'Up to when rollup.fleet_15min, fleet_day and month hold what energy_15min and energy_day do.';
INSERT INTO rollup.watermark DEFAULT VALUES;

CREATE TABLE rollup.fleet_15min (
    bucket       timestamptz PRIMARY KEY,
    energy_wh    bigint NOT NULL,
    peak_power_w real
) WITH (fillfactor = 70);
CREATE TABLE rollup.fleet_day (LIKE rollup.fleet_15min INCLUDING INDEXES) WITH (fillfactor = 70);
CREATE TABLE rollup.fleet_change (LIKE rollup.fleet_15min);
CREATE TABLE rollup.month (
    bucket       timestamptz NOT NULL,
    energy_wh    bigint NOT NULL,
    evse_key     integer NOT NULL,
    evse_id      integer NOT NULL,
    peak_power_w real,
    station_id   text NOT NULL,
    PRIMARY KEY (bucket, evse_key, station_id, evse_id)
) WITH (fillfactor = 50);
CREATE TABLE rollup.month_change (LIKE rollup.month);
COMMENT ON TABLE rollup.fleet_15min IS 'The fleet''s quarters before the watermark; read energy_fleet_15min.';
COMMENT ON TABLE rollup.fleet_day IS 'The days of those quarters; read energy_fleet_day.';
COMMENT ON TABLE rollup.fleet_change IS 'What came late and rollup.fleet_15min does not hold yet.';
COMMENT ON TABLE rollup.month IS 'Months of each evse, of the days before the watermark; read energy_month.';
COMMENT ON TABLE rollup.month_change IS 'What came late and rollup.month does not hold yet.';

-- A station's or a site's energy, without reading everybody's.
CREATE INDEX energy_day_station ON energy_day (station_id, bucket);
CREATE INDEX energy_15min_station_hour ON energy_15min
    (station_id, date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00+00'));

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

-- peak_power_w is the highest power of any one evse, not of the fleet at once.
CREATE VIEW energy_fleet_15min AS
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM (
    SELECT bucket, energy_wh, peak_power_w FROM rollup.fleet_15min
    UNION ALL
    SELECT bucket, energy_wh, peak_power_w FROM rollup.fleet_change
    UNION ALL
    SELECT bucket, energy_wh, peak_power_w FROM energy_15min
    WHERE bucket >= (SELECT fleet_until FROM rollup.watermark)
) parts GROUP BY bucket;

CREATE VIEW energy_fleet_day AS
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, max(peak_power_w) AS peak_power_w
FROM (
    SELECT bucket, energy_wh, peak_power_w FROM rollup.fleet_day
    UNION ALL
    SELECT date_trunc('day', bucket, {{time_zone}}), energy_wh, peak_power_w
    FROM rollup.fleet_change
    UNION ALL
    SELECT date_trunc('day', bucket, {{time_zone}}), energy_wh, peak_power_w FROM energy_15min
    WHERE bucket >= (SELECT fleet_until FROM rollup.watermark)
) parts GROUP BY bucket;

CREATE OR REPLACE VIEW energy_month AS
SELECT bucket, sum(energy_wh)::bigint AS energy_wh, evse_key, evse_id,
    max(peak_power_w) AS peak_power_w, station_id
FROM (
    SELECT * FROM rollup.month
    UNION ALL
    SELECT * FROM rollup.month_change
    UNION ALL
    SELECT date_trunc('month', bucket AT TIME ZONE {{time_zone}}) AT TIME ZONE {{time_zone}},
        energy_wh, evse_key, evse_id, peak_power_w, station_id
    FROM energy_day WHERE bucket >= (SELECT month_until FROM rollup.watermark)
) parts GROUP BY bucket, evse_key, station_id, evse_id;

-- Take in what came late.
CREATE FUNCTION rollup.fold() RETURNS void LANGUAGE sql AS $$
    WITH taken AS (DELETE FROM rollup.fleet_change RETURNING *), quarter AS (
        INSERT INTO rollup.fleet_15min AS kept (bucket, energy_wh, peak_power_w)
        SELECT bucket, sum(energy_wh)::bigint, max(peak_power_w) FROM taken GROUP BY 1 ORDER BY 1
        ON CONFLICT (bucket) DO UPDATE SET energy_wh = kept.energy_wh + excluded.energy_wh,
            peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w)
    )
    INSERT INTO rollup.fleet_day AS kept (bucket, energy_wh, peak_power_w)
    SELECT date_trunc('day', bucket, {{time_zone}}), sum(energy_wh)::bigint, max(peak_power_w)
    FROM taken GROUP BY 1 ORDER BY 1
    ON CONFLICT (bucket) DO UPDATE SET energy_wh = kept.energy_wh + excluded.energy_wh,
        peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w);
    WITH taken AS (DELETE FROM rollup.month_change RETURNING *)
    INSERT INTO rollup.month AS kept (bucket, energy_wh, evse_key, evse_id, peak_power_w, station_id)
    SELECT bucket, sum(energy_wh)::bigint, evse_key, evse_id, max(peak_power_w), station_id
    FROM taken GROUP BY bucket, evse_key, station_id, evse_id
    ORDER BY bucket, evse_key, station_id, evse_id
    ON CONFLICT (bucket, evse_key, station_id, evse_id) DO UPDATE SET
        energy_wh = kept.energy_wh + excluded.energy_wh,
        peak_power_w = greatest(kept.peak_power_w, excluded.peak_power_w);
$$;

-- Move the watermark on, at most to these instants. The caller holds the lock.
CREATE FUNCTION rollup.advance(fleet_to timestamptz, month_to timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    mark rollup.watermark;
BEGIN
    SELECT * INTO STRICT mark FROM rollup.watermark FOR UPDATE;
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

-- Bring the rollups up to date between two instants. Sums per evse always are; the fleet's and the
-- months' are as exact, but cheaper to read afterwards. The watermark stays half an hour behind,
-- where nearly nothing arrives any more, and moves a month at a time: so writers wait for little,
-- and if they are too busy to be stopped at all it is for the next call.
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
            LOCK TABLE ONLY meter_value IN SHARE MODE;
        EXCEPTION WHEN lock_not_available THEN
            RETURN;
        END;
        PERFORM rollup.advance(fleet_to, month_to);
        COMMIT;
    END LOOP;
END $$;

-- Refresh what late rows asked for.
CREATE OR REPLACE PROCEDURE process_refresh_requests()
LANGUAGE plpgsql AS $$
BEGIN
    CALL refresh_rollups(now(), now());
    DELETE FROM rollup_refresh_request;
END $$;

-- As before, and: refuses while sessions of that time are not settled.
CREATE OR REPLACE PROCEDURE enforce_retention(keep interval, keep_messages interval DEFAULT '30 days')
LANGUAGE plpgsql SET lock_timeout = '10s' AS $$
DECLARE
    readings_until constant timestamptz := date_trunc('month', now() - keep, 'UTC');
    messages_until constant timestamptz := date_trunc('week', now() - keep_messages, 'UTC');
    old record;
BEGIN
    IF keep < interval '90 days' THEN
        RAISE 'readings must be kept for 90 days at least: late ones still arrive';
    END IF;
    IF EXISTS (SELECT FROM meter_value WHERE measured_at < readings_until) THEN
        PERFORM refuse_unbilled('readings', (SELECT kept_from FROM retention
            WHERE relation = 'meter_value'), readings_until);
    END IF;
    IF EXISTS (SELECT FROM message_log WHERE received_at < messages_until) THEN
        PERFORM refuse_unbilled('messages', (SELECT kept_from FROM retention
            WHERE relation = 'message_log'), messages_until);
    END IF;
    FOR old IN
        SELECT parent::text, name, high
        FROM (VALUES ('meter_value'::regclass, readings_until), ('message_log', messages_until))
            AS rule (parent, cutoff)
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
    DELETE FROM meter_value_default WHERE measured_at < readings_until;
    DELETE FROM message_log_default WHERE received_at < messages_until;
END $$;
