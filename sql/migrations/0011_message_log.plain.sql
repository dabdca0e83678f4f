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
) PARTITION BY RANGE (received_at);

CREATE TABLE message_log_default PARTITION OF message_log DEFAULT;
