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
