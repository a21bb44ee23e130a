"""Areas by one offence or group of offences: the published table `offence_ranking`, as somebody asks for it."""

import pandas as pd

from flows.home.home import Home
from pipeline.errors import PublicationError
from pipeline.near_words import did_you_mean
from pipeline.publication.publish import read_published

ALL = "all"


def read_offence(
    home: Home, offence: str, shift: str | None, area_set: str | None, run_id: str | None
) -> tuple[pd.DataFrame, str]:
    """Return the areas of a set by an offence or group, given by name or label, and what they are called.

    Raises
    ------
    PublicationError
        The run has no such set, group or shift; the message names the nearest one, or those that it has.
    """
    rows = _of_set(home, area_set, run_id)
    names = {name.casefold(): group for group, label in _labels(rows).items() for name in (label, group)}
    group = names.get(offence.strip().casefold().replace(" ", "_"), names.get(offence.strip().casefold()))
    if group is None:
        raise PublicationError(f"no reports of offence {offence!r} are ranked; {did_you_mean(offence, names)}")
    rows = rows[rows["offence_group"] == group]
    found = rows[rows["shift"] == (shift or ALL)]
    if found.empty:
        near = did_you_mean(shift or ALL, rows["shift"].unique(), listing="ranked for it are")
        raise PublicationError(f"shift {shift!r}: {group} is not ranked for it; {near}")
    label = found["offence_group_label"].iloc[0]
    when = "" if shift in (None, ALL) else f", shift {shift}"
    few = "; too few reports to rank" if found["rank"].isna().all() else ""
    ordered = found.sort_values(["rank", "count_365_days", "area_id"], ascending=[True, False, True])
    return ordered.reset_index(drop=True), f"areas by {label.lower()}{when}{few}"


def worst_areas(home: Home, area_set: str | None, run_id: str | None) -> pd.DataFrame:
    """Return each group of offences with its reports in a set and the three areas where most are expected."""
    rows = _of_set(home, area_set, run_id)
    rows = rows[rows["shift"] == ALL].sort_values(["offence_group", "rank", "area_id"])
    by_group = rows.groupby("offence_group", sort=True)
    worst = rows[rows["rank"] <= 3].groupby("offence_group")["area_name"].agg(", ".join)
    table = by_group.agg(
        offence_group_label=("offence_group_label", "first"),
        count_28_days=("count_28_days", "sum"),
        count_365_days=("count_365_days", "sum"),
    )
    return table.assign(worst_areas=worst.reindex(table.index).fillna("too few to rank")).reset_index()


def _of_set(home: Home, area_set: str | None, run_id: str | None) -> pd.DataFrame:
    rows = read_published(home.path, "offence_ranking", run_id)
    if rows.empty:
        raise PublicationError("the run has no ranking by offence: no report is ranked, or an earlier version made it")
    area_set = area_set or home.settings.force.areas.set
    if area_set not in set(rows["area_set"]):
        raise PublicationError(
            f"set {area_set!r} is not in the run; {did_you_mean(area_set, rows['area_set'].unique())}"
        )
    return rows[rows["area_set"] == area_set]


def _labels(rows: pd.DataFrame) -> dict[str, str]:
    return dict(zip(rows["offence_group"], rows["offence_group_label"], strict=True))
