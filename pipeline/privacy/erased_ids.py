"""Raw ids of erased people: an erasure deletes them and keeps keyed hashes, by which texts that hold one are found.

What is hashed is the id as `raw_ids` compares it: its runs of letters and digits, folded in case, with a space between.
The hash is the short id of that (`short_ids`), whose key is the home's.
"""

from collections.abc import Iterable, Mapping

import pandas as pd
import pyarrow as pa

from pipeline.database import Connection, query
from pipeline.privacy.raw_ids import pieces_in, spelled


def remember_erased(connection: Connection, raw_id: str) -> None:
    """Keep the hash of a raw id in the attached `store`."""
    if spelling := spelled(raw_id):
        sizes = {"run_count": len(spelling.split()), "size": len(spelling), "longest": len(raw_id)}
        connection.execute(query("store/erased_ids#add"), {"spelling": spelling, **sizes})


def longest_erased(connection: Connection) -> int:
    """Return the number of characters of the longest id of somebody erased, 0 if nobody was."""
    is_there = connection.execute(query("store/erased_ids#is_there")).fetchone()
    row = connection.execute(query("store/erased_ids#longest")).fetchone() if is_there else None
    return int(row[0] or 0) if row else 0


def erased_among(connection: Connection, pieces: Iterable[str]) -> set[str]:
    """Return the pieces of text that are the raw id of somebody erased, in whatever case and spelling."""
    by_spelling: dict[str, list[str]] = {}
    for piece in pieces:
        by_spelling.setdefault(spelled(piece), []).append(piece)
    connection.register("spelled", pa.table({"spelling": pa.array([*by_spelling], pa.string())}))
    found = connection.execute(query("store/erased_ids#among")).fetchall()
    connection.unregister("spelled")
    return {piece for (spelling,) in found for piece in by_spelling[spelling]}


def erased_in(connection: Connection, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the raw ids of erased people that values of tables hold, sorted, as `refuse_raw_ids` takes them."""
    shapes = set(connection.execute(query("store/erased_ids#shapes")).fetchall())
    return sorted(erased_among(connection, pieces_in(tables, shapes))) if shapes else []
