"""Reprocess dead letters after the codebook or a mapping was fixed."""

from datetime import timedelta
from pathlib import Path

from flows.home.home import Home
from flows.home.settings import find_mapping
from flows.home.store_access import open_home_store
from flows.ingest.ingest import new_decoder, offence_codes
from pipeline.events.batch import BatchCounts
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.mapping_file import read_mapping


def replay(home: Home, mapping_file: Path | None = None) -> BatchCounts:
    """Reprocess every waiting dead letter; those that now pass are stored and resolved, the rest keep waiting.

    Rows read through a mapping use the mapping of that name: `mapping_file` if it has that name, else the one in the
    settings, else a shipped one.
    """
    now = home.now()
    with open_home_store(home) as store:
        counts = store.replay_events(new_decoder(home).decode, ingested_at=now)
        for name in store.waiting_mappings():
            counts += store.replay_mapped(
                _mapping_named(name, [mapping_file, home.settings.ingest.mapping]),
                offence_codes=offence_codes(home),
                ingested_at=now,
                future_tolerance=timedelta(minutes=home.settings.ingest.future_tolerance_minutes),
            )
    return counts


def _mapping_named(name: str, files: list[Path | None]) -> Mapping:
    for mapping in map(read_mapping, filter(None, files)):
        if mapping.name == name:
            return mapping
    return read_mapping(find_mapping(name, Path.cwd()))
