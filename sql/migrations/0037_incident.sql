-- What groups alerts into incidents, who is told of them and how, and what staff write about them.
-- docs/alerts.md describes the columns and what staff's actions must do.

-- The router (switch, SIM gateway) a station is connected through, by the name staff know it by:
-- stations of one site with the same name here lose contact together.
ALTER TABLE station ADD COLUMN router text
    CHECK (router = btrim(router) AND length(router) BETWEEN 1 AND 100);
-- Since when the firmware is what it is; null: it has not changed since this file.
ALTER TABLE station ADD COLUMN firmware_changed_at timestamptz;
CREATE FUNCTION station_firmware_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.firmware_changed_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER station_firmware_changed BEFORE UPDATE OF firmware_version ON station FOR EACH ROW
    WHEN (OLD.firmware_version IS NOT NULL AND NEW.firmware_version IS NOT NULL
        AND OLD.firmware_version <> NEW.firmware_version)
    EXECUTE FUNCTION station_firmware_changed();

ALTER TABLE incident
    -- station: alerts of one kind at one station; site: at several of one site; router: all stations
    -- behind one; firmware: one kind of failure at one build in several sites; platform: ourselves
    ADD COLUMN grouped_by text NOT NULL DEFAULT 'site'
        CHECK (grouped_by IN ('site', 'router', 'firmware', 'platform', 'station')),
    -- what tells apart open incidents of one kind and site: the router's name, the build
    ADD COLUMN group_key text NOT NULL DEFAULT '',
    -- {"router"} or {"alert_kind", "vendor", "model", "firmware_version", "is_after_change"}
    ADD COLUMN detail jsonb NOT NULL DEFAULT '{}',
    -- when the watchdog found it (opened_at: when it began); rules' delays are counted from here
    ADD COLUMN noticed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN reopened integer NOT NULL DEFAULT 0,     -- how often it came back
    -- how it ended. over: by itself; merged: another incident explains it (merged_into); planned:
    -- maintenance was entered for it; false_alarm: staff said so (resolved_by)
    ADD COLUMN resolution text CHECK (resolution IN ('over', 'merged', 'planned', 'false_alarm')),
    ADD COLUMN resolved_by text,
    ADD COLUMN merged_into bigint REFERENCES incident;
UPDATE incident SET noticed_at = opened_at,
    grouped_by = CASE WHEN kind IN ('platform', 'audit') THEN 'platform' ELSE 'site' END,
    resolution = CASE WHEN resolved_at IS NOT NULL THEN 'over' END;
DROP INDEX incident_one_open;
CREATE UNIQUE INDEX incident_one_open ON incident (kind, site_id, group_key) NULLS NOT DISTINCT
    WHERE resolved_at IS NULL;
CREATE INDEX incident_resolved ON incident (resolved_at DESC) WHERE resolved_at IS NOT NULL;
CREATE INDEX incident_site ON incident (site_id, opened_at DESC);
CREATE INDEX incident_merged ON incident (merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE alert
    -- planned maintenance lies over it until then: it belongs to no incident and tells nobody
    ADD COLUMN planned_until timestamptz,
    -- staff called it a false alarm: the same until it is over
    ADD COLUMN dismissed_at timestamptz,
    ADD COLUMN dismissed_by text,
    -- when the watchdog found it (raised_at: when it began)
    ADD COLUMN noticed_at timestamptz NOT NULL DEFAULT now();
UPDATE alert SET noticed_at = raised_at;
CREATE INDEX alert_kind ON alert (kind, noticed_at);
CREATE INDEX alert_station ON alert (station_id, raised_at DESC);

-- Of what staff have dismissed the board says nothing either.
CREATE OR REPLACE VIEW evse_watched AS
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
LEFT JOIN alert g ON g.kind = 'silent_evse' AND g.resolved_at IS NULL AND g.dismissed_at IS NULL
    AND g.station_id = v.station_id AND g.evse_id = v.evse_id
LEFT JOIN alert d ON d.kind = 'derated' AND d.resolved_at IS NULL AND d.dismissed_at IS NULL
    AND d.station_id = v.station_id AND d.evse_id = v.evse_id;

-- What staff write about an incident, by hand or with an action.
CREATE TABLE incident_note (
    note_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES incident,
    at          timestamptz NOT NULL DEFAULT now(),
    author      text NOT NULL,
    text        text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000)
);
CREATE INDEX incident_note_incident ON incident_note (incident_id, at);

-- What one shift told the next: the incidents as they were then, so that the list can be read later.
CREATE TABLE handover (
    handover_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    author      text NOT NULL,
    text        text NOT NULL DEFAULT '' CHECK (length(text) <= 10000),
    incidents   jsonb NOT NULL DEFAULT '[]'
);
CREATE INDEX handover_at ON handover (at DESC);

-- Who can be told. Nothing of low or high severity is sent between quiet_from and quiet_until, by
-- the clock of the incident's site; from 22:00 to 07:00 means over midnight.
CREATE TABLE receiver (
    receiver_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    channel     text NOT NULL CHECK (channel IN ('email', 'webhook')),
    address     text NOT NULL CHECK (length(address) <= 500),
    secret      text,                   -- of a webhook: signs what is sent; never shown again
    language    text NOT NULL DEFAULT 'sv' CHECK (language IN ('sv', 'en')),
    quiet_from  time,
    quiet_until time,
    is_active   boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until),
    CHECK (CASE channel WHEN 'email' THEN address ~ '^[^@\s]+@[^@\s]+$' AND length(address) <= 254
        ELSE address ~ '^https?://[^\s/?#@]+([/?#]\S*)?$' AND length(secret) BETWEEN 16 AND 200
            AND secret IS NOT NULL END)
);

