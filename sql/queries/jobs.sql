-- Which job ran when.

-- name: try_lock(job)$
-- Held until the connection closes.
SELECT pg_try_advisory_lock(hashtext('kilowatch job ' || :job));

-- name: note_start(job)!
-- The job runs now.
INSERT INTO job_run (job, started_at) VALUES (:job, now())
ON CONFLICT (job) DO UPDATE SET started_at = now(), finished_at = NULL, error = NULL;

-- name: note_end(job, error)!
-- The job has ended, well or with an error.
UPDATE job_run SET finished_at = now(), error = :error WHERE job = :job;
