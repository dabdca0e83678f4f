-- Who is told of incidents: rules, receivers, deliveries; and thresholds that staff may set.

-- name: thresholds(kind)
-- What staff have set for a kind of alerts.
SELECT name, value FROM watch_threshold WHERE kind = :kind AND value IS NOT NULL;

-- name: sync_thresholds(levels)!
-- The thresholds of this version, with their bounds; a value outside of them is the standard again.
WITH gone AS (
    DELETE FROM watch_threshold t WHERE NOT EXISTS (SELECT
        FROM jsonb_to_recordset(:levels::jsonb) AS l(kind text, name text)
        WHERE l.kind = t.kind AND l.name = t.name)
)
INSERT INTO watch_threshold AS t (kind, name, unit, standard, least, most)
SELECT kind, name, unit, standard, least, most
FROM jsonb_to_recordset(:levels::jsonb)
    AS l(kind text, name text, unit text, standard integer, least integer, most integer)
ON CONFLICT (kind, name) DO UPDATE SET unit = excluded.unit, standard = excluded.standard,
    least = excluded.least, most = excluded.most,
    value = CASE WHEN t.value BETWEEN excluded.least AND excluded.most THEN t.value END
WHERE (t.unit, t.standard, t.least, t.most)
    <> (excluded.unit, excluded.standard, excluded.least, excluded.most);

-- name: rules
-- Rules that are on.
SELECT rule_id, kind, severity, site_id, delay_seconds, receiver_id, escalate_after_seconds,
    escalate_to, active_from
FROM alert_rule WHERE is_active ORDER BY rule_id;

-- name: receivers
-- Who can be told.
SELECT receiver_id, quiet_from, quiet_until FROM receiver WHERE is_active;

-- name: open_incidents
-- Open incidents, as rules look at them.
SELECT i.incident_id, i.kind, i.severity, i.site_id,
    coalesce(s.time_zone, (SELECT time_zone FROM operator ORDER BY operator_id LIMIT 1)),
    i.noticed_at, i.reopened, i.acknowledged_at IS NOT NULL
FROM incident i LEFT JOIN site s USING (site_id)
WHERE i.resolved_at IS NULL
ORDER BY i.incident_id;

-- name: messages_of_open
-- What was said, or is to be, of open incidents.
SELECT d.incident_id, d.receiver_id, d.event, d.round, d.state, d.next_at, d.is_closed
FROM incident i JOIN delivery d USING (incident_id)
WHERE i.resolved_at IS NULL;

-- name: put_messages(messages, now)!
-- New messages, each once; what is held moves with the quiet hours.
INSERT INTO delivery AS d (incident_id, receiver_id, rule_id, event, round, state, created_at,
    next_at)
SELECT m.incident_id, m.receiver_id, m.rule_id, m.event, m.round,
    CASE WHEN m.at > :now::timestamptz THEN 'held' ELSE 'waiting' END, :now, m.at
FROM jsonb_to_recordset(:messages::jsonb) AS m(incident_id bigint, receiver_id integer,
    rule_id integer, event text, round integer, at timestamptz)
ON CONFLICT (incident_id, receiver_id, event, round) DO UPDATE
    SET state = excluded.state, next_at = excluded.next_at
    WHERE d.state = 'held' AND d.next_at <> excluded.next_at;

-- name: drop_messages(now)!
-- What waits and has nothing left to tell: over before it was told, acknowledged before it was
-- escalated, back before its end was told, a receiver that was switched off.
UPDATE delivery d SET state = 'dropped', claimed_until = NULL
FROM receiver r, incident i
WHERE d.state IN ('waiting', 'held') AND d.mail_id IS NULL
    AND (d.claimed_until IS NULL OR d.claimed_until <= :now::timestamptz)
    AND r.receiver_id = d.receiver_id AND i.incident_id = d.incident_id
    AND (NOT r.is_active OR CASE d.event WHEN 'resolved' THEN i.resolved_at IS NULL
        WHEN 'escalated' THEN i.resolved_at IS NOT NULL OR i.acknowledged_at IS NOT NULL
        ELSE i.resolved_at IS NOT NULL END);

-- name: close_messages!
-- Those who need not be told of the end: they were not reached, have been told, or left.
UPDATE delivery d SET is_closed = true
FROM incident i, receiver r
WHERE d.event IN ('raised', 'escalated') AND NOT d.is_closed AND i.incident_id = d.incident_id
    AND r.receiver_id = d.receiver_id
    AND (d.state IN ('failed', 'dropped') OR NOT r.is_active OR EXISTS (SELECT FROM delivery e
        WHERE e.incident_id = coalesce(i.merged_into, i.incident_id)
            AND e.receiver_id = d.receiver_id AND e.event = 'resolved'
            AND e.state IN ('sent', 'failed') AND e.created_at >= d.created_at));

