"""The reports of the whole map and the ground that they lie on, as measures of operations read them."""

import duckdb
import numpy as np
import pandas as pd

from flows.home.settings import Settings
from flows.inputs.assembly import Map, query
from geo.market_shapes import Ground
from geo.same_place import Boxes
from models.arrays import Ints


def read_history(
    connection: duckdb.DuckDBPyConnection, geography: Map, settings: Settings, *, is_needed: bool
) -> tuple[Ground, pd.DataFrame]:
    """Return ground and history of `models.places.displacement.measure_displacement`; empty where not needed.

    Call `place_incidents` first.
    """
    points, history = pd.DataFrame(columns=["x_m", "y_m"]), pd.DataFrame()
    if is_needed:
        points = query(connection, "report_history#points")
        history = query(
            connection,
            "report_history#reports",
            categories=["category", "daypart", "kind"],
            time_zone=settings.force.time_zone,
        )
    return Ground(geography.grid, geography.cells, points), history


def cells_on(hidden: Boxes | None, geography: Map) -> Ints | None:
    """Return cell_ix, cell_iy of the map on hidden ground."""
    if hidden is None:
        return None
    cells = geography.cells[["cell_ix", "cell_iy"]].to_numpy(np.int64)
    return cells[hidden.holds_cells(cells[:, 0], cells[:, 1], geography.grid)]