-- Which incidents are told to whom: of this kind (null: all), at least this severe, of this site
-- (null: all), still there this long after they were noticed; and to whom else, if nobody has
-- acknowledged them so long after the first was due to be told.
CREATE TABLE alert_rule (
    rule_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text,
    severity      text NOT NULL DEFAULT 'low' CHECK (severity IN ('critical', 'high', 'low')),
    site_id       integer REFERENCES site,
    delay_seconds integer NOT NULL DEFAULT 0 CHECK (delay_seconds BETWEEN 0 AND 86400),
    receiver_id   integer NOT NULL REFERENCES receiver,
    escalate_after_seconds integer CHECK (escalate_after_seconds BETWEEN 60 AND 86400),
    escalate_to   integer REFERENCES receiver,
    is_active     boolean NOT NULL DEFAULT true,
    -- incidents noticed before are not told: a new rule does not ring for old news
    active_from   timestamptz NOT NULL DEFAULT now(),
    CHECK ((escalate_to IS NULL) = (escalate_after_seconds IS NULL)),
    CHECK (escalate_to <> receiver_id)
);
CREATE FUNCTION alert_rule_activated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.active_from := now();
    RETURN NEW;
END $$;
CREATE TRIGGER alert_rule_activated BEFORE UPDATE OF is_active ON alert_rule FOR EACH ROW
    WHEN (NEW.is_active AND NOT OLD.is_active) EXECUTE FUNCTION alert_rule_activated();

-- A message to one receiver about one incident. Told once per event and time that it came back,
-- whatever number of rules or processes says so.
CREATE TABLE delivery (
    delivery_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- goes with the message: who gets it twice can tell
    key           uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    incident_id   bigint REFERENCES incident,   -- null: a test
    receiver_id   integer NOT NULL REFERENCES receiver,
    rule_id       integer REFERENCES alert_rule ON DELETE SET NULL,
    event         text NOT NULL CHECK (event IN ('raised', 'escalated', 'resolved', 'test')),
    round         integer NOT NULL DEFAULT 0,   -- incident.reopened of that time
    -- waiting: to be sent at next_at (again, if attempts > 0); held: for quiet hours, until next_at;
    -- failed: given up; dropped: nothing left to tell, e.g. over before the quiet hours were
    state         text NOT NULL DEFAULT 'waiting'
                  CHECK (state IN ('waiting', 'held', 'sent', 'failed', 'dropped')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz,
    mail_id       bigint,               -- by e-mail: the row of `mail` that carries it
    sent_at       timestamptz,
    error         text,                 -- of the newest attempt; without address and secret
    -- of raised and escalated: its receiver need not be told of the end any more
    is_closed     boolean NOT NULL DEFAULT false,
    CHECK ((event = 'test') = (incident_id IS NULL)),
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE UNIQUE INDEX delivery_once ON delivery (incident_id, receiver_id, event, round);
CREATE INDEX delivery_due ON delivery (next_at) WHERE state IN ('waiting', 'held');
CREATE INDEX delivery_failed ON delivery (next_at) WHERE state = 'failed';
CREATE INDEX delivery_unclosed ON delivery (incident_id)
    WHERE event IN ('raised', 'escalated') AND NOT is_closed;
CREATE INDEX delivery_created ON delivery (created_at DESC);
CREATE INDEX delivery_receiver ON delivery (receiver_id, delivery_id DESC);

-- What staff may set of the watchdogs' thresholds. The rows are put there by the watchdog itself
-- (ingest/thresholds.py) with the standard value and what is allowed; staff set `value`.
CREATE TABLE watch_threshold (
    kind       text NOT NULL,           -- of the alerts it is about
    name       text NOT NULL,
    unit       text NOT NULL CHECK (unit IN ('seconds', 'days', 'pct', 'times', 'wh')),
    standard   integer NOT NULL,
    least      integer NOT NULL,
    most       integer NOT NULL,
    value      integer CHECK (value BETWEEN least AND most),    -- null: the standard
    changed_by text,
    changed_at timestamptz,
    PRIMARY KEY (kind, name),
    CHECK (standard BETWEEN least AND most)
);

-- Certificates that are in use, as they were last seen: our own for stations (station_id null), and
-- those stations log in with.
CREATE TABLE certificate (
    certificate_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station_id text REFERENCES station ON UPDATE CASCADE ON DELETE CASCADE,
    subject    text NOT NULL,
    issuer     text NOT NULL DEFAULT '',
    not_after  timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (station_id)
);
CREATE INDEX certificate_not_after ON certificate (not_after);

-- How jobs fare over several runs; `error` is of the newest one only, and empty while one runs.
ALTER TABLE job_run
    ADD COLUMN every_seconds double precision,
    ADD COLUMN failures integer NOT NULL DEFAULT 0,     -- in a row
    ADD COLUMN failed_since timestamptz,
    ADD COLUMN last_error text,
    ADD COLUMN last_ok_at timestamptz;

-- Viewers look again. (incident_notify tells when rows have changed.)
CREATE TRIGGER incident_note_notify AFTER INSERT ON incident_note
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION incident_notify();
CREATE TRIGGER delivery_notify_new AFTER INSERT ON delivery
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION incident_notify();
CREATE TRIGGER delivery_notify AFTER UPDATE ON delivery
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION incident_notify();
