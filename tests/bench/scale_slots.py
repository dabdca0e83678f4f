"""The sessions of a year, as a query: where in it each evse has its 1,250 places for one."""

from datetime import timedelta

EVSES = 1_000
PLACES = 1_250
YEAR = timedelta(days=365)
PLACE = YEAR / PLACES
FIRST_ID = 10_000_000

# 41 lengths, and a prime with a place's number in it, so that no two evses do the same
SLOTS = f"""
SELECT {FIRST_ID}::bigint + n * {EVSES} + e.evse_key %% {EVSES} AS session_id, e.*, n, began,
    20 + (n * 31 + e.evse_key * 7) %% 41 AS minutes,
    CASE e.evse_key %% 3 WHEN 0 THEN 21600 WHEN 1 THEN 10800 ELSE 92400 END
        - (n * 60 + e.evse_key) %% 1200 AS watts
FROM generate_series(%(first)s::integer, %(last)s::integer) n
CROSS JOIN (SELECT evse.*, site_id FROM evse JOIN station USING (station_id)
    ORDER BY evse_key LIMIT {EVSES}) e
CROSS JOIN LATERAL (SELECT %(since)s::timestamptz + n * %(place)s::interval
    + ((e.evse_key * 7919 + n * 104729) %% 18000) * interval '1.13 seconds' AS began) b
WHERE n %% %(step)s = 0 AND (%(done)s = 0 OR n %% greatest(%(done)s, 1) <> 0)
    AND began + interval '61 minutes' < now()"""  # noqa: S608
