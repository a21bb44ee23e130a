"""Rows of the lists of people: usable ones, with their current status, and the force's own ids. Each read is logged."""

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store, read_people
from flows.human_log.audit_events import halt_of
from flows.human_log.ledger import Ledger
from flows.human_log.list_events import list_events
from models.governance.audits import is_halted
from models.governance.list_lifecycle import LISTS, list_id_of, status_of, withheld, without_withheld


def read_list(
    home: Home, ledger: Ledger, table: str, run_id: str | None, *, reader: str | None, purpose: str | None
) -> pd.DataFrame:
    """Return a usable table of people: without excepted or erased people, with the current `list_status`.

    Human decisions are read from the ledger, because the publication may lag behind it by one event.

    Raises
    ------
    PurposeError, PublicationError
        As in `pipeline.publication.publish.read_restricted`.
    """
    rows = read_people(home, table, run_id, reader=reader, purpose=purpose)
    if "person_id" in rows:
        rows = rows[~rows["person_id"].isin(ledger.erased_people)].reset_index(drop=True)
    if table not in LISTS:
        return rows
    events, now = list_events(ledger), home.now()
    kept = without_withheld(rows, table, withheld(events, now))
    if kept.empty:
        return kept
    status = status_of(events, list_id_of(table, str(kept["run_id"].iloc[0])))
    is_stopped = is_halted(table, halt_of(home, ledger, now))
    return kept.assign(list_status=status.state_at(kept["valid_to"].iloc[0], now, is_halted=is_stopped))


def resolve_people(home: Home, rows: pd.DataFrame, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return the rows with the force's own ids in column raw_person_id; this is logged first, as a separate action."""
    home.log_access("resolve", {"people": int(rows["person_id"].nunique())}, reader=reader, purpose=purpose)
    with open_home_store(home) as store:
        raw = store.resolve_pseudonyms(rows["person_id"].unique().tolist())
    resolved = rows.assign(raw_person_id=rows["person_id"].map(raw))
    place = list(rows.columns).index("person_id") + 1
    return resolved[[*rows.columns[:place], "raw_person_id", *rows.columns[place:]]]
