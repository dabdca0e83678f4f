-- Signed meter values: kept, verified, shown.

-- name: meter_keys(evse_keys)
-- The public keys of evses' meters, the newest first.
SELECT evse_key, public_key, source FROM evse_meter_key
WHERE evse_key = ANY(:evse_keys::integer[]) ORDER BY evse_key, first_seen_at DESC;

-- name: keep_meter_keys(evse_keys, public_keys)!
-- Keys that stations send with their readings: not every message carries one.
INSERT INTO evse_meter_key (evse_key, public_key, source)
SELECT evse_key, public_key, 'station'
FROM unnest(:evse_keys::integer[], :public_keys::text[]) AS n(evse_key, public_key)
ON CONFLICT DO NOTHING;

-- name: add_meter_key(evse_key, public_key)!
-- A key that staff trust.
INSERT INTO evse_meter_key (evse_key, public_key, source)
VALUES (:evse_key, :public_key, 'staff')
ON CONFLICT (evse_key, public_key) DO UPDATE SET source = 'staff';

-- name: evse_key(station_id, evse_id)$
-- The evse of a station.
SELECT evse_key FROM evse WHERE station_id = :station_id AND evse_id = :evse_id;

-- name: insert_signed!
-- Signed readings; the same record is the same fact.
INSERT INTO signed_meter_value (session_id, station_id, evse_id, evse_key, measured_at, context,
    encoding, method, raw, raw_hash, public_key, verified, detail, register_wh, plain_wh)
SELECT n.session_id, n.station_id, n.evse_id, n.evse_key, n.measured_at, n.context,
    n.encoding, n.method, n.raw, n.raw_hash, n.public_key, n.verified, n.detail,
    n.register_wh::numeric, n.plain_wh
FROM unnest(:session_id::bigint[], :station_id::text[], :evse_id::integer[], :evse_key::integer[],
    :measured_at::timestamptz[], :context::text[], :encoding::text[], :method::text[],
    :raw::text[], :raw_hash::bigint[], :public_key::text[], :verified::text[], :detail::text[],
    :register_wh::text[], :plain_wh::bigint[])
    AS n(session_id, station_id, evse_id, evse_key, measured_at, context, encoding, method, raw,
    raw_hash, public_key, verified, detail, register_wh, plain_wh)
ON CONFLICT DO NOTHING;

-- name: signed_of_evse(evse_key)
-- All signed readings of an evse, to be judged anew.
SELECT signed_id, raw, encoding, method, public_key FROM signed_meter_value
WHERE evse_key = :evse_key AND verified <> 'unreadable'
ORDER BY signed_id FOR UPDATE;

-- name: judge_signed(signed_id, verified, detail, public_key, register_wh)!
-- What a newly registered key says.
UPDATE signed_meter_value SET verified = :verified, detail = :detail,
    public_key = coalesce(:public_key, public_key), register_wh = :register_wh
WHERE signed_id = :signed_id;

-- name: signed_of_session(session_id)
-- A session's signed readings, for its page: when, what they prove, and the record itself.
SELECT measured_at, context, encoding, method, verified, detail, register_wh, plain_wh, public_key,
    EXISTS (SELECT FROM evse_meter_key k WHERE k.evse_key = s.evse_key
        AND k.public_key = s.public_key AND k.source = 'staff') AS is_registered_key, raw
FROM signed_meter_value s
WHERE session_id = :session_id
ORDER BY measured_at, signed_id;

-- name: signed_summary(session_id)
-- How many signed readings a session has of each kind of outcome.
SELECT verified, count(*) AS records FROM signed_meter_value
WHERE session_id = :session_id GROUP BY verified ORDER BY verified;
