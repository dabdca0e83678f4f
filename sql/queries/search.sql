-- The search of everything: each kind of thing by what somebody has of it, some of each. `begin` is
-- the text folded: small letters, for codes and references without hyphens; `patterns` are %word%.

-- name: stations
-- Stations whose name, site and town have all the words; the one of that name first.
SELECT s.station_id, site.name AS site, site.city, s.vendor, s.model,
    s.is_online OR s.contact_changed_at IS NOT NULL AS has_connected,
    (SELECT array_agg(e.state) FROM evse_watched e WHERE e.station_id = s.station_id) AS states
FROM (
    SELECT station_id, lower(station_id) = :folded AS is_it,
        lower(station_id) LIKE :begins AS begins
    FROM station LEFT JOIN site USING (site_id)
    WHERE lower(concat_ws(' ', station_id, site.name, site.city)) LIKE ALL(:patterns::text[])
    ORDER BY is_it DESC, begins DESC, station_id LIMIT :at_most
) hit
JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
ORDER BY hit.is_it DESC, hit.begins DESC, s.station_id;

-- name: sites
-- Sites whose name, address and town have all the patterns, with how many stations.
SELECT site_id, name, address, city,
    (SELECT count(*) FROM station s WHERE s.site_id = site.site_id) AS stations
FROM site
WHERE lower(concat_ws(' ', name, address, city)) LIKE ALL(:patterns::text[])
ORDER BY lower(name) LIKE :begins DESC, name LIMIT :at_most;

-- name: towns
-- Towns of that beginning, with how many sites.
SELECT city, count(*) AS sites FROM site
WHERE lower(city) LIKE :begins
GROUP BY city ORDER BY sites DESC, city LIMIT :at_most;

-- name: evses
-- Evses whose public code begins so, as they are now.
SELECT e.evse_key, e.station_id, e.evse_id, e.public_code, site.name AS site, w.state, w.session_id,
    w.started_at, w.energy_wh, w.power_w, w.state_since, w.error_code, w.charging_state
FROM (
    SELECT evse_key, station_id, evse_id, public_code FROM evse
    WHERE (lower(replace(public_code, '-', '')) COLLATE "C") >= :begin
        AND (lower(replace(public_code, '-', '')) COLLATE "C") < :begin || U&'\+10FFFF'
    ORDER BY lower(replace(public_code, '-', '')) COLLATE "C" LIMIT :at_most
) e
JOIN station s USING (station_id)
LEFT JOIN site USING (site_id)
-- each is looked up: a plan for all cases would work out the state of every evse
CROSS JOIN LATERAL (SELECT * FROM evse_watched v WHERE v.evse_key = e.evse_key LIMIT 1) w
ORDER BY e.public_code;

-- name: sessions
-- The session of a number of ours, and those of that transaction id of a station.
SELECT s.session_id, s.station_id, s.evse_id, s.transaction_id, s.id_token, s.started_at,
    s.ended_at, s.energy_wh, site.name AS site
FROM (
    SELECT session_id FROM session WHERE session_id = :number::bigint
    UNION
    (SELECT session_id FROM session WHERE transaction_id = :exact
     ORDER BY started_at DESC LIMIT :at_most)
) hit
JOIN session s USING (session_id)
LEFT JOIN site USING (site_id)
ORDER BY s.session_id = :number::bigint DESC, s.started_at DESC LIMIT :at_most;

-- name: token_sessions
-- The newest sessions of an id token, registered or not.
SELECT s.session_id, s.station_id, s.evse_id, s.transaction_id, s.id_token, s.started_at,
    s.ended_at, s.energy_wh, site.name AS site
FROM session s LEFT JOIN site USING (site_id)
WHERE lower(s.id_token) = :folded
ORDER BY s.started_at DESC LIMIT :at_most;

-- name: tokens
-- Registered id tokens that begin so.
SELECT id_token, status, expires_at FROM id_token
WHERE (lower(id_token) COLLATE "C") >= :folded
    AND (lower(id_token) COLLATE "C") < :folded || U&'\+10FFFF'
ORDER BY lower(id_token) COLLATE "C" LIMIT :at_most;

-- name: incidents
-- The incident of that number.
SELECT i.incident_id, i.kind, i.severity, i.opened_at, i.resolved_at, site.name AS site,
    (SELECT min(a.station_id) FROM alert a WHERE a.incident_id = i.incident_id) AS station_id
FROM incident i LEFT JOIN site USING (site_id)
WHERE i.incident_id = :number::bigint;

-- name: references
-- Payments whose reference begins so.
SELECT reference FROM payment
WHERE (lower(replace(reference, '-', '')) COLLATE "C") >= :begin
    AND (lower(replace(reference, '-', '')) COLLATE "C") < :begin || U&'\+10FFFF'
ORDER BY lower(replace(reference, '-', '')) COLLATE "C" LIMIT :at_most;

-- name: receipts
-- Receipts of that number: of a series, or of every one.
SELECT r.shown_number, r.issued_at, r.gross, r.currency, r.session_id, p.reference,
    r.credits_receipt_id IS NOT NULL AS is_credit
FROM receipt r LEFT JOIN payment p USING (payment_id)
WHERE r.number = :number::bigint AND (:series::text IS NULL OR r.series = :series)
ORDER BY r.issued_at DESC LIMIT :at_most;
