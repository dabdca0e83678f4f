-- What imports from files read and write. Sets of rows come as one array per column.

-- name: try_lock()$
-- One import at a time: true if it is ours until the connection ends.
SELECT pg_try_advisory_lock(7_112_036);

-- name: known_evses()
-- Every evse and what its sessions are given.
SELECT e.evse_key, e.evse_id, e.max_power_w, e.station_id, t.operator_id, s.site_id, e.public_code
FROM evse e JOIN station s USING (station_id) LEFT JOIN site t USING (site_id);

-- name: kept_from()$
-- Readings before this instant are gone; null: none are.
SELECT max(kept_from) FROM retention WHERE relation = 'meter_value';

-- name: start_run(kind, source, file_name, sha256, settings)$
-- An import of one file begins.
INSERT INTO import_run (kind, source, file_name, sha256, settings)
VALUES (:kind, :source, :file_name, :sha256, :settings::jsonb) RETURNING run_id;

-- name: finish_run(run_id, counts, at)!
-- An import has come to the file's end.
UPDATE import_run SET finished_at = :at, counts = :counts::jsonb WHERE run_id = :run_id;

-- name: known_rows(identities)
-- Rows that were imported before, by what makes them the same, and their sessions as they are now.
SELECT r.identity::text, r.content::text, r.line, n.sha256, n.file_name, r.session_id,
    s.station_id, s.evse_id, s.started_at, s.ended_at, s.energy_wh, s.id_token
FROM import_row r JOIN import_run n USING (run_id) LEFT JOIN session s USING (session_id)
WHERE r.identity = ANY(:identities::uuid[]) AND r.status = 'imported';

-- name: overlapping_sessions(places, evse_keys, starts, ends)
-- Sessions that were on an evse within a time, by the place of the asking row. As sessions of an
-- evse follow each other, one that reaches in is among the last to begin before the time is over;
-- one that took no time at all is taken for a microsecond long.
SELECT w.place, o.session_id, o.started_at, o.ended_at
FROM unnest(:places::integer[], :evse_keys::integer[], :starts::timestamptz[],
    :ends::timestamptz[]) AS w(place, evse_key, started_at, ended_at)
CROSS JOIN LATERAL (
    SELECT s.session_id, s.started_at, s.ended_at FROM session s
    WHERE s.evse_key = w.evse_key
        AND s.started_at < greatest(w.ended_at, w.started_at + interval '1 microsecond')
    ORDER BY s.started_at DESC LIMIT 3) o
WHERE greatest(coalesce(o.ended_at, 'infinity'), o.started_at + interval '1 microsecond')
    > w.started_at
ORDER BY w.place, o.started_at DESC;

-- name: add_rows!
-- What became of rows.
INSERT INTO import_row (run_id, line, status, session_id, identity, content, field, problem, cells)
SELECT :run_id, n.line, n.status, n.session_id, n.identity, n.content, n.field, n.problem,
    n.cells::jsonb
FROM unnest(:line::integer[], :status::text[], :session_id::bigint[], :identity::uuid[],
    :content::uuid[], :field::text[], :problem::text[], :cells::text[])
    AS n(line, status, session_id, identity, content, field, problem, cells);

-- name: part_from_drivers(session_ids)!
-- A tag that became a driver's only later was somebody else's, perhaps: not the driver's sessions.
UPDATE session s SET driver_id = NULL FROM id_token t
WHERE s.session_id = ANY(:session_ids::bigint[]) AND s.driver_id IS NOT NULL
    AND lower(t.id_token) = lower(s.id_token)
    AND (t.linked_at IS NULL OR t.linked_at > s.started_at);

-- name: make_room(from_at, to_at)!
-- Room for readings of a time long past.
CALL ensure_partitions(:from_at::timestamptz, :to_at::timestamptz);
