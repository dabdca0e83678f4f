-- Implausible sessions: why each is held back from billing, and what people decided about it.

-- Energy that people stated is a source of its own. The list only grew: no row needs to be read.
ALTER TABLE meter_value
    DROP CONSTRAINT meter_value_source_check,
    ADD CONSTRAINT meter_value_source_check CHECK
        (source IN ('meter', 'split', 'adjustment', 'power', 'import', 'correction')) NOT VALID;

-- What people's decisions added to what was measured: energy_wh - correction_wh is the meter's.
ALTER TABLE session ADD COLUMN correction_wh bigint NOT NULL DEFAULT 0;

CREATE TABLE session_doubt (
    session_id bigint NOT NULL,
    reason     text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    found_at   timestamptz NOT NULL,
    gone_at    timestamptz,
    PRIMARY KEY (session_id, reason)
);
COMMENT ON TABLE session_doubt IS 'Why a session is implausible, one row a reason (sql/doubts.py), with the numbers it was found by. gone_at: later readings explained it.';

CREATE TABLE session_decision (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id  bigint NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('accept', 'correct', 'void')),
    energy_wh   bigint CHECK (energy_wh BETWEEN 0 AND 10000000),  -- the true energy
    reasons     text[] NOT NULL,         -- the doubts it is about
    reason      text NOT NULL CHECK (length(trim(reason)) BETWEEN 3 AND 500),
    decided_by  text NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now(),
    form_key    text UNIQUE,             -- a form that is sent twice decides once
    -- written once by the job that books it
    applied_at  timestamptz,
    old_wh      bigint,
    new_wh      bigint,
    CHECK (CASE decision WHEN 'accept' THEN energy_wh IS NULL WHEN 'void' THEN energy_wh = 0
        ELSE energy_wh IS NOT NULL END),
    CHECK (num_nulls(applied_at, old_wh, new_wh) IN (0, 3))
);
COMMENT ON TABLE session_decision IS 'What people decided about implausible sessions: accept what was measured, correct it to the true energy, or void it. The newest of a session holds; none is ever changed.';
CREATE INDEX session_decision_session ON session_decision (session_id, decision_id DESC);
CREATE INDEX session_decision_open ON session_decision (session_id) WHERE applied_at IS NULL;
CREATE INDEX session_decision_applied ON session_decision (applied_at);
CREATE INDEX session_decision_decided ON session_decision (decided_at);

CREATE FUNCTION decision_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a decision is final: decide anew'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER session_decision_is_kept BEFORE DELETE ON session_decision
    FOR EACH ROW EXECUTE FUNCTION decision_is_final();
CREATE TRIGGER session_decision_is_final BEFORE UPDATE ON session_decision FOR EACH ROW
    WHEN (OLD.applied_at IS NOT NULL
        OR (OLD.session_id, OLD.decision, OLD.energy_wh, OLD.reasons, OLD.reason, OLD.decided_by,
            OLD.decided_at, OLD.form_key)
        IS DISTINCT FROM (NEW.session_id, NEW.decision, NEW.energy_wh, NEW.reasons, NEW.reason,
            NEW.decided_by, NEW.decided_at, NEW.form_key))
    EXECUTE FUNCTION decision_is_final();

-- The question is answered, whoever writes the row.
CREATE FUNCTION decision_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE review_item SET resolved_at = NEW.decided_at, resolved_by = NEW.decided_by,
        resolution = NEW.reason, decision = 'charge'
    WHERE kind = 'quarantine' AND session_id = NEW.session_id AND resolved_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER decision_made AFTER INSERT ON session_decision
    FOR EACH ROW EXECUTE FUNCTION decision_made();

-- A decision that has been booked frees the session's payment.
CREATE FUNCTION decision_applied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('payment', payment_id::text) FROM payment WHERE session_id = NEW.session_id;
    PERFORM pg_notify('review_item', '');
    RETURN NULL;
END $$;
CREATE TRIGGER decision_applied AFTER UPDATE ON session_decision
    FOR EACH ROW EXECUTE FUNCTION decision_applied();

-- The decision that holds for a session.
CREATE VIEW session_decided AS
SELECT DISTINCT ON (session_id) session_id, decision_id, decision, energy_wh, applied_at
FROM session_decision ORDER BY session_id, decision_id DESC;

-- Doubts nobody has decided about: sessions with such a row are in quarantine. Who accepts a
-- session accepts the doubts known then; who states its energy leaves no room for others.
CREATE VIEW open_doubt AS
SELECT d.session_id, d.reason, d.detail, d.found_at FROM session_doubt d
WHERE d.gone_at IS NULL AND NOT EXISTS (SELECT FROM session_decision c
    WHERE c.session_id = d.session_id
        AND (c.decision <> 'accept' OR d.reason = ANY (c.reasons)));

-- "This session has ended, or is no longer what it was when it ended": written with the change,
-- taken by the job `judge_sessions`.
CREATE TABLE session_change (
    change_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id bigint NOT NULL
);
COMMENT ON TABLE session_change IS 'Ended sessions that wait to be judged for doubts, because they are new or have changed.';

CREATE FUNCTION session_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO session_change (session_id) VALUES (NEW.session_id);
    RETURN NULL;
END $$;
CREATE FUNCTION sessions_came_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO session_change (session_id)
    SELECT session_id FROM added WHERE ended_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER session_came_ended AFTER INSERT ON session
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sessions_came_ended();
CREATE TRIGGER session_changed AFTER UPDATE OF started_at, ended_at, energy_wh, flags ON session
    FOR EACH ROW
    WHEN (NEW.ended_at IS NOT NULL AND (OLD.started_at, OLD.ended_at, OLD.energy_wh, OLD.flags)
        IS DISTINCT FROM (NEW.started_at, NEW.ended_at, NEW.energy_wh, NEW.flags))
    EXECUTE FUNCTION session_changed();

-- Those of before this file that may still be billed or corrected.
INSERT INTO session_change (session_id)
SELECT session_id FROM session WHERE ended_at > now() - interval '60 days';
CREATE INDEX review_item_session ON review_item (session_id) WHERE session_id IS NOT NULL;
