-- Collective invoices of companies and what was paid of them; monthly statements of drivers.

-- name: companies_to_invoice(at)
-- Companies and currencies with receipts of an earlier month on no invoice, none issued for it yet.
SELECT p.company_id, r.currency
FROM receipt r JOIN payment p USING (payment_id)
JOIN company c ON c.company_id = p.company_id AND c.operator_id = p.operator_id
WHERE p.channel = 'company' AND r.issued_at < book_time(date_trunc('month', book_day(:at))::date)
    AND NOT EXISTS (SELECT FROM invoice_line l WHERE l.receipt_id = r.receipt_id)
    AND NOT EXISTS (SELECT FROM invoice v WHERE v.company_id = p.company_id
        AND v.currency = r.currency
        AND v.month = (date_trunc('month', book_day(:at)) - interval '1 month')::date)
GROUP BY 1, 2 HAVING sum(r.gross) > 0 ORDER BY 1, 2;

-- name: lock_company(company_id, at)^
-- A company, held until the transaction ends: fields as Company of billing/invoices.py.
SELECT c.company_id, c.operator_id, c.name, c.organisation_number, c.vat_number, c.address,
    c.reference, c.email, c.language, c.payment_days,
    (date_trunc('month', book_day(:at)) - interval '1 month')::date, o.time_zone
FROM company c JOIN operator o USING (operator_id)
WHERE c.company_id = :company_id FOR UPDATE OF c;

-- name: lines_to_invoice(company_id, currency, month)
-- Receipts and credit notes up to the month's end that are on no invoice, if there is none for the
-- month: fields as Line of billing/invoices.py.
SELECT r.receipt_id, p.payment_id, r.shown_number, r.gross, r.document::text,
    CASE WHEN r.credits_receipt_id IS NULL THEN coalesce(d.energy_wh, 0) ELSE 0 END,
    coalesce(w.name, '…' || right(s.id_token, 4), ''), p.operator_id, s.site_id, s.station_id,
    r.session_id, r.cdr_id
FROM receipt r
JOIN payment p USING (payment_id)
JOIN company c ON c.company_id = p.company_id AND c.operator_id = p.operator_id
JOIN session s ON s.session_id = p.session_id
LEFT JOIN cdr d ON d.cdr_id = r.cdr_id
LEFT JOIN driver w ON w.driver_id = p.driver_id
WHERE p.channel = 'company' AND p.company_id = :company_id AND r.currency = :currency
    AND r.issued_at < book_time((:month::date + interval '1 month')::date)
    AND NOT EXISTS (SELECT FROM invoice_line l WHERE l.receipt_id = r.receipt_id)
    AND NOT EXISTS (SELECT FROM invoice v WHERE v.company_id = :company_id
        AND v.currency = :currency AND v.month = :month)
ORDER BY r.issued_at, r.receipt_id;

-- name: take_number(series, operator_id)$
-- The next number; the row stays locked until the transaction ends, so none is ever left out.
INSERT INTO invoice_series AS s (series, operator_id, last_number) VALUES (:series, :operator_id, 1)
ON CONFLICT (series) DO UPDATE SET last_number = s.last_number + 1
RETURNING last_number;

-- name: add_invoice(company_id, series, number, month, at, due_at, currency, net, vat, gross, document, secret)$
-- An invoice; its id.
INSERT INTO invoice (company_id, series, number, month, issued_at, due_at, currency, net, vat,
    gross, document, secret)
VALUES (:company_id, :series, :number, :month, :at, :due_at, :currency, :net, :vat, :gross,
    :document::jsonb, :secret)
RETURNING invoice_id;

-- name: add_lines(invoice_id, receipt_ids)!
-- What stands on it.
INSERT INTO invoice_line (receipt_id, invoice_id, payment_id, gross)
SELECT receipt_id, :invoice_id, payment_id, gross FROM receipt
WHERE receipt_id = ANY(:receipt_ids::bigint[]) ORDER BY receipt_id;

-- name: invoice_of(invoice_id)^
-- What the paper and the mail of an invoice show; the document as text.
SELECT v.shown_number, v.month, v.issued_at, v.due_at, v.currency, v.gross, v.secret,
    v.document::text, c.operator_id, o.payment_details
FROM invoice v JOIN company c USING (company_id) LEFT JOIN operator_receipt o USING (operator_id)
WHERE v.invoice_id = :invoice_id;

-- name: invoice_paid(payment_id)$
-- Whether all invoices that a payment's receipts stand on are paid, and there is one.
SELECT count(*) > 0 AND bool_and(v.status = 'paid')
FROM invoice_line l JOIN invoice v USING (invoice_id) WHERE l.payment_id = :payment_id;

-- name: open_payments(count)
-- Money noted by staff that is not booked yet, oldest first.
SELECT invoice_payment_id, invoice_id, amount, paid_at FROM invoice_payment
WHERE booked_at IS NULL AND problem IS NULL
ORDER BY invoice_payment_id LIMIT :count;

