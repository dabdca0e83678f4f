-- The job `attempts`: what is asked for, the raw facts, what is booked, and the recount.

-- name: take_requests(at_most)
-- The stations to look at again, some at a time, each from its earliest instant on.
WITH taken AS (
    DELETE FROM attempt_request WHERE station_id IN (
        SELECT DISTINCT station_id FROM attempt_request ORDER BY station_id LIMIT :at_most)
    RETURNING station_id, from_at
)
SELECT station_id, min(from_at) FROM taken GROUP BY station_id ORDER BY station_id;

-- name: ask_for_due(now)!
-- Ask for the stations with attempts that time has decided meanwhile.
INSERT INTO attempt_request (station_id, from_at)
SELECT station_id, min(started_at) FROM attempt WHERE decide_at <= :now GROUP BY station_id;

-- name: reach(station_ids, from_ats, reach)
-- From when on a station's attempts may change: sessions and cables that go on at the instant
-- began earlier.
WITH wanted AS (
    SELECT s.station_id, s.station_key, w.from_at - :reach::interval AS p
    FROM unnest(:station_ids::text[], :from_ats::timestamptz[]) AS w(station_id, from_at)
    JOIN station s USING (station_id)
), keys AS (
    SELECT station_id, p, -station_key AS evse_key FROM wanted
    UNION ALL SELECT w.station_id, w.p, e.evse_key FROM wanted w JOIN evse e USING (station_id)
)
SELECT station_id, least(min(p), min(went.began))
FROM keys k LEFT JOIN LATERAL (
    SELECT started_at AS began FROM (
        SELECT started_at, ended_at FROM session s WHERE s.evse_key = k.evse_key
            AND s.started_at < k.p ORDER BY started_at DESC LIMIT 3) s
    WHERE s.ended_at IS NULL OR s.ended_at >= k.p
    UNION ALL
    SELECT s.started_at FROM session s WHERE s.evse_key = k.evse_key AND s.ended_at IS NULL
        AND s.started_at < k.p
    UNION ALL
    SELECT (SELECT min(h.status_at) FROM status_history h
        WHERE h.evse_key = k.evse_key AND h.connector_id = c.connector_id
            AND h.status_at < k.p AND h.status_at > coalesce((
                SELECT max(f.status_at) FROM status_history f
                WHERE f.evse_key = k.evse_key AND f.connector_id = c.connector_id
                    AND f.status_at < k.p AND f.status <> 'Occupied'), '-infinity'))
    FROM connector c WHERE c.evse_key = k.evse_key
) went ON true
GROUP BY station_id ORDER BY station_id;

-- name: stations(station_ids)
-- Stations as they are now: site, build and evses.
WITH made AS (
    INSERT INTO station_build (vendor, model, firmware_version)
    SELECT DISTINCT vendor, model, firmware_version FROM station
    WHERE station_id = ANY(:station_ids::text[])
        AND NOT EXISTS (SELECT FROM station_build b WHERE (b.vendor, b.model, b.firmware_version)
            IS NOT DISTINCT FROM (station.vendor, station.model, station.firmware_version))
    ON CONFLICT DO NOTHING
    RETURNING build_id, vendor, model, firmware_version
)
SELECT s.station_id, s.station_key, s.site_id, coalesce(b.build_id, m.build_id),
    array(SELECT evse_id FROM evse e WHERE e.station_id = s.station_id ORDER BY evse_id),
    array(SELECT evse_key FROM evse e WHERE e.station_id = s.station_id ORDER BY evse_id)
FROM station s
LEFT JOIN station_build b ON b.vendor IS NOT DISTINCT FROM s.vendor
    AND b.model IS NOT DISTINCT FROM s.model
    AND b.firmware_version IS NOT DISTINCT FROM s.firmware_version
LEFT JOIN made m ON m.vendor IS NOT DISTINCT FROM s.vendor
    AND m.model IS NOT DISTINCT FROM s.model
    AND m.firmware_version IS NOT DISTINCT FROM s.firmware_version
WHERE s.station_id = ANY(:station_ids::text[]);

