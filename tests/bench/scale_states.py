"""Time per state, attempts and outages beside the sessions, as the jobs would have written them."""

from tests.bench.scale_slots import EVSES, SLOTS

# before any session: every evse is available all day; ten outages of each in the year
BASE = (
    "ALTER TABLE state_fact DISABLE TRIGGER state_fact_roll_up",
    f"""INSERT INTO state_fact (started_at, evse_key, seconds, revision, evse_id, station_id, state)
    SELECT day, evse_key, 86400, 0, evse_id, station_id, 'available'
    FROM (SELECT * FROM evse ORDER BY evse_key LIMIT {EVSES}) e,
        generate_series(date_trunc('day', %(since)s::timestamptz, 'Europe/Stockholm'),
            now() - interval '1 day', interval '1 day') day
    ORDER BY day""",  # noqa: S608
    """INSERT INTO state_day_total (bucket, evse_key, evse_id, seconds, station_id, state)
    SELECT date_trunc('day', started_at, 'Europe/Stockholm'), evse_key, evse_id, sum(seconds),
        station_id, state FROM state_fact GROUP BY 1, 2, 3, 5, 6 ORDER BY 1""",
    """INSERT INTO state_month_total (bucket, evse_key, evse_id, seconds, station_id, state)
    SELECT date_trunc('month', bucket, 'Europe/Stockholm'), evse_key, evse_id, sum(seconds),
        station_id, state FROM state_day_total GROUP BY 1, 2, 3, 5, 6 ORDER BY 1""",
    f"""INSERT INTO state_fleet_total (bucket, state, seconds)
    SELECT hour, 'available', 3600 * {EVSES}
    FROM generate_series(%(since)s::timestamptz, now(), interval '1 hour') hour""",  # noqa: S608
    "ALTER TABLE state_fact ENABLE TRIGGER state_fact_roll_up",
    f"""INSERT INTO evse_timeline (evse_key, station_id, evse_id, in_service_from, open_since,
        state, revision)
    SELECT evse_key, station_id, evse_id, %(since)s::timestamptz,
        date_trunc('second', now()) - evse_key %% 50 * interval '7 minutes',
        CASE WHEN evse_key %% 5 = 0 THEN 'charging' ELSE 'available' END, 1
    FROM evse ORDER BY evse_key LIMIT {EVSES}""",  # noqa: S608
    f"""INSERT INTO outage (evse_key, station_id, evse_id, started_at, ended_at, cause)
    SELECT evse_key, station_id, evse_id, at, at + (evse_key * 37 + n) %% 300 * interval '1 minute'
        + interval '1 minute', (ARRAY['network', 'hardware', 'unavailable', 'csms'])[n %% 4 + 1]
    FROM (SELECT * FROM evse ORDER BY evse_key LIMIT {EVSES}) e, generate_series(0, 9) n
    CROSS JOIN LATERAL (SELECT date_trunc('second', %(since)s::timestamptz
        + n * interval '36 days' + (evse_key / 2 * 7919) %% 3000000 * interval '1 second') AS at) t
    WHERE at < now() - interval '1 day' ORDER BY at""",  # noqa: S608
    """INSERT INTO state_fact (started_at, evse_key, seconds, revision, evse_id, station_id, state,
        cause)
    SELECT started_at, evse_key, sign * extract(epoch FROM ended_at - started_at), 1, evse_id,
        station_id, state, CASE state WHEN 'unknown' THEN cause END
    FROM outage, (VALUES ('unknown', 1), ('available', -1)) s (state, sign) ORDER BY started_at""",
    """INSERT INTO contact_history (station_id, at, is_online, cause)
    SELECT station_id, at, is_online, CASE WHEN NOT is_online THEN 'station' END
    FROM outage CROSS JOIN LATERAL (VALUES (started_at, false), (ended_at, true)) c (at, is_online)
    WHERE evse_id = 1 AND cause = 'network'""",
    """INSERT INTO station_build (vendor, model, firmware_version)
    SELECT 'Vendor ' || n %% 3, 'Model ' || n, '1.' || n FROM generate_series(1, 8) n""",
)
# with the sessions of a size
GROWING = (
    f"""INSERT INTO state_fact (started_at, evse_key, seconds, revision, evse_id, station_id, state)
    SELECT date_trunc('second', at), evse_key, seconds, 0, evse_id, station_id, state
    FROM ({SLOTS}) s
    CROSS JOIN LATERAL (VALUES (began, minutes * 60, 'charging'),
        (began + minutes * interval '1 minute', 180, 'finished'),
        (began, -minutes * 60 - 180, 'available')) f (at, seconds, state)
    ORDER BY at""",  # noqa: S608
    f"""INSERT INTO attempt (key, station_id, evse_id, evse_key, site_id, build_id, id_token,
        session_id, started_at, ended_at, stage, is_authorised, outcome, energy_wh, visitor,
        visit_succeeded)
    SELECT 'session:' || session_id, station_id, evse_id, evse_key, site_id, evse_key %% 8 + 1,
        'TAG' || session_id %% 5000, session_id, began, began + minutes * interval '1 minute',
        CASE WHEN fails THEN 'start' ELSE 'charge' END, true,
        CASE WHEN fails THEN 'failed' ELSE 'succeeded' END,
        CASE WHEN fails THEN 0 ELSE minutes * (watts / 60) END,
        'TAG' || session_id %% 5000 || ' ' || station_id, NOT fails
    FROM (SELECT *, session_id * 7919 %% 20 = 0 AS fails FROM ({SLOTS}) s) s
    ORDER BY began""",  # noqa: S608
)
