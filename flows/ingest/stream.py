"""`harmspot stream`: topics into the store in micro-batches, for as long as it is let, several processes at once.

Entry point: `stream(home, StreamLimits(...), step=direct, until=Event())`.

One thread polls and decodes, and so keeps its place in the group, whatever else goes on; one worker opens the store,
keeps a micro-batch's rows, offsets and announcements in one transaction, closes it, and delivers. Polling and decoding
are Python and share a thread, for two would wait for each other; keeping is DuckDB and goes on beside them. While the
worker is busy the next micro-batch is decoded and the one after it gathers up to its bounds, then the partitions are
paused. The store alone says where to read on: a batch that begins elsewhere than the store left off is dropped and
read again, so neither a rebalance nor a process that was taken for dead can lose an event or keep it twice.

`step(stage, *arguments)` calls every stage of a batch, as in the daily run, so that a test can stop the process before,
within or after each: `STAGES` lists them in order.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event

import duckdb

from flows.home.home import Home
from flows.home.stage import Call, direct
from flows.ingest.change_publisher import ANSWER_S, ChangePublisher
from flows.ingest.ingest import new_decoder
from flows.ingest.live import CHANGES, Live, latest_run, start_live, write_live
from pipeline.database import explain_duckdb_error
from pipeline.errors import HarmspotError, StaleOffsetsError, StoreBusyError, StoreError
from pipeline.events.batch import BatchCounts, DecodedBatch, Record, TopicPartition
from pipeline.events.columns import TOPICS
from pipeline.messages.outbox import OutboxMessage
from pipeline.sources.kafka import KafkaPublisher
from pipeline.sources.kafka_group import GroupReader
from pipeline.store.session import StoreSession
from pipeline.store.store import Store

_POLL_S = 0.05
_GLANCE_S = 0.001
_POLL_RECORDS = 5_000
_FILL_S = 1.0  # the longest that a batch is filled for where as much again waits
_IDLE_S = 1.0  # the longest that offsets wait which moved on past no record
_TEND_S = 5.0  # how often a new run is looked for while nothing comes in


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """When to end by itself: after so many seconds, or once nothing is left to read. Neither: when told to."""

    max_seconds: float | None = None
    until_caught_up: bool = False


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Decoded records of each partition, from `first_offsets` (as the store has them) to `next_offsets`."""

    decoded: DecodedBatch
    is_behind: bool  # whether as much again was waiting
    first_offsets: dict[TopicPartition, int | None]
    next_offsets: dict[TopicPartition, int]


@dataclass
class StreamSummary:
    """What a stream did until it ended."""

    counts: BatchCounts = field(default_factory=BatchCounts)
    batches: int = 0
    read_again: int = 0
    announced: int = 0
    seconds: float = 0.0


@dataclass
class BatchBuffer:
    """The micro-batch that is being filled."""

    max_rows: int
    max_bytes: int
    linger_s: float
    held: dict[TopicPartition, int | None] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    following: dict[TopicPartition, int] = field(default_factory=dict)
    size: int = 0
    began: float = 0.0

    def begin(self, held: dict[TopicPartition, int | None]) -> None:
        """Forget what was gathered; the partitions are read from where the store stands (None: not at all yet)."""
        self.held = held
        self.records, self.following, self.size = [], {}, 0

    def add(self, records: Sequence[Record], following: dict[TopicPartition, int], now: float) -> None:
        if not self.following or (records and not self.records):
            self.began = now
        self.records += records
        self.following |= following
        self.size += sum(len(record.value or b"") for record in records)

    @property
    def is_full(self) -> bool:
        return len(self.records) >= self.max_rows or self.size >= self.max_bytes

    @property
    def room(self) -> int:
        return self.max_rows - len(self.records)

    def is_due(self, now: float, linger_s: float | None = None) -> bool:
        """Return whether to go on with what there is: a full batch, or one whose first record is so old.

        Offsets that moved on past no record, as after a transaction's marker, can wait for one.
        """
        linger_s = max(self.linger_s, linger_s or 0.0, 0.0 if self.records else _IDLE_S)
        return bool(self.following) and (self.is_full or now - self.began >= linger_s)

    def take(self, decoded: DecodedBatch, is_behind: bool) -> StreamBatch:
        """Hand over what was gathered, decoded, and go on from its end."""
        firsts = {place: self.held.get(place) for place in self.following}
        batch = StreamBatch(decoded, is_behind or self.is_full, firsts, self.following)
        self.begin({**self.held, **self.following})
        return batch


