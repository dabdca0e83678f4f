-- Tariffs and where they apply.

-- name: add_tariff(operator_id, document, valid_from, valid_until, hash)!
-- A tariff; one that is there already stays as it is.
INSERT INTO tariff (operator_id, document, valid_from, valid_until, hash)
VALUES (:operator_id, :document::jsonb, coalesce(:valid_from::timestamptz, '-infinity'),
    coalesce(:valid_until::timestamptz, 'infinity'), :hash)
ON CONFLICT (operator_id, hash) DO NOTHING;

-- name: tariff_number(operator_id, hash)$
-- The number of an operator's tariff.
SELECT tariff_id FROM tariff WHERE operator_id = :operator_id AND hash = :hash;

-- name: assign_tariff(tariff_id, operator_id, site_id, station_id, evse_key, valid_from)!
-- From then on the tariff applies at one of operator, site, station or evse.
INSERT INTO tariff_assignment (tariff_id, operator_id, site_id, station_id, evse_key, valid_from)
VALUES (:tariff_id, :operator_id, :site_id, :station_id, :evse_key,
    coalesce(:valid_from::timestamptz, now()));

-- name: list_tariffs()
-- Every tariff with one row per place it is assigned to; the document as text, number by number.
SELECT t.tariff_id, t.document::text, t.hash, a.valid_from,
    CASE WHEN a.evse_key IS NOT NULL THEN 'evse ' || e.station_id || '/' || e.evse_id
        WHEN a.station_id IS NOT NULL THEN 'station ' || a.station_id
        WHEN a.site_id IS NOT NULL THEN 'site ' || s.name
        WHEN a.operator_id IS NOT NULL THEN 'operator ' || o.name END AS place
FROM tariff t LEFT JOIN tariff_assignment a USING (tariff_id)
    LEFT JOIN operator o ON o.operator_id = a.operator_id
    LEFT JOIN site s ON s.site_id = a.site_id
    LEFT JOIN evse e ON e.evse_key = a.evse_key
ORDER BY t.tariff_id, a.valid_from, a.assignment_id;

-- name: tariff_of(evse_key, at)^
-- The tariff of an evse at an instant: number, hash, place it is assigned to, document as text.
SELECT t.tariff_id, t.hash, a.place, t.document::text
FROM tariffs_at(:at::timestamptz) a JOIN tariff t USING (tariff_id)
WHERE a.evse_key = :evse_key;

-- name: tariff_document(hash)$
-- The frozen document a session was started with, as text.
SELECT document::text FROM tariff WHERE hash = :hash LIMIT 1;

-- name: operator_of_tariff(name)^
-- An operator by number or name, the first if neither is given: number, name.
SELECT operator_id, name FROM operator
WHERE :name::text IS NULL OR operator_id::text = :name OR lower(name) = lower(:name)
ORDER BY operator_id LIMIT 1;

-- name: site_of_tariff(name)^
-- A site by number or name: operator, number, name.
SELECT operator_id, site_id, name FROM site
WHERE site_id::text = :name OR lower(name) = lower(:name) ORDER BY site_id LIMIT 1;

-- name: station_of_tariff(name)^
-- A station: operator, id.
SELECT coalesce(o.operator_id, (SELECT min(operator_id) FROM operator)), s.station_id
FROM station s LEFT JOIN site o USING (site_id) WHERE s.station_id = :name;

-- name: evse_of_tariff(name)^
-- An evse by public code or as STATION/NUMBER: operator, key, station, number.
SELECT coalesce(o.operator_id, (SELECT min(operator_id) FROM operator)),
    e.evse_key, e.station_id, e.evse_id
FROM evse e JOIN station s USING (station_id) LEFT JOIN site o USING (site_id)
WHERE upper(e.public_code) = upper(:name) OR e.station_id || '/' || e.evse_id = :name
ORDER BY e.evse_key LIMIT 1;

-- name: note_tariff(subject)!
-- An entry in the audit log.
INSERT INTO audit_log (actor, action, subject) VALUES ('command line', 'tariff.add', :subject);