-- name: charges(station_ids, sinces, until)
-- Sessions since then or still going on then, and who paid.
WITH keys AS (
    SELECT s.station_id, w.since, -s.station_key AS evse_key
    FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
    JOIN station s USING (station_id)
    UNION ALL
    SELECT w.station_id, w.since, e.evse_key
    FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
    JOIN evse e USING (station_id)
)
SELECT k.station_id, s.session_id, s.evse_id, s.evse_key, s.site_id, s.id_token, s.started_at,
    s.ended_at, s.energy_wh, s.stop_reason, s.stopped_by, s.flags, s.remote_start_id,
    p.payment_id, CASE WHEN p.channel = 'guest' THEN coalesce(
        'owner:' || left(encode(p.owner_hash, 'hex'), 16), 'payment:' || p.payment_id) END
FROM keys k
CROSS JOIN LATERAL (
    SELECT * FROM session n WHERE n.evse_key = k.evse_key AND n.started_at >= k.since
        AND n.started_at < coalesce(:until::timestamptz, 'infinity')
    UNION
    -- also those that are over: which are an evse's newest must not depend on where one begins
    SELECT * FROM (
        SELECT * FROM session o WHERE o.evse_key = k.evse_key AND o.started_at < k.since
        ORDER BY o.started_at DESC, o.session_id DESC LIMIT 3) o
    UNION
    SELECT * FROM session o WHERE o.evse_key = k.evse_key AND o.started_at < k.since
        AND o.ended_at IS NULL
) s
LEFT JOIN payment p ON p.session_id = s.session_id;

-- name: starts(station_ids, sinces, until)
-- Remote starts since then with what came of them, and payments given back before one was sent.
SELECT c.station_id, c.command_id, c.requested_at, c.payload, c.status, c.response, c.finished_at,
    p.payment_id, CASE WHEN p.channel = 'guest' THEN coalesce(
        'owner:' || left(encode(p.owner_hash, 'hex'), 16), 'payment:' || p.payment_id) END,
    p.failure, NULL::integer, NULL::text
FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
JOIN command c ON c.station_id = w.station_id AND c.requested_at >= w.since
    AND c.requested_at < coalesce(:until::timestamptz, 'infinity')
    AND c.action IN ('RemoteStartTransaction', 'RequestStartTransaction')
LEFT JOIN payment p USING (payment_id)
UNION ALL
SELECT e.station_id, NULL, p.created_at, NULL, 'refused', NULL, p.created_at, p.payment_id,
    coalesce('owner:' || left(encode(p.owner_hash, 'hex'), 16), 'payment:' || p.payment_id),
    p.failure, e.evse_id, p.id_token
FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
JOIN evse e USING (station_id)
JOIN payment p ON p.evse_key = e.evse_key AND p.created_at >= w.since
    AND p.created_at < coalesce(:until::timestamptz, 'infinity')
WHERE p.channel = 'guest' AND p.session_id IS NULL AND p.start_command_id IS NULL
    AND p.state IN ('releasing', 'released') AND p.failure IS NOT NULL;

-- name: taps(station_ids, sinces, until)
-- Authorizations since then.
SELECT a.station_id, a.at, a.id_token, a.status
FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
JOIN authorization_history a ON a.station_id = w.station_id AND a.at >= w.since
    AND a.at < coalesce(:until::timestamptz, 'infinity');

-- name: changes(station_ids, sinces, until)
-- Statuses of the period; of each connector the last before it, and after it the next that tells
-- of no cable.
WITH keys AS (
    SELECT s.station_id, w.since, -s.station_key AS evse_key
    FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
    JOIN station s USING (station_id)
    UNION ALL
    SELECT w.station_id, w.since, e.evse_key
    FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
    JOIN evse e USING (station_id)
)
SELECT k.station_id, h.evse_key, h.connector_id, h.status_at, h.status, h.charging_state,
    h.error_code
FROM keys k JOIN status_history h ON h.evse_key = k.evse_key AND h.status_at >= k.since
    AND h.status_at < coalesce(:until::timestamptz, 'infinity')
