-- Who charges, for how long and how much: counted per day and month from sessions that have ended,
-- so that a year over millions of sessions costs what a month does. And what was sold by tariff.
--
-- A session that ends, changes, is paid for or priced is logged by the statement that did it; the job
-- `fold_visits` takes the log and books the difference to what it had counted of those sessions. So
-- late and corrected sessions, and payers who become known later, come out right in whatever order.

-- A site's and everybody's sessions by time, those of a token, and those with something odd.
CREATE INDEX session_site_started ON session (site_id, started_at DESC, session_id DESC);
CREATE INDEX session_token_started ON session (lower(id_token), started_at DESC)
    WHERE id_token IS NOT NULL;
CREATE INDEX session_flagged ON session (started_at DESC, session_id DESC) WHERE flags <> '{}';

CREATE TABLE visit_change (
    change_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id bigint NOT NULL
);
COMMENT ON TABLE visit_change IS 'Sessions that ended or changed since they were counted; taken by fold_visits().';

-- site_id here and below: -1 is "without a site", 0 is everybody's.
CREATE TABLE visit (
    session_id bigint PRIMARY KEY,
    who        uuid,                    -- null: nobody knows
    energy_wh  bigint NOT NULL,
    gross      bigint,                  -- of the record in force; minor units
    day        date NOT NULL,           -- it began on, in the operator's zone
    site_id    integer NOT NULL,
    seconds    integer NOT NULL,
    hour       smallint NOT NULL,       -- 0 to 23, in the operator's zone
    channel    text NOT NULL,           -- of its payment; 'none': not paid for here
    currency   text
) WITH (fillfactor = 80);
CREATE INDEX visit_day ON visit (day);
COMMENT ON TABLE visit IS 'What is counted of each session that has ended: visit_total, visit_sale and visitor_day are sums of these rows.';

CREATE TABLE visit_total (
    level     text NOT NULL CHECK (level IN ('day', 'month')),
    site_id   integer NOT NULL,
    bucket    date NOT NULL,
    what      text NOT NULL CHECK (what IN ('length', 'energy', 'hour', 'channel')),
    part      text NOT NULL,            -- number of the bin, hour, or channel
    sessions  bigint NOT NULL,
    energy_wh bigint NOT NULL,
    seconds   bigint NOT NULL,
    PRIMARY KEY (level, site_id, bucket, what, part)
) WITH (fillfactor = 70);
CREATE INDEX visit_total_sites ON visit_total (level, bucket, site_id) WHERE what = 'channel';
COMMENT ON TABLE visit_total IS 'Ended sessions per day and month of their beginning, by length, energy, hour of day and channel; the parts of each add up to all.';

CREATE TABLE visit_sale (
    level    text NOT NULL CHECK (level IN ('day', 'month')),
    site_id  integer NOT NULL,
    bucket   date NOT NULL,
    channel  text NOT NULL,
    currency text NOT NULL,
    sessions bigint NOT NULL,
    gross    bigint NOT NULL,
    PRIMARY KEY (level, site_id, bucket, channel, currency)
) WITH (fillfactor = 70);
COMMENT ON TABLE visit_sale IS 'What sessions were priced at (records in force, before refunds) per day and month of their beginning.';

CREATE TABLE visitor_day (
    who      uuid NOT NULL,
    site_id  integer NOT NULL,
    day      date NOT NULL,
    sessions integer NOT NULL,
    PRIMARY KEY (who, site_id, day)
) WITH (fillfactor = 80);
CREATE INDEX visitor_day_day ON visitor_day (day);
COMMENT ON TABLE visitor_day IS 'On which days somebody charged, at each site and (site 0) anywhere.';