class StoreWorker:
    """What the worker does: everything that touches the store or sends an announcement."""

    def __init__(self, home: Home, session: StoreSession, source: str, announcer: ChangePublisher, step: Call) -> None:
        self._home = home
        self._session = session
        self._source = source
        self._announcer = announcer
        self._step = step
        self._live: Live | None = None
        self._published_at: int | None = None  # when the publication that the live figures carry on was written

    def offsets(self, topic_ids: dict[str, str]) -> dict[TopicPartition, int]:
        """Return where the store stands in these topics."""
        self._announcer.expect()  # whoever had the partitions before may have died over an announcement
        with self._session.opened() as store:
            store.know_topics(topic_ids)
            return store.offsets()

    def idle(self) -> None:
        """Do between batches what none of them should wait for: take up a new run, and send what waits."""
        if self._home.settings.stream.live:
            self._step(follow_run, self)
        if self._announcer.is_due():
            with self._session.opened() as store:
                waiting = self._announcer.take(store)
            self._step(deliver_changes, self._announcer, waiting)

    def keep(self, batch: StreamBatch) -> BatchCounts:
        """Take a batch through every stage and return what became of its rows."""
        is_live = self._home.settings.stream.live and not batch.is_behind
        if is_live:
            self._step(follow_run, self)
        try:
            with self._session.opened() as store:
                counts = self._step(keep_records, self, store, batch, is_live)
                waiting = self._announcer.take(store)
                # While nobody else can keep a batch, so that no older figures are written over newer ones.
                if is_live and self._live is not None and self._live.table is not None:
                    with self._figures():
                        self._step(write_live, self._home, self._live)
        except BaseException:
            self.forget_figures()  # they may hold what was not kept
            raise
        self._step(deliver_changes, self._announcer, waiting)
        return counts

    def commit(self, store: Store, batch: StreamBatch, is_live: bool) -> BatchCounts:
        try:
            return store.commit(
                batch.decoded,
                source=self._source,
                ingested_at=self._home.now(),
                first_offsets=batch.first_offsets,
                next_offsets=batch.next_offsets,
                tell=self.tell if is_live and self._live is not None else None,
            )
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise explain_duckdb_error(error) or StoreError(
                f"{self._home.store} cannot be written: {str(error).splitlines()[0]}"
            ) from None

    def follow_run(self) -> None:
        """Carry on the latest run; a new publication, or a failure, begins the figures anew."""
        path = self._home.published
        written = path.stat().st_mtime_ns if path.exists() else None
        if self._live is not None and self._live.is_over(self._home.now()):
            self._home.progress(f"live figures stop until the next run: run {self._live.run_id} has expired")
            self.forget_figures()
        elif written == self._published_at:
            return
        # Acts of people rewrite the publication, too; the figures of the same run go on.
        with self._figures():
            if self._live is None or self._live.run_id != latest_run(self._home):
                self.forget_figures()
                self._live = start_live(self._home)
        self._published_at = written

    def tell(self, connection: duckdb.DuckDBPyConnection) -> list[OutboxMessage]:
        """Announce what changed."""
        assert self._live is not None
        with self._figures():
            return self._live.tell(connection)
        return []

    @contextmanager
    def _figures(self) -> Iterator[None]:
        """Give figures up that cannot be carried on: they must not keep events from being stored."""
        try:
            yield
        except (HarmspotError, ValueError, OSError, duckdb.Error) as error:
            # What DuckDB says of its own may quote a value.
            words = (explain_duckdb_error(error) or type(error).__name__) if isinstance(error, duckdb.Error) else error
            self._home.progress(f"live figures stop until the next run: {words}")
            published_at = self._published_at
            self.forget_figures()
            self._published_at = published_at

    def forget_figures(self) -> None:
        if self._live is not None:
            self._live.close()
        self._live = self._published_at = None

    def finish(self) -> None:
        """Note what was delivered last."""
        self.forget_figures()
        if self._announcer.sent:
            with self._session.opened() as store:
                self._announcer.note(store)


def decode_records(home: Home, records: list[Record]) -> DecodedBatch:
    """Decode with today's codebook and clock."""
    return new_decoder(home).decode(records)


def follow_run(store_worker: StoreWorker) -> None:
    """Read what the latest run knew, where it is another than before."""
    store_worker.follow_run()


def keep_records(store_worker: StoreWorker, store: Store, batch: StreamBatch, is_live: bool) -> BatchCounts:
    """Keep rows, offsets and announcements in one transaction."""
    return store_worker.commit(store, batch, is_live)


