-- Every reading, one wide row per timestamp of a MeterValue. Rows are facts: only ever added. No
-- foreign keys (they cost as much as the row), widest columns first (no padding).
CREATE TABLE meter_value (
    measured_at     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    session_id      bigint,
    reading_hash    bigint NOT NULL,      -- of the canonical content: the same reading never counts twice
    energy_wh       bigint,               -- the register
    energy_delta_wh bigint,               -- what it adds to its session: the fact that is summed
    evse_key        integer NOT NULL,     -- -station_key for the station's own main meter (evse 0)
    evse_id         integer NOT NULL,
    revision        integer NOT NULL DEFAULT 0,
    power_w         real,
    current_a       real,
    voltage_v       real,
    soc_pct         real,
    station_id      text NOT NULL,
    source          text NOT NULL
                    CHECK (source IN ('meter', 'split', 'adjustment', 'power', 'import')),
    context         text,
    flags           text[] CHECK (flags <> '{}'),   -- what is implausible about it; null when nothing
    extra           jsonb,                -- measurands without a column of their own
    PRIMARY KEY (evse_key, measured_at, reading_hash, revision),
    CHECK (evse_id > 0 AND evse_key > 0 OR evse_id = 0 AND evse_key < 0)
);
SELECT create_hypertable('meter_value', by_range('measured_at', interval '7 days'),
    create_default_indexes => false);

ALTER TABLE meter_value SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'evse_key',
    timescaledb.orderby = 'measured_at'
);
CALL add_columnstore_policy('meter_value', after => interval '7 days');
