"""A town's events by topic and by file: the same store, ingest time, offset and batch aside, and resumed where left."""

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import duckdb
import pytest
from kafka import KafkaAdminClient

from flows.health.doctor import examine
from flows.home.home import Home
from flows.ingest.ingest import ingest_named, load_file
from flows.simulation.town import TownFiles
from pipeline.database import attach, connect
from pipeline.events.columns import SCHEMAS, TOPICS
from tests.publishers import write_records

pytestmark = pytest.mark.integration

POSITION = {"source_partition", "source_offset"}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMSPOT__INGEST__BATCH_SIZE", "5000")


def send(address: str, prefix: str, town: TownFiles) -> int:
    """Send every line of the town's files; the key only has to keep an entity's versions together."""
    records = [
        (prefix + topic, str(crc32(line) % 1000), line)
        for topic in TOPICS
        for line in (town.events / f"{topic}.jsonl").read_bytes().splitlines()
    ]
    return write_records(address, records)


def quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def contents(connection: duckdb.DuckDBPyConnection, store: str) -> dict[str, list[tuple[object, ...]]]:
    columns = {entity: [f.name for f in schema if f.name not in POSITION] for entity, schema in SCHEMAS.items()}
    queries = {
        **{f"{entity}_version": [*names, "content_hash"] for entity, names in columns.items()},
        "identity": ["person_id", "raw_person_id"],
        "dead_letter": ["reason", "mapping", "payload"],
    }
    return {
        table: connection.execute(f'SELECT {quoted(names)} FROM "{store}".{table} ORDER BY ALL').fetchall()
        for table, names in queries.items()
    }


def test_topics_and_files_give_the_same_store(
    kafka_home: Home,
    new_home: Callable[..., Home],
    town: TownFiles,
    kafka_broker: str,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    by_file = new_home(tmp_path / "by file")
    loaded = load_file(by_file, town.events, None)
    assert send(kafka_broker, topic_prefix, town) == town.event_count

    ingested = ingest_named(kafka_home, "kafka")
    assert (ingested.rows_in, ingested.stored, ingested.dead) == (loaded.rows_in, loaded.stored, loaded.dead)
    assert ingest_named(kafka_home, "kafka").rows_in == 0  # resumed at the end

    connection = connect(tmp_path / "spill")
    for name, home in (("topic", kafka_home), ("file", by_file)):
        attach(connection, home.store, home.key.encryption, alias=name, read_only=True)
    by_topic_contents, by_file_contents = contents(connection, "topic"), contents(connection, "file")
    connection.close()
    assert len(by_file_contents["incident_version"]) > 10_000
    assert by_topic_contents == by_file_contents


def test_the_doctor_shows_how_far_behind_each_partition_is(
    kafka_home: Home, partitions: int, kafka_broker: str, topic_prefix: str
) -> None:
    write_records(kafka_broker, [(f"{topic_prefix}persons", "one", b"{")])
    ingest_named(kafka_home, "kafka")
    write_records(kafka_broker, [(f"{topic_prefix}persons", "one", b"{"), (f"{topic_prefix}persons", "one", b"[")])
    found = examine(kafka_home).set_index("check")
    lags = found[found.index.str.startswith("lag: ")]["value"]
    assert (len(lags), lags.sum(), (lags > 0).sum()) == (partitions * len(TOPICS), 2, 1)
    assert "2 behind, read to 1 of 3" in found.loc[lags.idxmax(), "detail"]
    assert found.loc[f"topic: {topic_prefix}changes", "state"] == "ok"


def test_the_doctor_says_where_there_is_no_topic_for_announcements(
    kafka_home: Home, kafka_broker: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__INGEST__SOURCES", "[kafka]")
    changes, admin = f"{topic_prefix}changes", KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.delete_topics([changes])
    admin.close()
    found = examine(kafka_home).set_index("check").loc[f"topic: {changes}"]
    assert found["state"] == "warning"
    assert f"has no topic {changes}; create it" in found["detail"]
