"""Ingest events into the store: from named sources, event files, or third-party files through a mapping."""

import gzip
import zlib
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import msgspec

from flows.home.home import Home
from flows.home.store_access import open_home_store, refuse_clock_ahead
from flows.ingest.other_city import places_of
from models.places.axes import codebook_axes
from pipeline.errors import BrokerError, SettingsError, SourceError
from pipeline.events.batch import BatchCounts
from pipeline.events.codebook import read_codebook
from pipeline.events.decoder import Decoder
from pipeline.events.schema import MAX_EVENT_BYTES
from pipeline.loading.file_loading import CheckPlaces
from pipeline.mapped.mapping import KEYED_KINDS, Mapping
from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.pseudonyms import Pseudonymiser
from pipeline.sources.jsonl import JsonLinesSource
from pipeline.sources.parquet import ParquetSource
from pipeline.sources.registry import NamedSource, Source, is_source_name, source_kind
from pipeline.typed_sections import build_typed

EVENT_FILE_SUFFIXES = (".jsonl", ".jsonl.gz")
_LOOKED_AT = 100  # lines that decide whether a file holds events


def new_decoder(home: Home) -> Decoder:
    """Return a decoder with today's codebook and the home's pseudonym key."""
    return Decoder(
        offence_codes=frozenset(harm_days(home)),
        pseudonymise=Pseudonymiser(home.key.pseudonym),
        now=home.now(),
        future_tolerance=timedelta(minutes=home.settings.ingest.future_tolerance_minutes),
        default_zone=None,
        keep_id=home.short_id if home.settings.publication.source_ids == "keyed" else None,
    )


def mapping_for(home: Home, path: Path) -> Mapping:
    """Return a mapping of the home, with keyed ids where the settings say so of all sources."""
    mapping = read_mapping(path)
    is_keyed = home.settings.publication.source_ids == "keyed" and mapping.kind in KEYED_KINDS
    return replace(mapping, source_ids="keyed") if is_keyed else mapping


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
        counts += _ingest_any(home, name)
    return counts


def ingest_reachable(home: Home) -> tuple[str, ...]:
    """Read the sources as `ingest_sources`, and return those that do not answer, for a run that does without them."""
    unreachable = []
    for name in home.settings.ingest.sources:
        try:
            _ingest_any(home, name)
        except BrokerError as error:
            home.warn(f"the run goes on without what {name} has sent since it was read last: {error}")
            unreachable.append(name)
    return tuple(unreachable)


def _ingest_any(home: Home, name: str) -> BatchCounts:
    return ingest_named(home, name) if is_source_name(name) else load_file(home, Path(name))


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


def _ingest(
    home: Home, source: Source, topic_ids: dict[str, str] | None, check: CheckPlaces | None = None
) -> BatchCounts:
    """Decode and commit a source batch by batch; each batch's rows and offsets are one transaction.

    A named source, which has `topic_ids`, is resumed at its stored offsets. A file is always read whole: two files may
    share a name, and rows read before are duplicates that change nothing.
    """
    decoder, is_resumed = new_decoder(home), topic_ids is not None
    if check:
        check(source.name, places_of(source.batches({}, home.settings.ingest.batch_size)))
    counts = BatchCounts()
    with open_home_store(home) as store:
        refuse_clock_ahead(home, store)
        store.know_topics(topic_ids or {})
        held = store.offsets() if is_resumed else {}
        for batch in source.batches(held, home.settings.ingest.batch_size):
            following = batch.next_offsets if is_resumed else {}
            counts += store.commit(
                decoder.decode(batch.records),
                source=source.name,
                ingested_at=home.now(),
                next_offsets=following,
                first_offsets={place: held.get(place) for place in following},
            )
            held = {**held, **following}
            home.progress(f"{source.name}: {counts.rows_in:,} rows, {counts.stored:,} stored, {counts.dead:,} dead")
    return counts


def load_file(home: Home, path: Path, mapping: Path | None = None, *, check: CheckPlaces | None = None) -> BatchCounts:
    """Load event files, or third-party files through a mapping, from a file or a folder.

    Parameters
    ----------
    home : Home
        The home.
    path : Path
        The file or folder.
    mapping : Path, optional
        The mapping; None takes the one of the settings that reads such a file. Files of events need none.
    check : CheckPlaces, optional
        Sees the places of a file's incidents before any of its rows is stored, and raises to refuse it.

    Raises
    ------
    SourceError
        There is no such file, or it cannot be read.
    MappingError
        The mapping cannot be used.
    """
    require_file(path)
    mapping = mapping or _mapping_of(home, path)
    if mapping is None:
        return _ingest(home, _event_source(path), None, check)
    if _are_events(path):
        return _ingest(home, JsonLinesSource(path), None, check)
    with open_home_store(home) as store:
        refuse_clock_ahead(home, store)
        return store.load_mapped(
            path,
            mapping_for(home, mapping),
            decoder=new_decoder(home),
            harm_days=harm_days(home),
            ingested_at=home.now(),
            progress=home.progress,
            check=check,
        )


def require_file(path: Path) -> None:
    """Raise SourceError unless there is such a file or folder."""
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder; give event files or a file that a mapping can read")


def _mapping_of(home: Home, path: Path) -> Path | None:
    """Return the mapping among `ingest.mappings` whose key `files` names such a file, else `ingest.mapping`."""
    ingest = home.settings.ingest
    fitting = [file for file in ingest.mappings if (form := read_mapping(file).files) != "*" and path.match(form)]
    if len(fitting) > 1:
        raise SettingsError(
            f"ingest.mappings: {fitting[0].name} and {fitting[1].name} both read files like {path.name}"
        )
    return fitting[0] if fitting else ingest.mapping


def _are_events(path: Path) -> bool:
    """Return whether a file, or every event file of a folder, holds events though a mapping is given.

    Raises
    ------
    SourceError
        When a folder holds files of events and others under the same suffix.
    """
    held = {file: _holds_events(file) for file in _event_files(path)}
    events = [file for file, is_held in held.items() if is_held]
    others = [file for file, is_held in held.items() if not is_held and file.stat().st_size]
    if events and others:
        raise SourceError(
            f"{path} holds events ({events[0].name}) and rows of another system ({others[0].name}); "
            "load the two apart, each from a folder of its own"
        )
    return bool(events)


def _holds_events(path: Path) -> bool | None:
    """Return whether one of a file's first lines is an event; None if no line is anything that JSON knows."""
    is_json = False
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for _ in range(_LOOKED_AT):
                line = file.readline(MAX_EVENT_BYTES).removeprefix(b"\xef\xbb\xbf").strip()
                with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    found = msgspec.json.decode(line)
                    is_json = True
                    if isinstance(found, dict) and "specversion" in found:
                        return True
    except (OSError, EOFError, zlib.error):
        pass  # whoever reads the file says what is wrong
    return False if is_json else None


def _event_files(path: Path) -> list[Path]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in files if file.name.endswith(EVENT_FILE_SUFFIXES)]


def _event_source(path: Path) -> Source:
    if path.suffix == ".parquet":
        return ParquetSource(path)
    if _event_files(path):
        return JsonLinesSource(path)
    raise SourceError(
        f"{path}: neither .jsonl nor .parquet events; to read a third-party file, name its mapping with --mapping"
    )
