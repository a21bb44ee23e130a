"""Projections: tables of human decisions, rebuilt by every publication and every decision."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.audit_events import make_audit_projections
from flows.human_log.ledger import Ledger, ledger_of
from flows.human_log.list_events import make_list_projections
from flows.human_log.notice_records import notice_states
from pipeline.publication.publish import Projector, Shown, project, publication_lock
from pipeline.publication.tables import read_tables
from pipeline.store.interface import Store

# Each takes the home and the human events (`Store.human_events`) and returns projections by table name.
MAKERS: tuple[Callable[[Home, pd.DataFrame], dict[str, pd.DataFrame]], ...] = (
    notice_states,
    make_list_projections,
    make_audit_projections,
)


def shown(home: Home, store: Store, ledger: Ledger) -> Shown:
    """Return the content of every projection from the ledger of the open store."""
    events = store.human_events()
    made = {name: frame for maker in MAKERS for name, frame in maker(home, events).items()}
    places = {name: store.redact_words(frame) for name, frame in made.items() if name in read_tables().published}
    return Shown({**made, **places}, ledger.erased_people)


def projector(home: Home) -> Projector:
    """Return a function that builds every projection from the contents of the home's store at the time of its call."""

    def make() -> Shown:
        with open_home_store(home) as store:
            return shown(home, store, ledger_of(home, store))

    return make


def project_home(home: Home) -> list[Path]:
    """Rebuild the projections after a decision and return the replaced files."""
    with publication_lock(home.path):
        return project(home.path, projector(home)(), key=home.key)
