-- What the command line does to people and API tokens.

-- name: put_user(email, name, role, password_hash)!
-- A new password changes the salt of the person's sessions: old ones end.
INSERT INTO app_user (email, name, role, password_hash)
VALUES (:email, :name, :role, :password_hash)
ON CONFLICT (lower(email)) DO UPDATE SET name = excluded.name, role = excluded.role,
    password_hash = excluded.password_hash, is_active = true,
    session_salt = gen_random_uuid()::text;

-- name: password_hash(email)$
-- What a person's password is checked against.
SELECT password_hash FROM app_user WHERE lower(email) = lower(:email);

-- name: add_api_token(name, token_hash, scopes)!
-- Keep a new token by its hash; no row if the name is taken.
INSERT INTO api_token (name, token_hash, scopes) VALUES (:name, :token_hash, :scopes)
ON CONFLICT (name) DO NOTHING;

-- name: note(action, subject)!
-- Who did what to whom.
INSERT INTO audit_log (actor, action, subject) VALUES ('command line', :action, :subject);
