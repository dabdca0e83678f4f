-- What the upkeep procedures of the next file know.

-- "Rows between these instants came late." Written in the commit that holds the late rows, taken
-- by process_refresh_requests; rollups are complete up to the oldest request that is open.
CREATE TABLE rollup_refresh_request (
    request_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_at      timestamptz NOT NULL,
    to_at        timestamptz NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    CHECK (from_at <= to_at AND isfinite(from_at) AND isfinite(to_at))
);

-- Since when the rows of a relation are all there; earlier ones may be gone, their rollups are not.
CREATE TABLE retention (
    relation  text PRIMARY KEY,
    kept_from timestamptz NOT NULL
);
