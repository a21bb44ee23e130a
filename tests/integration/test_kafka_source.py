"""The Kafka source against Apache Kafka itself: the same events by topic and by file give the same tables."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from kafka import KafkaAdminClient, TopicPartition

from pipeline.errors import SourceError
from pipeline.events.decoder import Decoder
from pipeline.sources.jsonl import JsonLinesSource
from pipeline.sources.kafka import KafkaSource
from tests.publishers import write_records

pytestmark = pytest.mark.integration

PARTITIONS = 3
INCIDENTS = [
    {
        "specversion": "1.0",
        "type": "harmspot.incident.recorded.v1",
        "source": "urn:test",
        "id": f"e{number}",
        "data": {
            "incident_id": f"i{number % 40}",
            "version": number // 40,
            "status": "recorded",
            "occurred_at": f"2026-01-{1 + number % 28:02}T08:00:00Z",
            "offence_code": "robbery" if number % 7 else "unheard_of",
            "discovery": "public",
            "location": {"lon": 1 + number / 100, "lat": 2.0},
            "involvements": [{"person_id": f"P-{number % 9}", "role": "suspect"}],
        },
    }
    for number in range(100)
]
PERSONS = [
    {
        "specversion": "1.0",
        "type": "harmspot.person.updated.v1",
        "source": "urn:test",
        "id": f"p{number}",
        "data": {"person_id": f"P-{number}", "version": 1, "birth_year": 1980 + number},
    }
    for number in range(9)
]


@pytest.fixture
def topics(kafka_broker, topic_prefix):
    """Two topics of three partitions with the events above, and a malformed record among them."""
    names = {kind: topic_prefix + kind for kind in ("incidents", "persons")}
    make_topics(kafka_broker, names.values())
    records = [(names["incidents"], event["data"]["incident_id"], encode(event)) for event in INCIDENTS]
    records += [(names["persons"], event["data"]["person_id"], encode(event)) for event in PERSONS]
    assert write_records(kafka_broker, [*records, (names["persons"], "P-x", b"{broken")]) == len(records) + 1
    return list(names.values())


def make_topics(address, names):
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics({name: {"num_partitions": PARTITIONS, "replication_factor": 1} for name in names})
    admin.close()


def encode(event):
    return json.dumps(event).encode()


def decode(records):
    decoder = Decoder(
        frozenset({"robbery"}), lambda raw: f"p_{raw}", datetime(2026, 11, 23, tzinfo=UTC), timedelta(0), None
    )
    return decoder.decode(records)


def contents(decoded):
    """Every table as sorted rows without the position, which alone may differ between topic and file."""
    tables = {**decoded.tables, "identity": decoded.identity, "dead": decoded.dead_letters}
    return {name: sorted(map(repr, without_position(table).to_pylist())) for name, table in tables.items()}


def without_position(table: pa.Table) -> pa.Table:
    return table.drop_columns([c for c in ("source_partition", "source_offset", "topic") if c in table.column_names])


def test_topic_and_file_give_the_same_tables(kafka_broker, topics, tmp_path):
    (tmp_path / "incidents.jsonl").write_bytes(b"\n".join(map(encode, INCIDENTS)))
    (tmp_path / "persons.jsonl").write_bytes(b"\n".join([*map(encode, PERSONS), b"{broken"]))
    by_topic = [r for batch in KafkaSource(kafka_broker, topics).batches({}, 1000) for r in batch.records]
    by_file = [r for batch in JsonLinesSource(tmp_path).batches({}, 1000) for r in batch.records]
    assert len({record.partition for record in by_topic}) == PARTITIONS
    assert contents(decode(by_topic)) == contents(decode(by_file))
    assert decode(by_topic).tables["incident"].num_rows == sum(number % 7 > 0 for number in range(100))


@pytest.mark.parametrize("size", [7, 50])
def test_reading_in_parts_yields_every_record_once_and_in_order(kafka_broker, topics, size):
    """A reader that starts anew from the stored offsets after every single batch misses and doubles nothing."""
    stored, seen = {}, []
    while (batch := next(KafkaSource(kafka_broker, topics).batches(stored, size), None)) is not None:
        assert 0 < len(batch.records) <= size
        seen += batch.records
        stored |= batch.next_offsets
    assert sorted(record.value for record in seen) == [*sorted(map(encode, INCIDENTS + PERSONS)), b"{broken"]
    for place in stored:
        offsets = [record.offset for record in seen if (record.topic, record.partition) == place]
        assert offsets == list(range(stored[place]))


def test_one_reading_ends_where_the_topics_ended_when_it_began(kafka_broker, topics):
    source = KafkaSource(kafka_broker, topics)
    batches = source.batches({}, 10)
    first = next(batches)
    write_records(kafka_broker, [(topics[1], "P-new", encode(PERSONS[0]))])
    rest = list(batches)
    assert len(first.records) + sum(len(batch.records) for batch in rest) == 110
    stored = {place: offset for batch in [first, *rest] for place, offset in batch.next_offsets.items()}
    (late,) = source.batches(stored, 10)
    assert [record.value for record in late.records] == [encode(PERSONS[0])]
    assert list(source.batches(stored | late.next_offsets, 10)) == []


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_what_the_broker_compressed_is_read(kafka_broker, topic_prefix, codec):
    topic = topic_prefix + codec
    with closing(KafkaAdminClient(bootstrap_servers=kafka_broker)) as admin:
        admin.create_topics({topic: {"num_partitions": 1, "configs": {"compression.type": codec}}})
    values = [encode(event) for event in INCIDENTS]
    write_records(kafka_broker, [(topic, "one", value) for value in values])
    read = [record.value for batch in KafkaSource(kafka_broker, [topic]).batches({}, 30) for record in batch.records]
    assert read == values


def test_a_tombstone_is_a_record(kafka_broker, topics):
    stored = {
        place: offset
        for b in KafkaSource(kafka_broker, topics).batches({}, 500)
        for place, offset in b.next_offsets.items()
    }
    write_records(kafka_broker, [(topics[1], "P-1", None)])
    (batch,) = KafkaSource(kafka_broker, topics).batches(stored, 10)
    assert decode(batch.records).dead_letters["reason"].to_pylist() == ["empty_record"]


def test_a_missing_topic_is_named(kafka_broker, topics, topic_prefix):
    with pytest.raises(SourceError, match=f"has no topic {topic_prefix}absent; create it"):
        next(KafkaSource(kafka_broker, [*topics, f"{topic_prefix}absent"]).batches({}, 10))
    with pytest.raises(SourceError, match="were not delivered"):
        write_records(kafka_broker, [(f"{topic_prefix}absent", "k", b"v")], timeout_s=2)


def test_an_offset_the_topic_never_had_is_refused(kafka_broker, topics):
    words = r"incidents\[0\] holds offsets 0 to \d+, but the store stopped at 5000.*--forget-offset '.*incidents\[0\]'"
    with pytest.raises(SourceError, match=words):
        next(KafkaSource(kafka_broker, topics).batches({(topics[0], 0): 5000}, 10))


def test_records_lost_to_retention_are_not_passed_over_in_silence(kafka_broker, topics):
    source = KafkaSource(kafka_broker, topics)
    ends = {place: offset for batch in source.batches({}, 500) for place, offset in batch.next_offsets.items()}
    place = min(ends)
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.delete_records({TopicPartition(*place): ends[place]})
    admin.close()
    with pytest.raises(SourceError, match=rf"\[0\] holds offsets {ends[place]} to {ends[place]}, but .* deleted"):
        next(source.batches({place: 0}, 10))
    records = [record for batch in source.batches({}, 500) for record in batch.records]
    assert len(records) == 110 - ends[place]