-- name: lock_invoice(invoice_id)^
-- An invoice, held until the transaction ends: number, due, currency.
SELECT shown_number, gross - paid, currency FROM invoice
WHERE invoice_id = :invoice_id FOR UPDATE;

-- name: lock_noted(invoice_payment_id)$
-- Money noted by staff, if nobody has booked it meanwhile.
SELECT amount FROM invoice_payment
WHERE invoice_payment_id = :invoice_payment_id AND booked_at IS NULL AND problem IS NULL FOR UPDATE;

-- name: shares(invoice_id)
-- What each payment has on an invoice: fields as Share of billing/invoice_payments.py. Credits
-- first, as they pay for the rest.
SELECT l.payment_id, min(l.receipt_id), sum(l.gross)::bigint, sum(l.paid)::bigint, p.captured,
    p.refunded, p.operator_id, s.site_id, s.station_id, p.session_id, p.cdr_id,
    max(l.receipt_id) FILTER (WHERE l.gross > 0)
FROM invoice_line l JOIN payment p USING (payment_id) JOIN session s ON s.session_id = p.session_id
WHERE l.invoice_id = :invoice_id
GROUP BY l.payment_id, p.payment_id, s.session_id
ORDER BY sum(l.gross) > 0, l.payment_id;

-- name: lock_payments(invoice_id)
-- The payments of an invoice, in the order everybody locks them.
SELECT payment_id FROM payment
WHERE payment_id IN (SELECT payment_id FROM invoice_line WHERE invoice_id = :invoice_id)
ORDER BY payment_id FOR UPDATE;

-- name: note_share(receipt_id, amount)!
-- So much more of a payment's lines is paid.
UPDATE invoice_line SET paid = paid + :amount WHERE receipt_id = :receipt_id;

-- name: note_receipt(receipt_id, amount)!
-- So much more of a receipt is paid.
UPDATE receipt SET paid = paid + :amount, due = due - :amount WHERE receipt_id = :receipt_id;

-- name: note_money(payment_id, captured, refunded, at)!
-- Money came for a payment, or was given back with an invoice.
UPDATE payment SET captured = captured + :captured, refunded = refunded + :refunded,
    hold = greatest(hold, captured + :captured), look_at = :at
WHERE payment_id = :payment_id;

-- name: note_invoice(invoice_id, amount)!
-- So much more of an invoice is paid.
UPDATE invoice SET paid = paid + :amount,
    status = CASE WHEN paid + :amount = gross THEN 'paid' ELSE 'issued' END
WHERE invoice_id = :invoice_id;

-- name: finish_noted(invoice_payment_id, at, problem)!
-- Booked, or why not.
UPDATE invoice_payment SET booked_at = CASE WHEN :problem::text IS NULL THEN :at::timestamptz END,
    problem = :problem
WHERE invoice_payment_id = :invoice_payment_id;

-- name: report_noted(invoice_payment_id, number, amount, currency, problem, at)!
-- Money that can't be booked as it was noted: for people.
INSERT INTO review_item (kind, subject, amount, currency, evidence, opened_at)
VALUES ('invoice_payment', 'invoice payment ' || :invoice_payment_id, :amount, :currency,
    jsonb_build_object('invoice', :number::text, 'problem', :problem::text), :at)
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: add_statements(month, at)
-- The statements of a month that are not there yet, for every driver with a receipt in it: id,
-- driver's address and language, currency, energy, sum.
WITH sums AS (
    SELECT p.driver_id, r.currency, sum(r.net)::bigint AS net, sum(r.vat)::bigint AS vat,
        sum(r.gross)::bigint AS gross, array_agg(DISTINCT r.session_id)
            FILTER (WHERE r.credits_receipt_id IS NULL) AS sessions
    FROM receipt r JOIN payment p USING (payment_id)
    WHERE p.channel = 'registered' AND r.issued_at >= book_time(:month::date)
        AND r.issued_at < book_time((:month::date + interval '1 month')::date)
    GROUP BY 1, 2
), new AS (
    INSERT INTO statement (driver_id, month, currency, sessions, energy_wh, net, vat, gross,
        created_at)
    SELECT s.driver_id, :month, s.currency, coalesce(cardinality(s.sessions), 0),
        coalesce((SELECT sum(energy_wh) FROM session x WHERE x.session_id = ANY(s.sessions)), 0),
        s.net, s.vat, s.gross, :at
    FROM sums s JOIN driver d USING (driver_id)
    ON CONFLICT (driver_id, month, currency) DO NOTHING
    RETURNING *
)
SELECT n.statement_id, d.email, d.language, n.currency, n.energy_wh, n.gross
FROM new n JOIN driver d USING (driver_id) ORDER BY n.statement_id;

-- name: month_over(at)$
-- The newest month that is over, its first day.
SELECT (date_trunc('month', book_day(:at)) - interval '1 month')::date;