-- name: ended
-- Whom to tell that it is over: those who were told of it, or of what was merged into it.
SELECT DISTINCT e.incident_id, d.receiver_id, r.quiet_from, r.quiet_until, e.severity,
    coalesce(s.time_zone, (SELECT time_zone FROM operator ORDER BY operator_id LIMIT 1)),
    e.resolved_at, e.reopened
FROM delivery d
JOIN incident i USING (incident_id)
JOIN incident e ON e.incident_id = coalesce(i.merged_into, i.incident_id)
JOIN receiver r USING (receiver_id)
LEFT JOIN site s ON s.site_id = e.site_id
WHERE d.event IN ('raised', 'escalated') AND NOT d.is_closed AND d.state = 'sent'
    AND e.resolved_at IS NOT NULL AND r.is_active;

-- name: queue_mails(now)!
-- What is due by e-mail goes into the outbox of mails; billing's sender takes it from there.
WITH due AS MATERIALIZED (
    SELECT d.delivery_id, d.attempts, d.incident_id, d.event, r.address, r.language
    FROM delivery d JOIN receiver r USING (receiver_id) LEFT JOIN incident i USING (incident_id)
    WHERE d.state IN ('waiting', 'held') AND d.next_at <= :now::timestamptz
        AND d.mail_id IS NULL AND r.channel = 'email'
        AND (r.is_active OR d.event = 'test')
        AND CASE d.event WHEN 'test' THEN true WHEN 'resolved' THEN i.resolved_at IS NOT NULL
            WHEN 'escalated' THEN i.resolved_at IS NULL AND i.acknowledged_at IS NULL
            ELSE i.resolved_at IS NULL END
    ORDER BY d.next_at, d.delivery_id LIMIT 500
    FOR UPDATE OF d SKIP LOCKED
), queued AS (
    INSERT INTO mail (recipient, kind, language, parameters, idempotency_key)
    SELECT address, 'alert', language,
        jsonb_build_object('delivery_id', delivery_id, 'incident_id', incident_id, 'event', event),
        'delivery ' || delivery_id || ' ' || attempts
    FROM due RETURNING mail_id, idempotency_key
)
UPDATE delivery d SET state = 'waiting', attempts = d.attempts + 1, mail_id = q.mail_id
FROM due u JOIN queued q ON q.idempotency_key = 'delivery ' || u.delivery_id || ' ' || u.attempts
WHERE d.delivery_id = u.delivery_id;

-- name: recall_mails(now)!
-- Mails that have not left yet and have nothing left to tell: without a mail server they wait for
-- days.
WITH gone AS (
    UPDATE mail m SET failed_at = :now, error = 'recalled: nothing left to tell'
    FROM delivery d JOIN incident i USING (incident_id)
    WHERE d.mail_id = m.mail_id AND d.state = 'waiting' AND m.sent_at IS NULL
        AND m.failed_at IS NULL
        AND (m.claimed_until IS NULL OR m.claimed_until <= :now::timestamptz)
        AND CASE d.event WHEN 'resolved' THEN i.resolved_at IS NULL
            WHEN 'escalated' THEN i.resolved_at IS NOT NULL OR i.acknowledged_at IS NOT NULL
            ELSE i.resolved_at IS NOT NULL END
    RETURNING d.delivery_id
)
UPDATE delivery d SET state = 'dropped' FROM gone g WHERE d.delivery_id = g.delivery_id;

-- name: expire_mails(now)!
-- Alerts that no mail server has seen for a day are no news any more.
UPDATE mail SET failed_at = :now, error = coalesce(error, 'not sent within a day')
WHERE kind = 'alert' AND sent_at IS NULL AND failed_at IS NULL
    AND created_at < :now::timestamptz - interval '1 day'
    AND (claimed_until IS NULL OR claimed_until <= :now::timestamptz);

-- name: follow_mails(now)!
-- What became of the mails; what a mail server says of an address is not repeated.
UPDATE delivery d SET error = f.error, sent_at = f.sent_at,
    next_at = CASE WHEN f.state = 'failed' THEN :now ELSE d.next_at END, state = f.state
