-- What a session's fold over its readings stands on (ingest/metering.py), and signed readings.

-- Null or 0 while registers count and rise, as nearly always.
ALTER TABLE session
    ADD COLUMN power_at       timestamptz,                 -- when power_w was read
    ADD COLUMN candidate_seen integer NOT NULL DEFAULT 0,  -- registers on the line of candidate_wh
    -- what energy is counted from: null (nothing yet), register, interval, clock (intervals aligned
    -- to it), power
    ADD COLUMN energy_basis   text CHECK (energy_basis IN ('register', 'interval', 'clock', 'power')),
    ADD COLUMN power_sum      bigint NOT NULL DEFAULT 0,   -- half W milliseconds that power adds up to
    ADD COLUMN interval_at    timestamptz,                 -- where the newest interval ended
    ADD COLUMN interval_mwh   integer NOT NULL DEFAULT 0,  -- of intervals: not yet a whole Wh
    -- the newest live reading whose time was far from its arrival's (clock_skew)
    ADD COLUMN lag_seconds    integer,
    ADD COLUMN lag_at         timestamptz;

CREATE TABLE evse_meter_key (
    evse_key      integer NOT NULL,
    public_key    text NOT NULL,           -- as it was given: DER in hexadecimal or base64, or PEM
    source        text NOT NULL CHECK (source IN ('staff', 'station')),
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (evse_key, public_key)
);
COMMENT ON TABLE evse_meter_key IS 'Public keys of the meters of evses: registered by staff, or sent by the station with its first signed readings. Where staff registered one, no other is believed.';

CREATE TABLE signed_meter_value (
    signed_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id  bigint,
    measured_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    raw_hash    bigint NOT NULL,
    plain_wh    bigint,                    -- the register that the message gave beside it
    evse_key    integer NOT NULL,
    evse_id     integer NOT NULL,
    register_wh numeric,                   -- the one in a valid record
    station_id  text NOT NULL,
    context     text,
    encoding    text,                      -- the station's words: OCMF, EDL, ..
    method      text,
    raw         text NOT NULL,
    public_key  text,                      -- what it was checked by
    verified    text NOT NULL
                CHECK (verified IN ('valid', 'invalid', 'no_key', 'unreadable', 'unsupported')),
    detail      text,
    UNIQUE NULLS NOT DISTINCT (evse_key, session_id, raw_hash)
);
COMMENT ON TABLE signed_meter_value IS 'Signed readings exactly as stations sent them, and whether their signature holds.';
CREATE INDEX signed_meter_value_session ON signed_meter_value (session_id, measured_at);
