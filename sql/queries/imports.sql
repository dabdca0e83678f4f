-- Files to import that were uploaded in the browser: what the job of ingest does with them.

-- name: claim_import^
-- The oldest file that waits, or that a process left behind: only one job takes any.
UPDATE import_request SET status = 'running', started_at = now(), rows_done = 0, rows_total = NULL,
    tries = tries + 1
WHERE request_id = (SELECT request_id FROM import_request WHERE finished_at IS NULL
    ORDER BY request_id LIMIT 1)
RETURNING request_id, kind, file_name, content, settings, is_trial, requested_by, tries;

-- name: begin_import(request_id, rows_total)!
-- So many rows there are.
UPDATE import_request SET rows_total = :rows_total WHERE request_id = :request_id;

-- name: tell_progress(request_id, rows_done)!
-- So many of them are done.
UPDATE import_request SET rows_done = :rows_done WHERE request_id = :request_id;

-- name: put_back(request_id)!
-- Another import is going on: later.
UPDATE import_request SET status = 'waiting', tries = tries - 1 WHERE request_id = :request_id;

-- name: finish_import(request_id, run_id, counts, problems)!
-- It is done; the file is forgotten.
UPDATE import_request SET status = 'done', finished_at = now(), content = NULL, run_id = :run_id,
    counts = :counts, problems = :problems, rows_done = coalesce(rows_total, rows_done)
WHERE request_id = :request_id;

-- name: fail_import(request_id, error)!
-- The file can't be used at all; it is forgotten.
UPDATE import_request SET status = 'failed', finished_at = now(), content = NULL, error = :error
WHERE request_id = :request_id;
