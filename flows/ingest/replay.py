"""Reprocess dead letters after the codebook or a mapping was fixed."""

from collections.abc import Sequence
from pathlib import Path

from flows.home.home import Home
from flows.home.settings import find_mapping
from flows.home.store_access import open_home_store, refuse_clock_ahead
from flows.ingest.ingest import harm_days, mapping_for, new_decoder
from pipeline.errors import SettingsError
from pipeline.events.batch import BatchCounts
from pipeline.mapped.mapping import Mapping


def replay(home: Home, mapping_files: Sequence[Path] = ()) -> BatchCounts:
    """Reprocess every waiting dead letter; those that now pass are stored and resolved, the rest keep waiting.

    Rows read through a mapping use the mapping of that name: of `mapping_files`, of the settings, or a shipped one.
    Rows of a mapping that cannot be found are left waiting, and said. Involvements come last, because their incidents
    may have waited, too.

    Raises
    ------
    SettingsError
        No mapping of the waiting rows can be found.
    """
    now, days, decoder = home.now(), harm_days(home), new_decoder(home)
    known = [*mapping_files, *filter(None, [home.settings.ingest.mapping]), *home.settings.ingest.mappings]
    with open_home_store(home) as store:
        refuse_clock_ahead(home, store)
        counts = store.replay_events(decoder.decode, ingested_at=now)
        mappings, missing = [], []
        for name in store.waiting_mappings():
            try:
                mappings.append(_mapping_named(home, name, known))
            except SettingsError as error:
                missing.append(error)
                home.warn(str(error))
        if missing and not mappings and not mapping_files:
            raise missing[0]
        for mapping in sorted(mappings, key=lambda mapping: mapping.kind == "involvements"):
            counts += store.replay_mapped(mapping, decoder=decoder, harm_days=days, ingested_at=now)
    return counts


def _mapping_named(home: Home, name: str, files: Sequence[Path]) -> Mapping:
    for file in files:
        if (mapping := mapping_for(home, file)).name == name:
            return mapping
    try:
        return mapping_for(home, find_mapping(name, Path.cwd()))
    except SettingsError:
        text = f"dead letters of mapping {name!r} wait, which is neither in the settings nor shipped"
        raise SettingsError(f"{text}; give its file: harmspot replay --mapping FILE") from None
