"""Figures of a stream for Prometheus: lag by topic, seconds of batches and of their stages, silence of the broker."""

from collections.abc import Callable
from contextlib import suppress

from prometheus_client import CollectorRegistry, Gauge, Histogram

from flows.health.home_metrics import HomeMetrics
from flows.home.home import Home
from flows.home.stage import P, R
from flows.ingest.stream import StreamWatch
from pipeline.database import DatabaseError
from pipeline.errors import HarmspotError
from pipeline.sources.kafka_group import GroupReader
from pipeline.store.interface import Store

BUCKETS_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class StreamMetrics(StreamWatch):
    """Measures a stream; `step` calls its stages and measures each."""

    def __init__(self, home: Home, registry: CollectorRegistry) -> None:
        self._home = home
        self._of_home = HomeMetrics(home, is_reading=False)
        registry.register(self._of_home)
        self._lag = Gauge(
            "harmspot_lag_records", "Records of the process's partitions not yet read", ["topic"], registry=registry
        )
        self._partitions = Gauge("harmspot_partitions", "Partitions that the process reads", registry=registry)
        self._silent = Gauge("harmspot_broker_silent_seconds", "Time since a broker last answered", registry=registry)
        self._batch = Histogram(
            "harmspot_batch_seconds", "A batch in the store worker", registry=registry, buckets=BUCKETS_S
        )
        self._stage = Histogram(
            "harmspot_batch_stage_seconds", "A stage of a batch", ["stage"], registry=registry, buckets=BUCKETS_S
        )
        self._problem: str | None = "no partition was assigned yet"

    def step(self, stage: Callable[P, R], /, *arguments: P.args, **options: P.kwargs) -> R:
        """Call a stage and measure it."""
        with self._stage.labels(stage.__name__).time():
            return stage(*arguments, **options)

    def polled(self, reader: GroupReader) -> None:
        """Take lag and silence from the reader."""
        for topic, records in reader.lag_by_topic().items():
            self._lag.labels(topic).set(records)
        partitions, silent_s = len(reader.placed()), reader.silent_s()
        self._partitions.set(partitions)
        self._silent.set(silent_s)
        limit_s = 2 * self._home.settings.stream.session_timeout_s
        self._problem = (
            f"no word from the broker for {silent_s:.0f} s"
            if silent_s > limit_s
            else None
            if partitions or reader.is_lasting()
            else "no partition was assigned yet"
        )

    def kept(self, seconds: float) -> None:
        """Take the time that a batch took."""
        self._batch.observe(seconds)

    def is_due(self) -> bool:
        """Whether the figures of the store are old."""
        return self._of_home.is_due

    def opened(self, store: Store) -> None:
        """Take the figures of the open store; what cannot be read ends no stream."""
        with suppress(HarmspotError, DatabaseError, OSError):
            self._of_home.take(store)

    def problem(self) -> str | None:
        """Return why the stream is not reading, None if it is."""
        return self._problem
