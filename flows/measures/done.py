"""What was done, as the ledger and the scoreboard count it: actions with area and local day, and arrests."""

from dataclasses import dataclass, field

import duckdb
import numpy as np
import pandas as pd

from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import Map, PeopleFrames, query
from models.operations.history import without_hidden_actions
from models.outcomes.after_arrest import IMPOSED, follow_arrests
from models.outcomes.periods import first_day, local_days, make_periods
from models.people_lists.arrest_policy import arrests_against_policy
from models.people_scores.evidence import OFFENDER_ROLES

CHARGED = sorted(OFFENDER_ROLES - {"suspect"})


@dataclass(frozen=True, slots=True)
class Done:
    """Frames of `models.outcomes`; people are among them, so they stay in the process that made them."""

    periods: pd.DataFrame
    operations: pd.DataFrame  # those that may be named
    actions: pd.DataFrame = field(repr=False)
    arrests: pd.DataFrame = field(repr=False)
    first_records: dict[str, pd.Timestamp | None]


def read_done(
    connection: duckdb.DuckDBPyConnection,
    identity: RunIdentity,
    geography: Map,
    operations: pd.DataFrame,
    people: PeopleFrames,
    codebook: pd.DataFrame,
) -> Done:
    """Return what was done, less operations marked is_hidden and what was done in their areas meanwhile."""
    as_of, zone = pd.Timestamp(identity.as_of), identity.settings.force.time_zone
    shown = operations[~operations["is_hidden"]]
    actions = without_hidden_actions(_with_areas(people.actions, geography, zone), operations)
    treatment = query(connection, "ledger#treatment")
    left = actions[actions["kind"] == "treatment_left"].dropna(subset=["person_id"])
    treatment = pd.concat([treatment, left[["person_id", "at"]].assign(is_engaged=False)], ignore_index=True)
    charges = people.events[people.events["role"].isin(CHARGED)]
    arrests = follow_arrests(actions[actions["kind"] == "arrest"], people.custody, charges, treatment, as_of=as_of)
    arrests = arrests.assign(verdict=arrests_against_policy(arrests, codebook))
    stays = {f"stay in {kind}": people.custody.loc[people.custody["kind"] == kind, "custody_from"] for kind in IMPOSED}
    moments = {**stays, "charge": charges["occurred_at"], "treatment": treatment["at"], "leaving": _left(treatment)}
    return Done(
        make_periods(geography.areas["area_id"].tolist(), shown, as_of=as_of, time_zone=zone),
        shown,
        actions,
        arrests,
        {name: first_day(pd.DataFrame({"on": local_days(at, zone)})) for name, at in moments.items()},
    )


def _left(treatment: pd.DataFrame) -> pd.Series:
    """Return the moments from which somebody, in treatment before, was known to have left it."""
    ordered = treatment.sort_values(["person_id", "at", "is_engaged"], ascending=[True, True, False])
    was_in = ordered["is_engaged"].astype("boolean").groupby(ordered["person_id"]).shift().fillna(False)
    return ordered.loc[was_in.to_numpy(dtype=bool) & ~ordered["is_engaged"].to_numpy(dtype=bool), "at"]


def shifts_of(arrests: pd.DataFrame, identity: RunIdentity) -> pd.Series:
    """Return the shift of the local day in which each arrest was made; missing if none holds its hour."""
    force = identity.settings.force
    local = arrests["at"].dt.tz_convert(force.time_zone)
    minutes = (local.dt.hour * 60 + local.dt.minute).to_numpy(dtype=np.int64)
    found = pd.Series(None, index=arrests.index, dtype=object)
    for shift in force.day_shifts:
        found = found.mask(found.isna() & shift.holds(minutes), shift.name)
    return found


def _with_areas(actions: pd.DataFrame, geography: Map, zone: str) -> pd.DataFrame:
    """Return the actions in order of time with full area_id (missing outside every area), person_id, on and count."""
    areas = geography.areas
    full = {
        **dict(zip(areas["raw_area_id"], areas["area_id"], strict=True)),
        **{name: name for name in areas["area_id"]},
    }
    return actions.assign(
        area_id=actions["area_id"].map(full).astype(object),
        person_id=actions["subject_person_id"],
        on=local_days(actions["at"], zone),
        count=actions["count"].fillna(1).astype(np.int64),
    ).sort_values(["at", "action_id"], ignore_index=True)
