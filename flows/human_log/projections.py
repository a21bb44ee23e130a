"""Projections: tables of human decisions, rebuilt by every publication and every decision."""

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.audit_events import audit_report
from flows.human_log.embargoes import Cover, embargoed_cells, is_covered
from flows.human_log.harm_grades import harm_grade
from flows.human_log.ledger import Ledger, ledger_of
from flows.human_log.list_events import list_tables
from flows.human_log.notice_records import notice_states
from pipeline.publication.publish import Projector, Shown
from pipeline.publication.tables import read_tables
from pipeline.store.interface import Store


def shown(home: Home, store: Store, ledger: Ledger) -> Shown:
    """Return the content of every projection from the ledger of the open store."""
    cells = embargoed_cells(ledger, home.now())
    states = {
        name: _without_covered(rows, cells, home.settings.places.cell_size_m)
        for name, rows in notice_states(ledger).items()
    }
    signed = {"audit_report": audit_report(home, ledger), "harm_grade": harm_grade(ledger, home.now())}
    made = {**states, **list_tables(ledger), **signed}
    places = {name: store.redact_words(frame) for name, frame in made.items() if name in read_tables().published}
    return Shown({**made, **places}, ledger.erased_ids, Cover(cells) if cells else None)


def _without_covered(states: pd.DataFrame, cells: tuple[str, ...], size_m: float) -> pd.DataFrame:
    """Return the rows of a table of notices but for those to markets under an embargo."""
    if not cells or "market_id" not in states:
        return states
    return states[~states["market_id"].map(lambda market_id: is_covered(cells, market_id, size_m)).astype(bool)]


def projector(home: Home) -> Projector:
    """Return a function that builds every projection from the contents of the home's store at the time of its call."""

    def make() -> Shown:
        with open_home_store(home) as store:
            return shown(home, store, ledger_of(home, store))

    return make
