"""Sources of files: every record once, in order, from where the last reading stopped; and Kafka's settings."""

import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import SourceError
from pipeline.events.batch import Record
from pipeline.sources.jsonl import JsonLinesSource
from pipeline.sources.kafka import KafkaSource, masked
from pipeline.sources.parquet import ParquetSource
from tests.publishers import write_records


def read(source, size=2, start=None):
    """Return all records and the offsets after the last, checking that batches stay within their size."""
    records, following = [], dict(start or {})
    for batch in source.batches(start or {}, size):
        assert 0 < len(batch.records) <= size
        records += batch.records
        following |= batch.next_offsets
    return records, following


def test_lines_are_records_numbered_from_nought_and_blank_ones_are_passed_over(tmp_path):
    (tmp_path / "incidents.jsonl").write_bytes(b"\xef\xbb\xbf{1}\n\n  \r\n{2}\r\n{3}")
    records, following = read(JsonLinesSource(tmp_path / "incidents.jsonl"))
    assert records == [Record("incidents", 0, line, value) for line, value in [(0, b"{1}"), (3, b"{2}"), (4, b"{3}")]]
    assert following == {("incidents", 0): 5}


def test_a_folder_is_read_in_the_order_of_names_gzip_too(tmp_path):
    (tmp_path / "persons.jsonl").write_bytes(b"p0\n")
    (tmp_path / "incidents.jsonl.gz").write_bytes(gzip.compress(b"i0\ni1\n"))
    (tmp_path / "notes.txt").write_bytes(b"not an event\n")
    records, following = read(JsonLinesSource(tmp_path))
    assert [(record.topic, record.value) for record in records] == [
        ("incidents", b"i0"),
        ("incidents", b"i1"),
        ("persons", b"p0"),
    ]
    assert following == {("incidents", 0): 2, ("persons", 0): 1}


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_reading_goes_on_where_it_stopped(tmp_path, size):
    path = tmp_path / "incidents.jsonl"
    path.write_bytes(b"".join(b"%d\n" % line for line in range(7)))
    source = JsonLinesSource(path)
    first = next(source.batches({}, size))
    rest, following = read(source, size, first.next_offsets)
    assert [int(record.value) for record in [*first.records, *rest]] == list(range(7))
    with path.open("ab") as file:
        file.write(b"7\n")
    more, _ = read(source, size, following)
    assert [record.value for record in more] == [b"7"]


def test_what_cannot_be_read_as_lines_says_why(tmp_path):
    with pytest.raises(SourceError, match="no such file or folder"):
        JsonLinesSource(tmp_path / "absent")
    with pytest.raises(SourceError, match=r"no event files.*\.jsonl"):
        JsonLinesSource(tmp_path)
    (tmp_path / "incidents.jsonl.gz").write_bytes(gzip.compress(b"x\n" * 1000)[:-9])
    with pytest.raises(SourceError, match=r"incidents.jsonl.gz, after line \d+: cannot be read .* load it again"):
        read(JsonLinesSource(tmp_path), 10_000)
    (tmp_path / "incidents.jsonl").write_bytes(b"x\n")
    with pytest.raises(SourceError, match="would both be topic 'incidents'"):
        JsonLinesSource(tmp_path)
    with pytest.raises(SourceError, match="has 1 lines, but 5 were read before"):
        read(JsonLinesSource(tmp_path / "incidents.jsonl"), start={("incidents", 0): 5})


@pytest.mark.parametrize("damage", [lambda whole: whole[:-500], lambda whole: whole[:-500] + b"?" * 500])
def test_all_before_the_damage_of_a_file_is_read(tmp_path, damage):
    lines = [hashlib.sha256(b"%d" % line).hexdigest().encode() for line in range(20_000)]
    (tmp_path / "incidents.jsonl.gz").write_bytes(damage(gzip.compress(b"\n".join(lines))))
    seen = []
    with pytest.raises(SourceError, match="the lines before it are loaded") as caught:
        for batch in JsonLinesSource(tmp_path).batches({}, 700):
            seen += [record.value for record in batch.records]
    assert len(seen) > 15_000 and seen[:-1] == lines[: len(seen) - 1]  # the line at the damage may be cut or garbled
    assert f"after line {len(seen)}:" in str(caught.value)


