"""Markets that are withheld: no published row of any run names them, and the others stand as if there were no more.

A row that names a withheld market in a text goes; a list loses the entry, and the count beside it one. A place on the
same ground (`place_IX_IY`) is cut out of the texts that list it. Ranks and positions close up, also those of the run
before. Incidents that are told one by one lose hour, street and coordinates. Which markets are withheld is for the
caller to say, run by run, because only the outlines of a run tell which of its markets lie where.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import literal_sql, name_sql
from pipeline.publication.tables import RUN_COLUMNS, Table

# Returns which of some named markets are withheld, from the crs of a run, the metres of its cells (None if it has
# none), its table `market` and the names.
Withheld = Callable[[str, float | None, pd.DataFrame, Iterable[str]], set[str]]
Row = dict[str, Any]

MARKET = r"(?:market|place)_-?\d+_-?\d+"
PLACES = re.compile(r"place_-?\d+_-?\d+(?:, place_-?\d+_-?\d+)*")
ORDERS = ("rank", "position")
INCIDENTS = ("area_evidence", "recent_incident")


def markets_by_run(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]) -> dict[str, set[str]]:
    """Return the markets that each run in the attached file `kept` names, in whatever text."""
    found: dict[str, set[str]] = {}
    of_runs = {table.name for table in tables.values() if table.is_of_one_run}
    for table_name, column in connection.execute(_TEXTS).fetchall():
        if table_name in of_runs and column not in RUN_COLUMNS:
            for run_id, market_id in connection.execute(_named_sql(table_name, column)).fetchall():
                found.setdefault(run_id, set()).add(market_id)
    return found


_COLUMNS = "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'kept' ORDER BY ALL"
_TEXTS = _COLUMNS.replace("ORDER BY", "AND data_type IN ('VARCHAR', 'VARCHAR[]') ORDER BY")


def _named_sql(table_name: str, column: str) -> str:
    table, text = name_sql(table_name), f"{name_sql(column)}::VARCHAR"
    return (
        f"SELECT DISTINCT run_id, unnest(regexp_extract_all({text}, {literal_sql(MARKET)})) "  # noqa: S608
        f"FROM kept.{table} WHERE contains({text}, 'market_') OR contains({text}, 'place_') ORDER BY ALL"
    )  # names come from the file's own catalogue


def named_markets(tables: Mapping[str, pa.Table]) -> set[str]:
    """Return the markets that the tables of one run name, in whatever text."""
    columns = [rows[name].to_pylist() for rows in tables.values() for name in (*_texts(rows), *_lists(rows))]
    texts = (str(value) for column in columns for value in column if value)
    return {name for text in texts if "market_" in text or "place_" in text for name in re.findall(MARKET, text)}


def cell_sizes(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return the metres of the cells of each run in the attached file `kept`."""
    if ("cell_forecast", "cell_size_m") not in connection.execute(_COLUMNS).fetchall():
        return {}
    found = connection.execute("SELECT run_id, max(cell_size_m) FROM kept.cell_forecast GROUP BY run_id")
    return {run_id: float(size_m) for run_id, size_m in found.fetchall()}


def cell_size(tables: Mapping[str, pa.Table]) -> float | None:
    """Return the metres of the cells of a run; None if it has none."""
    forecast = tables.get("cell_forecast")
    return float(forecast["cell_size_m"][0].as_py()) if forecast is not None and len(forecast) else None


def hidden_markets(
    market: pa.Table, crs: str, size_m: float | None, withheld: Withheld, named: Iterable[str]
) -> set[str]:
    """Return which of the `named` markets of a run are withheld; `market` is its table, `size_m` that of its cells."""
    columns = ["market_id", "geometry_wkb"]
    outlines = market.select(columns).to_pandas() if len(market) else pd.DataFrame(columns=columns)
    return withheld(crs, size_m, outlines, named)


def without_markets(tables: Mapping[str, pa.Table], hidden: Collection[str]) -> dict[str, pa.Table]:
    """Return those of the tables of one run that change if no row names a `hidden` market, changed."""
    if not hidden:
        return {}
    given, tables = tables, {name: _without_places(rows, hidden) for name, rows in tables.items()}
    gone = {name: _gone(rows, hidden) for name, rows in tables.items()}
    now = [row["rank"] for row in gone["market"]]
    before = {row["market_id"]: row.get("rank_before") for row in gone["market"]}
    changes = {row["place_id"]: row["rank_before"] for row in gone.get("place_change", [])}
    earlier = [rank for rank in (changes | before).values() if rank is not None]
    left = {name: _cleaned(name, rows, hidden, gone[name], now, earlier) for name, rows in tables.items()}
    left |= {name: _by_day_and_area(left[name]) for name in INCIDENTS if name in left}
    return {name: rows for name, rows in left.items() if rows is not given[name] and not rows.equals(given[name])}


