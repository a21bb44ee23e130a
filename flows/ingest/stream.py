"""`harmspot stream`: ingest topics into the store in micro-batches until stopped; several processes may run at once.

Entry point: `stream(home, StreamLimits(...), step=direct, until=Event())`.

One thread polls and decodes; its steady polling keeps its membership in the consumer group. One worker opens the
store, stores a micro-batch's rows, offsets and change messages in one transaction, closes it, and delivers the
messages. Polling and decoding are Python code and share a thread, because the GIL would serialise two; storing is
DuckDB and runs in parallel. While the worker is busy, the next micro-batch is decoded and the one after it is buffered
up to its bounds; then the partitions are paused. The store alone determines the next offsets: a batch that does not
begin at the stored offsets is dropped and read again, so neither a rebalance nor a process wrongly presumed dead can
lose an event or store it twice.

`step(stage, *arguments)` calls every stage of a batch, as in the daily run, so that a test can stop the process before,
within or after each. `STAGES` lists the stages in order.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event

from flows.home import log
from flows.home.home import Home
from flows.home.stage import Call, direct
from flows.home.store_access import refuse_clock_ahead
from flows.ingest.change_publisher import ANSWER_S, ChangePublisher
from flows.ingest.ingest import new_decoder
from flows.ingest.live import CHANGES, Live, latest_run, start_live, write_live
from pipeline.database import WRITE_ERRORS, DatabaseError, explain_duckdb_error, explained
from pipeline.errors import HarmspotError, StaleOffsetsError, StoreBusyError, StoreError
from pipeline.events.batch import BatchCounts, DecodedBatch, Record, TopicPartition
from pipeline.events.columns import TOPICS
from pipeline.messages.outbox import OutboxMessage
from pipeline.shared_store.opening import Session, open_session
from pipeline.sources.kafka import KafkaPublisher
from pipeline.sources.kafka_group import GroupReader
from pipeline.store.interface import Store

_POLL_S = 0.05
_GLANCE_S = 0.001
_POLL_RECORDS = 5_000
_FILL_S = 1.0  # longest time to fill a batch while at least another full batch is waiting
_IDLE_S = 1.0  # longest time that offsets which advanced without a record wait
_WATCH_S = 1.0
_UPKEEP_S = 5.0  # interval of checks for a new run while no records arrive


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """When to end: after `max_seconds`, or once nothing is left to read; with neither, only when told to."""

    max_seconds: float | None = None
    until_caught_up: bool = False


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Decoded records of each partition, from `first_offsets` (as the store has them) to `next_offsets`."""

    decoded: DecodedBatch
    is_behind: bool  # whether at least another full batch was waiting
    first_offsets: dict[TopicPartition, int | None]
    next_offsets: dict[TopicPartition, int]


@dataclass
class StreamSummary:
    """Counts of a stream from its start to its end."""

    counts: BatchCounts = field(default_factory=BatchCounts)
    batches: int = 0
    read_again: int = 0
    announced: int = 0
    seconds: float = 0.0


class StreamWatch:
    """Is told what a stream does; this one does nothing with it."""

    def polled(self, reader: GroupReader) -> None:
        """Hear that the reader was polled, about once a second."""

    def kept(self, seconds: float) -> None:
        """Hear how long a batch took in the store worker."""

    def is_due(self) -> bool:
        """Return whether the store should be opened for `opened`, though there is nothing to store."""
        return False

    def opened(self, store: Store) -> None:
        """Read of the store while it is open."""


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
        """Clear the buffer; set the offsets at which the store stands in each partition (None: none stored yet)."""
        self.held = held
        self.records, self.following, self.size = [], {}, 0

    def add(self, records: Sequence[Record], following: dict[TopicPartition, int], now: float) -> None:
        """Append records and the offsets after them; `now` is the monotonic clock in seconds."""
        if not self.following or (records and not self.records):
            self.began = now
        self.records += records
        self.following |= following
        self.size += sum(len(record.value or b"") for record in records)

    @property
    def is_full(self) -> bool:
        """Whether a bound on rows or bytes is reached."""
        return len(self.records) >= self.max_rows or self.size >= self.max_bytes

    @property
    def room(self) -> int:
        """The number of rows that still fit."""
        return self.max_rows - len(self.records)

    def is_due(self, now: float, linger_s: float | None = None) -> bool:
        """Return whether to process the buffer: it is full, or its first record is at least `linger_s` old.

        Offsets that advanced without a record, as after a transaction marker, may wait for a record.
        """
        linger_s = max(self.linger_s, linger_s or 0.0, 0.0 if self.records else _IDLE_S)
        return bool(self.following) and (self.is_full or now - self.began >= linger_s)

    def take(self, decoded: DecodedBatch, is_behind: bool) -> StreamBatch:
        """Return the buffered records, decoded, as a batch; continue from its end."""
        first_offsets = {partition: self.held.get(partition) for partition in self.following}
        batch = StreamBatch(decoded, is_behind or self.is_full, first_offsets, self.following)
        self.begin({**self.held, **self.following})
        return batch