@pytest.mark.parametrize("kind", [pa.binary(), pa.string(), pa.large_string(), pa.large_binary()])
def test_parquet_holds_events_in_value(tmp_path, kind):
    path = tmp_path / "incidents.parquet"
    pq.write_table(pa.table({"value": pa.array(["a", "b", None], kind)}), path)
    records, following = read(ParquetSource(path))
    assert records == [Record("incidents", 0, row, value) for row, value in enumerate([b"a", b"b", None])]
    assert following == {("incidents", 0): 3}
    assert read(ParquetSource(path), start={("incidents", 0): 2})[0] == records[2:]


def test_parquet_may_carry_topic_partition_and_offset(tmp_path):
    path = tmp_path / "dump.parquet"
    table = pa.table({"topic": ["a", "b", "a"], "partition": [1, 0, 1], "offset": [7, 0, 9], "value": ["x", "y", "z"]})
    pq.write_table(table, path)
    records, following = read(ParquetSource(path))
    assert records == [Record("a", 1, 7, b"x"), Record("b", 0, 0, b"y"), Record("a", 1, 9, b"z")]
    assert following == {("a", 1): 10, ("b", 0): 1}
    assert read(ParquetSource(path), start={("a", 1): 8, ("b", 0): 1})[0] == records[2:]
    pq.write_table(table.take([2, 1, 0]), path)
    with pytest.raises(SourceError, match=r"offsets of a\[1\] do not increase"):
        read(ParquetSource(path))


def test_what_cannot_be_read_as_parquet_says_why(tmp_path):
    path = tmp_path / "incidents.parquet"
    with pytest.raises(SourceError, match="no such Parquet file"):
        ParquetSource(path)
    path.write_bytes(b"no parquet")
    with pytest.raises(SourceError, match="cannot be read as a Parquet file"):
        read(ParquetSource(path))
    pq.write_table(pa.table({"offence": ["x"], "lon": [1.0]}), path)
    with pytest.raises(SourceError, match=r"no column `value`.*only offence, lon.*mapping"):
        read(ParquetSource(path))
    pq.write_table(pa.table({"value": [1]}), path)
    with pytest.raises(SourceError, match="cannot be read as a Parquet file"):
        read(ParquetSource(path))
    pq.write_table(pa.table({"value": ["x"]}), path)
    with pytest.raises(SourceError, match=r"ends at offset 1.*but 3 were read before"):
        read(ParquetSource(path), start={("incidents", 0): 3})


def test_kafkas_secrets_are_never_shown():
    security = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_plain_password": "hush"}
    assert masked(security) == {**security, "sasl_plain_password": "***"}
    source = KafkaSource("127.0.0.1:1", ["incidents"], security)
    assert "hush" not in repr(source) + source.name + str(vars(source).keys())
    with pytest.raises(SourceError, match=r"kafka.security has sasl_password; expected") as refused:
        KafkaSource("127.0.0.1:1", ["incidents"], {"sasl_password": "hush"})
    assert "hush" not in str(refused.value)
    with pytest.raises(SourceError, match=r"kafka.security has group_id"):
        KafkaSource("127.0.0.1:1", ["incidents"], {"group_id": "x"})


def test_no_broker_is_said_plainly():
    with pytest.raises(SourceError, match=r"No Kafka broker answers at 127.0.0.1:1 within 0.3 s"):
        read(KafkaSource("127.0.0.1:1", ["incidents"], timeout_s=0.3))
    with pytest.raises(SourceError, match=r"No Kafka broker answers at 127.0.0.1:1 within 0.3 s"):
        write_records("127.0.0.1:1", [("incidents", "k", b"v")], timeout_s=0.3)


def test_names_of_sources_tell_them_apart(tmp_path):
    (tmp_path / "a.jsonl").touch()
    assert JsonLinesSource(tmp_path / "a.jsonl").name == f"jsonl:{Path(tmp_path, 'a.jsonl').resolve()}"
    assert KafkaSource("one:9092,two:9092", ["incidents"]).name == "kafka:one:9092,two:9092"
