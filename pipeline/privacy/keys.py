"""Secret of one home (32 random bytes) and the keys for encryption, pseudonyms and signatures derived from it.

The first line of a key file is the secret for good: pseudonyms, signatures and the home's name follow from it. Once the
key was rotated, the second line is the secret of encryption; a third, that of before, stands there during a rotation.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.complete_file import write_complete, write_first
from pipeline.errors import KeyFileError

KEY_VARIABLE = "HARMSPOT_KEY"
KEY_FILE_VARIABLE = "HARMSPOT_KEY_FILE"  # a file of a secret manager, who sees to its permissions
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """Keys of one home, hidden from the repr. `home_name` identifies the home and reveals nothing of the secret.

    `encryption` has the key of files, and during a rotation, after a space, that of files not yet written anew.
    `rehearsal` is what a home contains that was made for rehearsals: it cannot be copied from another home.
    """

    encryption: str = field(repr=False)
    pseudonym: bytes = field(repr=False)
    signing: bytes = field(repr=False)
    ids: bytes = field(repr=False)
    home_name: str = field(repr=False)
    log: bytes = field(default=b"", repr=False)
    rehearsal: str = field(default="", repr=False)


def create_key(home: Path) -> Key:
    """Write a new secret to `home/key`, readable only by its owner, and return its keys.

    Raises
    ------
    KeyFileError
        A key exists already; replacing it would make the store unreadable.
    """
    path = home / "key"
    home.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_bytes(_SECRET_BYTES)
    try:
        write_first(path, f"{secret.hex()}\n".encode())
    except FileExistsError:
        raise KeyFileError(
            f"{path} exists; replacing it would make the store unreadable. Move it away first."
        ) from None
    return derive_key(secret)


def load_key(home: Path, environment: Mapping[str, str] = os.environ) -> Key:
    """Read the secret from HARMSPOT_KEY, the file HARMSPOT_KEY_FILE or `home/key`, and return its keys.

    Raises
    ------
    KeyFileError
        None exists, `home/key` can be read by others, or the content is not 64 hexadecimal characters.
    """
    if text := environment.get(KEY_VARIABLE):
        return derive_key(*_parse(text, KEY_VARIABLE))
    named = environment.get(KEY_FILE_VARIABLE)
    path = Path(named) if named else home / "key"
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        hint = (
            "a new key cannot open the existing store"
            if (home / "store.duckdb").exists()
            else "create one with: harmspot init"
        )
        raise KeyFileError(
            f"{path} cannot be read ({error.strerror}); restore it or set {KEY_VARIABLE}; {hint}"
        ) from None
    if not named and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}")
    return derive_key(*_parse(text, str(path)))


def begin_rotation(home: Path) -> Key:
    """Add a new secret of encryption to the key file of a home, unless a rotation is not finished; return its keys.

    Raises
    ------
    KeyFileError
        The key comes from HARMSPOT_KEY or HARMSPOT_KEY_FILE, or as `load_key`.
    """
    path = home / "key"
    refuse_key_elsewhere(home)
    load_key(home)
    secret, *rest = _parse(path.read_text(), str(path))
    if len(rest) < 2:
        rest = [secrets.token_bytes(_SECRET_BYTES), *(rest or [secret])]
        write_complete(path, _lines(secret, *rest), 0o600)
    return derive_key(secret, *rest)


def refuse_key_elsewhere(home: Path) -> None:
    """Raise KeyFileError if the key comes from a variable of the environment: a rotation writes the home's own file."""
    if given := next((name for name in (KEY_VARIABLE, KEY_FILE_VARIABLE) if os.environ.get(name)), None):
        raise KeyFileError(
            f"the key comes from {given}: write it to {home / 'key'}, unset the variable, and rotate then"
        )


def end_rotation(home: Path) -> Key:
    """Take the secret of before out of the key file, once no file needs it; return the keys."""
    path = home / "key"
    secret, *rest = _parse(path.read_text(), str(path))
    write_complete(path, _lines(secret, *rest[:1]), 0o600)
    return derive_key(secret, *rest[:1])


def is_rotating(key: Key) -> bool:
    """Return whether a rotation of the key is not finished."""
    return " " in key.encryption


def read_key(path: Path) -> tuple[Key, bytes]:
    """Return the keys of a secret in a file, and the file's content; raises KeyFileError as `load_key`."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read ({error.strerror})") from None
    return derive_key(*_parse(text.decode("ascii", "replace"), str(path))), text


def derive_key(secret: bytes, *of_encryption: bytes) -> Key:
    """Return independent keys for each use (RFC 5869, expand step, one block each), of encryption from own secrets."""
    return Key(
        encryption=" ".join(_expand(each, b"harmspot encryption").hex() for each in of_encryption or [secret]),
        pseudonym=_expand(secret, b"harmspot pseudonym"),
        signing=_expand(secret, b"harmspot signing"),
        ids=_expand(secret, b"harmspot ids"),
        log=_expand(secret, b"harmspot access log"),
        rehearsal=_expand(secret, b"harmspot rehearsal").hex(),
        home_name=_expand(secret, b"harmspot home name").hex()[:12],
    )


def _expand(secret: bytes, purpose: bytes) -> bytes:
    return hmac.new(secret, purpose + b"\x01", hashlib.sha256).digest()


def _lines(*parts: bytes) -> bytes:
    return "".join(f"{part.hex()}\n" for part in parts).encode()


def _parse(text: str, origin: str) -> list[bytes]:
    try:
        parts = [bytes.fromhex(word) for word in text.split()]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(len(part) != _SECRET_BYTES for part in parts):
        raise KeyFileError(
            f"{origin} holds no valid key: expected {2 * _SECRET_BYTES} hexadecimal characters, after a rotation twice."
        )
    return parts
