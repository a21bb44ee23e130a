"""Ingest events into the store: from named sources, event files, or third-party files through a mapping."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from flows.home.home import Home
from flows.home.store_access import open_home_store
from models.places.axes import codebook_axes
from pipeline.errors import SourceError
from pipeline.events.batch import BatchCounts
from pipeline.events.codebook import read_codebook
from pipeline.events.decoder import Decoder
from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.pseudonyms import Pseudonymiser
from pipeline.sources.jsonl import JsonLinesSource
from pipeline.sources.parquet import ParquetSource
from pipeline.sources.registry import NamedSource, Source, is_source_name, source_kind
from pipeline.typed_sections import build_typed

EVENT_FILE_SUFFIXES = (".jsonl", ".jsonl.gz")


def new_decoder(home: Home) -> Decoder:
    """Return a decoder with today's codebook and the home's pseudonym key."""
    return Decoder(
        offence_codes=offence_codes(home),
        pseudonymise=Pseudonymiser(home.key.pseudonym),
        now=home.now(),
        future_tolerance=timedelta(minutes=home.settings.ingest.future_tolerance_minutes),
        default_zone=None,
    )


def offence_codes(home: Home) -> frozenset[str]:
    """Return the offence codes in force today; the codebook is re-read after its file has changed."""
    path = home.settings.ingest.codebook
    return _codes_in_force(path, path.stat().st_mtime_ns if path.exists() else None, home.today())


@lru_cache(maxsize=1)
def _codes_in_force(codebook: Path, written_ns: int | None, day: date) -> frozenset[str]:
    return frozenset(read_codebook(codebook, day, codebook_axes()).index)


def ingest_sources(home: Home) -> BatchCounts:
    """Read every source named in the settings until caught up, and return the counts of rows by outcome."""
    counts = BatchCounts()
    for name in home.settings.ingest.sources:
        is_named = is_source_name(name)
        counts += ingest_named(home, name) if is_named else load_file(home, Path(name), home.settings.ingest.mapping)
    return counts


def ingest_named(home: Home, name: str) -> BatchCounts:
    """Consume a source of `pipeline.sources.registry.KINDS` from its stored offsets until caught up."""
    source = open_source(home, name)
    return _ingest(home, source, source.topic_ids())


def open_source(home: Home, name: str) -> NamedSource:
    """Return the source of that name, opened with its settings."""
    kind = source_kind(name)
    if kind.settings is None:
        return kind.open(getattr(home.settings, name))
    own = home.settings.sources.get(name)
    return kind.open(build_typed(kind.settings, {}, f"sources.{name}") if own is None else own)


def _ingest(home: Home, source: Source, topic_ids: dict[str, str] | None) -> BatchCounts:
    """Decode and commit a source batch by batch; each batch's rows and offsets are one transaction.

    A named source, which has `topic_ids`, is resumed at its stored offsets. A file is always read whole: two files may
    share a name, and rows read before are duplicates that change nothing.
    """
    decoder, is_resumed = new_decoder(home), topic_ids is not None
    counts = BatchCounts()
    with open_home_store(home) as store:
        store.know_topics(topic_ids or {})
        start = store.offsets() if is_resumed else {}
        for batch in source.batches(start, home.settings.ingest.batch_size):
            counts += store.commit(
                decoder.decode(batch.records),
                source=source.name,
                ingested_at=home.now(),
                next_offsets=batch.next_offsets if is_resumed else {},
            )
            home.progress(f"{source.name}: {counts.rows_in:,} rows, {counts.stored:,} stored, {counts.dead:,} dead")
    return counts


def load_file(home: Home, path: Path, mapping: Path | None) -> BatchCounts:
    """Load event files, or with `mapping` third-party CSV or Parquet, from a file or a folder."""
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder; give event files or a file that a mapping can read")
    if mapping is None or _holds_events(path):
        return _ingest(home, _event_source(path), None)
    with open_home_store(home) as store:
        return store.load_mapped(
            path,
            read_mapping(mapping),
            offence_codes=offence_codes(home),
            ingested_at=home.now(),
            future_tolerance=timedelta(minutes=home.settings.ingest.future_tolerance_minutes),
            progress=home.progress,
        )


def _holds_events(path: Path) -> bool:
    return any(file.name.endswith(EVENT_FILE_SUFFIXES) for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    return iter(sorted(path.iterdir())) if path.is_dir() else iter([path])


def _event_source(path: Path) -> Source:
    if path.suffix == ".parquet":
        return ParquetSource(path)
    if _holds_events(path):
        return JsonLinesSource(path)
    raise SourceError(
        f"{path}: neither .jsonl nor .parquet events; to read a third-party file, name its mapping with --mapping"
    )
