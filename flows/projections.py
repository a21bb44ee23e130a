"""The projections: what people did, as tables that every publication and every act rebuilds."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from flows.home import Home
from flows.ingest import open_home_store
from flows.notice_records import notice_states
from pipeline.publication import Projector, project

# Each takes the home and what people did (`Store.human_events`), and returns the projections it makes by table name.
MAKERS: tuple[Callable[[Home, pd.DataFrame], dict[str, pd.DataFrame]], ...] = (notice_states,)


def projector(home: Home) -> Projector:
    """Return what makes every projection from what stands in the home's store when it is called."""

    def make() -> dict[str, pd.DataFrame]:
        with open_home_store(home) as store:
            events = store.human_events()
        return {name: frame for maker in MAKERS for name, frame in maker(home, events).items()}

    return make


def project_home(home: Home) -> list[Path]:
    """Rebuild the projections after an act and return the files that were replaced."""
    return project(home.path, projector(home), key=home.key)
