-- The simulated network: registered like any other, through the same relations.

-- name: name_operator(name, legal_entity, organisation_number, vat_number)!
-- Who runs the simulated network; an operator with a name of its own keeps it.
UPDATE operator SET name = :name, legal_entity = :legal_entity,
    organisation_number = :organisation_number, vat_number = :vat_number
WHERE name = 'Kilowatch';

-- name: add_site(name, address, city, country, latitude, longitude, time_zone, grid_limit_w, help_phone)$
-- A site of the first operator.
INSERT INTO site (operator_id, name, address, city, country, latitude, longitude, time_zone,
    grid_limit_w, help_phone)
SELECT operator_id, :name, :address, :city, :country, :latitude, :longitude, :time_zone,
    :grid_limit_w, :help_phone
FROM operator ORDER BY operator_id LIMIT 1
ON CONFLICT (operator_id, name) DO UPDATE SET address = excluded.address
RETURNING site_id;

-- name: add_station(station_id, site_id, vendor, model, serial_number, firmware_version, ocpp_version, password_hash)!
-- A simulated station, marked as such.
INSERT INTO station (station_id, site_id, vendor, model, serial_number, firmware_version,
    ocpp_version, password_hash, note)
VALUES (:station_id, :site_id, :vendor, :model, :serial_number, :firmware_version,
    :ocpp_version, :password_hash, 'simulated')
ON CONFLICT (station_id) DO UPDATE SET password_hash = excluded.password_hash, password_hmac = NULL;

-- name: add_evse(station_id, evse_id, public_code, max_power_w, standard)!
-- An evse with its one connector.
WITH fresh AS (
    INSERT INTO evse (station_id, evse_id, public_code, max_power_w)
    VALUES (:station_id, :evse_id, :public_code, :max_power_w)
    ON CONFLICT DO NOTHING RETURNING evse_key
)
INSERT INTO connector (evse_key, connector_id, standard) SELECT evse_key, 1, :standard FROM fresh;

-- name: add_tokens(id_tokens)!
-- The simulated drivers' tags.
INSERT INTO id_token (id_token) SELECT unnest(:id_tokens::text[]) ON CONFLICT DO NOTHING;

-- name: registers()
-- Where each simulated evse's lifetime register stands.
SELECT e.station_id, e.evse_id, max(s.register_wh)
FROM evse e JOIN station t USING (station_id) JOIN session s USING (evse_key)
WHERE t.note = 'simulated' GROUP BY e.evse_key;

-- name: has_history()$
-- Whether the past has been written to its end, or is somebody else's.
SELECT coalesce((SELECT finished_at IS NOT NULL FROM job_run WHERE job = 'demo history'),
    EXISTS (SELECT FROM session WHERE started_at < now() - interval '12 hours'));

-- name: evses_with_history()
-- The evses whose past an interrupted start has written.
SELECT e.station_id, e.evse_id FROM evse e JOIN station t USING (station_id)
WHERE t.note = 'simulated' AND EXISTS (SELECT FROM session s
    WHERE s.evse_key = e.evse_key AND s.transaction_id ~ '^h[0-9]+$');

-- name: place_site(name, city, latitude, longitude)!
-- Put a site on the map.
UPDATE site SET city = :city, latitude = :latitude, longitude = :longitude WHERE name = :name;
