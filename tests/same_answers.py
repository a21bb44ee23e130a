"""Compare the published and restricted tables of two homes: `python -m tests.same_answers BEFORE AFTER`.

For a change that must not change an answer. The version of the code and what is made of it are left out: run_ids are
replaced by their place in order of as_of, ids of notices by one mark.
"""

import re
import sys
from pathlib import Path

import duckdb
import pandas as pd

from pipeline.database import attach, connect
from pipeline.privacy.keys import load_key

CODE = "code_version"


def tables_of(home: Path) -> dict[str, pd.DataFrame]:
    """Return every table of a home's two files by name, its values as text, its rows sorted."""
    found = {}
    with connect(home / "spill") as connection:
        for name, key in (("published", None), ("restricted", load_key(home).encryption)):
            attach(connection, home / f"{name}.duckdb", key, alias=name, read_only=True)
        runs = connection.execute("SELECT run_id FROM published.run ORDER BY as_of").fetchall()
        marks = {run_id: f"run {place}" for place, (run_id,) in enumerate(runs)}
        for schema, table in connection.execute(
            "SELECT database_name, table_name FROM duckdb_tables() WHERE database_name IN ('published', 'restricted')"
        ).fetchall():
            found[f"{schema}.{table}"] = _plain(connection, f"{schema}.{table}", marks)
    return found


def _plain(connection: duckdb.DuckDBPyConnection, table: str, marks: dict[str, str]) -> pd.DataFrame:
    frame = connection.execute(f"FROM {table}").to_arrow_table().to_pandas()
    frame = frame[[column for column in frame.columns if column != CODE]].map(repr)
    ids = re.compile("|".join([*marks, r"n_[0-9a-f]{24}"]))
    frame = frame.map(lambda text: ids.sub(lambda found: marks.get(found[0], "a notice"), text))
    return frame.sort_values([*frame.columns]).reset_index(drop=True)


def main(before: Path, after: Path) -> int:
    """Print every table with its rows and the columns that differ; 0 where none does."""
    olds, news = tables_of(before), tables_of(after)
    differ = sorted(set(olds) ^ set(news))
    for name in sorted(set(olds) & set(news)):
        old, new = olds[name], news[name]
        if old.equals(new):
            print(f"{name}: {len(old):,} rows, identical")
            continue
        same_shape = old.shape == new.shape and [*old.columns] == [*new.columns]
        columns = [c for c in old.columns if not old[c].equals(new[c])] if same_shape else ["shape"]
        print(f"{name}: {len(old):,} and {len(new):,} rows, DIFFERENT in {', '.join(columns)}")
        differ.append(name)
    print(f"{len(olds)} tables, {len(differ)} different: {', '.join(differ) or 'none'}")
    return int(bool(differ))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
