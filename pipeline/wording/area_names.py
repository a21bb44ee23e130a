"""Names of areas that can be read alone."""

import re


def area_label(name: str, called: str = "area") -> str:
    """Return the name of an area; a bare number or letter gets what an area is called before it.

    >>> area_label("24", "district"), area_label("B2", "beat"), area_label("Harbour", "district")
    ('District 24', 'Beat B2', 'Harbour')
    """
    if not name or re.search(r"[^\W\d_]{2}", name):
        return name
    return f"{called[:1].upper()}{called[1:].replace('_', ' ')} {name}"
