"""Links into whatever map a force uses: to a point, and to the tiles beneath the board's own."""

import re
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT = "geo:{lat},{lon}"  # RFC 5870: the phone or the computer opens its own map
SCHEMES = ("geo", "https", "http")


def check_map_link(form: str) -> str:
    """Return a form with {lat} and {lon}; raise ValueError if it is none, or no link that a page may hold."""
    bare = form.replace("{lat}", "0").replace("{lon}", "0")
    if "{lat}" not in form or "{lon}" not in form or re.search(r"[{}\s\"'<>]", bare):
        raise ValueError(
            f"{form!r}: expected {{lat}} and {{lon}}, no other braces, no blanks or quotes, such as {DEFAULT!r}"
        )
    if (scheme := bare.partition(":")[0]) not in SCHEMES:
        raise ValueError(f"{form!r}: a link begins with {', '.join(f'{name}:' for name in SCHEMES)} not {scheme!r}")
    return form


def map_link(lat: float, lon: float, form: str = DEFAULT) -> str:
    """Return the link to a point in degrees (WGS84), to about 0.1 m.

    >>> map_link(39.9526, -75.1652)
    'geo:39.952600,-75.165200'
    """
    return form.replace("{lat}", f"{lat:.6f}").replace("{lon}", f"{lon:.6f}")


def base_map_at(given: str, folder: Path) -> str:
    """Return a tile URL as given, or the path of a file, which counts from the folder of the settings.

    Raises
    ------
    ValueError
        A URL lacks {z}, {x} or {y}, or is not by https elsewhere than on this machine.
    """
    if "://" not in given:
        return str((folder / given).resolve())
    parts = urlsplit(given)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise ValueError(f"{given!r}: a tile server answers by https")
    if not all(name in given for name in ("{z}", "{x}", "{y}")) or any(each in given for each in " ;,'\""):
        raise ValueError(
            f"{given!r}: expected {{z}}, {{x}} and {{y}}, such as https://tiles.example/{{z}}/{{x}}/{{y}}.png"
        )
    return given
