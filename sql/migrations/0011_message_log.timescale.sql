-- What went over the wire, both directions, for 30 days: call and answer in one row.
CREATE TABLE message_log (
    received_at timestamptz NOT NULL,
    answer_ms   real,                     -- from received to answered
    station_id  text NOT NULL,
    direction   text NOT NULL CHECK (direction IN ('in', 'out')),  -- as seen from here
    message_id  text NOT NULL,            -- empty when the frame had none
    action      text,
    frame       text,
    answer      text,
    error_code  text,
    PRIMARY KEY (station_id, received_at, direction, message_id)
);
SELECT create_hypertable('message_log', by_range('received_at', interval '1 day'),
    create_default_indexes => false);

ALTER TABLE message_log SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'station_id',
    timescaledb.orderby = 'received_at'
);
CALL add_columnstore_policy('message_log', after => interval '2 days');