-- Distinct people of a period can't be added up, but these can: whoever came within [a, b) came
-- there exactly once with a day before that lies before a. So users of a period are a sum of rows
-- with bucket within it and previous before it; new ones those without a previous day.
CREATE TABLE visitor_gap (
    level    text NOT NULL CHECK (level IN ('day', 'month')),
    site_id  integer NOT NULL,
    bucket   date NOT NULL,
    previous date NOT NULL,             -- when they came before, -infinity: never
    users    bigint NOT NULL,
    PRIMARY KEY (level, site_id, bucket, previous) INCLUDE (users)
) WITH (fillfactor = 70);
CREATE INDEX visitor_gap_previous ON visitor_gap (level, site_id, previous, bucket) INCLUDE (users);
CREATE INDEX visitor_gap_bucket ON visitor_gap (level, bucket, site_id, previous) INCLUDE (users);
COMMENT ON TABLE visitor_gap IS 'How many people charged on a day (or in a month) and last before that on another: sums give the distinct users of any period.';

CREATE FUNCTION visit_length_bin(seconds bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(seconds::integer,
    ARRAY[900, 1800, 2700, 3600, 5400, 7200, 10800, 14400, 21600, 43200]);
CREATE FUNCTION visit_energy_bin(energy_wh bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(least(energy_wh, 1000000)::integer,
    ARRAY[100, 5000, 10000, 15000, 20000, 30000, 40000, 50000, 60000, 80000]);

-- Who it was: a guest is the phone or browser that paid, else the driver's account, else the token.
CREATE VIEW visit_fact AS
SELECT s.session_id,
    CASE WHEN p.channel = 'guest' THEN md5('guest ' || coalesce(encode(p.owner_hash, 'hex'),
            'payment ' || p.payment_id))::uuid
        WHEN coalesce(p.driver_id, s.driver_id) IS NOT NULL
            THEN md5('driver ' || coalesce(p.driver_id, s.driver_id))::uuid
        WHEN s.id_token IS NOT NULL THEN md5('token ' || lower(s.id_token))::uuid END AS who,
    s.energy_wh, c.gross, book_day(s.started_at) AS day, coalesce(s.site_id, -1) AS site_id,
    greatest(least(extract(epoch FROM s.ended_at - s.started_at), 2000000000), 0)::integer
        AS seconds,
    extract(hour FROM s.started_at AT TIME ZONE {{time_zone}})::smallint AS hour,
    coalesce(p.channel, 'none') AS channel, c.currency
FROM session s
LEFT JOIN payment p ON p.session_id = s.session_id
LEFT JOIN LATERAL (
    SELECT k.gross, k.currency FROM cdr k
    WHERE k.session_id = s.session_id AND NOT k.is_credit ORDER BY k.cdr_id DESC LIMIT 1
) c ON true
WHERE s.ended_at IS NOT NULL;
COMMENT ON VIEW visit_fact IS 'What is to be counted of each session that has ended.';

-- The days (months) on which some people came, each with the one before it.
CREATE FUNCTION visitor_gaps(people uuid[])
RETURNS TABLE (level text, site_id integer, bucket date, previous date, users bigint)
LANGUAGE sql STABLE AS $$
    SELECT level, site_id, bucket, previous, count(*) FROM (
        SELECT 'day' AS level, d.site_id, d.day AS bucket, coalesce(lag(d.day) OVER (
            PARTITION BY d.who, d.site_id ORDER BY d.day), '-infinity') AS previous
        FROM visitor_day d WHERE d.who = ANY (people)
        UNION ALL
        SELECT 'month', m.site_id, m.month, coalesce(lag(m.month) OVER (
            PARTITION BY m.who, m.site_id ORDER BY m.month), '-infinity')
        FROM (SELECT DISTINCT d.who, d.site_id, d.day - extract(day FROM d.day)::integer + 1 AS month
            FROM visitor_day d WHERE d.who = ANY (people)) m
    ) g GROUP BY 1, 2, 3, 4
$$;

-- Take at most so many of the log and book what changed; how many were taken. One at a time: a
-- second caller finds nothing to do.
CREATE FUNCTION fold_visits(at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
    taken integer;
    old visit[];
    new visit[];
    days visitor_day[];
    people uuid[];
    gaps visitor_gap[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('kilowatch visits')) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM visit_change WHERE change_id IN (
            SELECT c.change_id FROM visit_change c ORDER BY c.change_id LIMIT at_most)
        RETURNING session_id
    )
    SELECT array_agg(DISTINCT session_id), count(*) INTO ids, taken FROM gone;
    IF taken = 0 THEN
        RETURN 0;
    END IF;
    old := ARRAY(SELECT v FROM visit v WHERE v.session_id = ANY (ids));
    new := ARRAY(SELECT ROW(f.session_id, f.who, f.energy_wh, f.gross, f.day, f.site_id, f.seconds,
        f.hour, f.channel, f.currency)::visit FROM visit_fact f WHERE f.session_id = ANY (ids));
    DELETE FROM visit v WHERE v.session_id = ANY (ids);
    INSERT INTO visit SELECT * FROM unnest(new);

    INSERT INTO visit_total AS kept (level, site_id, bucket, what, part, sessions, energy_wh, seconds)
    SELECT * FROM (
        SELECT l.level, o.site_id, l.bucket, w.what, w.part, sum(c.sign) AS a,
            sum(c.sign * c.energy_wh) AS b, sum(c.sign * c.seconds::bigint) AS d
        FROM (SELECT 1 AS sign, * FROM unnest(new) UNION ALL SELECT -1, * FROM unnest(old)) c
        CROSS JOIN LATERAL (VALUES (0), (c.site_id)) o (site_id)
        CROSS JOIN LATERAL (VALUES ('day', c.day),
            ('month', c.day - extract(day FROM c.day)::integer + 1)) l (level, bucket)
        CROSS JOIN LATERAL (VALUES ('length', visit_length_bin(c.seconds)::text),
            ('energy', visit_energy_bin(c.energy_wh)::text), ('hour', c.hour::text),
            ('channel', c.channel)) w (what, part)
        GROUP BY 1, 2, 3, 4, 5
    ) s WHERE (a, b, d) <> (0, 0, 0)
    ON CONFLICT (level, site_id, bucket, what, part) DO UPDATE SET
        sessions = kept.sessions + excluded.sessions,
        energy_wh = kept.energy_wh + excluded.energy_wh, seconds = kept.seconds + excluded.seconds;

    INSERT INTO visit_sale AS kept (level, site_id, bucket, channel, currency, sessions, gross)
    SELECT * FROM (
        SELECT l.level, o.site_id, l.bucket, c.channel, c.currency, sum(c.sign) AS a,
            sum(c.sign * c.gross) AS b
        FROM (SELECT 1 AS sign, * FROM unnest(new) UNION ALL SELECT -1, * FROM unnest(old)) c
        CROSS JOIN LATERAL (VALUES (0), (c.site_id)) o (site_id)
        CROSS JOIN LATERAL (VALUES ('day', c.day),
            ('month', c.day - extract(day FROM c.day)::integer + 1)) l (level, bucket)
        WHERE c.currency IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ) s WHERE (a, b) <> (0, 0)
    ON CONFLICT (level, site_id, bucket, channel, currency) DO UPDATE SET
        sessions = kept.sessions + excluded.sessions, gross = kept.gross + excluded.gross;

    days := ARRAY(
        SELECT ROW(c.who, o.site_id, c.day, sum(c.sign)::integer)::visitor_day
        FROM (SELECT 1 AS sign, * FROM unnest(new) UNION ALL SELECT -1, * FROM unnest(old)) c
        CROSS JOIN LATERAL (VALUES (0), (c.site_id)) o (site_id)
        WHERE c.who IS NOT NULL
        GROUP BY c.who, o.site_id, c.day HAVING sum(c.sign) <> 0);
    people := ARRAY(SELECT DISTINCT d.who FROM unnest(days) d);
    gaps := ARRAY(SELECT ROW(g.level, g.site_id, g.bucket, g.previous, g.users)::visitor_gap
        FROM visitor_gaps(people) g);
    INSERT INTO visitor_day AS kept SELECT * FROM unnest(days)
    ON CONFLICT (who, site_id, day) DO UPDATE SET sessions = kept.sessions + excluded.sessions;
    DELETE FROM visitor_day d USING unnest(days) c
    WHERE d.who = c.who AND d.site_id = c.site_id AND d.day = c.day AND d.sessions = 0;
    gaps := ARRAY(
        SELECT ROW(g.level, g.site_id, g.bucket, g.previous, sum(g.users))::visitor_gap
        FROM (SELECT * FROM visitor_gaps(people) UNION ALL
            SELECT b.level, b.site_id, b.bucket, b.previous, -b.users FROM unnest(gaps) b) g
        GROUP BY g.level, g.site_id, g.bucket, g.previous HAVING sum(g.users) <> 0);
    INSERT INTO visitor_gap AS kept SELECT * FROM unnest(gaps)
    ON CONFLICT (level, site_id, bucket, previous) DO UPDATE SET users = kept.users + excluded.users;
    DELETE FROM visitor_gap v USING unnest(gaps) c
    WHERE (v.level, v.site_id, v.bucket, v.previous) = (c.level, c.site_id, c.bucket, c.previous)
        AND v.users = 0;
    RETURN taken;
END $$;

-- A session that ended, or is no longer what was counted of it.
CREATE FUNCTION visits_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit_change (session_id)
    SELECT session_id FROM added WHERE ended_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE FUNCTION visit_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit_change (session_id) VALUES (NEW.session_id);
    RETURN NULL;
END $$;
CREATE FUNCTION visit_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit_change (session_id) VALUES (OLD.session_id);
    RETURN NULL;
END $$;
CREATE TRIGGER visits_came AFTER INSERT ON session
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION visits_came();
CREATE TRIGGER visit_changed AFTER UPDATE OF started_at, ended_at, energy_wh, id_token, driver_id,
        site_id ON session FOR EACH ROW
    WHEN ((OLD.ended_at IS NOT NULL OR NEW.ended_at IS NOT NULL)
        AND (OLD.started_at, OLD.ended_at, OLD.energy_wh, OLD.id_token, OLD.driver_id, OLD.site_id)
            IS DISTINCT FROM
            (NEW.started_at, NEW.ended_at, NEW.energy_wh, NEW.id_token, NEW.driver_id, NEW.site_id))
    EXECUTE FUNCTION visit_changed();
CREATE TRIGGER visit_went AFTER DELETE ON session FOR EACH ROW EXECUTE FUNCTION visit_went();
CREATE TRIGGER visit_payer_came AFTER INSERT ON payment FOR EACH ROW
    WHEN (NEW.session_id IS NOT NULL) EXECUTE FUNCTION visit_changed();
CREATE TRIGGER visit_payer_went AFTER DELETE ON payment FOR EACH ROW
    WHEN (OLD.session_id IS NOT NULL) EXECUTE FUNCTION visit_went();
CREATE FUNCTION visit_payer_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit_change (session_id)
    SELECT DISTINCT id FROM (VALUES (OLD.session_id), (NEW.session_id)) s (id)
    WHERE id IS NOT NULL ORDER BY id;
    RETURN NULL;
END $$;
CREATE TRIGGER visit_payer_changed AFTER UPDATE OF session_id, channel, owner_hash, driver_id
    ON payment FOR EACH ROW
    WHEN ((OLD.session_id, OLD.channel, OLD.owner_hash, OLD.driver_id) IS DISTINCT FROM
        (NEW.session_id, NEW.channel, NEW.owner_hash, NEW.driver_id))
    EXECUTE FUNCTION visit_payer_changed();
CREATE FUNCTION visits_priced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit_change (session_id) SELECT DISTINCT session_id FROM added ORDER BY 1;
    RETURN NULL;
END $$;
CREATE TRIGGER visits_priced AFTER INSERT ON cdr
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION visits_priced();

INSERT INTO visit_change (session_id)
SELECT session_id FROM session WHERE ended_at IS NOT NULL ORDER BY started_at;

-- What was sold by tariff and day, kept with the bookings: sums of the same entries as ledger_day and
-- revenue_day, so that each can be held against the others.
CREATE TABLE revenue_tariff_day (
    bucket      date NOT NULL,
    operator_id integer NOT NULL,
    site_id     integer,
    channel     text,
    currency    text NOT NULL,
    tariff_hash text NOT NULL,          -- '': the record names none
    net         bigint NOT NULL,
    vat         bigint NOT NULL,
    sessions    bigint NOT NULL,
    energy_wh   bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX revenue_tariff_day_key ON revenue_tariff_day
    (operator_id, bucket, site_id, channel, currency, tariff_hash) NULLS NOT DISTINCT;
CREATE INDEX revenue_tariff_day_bucket ON revenue_tariff_day (bucket);
COMMENT ON TABLE revenue_tariff_day IS 'Sales less what was given back, by the tariff that the session was priced with; minor units.';

CREATE FUNCTION revenue_tariff_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- of the lines that came: they may come one by one. (LATERAL with LIMIT 1, as in 0025.)
    INSERT INTO revenue_tariff_day AS kept
    SELECT book_day(j.booked_at), j.operator_id, j.site_id, j.channel, a.currency,
        coalesce(c.tariff_hash, ''),
        coalesce(-sum(a.amount) FILTER (WHERE a.account LIKE '3%'), 0)::bigint,
        coalesce(-sum(a.amount) FILTER (WHERE a.account LIKE '26%'), 0)::bigint,
        count(*) FILTER (WHERE a.line = 1 AND j.kind = 'earned' AND NOT EXISTS (
            SELECT FROM journal o WHERE o.session_id = j.session_id AND o.kind = 'earned'
                AND o.journal_id < j.journal_id)),
        coalesce(sum(k.energy_wh), 0)::bigint
    FROM added a
    CROSS JOIN LATERAL (SELECT * FROM journal n WHERE n.journal_id = a.journal_id LIMIT 1) j
    LEFT JOIN LATERAL (SELECT r.tariff_hash FROM cdr r WHERE r.cdr_id = coalesce(j.cdr_id,
        (SELECT min(f.cdr_id) FROM cdr f WHERE f.session_id = j.session_id)) LIMIT 1) c ON true
    LEFT JOIN LATERAL energy_sold(j.cdr_id) k ON j.kind = 'earned' AND a.line = 1
    WHERE j.kind IN ('earned', 'credit', 'refund', 'adjustment')
        AND (a.line = 1 OR a.account ~ '^(3|26)')
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 2, 1, 3, 4, 5, 6
    ON CONFLICT (operator_id, bucket, site_id, channel, currency, tariff_hash) DO UPDATE SET
        net = kept.net + excluded.net, vat = kept.vat + excluded.vat,
        sessions = kept.sessions + excluded.sessions,
        energy_wh = kept.energy_wh + excluded.energy_wh;
    RETURN NULL;
END $$;
CREATE TRIGGER revenue_tariff_roll_up AFTER INSERT ON entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION revenue_tariff_roll_up();
INSERT INTO revenue_tariff_day
SELECT book_day(j.booked_at), j.operator_id, j.site_id, j.channel, a.currency,
    coalesce(c.tariff_hash, ''),
    coalesce(-sum(a.amount) FILTER (WHERE a.account LIKE '3%'), 0)::bigint,
    coalesce(-sum(a.amount) FILTER (WHERE a.account LIKE '26%'), 0)::bigint,
    count(*) FILTER (WHERE a.line = 1 AND j.kind = 'earned' AND NOT EXISTS (
        SELECT FROM journal o WHERE o.session_id = j.session_id AND o.kind = 'earned'
            AND o.journal_id < j.journal_id)),
    coalesce(sum(k.energy_wh), 0)::bigint
FROM entry a JOIN journal j USING (journal_id)
LEFT JOIN LATERAL (SELECT r.tariff_hash FROM cdr r WHERE r.cdr_id = coalesce(j.cdr_id,
    (SELECT min(f.cdr_id) FROM cdr f WHERE f.session_id = j.session_id)) LIMIT 1) c ON true
LEFT JOIN LATERAL energy_sold(j.cdr_id) k ON j.kind = 'earned' AND a.line = 1
WHERE j.kind IN ('earned', 'credit', 'refund', 'adjustment')
    AND (a.line = 1 OR a.account ~ '^(3|26)')
GROUP BY 1, 2, 3, 4, 5, 6;

-- A period of days as the fewest rows: days at both ends, whole months between.
CREATE FUNCTION visit_parts(first_day date, until_day date)
RETURNS TABLE (level text, first date, until date) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH whole AS (
        SELECT (first_day - extract(day FROM first_day - 1)::integer + interval '1 month')::date
            AS first, until_day - extract(day FROM until_day)::integer + 1 AS until
    )
    SELECT 'day', first_day, CASE WHEN w.first < w.until THEN w.first ELSE until_day END
    FROM whole w
    UNION ALL
    SELECT 'month', w.first, w.until FROM whole w WHERE w.first < w.until
    UNION ALL
    SELECT 'day', w.until, until_day FROM whole w WHERE w.first < w.until
$$;

-- The newest sessions of a period, from a place in their order on, along whichever index serves best:
-- planned anew each time, as what is asked for differs. What is left out here (null, false) is not
-- asked for; everything else that people ask for is looked for among what this returns.
CREATE FUNCTION session_walk(from_at timestamptz, until_at timestamptz, before_at timestamptz,
    before_id bigint, of_site integer, of_station text, of_evse integer, of_token text,
    is_open boolean, is_flagged boolean, is_doubted boolean, at_most integer)
RETURNS TABLE (session_id bigint, started_at timestamptz, ended_at timestamptz, energy_wh bigint,
    flags text[], id_token text, transaction_id text, station_id text, evse_key integer,
    site_id integer)
LANGUAGE plpgsql STABLE ROWS 500 SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    IF is_doubted THEN
        RETURN QUERY
        SELECT s.session_id, s.started_at, s.ended_at, s.energy_wh, s.flags, s.id_token,
            s.transaction_id, s.station_id, s.evse_key, s.site_id
        FROM (SELECT DISTINCT o.session_id FROM open_doubt o) d
        JOIN session s ON s.session_id = d.session_id
        WHERE s.started_at >= from_at AND s.started_at < until_at
            AND (s.started_at, s.session_id) < (before_at, before_id)
            AND (of_site IS NULL OR coalesce(s.site_id, -1) = of_site)
            AND (of_station IS NULL OR s.station_id = of_station)
            AND (of_evse IS NULL OR s.evse_key = of_evse)
            AND (of_token IS NULL OR lower(s.id_token) = of_token)
            AND (NOT is_open OR s.ended_at IS NULL)
        ORDER BY s.started_at DESC, s.session_id DESC LIMIT at_most;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.session_id, s.started_at, s.ended_at, s.energy_wh, s.flags, s.id_token,
        s.transaction_id, s.station_id, s.evse_key, s.site_id
    FROM session s
    WHERE s.started_at >= from_at AND s.started_at < until_at
        AND (s.started_at, s.session_id) < (before_at, before_id)
        AND (of_site IS NULL OR s.site_id = of_site OR of_site = -1 AND s.site_id IS NULL)
        AND (of_station IS NULL OR s.station_id = of_station)
        AND (of_evse IS NULL OR s.evse_key = of_evse)
        AND (of_token IS NULL OR lower(s.id_token) = of_token)
        AND (NOT is_open OR s.ended_at IS NULL)
        AND (NOT is_flagged OR s.flags <> '{}')
    ORDER BY s.started_at DESC, s.session_id DESC LIMIT at_most;
END $$;
