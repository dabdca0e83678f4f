-- Who is told of which incidents, and from when on something counts as wrong: what staff set.

-- name: receivers
-- All receivers, without their secrets, and how their newest message fared.
SELECT r.receiver_id, r.name, r.channel, r.address, r.language, r.quiet_from, r.quiet_until,
    r.is_active, d.state, d.sent_at, d.created_at AS told_at, d.error
FROM receiver r
LEFT JOIN LATERAL (SELECT * FROM delivery WHERE receiver_id = r.receiver_id
    ORDER BY delivery_id DESC LIMIT 1) d ON true
ORDER BY NOT r.is_active, r.name;

-- name: rules
-- All rules with the names of what they are about.
SELECT a.rule_id, a.kind, a.severity, a.site_id, a.delay_seconds, a.receiver_id,
    a.escalate_after_seconds, a.escalate_to, a.is_active, site.name AS site, r.name AS receiver,
    e.name AS escalates_to
FROM alert_rule a
JOIN receiver r USING (receiver_id)
LEFT JOIN receiver e ON e.receiver_id = a.escalate_to
LEFT JOIN site USING (site_id)
ORDER BY NOT a.is_active, a.rule_id;

-- name: thresholds
-- What the watchdogs go by.
SELECT kind, name, unit, standard, least, most, value, changed_by, changed_at
FROM watch_threshold ORDER BY kind, name;

-- name: deliveries
-- The newest messages: what, to whom, how they fared.
SELECT d.delivery_id, d.incident_id, d.event, d.state, d.attempts, d.created_at, d.next_at,
    d.sent_at, d.error, r.name AS receiver, r.channel, i.kind, site.name AS site
FROM delivery d
JOIN receiver r USING (receiver_id)
LEFT JOIN incident i USING (incident_id)
LEFT JOIN site ON site.site_id = i.site_id
WHERE d.delivery_id < :before_id
ORDER BY d.delivery_id DESC LIMIT :at_most;

-- name: add_receiver$
-- Somebody else who can be told.
INSERT INTO receiver (name, channel, address, secret, language, quiet_from, quiet_until)
VALUES (:name, :channel, :address, :secret, :language, :quiet_from, :quiet_until)
RETURNING receiver_id;

-- name: change_receiver$
-- What is known of a receiver; without a new secret the old one stays.
UPDATE receiver SET name = :name, channel = :channel, address = :address,
    secret = CASE WHEN :channel = 'webhook' THEN coalesce(:secret, secret) END,
    language = :language, quiet_from = :quiet_from, quiet_until = :quiet_until
WHERE receiver_id = :receiver_id
RETURNING receiver_id;

-- name: switch_receiver$
-- A receiver is told nothing any more, or again.
UPDATE receiver SET is_active = NOT is_active WHERE receiver_id = :receiver_id
RETURNING is_active;

-- name: add_rule$
-- What is told to whom.
INSERT INTO alert_rule (kind, severity, site_id, delay_seconds, receiver_id,
    escalate_after_seconds, escalate_to)
VALUES (:kind, :severity, :site_id, :delay_seconds, :receiver_id, :escalate_after_seconds,
    :escalate_to)
RETURNING rule_id;

-- name: change_rule$
-- A rule says something else from now on.
UPDATE alert_rule SET kind = :kind, severity = :severity, site_id = :site_id,
    delay_seconds = :delay_seconds, receiver_id = :receiver_id,
    escalate_after_seconds = :escalate_after_seconds, escalate_to = :escalate_to
WHERE rule_id = :rule_id
RETURNING rule_id;

-- name: switch_rule$
-- A rule holds no more, or again.
UPDATE alert_rule SET is_active = NOT is_active WHERE rule_id = :rule_id RETURNING is_active;

-- name: set_threshold$
-- Staff set a threshold within what is allowed; null: the standard.
UPDATE watch_threshold SET value = :value, changed_by = :by, changed_at = now()
WHERE kind = :kind AND name = :name AND (:value::integer IS NULL OR :value BETWEEN least AND most)
    AND value IS DISTINCT FROM :value::integer
RETURNING kind;

-- name: send_test$
-- A test message to a receiver; one at a time.
INSERT INTO delivery (receiver_id, event)
SELECT r.receiver_id, 'test' FROM receiver r
WHERE r.receiver_id = :receiver_id AND NOT EXISTS (SELECT FROM delivery d
    WHERE d.receiver_id = r.receiver_id AND d.event = 'test' AND d.state IN ('waiting', 'held'))
RETURNING delivery_id;

-- name: send_again$
-- What was given up is tried once more.
UPDATE delivery SET state = 'waiting', next_at = now(), mail_id = NULL, error = NULL
WHERE delivery_id = :delivery_id AND state = 'failed'
RETURNING delivery_id;
