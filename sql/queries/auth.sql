-- name: user_by_email^
-- The active account of an address, whatever its case.
SELECT user_id, email, name, role, password_hash, session_salt
FROM app_user WHERE lower(email) = lower(:email) AND is_active;

-- name: user_by_id^
-- The active account of a session; a changed salt ends the session.
SELECT user_id, email, name, role, password_hash, session_salt
FROM app_user WHERE user_id = :user_id AND is_active;

-- name: replace_hash!
-- A stronger hash of the same password, so the session salt stays.
UPDATE app_user SET password_hash = :password_hash WHERE user_id = :user_id;

-- name: note_login!
-- When somebody last signed in.
UPDATE app_user SET last_login_at = now() WHERE user_id = :user_id;

-- name: new_salt!
-- End all of an account's sessions.
UPDATE app_user SET session_salt = gen_random_uuid()::text WHERE user_id = :user_id;

-- name: failed_logins^
-- Failures of the last 15 minutes: of this account from this address, and of the address at all.
SELECT count(*) FILTER (WHERE subject = lower(:email)) AS of_account,
       count(*) AS of_address
FROM audit_log
WHERE at > now() - interval '15 minutes' AND action = 'login_failed'
  AND detail ->> 'address' = :address;

-- name: audit!
-- Who did what to what.
INSERT INTO audit_log (actor, action, subject, detail)
VALUES (:actor, :action, :subject, :detail);
