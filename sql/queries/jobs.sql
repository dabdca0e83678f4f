-- Which job ran when.

-- name: try_lock(job)$
-- Held until the connection closes.
SELECT pg_try_advisory_lock(hashtext('kilowatch job ' || :job));

-- name: note_start(job)!
-- The job runs now.
INSERT INTO job_run (job, started_at) VALUES (:job, now())
ON CONFLICT (job) DO UPDATE SET started_at = now(), finished_at = NULL, error = NULL;

-- name: note_turn(job, every_seconds)!
-- The job runs now, and so often it should.
INSERT INTO job_run (job, started_at, every_seconds) VALUES (:job, now(), :every_seconds)
ON CONFLICT (job) DO UPDATE SET started_at = now(), finished_at = NULL, error = NULL,
    every_seconds = excluded.every_seconds;

-- name: note_end(job, error)!
-- The job has ended, well or with an error.
UPDATE job_run SET finished_at = now(), error = :error,
    failures = CASE WHEN :error::text IS NULL THEN 0 ELSE failures + 1 END,
    failed_since = CASE WHEN :error::text IS NOT NULL THEN coalesce(failed_since, started_at) END,
    last_error = coalesce(:error, last_error),
    last_ok_at = CASE WHEN :error::text IS NULL THEN now() ELSE last_ok_at END
WHERE job = :job;
