"""Passwords and tokens: passwords are hashed with argon2id (RFC 9106), tokens of 256 random bits with SHA-256."""

import hashlib
import secrets
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST_CHARACTERS = 12
# Of a random password that nobody knows; a constant, because a process that hashes one first takes twice as long.
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$77bnKP8IbZ1gnzhKixZJig$/1PAgHIL8YULTp9zAXyjUnsZWBzG80q8eXn1fjZ6sXs"


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, with its salt and parameters.

    Raises
    ------
    ValueError
        It is shorter than LEAST_CHARACTERS, or repeats fewer than four characters.
    """
    if len(password) < LEAST_CHARACTERS or len(set(password)) < 4:
        raise ValueError(f"the password needs {LEAST_CHARACTERS} characters, four of them different; use a few words")
    return _hasher().hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Return whether a password has that hash; takes as long without one, which tells nobody who is a user."""
    from argon2.exceptions import VerificationError

    try:
        return _hasher().verify(password_hash or NOBODYS, password) and password_hash is not None
    except VerificationError:
        return False


def new_token() -> str:
    """Return a new token."""
    return f"hs_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """Return the hash under which a token is kept; its 256 random bits need no salt."""
    return hashlib.sha256(token.strip().encode()).hexdigest()


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()
