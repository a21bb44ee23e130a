"""The guard at the door of everything published: whatever looks like a person does not pass.

It knows no person; it knows what a person's column and a pseudonym look like.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PublicationError

PSEUDONYM = "p_[0-9a-f]{32}"
_PERSONAL_COLUMN = re.compile(r"person|pseudonym|birth|suspect|offender|victim", re.IGNORECASE)


def refuse_people(table_name: str, rows: pa.Table) -> None:
    """Raise PublicationError where a column is named after people or a text, alone or in a list, holds a pseudonym."""
    for name in rows.column_names:
        if _PERSONAL_COLUMN.search(name) or _holds_pseudonym(rows[name]):
            raise PublicationError(
                f"column {table_name}.{name} is about persons; places are published without any, people go to the "
                "restricted file"
            )


def refuse_people_in_text(name: str, text: str) -> None:
    """Raise PublicationError where `text` holds a pseudonym."""
    if re.search(PSEUDONYM, text):
        raise PublicationError(f"{name} names a person by pseudonym; it may hold places and counts only")


def without_people(text: str) -> str:
    """Return `text` with every pseudonym blotted out: the last resort for what some library says of a value.

    >>> without_people("no p_" + "0" * 32 + " here")
    'no [person] here'
    """
    return re.sub(PSEUDONYM, "[person]", text)


def _holds_pseudonym(values: pa.ChunkedArray) -> bool:
    while pa.types.is_list(values.type):
        values = pc.list_flatten(values)
    if not pa.types.is_string(values.type):
        return False
    return bool(pc.any(pc.match_substring_regex(values, PSEUDONYM)).as_py())
