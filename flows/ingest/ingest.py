"""Ingest events into the store: from named sources, event files, or third-party files through a mapping."""

import gzip
import zlib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import msgspec

from flows.home.home import Home
from flows.home.store_access import open_home_store
from models.places.axes import codebook_axes
from pipeline.errors import SettingsError, SourceError
from pipeline.events.batch import BatchCounts
from pipeline.events.codebook import read_codebook
from pipeline.events.decoder import Decoder
from pipeline.events.schema import MAX_EVENT_BYTES
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
        offence_codes=frozenset(harm_days(home)),
        pseudonymise=Pseudonymiser(home.key.pseudonym),
        now=home.now(),
        future_tolerance=timedelta(minutes=home.settings.ingest.future_tolerance_minutes),
        default_zone=None,
    )


def harm_days(home: Home) -> dict[str, float]:
    """Return the harm of each offence code in force today, in days; the codebook is re-read after a change."""
    path = home.settings.ingest.codebook
    return _harm_in_force(path, path.stat().st_mtime_ns if path.exists() else None, home.today())


@lru_cache(maxsize=1)
def _harm_in_force(codebook: Path, written_ns: int | None, day: date) -> dict[str, float]:
    return dict(read_codebook(codebook, day, codebook_axes())["harm_days"].astype(float))


def ingest_sources(home: Home) -> BatchCounts:
    """Read every source named in the settings until caught up, and return the counts of rows by outcome."""
    counts = BatchCounts()
    for name in home.settings.ingest.sources:
        is_named = is_source_name(name)
        counts += ingest_named(home, name) if is_named else load_file(home, Path(name))
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


def load_file(home: Home, path: Path, mapping: Path | None = None) -> BatchCounts:
    """Load event files, or third-party files through a mapping, from a file or a folder.

    Parameters
    ----------
    home : Home
        The home.
    path : Path
        The file or folder.
    mapping : Path, optional
        The mapping; None takes the one of the settings that reads such a file. Files of events need none.

    Raises
    ------
    SourceError
        There is no such file, or it cannot be read.
    MappingError
        The mapping cannot be used.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder; give event files or a file that a mapping can read")
    mapping = mapping or _mapping_of(home, path)
    if mapping is None or _holds_events(path):
        return _ingest(home, _event_source(path), None)
    with open_home_store(home) as store:
        return store.load_mapped(
            path,
            read_mapping(mapping),
            decoder=new_decoder(home),
            harm_days=harm_days(home),
            ingested_at=home.now(),
            progress=home.progress,
        )


def _mapping_of(home: Home, path: Path) -> Path | None:
    """Return the mapping among `ingest.mappings` whose key `files` names such a file, else `ingest.mapping`."""
    ingest = home.settings.ingest
    fitting = [file for file in ingest.mappings if (form := read_mapping(file).files) != "*" and path.match(form)]
    if len(fitting) > 1:
        raise SettingsError(
            f"ingest.mappings: {fitting[0].name} and {fitting[1].name} both read files like {path.name}"
        )
    return fitting[0] if fitting else ingest.mapping


def _holds_events(path: Path) -> bool:
    return any(file.name.endswith(EVENT_FILE_SUFFIXES) and _begins_with_event(file) for file in _files(path))


def _begins_with_event(path: Path) -> bool:
    """Return whether the first line of a file is an event, or nothing that another system would write."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            first = msgspec.json.decode(file.readline(MAX_EVENT_BYTES))
    except (OSError, EOFError, zlib.error, msgspec.DecodeError):
        return True  # the reader of events says what is wrong
    return isinstance(first, dict) and "specversion" in first


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
