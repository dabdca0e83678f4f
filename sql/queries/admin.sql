-- What administrators do to sites, stations and id tokens, on the command line and in the browser.

-- name: audit(actor, action, subject, detail)!
-- Who did what to whom; what it was before and what it is now.
INSERT INTO audit_log (actor, action, subject, detail)
VALUES (:actor, :action, :subject, :detail);

-- name: has_station(station_id)$
-- Whether the station is registered.
SELECT true FROM station WHERE station_id = :station_id;

-- name: has_site(site_id)$
-- Whether there is a site of that number.
SELECT true FROM site WHERE site_id = :site_id;

-- name: site_by_name(name)$
-- The number of the site with that name.
SELECT site_id FROM site WHERE lower(name) = lower(:name) ORDER BY site_id LIMIT 1;

-- name: site_now(site_id)$
-- A site as forms write it, locked until the change is done.
SELECT jsonb_build_object('name', name, 'address', address, 'city', city, 'country', country,
    'latitude', latitude, 'longitude', longitude, 'time_zone', time_zone,
    'grid_limit_w', grid_limit_w, 'help_phone', help_phone)
FROM site WHERE site_id = :site_id FOR UPDATE;

-- name: add_site(name)$
-- A site of the first operator; its place is filled in later.
INSERT INTO site (operator_id, name, time_zone, currency)
SELECT operator_id, :name, time_zone, currency FROM operator ORDER BY operator_id LIMIT 1
RETURNING site_id;

-- name: put_site(site_id, name, address, city, country, latitude, longitude, time_zone, grid_limit_w, help_phone)$
-- A new site of the first operator (site_id null), or all that a form says of one.
WITH changed AS (
    UPDATE site SET name = :name, address = :address, city = :city, country = :country,
        latitude = :latitude, longitude = :longitude, time_zone = :time_zone,
        grid_limit_w = :grid_limit_w, help_phone = :help_phone
    WHERE site_id = :site_id::integer RETURNING site_id
), added AS (
    INSERT INTO site (operator_id, name, address, city, country, latitude, longitude, time_zone,
        currency, grid_limit_w, help_phone)
    SELECT operator_id, :name, :address, :city, :country, :latitude, :longitude, :time_zone,
        currency, :grid_limit_w, :help_phone
    FROM (SELECT * FROM operator ORDER BY operator_id LIMIT 1) o
    WHERE :site_id::integer IS NULL
    RETURNING site_id
)
SELECT site_id FROM changed UNION ALL SELECT site_id FROM added;

-- name: add_station(station_id, site_id, password_hash)!
-- Register a station.
INSERT INTO station (station_id, site_id, password_hash)
VALUES (:station_id, :site_id, :password_hash);

-- name: station_now(station_id)$
-- What forms change of a station, locked until the change is done.
SELECT jsonb_build_object('site_id', site_id, 'router', router, 'note', note) FROM station
WHERE station_id = :station_id FOR UPDATE;

-- name: change_station(station_id, site_id, router, note)!
-- Move a station, say more of it.
UPDATE station SET site_id = :site_id, router = :router, note = :note
WHERE station_id = :station_id;

-- name: add_evse(station_id, evse_id, public_code, max_power_w)$
-- Add an evse to a station.
INSERT INTO evse (station_id, evse_id, public_code, max_power_w)
VALUES (:station_id, :evse_id, :public_code, :max_power_w)
RETURNING evse_key;

-- name: add_connector(evse_key, standard)!
-- The first connector of an evse.
INSERT INTO connector (evse_key, connector_id, standard) VALUES (:evse_key, 1, :standard);

-- name: evse_now(station_id, evse_id)$
-- What forms change of an evse: its first connector's standard, as most have one.
SELECT jsonb_build_object('public_code', e.public_code, 'max_power_w', e.max_power_w, 'standard',
    (SELECT standard FROM connector c WHERE c.evse_key = e.evse_key
     ORDER BY connector_id LIMIT 1))
