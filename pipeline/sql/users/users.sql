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

-- name: add
INSERT INTO users.account
SELECT $user_id, $look, $role, $password_hash, $made_at, $disabled_at, $wrong_count, $locked_until
WHERE NOT EXISTS (SELECT 1 FROM users.account AS other WHERE other.user_id = $user_id OR other.look = $look)
RETURNING user_id

-- name: set_role
UPDATE users.account SET role = $role
WHERE user_id = $user_id

-- name: disable
UPDATE users.account SET disabled_at = coalesce(disabled_at, $at)
WHERE user_id = $user_id

-- name: set_password
UPDATE users.account SET password_hash = $password_hash, wrong_count = 0, locked_until = NULL
WHERE user_id = $user_id

-- name: count_guess
UPDATE users.account SET
    wrong_count = wrong_count + 1,
    locked_until = CASE
        WHEN wrong_count + 1 < $free THEN locked_until
        ELSE $now + least($shortest * power(2, least(wrong_count + 1 - $free, 10))::INTEGER, $longest)
    END
WHERE look = $look AND (locked_until IS NULL OR locked_until <= $now)
RETURNING user_id

-- name: forgive
UPDATE users.account SET wrong_count = 0, locked_until = NULL
WHERE user_id = $user_id

-- name: begin_session
INSERT INTO users.token
SELECT $token_hash, $user_id, $kind, $purpose, $made_at, $expires_at, $revoked_at
FROM users.account
WHERE user_id = $user_id AND disabled_at IS NULL AND password_hash = $password_hash
RETURNING user_id

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
