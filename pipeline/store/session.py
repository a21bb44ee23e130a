"""Reusable session for a store that is opened, committed and closed repeatedly, as a stream does for every batch.

Most of the time to open a store goes into a new connection and its encryption. A session keeps one connection and only
attaches and detaches the file, so that other processes can use the store between two batches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import TracebackType

from pipeline.database import Progress, connect, log_progress
from pipeline.loading.dedup_index import DedupIndex
from pipeline.privacy.keys import Key
from pipeline.privacy.short_ids import know_short_ids
from pipeline.store.interface import Store
from pipeline.store.store import DuckDBStore
from pipeline.store.store_file import attach_store


class StoreSession:
    """Session that opens one store for one writer at a time; a context manager, used from one thread at a time.

    Once `until` is set, the session no longer waits for a busy store.
    """

    def __init__(
        self, path: Path, key: Key, *, wait_s: float, progress: Progress = log_progress, until: Event | None = None
    ) -> None:
        self._path = path
        self._key = key
        self._wait_s = wait_s
        self._progress = progress
        self._until = until
        # A batch is too small to parallelise: synchronising a second thread takes as long as the batch itself.
        self._connection = connect(path.parent / "spill", at_most_threads=1)
        know_short_ids(self._connection, key.ids)
        self._dedup_index = DedupIndex()

    def __enter__(self) -> "StoreSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Yield the store with this process as its only writer; on exit the file is complete and unlocked.

        Raises the errors of `pipeline.store.store.open_store`.
        """
        attach_store(
            self._connection,
            self._path,
            self._key,
            wait_s=self._wait_s,
            progress=self._progress,
            until=self._until,
        )
        try:
            yield DuckDBStore(self._connection, self._progress, self._dedup_index)
        finally:
            self._connection.execute("DETACH store")
