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

-- name: put_contacts(first_at, station_ids, from_ats, until_ats)!
-- In contact since the first day but for some times; once for each simulated station.
INSERT INTO contact_history (station_id, at, is_online, cause)
SELECT n.* FROM (
    SELECT station_id, :first_at::timestamptz, true, NULL FROM station WHERE note = 'simulated'
    UNION ALL
    SELECT l.station_id, c.at, c.is_online, c.cause
    FROM unnest(:station_ids::text[], :from_ats::timestamptz[], :until_ats::timestamptz[])
        AS l(station_id, from_at, until_at)
    CROSS JOIN LATERAL (VALUES (l.from_at, false, 'station'), (l.until_at, true, NULL))
        AS c(at, is_online, cause)
) AS n(station_id, at, is_online, cause)
WHERE NOT EXISTS (SELECT FROM contact_history h WHERE h.station_id = n.station_id
    AND h.recorded_at < now());

-- name: put_faults(first_at, station_ids, evse_ids, from_ats, until_ats, error_codes)!
-- Free since the first day but for some faults; once for each simulated evse.
INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status, status_at,
    received_at, error_code)
SELECT e.evse_key, e.station_id, e.evse_id, 1, n.status, n.at, n.at, n.error_code
FROM (
    SELECT e.station_id, e.evse_id, 'Available', :first_at::timestamptz, NULL
    FROM evse e JOIN station s USING (station_id) WHERE s.note = 'simulated'
    UNION ALL
    SELECT f.station_id, f.evse_id, c.status, c.at, c.error_code
    FROM unnest(:station_ids::text[], :evse_ids::integer[], :from_ats::timestamptz[],
            :until_ats::timestamptz[], :error_codes::text[])
        AS f(station_id, evse_id, from_at, until_at, error_code)
    CROSS JOIN LATERAL (VALUES ('Faulted', f.from_at, f.error_code),
        ('Available', f.until_at, NULL)) AS c(status, at, error_code)
) AS n(station_id, evse_id, status, at, error_code)
JOIN evse e ON (e.station_id, e.evse_id) = (n.station_id, n.evse_id)
WHERE NOT EXISTS (SELECT FROM status_history h WHERE h.evse_key = e.evse_key
    AND h.status_at < :first_at::timestamptz + interval '1 day');
