-- What administrators do in the browser: stations that must come in anew, files to import, people
-- and their one-time links.

-- A socket is good for as long as what let it in: whoever came in under an older number is sent
-- away, by the notice or by the next extension of its lease.
ALTER TABLE station ADD COLUMN entry_version integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN station.entry_version IS
    'Counts what ends open sockets: a new password, retirement.';
CREATE FUNCTION station_entry_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('entry', NEW.station_id || ' ' || NEW.entry_version);
    RETURN NULL;
END $$;
-- The same notice lets its worker look again at what staff have changed of it.
CREATE TRIGGER station_entry_notify AFTER UPDATE OF entry_version, trace_until, site_id ON station
    FOR EACH ROW WHEN (NEW.entry_version > OLD.entry_version
        OR NEW.trace_until IS DISTINCT FROM OLD.trace_until
        OR NEW.site_id IS DISTINCT FROM OLD.site_id)
    EXECUTE FUNCTION station_entry_notify();

-- Who looks at the network sees a station go, or come back.
CREATE FUNCTION station_retired_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('evse', '*');
    RETURN NULL;
END $$;
CREATE TRIGGER station_retired_notify AFTER UPDATE OF decommissioned_at ON station FOR EACH ROW
    WHEN (OLD.decommissioned_at IS DISTINCT FROM NEW.decommissioned_at)
    EXECUTE FUNCTION station_retired_notify();

-- A file that somebody uploaded: ingest reads it, and forgets its bytes when it is done.
CREATE TABLE import_request (
    request_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('sessions', 'stations', 'id_tokens')),
    file_name    text NOT NULL CHECK (length(file_name) BETWEEN 1 AND 200),
    sha256       text NOT NULL,
    bytes        integer NOT NULL CHECK (bytes > 0),
    content      bytea,                      -- null: done, and forgotten
    settings     jsonb NOT NULL DEFAULT '{}',  -- format, source, time_zone, date_order, decimal, map
    is_trial     boolean NOT NULL DEFAULT false,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    status       text NOT NULL DEFAULT 'waiting'
                 CHECK (status IN ('waiting', 'running', 'done', 'failed')),
    tries        integer NOT NULL DEFAULT 0,
    rows_total   integer,                    -- lines of a table, objects of a document
    rows_done    integer NOT NULL DEFAULT 0,
    started_at   timestamptz,
    finished_at  timestamptz,
    run_id       bigint REFERENCES import_run,
    counts       jsonb,
    problems     jsonb,                      -- of a trial: the first rows that would be refused
    error        text,
    CHECK ((finished_at IS NULL) = (status IN ('waiting', 'running'))),
    CHECK ((content IS NULL) = (finished_at IS NOT NULL))
);
COMMENT ON TABLE import_request IS
    'A file to import as somebody asked for it in the browser, how far it is, what came of it.';
CREATE INDEX import_request_open ON import_request (request_id) WHERE finished_at IS NULL;
-- Pressed twice it is asked for once.
CREATE UNIQUE INDEX import_request_once ON import_request (kind, sha256, is_trial)
    WHERE finished_at IS NULL;
CREATE FUNCTION import_request_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('import_request', NEW.request_id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER import_request_notify AFTER INSERT OR UPDATE ON import_request
    FOR EACH ROW EXECUTE FUNCTION import_request_notify();
ALTER TABLE import_run DROP CONSTRAINT import_run_kind_check,
    ADD CONSTRAINT import_run_kind_check CHECK (kind IN ('sessions', 'stations', 'id_tokens'));

-- A link that lets a person choose a password, once.
CREATE TABLE password_link (
    token_hash bytea PRIMARY KEY,            -- SHA-256: the token itself has 256 random bits
    user_id    integer NOT NULL REFERENCES app_user ON DELETE CASCADE,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
COMMENT ON TABLE password_link IS
    'Links that administrators hand out so that a person chooses a password; good once.';
CREATE INDEX password_link_user ON password_link (user_id);

ALTER TABLE app_user ADD COLUMN last_login_at timestamptz;

-- Somebody must be able to let others in: the last administrator stays one, whoever asks. The lock
-- makes two who remove each other at once wait for one another.
CREATE FUNCTION app_user_keeps_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7112041);
    IF NOT EXISTS (SELECT FROM app_user
            WHERE role = 'admin' AND is_active AND user_id <> OLD.user_id) THEN
        RAISE EXCEPTION 'the last administrator stays one'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'app_user_keeps_an_admin';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER app_user_keeps_an_admin BEFORE UPDATE OF role, is_active ON app_user
    FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.is_active
        AND (NEW.role <> 'admin' OR NOT NEW.is_active))
    EXECUTE FUNCTION app_user_keeps_an_admin();
CREATE TRIGGER app_user_stays_an_admin BEFORE DELETE ON app_user
    FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.is_active)
    EXECUTE FUNCTION app_user_keeps_an_admin();