def _by_day_and_area(rows: pa.Table) -> pa.Table:
    """Return all incidents without hour, street and coordinates: to blank those on withheld ground would show it."""
    blank = {name: pa.nulls(len(rows), rows[name].type) for name in ("occurred_at", "place", "lat", "lon")}
    for name, values in {**blank, "is_coarse": pa.array([True] * len(rows), pa.bool_())}.items():
        rows = rows.set_column(rows.column_names.index(name), rows.field(name), values)
    return rows


def _without_places(rows: pa.Table, hidden: Collection[str]) -> pa.Table:
    """Return the rows with the hidden places cut out of the texts that list them; the table itself if none changes."""

    def left(listed: re.Match[str]) -> str:
        shown = [place for place in listed[0].split(", ") if place not in hidden]
        return ", ".join(shown) or "none that is shown"

    for name in _texts(rows):
        texts = rows[name].to_pylist()
        cut = [text if text is None or "place_" not in text else PLACES.sub(left, text) for text in texts]
        if cut != texts:
            rows = rows.set_column(rows.column_names.index(name), rows.field(name), pa.array(cut, rows[name].type))
    return rows


def _texts(rows: pa.Table) -> list[str]:
    """Return the columns of text, but for the run's."""
    return [field.name for field in rows.schema if pa.types.is_string(field.type) and field.name not in RUN_COLUMNS]


def _lists(rows: pa.Table) -> list[str]:
    return [field.name for field in rows.schema if field.type == pa.list_(pa.string())]


def _names(text: str | None, hidden: Collection[str]) -> bool:
    return (
        text is not None
        and ("market_" in text or "place_" in text)
        and any(found in hidden for found in re.findall(MARKET, text))
    )


def _gone(rows: pa.Table, hidden: Collection[str]) -> list[Row]:
    """Return the rows that name a hidden market in a text."""
    is_gone = _is_gone(rows, hidden)
    found: list[Row] = rows.filter(pa.array(is_gone, pa.bool_())).to_pylist() if any(is_gone) else []
    return found


def _is_gone(rows: pa.Table, hidden: Collection[str]) -> list[bool]:
    texts = [rows[name].to_pylist() for name in _texts(rows)]
    return [any(_names(text, hidden) for text in row) for row in zip(*texts, strict=True)] if texts else []


def _cleaned(
    name: str, rows: pa.Table, hidden: Collection[str], gone: list[Row], now: list[int], before: list[int]
) -> pa.Table:
    """Return the rows of a table less those gone, with lists and ranks closed up; the table itself if none changes."""
    lists = [
        column for column in _lists(rows) for entries in rows[column].to_pylist()
        if any(_names(entry, hidden) for entry in entries or [])
    ]  # fmt: skip
    if not gone and not lists and not (name in ("market", "place_change") and (now or before)):
        return rows
    stays = pa.array([not is_out for is_out in _is_gone(rows, hidden)], pa.bool_())
    left = [_without_entries(row, lists, hidden) for row in rows.filter(stays).to_pylist()]
    if name == "place_change":
        left = [moved for row in left if (moved := _moved(row, now, before))]
    elif "market_id" in rows.column_names:
        left = [_closed_up(row, gone, before) for row in left]
    return pa.Table.from_pylist(left, schema=rows.schema)


def _without_entries(row: Row, lists: Collection[str], hidden: Collection[str]) -> Row:
    changed: Row = {}
    for name in lists:
        entries = [entry for entry in row[name] or [] if not _names(entry, hidden)]
        count = f"{name.removesuffix('_ids')}_count"
        if row.get(count) == len(row[name] or []):
            changed[count] = len(entries)
        changed[name] = entries if row[name] is not None else None
    return row | changed


def _closed_up(row: Row, gone: list[Row], before: list[int]) -> Row:
    orders = {name: _close(row[name], [other[name] for other in gone]) for name in ORDERS if name in row}
    if "rank_before" not in row:
        return row | orders
    rank_before = _close(row["rank_before"], before)
    change = None if rank_before is None or orders["rank"] is None else rank_before - orders["rank"]
    # The rank announced may be of any earlier run, so it cannot be closed up: later changes count from this run.
    told = {"rank_announced": None} if "rank_announced" in row else {}
    return row | orders | {"rank_before": rank_before, "rank_change": change} | told


def _moved(row: Row, now: list[int], before: list[int]) -> Row | None:
    """Return the change of a market with closed ranks; None if these do not move the way that it says."""
    if row["place_kind"] != "market":
        return row
    was, is_now = _close(row["rank_before"], before), _close(row["rank_after"], now)
    closed = row | {"rank_before": was, "rank_after": is_now}
    if "rank_announced" in row:
        closed["rank_announced"] = None
    if was is None or is_now is None:
        return closed
    return closed if was != is_now and row["change"] == ("rose" if is_now < was else "fell") else None


def _close(rank: int | None, gone: Iterable[int]) -> int | None:
    return None if rank is None else rank - sum(other < rank for other in gone)
