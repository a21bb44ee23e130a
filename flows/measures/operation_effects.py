"""Tables operation_effect and operation_register of a run: what operations were for, and whether they helped."""

from datetime import datetime

import numpy as np
import pandas as pd

from flows.home.settings import Settings
from flows.inputs.report_history import MapReports
from models.effects.operation_effect import measure_effects
from models.effects.register import register_operations
from models.effects.verdict import judge_operations


def operation_effects(
    reports: MapReports, operations: pd.DataFrame, displacement: pd.DataFrame, as_of: datetime, settings: Settings
) -> dict[str, pd.DataFrame]:
    """Return operation_effect and operation_register less run columns; no row is of what column is_hidden marks."""
    measured = measure_effects(
        operations,
        reports.history,
        reports.ground,
        as_of=pd.Timestamp(as_of),
        longest_days=settings.crackdowns.baseline_days,
        withheld=reports.withheld,
    )
    shown = operations[~operations["is_hidden"]]
    hidden = set(operations.loc[operations["is_hidden"], "market_id"])
    effects = measured[~measured["market_id"].isin(hidden)].reset_index(drop=True)
    verdicts = judge_operations(shown, effects, displacement, pd.Timestamp(as_of))
    answers = verdicts.set_index(["market_id", "started_at"])["answer"].to_dict()
    own = [answers.get(key) for key in zip(effects["market_id"], effects["started_at"], strict=True)]
    return {
        "operation_effect": effects.assign(answer=np.array(own, dtype=object)),
        "operation_register": register_operations(shown, verdicts, as_of.astimezone(settings.force.zone).date()),
    }
