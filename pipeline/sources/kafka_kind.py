"""Kafka as a source that `ingest.sources` can name: its topics, and how far the store is behind them."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.events.batch import TopicPartition
from pipeline.events.columns import TOPICS
from pipeline.sources.kafka import Bounds, KafkaSource, read_bounds
from pipeline.sources.registry import Finding, SourceKind, recreated_topic

CHECK_TIMEOUT_S = 3.0


class KafkaTopics(KafkaSource):
    """The topics of all kinds of event on the brokers of section `kafka` of the settings."""

    def __init__(self, kafka: Any) -> None:
        super().__init__(kafka.bootstrap_servers, [kafka.topic_prefix + topic for topic in TOPICS], kafka.security)

    def check(self, offsets: Mapping[TopicPartition, int], topic_ids: Mapping[str, str]) -> Iterator[Finding]:
        """Yield whether a broker answers, which topics were recreated, and the lag of each partition."""
        bounds = read_bounds(self._bootstrap_servers, self.topics, self._security, timeout_s=CHECK_TIMEOUT_S)
        yield Finding("kafka", "ok", f"{self._bootstrap_servers} answers; {len(bounds)} partitions")
        for topic, topic_id in sorted({(topic, found.topic_id or "") for (topic, _), found in bounds.items()}):
            if topic_id and topic_ids.get(topic, topic_id) != topic_id:
                yield Finding(f"topic: {topic}", "fault", str(recreated_topic(topic)))
        for place, found in sorted(bounds.items()):
            yield _lag(place, found, offsets.get(place))


def _lag(place: TopicPartition, bounds: Bounds, stored: int | None) -> Finding:
    following = bounds.first if stored is None else stored
    name, lag = f"lag: {place[0]}[{place[1]}]", bounds.end - following
    if stored is None and lag:
        return Finding(name, "warning", f"{lag:,} behind, not taken yet: nothing of the partition was ever read", lag)
    if not bounds.first <= following <= bounds.end:
        held = f"the topic holds {bounds.first:,} to {bounds.end:,}"
        return Finding(name, "fault", f"the store stopped at {following:,}, but {held}: see docs/operating.md", lag)
    return Finding(name, "warning" if lag else "ok", f"{lag:,} behind, read to {following:,} of {bounds.end:,}", lag)


KIND = SourceKind(open=KafkaTopics)