UNION ALL
SELECT k.station_id, h.evse_key, h.connector_id, h.status_at, h.status, h.charging_state,
    h.error_code
FROM keys k JOIN connector c USING (evse_key)
CROSS JOIN LATERAL (
    (SELECT * FROM status_history b WHERE b.evse_key = c.evse_key
        AND b.connector_id = c.connector_id AND b.status_at < k.since
    ORDER BY b.status_at DESC, b.status DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM status_history n WHERE n.evse_key = c.evse_key
        AND n.connector_id = c.connector_id AND n.status_at >= :until::timestamptz
        AND n.status <> 'Occupied'
    ORDER BY n.status_at, n.status LIMIT 1)
) h;

-- name: recorded(station_ids, sinces)
-- The attempts that are booked since then.
SELECT a.station_id, a.attempt_id, a.key, a.evse_id, a.evse_key, a.site_id, a.build_id,
    a.id_token, a.payment_id, a.command_id, a.session_id, a.started_at, a.ended_at, a.decide_at,
    a.stage, a.is_authorised, a.outcome, a.reason, a.energy_wh, a.evidence, a.visitor
FROM unnest(:station_ids::text[], :sinces::timestamptz[]) AS w(station_id, since)
JOIN attempt a ON a.station_id = w.station_id AND a.started_at >= w.since;

-- name: drop_attempts(attempt_ids)!
-- Attempts that late evidence has shown to be part of others.
DELETE FROM attempt WHERE attempt_id = ANY(:attempt_ids::bigint[]);

-- name: change_attempts(changed)!
-- Attempts of which more is known.
UPDATE attempt a SET key = n.key, evse_id = n.evse_id, evse_key = n.evse_key, site_id = n.site_id,
    build_id = n.build_id, id_token = n.id_token, payment_id = n.payment_id,
    command_id = n.command_id, session_id = n.session_id, started_at = n.started_at,
    ended_at = n.ended_at, decide_at = n.decide_at, stage = n.stage,
    is_authorised = n.is_authorised, outcome = n.outcome, reason = n.reason,
    energy_wh = n.energy_wh, evidence = n.evidence, visitor = n.visitor,
    version = a.version + 1, recorded_at = now()
FROM jsonb_populate_recordset(NULL::attempt, :changed::jsonb) n
WHERE a.attempt_id = n.attempt_id;

-- name: add_attempts(added)!
-- New attempts; each a visit of its own until the visits are counted.
INSERT INTO attempt (attempt_id, visit_id, station_id, key, evse_id, evse_key, site_id, build_id,
    id_token, payment_id, command_id, session_id, started_at, ended_at, decide_at, stage,
    is_authorised, outcome, reason, energy_wh, evidence, visitor, visit_succeeded)
SELECT n.id, n.id, n.station_id, n.key, n.evse_id, n.evse_key, n.site_id, n.build_id, n.id_token,
    n.payment_id, n.command_id, n.session_id, n.started_at, n.ended_at, n.decide_at, n.stage,
    n.is_authorised, n.outcome, n.reason, n.energy_wh, n.evidence, n.visitor,
    n.outcome = 'succeeded'
FROM (SELECT nextval(pg_get_serial_sequence('attempt', 'attempt_id')) AS id, r.*
    FROM jsonb_populate_recordset(NULL::attempt, :added::jsonb) r) n;

