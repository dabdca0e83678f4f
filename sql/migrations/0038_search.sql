-- Finding anything by what somebody has of it: a few letters, a number, what stands on a receipt.
-- docs/search.md. And what staff know of a station beside its messages.

-- Beginnings of words are ranges in byte order, whatever plan is chosen: hence the collation.
CREATE INDEX session_transaction ON session (transaction_id);
CREATE INDEX id_token_begin ON id_token ((lower(id_token) COLLATE "C"));
CREATE INDEX evse_code_begin ON evse ((lower(replace(public_code, '-', '')) COLLATE "C"));
CREATE INDEX payment_reference_begin ON payment
    ((lower(replace(reference, '-', '')) COLLATE "C"));

-- What staff write about a station: a note, and what holds until the next line of its kind: who is
-- host of the site, which technician comes, which spare part is where. Lines are added, never changed.
CREATE TABLE station_note (
    note_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station_id text NOT NULL REFERENCES station ON UPDATE CASCADE ON DELETE CASCADE,
    kind       text NOT NULL DEFAULT 'note' CHECK (kind IN ('note', 'host', 'technician', 'part')),
    at         timestamptz NOT NULL DEFAULT now(),
    author     text NOT NULL,
    text       text NOT NULL CHECK (length(btrim(text)) BETWEEN 1 AND 2000)
);
CREATE INDEX station_note_station ON station_note (station_id, kind, at DESC);

-- Which firmware a station has had, and since when we know: one row per change.
CREATE TABLE firmware_history (
    station_id       text NOT NULL REFERENCES station ON UPDATE CASCADE ON DELETE CASCADE,
    at               timestamptz NOT NULL,
    vendor           text,
    model            text,
    firmware_version text NOT NULL,
    PRIMARY KEY (station_id, at)
);
CREATE FUNCTION firmware_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO firmware_history (station_id, at, vendor, model, firmware_version)
    VALUES (NEW.station_id, coalesce(NEW.booted_at, now()), NEW.vendor, NEW.model,
        NEW.firmware_version)
    ON CONFLICT (station_id, at) DO UPDATE SET vendor = excluded.vendor, model = excluded.model,
        firmware_version = excluded.firmware_version;
    RETURN NULL;
END $$;
CREATE TRIGGER firmware_noted_first AFTER INSERT ON station FOR EACH ROW
    WHEN (NEW.firmware_version IS NOT NULL) EXECUTE FUNCTION firmware_noted();
CREATE TRIGGER firmware_noted AFTER UPDATE OF firmware_version ON station FOR EACH ROW
    WHEN (NEW.firmware_version IS NOT NULL
        AND NEW.firmware_version IS DISTINCT FROM OLD.firmware_version)
    EXECUTE FUNCTION firmware_noted();
INSERT INTO firmware_history (station_id, at, vendor, model, firmware_version)
SELECT station_id, coalesce(booted_at, created_at), vendor, model, firmware_version
FROM station WHERE firmware_version IS NOT NULL;

-- Log files that stations were asked for. A station is given an address of its own, which takes one
-- file and only until `expires_at`; only a hash of the secret in it is kept.
CREATE TABLE station_log (
    log_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station_id   text NOT NULL REFERENCES station ON UPDATE CASCADE ON DELETE CASCADE,
    command_id   bigint UNIQUE,
    token_hash   bytea NOT NULL UNIQUE,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    received_at  timestamptz,
    remote       text,
    file_name    text CHECK (length(file_name) <= 200),
    content      bytea,
    CHECK ((received_at IS NULL) = (content IS NULL))
);
CREATE INDEX station_log_station ON station_log (station_id, requested_at DESC);
CREATE INDEX station_log_requested ON station_log (requested_at);

-- What stations told of themselves: few frames among many.
CREATE INDEX message_log_told ON message_log (station_id, received_at DESC)
    WHERE action IN ('NotifyReport', 'FirmwareStatusNotification', 'SecurityEventNotification',
        'LogStatusNotification', 'DiagnosticsStatusNotification');
