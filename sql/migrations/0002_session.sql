-- Charging sessions: one row each, which is also the live row while it runs.

CREATE SEQUENCE session_id_seq AS bigint MAXVALUE 2147483647;  -- also 1.6's integer transactionId

CREATE TABLE session (
    session_id       bigint PRIMARY KEY DEFAULT nextval('session_id_seq'),
    operator_id      integer,
    site_id          integer,
    station_id       text NOT NULL,
    evse_id          integer NOT NULL,
    evse_key         integer NOT NULL,
    connector_id     integer,
    transaction_id   text NOT NULL,
    id_token         text,
    driver_id        bigint,
    tariff_hash      text,
    started_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    meter_start_wh   bigint,
    meter_stop_wh    bigint,
    energy_wh        bigint NOT NULL DEFAULT 0,   -- always the sum of its energy deltas
    -- the live row: the register that counting goes on from, and the newest of everything else
    register_wh      bigint,
    register_at      timestamptz,
    power_w          real,
    soc_pct          real,
    charging_state   text,
    state_at         timestamptz,
    first_reading_at timestamptz,
    last_reading_at  timestamptz,
    -- an implausible register waits for its successor: until then only the slow path may count
    candidate_wh     bigint,
    candidate_at     timestamptz,
    -- what the evse could deliver when the session began: a recomputation must judge alike
    limit_w          integer,
    stop_reason      text,
    stopped_by       text,
    flags            text[] NOT NULL DEFAULT '{}',
    version          integer NOT NULL DEFAULT 0,
    remote_start_id  integer,
    seq_no           bigint,
    -- what a repeated StartTransaction is recognised by: its content, as 1.6 has no id of its own
    start_hash       bigint,
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (station_id, transaction_id)
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX session_start_hash ON session (station_id, start_hash);
CREATE INDEX session_evse_started ON session (evse_key, started_at DESC);
CREATE INDEX session_started ON session (started_at);
CREATE INDEX session_open ON session (evse_key) WHERE ended_at IS NULL;
CREATE INDEX session_open_token ON session (lower(id_token)) WHERE ended_at IS NULL;
