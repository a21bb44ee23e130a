"""The file of a session: a token beside the user's own configuration, which its owner alone can read."""

import os
import stat
from pathlib import Path

import click

from flows.home.home import Home
from pipeline.complete_file import write_first
from pipeline.errors import AccessError

TOKEN, TOKEN_FILE = "HARMSPOT_TOKEN", "HARMSPOT_TOKEN_FILE"


def file_of(home: Home) -> Path:
    """Return the path of the session of a home, outside the home, which others may share."""
    return Path(click.get_app_dir("harmspot")) / "sessions" / home.key.home_name


def write_session(home: Home, token: str) -> Path:
    """Write the token of a session, in place of an earlier one, and return the path."""
    path = file_of(home)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    write_first(path, f"{token}\n".encode())
    return path


def read_token(home: Home) -> str | None:
    """Return the token of HARMSPOT_TOKEN, of the file HARMSPOT_TOKEN_FILE or of the session; None if there is none.

    Raises
    ------
    AccessError
        The file can be read by others, or the named one not at all.
    """
    if token := os.environ.get(TOKEN):
        return token.strip()
    named = os.environ.get(TOKEN_FILE)
    path = Path(named) if named else file_of(home)
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        if named:
            raise AccessError(f"{TOKEN_FILE}: {path} is missing; write the token into it") from None
        return None
    except OSError as error:
        raise AccessError(f"{path} cannot be read ({error.strerror}); log in again: harmspot login") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise AccessError(f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}")
    return text