FROM evse e WHERE station_id = :station_id AND evse_id = :evse_id FOR UPDATE OF e;

-- name: change_evse(station_id, evse_id, public_code, max_power_w, standard)!
-- An evse's code and rating, and the standard of its first connector, which is made if need be.
WITH changed AS (
    UPDATE evse SET public_code = :public_code, max_power_w = :max_power_w
    WHERE station_id = :station_id AND evse_id = :evse_id RETURNING evse_key
)
INSERT INTO connector AS c (evse_key, connector_id, standard)
SELECT evse_key, coalesce((SELECT min(connector_id) FROM connector k
    WHERE k.evse_key = changed.evse_key), 1), :standard
FROM changed
ON CONFLICT (evse_key, connector_id) DO UPDATE SET standard = excluded.standard;

-- name: set_password(station_id, password_hash)!
-- A new password; what was remembered of the old one goes, and who came in with it.
UPDATE station SET password_hash = :password_hash, password_hmac = NULL,
    entry_version = entry_version + 1
WHERE station_id = :station_id;

-- name: approve(station_id, password_hash)!
-- Let a station in that awaits approval.
UPDATE station SET registration_status = 'Accepted', password_hash = :password_hash,
    password_hmac = NULL
WHERE station_id = :station_id AND registration_status = 'Pending';

-- name: trace_station(station_id, until)!
-- Readings are kept in the log of messages until then.
UPDATE station SET trace_until = :until WHERE station_id = :station_id;

-- name: open_sessions(station_id)$
-- How many sessions run at a station.
SELECT count(*) FROM session s JOIN evse e USING (evse_key)
WHERE e.station_id = :station_id AND s.ended_at IS NULL;

-- name: retire_station(station_id, at)!
-- Out of service for good; its socket is closed.
UPDATE station SET decommissioned_at = :at, entry_version = entry_version + 1
WHERE station_id = :station_id AND decommissioned_at IS NULL;

-- name: bring_station_back(station_id)!
-- A retired station belongs to the network again.
UPDATE station SET decommissioned_at = NULL
WHERE station_id = :station_id AND decommissioned_at IS NOT NULL;

-- name: list_stations()
-- All stations with their site, evses and contact.
SELECT s.station_id, t.name, count(e.evse_key), s.ocpp_version, s.is_online, s.last_seen_at,
    CASE WHEN s.decommissioned_at <= now() THEN 'Retired' ELSE s.registration_status END
FROM station s LEFT JOIN site t USING (site_id) LEFT JOIN evse e USING (station_id)
GROUP BY s.station_id, t.name ORDER BY t.name NULLS FIRST, s.station_id;

-- name: token_now(id_token)$
-- An id token as it is, in any spelling of its letters; locked until the change is done.
SELECT jsonb_build_object('status', status, 'parent', parent_id_token,
    'is_concurrent', is_concurrent, 'expires_at',
    to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'))
FROM id_token WHERE lower(id_token) = lower(:id_token) FOR UPDATE;

-- name: put_token(id_token, status, parent, is_concurrent, expires_at)!
-- Added, or changed if it exists in any spelling of its letters.
INSERT INTO id_token (id_token, status, parent_id_token, is_concurrent, expires_at)
VALUES (:id_token, :status, :parent, :is_concurrent, :expires_at)
ON CONFLICT (lower(id_token)) DO UPDATE SET status = excluded.status, blocked_by = NULL,
    parent_id_token = excluded.parent_id_token, is_concurrent = excluded.is_concurrent,
    expires_at = excluded.expires_at;

-- name: set_token_status(id_token, status)!
-- Block an id token in any spelling of its letters, or open it: no driver, no paid debt does.
UPDATE id_token SET status = :status, blocked_by = NULL WHERE lower(id_token) = lower(:id_token);

-- name: list_tokens()
-- All id tokens.
SELECT id_token, status, expires_at, parent_id_token FROM id_token ORDER BY id_token;