-- name: number_visits(visitors, from_ats)!
-- Gather the visitors' attempts into visits, from the visit on that an instant may belong to.
WITH bound AS (
    SELECT w.visitor, coalesce((SELECT v.started_at FROM attempt p
            JOIN attempt v ON v.attempt_id = p.visit_id
            WHERE p.visitor = w.visitor AND p.started_at < w.from_at
            ORDER BY p.started_at DESC, p.key DESC LIMIT 1), w.from_at) AS since
    FROM unnest(:visitors::text[], :from_ats::timestamptz[]) AS w(visitor, from_at)
), spaced AS (
    SELECT a.attempt_id, a.visitor, a.started_at, a.key, a.outcome,
        a.started_at > max(coalesce(a.ended_at, 'infinity')) OVER (
            PARTITION BY a.visitor ORDER BY a.started_at, a.key
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + interval '30 minutes' AS is_gap
    FROM bound b JOIN attempt a ON a.visitor = b.visitor AND a.started_at >= b.since
), numbered AS (
    SELECT *, count(*) FILTER (WHERE is_gap) OVER (
        PARTITION BY visitor ORDER BY started_at, key) AS visit
    FROM spaced
), gathered AS (
    SELECT attempt_id, first_value(attempt_id) OVER (
            PARTITION BY visitor, visit ORDER BY started_at, key) AS visit_id,
        bool_or(outcome = 'succeeded') OVER (PARTITION BY visitor, visit) AS succeeded
    FROM numbered
)
UPDATE attempt a SET visit_id = g.visit_id, is_first = (g.visit_id = a.attempt_id),
    visit_succeeded = g.succeeded
FROM gathered g
WHERE a.attempt_id = g.attempt_id AND (a.visit_id, a.is_first, a.visit_succeeded)
    IS DISTINCT FROM (g.visit_id, g.visit_id = a.attempt_id, g.succeeded);

-- name: waiting(now)
-- Stations whose attempts are still to be folded.
SELECT station_id FROM attempt_request
UNION SELECT station_id FROM attempt WHERE decide_at <= :now;

-- name: hold()!
-- One at a time folds attempts, until released.
SELECT pg_advisory_lock(hashtext('kilowatch attempts'));

-- name: release()!
-- Let others fold again.
SELECT pg_advisory_unlock(hashtext('kilowatch attempts'));

-- name: all_stations()
-- Every station.
SELECT station_id FROM station ORDER BY station_id;

-- name: wrong_visits(from_at, until_at)
-- Attempts whose visit is not what the gaps between the visitor's attempts say.
WITH spaced AS (
    SELECT a.*, a.started_at > max(coalesce(a.ended_at, 'infinity')) OVER (
            PARTITION BY a.visitor ORDER BY a.started_at, a.key
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + interval '30 minutes' AS is_gap
    FROM attempt a WHERE a.visitor IN (SELECT visitor FROM attempt
        WHERE started_at >= :from_at AND started_at < :until_at)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE is_gap) OVER (
        PARTITION BY visitor ORDER BY started_at, key) AS visit
    FROM spaced
), gathered AS (
    SELECT *, first_value(attempt_id) OVER (
            PARTITION BY visitor, visit ORDER BY started_at, key) AS right_visit,
        bool_or(outcome = 'succeeded') OVER (PARTITION BY visitor, visit) AS right_success
    FROM numbered
)
SELECT key, started_at, right_visit || ' ' || right_success, visit_id || ' ' || visit_succeeded
FROM gathered
WHERE started_at >= :from_at AND started_at < :until_at
    AND (visit_id, visit_succeeded, is_first)
        IS DISTINCT FROM (right_visit, right_success, right_visit = attempt_id)
ORDER BY started_at, key;

-- name: wrong_totals(from_at, until_at)
-- Counters of the days and months that begin in a period that a recount does not confirm.
WITH counted AS (
    SELECT l.level, l.bucket, l.station_id, l.evse_id, build_id, stage,
        count(*) FILTER (WHERE outcome = 'open') AS open,
        count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE outcome = 'failed') AS failed,
        count(*) FILTER (WHERE outcome = 'refused') AS refused,
        count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
        count(*) FILTER (WHERE is_authorised AND outcome <> 'open') AS authorised,
        count(*) FILTER (WHERE outcome = 'failed' AND energy_wh < 100) AS failed_starts,
        count(*) FILTER (WHERE is_first AND outcome <> 'open') AS visits,
        count(*) FILTER (WHERE is_first AND outcome = 'succeeded') AS first_successes,
        count(*) FILTER (WHERE is_first AND outcome <> 'open' AND visit_succeeded)
            AS visit_successes
    FROM attempt
    CROSS JOIN (SELECT time_zone FROM installation) i
    CROSS JOIN LATERAL (VALUES
        ('day', date_trunc('day', started_at, i.time_zone), station_id, coalesce(evse_id, 0)),
        ('month', date_trunc('month', started_at, i.time_zone), station_id, coalesce(evse_id, 0)),
        ('fleet', date_trunc('day', started_at, i.time_zone), '', 0)
    ) l(level, bucket, station_id, evse_id)
    -- a month that begins within the period is counted whole
    WHERE l.bucket >= :from_at AND l.bucket < :until_at AND started_at >= :from_at
        AND started_at < :until_at::timestamptz + CASE l.level WHEN 'month' THEN interval '32 days'
            ELSE interval '26 hours' END
    GROUP BY 1, 2, 3, 4, 5, 6
), kept AS (
    SELECT * FROM attempt_total WHERE bucket >= :from_at AND bucket < :until_at
        AND (open, succeeded, failed, refused, abandoned, authorised, failed_starts, visits,
            first_successes, visit_successes) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
)
SELECT concat_ws(' ', level, station_id, nullif(evse_id, 0), 'build', build_id, stage), bucket,
    coalesce(row(c.open, c.succeeded, c.failed, c.refused, c.abandoned, c.authorised,
        c.failed_starts, c.visits, c.first_successes, c.visit_successes)::text, 'none'),
    coalesce(row(k.open, k.succeeded, k.failed, k.refused, k.abandoned, k.authorised,
        k.failed_starts, k.visits, k.first_successes, k.visit_successes)::text, 'none')
