-- Files of the books, and the queue of those that are to be made.

-- name: entity(operator_id)^
-- Whose books they are: number, name in law, organisation number, currency; the first if null.
SELECT operator_id, coalesce(legal_entity, name), organisation_number, currency FROM operator
WHERE :operator_id::integer IS NULL OR operator_id = :operator_id
ORDER BY operator_id LIMIT 1;

-- name: has_site(operator_id, site_id)$
-- Whether a site is the operator's.
SELECT EXISTS (SELECT FROM site WHERE operator_id = :operator_id AND site_id = :site_id);

-- name: lines(operator_id, currency, from_day, until_day, site_id, channel)
-- Every entry of a period with its journal, in the order it was booked: the source of all files.
SELECT book_day(j.booked_at) AS day, j.journal_id, j.kind, j.channel, s.name AS site, j.station_id,
    j.session_id, p.reference, r.series || '-' || r.number AS receipt, j.external_id,
    j.requested_by, e.account, a.name AS account_name, e.amount, e.currency, e.vat_rate
FROM journal j JOIN entry e USING (journal_id) JOIN account a USING (account)
LEFT JOIN site s ON s.site_id = j.site_id
LEFT JOIN payment p ON p.payment_id = j.payment_id
LEFT JOIN receipt r ON r.receipt_id = j.receipt_id
WHERE j.operator_id = :operator_id AND e.currency = :currency
    AND j.booked_at >= book_time(:from_day::date) AND j.booked_at < book_time(:until_day::date)
    AND (:site_id::integer IS NULL OR j.site_id = :site_id)
    AND (:channel::text IS NULL OR j.channel = :channel)
ORDER BY j.booked_at, j.journal_id, e.line;

-- name: today$
-- The day it is in the books.
SELECT book_day(now());

-- name: claim_file(now, lease_seconds)^
-- The oldest file to be made: number, kind, parameters; nobody else takes it before the lease ends.
UPDATE file_request SET claimed_until = :now::timestamptz + make_interval(secs => :lease_seconds)
WHERE file_request_id = (
    SELECT file_request_id FROM file_request
    WHERE finished_at IS NULL AND (claimed_until IS NULL OR claimed_until <= :now::timestamptz)
    ORDER BY requested_at, file_request_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING file_request_id, kind, parameters;

-- name: finish_file(file_request_id, file_name, media_type, content, error, now)!
-- A file is made, or can't be; only the first to say so counts.
UPDATE file_request SET finished_at = :now, file_name = :file_name, media_type = :media_type,
    content = :content, error = :error
WHERE file_request_id = :file_request_id AND finished_at IS NULL;

-- name: forget_files(before)!
-- Files are for fetching, not for keeping: the books they come from are kept.
DELETE FROM file_request WHERE finished_at < :before;
