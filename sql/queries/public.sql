-- name: places
-- Every evse at a site, with its one state: what the public page is made of.
SELECT v.evse_key, v.station_id, v.evse_id, v.public_code, v.max_power_w, v.state, v.state_since,
       v.charging_state, v.standards,
       s.site_id, s.name, s.address, s.city, s.latitude, s.longitude, s.time_zone, s.help_phone
FROM evse_state v JOIN site s USING (site_id)
ORDER BY s.name, s.site_id, v.station_id, v.evse_id;

-- name: operator_name$
-- The name in the head and foot of the public pages.
SELECT name FROM operator ORDER BY operator_id LIMIT 1;
