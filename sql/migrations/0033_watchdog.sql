-- What the watchdogs know: whom they are asking, what is normal for each evse, when alerts ended.

-- A doubt and what was done about it: a station that is silent on an open socket, a session that
-- nobody hears of any more. ingest/probes.py says what follows from what; a row survives restarts.
CREATE TABLE probe (
    probe_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('contact', 'session')),
    station_id      text NOT NULL,
    session_id      bigint,
    -- contact: silent; session: silent | available | booted | no_contact
    reason          text NOT NULL,
    evidence_at     timestamptz NOT NULL,   -- the newest there was when the doubt began
    session_version integer,                -- of that moment: a higher one is news from the station
    began_at        timestamptz NOT NULL,
    step            text,                   -- what was asked last, by which command, and how often
    command_id      bigint,
    asked_at        timestamptz,
    tries           integer NOT NULL DEFAULT 0,
    ended_at        timestamptz,
    -- contact: heard | silent | gone; session: alive | believed | ended | gone | closed
    outcome         text,
    CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CHECK ((kind = 'session') = (session_id IS NOT NULL))
);
-- The database arbitrates between watchdogs: one open probe each.
CREATE UNIQUE INDEX probe_one_open ON probe (kind, station_id, session_id) NULLS NOT DISTINCT
    WHERE ended_at IS NULL;
CREATE INDEX probe_session ON probe (session_id, probe_id) WHERE session_id IS NOT NULL;
CREATE INDEX probe_ended ON probe (ended_at);

-- What is normal for an evse, from its own past; worked out hourly. Null: too few sessions to say.
CREATE TABLE evse_normal (
    evse_key               integer PRIMARY KEY REFERENCES evse ON DELETE CASCADE,
    gap_p95_seconds        integer,   -- from the end of a success to the start of the next
    power_p90_w            integer,   -- mean power while energy flowed: 90 % of sessions had less
    -- how many of the newest sessions in a row had less than half of that, since when, the best of
    -- them; and which share of the others had more
    slow_run               integer,
    slow_since             timestamptz,
    slow_power_w           integer,
    fast_share             real,
    sessions               integer NOT NULL DEFAULT 0,   -- successes that this is worked out from
    computed_at            timestamptz,
    meter_interval_seconds integer,   -- between the readings of its newest metered session
    interval_at            timestamptz
) WITH (fillfactor = 70);

-- Since when what an alert told of is over; it is resolved when that has lasted for long enough.
ALTER TABLE alert ADD COLUMN over_at timestamptz;
CREATE INDEX alert_resolved ON alert (resolved_at) WHERE resolved_at IS NOT NULL;

-- Which station's clocks are off is told by what arrived lately.
CREATE INDEX status_history_received ON status_history (received_at);

-- Viewers are told of changes, not of rounds that changed nothing; of evses that look different
-- since (silent, derated) by their keys.
DROP TRIGGER incident_notify ON incident;
DROP TRIGGER alert_notify ON alert;
CREATE OR REPLACE FUNCTION incident_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed) THEN
        PERFORM pg_notify('incident', '');
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION alert_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed) THEN
        PERFORM pg_notify('incident', '');
        PERFORM pg_notify('evse', CASE WHEN count(*) > 700 THEN '*'
            ELSE string_agg(e.evse_key::text, ',') END)
        FROM changed a JOIN evse e USING (station_id, evse_id)
        WHERE a.kind IN ('silent_evse', 'derated') HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER incident_notify_new AFTER INSERT ON incident
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION incident_notify();
CREATE TRIGGER incident_notify AFTER UPDATE ON incident
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION incident_notify();
CREATE TRIGGER alert_notify_new AFTER INSERT ON alert
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION alert_notify();
CREATE TRIGGER alert_notify AFTER UPDATE ON alert
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION alert_notify();

-- evse_state as staff see it: of what is available it is said when its own record speaks against it.
-- Drivers and whoever asks by the API see evse_state itself: there the evse can be used.
CREATE VIEW evse_watched AS
SELECT v.evse_key, v.station_id, v.evse_id, v.public_code, v.max_power_w, v.site_id, v.is_online,
    v.last_seen_at, v.contact_changed_at, v.offline_cause,
    CASE WHEN v.state <> 'available' THEN v.state WHEN g.alert_id IS NOT NULL THEN 'silent'
        WHEN d.alert_id IS NOT NULL THEN 'derated' ELSE v.state END AS state,
    CASE WHEN v.state = 'available' THEN coalesce(g.raised_at, d.raised_at, v.state_since)
        ELSE v.state_since END AS state_since,
    v.connectors, v.standards, v.status, v.charging_state, v.status_at, v.error_code, v.info,
    v.session_id, v.started_at, v.energy_wh, v.power_w, v.soc_pct, v.id_token, v.register_at,
    v.session_version
FROM evse_state v
LEFT JOIN alert g ON g.kind = 'silent_evse' AND g.resolved_at IS NULL
    AND g.station_id = v.station_id AND g.evse_id = v.evse_id
LEFT JOIN alert d ON d.kind = 'derated' AND d.resolved_at IS NULL
    AND d.station_id = v.station_id AND d.evse_id = v.evse_id;
