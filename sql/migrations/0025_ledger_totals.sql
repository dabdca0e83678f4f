-- Totals of the ledger, kept exact within the transaction that books: a page over millions of
-- entries reads hundreds of rows. Days and months begin in the time zone of the installation.
-- All amounts are sums of entries, so that any of these tables can be checked against `entry`.

CREATE TABLE ledger_day (
    bucket      date NOT NULL,
    operator_id integer NOT NULL,
    account     text NOT NULL,
    currency    text NOT NULL,
    kind        text NOT NULL,
    channel     text,
    site_id     integer,
    vat_rate    numeric,
    debit       bigint NOT NULL,          -- sum of the positive amounts
    credit      bigint NOT NULL,          -- sum of the negative ones, turned positive
    amount      bigint NOT NULL,          -- debit - credit
    -- journals whose first line is on this account: summed over all accounts each counts once
    journals    bigint NOT NULL,
    first_journal_id bigint NOT NULL,     -- the journals of the day are within these numbers
    last_journal_id  bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX ledger_day_key ON ledger_day
    (operator_id, bucket, account, currency, kind, channel, site_id, vat_rate) NULLS NOT DISTINCT;
CREATE INDEX ledger_day_account ON ledger_day (operator_id, account, bucket);

-- The same per month: opening balances sum years of them.
CREATE TABLE ledger_month (LIKE ledger_day) WITH (fillfactor = 50);
CREATE UNIQUE INDEX ledger_month_key ON ledger_month
    (operator_id, account, currency, bucket, kind, channel, site_id, vat_rate) NULLS NOT DISTINCT;

-- What was sold, per station and day: sales and VAT on them, less what was given back. A write-off
-- is a loss, no smaller sale. A corrected session was earned twice and credited once: it counts once.
CREATE TABLE revenue_day (
    bucket     timestamptz NOT NULL,      -- the day's beginning, as in energy_day
    station_id text,                      -- null: not about a station
    channel    text,
    currency   text NOT NULL,
    net        bigint NOT NULL,
    vat        bigint NOT NULL,
    gross      bigint NOT NULL,
    sessions   bigint NOT NULL,
    CHECK (net + vat = gross)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX revenue_day_key ON revenue_day
    (bucket, station_id, channel, currency) NULLS NOT DISTINCT;

-- Rows are taken in the order of their keys, so that two bookings never wait in a circle.
CREATE FUNCTION ledger_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH part AS MATERIALIZED (
        SELECT book_day(j.booked_at) AS bucket, j.operator_id, a.account, a.currency, j.kind,
            j.channel, j.site_id, a.vat_rate,
            coalesce(sum(a.amount) FILTER (WHERE a.amount > 0), 0)::bigint AS debit,
            coalesce(-sum(a.amount) FILTER (WHERE a.amount < 0), 0)::bigint AS credit,
            sum(a.amount)::bigint AS amount, count(*) FILTER (WHERE a.line = 1) AS journals,
            min(a.journal_id) AS first_journal_id, max(a.journal_id) AS last_journal_id
        FROM added a CROSS JOIN LATERAL (
            SELECT * FROM journal n WHERE n.journal_id = a.journal_id LIMIT 1) j
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ), day AS (
        INSERT INTO ledger_day AS kept (bucket, operator_id, account, currency, kind, channel,
            site_id, vat_rate, debit, credit, amount, journals, first_journal_id, last_journal_id)
        SELECT * FROM part ORDER BY operator_id, bucket, account, currency, kind, channel, site_id,
            vat_rate
        ON CONFLICT (operator_id, bucket, account, currency, kind, channel, site_id, vat_rate)
        DO UPDATE SET debit = kept.debit + excluded.debit, credit = kept.credit + excluded.credit,
            amount = kept.amount + excluded.amount, journals = kept.journals + excluded.journals,
            first_journal_id = least(kept.first_journal_id, excluded.first_journal_id),
            last_journal_id = greatest(kept.last_journal_id, excluded.last_journal_id)
    )
    INSERT INTO ledger_month AS kept (bucket, operator_id, account, currency, kind, channel,
        site_id, vat_rate, debit, credit, amount, journals, first_journal_id, last_journal_id)
    SELECT date_trunc('month', bucket)::date, operator_id, account, currency, kind, channel,
        site_id, vat_rate, sum(debit), sum(credit), sum(amount), sum(journals),
        min(first_journal_id), max(last_journal_id)
    FROM part GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 2, 3, 4, 1, 5, 6, 7, 8
    ON CONFLICT (operator_id, account, currency, bucket, kind, channel, site_id, vat_rate)
    DO UPDATE SET debit = kept.debit + excluded.debit, credit = kept.credit + excluded.credit,
        amount = kept.amount + excluded.amount, journals = kept.journals + excluded.journals,
        first_journal_id = least(kept.first_journal_id, excluded.first_journal_id),
        last_journal_id = greatest(kept.last_journal_id, excluded.last_journal_id);

    INSERT INTO revenue_day AS kept (bucket, station_id, channel, currency, net, vat, gross,
        sessions)
    SELECT book_time(book_day(j.booked_at)), j.station_id, j.channel, a.currency,
        coalesce(-sum(a.amount) FILTER (WHERE a.account LIKE '3%'), 0)::bigint,
        coalesce(-sum(a.amount) FILTER (WHERE a.account LIKE '26%'), 0)::bigint,
        coalesce(-sum(a.amount) FILTER (WHERE a.account ~ '^(3|26)'), 0)::bigint,
        count(*) FILTER (WHERE a.line = 1 AND j.kind = 'earned' AND NOT EXISTS (
            SELECT FROM journal e WHERE e.session_id = j.session_id AND e.kind = 'earned'
                AND e.journal_id < j.journal_id))
    FROM added a CROSS JOIN LATERAL (
            SELECT * FROM journal n WHERE n.journal_id = a.journal_id LIMIT 1) j
    WHERE j.kind IN ('earned', 'credit', 'refund', 'adjustment')
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (bucket, station_id, channel, currency) DO UPDATE SET
        net = kept.net + excluded.net, vat = kept.vat + excluded.vat,
        gross = kept.gross + excluded.gross, sessions = kept.sessions + excluded.sessions;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_roll_up AFTER INSERT ON entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_roll_up();

-- Pages of journals by month (journal_operator_booked of 0027), by kind, site and external id, and
-- the lines of an account in the order of their journals.
CREATE INDEX journal_kind ON journal (operator_id, kind, booked_at DESC, journal_id DESC);
CREATE INDEX journal_site ON journal (site_id, booked_at DESC, journal_id DESC)
    WHERE site_id IS NOT NULL;
CREATE INDEX journal_external ON journal (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX journal_receipt ON journal (receipt_id) WHERE receipt_id IS NOT NULL;
CREATE INDEX entry_account ON entry (account, journal_id, line);
