-- What administrators do to people and API tokens, on the command line and in the browser.

-- name: put_user(email, name, role, password_hash)!
-- A new password changes the salt of the person's sessions: old ones end.
INSERT INTO app_user (email, name, role, password_hash)
VALUES (:email, :name, :role, :password_hash)
ON CONFLICT (lower(email)) DO UPDATE SET name = excluded.name, role = excluded.role,
    password_hash = excluded.password_hash, is_active = true,
    session_salt = gen_random_uuid()::text;

-- name: add_user(email, name, role, password_hash)$
-- A new person; nothing if the address is somebody's.
INSERT INTO app_user (email, name, role, password_hash)
VALUES (:email, :name, :role, :password_hash)
ON CONFLICT (lower(email)) DO NOTHING RETURNING user_id;

-- name: user_now(email)$
-- A person as the audit log tells of them, locked until the change is done.
SELECT jsonb_build_object('name', name, 'role', role, 'is_active', is_active) FROM app_user
WHERE lower(email) = lower(:email) FOR UPDATE;

-- name: user_of(user_id)$
-- A person, locked until the change is done.
SELECT jsonb_build_object('user_id', user_id, 'email', email, 'name', name, 'role', role,
    'is_active', is_active)
FROM app_user WHERE user_id = :user_id FOR UPDATE;

-- name: change_user(user_id, name, role, is_active)!
-- Another name, another role; who is let out stays out of sessions that were open.
UPDATE app_user SET name = :name, role = :role, is_active = :is_active,
    session_salt = CASE WHEN is_active = :is_active THEN session_salt
        ELSE gen_random_uuid()::text END
WHERE user_id = :user_id;

-- name: set_user_password(user_id, password_hash)!
-- A new password ends all sessions of the account.
UPDATE app_user SET password_hash = :password_hash, session_salt = gen_random_uuid()::text
WHERE user_id = :user_id;

-- name: password_hash(email)$
-- What a person's password is checked against; nothing to hide from the audit log.
SELECT password_hash FROM app_user WHERE lower(email) = lower(:email);

-- name: end_links(user_id, at)!
-- A person's links that were not used are good no more.
UPDATE password_link SET used_at = :at WHERE user_id = :user_id AND used_at IS NULL;

-- name: add_link(token_hash, user_id, created_by, expires_at)!
-- A link that lets a person choose a password.
INSERT INTO password_link (token_hash, user_id, created_by, expires_at)
VALUES (:token_hash, :user_id, :created_by, :expires_at);

-- name: use_link(token_hash, at)$
-- Whose link it is, if it is good: once.
UPDATE password_link l SET used_at = :at FROM app_user u
WHERE l.token_hash = :token_hash AND l.used_at IS NULL AND l.expires_at > :at
    AND u.user_id = l.user_id AND u.is_active
RETURNING l.user_id;

-- name: add_api_token(name, token_hash, scopes)!
-- Keep a new token by its hash; no row if the name is taken.
INSERT INTO api_token (name, token_hash, scopes) VALUES (:name, :token_hash, :scopes)
ON CONFLICT (name) DO NOTHING;

-- name: revoke_api_token(api_token_id, at)$
-- It opens nothing any more; its name, nothing if it was revoked already.
UPDATE api_token SET revoked_at = :at WHERE api_token_id = :api_token_id AND revoked_at IS NULL
RETURNING name;
