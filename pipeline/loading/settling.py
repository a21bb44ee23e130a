"""What becomes of the rows of a file, beside each other and beside the store: `load/settle.sql` decides it for all.

Equal ids of one file mean what the mapping's `same_id` says. A file that is loaded again changes nothing; where its
mapping was mended, its rows replace what they gave before, as new versions.
"""

from collections.abc import Callable, Collection, Mapping

import pyarrow as pa

from pipeline.database import query, unordered
from pipeline.events.batch import BatchCounts
from pipeline.events.version_sql import arriving_sql, hashed_sql, held_sql, keep_sql, kept_sql, withdrawn_sql
from pipeline.loading.rows import BatchNumber, Rows
from pipeline.mapped.mapping import Mapping as FileMapping

_STORED = ("new", "newer", "older", "corrected")

# Deletes the rows of `staged` that have a rule, and returns them as dead letters.
Refuse = Callable[[], pa.Table]


class Settling(Rows):
    """The part of the store that keeps the rows of files: those of table `staged`, with row_number, file and rule."""

    def _know_file(self, digest: str | None, mapping: FileMapping) -> None:
        """Fill `earlier_load` with the batches that loaded the same file through the same mapping before."""
        named = {"digest": digest, "kind": mapping.kind, "mapping": mapping.name}
        self._connection.execute(query("load/settle#earlier_load"), named)

    def _remember_file(self, number: BatchNumber, name: str, digest: str, mapping: FileMapping) -> None:
        row = {"name": name, "digest": digest, "kind": mapping.kind, "mapping": mapping.name}
        self._connection.execute(query("load/settle#remember"), {"batch_id": number.batch_id, **row})

    def _settle(
        self, entity: str, number: BatchNumber, present: Collection[str], same_id: str, refuse: Refuse
    ) -> tuple[BatchCounts, pa.Table]:
        """Move the rows of `staged` that are new or corrections into the versions; return counts and dead letters.

        Parameters
        ----------
        entity : str
            A key of `pipeline.events.columns.SCHEMAS`.
        number : BatchNumber
            The batch.
        present : collection of str
            The columns of the entity that `staged` has.
        same_id : str
            What equal ids mean: conflict, gravest, each or later_load_corrects.
        refuse : callable
            Deletes the rows with a rule from `staged` and returns them as dead letters.
        """
        dead = refuse()
        self._connection.execute(arriving_sql(entity, present))
        self._connection.execute(held_sql(entity, present))
        if self._is_loaded_before():
            self._connection.execute(query("load/settle#present_key"))
        for name in ("suspect_key", "suspect_row"):
            self._connection.execute(query(f"load/settle#{name}"))
        self._connection.execute(query("load/settle#outcome"), {"same_id": same_id})
        became = dict(self._rows("load/settle#counts"))
        if became.keys() & {"clash", "conflict"}:
            self._connection.execute(query("load/settle#mark_clashes"))
            dead = pa.concat_tables([dead, refuse()])
        self._insert_settled(entity, number, present)
        stored = sum(became.get(name, 0) for name in _STORED)
        repeated, merged = became.get("repeated", 0), became.get("merged", 0)
        counts = BatchCounts(
            rows_in=stored + repeated + merged,
            stored=stored,
            duplicates=repeated,
            merged=merged,
            corrected=stored - became.get("new", 0),
        )
        return counts, dead

    def _insert_settled(self, entity: str, number: BatchNumber, present: Collection[str]) -> None:
        """Insert the rows of `staged` that are stored; what the file has no column for stays as the store holds it."""
        for name in ("settled", "plain"):
            self._connection.execute(query(f"load/settle#{name}"))
        columns, rows = kept_sql(entity, present)
        with unordered(self._connection):
            plain = keep_sql(entity, present, hashed_sql(entity, "FROM staged", present))
            self._connection.execute(plain, number._asdict())
            self._connection.execute(keep_sql(entity, columns, hashed_sql(entity, rows, columns)), number._asdict())
        self._connection.execute("DROP TABLE staged; DROP TABLE settled")

    def _weigh(self, harm_days: Mapping[str, float]) -> None:
        """Fill `harm_weight` with the harm of each offence, by which the gravest of equal ids is found."""
        weights = pa.table({"code": list(harm_days), "harm_days": [float(days) for days in harm_days.values()]})
        self._execute_on("weights", weights, "CREATE OR REPLACE TEMP TABLE harm_weight AS FROM weights")

    def _withdraw_gone(self, entity: str, number: BatchNumber, present: Collection[str]) -> int:
        """Withdraw what the same file gave before and no longer gives, as new versions; return their number.

        Incidents are cancelled, warrants recalled, stays and shifts made empty. People and actions stay, and are said.
        """
        if not self._is_loaded_before():
            return 0
        self._connection.execute(held_sql(entity, present))
        self._connection.execute(query("load/settle#gone_key"))
        withdrawn = withdrawn_sql(entity)
        if withdrawn is None:
            if gone := self._scalar("SELECT count(*) FROM gone_key"):
                self._progress(
                    f"{gone:,} {entity} records that the file gave before stay, though it no longer gives them"
                )
            return 0
        return self._scalar(keep_sql(entity, hashed=hashed_sql(entity, withdrawn)), number._asdict())

    def _is_loaded_before(self) -> bool:
        return bool(self._scalar("SELECT count(*) FROM earlier_load"))
