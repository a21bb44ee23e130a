"""A kept run, by its id or the latest, and what the home has changed since."""

import pandas as pd

from flows.home.file_hash import hash_of_files
from flows.home.home import Home
from flows.home.run_identity import hash_of_boundaries
from pipeline.errors import PublicationError
from pipeline.publication.publish import runs


def kept_run(home: Home, run_id: str | None) -> pd.Series:
    """Return the row of table `run` of a kept run, by default the latest; PublicationError if there is none."""
    kept = runs(home.path)
    chosen = kept[kept["run_id"] == run_id] if run_id else kept.tail(1)
    if chosen.empty:
        raise PublicationError(
            f"run {run_id or '(the latest)'} is not kept in {home.path}; `harmspot show runs` lists them"
        )
    return chosen.iloc[0]


def changed_since(home: Home, run: pd.Series) -> list[str]:
    """Return what the home has changed since a run: its settings, the files of its force, the weights of offences."""
    settings = home.settings
    now = {
        "settings": (settings.identity(), run["config_hash"]),
        "areas and other files of the force": (hash_of_boundaries(settings.force), run["boundaries_hash"]),
        "weights of offences": (hash_of_files({"codebook": settings.ingest.codebook}), run["codebook_hash"]),
    }
    return [what for what, (today, then) in now.items() if today != then]
