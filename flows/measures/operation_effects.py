"""Tables operation_effect and operation_register of a run: what operations were for, and whether they helped."""

from datetime import datetime

import duckdb
import pandas as pd

from flows.home.settings import Settings
from flows.inputs.assembly import Map
from flows.inputs.report_history import cells_on, read_history
from geo.same_place import Boxes
from models.effects.operation_effect import measure_effects
from models.effects.register import register_operations
from models.effects.verdict import judge_operations
from models.places.displacement import are_any_due


def operation_effects(
    connection: duckdb.DuckDBPyConnection,
    operations: pd.DataFrame,
    displacement: pd.DataFrame,
    geography: Map,
    as_of: datetime,
    settings: Settings,
    hidden: Boxes | None = None,
) -> dict[str, pd.DataFrame]:
    """Return operation_effect and operation_register less run columns; no row is of an operation that is_hidden marks.

    Reads the reports of the map only if an operation is to be measured.
    """
    ground, history = read_history(
        connection, geography, settings, is_needed=are_any_due(operations, pd.Timestamp(as_of))
    )
    measured = measure_effects(
        operations,
        history,
        ground,
        as_of=pd.Timestamp(as_of),
        longest_days=settings.crackdowns.baseline_days,
        withheld=cells_on(hidden, geography),
    )
    shown = operations[~operations["is_hidden"]]
    effects = measured[~measured["market_id"].isin(set(operations.loc[operations["is_hidden"], "market_id"]))]
    verdicts = judge_operations(shown, effects, displacement, pd.Timestamp(as_of))
    answers = verdicts[["market_id", "started_at", "answer"]].drop_duplicates(["market_id", "started_at"])
    return {
        "operation_effect": effects.merge(answers, how="left", on=["market_id", "started_at"]),
        "operation_register": register_operations(shown, verdicts, as_of.astimezone(settings.force.zone).date()),
    }
