-- Users of a home and their tokens; neither passwords nor tokens are here, only their hashes.

-- name: user_table
CREATE TABLE users.account (
    user_id VARCHAR PRIMARY KEY,
    look VARCHAR NOT NULL UNIQUE,
    role VARCHAR NOT NULL,
    password_hash VARCHAR,
    made_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ,
    wrong_count INTEGER NOT NULL,
    locked_until TIMESTAMPTZ
)

-- name: token_table
CREATE TABLE users.token (
    token_hash VARCHAR PRIMARY KEY,
    user_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    purpose VARCHAR,
    made_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
)

-- name: all
SELECT user_id, look, role, password_hash, made_at, disabled_at, wrong_count, locked_until
FROM users.account
ORDER BY user_id

-- name: put
INSERT INTO users.account VALUES (
    $user_id, $look, $role, $password_hash, $made_at, $disabled_at, $wrong_count, $locked_until
)
ON CONFLICT (user_id) DO UPDATE SET
    role = excluded.role,
    password_hash = excluded.password_hash,
    disabled_at = excluded.disabled_at,
    wrong_count = excluded.wrong_count,
    locked_until = excluded.locked_until

-- name: tokens
SELECT token_hash, user_id, kind, purpose, made_at, expires_at, revoked_at
FROM users.token
ORDER BY token_hash

-- name: put_token
INSERT INTO users.token VALUES ($token_hash, $user_id, $kind, $purpose, $made_at, $expires_at, $revoked_at)

-- name: revoke
UPDATE users.token SET revoked_at = $at
WHERE revoked_at IS NULL AND $value IN (token_hash, user_id)

-- name: forget
DELETE FROM users.token WHERE expires_at < $before
