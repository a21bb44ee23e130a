"""The harm matrices of a run, from the incidents of its snapshot and from its enforcement ledger."""

import duckdb
import pandas as pd

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import Map, query
from flows.inputs.harm_book import read_harm_book
from models.outcomes.harm_matrix import Exposure, grade_cells
from pipeline.publication.publish import read_published


def harm_matrix(
    home: Home,
    identity: RunIdentity,
    connection: duckdb.DuckDBPyConnection,
    geography: Map,
    codebook: pd.DataFrame,
    ledger: pd.DataFrame,
) -> pd.DataFrame:
    """Return harm_matrix less run columns; `ledger` is table enforcement_ledger.

    Call `place_incidents` on the connection first. Events are counted as in the ranking: in the areas, in its window,
    and of its discoverers, so that what police find moves no cell.
    """
    places = identity.settings.places
    days = min(places.window_days, int(query(connection, "harm_matrix#days")["days"].iloc[0]))
    offences = query(connection, "harm_matrix#offence", days=days, discoveries=list(places.discoveries))
    before = identity.predecessor_run_id and read_published(home.path, "harm_matrix", identity.predecessor_run_id)
    return grade_cells(
        offences,
        ledger,
        read_harm_book(identity.settings.force.harm_matrix, codebook),
        codebook,
        Exposure(max(days, 1), residents_of(geography)),
        before if isinstance(before, pd.DataFrame) and len(before) else None,
    )


def residents_of(geography: Map) -> float | None:
    """Return the residents of all areas; None unless the boundary file has those of each."""
    if "residents" not in geography.areas or geography.areas["residents"].isna().any():
        return None
    return float(geography.areas["residents"].sum()) or None
