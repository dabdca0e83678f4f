-- One row per evse with the one state staff and drivers see. Board, live feed, public page and
-- API all read this view, so they can never disagree.
CREATE VIEW evse_state AS
SELECT
    e.evse_key, e.station_id, e.evse_id, e.public_code, e.max_power_w,
    s.site_id, s.is_online, s.last_seen_at, s.contact_changed_at, s.offline_cause,
    CASE
        -- never connected is not lost: nobody who counts by state may take it for harm
        WHEN NOT s.is_online AND s.contact_changed_at IS NULL THEN 'unconnected'
        WHEN NOT s.is_online OR c.status IS NULL AND o.session_id IS NULL THEN 'unknown'
        WHEN c.status = 'Faulted' OR s.status = 'Faulted' THEN 'faulted'
        WHEN c.status = 'Unavailable' OR s.status = 'Unavailable' THEN 'unavailable'
        WHEN o.session_id IS NOT NULL AND coalesce(o.charging_state, c.charging_state, 'Charging')
            IN ('SuspendedEV', 'SuspendedEVSE') THEN 'suspended'
        WHEN o.session_id IS NOT NULL AND coalesce(o.charging_state, c.charging_state, 'Charging')
            = 'EVConnected' THEN 'preparing'
        WHEN o.session_id IS NOT NULL AND coalesce(o.charging_state, c.charging_state) = 'Idle'
            THEN 'finished'
        WHEN o.session_id IS NOT NULL THEN 'charging'
        WHEN c.status = 'Reserved' THEN 'reserved'
        WHEN c.charging_state = 'Charging' THEN 'charging'
        WHEN c.charging_state IN ('SuspendedEV', 'SuspendedEVSE') THEN 'suspended'
        WHEN c.charging_state = 'Idle' OR c.status = 'Occupied' AND c.charging_state IS NULL
            AND EXISTS (SELECT FROM session l WHERE l.evse_key = e.evse_key
                AND l.ended_at >= c.status_at AND l.started_at <= now()) THEN 'finished'
        WHEN c.status = 'Occupied' THEN 'preparing'
        ELSE 'available'
    END AS state,
    CASE WHEN s.is_online THEN greatest(c.status_at, o.started_at)
         ELSE coalesce(s.contact_changed_at, s.last_seen_at) END AS state_since,
    c.connectors, c.standards, c.status, coalesce(o.charging_state, c.charging_state) AS charging_state,
    c.status_at, coalesce(c.error_code, s.error_code) AS error_code, c.info,
    o.session_id, o.started_at, o.energy_wh, o.power_w, o.soc_pct, o.id_token, o.register_at,
    o.version AS session_version
FROM evse e
JOIN station s USING (station_id)
LEFT JOIN LATERAL (
    -- The connector that tells most about the evse: one vehicle at a time, so the worst fault is
    -- only the evse's if no connector is usable, and any occupied one is the one in use.
    SELECT (array_agg(c.status ORDER BY rank, status_at DESC))[1] AS status,
        (array_agg(c.charging_state ORDER BY rank, status_at DESC))[1] AS charging_state,
        (array_agg(c.status_at ORDER BY rank, status_at DESC))[1] AS status_at,
        (array_agg(c.error_code ORDER BY rank, status_at DESC))[1] AS error_code,
        (array_agg(c.info ORDER BY rank, status_at DESC))[1] AS info,
        array_agg(c.connector_id ORDER BY connector_id) AS connectors,
        array_agg(c.standard ORDER BY connector_id) AS standards
    FROM (
        SELECT connector.*, array_position(
            ARRAY['Occupied', 'Reserved', 'Available', 'Faulted', 'Unavailable'], status) AS rank
        FROM connector WHERE evse_key = e.evse_key
    ) c
) c ON true
LEFT JOIN LATERAL (
    SELECT * FROM session o WHERE o.evse_key = e.evse_key AND o.ended_at IS NULL
    ORDER BY o.started_at DESC LIMIT 1
) o ON true;
