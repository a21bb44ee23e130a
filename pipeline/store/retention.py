"""Retention in the store: what is wholly older than an edge goes, in every version, unless something kept stands on it.

Decisions of people, tombstones and hashes of erased people, batches, offsets and the register of operations stay.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import frame, query
from pipeline.store.same_people import SamePeople

# Category → its part of retention.sql and its edge; in the order in which they go.
CATEGORIES: Mapping[str, tuple[str, str]] = {
    "incidents": ("incident", "incidents"),
    "people in incidents": ("role", "people"),
    "stays in custody": ("stay", "people"),
    "warrants": ("warrant", "people"),
    "people in actions": ("subject", "people"),
    "people": ("person", "people"),
    "shifts": ("shift", "shifts"),
    "visits": ("visit", "shifts"),
    "messages": ("message", "messages"),
    "dead letters": ("letter", "dead_letters"),
}


@dataclass(frozen=True, slots=True)
class Edges:
    """The moment before which each kind of data goes; None: it stays."""

    people: datetime | None = None
    incidents: datetime | None = None
    shifts: datetime | None = None
    messages: datetime | None = None
    dead_letters: datetime | None = None

    def known(self) -> dict[str, datetime]:
        """Return the edges that are set, by name."""
        return {item.name: at for item in fields(self) if (at := getattr(self, item.name)) is not None}


@dataclass(frozen=True, slots=True)
class Kept:
    """Incidents that stay as they are, whatever their age, and people of whom everything else stays."""

    incidents: Collection[str] = field(default=(), repr=False)
    people: Collection[str] = field(default=(), repr=False)


def drop_past(connection: duckdb.DuckDBPyConnection, edges: Edges, kept: Kept, now: datetime) -> pd.Series:
    """Drop what is before the edges from the attached `store`; return how many entities of each category went.

    Call it within a transaction.
    """
    _ask(connection, "incident_asked", "incident_id", kept.incidents)
    _ask(connection, "person_asked", "person_id", kept.people)
    connection.execute(query("store/retention#kept"))
    counts = {category: _drop(connection, part, edges, edge, now) for category, (part, edge) in CATEGORIES.items()}
    return pd.Series(counts, dtype="int64")


def oldest_left(connection: duckdb.DuckDBPyConnection) -> pd.Series:
    """Return when the oldest of each category that is left was; missing where nothing is left."""
    return frame(connection, query("store/retention#oldest")).set_index("category")["oldest"]


def _drop(connection: duckdb.DuckDBPyConnection, part: str, edges: Edges, edge: str, now: datetime) -> int:
    before = asdict(edges)[edge]
    if before is None:
        return 0
    if part == "person":
        _ask(connection, "person_named", "person_id", _named(connection, before))
    past = query(f"store/retention#past_{part}")
    connection.execute(past, {edge: before} if f"${edge}" in past else None)
    [(count,)] = connection.execute(f"SELECT count(*) FROM past_{part}").fetchall()  # noqa: S608 - of CATEGORIES
    drop = query(f"store/retention#drop_{part}")
    connection.execute(drop, {"now": now} if "$now" in drop else None)
    return int(count)


def _named(connection: duckdb.DuckDBPyConnection, edge: datetime) -> set[str]:
    """Return the people whom something kept names or that is young, under all ids that ever were theirs."""
    rows = connection.execute(query("store/retention#named"), {"people": edge}).fetchall()
    named = [person_id for (person_id,) in rows]
    same = SamePeople.of(connection.execute(query("store/same_people#ever_joined")).fetchall())
    return same.everyone(named)


def _ask(connection: duckdb.DuckDBPyConnection, name: str, column: str, ids: Collection[str]) -> None:
    connection.register(name, pa.table({column: pa.array(sorted(ids), pa.string())}))
