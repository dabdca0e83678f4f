-- Revenue for managers: what was sold, given back and paid in fees, from the sums that are kept with
-- the bookings. Days are dates of the books, until_day is the first one after the period. Amounts are
-- minor units; net, VAT and gross are the credit side of the books turned positive.

-- name: books
-- What is booked in a period, per kind, channel, site and currency: sales, VAT, payment fees.
WITH part AS (
    SELECT m.kind, m.channel, m.site_id, m.currency, m.account, m.amount, m.journals, m.operator_id
    FROM visit_parts(:first_day, :until_day) p
    JOIN ledger_month m ON m.bucket >= p.first AND m.bucket < p.until
    WHERE p.level = 'month'
    UNION ALL
    SELECT d.kind, d.channel, d.site_id, d.currency, d.account, d.amount, d.journals, d.operator_id
    FROM visit_parts(:first_day, :until_day) p
    JOIN ledger_day d ON d.bucket >= p.first AND d.bucket < p.until
    WHERE p.level = 'day'
), fee AS (SELECT account FROM posting_account WHERE role = 'payment_fee')
SELECT kind, channel, site_id, currency,
    coalesce(-sum(amount) FILTER (WHERE account LIKE '3%%'), 0)::bigint AS net,
    coalesce(-sum(amount) FILTER (WHERE account IN (SELECT account FROM vat_rate)), 0)::bigint AS vat,
    coalesce(sum(amount) FILTER (WHERE account IN (SELECT account FROM fee)), 0)::bigint AS fee
FROM part
WHERE (kind IN ('earned', 'credit', 'refund', 'adjustment') OR account IN (SELECT account FROM fee))
    AND (:of_operator::integer IS NULL OR operator_id = :of_operator)
    AND (:of_site::integer IS NULL OR site_id = :of_site)
    AND (:of_channel::text IS NULL OR channel = :of_channel)
GROUP BY kind, channel, site_id, currency;

-- name: sold
-- Sales of a period less what was given back, by site, channel, tariff and currency.
SELECT site_id, channel, currency, tariff_hash, sum(net)::bigint AS net, sum(vat)::bigint AS vat,
    sum(sessions)::bigint AS sessions, sum(energy_wh)::bigint AS energy_wh
FROM revenue_tariff_day
WHERE bucket >= :first_day AND bucket < :until_day
    AND (:of_operator::integer IS NULL OR operator_id = :of_operator)
    AND (:of_site::integer IS NULL OR site_id = :of_site)
    AND (:of_channel::text IS NULL OR channel = :of_channel)
GROUP BY site_id, channel, currency, tariff_hash;

-- name: buckets
-- The same per day or month and currency.
SELECT CASE :level WHEN 'month' THEN bucket - extract(day FROM bucket)::integer + 1 ELSE bucket END
    AS bucket, currency, sum(net)::bigint AS net, sum(vat)::bigint AS vat,
    sum(sessions)::bigint AS sessions, sum(energy_wh)::bigint AS energy_wh
FROM revenue_tariff_day
WHERE bucket >= :first_day AND bucket < :until_day
    AND (:of_operator::integer IS NULL OR operator_id = :of_operator)
    AND (:of_site::integer IS NULL OR site_id = :of_site)
    AND (:of_channel::text IS NULL OR channel = :of_channel)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: stations_sold
-- What revenue_day holds of a period, per currency: a second witness of the same bookings.
SELECT currency, sum(net)::bigint AS net, sum(vat)::bigint AS vat
FROM revenue_day
WHERE bucket >= book_time(:first_day) AND bucket < book_time(:until_day)
    AND (:of_channel::text IS NULL OR channel = :of_channel)
GROUP BY currency;

-- name: tariff_names
-- What tariffs are called: their own id, the price per kWh with VAT, where it is not simple.
SELECT DISTINCT ON (t.hash) t.hash, t.tariff_id, t.document ->> 'id' AS name, x.currency,
    x.energy_per_kwh_incl_vat, x.energy_varies OR x.has_more AS has_more
FROM tariff t JOIN tariff_price x USING (tariff_id)
WHERE t.hash = ANY (:tariff_hashes::text[])
ORDER BY t.hash, t.tariff_id;

-- name: site_names
-- All sites, those without stations too.
SELECT site_id, name, operator_id FROM site ORDER BY name;

-- name: first_day$
-- When the books begin.
SELECT min(bucket) FROM revenue_tariff_day;
