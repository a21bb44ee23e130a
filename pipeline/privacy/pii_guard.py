"""PII guard for everything published: refuse whatever looks like personal data.

The guard knows no person. It recognises the names of personal columns and the form of pseudonyms.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PublicationError

PSEUDONYM = "p_[0-9a-f]{32}"
_PERSONAL_COLUMN = re.compile(r"person|pseudonym|birth|suspect|offender|victim", re.IGNORECASE)


def refuse_people(table_name: str, rows: pa.Table) -> None:
    """Raise PublicationError if a column has a personal name or if a text, alone or in a list, holds a pseudonym."""
    for name in rows.column_names:
        if _PERSONAL_COLUMN.search(name) or _has_pseudonym(rows[name]):
            raise PublicationError(
                f"column {table_name}.{name} holds personal data; tables of places are published without it, and "
                "data on people belongs in the restricted file"
            )


def refuse_people_in_text(name: str, text: str) -> None:
    """Raise PublicationError if `text` holds a pseudonym."""
    if re.search(PSEUDONYM, text):
        raise PublicationError(f"{name} names a person by pseudonym; it may contain only places and counts")


def without_people(text: str) -> str:
    """Return `text` with every pseudonym redacted: the last resort for messages of libraries that quote a value.

    >>> without_people("no p_" + "0" * 32 + " here")
    'no [person] here'
    """
    return re.sub(PSEUDONYM, "[person]", text)


def _has_pseudonym(values: pa.ChunkedArray) -> bool:
    while pa.types.is_list(values.type):
        values = pc.list_flatten(values)
    if not pa.types.is_string(values.type):
        return False
    return bool(pc.any(pc.match_substring_regex(values, PSEUDONYM)).as_py())
