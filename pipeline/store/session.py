"""The door to a store that is opened, committed and closed again and again, as a stream does with every batch.

Most of the time of opening a store goes into a new connection and its encryption; here one connection stays and only
the file is attached and let go, so that others get their turn between two batches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import TracebackType

from pipeline.database import Progress, attach, connect, log_progress
from pipeline.privacy.keys import Key
from pipeline.store.dedup_index import DedupIndex
from pipeline.store.migrations import migrate
from pipeline.store.store import Store


class StoreSession:
    """Opens one store for one writer at a time; a context manager, used from one thread at a time.

    Once `until` is set it waits for nobody.
    """

    def __init__(
        self, path: Path, key: Key, *, wait_s: float, progress: Progress = log_progress, until: Event | None = None
    ) -> None:
        self._path = path
        self._key = key
        self._wait_s = wait_s
        self._announce = progress
        self._until = until
        # A batch is too small to share out: a second thread costs as much in waiting as the batch does.
        self._connection = connect(path.parent / "spill", at_most_threads=1)
        self._dedup_index = DedupIndex()

    def __enter__(self) -> "StoreSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Yield the store, this process its one writer; afterwards the file is whole and free.

        Raises what `pipeline.store.store.open_store` raises.
        """
        attach(
            self._connection,
            self._path,
            self._key.encryption,
            alias="store",
            wait_s=self._wait_s,
            progress=self._announce,
            until=self._until,
        )
        try:
            migrate(self._connection)
            yield Store(self._connection, self._announce, self._dedup_index)
        finally:
            self._connection.execute("DETACH store")
