"""What becomes of the rows of a file, beside each other and beside the store: `load/settle.sql` decides it for all.

Equal ids of one file mean what the mapping's `same_id` says. A file that is loaded again changes nothing; where its
mapping was mended, its rows replace what they gave before, as new versions.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import pyarrow as pa

from pipeline.database import query, unordered
from pipeline.events.batch import BatchCounts
from pipeline.events.version_sql import hashed_sql, keep_sql, settle_sql
from pipeline.files.table import ReadFile
from pipeline.loading.rows import BatchNumber, Rows

_STORED = ("new", "newer", "older", "corrected")

# Deletes the rows of `staged` that have a rule, and returns them as dead letters.
Refuse = Callable[[], pa.Table]


class Settling(Rows):
    """The part of the store that keeps the rows of files: those of table `staged`, with row_number, file and rule."""

    def _know_files(self, files: Sequence[ReadFile], kind: str) -> None:
        """Fill `loaded_now` with the files of this load, `earlier_load` with the batches that loaded them before."""
        known = pa.table({"file": [file.name for file in files], "digest": [file.digest for file in files]})
        self._execute_on("files_read", known, "CREATE OR REPLACE TEMP TABLE loaded_now AS FROM files_read")
        self._connection.execute(query("load/settle#earlier_load"), {"kind": kind})

    def _know_files_of_letters(self, kind: str) -> None:
        """Do the same for a replay: the files of its dead letters (`tried`) are those that their batches loaded."""
        for name in ("files_of_letters", "earlier_load"):
            self._connection.execute(query(f"load/settle#{name}"), {"kind": kind})

    def _remember_files(self, number: BatchNumber, kind: str) -> None:
        self._connection.execute(query("load/settle#remember"), {"batch_id": number.batch_id, "kind": kind})

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
        self._connection.execute(settle_sql(entity, present))
        self._connection.execute(query("load/settle#suspect_key"))
        self._connection.execute(query("load/settle#outcome"), {"same_id": same_id})
        became = dict(self._rows("load/settle#counts"))
        self._connection.execute(query("load/settle#mark_clashes"))
        clashes = refuse()
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
        return counts, pa.concat_tables([dead, clashes])

    def _insert_settled(self, entity: str, number: BatchNumber, present: Collection[str]) -> None:
        self._connection.execute(query("load/settle#settled"))
        rows, columns = "FROM settled", set(present)
        if entity == "incident" and "involvements" not in columns:
            rows, columns = query("load/settle#with_people"), columns | {"involvements"}
        with unordered(self._connection):
            self._connection.execute(keep_sql(entity, columns, hashed_sql(entity, rows, columns)), number._asdict())
        self._connection.execute("DROP TABLE staged; DROP TABLE settled")

    def _weigh(self, harm_days: Mapping[str, float]) -> None:
        """Fill `harm_weight` with the harm of each offence, by which the gravest of equal ids is found."""
        weights = pa.table({"code": list(harm_days), "harm_days": [float(days) for days in harm_days.values()]})
        self._execute_on("weights", weights, "CREATE OR REPLACE TEMP TABLE harm_weight AS FROM weights")

    def _cancel_gone(self, number: BatchNumber, event_source: str) -> int:
        """Cancel the incidents that the same files gave before and no longer give; return their number."""
        self._connection.execute(query("load/settle#gone"), {"source": event_source})
        rows = hashed_sql("incident", query("load/settle#cancelled"))
        return self._scalar(keep_sql("incident", hashed=rows), number._asdict())
