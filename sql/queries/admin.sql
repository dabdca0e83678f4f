-- What the command line does to stations and id tokens.

-- name: has_station(station_id)$
-- Whether the station is registered.
SELECT true FROM station WHERE station_id = :station_id;

-- name: has_site(site_id)$
-- Whether there is a site of that number.
SELECT true FROM site WHERE site_id = :site_id;

-- name: site_by_name(name)$
-- The number of the site with that name.
SELECT site_id FROM site WHERE lower(name) = lower(:name) ORDER BY site_id LIMIT 1;

-- name: add_site(name)$
-- A site of the first operator; its place is filled in later.
INSERT INTO site (operator_id, name, time_zone, currency)
SELECT operator_id, :name, time_zone, currency FROM operator ORDER BY operator_id LIMIT 1
RETURNING site_id;

-- name: add_station(station_id, site_id, password_hash)!
-- Register a station.
INSERT INTO station (station_id, site_id, password_hash)
VALUES (:station_id, :site_id, :password_hash);

-- name: add_evse(station_id, evse_id, public_code, max_power_w)$
-- Add an evse to a station.
INSERT INTO evse (station_id, evse_id, public_code, max_power_w)
VALUES (:station_id, :evse_id, :public_code, :max_power_w)
RETURNING evse_key;

-- name: add_connector(evse_key, standard)!
-- The first connector of an evse.
INSERT INTO connector (evse_key, connector_id, standard) VALUES (:evse_key, 1, :standard);

-- name: set_password(station_id, password_hash)!
-- A new password; what was remembered of the old one goes.
UPDATE station SET password_hash = :password_hash, password_hmac = NULL
WHERE station_id = :station_id;

-- name: approve(station_id, password_hash)!
-- Let a station in that awaits approval.
UPDATE station SET registration_status = 'Accepted', password_hash = :password_hash,
    password_hmac = NULL
WHERE station_id = :station_id AND registration_status = 'Pending';

-- name: list_stations()
-- All stations with their site, evses and contact.
SELECT s.station_id, t.name, count(e.evse_key), s.ocpp_version, s.is_online, s.last_seen_at,
    s.registration_status
FROM station s LEFT JOIN site t USING (site_id) LEFT JOIN evse e USING (station_id)
GROUP BY s.station_id, t.name ORDER BY t.name NULLS FIRST, s.station_id;

-- name: put_token(id_token, status, parent, is_concurrent)!
-- Added, or changed if it exists in any spelling of its letters.
INSERT INTO id_token (id_token, status, parent_id_token, is_concurrent)
VALUES (:id_token, :status, :parent, :is_concurrent)
ON CONFLICT (lower(id_token)) DO UPDATE SET status = excluded.status,
    blocked_by = NULL, parent_id_token = excluded.parent_id_token, is_concurrent = excluded.is_concurrent;

-- name: block_token(id_token)!
-- Block an id token in any spelling of its letters: no driver opens it, no paid debt.
UPDATE id_token SET status = 'Blocked', blocked_by = NULL WHERE lower(id_token) = lower(:id_token);

-- name: list_tokens()
-- All id tokens.
SELECT id_token, status, expires_at, parent_id_token FROM id_token ORDER BY id_token;

-- name: audit(actor, action, subject)!
-- Who did what to whom.
INSERT INTO audit_log (actor, action, subject) VALUES (:actor, :action, :subject);