class StoreWorker:
    """The worker thread's tasks: everything that accesses the store or sends a message."""

    def __init__(
        self,
        home: Home,
        session: Session,
        source: str,
        announcer: ChangePublisher,
        step: Call,
        watch: StreamWatch | None = None,
    ) -> None:
        self._home = home
        self._watch = watch or StreamWatch()
        self._session = session
        self._source = source
        self._announcer = announcer
        self._step = step
        self._live: Live | None = None
        self._published_at: int | None = None  # mtime of the publication behind the live figures, ns

    def offsets(self, topic_ids: dict[str, str]) -> dict[TopicPartition, int]:
        """Record the topic ids and return the stored offsets."""
        self._announcer.expect()  # a previous owner of the partitions may have died with messages undelivered
        with self._session.opened() as store:
            refuse_clock_ahead(self._home, store)
            store.know_topics(topic_ids)
            return store.offsets()

    def idle(self) -> None:
        """Do work that no batch should wait for: switch to a new run, and deliver queued messages."""
        if self._home.settings.stream.live:
            self._step(follow_run, self)
        if self._announcer.is_due():
            with self._session.opened() as store:
                waiting = self._announcer.take(store)
                self._watch.opened(store)
            self._step(deliver_changes, self._announcer, waiting)
        elif self._watch.is_due():  # figures alone: whoever holds the store ends no stream
            with suppress(StoreBusyError), self._session.opened() as store:
                self._watch.opened(store)

    def keep(self, batch: StreamBatch) -> BatchCounts:
        """Run every stage of a batch and return the counts of its rows by outcome."""
        is_live = self._home.settings.stream.live and not batch.is_behind
        if is_live:
            self._step(follow_run, self)
        try:
            with self._session.opened() as store:
                counts = self._step(keep_records, self, store, batch, is_live)
                waiting = self._announcer.take(store)
                self._watch.opened(store)
                # Written while the store is locked, so that older figures never overwrite newer ones.
                if is_live and self._live is not None and self._live.table is not None:
                    with self._figures():
                        self._step(write_live, self._home, self._live)
        except BaseException:
            self.forget_figures()  # they may include events that were not stored
            raise
        self._step(deliver_changes, self._announcer, waiting)
        return counts

    def commit(self, store: Store, batch: StreamBatch, is_live: bool) -> BatchCounts:
        """Store a batch in one transaction; raise StoreError if the store cannot be written."""
        try:
            return store.commit(
                batch.decoded,
                source=self._source,
                ingested_at=self._home.now(),
                first_offsets=batch.first_offsets,
                next_offsets=batch.next_offsets,
                tell=self.tell if is_live and self._live is not None else None,
            )
        except WRITE_ERRORS as error:
            raise explain_duckdb_error(error) or StoreError(
                f"{self._home.store} cannot be written: {str(error).splitlines()[0]}"
            ) from None

    def follow_run(self) -> None:
        """Switch to the latest run; a new publication, or a failure, restarts the live figures."""
        path = self._home.published
        written = path.stat().st_mtime_ns if path.exists() else None
        if self._live is not None and self._live.is_over(self._home.now()):
            self._home.warn(f"live figures stop until the next run: run {self._live.run_id} has expired")
            self.forget_figures()
        elif written == self._published_at:
            return
        # Human decisions rewrite the publication, too; the figures of the same run continue.
        with self._figures():
            if self._live is None or self._live.run_id != latest_run(self._home):
                self.forget_figures()
                self._live = start_live(self._home)
        self._published_at = written

    def tell(self, store: Store) -> list[OutboxMessage]:
        """Return messages about the changes, for the outbox."""
        assert self._live is not None
        with self._figures():
            return self._live.tell(store)
        return []

    @contextmanager
    def _figures(self) -> Iterator[None]:
        """Disable live figures on error so that event storage continues."""
        try:
            yield
        except (HarmspotError, ValueError, OSError, DatabaseError) as error:
            self._home.warn(f"live figures stop until the next run: {log.said(explained(error))}")
            published_at = self._published_at
            self.forget_figures()
            self._published_at = published_at

    def forget_figures(self) -> None:
        """Discard the live figures and free their memory."""
        if self._live is not None:
            self._live.close()
        self._live = self._published_at = None

    def finish(self) -> None:
        """Discard the live figures and mark the last delivered messages."""
        self.forget_figures()
        if self._announcer.sent:
            with self._session.opened() as store:
                self._announcer.note(store)