def deliver_changes(announcer: ChangePublisher, waiting: list[OutboxMessage]) -> None:
    """Send the announcements that wait."""
    announcer.deliver(waiting)


def acknowledge_offsets(reader: GroupReader, batch: StreamBatch) -> None:
    """Tell the broker how far the store is."""
    reader.acknowledge(batch.next_offsets)


STAGES = (decode_records, follow_run, keep_records, write_live, deliver_changes, acknowledge_offsets)


def stream(
    home: Home, limits: StreamLimits = StreamLimits(), step: Call = direct, until: Event | None = None
) -> StreamSummary:
    """Consume the topics into the home's store until told to stop (`until`) or a limit is reached.

    Raises
    ------
    SourceError, BrokerError
        Where topics are missing, records were deleted before they were read, or the broker went for good.
    StoreBusyError
        Where another process holds the store for longer than `store.wait_s`. Nothing is lost: run again.
    """
    kafka, settings, until = home.settings.kafka, home.settings.stream, until or Event()
    topics = [kafka.topic_prefix + topic for topic in TOPICS]
    reader = GroupReader(
        kafka.bootstrap_servers,
        topics,
        home.consumer_group,
        kafka.security,
        member=settings.member,
        session_timeout_s=settings.session_timeout_s,
    )
    with (
        closing(reader),
        closing(
            KafkaPublisher(kafka.bootstrap_servers, kafka.topic_prefix, kafka.security, answer_s=ANSWER_S)
        ) as publisher,
        StoreSession(
            home.store, home.key, wait_s=home.settings.store.wait_s, progress=home.progress, until=until
        ) as session,
        ThreadPoolExecutor(1, thread_name_prefix="keeper") as worker,
    ):
        if settings.live:
            publisher.require(CHANGES)
        announcer = ChangePublisher(home, publisher)
        store_worker = StoreWorker(home, session, reader.name, announcer, step)
        loop = _Loop(home, reader, store_worker, announcer, worker, step, limits, until)
        return loop.run()


