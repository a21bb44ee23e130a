"""A secret of the settings: stated, or in a file that a secret manager mounts."""

from pathlib import Path

from pipeline.errors import HarmspotError


def secret_of(stated: str | None, file: Path | None, name: str, error: type[HarmspotError]) -> str | None:
    """Return a secret as stated, else the text of its file; None without both.

    Parameters
    ----------
    stated : str or None
        The secret in the settings or the environment.
    file : Path or None
        Where it stands otherwise.
    name : str
        Setting that names the file.
    error : type
        Of what is raised where the file cannot be read.
    """
    if stated is not None or file is None:
        return stated
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as why:
        raise error(f"{name} {file} cannot be read: {why}") from why