FROM (
    SELECT o.delivery_id, m.sent_at, CASE WHEN m.mail_id IS NULL OR m.failed_at IS NOT NULL
        THEN 'failed' WHEN m.sent_at IS NOT NULL THEN 'sent' ELSE 'waiting' END AS state,
        CASE WHEN m.mail_id IS NULL THEN 'the mail is gone' WHEN m.sent_at IS NULL
            THEN replace(m.error, m.recipient, '...') END AS error
    FROM delivery o LEFT JOIN mail m USING (mail_id)
    WHERE o.state = 'waiting' AND o.mail_id IS NOT NULL
) f
WHERE d.delivery_id = f.delivery_id AND d.state = 'waiting'
    AND (f.state <> 'waiting' OR f.error IS DISTINCT FROM d.error);

-- name: claim_webhook(now, until)^
-- The message that has waited longest, for this worker alone until its lease ends.
UPDATE delivery c SET state = 'waiting', claimed_until = :until, attempts = c.attempts + 1
FROM receiver r
WHERE r.receiver_id = c.receiver_id AND c.delivery_id = (
    SELECT d.delivery_id
    FROM delivery d JOIN receiver r USING (receiver_id) LEFT JOIN incident i USING (incident_id)
    WHERE d.state IN ('waiting', 'held') AND d.next_at <= :now::timestamptz
        AND (d.claimed_until IS NULL OR d.claimed_until <= :now::timestamptz)
        AND d.mail_id IS NULL AND r.channel = 'webhook' AND (r.is_active OR d.event = 'test')
        AND CASE d.event WHEN 'test' THEN true WHEN 'resolved' THEN i.resolved_at IS NOT NULL
            WHEN 'escalated' THEN i.resolved_at IS NULL AND i.acknowledged_at IS NULL
            ELSE i.resolved_at IS NULL END
    ORDER BY d.next_at, d.delivery_id LIMIT 1
    FOR UPDATE OF d SKIP LOCKED
)
RETURNING c.delivery_id, c.key::text, c.event, c.incident_id, c.attempts, c.created_at, r.address,
    r.secret, r.language;

-- name: message_sent(delivery_id, at)!
-- The receiver has taken it.
UPDATE delivery SET state = 'sent', sent_at = :at, claimed_until = NULL, error = NULL
WHERE delivery_id = :delivery_id AND state <> 'sent';

-- name: message_waits(delivery_id, next_at, error)!
-- It did not get there: again then.
UPDATE delivery SET next_at = :next_at, claimed_until = NULL, error = :error
WHERE delivery_id = :delivery_id AND state = 'waiting';

-- name: message_failed(delivery_id, at, error)!
-- Given up.
UPDATE delivery SET state = 'failed', next_at = :at, claimed_until = NULL, error = :error
WHERE delivery_id = :delivery_id AND state = 'waiting';

-- name: alarm(incident_id)^
-- An incident as messages tell it: nothing about drivers, payments or staff.
SELECT i.incident_id, i.kind, i.severity, i.grouped_by, i.detail, i.site_id, s.name AS site,
    coalesce(s.time_zone, (SELECT time_zone FROM operator ORDER BY operator_id LIMIT 1)) AS zone,
    i.opened_at, i.noticed_at, i.acknowledged_at, i.resolved_at, i.resolution, i.cause,
    g.stations, g.station_ids,
    coalesce((SELECT jsonb_agg(to_jsonb(a)) FROM (
        SELECT a.kind, a.station_id, a.evse_id, a.raised_at, a.resolved_at FROM alert a
        WHERE a.incident_id = i.incident_id
        ORDER BY a.resolved_at IS NOT NULL, a.station_id, a.evse_id LIMIT 50) a), '[]') AS alerts
FROM incident i LEFT JOIN site s USING (site_id)
CROSS JOIN LATERAL (
    -- all of a dark site is dark, also before its alerts have been raised
    SELECT count(*) AS stations,
        coalesce((array_agg(x.station_id ORDER BY x.station_id))[1 : 50], '{}') AS station_ids
    FROM (SELECT a.station_id FROM alert a
        WHERE a.incident_id = i.incident_id AND a.station_id IS NOT NULL
        UNION SELECT d.station_id FROM station d
        WHERE d.site_id = i.site_id AND d.contact_changed_at IS NOT NULL
            AND (i.kind = 'site_dark' OR i.kind = 'router_down' AND d.router = i.group_key)) x
) g
WHERE i.incident_id = :incident_id;

-- name: forget_messages(before)!
-- Deliveries of long ago.
DELETE FROM delivery WHERE created_at < :before AND state IN ('sent', 'failed', 'dropped');
