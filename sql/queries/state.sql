-- How the installation is: what the overview of administrators shows.

-- name: versions^
-- The server, TimescaleDB if there is one, and the newest migration.
SELECT current_setting('server_version') AS server,
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale,
    (SELECT engine FROM installation) AS engine, (SELECT time_zone FROM installation) AS time_zone,
    (SELECT max(name) FROM migration) AS migration, (SELECT count(*) FROM migration) AS migrations,
    pg_postmaster_start_time() AS started_at;

-- name: size$
-- Bytes of the database.
SELECT pg_database_size(current_database());

-- name: queues
-- What waits to be done, how much and since when.
SELECT * FROM (
    SELECT 'commands' AS name, count(*) AS n, min(requested_at) AS since FROM command
    WHERE status IN ('queued', 'claimed')
    UNION ALL SELECT 'payments', count(*), min(created_at) FROM outbox WHERE finished_at IS NULL
    UNION ALL SELECT 'webhooks', count(*), min(received_at) FROM stripe_event
        WHERE processed_at IS NULL
    UNION ALL SELECT 'mails', count(*), min(created_at) FROM mail
        WHERE sent_at IS NULL AND failed_at IS NULL
    UNION ALL SELECT 'deliveries', count(*), min(created_at) FROM delivery
        WHERE state IN ('waiting', 'held')
    UNION ALL SELECT 'files', count(*), min(requested_at) FROM file_request
        WHERE finished_at IS NULL
    UNION ALL SELECT 'imports', count(*), min(requested_at) FROM import_request
        WHERE finished_at IS NULL
    UNION ALL SELECT 'rollups', count(*), min(requested_at) FROM rollup_refresh_request
    UNION ALL SELECT 'timelines', count(*), NULL FROM timeline_request
) q;

-- name: jobs
-- Jobs by their last runs.
SELECT job, started_at, finished_at, error, every_seconds, failures, failed_since, last_error,
    last_ok_at
FROM job_run WHERE every_seconds IS NOT NULL ORDER BY job;

-- name: workers
-- Processes that hold stations' sockets, and how many each.
SELECT worker_id, count(*) AS stations, max(lease_until) AS lease_until FROM connection
WHERE lease_until > now() - interval '1 hour' GROUP BY worker_id ORDER BY worker_id;

-- name: complete_until$
-- Up to when the rollups hold every reading: now, unless late ones wait for their refresh.
SELECT coalesce(min(from_at), now()) FROM rollup_refresh_request;

-- name: kept_from
-- Since when raw rows are all there.
SELECT relation, kept_from FROM retention ORDER BY relation;