-- Open streams of somebody who may no longer look end at once.
CREATE FUNCTION app_user_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('app_user', OLD.user_id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER app_user_notify AFTER UPDATE OF role, is_active, session_salt ON app_user
    FOR EACH ROW EXECUTE FUNCTION app_user_notify();

-- The log is read by who, what and whom, newest first.
CREATE INDEX audit_log_order ON audit_log (at DESC, audit_id DESC);
DROP INDEX audit_log_at;
CREATE INDEX audit_log_actor ON audit_log (actor, at DESC, audit_id DESC);
CREATE INDEX audit_log_action ON audit_log (action, at DESC, audit_id DESC);
CREATE INDEX audit_log_subject ON audit_log (lower(subject) text_pattern_ops, at DESC);

-- A list of tags is searched by how they begin.
CREATE INDEX id_token_prefix ON id_token (lower(id_token) text_pattern_ops);

-- Retired stations are no part of the network any more; what they did stays in the books.
CREATE OR REPLACE VIEW evse_state AS
SELECT
    e.evse_key, e.station_id, e.evse_id, e.public_code, e.max_power_w,
    s.site_id, s.is_online, s.last_seen_at, s.contact_changed_at, s.offline_cause,
    CASE
        -- never connected is not lost: nobody who counts by state may take it for harm
        WHEN NOT s.is_online AND s.contact_changed_at IS NULL THEN 'unconnected'
        WHEN NOT s.is_online OR c.status IS NULL AND o.session_id IS NULL THEN 'unknown'
        WHEN c.status = 'Faulted' OR s.status = 'Faulted' THEN 'faulted'
        WHEN c.status = 'Unavailable' OR s.status = 'Unavailable' THEN 'unavailable'
        WHEN o.session_id IS NOT NULL AND coalesce(o.charging_state, c.charging_state, 'Charging')
            IN ('SuspendedEV', 'SuspendedEVSE') THEN 'suspended'
        WHEN o.session_id IS NOT NULL AND coalesce(o.charging_state, c.charging_state, 'Charging')
            = 'EVConnected' THEN 'preparing'
        WHEN o.session_id IS NOT NULL AND coalesce(o.charging_state, c.charging_state) = 'Idle'
            THEN 'finished'
        WHEN o.session_id IS NOT NULL THEN 'charging'
        WHEN c.status = 'Reserved' THEN 'reserved'
        WHEN c.charging_state = 'Charging' THEN 'charging'
        WHEN c.charging_state IN ('SuspendedEV', 'SuspendedEVSE') THEN 'suspended'
        WHEN c.charging_state = 'Idle' OR c.status = 'Occupied' AND c.charging_state IS NULL
            AND EXISTS (SELECT FROM session l WHERE l.evse_key = e.evse_key
                AND l.ended_at >= c.status_at AND l.started_at <= now()) THEN 'finished'
        WHEN c.status = 'Occupied' THEN 'preparing'
        ELSE 'available'
    END AS state,
    CASE WHEN s.is_online THEN greatest(c.status_at, o.started_at)
         ELSE coalesce(s.contact_changed_at, s.last_seen_at) END AS state_since,
    c.connectors, c.standards, c.status, coalesce(o.charging_state, c.charging_state) AS charging_state,
    c.status_at, coalesce(c.error_code, s.error_code) AS error_code, c.info,
    o.session_id, o.started_at, o.energy_wh, o.power_w, o.soc_pct, o.id_token, o.register_at,
    o.version AS session_version
FROM evse e
JOIN station s USING (station_id)
LEFT JOIN LATERAL (
    -- The connector that tells most about the evse: one vehicle at a time, so the worst fault is
    -- only the evse's if no connector is usable, and any occupied one is the one in use.
    SELECT (array_agg(c.status ORDER BY rank, status_at DESC))[1] AS status,
        (array_agg(c.charging_state ORDER BY rank, status_at DESC))[1] AS charging_state,
        (array_agg(c.status_at ORDER BY rank, status_at DESC))[1] AS status_at,
        (array_agg(c.error_code ORDER BY rank, status_at DESC))[1] AS error_code,
        (array_agg(c.info ORDER BY rank, status_at DESC))[1] AS info,
        array_agg(c.connector_id ORDER BY connector_id) AS connectors,
        array_agg(c.standard ORDER BY connector_id) AS standards
    FROM (
        SELECT connector.*, array_position(
            ARRAY['Occupied', 'Reserved', 'Available', 'Faulted', 'Unavailable'], status) AS rank
        FROM connector WHERE evse_key = e.evse_key
    ) c
) c ON true
LEFT JOIN LATERAL (
    SELECT * FROM session o WHERE o.evse_key = e.evse_key AND o.ended_at IS NULL
    ORDER BY o.started_at DESC LIMIT 1
) o ON true
WHERE (s.decommissioned_at > now()) IS NOT FALSE;
