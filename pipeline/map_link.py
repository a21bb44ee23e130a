"""A link to a point in whatever map a force uses, from a form of its own."""

import re

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
