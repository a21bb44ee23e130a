"""What the rows of the kept runs stand on: incidents that they cite and people that they are about."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.database import name_sql
from pipeline.privacy.keys import Key
from pipeline.publication.duckdb_file import opened, table_names
from pipeline.publication.publish import PUBLISHED, RESTRICTED
from pipeline.publication.tables import Table, read_tables

CITING = ("evidence_ids", "rule_evidence_ids")


def cited_by_runs(home: Path, key: Key) -> tuple[set[str], set[str]]:
    """Return the incidents that rows of any kept run cite, and the people whom rows are about; nobody is shown them."""
    tables, incidents, people = read_tables(), set[str](), set[str]()
    for name, encryption, described in (
        (PUBLISHED, None, tables.published),
        (RESTRICTED, key.encryption, tables.restricted),
    ):
        if (home / name).exists():
            found = _cited_in(home / name, encryption, described)
            incidents, people = incidents | found[0], people | found[1]
    return incidents, people


def _cited_in(path: Path, encryption_key: str | None, described: Mapping[str, Table]) -> tuple[set[str], set[str]]:
    with opened(path, encryption_key) as connection:
        kept = table_names(connection)

        def values(table: Table, column: str) -> set[str]:
            if table.name not in kept or column not in table.column_names:
                return set()
            value = f"unnest({column})" if column in CITING else column
            sql = f"SELECT DISTINCT {value} FROM kept.{name_sql(table.name)} WHERE {column} IS NOT NULL"  # noqa: S608 - ours
            return {found for (found,) in connection.execute(sql).fetchall() if found}

        incidents = [values(table, column) for table in described.values() for column in (*CITING, "incident_id")]
        people = [values(table, "person_id") for table in described.values()]
    return set().union(*incidents), set().union(*people)
