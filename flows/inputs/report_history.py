"""The reports of the whole map, from which displacement and effects of operations are measured."""

from datetime import datetime
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from flows.home.settings import Settings
from flows.inputs.assembly import Map, query
from geo.market_shapes import Ground
from geo.same_place import Boxes
from models.arrays import Ints
from models.places.displacement import are_any_due


class MapReports(NamedTuple):
    """The ground, the history and the withheld cells of `models.places.displacement.measure_displacement`."""

    ground: Ground
    history: pd.DataFrame
    withheld: Ints | None


def read_reports(
    connection: duckdb.DuckDBPyConnection,
    operations: pd.DataFrame,
    geography: Map,
    as_of: datetime,
    settings: Settings,
    hidden: Boxes | None = None,
) -> MapReports:
    """Return the reports of the map, none unless an operation is to be measured; `hidden` ground is withheld.

    Call `place_incidents` first.
    """
    points, history = pd.DataFrame(columns=["x_m", "y_m"]), pd.DataFrame()
    if are_any_due(operations, pd.Timestamp(as_of)):
        points = query(connection, "report_history#points")
        history = query(
            connection,
            "report_history#reports",
            categories=["category", "daypart", "kind"],
            time_zone=settings.force.time_zone,
        )
    return MapReports(Ground(geography.grid, geography.cells, points), history, _cells_on(hidden, geography))


def _cells_on(hidden: Boxes | None, geography: Map) -> Ints | None:
    """Return cell_ix, cell_iy of the map on hidden ground."""
    if hidden is None:
        return None
    cells = geography.cells[["cell_ix", "cell_iy"]].to_numpy(np.int64)
    return cells[hidden.holds_cells(cells[:, 0], cells[:, 1], geography.grid)]
