-- The stations list.

-- name: stations
-- All stations of the network with their site and the states of their evses.
SELECT s.station_id, site.name AS site, site.city, s.vendor, s.model, s.firmware_version,
    s.ocpp_version, s.is_online, s.last_seen_at,
    s.is_online OR s.contact_changed_at IS NOT NULL AS has_connected,
    (SELECT array_agg(e.state ORDER BY e.evse_id) FROM evse_watched e
        WHERE e.station_id = s.station_id) AS states,
    (SELECT array_agg(e.evse_key ORDER BY e.evse_id) FROM evse e
        WHERE e.station_id = s.station_id) AS evse_keys
FROM station s
LEFT JOIN site USING (site_id)
WHERE (s.decommissioned_at > now()) IS NOT FALSE
ORDER BY s.station_id;

-- name: sites
-- Sites and their stations, for filters.
SELECT site.site_id, site.name, array_agg(s.station_id ORDER BY s.station_id) AS station_ids
FROM site
JOIN station s USING (site_id)
GROUP BY site.site_id
ORDER BY site.name;
