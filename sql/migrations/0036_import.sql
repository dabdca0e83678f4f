-- What was brought in from earlier systems: which file, which line, what became of it.

CREATE TABLE import_run (
    run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('sessions', 'stations')),
    source      text NOT NULL,           -- the earlier system: what its numbers are unique within
    file_name   text NOT NULL,
    sha256      text NOT NULL,           -- of the file's bytes
    settings    jsonb NOT NULL,          -- columns, time zone, formats: how the file was read
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,             -- null: interrupted; the same command goes on from there
    counts      jsonb NOT NULL DEFAULT '{}'   -- rows by what became of them
);
COMMENT ON TABLE import_run IS 'One import of one file: how it was read and what came of it.';

CREATE TABLE import_row (
    run_id     bigint NOT NULL REFERENCES import_run,
    line       integer NOT NULL,         -- in the file, where the row begins; for JSON: its place
    status     text NOT NULL CHECK (status IN ('imported', 'changed', 'rejected')),
    session_id bigint,
    -- what makes it the same row in another file, and what it said: two hashes
    identity   uuid,
    content    uuid,
    field      text,
    problem    text,
    cells      jsonb,                    -- the row as it was, where it was not imported
    PRIMARY KEY (run_id, line)
);
COMMENT ON TABLE import_row IS
    'A row that was imported, or was not and why; rows that were known already are only counted.';
CREATE UNIQUE INDEX import_row_identity ON import_row (identity) WHERE status = 'imported';
CREATE INDEX import_row_session ON import_row (session_id) WHERE session_id IS NOT NULL;

-- Places of public databases and of other networks have numbers of their own, which stay when the
-- place is renamed.
CREATE TABLE import_site (
    source      text NOT NULL,
    external_id text NOT NULL,
    site_id     integer NOT NULL REFERENCES site ON DELETE CASCADE,
    PRIMARY KEY (source, external_id)
);
COMMENT ON TABLE import_site IS 'Which site is which place of a NOBIL file or of another network.';

-- A session that was brought in was settled where it came from: it is never charged here, whenever
-- it ended and whoever asks.
CREATE FUNCTION ended_session_skips_imported() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM session WHERE session_id = NEW.session_id AND 'imported' = ANY(flags)) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ended_session_skips_imported BEFORE INSERT ON ended_session
    FOR EACH ROW EXECUTE FUNCTION ended_session_skips_imported();
