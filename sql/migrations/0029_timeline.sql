-- What happened to every evse, second by second, as additive facts; and the outages in it.
--
-- Raw facts (contact_history, status_history, session, session_state, attempt, outage_exclusion)
-- are folded by ingest/timeline.py into gapless segments from the evse's first contact on. They are
-- stored as facts up to the beginning of the open segment; the open one is added when reading.

-- Contact with stations: every change, when it happened as far as we know.
CREATE TABLE contact_history (
    station_id   text NOT NULL,
    at           timestamptz NOT NULL,
    is_online    boolean NOT NULL,
    cause        text CHECK (cause IN ('station', 'csms')),   -- of a loss
    last_seen_at timestamptz,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX contact_history_key ON contact_history (station_id, at, recorded_at);

-- Charging states within transactions (2.x) are written with the messages that told them: the
-- session row, which the triggers looked at, has only the newest of a batch.
DROP TRIGGER session_state_first ON session;
DROP TRIGGER session_state_next ON session;
DROP FUNCTION session_state_keep();

-- Every id token that a station asked about, and what we answered.
CREATE TABLE authorization_history (
    station_id text NOT NULL,
    at         timestamptz NOT NULL,
    id_token   text NOT NULL,
    status     text NOT NULL,          -- AuthorizationStatus of OCPP 2.0.1
    PRIMARY KEY (station_id, at, id_token)
);
CREATE INDEX authorization_history_at ON authorization_history (at);

-- Up to when energy flowed: the newest reading that added some.
ALTER TABLE session ADD COLUMN charged_until timestamptz;

-- The sessions of an evse around an instant.
CREATE INDEX session_evse_ended ON session (evse_key, ended_at);

-- From when on a station is out of service for good; nothing of it is counted after that.
ALTER TABLE station ADD COLUMN decommissioned_at timestamptz;

-- Time that does not count against uptime, as people decided: planned maintenance and the reasons
-- of 23 CFR 680.116(b) (NEVI). Of a site, a station or an evse. Revoked, never deleted.
CREATE TABLE outage_exclusion (
    exclusion_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id      integer REFERENCES site,
    station_id   text REFERENCES station ON UPDATE CASCADE,
    evse_key     integer REFERENCES evse,
    from_at      timestamptz NOT NULL,
    until_at     timestamptz NOT NULL,
    reason       text NOT NULL CHECK (reason IN ('scheduled_maintenance', 'electricity_supply',
                     'vandalism', 'natural_disaster', 'vehicle', 'limited_hours')),
    note         text,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    revoked_by   text,
    revoked_at   timestamptz,
    CHECK (num_nonnulls(site_id, station_id, evse_key) = 1),
    CHECK (from_at < until_at AND isfinite(from_at) AND isfinite(until_at))
);
CREATE INDEX outage_exclusion_until ON outage_exclusion (until_at);

-- "From this instant on, look again": written with the raw fact, taken by the job `timelines`.
-- A negative key is a station as a whole, as in status_history.
CREATE TABLE timeline_request (
    request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    evse_key   integer NOT NULL,
    from_at    timestamptz NOT NULL
);

-- How far each evse's time is stored as facts, and what it has been since.
CREATE TABLE evse_timeline (
    evse_key         integer PRIMARY KEY,
    station_id       text NOT NULL,
    evse_id          integer NOT NULL,
    in_service_from  timestamptz NOT NULL,
    open_since       timestamptz NOT NULL,
    -- what is open; null: nothing (decommissioned)
    state            text,
    cause            text,
    excluded_because text,
    revision         integer NOT NULL,
    CHECK (date_trunc('second', open_since) = open_since)
) WITH (fillfactor = 70);
CREATE INDEX evse_timeline_open ON evse_timeline (open_since);

-- Seconds that an evse was in a state. Never edited: what turns out otherwise is taken back by a
-- fact of negative seconds. No fact crosses the operator's midnight.
CREATE TABLE state_fact (
    started_at       timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    evse_key         integer NOT NULL,
    seconds          integer NOT NULL CHECK (seconds <> 0),
    revision         integer NOT NULL,
    evse_id          integer NOT NULL,
    station_id       text NOT NULL,
    state            text NOT NULL,
    cause            text,             -- why it could not be used; null: it could
    excluded_because text              -- why that does not count
);
CREATE INDEX state_fact_evse ON state_fact (evse_key, started_at);
CREATE INDEX state_fact_recorded ON state_fact USING brin (recorded_at);

CREATE TABLE state_day_total (
    bucket           timestamptz NOT NULL,
    evse_key         integer NOT NULL,
    evse_id          integer NOT NULL,
    seconds          bigint NOT NULL,
    station_id       text NOT NULL,
    state            text NOT NULL,
    cause            text,
    excluded_because text
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX state_day_total_key ON state_day_total
    (evse_key, bucket, state, cause, excluded_because, station_id, evse_id) NULLS NOT DISTINCT;
CREATE INDEX state_day_total_bucket ON state_day_total (bucket);

CREATE TABLE state_month_total (LIKE state_day_total) WITH (fillfactor = 50);
CREATE UNIQUE INDEX state_month_total_key ON state_month_total
    (evse_key, bucket, state, cause, excluded_because, station_id, evse_id) NULLS NOT DISTINCT;
CREATE INDEX state_month_total_bucket ON state_month_total (bucket);

-- The whole fleet by hour. Only the job `timelines` writes facts, so nobody waits for these rows.
CREATE TABLE state_fleet_total (
    bucket           timestamptz NOT NULL,
    state            text NOT NULL,
    cause            text,
    excluded_because text,
    seconds          bigint NOT NULL
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX state_fleet_total_key ON state_fleet_total
    (bucket, state, cause, excluded_because) NULLS NOT DISTINCT;

-- A span of seconds cut at the borders of hours; the seconds have the sign of the fact's.
CREATE FUNCTION hours_of(started_at timestamptz, seconds bigint)
RETURNS TABLE (bucket timestamptz, part bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT h, sign(seconds)::bigint * extract(epoch FROM
        least(h + interval '1 hour', started_at + abs(seconds) * interval '1 second')
        - greatest(h, started_at))::bigint
    FROM generate_series(date_bin('1 hour', started_at, timestamptz '2000-01-01 00:00+00'),
        started_at + (abs(seconds) - 1) * interval '1 second', interval '1 hour') AS h
$$;

-- Sorted by key, so that two writers never wait for each other in a circle.
CREATE FUNCTION state_fact_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO state_day_total AS kept
        (bucket, evse_key, evse_id, station_id, state, cause, excluded_because, seconds)
    SELECT date_trunc('day', started_at, {{time_zone}}), evse_key, evse_id, station_id, state,
        cause, excluded_because, sum(seconds)
    FROM added GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(seconds) <> 0 ORDER BY 2, 1, 5, 6, 7
    ON CONFLICT (evse_key, bucket, state, cause, excluded_because, station_id, evse_id)
    DO UPDATE SET seconds = kept.seconds + excluded.seconds;
    INSERT INTO state_month_total AS kept
        (bucket, evse_key, evse_id, station_id, state, cause, excluded_because, seconds)
    SELECT date_trunc('month', started_at, {{time_zone}}), evse_key, evse_id, station_id, state,
        cause, excluded_because, sum(seconds)
    FROM added GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(seconds) <> 0 ORDER BY 2, 1, 5, 6, 7
    ON CONFLICT (evse_key, bucket, state, cause, excluded_because, station_id, evse_id)
    DO UPDATE SET seconds = kept.seconds + excluded.seconds;
    INSERT INTO state_fleet_total AS kept (bucket, state, cause, excluded_because, seconds)
    SELECT h.bucket, state, cause, excluded_because, sum(h.part)
    FROM added CROSS JOIN LATERAL hours_of(started_at, seconds) h
    GROUP BY 1, 2, 3, 4 HAVING sum(h.part) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (bucket, state, cause, excluded_because)
    DO UPDATE SET seconds = kept.seconds + excluded.seconds;
    RETURN NULL;
END $$;
CREATE TRIGGER state_fact_roll_up AFTER INSERT ON state_fact
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION state_fact_roll_up();

-- The open segments, day by day: what no fact says yet.
CREATE VIEW state_open AS
SELECT d AS bucket, t.station_id, t.evse_id, t.evse_key, t.state, t.cause, t.excluded_because,
    extract(epoch FROM least((d AT TIME ZONE {{time_zone}} + interval '1 day')
        AT TIME ZONE {{time_zone}}, n.now) - greatest(d, t.open_since))::bigint AS seconds
FROM evse_timeline t
CROSS JOIN (SELECT date_trunc('second', now()) AS now) n
CROSS JOIN LATERAL (
    SELECT day AT TIME ZONE {{time_zone}} AS d FROM generate_series(
        date_trunc('day', t.open_since AT TIME ZONE {{time_zone}}),
        n.now AT TIME ZONE {{time_zone}}, interval '1 day') AS day) AS days
WHERE t.state IS NOT NULL AND t.open_since < n.now AND d < n.now;

-- Seconds per state, the open segments included.
CREATE VIEW state_day AS
SELECT bucket, station_id, evse_id, evse_key, state, cause, excluded_because,
    sum(seconds)::bigint AS seconds
FROM (
    SELECT bucket, station_id, evse_id, evse_key, state, cause, excluded_because, seconds
    FROM state_day_total
    UNION ALL SELECT * FROM state_open
) both_parts
GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(seconds) <> 0;

CREATE VIEW state_month AS
SELECT bucket, station_id, evse_id, evse_key, state, cause, excluded_because,
    sum(seconds)::bigint AS seconds
FROM (
    SELECT bucket, station_id, evse_id, evse_key, state, cause, excluded_because, seconds
    FROM state_month_total
    UNION ALL
    SELECT date_trunc('month', bucket, {{time_zone}}), station_id, evse_id, evse_key, state, cause,
        excluded_because, seconds
    FROM state_open
) both_parts
GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(seconds) <> 0;

-- Per hour from the facts themselves: for some evses over weeks, not for a fleet over a year.
CREATE VIEW state_hour AS
SELECT bucket, station_id, evse_id, evse_key, state, cause, excluded_because,
    sum(part)::bigint AS seconds
FROM (
    SELECT h.bucket, f.station_id, f.evse_id, f.evse_key, f.state, f.cause, f.excluded_because,
        h.part
    FROM state_fact f CROSS JOIN LATERAL hours_of(f.started_at, f.seconds) h
    UNION ALL
    SELECT h.bucket, t.station_id, t.evse_id, t.evse_key, t.state, t.cause, t.excluded_because,
        h.part
    FROM evse_timeline t CROSS JOIN LATERAL hours_of(t.open_since,
        extract(epoch FROM date_trunc('second', now()) - t.open_since)::bigint) h
    WHERE t.state IS NOT NULL AND t.open_since < date_trunc('second', now())
) both_parts
GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(part) <> 0;

-- The fleet by hour. Open segments are gathered by the hour they began in before they are cut.
CREATE VIEW state_fleet_hour AS
SELECT bucket, state, cause, excluded_because, sum(seconds)::bigint AS seconds
FROM (
    SELECT * FROM state_fleet_total
    UNION ALL
    SELECT h, o.state, o.cause, o.excluded_because, CASE WHEN h = o.hour THEN o.first_part
        ELSE o.n * extract(epoch FROM least(h + interval '1 hour', o.now) - h)::bigint END
    FROM (
        SELECT date_bin('1 hour', open_since, timestamptz '2000-01-01 00:00+00') AS hour, n.now,
            state, cause, excluded_because, count(*) AS n, sum(extract(epoch FROM least(n.now,
                date_bin('1 hour', open_since, timestamptz '2000-01-01 00:00+00')
                    + interval '1 hour') - open_since))::bigint AS first_part
        FROM evse_timeline CROSS JOIN (SELECT date_trunc('second', now()) AS now) n
        WHERE state IS NOT NULL AND open_since < n.now
        GROUP BY 1, 2, 3, 4, 5
    ) o
    CROSS JOIN LATERAL generate_series(o.hour, o.now - interval '1 second', interval '1 hour') h
) both_parts
GROUP BY 1, 2, 3, 4 HAVING sum(seconds) <> 0;

-- An outage: an evse could not be used, for one cause. Written by the same fold as the facts, so
-- its seconds are theirs; one that late evidence disproves is removed. Evidence: the raw facts that
-- began and ended it, by relation and time.
CREATE TABLE outage (
    outage_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    evse_key         integer NOT NULL,
    station_id       text NOT NULL,
    evse_id          integer NOT NULL,
    started_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    cause            text NOT NULL CHECK (cause IN
                         ('network', 'csms', 'hardware', 'unavailable', 'failed_starts')),
    -- the reason, if all of it is excluded; parts of it are in the facts
    excluded_because text,
    excluded_seconds bigint NOT NULL DEFAULT 0,
    excluded_by      text,
    evidence         jsonb NOT NULL DEFAULT '{}',
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (evse_key, started_at, cause),
    CHECK (ended_at > started_at)
);
CREATE INDEX outage_started ON outage (started_at);
CREATE INDEX outage_station ON outage (station_id, started_at);
CREATE INDEX outage_open ON outage (evse_key) WHERE ended_at IS NULL;

-- Raw facts make themselves known.
CREATE FUNCTION contact_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contact_history (station_id, at, is_online, cause, last_seen_at)
    SELECT NEW.station_id, l.at, NEW.is_online, NEW.offline_cause, NEW.last_seen_at
    -- only who is to blame has changed: from now on
    FROM (SELECT CASE WHEN TG_OP = 'UPDATE' AND OLD.is_online = NEW.is_online THEN now()
        ELSE NEW.contact_changed_at END AS at) l;
    RETURN NULL;
END $$;
CREATE TRIGGER station_came AFTER INSERT ON station FOR EACH ROW
    WHEN (NEW.contact_changed_at IS NOT NULL) EXECUTE FUNCTION contact_changed();
CREATE TRIGGER contact_changed AFTER UPDATE OF is_online, offline_cause ON station FOR EACH ROW
    WHEN (NEW.contact_changed_at IS NOT NULL AND (OLD.is_online, OLD.offline_cause)
        IS DISTINCT FROM (NEW.is_online, NEW.offline_cause))
    EXECUTE FUNCTION contact_changed();

CREATE FUNCTION contact_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeline_request (evse_key, from_at)
    SELECT -s.station_key, min(a.at) FROM added a JOIN station s USING (station_id)
    GROUP BY s.station_key;
    RETURN NULL;
END $$;
CREATE TRIGGER contact_came AFTER INSERT ON contact_history
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION contact_came();

CREATE FUNCTION station_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeline_request (evse_key, from_at) VALUES (-NEW.station_key,
        coalesce(least(OLD.decommissioned_at, NEW.decommissioned_at), now()));
    RETURN NULL;
END $$;
CREATE TRIGGER station_left AFTER UPDATE OF decommissioned_at ON station FOR EACH ROW
    WHEN (OLD.decommissioned_at IS DISTINCT FROM NEW.decommissioned_at)
    EXECUTE FUNCTION station_left();

CREATE FUNCTION status_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeline_request (evse_key, from_at)
    SELECT evse_key, min(status_at) FROM added GROUP BY evse_key;
    RETURN NULL;
END $$;
CREATE TRIGGER status_came AFTER INSERT ON status_history
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION status_came();

CREATE FUNCTION session_state_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeline_request (evse_key, from_at)
    SELECT s.evse_key, min(a.state_at) FROM added a JOIN session s USING (session_id)
    WHERE s.evse_key > 0 GROUP BY s.evse_key;
    RETURN NULL;
END $$;
CREATE TRIGGER session_state_came AFTER INSERT ON session_state
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION session_state_came();

-- Readings move sessions on all the time: only what changes the evse's time counts here.
CREATE FUNCTION session_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeline_request (evse_key, from_at)
    VALUES (NEW.evse_key, least(NEW.started_at, OLD.started_at));
    IF OLD.evse_key <> NEW.evse_key THEN
        INSERT INTO timeline_request (evse_key, from_at) VALUES (OLD.evse_key, OLD.started_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER session_began AFTER INSERT ON session FOR EACH ROW
    WHEN (NEW.evse_key > 0) EXECUTE FUNCTION session_moved();
CREATE TRIGGER session_moved AFTER UPDATE OF started_at, ended_at, evse_key, charged_until ON session
    FOR EACH ROW
    WHEN (NEW.evse_key > 0 AND (OLD.started_at, OLD.ended_at, OLD.evse_key)
            IS DISTINCT FROM (NEW.started_at, NEW.ended_at, NEW.evse_key)
        OR NEW.ended_at IS NOT NULL AND OLD.charged_until IS DISTINCT FROM NEW.charged_until)
    EXECUTE FUNCTION session_moved();

CREATE FUNCTION exclusion_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeline_request (evse_key, from_at)
    SELECT e.evse_key, NEW.from_at FROM evse e JOIN station s USING (station_id)
    WHERE e.evse_key = NEW.evse_key OR s.station_id = NEW.station_id OR s.site_id = NEW.site_id;
    RETURN NULL;
END $$;
CREATE TRIGGER exclusion_changed AFTER INSERT OR UPDATE ON outage_exclusion
    FOR EACH ROW EXECUTE FUNCTION exclusion_changed();

-- What is known of the time before this file: the contact of today, sessions and statuses.
INSERT INTO contact_history (station_id, at, is_online, cause, last_seen_at)
SELECT station_id, coalesce((SELECT min(started_at) FROM session s
        WHERE s.station_id = station.station_id), contact_changed_at), true, NULL, last_seen_at
FROM station WHERE contact_changed_at IS NOT NULL;
INSERT INTO contact_history (station_id, at, is_online, cause, last_seen_at)
SELECT station_id, contact_changed_at, false, offline_cause, last_seen_at
FROM station WHERE contact_changed_at IS NOT NULL AND NOT is_online;
INSERT INTO timeline_request (evse_key, from_at)
SELECT -station_key, '2000-01-01' FROM station WHERE contact_changed_at IS NOT NULL;
