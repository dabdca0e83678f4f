-- What staff do with drivers, companies and their invoices from the command line.

-- name: put_driver(email, name, company_id, language, at)$
-- Add a driver, or change name and company where they are given.
INSERT INTO driver AS d (email, name, company_id, language, created_at)
VALUES (:email, :name, :company_id, :language, :at)
ON CONFLICT (lower(email)) DO UPDATE SET name = coalesce(excluded.name, d.name),
    company_id = coalesce(excluded.company_id, d.company_id), language = excluded.language
RETURNING driver_id;

-- name: driver_by_email(email)$
-- A driver by address.
SELECT driver_id FROM driver WHERE lower(email) = lower(:email);

-- name: company_by_name(name)$
-- A company by number or name.
SELECT company_id FROM company WHERE company_id::text = :name OR lower(name) = lower(:name)
ORDER BY company_id LIMIT 1;

-- name: give_tag(id_token, label, driver_id, company_id, at)!
-- A tag becomes somebody's, unless it is somebody else's.
INSERT INTO id_token AS t (id_token, status, label, driver_id, company_id, linked_at)
VALUES (:id_token, 'Accepted', :label, :driver_id, :company_id, :at)
ON CONFLICT (lower(id_token)) DO UPDATE SET status = 'Accepted', blocked_by = NULL,
    label = coalesce(excluded.label, t.label), driver_id = excluded.driver_id,
    company_id = excluded.company_id, linked_at = coalesce(t.linked_at, excluded.linked_at)
WHERE t.kind = 'rfid' AND (t.driver_id IS NULL AND t.company_id IS NULL
    OR t.driver_id = excluded.driver_id OR t.company_id = excluded.company_id)
    AND NOT EXISTS (SELECT FROM payment p WHERE p.id_token = t.id_token);

-- name: put_company(name, email, organisation_number, vat_number, address, reference, language, payment_days, at)$
-- Add a company of the first operator, or change what its invoices say.
INSERT INTO company AS c (operator_id, name, email, organisation_number, vat_number, address,
    reference, language, payment_days, created_at)
SELECT min(operator_id), :name, :email, :organisation_number, :vat_number, :address, :reference,
    :language, :payment_days, :at FROM operator
ON CONFLICT (operator_id, name) DO UPDATE SET email = excluded.email,
    organisation_number = coalesce(excluded.organisation_number, c.organisation_number),
    vat_number = coalesce(excluded.vat_number, c.vat_number),
    address = coalesce(excluded.address, c.address),
    reference = coalesce(excluded.reference, c.reference), language = excluded.language,
    payment_days = excluded.payment_days
RETURNING company_id;

-- name: list_drivers()
-- Drivers with company, card, number of tags and what they owe.
SELECT d.driver_id, d.email, d.name, c.name, d.card_brand || ' ' || d.card_last4,
    (SELECT count(*) FROM id_token t WHERE t.driver_id = d.driver_id AND t.kind = 'rfid'),
    (SELECT coalesce(sum(p.gross), 0)::bigint FROM payment p WHERE p.driver_id = d.driver_id
        AND p.channel = 'registered' AND p.state = 'receivable')
FROM driver d LEFT JOIN company c USING (company_id)
WHERE d.deleted_at IS NULL ORDER BY d.driver_id;

-- name: list_companies()
-- Companies with their drivers and what is due on invoices.
SELECT c.company_id, c.name, c.email,
    (SELECT count(*) FROM driver d WHERE d.company_id = c.company_id),
    (SELECT coalesce(sum(v.gross - v.paid), 0)::bigint FROM invoice v
        WHERE v.company_id = c.company_id)
FROM company c ORDER BY c.company_id;

-- name: list_invoices(company_id)
-- Invoices of a company or of all, newest first.
SELECT v.shown_number, c.name, v.month, v.due_at, v.currency, v.gross, v.paid
FROM invoice v JOIN company c USING (company_id)
WHERE :company_id::bigint IS NULL OR v.company_id = :company_id
ORDER BY v.issued_at DESC, v.invoice_id DESC;

-- name: invoice_by_number(number)^
-- An invoice by the number people see: id, currency, what is due.
SELECT invoice_id, currency, gross - paid - coalesce((SELECT sum(n.amount) FROM invoice_payment n
    WHERE n.invoice_id = v.invoice_id AND n.booked_at IS NULL AND n.problem IS NULL), 0)::bigint
FROM invoice v WHERE shown_number = :number;

-- name: note_invoice_payment(invoice_id, amount, paid_at, noted_by, at)!
-- Money that came to the bank.
INSERT INTO invoice_payment (invoice_id, amount, paid_at, noted_by, noted_at)
VALUES (:invoice_id, :amount, :paid_at, :noted_by, :at);
