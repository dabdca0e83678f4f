-- What the audits of the numbers looked at and found.

CREATE TABLE number_check (
    checked_at  timestamptz NOT NULL,
    name        text NOT NULL,
    from_at     timestamptz NOT NULL,
    until_at    timestamptz NOT NULL,
    ok          boolean NOT NULL,
    checked     bigint NOT NULL,
    differences bigint NOT NULL,
    PRIMARY KEY (name, from_at, until_at, checked_at)
);
COMMENT ON TABLE number_check IS 'Every run of an audit of the numbers: what was checked over which time, how many rows it looked at, how many of them differ.';
CREATE INDEX number_check_at ON number_check (checked_at);

CREATE TABLE number_difference (
    difference_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL,
    subject       text NOT NULL,
    at            timestamptz NOT NULL,   -- the time it is about
    expected      text NOT NULL,
    found         text NOT NULL,
    evidence      jsonb NOT NULL DEFAULT '{}',
    found_at      timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL,
    resolved_at   timestamptz
);
COMMENT ON TABLE number_difference IS 'A number that is not what the raw facts say: open until an audit of its time no longer finds it.';
CREATE UNIQUE INDEX number_difference_open ON number_difference (name, subject)
    WHERE resolved_at IS NULL;

CREATE TABLE audit_request (
    request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_at    timestamptz NOT NULL,
    until_at   timestamptz NOT NULL
);
COMMENT ON TABLE audit_request IS 'Facts of days that were over have come or changed: the next night audits those days again.';

CREATE TABLE audit_day (
    from_at timestamptz PRIMARY KEY       -- the operator's midnight it begins with
);
COMMENT ON TABLE audit_day IS 'Days that wait to be audited again.';

-- Late rows say so themselves, for the rollups; days that were over are audited once more.
CREATE FUNCTION audit_requested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_request (from_at, until_at) VALUES (NEW.from_at, NEW.to_at);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_requested AFTER INSERT ON rollup_refresh_request FOR EACH ROW
    WHEN (NEW.from_at < date_trunc('day', now(), {{time_zone}}))
    EXECUTE FUNCTION audit_requested();