class _Loop:
    """The polling and decoding thread."""

    def __init__(
        self,
        home: Home,
        reader: GroupReader,
        store_worker: StoreWorker,
        announcer: ChangePublisher,
        worker: ThreadPoolExecutor,
        step: Call,
        limits: StreamLimits,
        until: Event,
    ) -> None:
        settings = home.settings.stream
        self._home, self._reader, self._keeper, self._worker = home, reader, store_worker, worker
        self._announcer = announcer
        self._step, self._limits, self._until = step, limits, until
        self._gathering = BatchBuffer(settings.max_rows, settings.max_bytes, settings.linger_ms / 1000)
        self._progress_s, self._session_s = settings.progress_s, settings.session_timeout_s
        self._ready: StreamBatch | None = None  # decoded, waiting for the worker
        self._busy: Future | None = None
        self._batch: StreamBatch | None = None  # with the worker
        self._placing: int | None = None  # the generation whose offsets the worker is looking up
        self._generation = 0
        self._summary = StreamSummary()
        self._began = self._said = time.monotonic()
        self._said_rows = 0
        self._tended: float | None = None

    def run(self) -> StreamSummary:
        while not self._is_over():
            self._collect()
            self._follow_assignment()
            self._start()
            self._poll()
            self._decode()
            self._say_progress()
        self._finish()
        return self._summary

    def _poll(self) -> None:
        if self._gathering.is_full:
            self._wait_for_worker()
            return
        self._reader.release()
        records, following = self._reader.poll(_POLL_S, min(_POLL_RECORDS, self._gathering.room))
        if following and self._reader.generation == self._generation:
            self._gathering.add(records, following, time.monotonic())

    def _wait_for_worker(self) -> None:
        """Wait a moment for the batch in hand; polling while nothing is fetched keeps the place in the group."""
        self._reader.hold()
        self._reader.poll(_GLANCE_S, 1)
        if self._busy is not None:
            wait([self._busy], _POLL_S)

    def _decode(self) -> None:
        """Decode what is due: a full batch also while the worker has another, less only when it is free."""
        buffer, now = self._gathering, time.monotonic()
        is_awaited = buffer.is_full or self._busy is None
        if self._ready is not None or not is_awaited or not buffer.is_due(now):
            return
        is_behind = self._reader.lag() >= buffer.max_rows
        if not is_behind or buffer.is_due(now, _FILL_S):
            self._ready = buffer.take(self._step(decode_records, self._home, buffer.records), is_behind)

    def _follow_assignment(self) -> None:
        """After a rebalance: forget what was gathered, ask the store where to read on, and begin there."""
        generation = self._reader.generation
        if generation != self._generation:
            self._generation = generation
            self._forget()
        if self._busy is not None:
            return
        if self._reader.unplaced():
            self._placing = generation
            self._busy = self._worker.submit(self._keeper.offsets, self._reader.topic_ids())
        elif self._needs_upkeep():
            self._busy = self._worker.submit(self._keeper.idle)

    def _needs_upkeep(self) -> bool:
        """Return whether there may be something to see to and no batch would have to wait for it."""
        if self._ready is not None or self._gathering.records or not self._reader.placed():
            return False
        is_new = self._tended is None or time.monotonic() - self._tended >= _TEND_S
        return is_new or self._announcer.is_due()

    def _forget(self) -> None:
        """Drop what was read and is not with the worker; it is read again from where the store stands."""
        self._ready = None
        self._gathering.begin({})

    def _start(self) -> None:
        if self._busy is None and self._ready is not None:
            self._batch, self._ready = self._ready, None
            self._busy = self._worker.submit(self._keeper.keep, self._batch)

    def _collect(self) -> None:
        """Take what the worker has finished."""
        if self._busy is None or not self._busy.done():
            return
        future, batch, placing = self._busy, self._batch, self._placing
        self._busy = self._batch = self._placing = None
        try:
            result = future.result()
        except StaleOffsetsError as error:
            self._home.progress(str(error))
            self._summary.read_again += 1
            self._forget()
            self._reader.displace()
            return
        except StoreBusyError:
            if not self._until.is_set():
                raise
            return  # whoever stops us does not wait for the store's turn; the batch is read again next time
        if placing is not None:
            self._place(result, placing)
        elif batch is not None:
            self._count(batch, result)
        else:
            self._tended = time.monotonic()

    def _place(self, offsets: dict[TopicPartition, int], generation: int) -> None:
        begun = self._reader.place(offsets, generation)
        if begun:
            self._gathering.begin({place: offsets.get(place) for place in begun})
            group = self._home.consumer_group
            self._home.progress(
                f"{self._reader.name}: reading {len(begun)} partitions in group {group} from where the store left off"
            )

    def _count(self, batch: StreamBatch, counts: BatchCounts) -> None:
        self._summary.counts += counts
        self._summary.batches += counts.rows_in > 0
        self._step(acknowledge_offsets, self._reader, batch)

    def _say_progress(self, is_last: bool = False) -> None:
        now, rows, silent_s = time.monotonic(), self._summary.counts.rows_in, self._reader.silent_s()
        is_silent = silent_s > max(self._progress_s, self._session_s)
        if not is_last and (now - self._said < self._progress_s or (rows == self._said_rows and not is_silent)):
            return
        waiting = f"no word from the broker for {silent_s:,.0f} s" if is_silent else f"{self._reader.lag():,} behind"
        rate = (rows - self._said_rows) / max(now - self._said, 1e-9)
        counts = self._summary.counts
        self._home.progress(
            f"{self._reader.name}: {rows:,} rows, {counts.stored:,} stored, {counts.duplicates:,} repeats, "
            f"{counts.dead:,} dead; {rate:,.0f} rows/s, {waiting}"
        )
        self._said, self._said_rows = now, rows

    def _is_over(self) -> bool:
        if self._until.is_set():
            return True
        elapsed = time.monotonic() - self._began
        if self._limits.max_seconds is not None and elapsed >= self._limits.max_seconds:
            return True
        if not self._limits.until_caught_up or not self._has_nothing_left():
            return False
        if not self._reader.is_whole():
            held = len(self._reader.placed())
            self._home.progress(
                f"{self._reader.name}: caught up in {held} partitions; others of the group read the rest"
            )
        return True

    def _has_nothing_left(self) -> bool:
        is_idle = self._busy is None and self._ready is None and not self._gathering.following
        return is_idle and not self._reader.unplaced() and self._reader.is_lasting() and self._reader.is_caught_up()

    def _finish(self) -> None:
        """End the batch in hand; what was only gathered is read again next time."""
        while self._busy is not None:
            self._wait_for_worker()
            self._collect()
        with suppress(StoreBusyError):  # what was delivered last is then delivered again
            self._worker.submit(self._keeper.finish).result()
        self._summary.announced = self._announcer.delivered
        self._summary.seconds = time.monotonic() - self._began
        self._say_progress(is_last=True)
