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

-- name: find_operator(operator)$
-- The operator of that number or name; without one, the first.
SELECT operator_id FROM operator
WHERE :operator::text IS NULL OR operator_id::text = :operator OR lower(name) = lower(:operator)
ORDER BY operator_id LIMIT 1;

-- name: stored_sites(operator_id, source)
-- The operator's sites, with their numbers in a source.
SELECT t.site_id, i.external_id, t.name, t.address, t.city, t.country, t.latitude, t.longitude,
    t.time_zone, t.grid_limit_w, t.help_phone
FROM site t LEFT JOIN import_site i ON i.site_id = t.site_id AND i.source = :source
WHERE t.operator_id = :operator_id
ORDER BY t.site_id, i.external_id;

-- name: put_site(site_id, operator_id, name, address, city, country, latitude, longitude, time_zone, grid_limit_w, help_phone)$
-- A new site (site_id null), or what a file says of one; null says nothing.
WITH changed AS (
    UPDATE site SET name = coalesce(:name, name), address = coalesce(:address, address),
        city = coalesce(:city, city), country = coalesce(:country, country),
        latitude = coalesce(:latitude, latitude), longitude = coalesce(:longitude, longitude),
        time_zone = coalesce(:time_zone, time_zone),
        grid_limit_w = coalesce(:grid_limit_w, grid_limit_w),
        help_phone = coalesce(:help_phone, help_phone)
    WHERE site_id = :site_id::integer RETURNING site_id
), added AS (
    INSERT INTO site (operator_id, name, address, city, country, latitude, longitude, time_zone,
        currency, grid_limit_w, help_phone)
    SELECT operator_id, :name, :address, :city, coalesce(:country, 'SE'), :latitude, :longitude,
        coalesce(:time_zone, time_zone), currency, :grid_limit_w, :help_phone
    FROM operator WHERE operator_id = :operator_id AND :site_id::integer IS NULL
    RETURNING site_id
)
SELECT site_id FROM changed UNION ALL SELECT site_id FROM added;

-- name: keep_site(source, external_id, site_id)!
-- Which site a source's place is.
INSERT INTO import_site (source, external_id, site_id) VALUES (:source, :external_id, :site_id)
ON CONFLICT (source, external_id) DO UPDATE SET site_id = excluded.site_id;

-- name: stored_stations(station_ids)
-- Stations as they are. One that has booted has said itself who made it.
SELECT station_id, site_id, vendor, model, serial_number, booted_at IS NOT NULL,
    password_hash IS NOT NULL
FROM station WHERE station_id = ANY(:station_ids::text[]);

-- name: stored_evses(station_ids)
-- Their evses, and the standards of their connectors by number.
SELECT e.station_id, e.evse_id, e.evse_key, e.public_code, e.max_power_w,
    coalesce(jsonb_object_agg(c.connector_id, c.standard) FILTER (WHERE c.evse_key IS NOT NULL),
        '{}')
FROM evse e LEFT JOIN connector c USING (evse_key)
WHERE e.station_id = ANY(:station_ids::text[])
GROUP BY e.evse_key;

-- name: code_owners(codes)
-- Which evses have these public codes.
SELECT public_code, station_id, evse_id FROM evse WHERE public_code = ANY(:codes::text[]);

-- name: put_station(station_id, site_id, vendor, model, serial_number, password_hash)!
-- A new station, or what a file says of one; its password only where it has none.
INSERT INTO station AS s (station_id, site_id, vendor, model, serial_number, password_hash)
VALUES (:station_id, :site_id, :vendor, :model, :serial_number, :password_hash)
ON CONFLICT (station_id) DO UPDATE SET site_id = coalesce(excluded.site_id, s.site_id),
    vendor = coalesce(excluded.vendor, s.vendor), model = coalesce(excluded.model, s.model),
    serial_number = coalesce(excluded.serial_number, s.serial_number),
    password_hash = coalesce(s.password_hash, excluded.password_hash);

-- name: put_evse(station_id, evse_id, public_code, max_power_w)$
-- A new evse, or what a file says of one.
INSERT INTO evse AS e (station_id, evse_id, public_code, max_power_w)
VALUES (:station_id, :evse_id, :public_code, :max_power_w)
ON CONFLICT (station_id, evse_id) DO UPDATE SET
    public_code = coalesce(excluded.public_code, e.public_code),
    max_power_w = coalesce(excluded.max_power_w, e.max_power_w)
RETURNING evse_key;

-- name: put_connector(evse_key, connector_id, standard)!
-- A new connector, or its standard.
INSERT INTO connector AS c (evse_key, connector_id, standard)
VALUES (:evse_key, :connector_id, :standard)
ON CONFLICT (evse_key, connector_id) DO UPDATE SET
    standard = coalesce(excluded.standard, c.standard);