def decode_records(home: Home, records: list[Record]) -> DecodedBatch:
    """Decode records with today's codebook and clock."""
    return new_decoder(home).decode(records)


def follow_run(store_worker: StoreWorker) -> None:
    """Switch the live figures to the latest run if it has changed."""
    store_worker.follow_run()


def keep_records(store_worker: StoreWorker, store: Store, batch: StreamBatch, is_live: bool) -> BatchCounts:
    """Store rows, offsets and change messages in one transaction."""
    return store_worker.commit(store, batch, is_live)


def deliver_changes(announcer: ChangePublisher, waiting: list[OutboxMessage]) -> None:
    """Deliver the queued change messages."""
    announcer.deliver(waiting)


def acknowledge_offsets(reader: GroupReader, batch: StreamBatch) -> None:
    """Commit the batch's next offsets to the broker."""
    reader.acknowledge(batch.next_offsets)


STAGES = (decode_records, follow_run, keep_records, write_live, deliver_changes, acknowledge_offsets)


def stream(
    home: Home,
    limits: StreamLimits = StreamLimits(),
    step: Call = direct,
    until: Event | None = None,
    watch: StreamWatch | None = None,
) -> StreamSummary:
    """Consume the topics into the home's store until told to stop (`until`) or a limit is reached.

    Raises
    ------
    SourceError
        Topics are missing, or records were deleted before they were read.
    BrokerError
        The broker is permanently gone.
    StoreBusyError
        Another process holds the store for longer than `store.wait_s`. Nothing is lost: run again.
    """
    home.refuse_other_force()
    kafka, settings, until = home.settings.kafka, home.settings.stream, until or Event()
    watch = watch or StreamWatch()
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
        open_session(
            home.store, home.key, wait_s=home.settings.store.wait_s, progress=home.progress, until=until
        ) as session,
        ThreadPoolExecutor(1, thread_name_prefix="store-worker") as worker,
    ):
        if settings.live:
            publisher.require(CHANGES)
        announcer = ChangePublisher(home, publisher)
        store_worker = StoreWorker(home, session, reader.name, announcer, step, watch)
        loop = _Loop(home, reader, store_worker, announcer, worker, step, limits, until, watch)
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
        watch: StreamWatch,
    ) -> None:
        settings = home.settings.stream
        self._home, self._reader, self._store_worker, self._worker = home, reader, store_worker, worker
        self._announcer, self._watch, self._watched_at = announcer, watch, float("-inf")
        self._step, self._limits, self._until = step, limits, until
        self._buffer = BatchBuffer(settings.max_rows, settings.max_bytes, settings.linger_ms / 1000)
        self._progress_s, self._session_s = settings.progress_s, settings.session_timeout_s
        self._ready: StreamBatch | None = None  # decoded, waiting for the worker
        self._busy: Future | None = None
        self._batch: StreamBatch | None = None  # with the worker
        self._seek_generation: int | None = None  # group generation whose offsets the worker is reading
        self._generation = 0
        self._summary = StreamSummary()
        self._began = self._reported = self._began_batch = time.monotonic()
        self._reported_rows = 0
        self._last_upkeep: float | None = None

    def run(self) -> StreamSummary:
        while not self._is_over():
            self._collect()
            self._follow_assignment()
            self._start()
            self._poll()
            self._decode()
            self._tell_watch()
            self._report_progress()
        self._finish()
        return self._summary

    def _tell_watch(self) -> None:
        if time.monotonic() - self._watched_at >= _WATCH_S:
            self._watched_at = time.monotonic()
            self._watch.polled(self._reader)

    def _poll(self) -> None:
        if self._buffer.is_full:
            self._wait_for_worker()
            return
        self._reader.release()
        records, following = self._reader.poll(_POLL_S, min(_POLL_RECORDS, self._buffer.room))
        if following and self._reader.generation == self._generation:
            self._buffer.add(records, following, time.monotonic())

    def _wait_for_worker(self) -> None:
        """Wait briefly for the worker; polling while the partitions are paused keeps the group membership."""
        self._reader.hold()
        self._reader.poll(_GLANCE_S, 1)
        if self._busy is not None:
            wait([self._busy], _POLL_S)

    def _decode(self) -> None:
        """Decode the buffer if due: a full one also while the worker is busy, a partial one only when it is free."""
        buffer, now = self._buffer, time.monotonic()
        may_decode = buffer.is_full or self._busy is None
        if self._ready is not None or not may_decode or not buffer.is_due(now):
            return
        is_behind = self._reader.lag() >= buffer.max_rows
        if not is_behind or buffer.is_due(now, _FILL_S):
            self._ready = buffer.take(self._step(decode_records, self._home, buffer.records), is_behind)

    def _follow_assignment(self) -> None:
        """After a rebalance, clear the buffer, read the stored offsets and seek to them."""
        generation = self._reader.generation
        if generation != self._generation:
            self._generation = generation
            self._drop_buffered()
        if self._busy is not None:
            return
        if self._reader.unplaced():
            self._seek_generation = generation
            self._busy = self._worker.submit(self._store_worker.offsets, self._reader.topic_ids())
        elif self._needs_upkeep():
            self._busy = self._worker.submit(self._store_worker.idle)

    def _needs_upkeep(self) -> bool:
        """Return whether upkeep may be due and no batch would have to wait for it."""
        if self._ready is not None or self._buffer.records or not self._reader.placed():
            return False
        is_check_due = self._last_upkeep is None or time.monotonic() - self._last_upkeep >= _UPKEEP_S
        return is_check_due or self._announcer.is_due()

    def _drop_buffered(self) -> None:
        """Drop the records not yet given to the worker; they are read again from the stored offsets."""
        self._ready = None
        self._buffer.begin({})

    def _start(self) -> None:
        if self._busy is None and self._ready is not None:
            self._batch, self._ready = self._ready, None
            self._began_batch = time.monotonic()
            self._busy = self._worker.submit(self._store_worker.keep, self._batch)

    def _collect(self) -> None:
        """Process the result of the worker's finished task, if any."""
        if self._busy is None or not self._busy.done():
            return
        future, batch, seek_generation = self._busy, self._batch, self._seek_generation
        self._busy = self._batch = self._seek_generation = None
        try:
            result = future.result()
        except StaleOffsetsError as error:
            self._home.progress(str(error))
            self._summary.read_again += 1
            self._drop_buffered()
            self._reader.displace()
            return
        except StoreBusyError:
            if not self._until.is_set():
                raise
            return  # stopping does not wait for the store lock; the batch is read again next time
        if seek_generation is not None:
            self._seek(result, seek_generation)
        elif batch is not None:
            self._count(batch, result)
        else:
            self._last_upkeep = time.monotonic()

    def _seek(self, offsets: dict[TopicPartition, int], generation: int) -> None:
        partitions = self._reader.place(offsets, generation)
        if partitions:
            self._buffer.begin({partition: offsets.get(partition) for partition in partitions})
            self._home.remember()  # broker, group and store have all answered
            group = self._home.consumer_group
            self._home.progress(
                f"{self._reader.name}: reading {len(partitions)} partitions in group {group} from the stored offsets"
            )

    def _count(self, batch: StreamBatch, counts: BatchCounts) -> None:
        self._summary.counts += counts
        self._summary.batches += counts.rows_in > 0
        self._watch.kept(time.monotonic() - self._began_batch)
        self._step(acknowledge_offsets, self._reader, batch)

    def _report_progress(self, is_last: bool = False) -> None:
        now, rows, silent_s = time.monotonic(), self._summary.counts.rows_in, self._reader.silent_s()
        is_silent = silent_s > max(self._progress_s, self._session_s)
        if not is_last and (now - self._reported < self._progress_s or (rows == self._reported_rows and not is_silent)):
            return
        status = f"no word from the broker for {silent_s:,.0f} s" if is_silent else f"{self._reader.lag():,} behind"
        rate = (rows - self._reported_rows) / max(now - self._reported, 1e-9)
        counts = self._summary.counts
        self._home.progress(
            f"{self._reader.name}: {rows:,} rows, {counts.stored:,} stored, {counts.duplicates:,} repeats, "
            f"{counts.dead:,} dead; {rate:,.0f} rows/s, {status}"
        )
        self._reported, self._reported_rows = now, rows

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
        is_idle = self._busy is None and self._ready is None and not self._buffer.following
        return is_idle and not self._reader.unplaced() and self._reader.is_lasting() and self._reader.is_caught_up()

    def _finish(self) -> None:
        """Finish the worker's current batch; buffered records are read again next time."""
        while self._busy is not None:
            self._wait_for_worker()
            self._collect()
        with suppress(StoreBusyError, StaleOffsetsError):  # the last delivered messages are then delivered again
            self._worker.submit(self._store_worker.finish).result()
        self._summary.announced = self._announcer.delivered
        self._summary.seconds = time.monotonic() - self._began
        self._watch.polled(self._reader)
        self._report_progress(is_last=True)