FROM counted c FULL JOIN kept k USING (level, bucket, station_id, evse_id, build_id, stage)
WHERE (c.open, c.succeeded, c.failed, c.refused, c.abandoned, c.authorised, c.failed_starts,
        c.visits, c.first_successes, c.visit_successes)
    IS DISTINCT FROM (k.open, k.succeeded, k.failed, k.refused, k.abandoned, k.authorised,
        k.failed_starts, k.visits, k.first_successes, k.visit_successes)
ORDER BY 2, 1;

-- name: wrong_session_days(from_at, until_at)
-- Days whose sessions or energy a recount does not confirm.
WITH counted AS (
    SELECT date_trunc('day', s.started_at, i.time_zone) AS bucket, s.station_id, s.evse_id,
        count(*) AS sessions, sum(s.energy_wh)::bigint AS energy_wh
    FROM session s CROSS JOIN (SELECT time_zone FROM installation) i
    WHERE s.ended_at IS NOT NULL AND s.started_at >= :from_at
        AND s.started_at < :until_at::timestamptz + interval '26 hours'
    GROUP BY 1, 2, 3
)
SELECT station_id || ' ' || evse_id, bucket,
    coalesce(c.sessions || ' sessions ' || c.energy_wh || ' Wh', 'none'),
    coalesce(k.sessions || ' sessions ' || k.energy_wh || ' Wh', 'none')
FROM (SELECT * FROM counted WHERE bucket >= :from_at AND bucket < :until_at) c
FULL JOIN (SELECT * FROM session_day_total WHERE bucket >= :from_at AND bucket < :until_at
    AND (sessions, energy_wh) <> (0, 0)) k USING (bucket, station_id, evse_id)
WHERE (c.sessions, c.energy_wh) IS DISTINCT FROM (k.sessions, k.energy_wh)
ORDER BY 2, 1;

-- name: guessing(now, window, guesses)
-- Stations at which tokens were refused lately; many different ones are somebody's guesses.
SELECT station_id, NULL::integer AS evse_id, min(started_at),
    count(DISTINCT lower(id_token)) >= :guesses::integer AS is_due,
    jsonb_build_object('tokens', count(DISTINCT lower(id_token))) AS detail
FROM attempt
WHERE outcome = 'refused' AND id_token IS NOT NULL AND started_at <= :now::timestamptz
    AND started_at > :now::timestamptz - :window::integer * interval '1 second'
GROUP BY station_id;
