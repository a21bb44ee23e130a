"""Differences between two runs: which places and people entered, left, rose or fell, and which measure changed most."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.arrays import Floats
from models.people_scores.evidence import AXES as PERSON_AXES
from models.places.axes import AXES

# Column → its name in a sentence. The measure with the largest relative change is named as the reason.
MEASURES: Mapping[str, Mapping[str, str]] = {
    "area": {axis.rate: axis.measure for axis in AXES.values()},
    "market": {
        "dealing_report_count": "the number of dealing reports",
        "caller_count": "the number of callers",
        "active_week_count": "the number of active weeks",
        "disorder_part": "the standing on disorder",
        "violence_part": "the standing on violence",
        "fear_part": "the standing on fear",
    },
    "hotspot": {"harm_days": "harm in days", "cell_count": "the number of cells"},
    "person": {
        **{axis: f"the {words.replace(' ', '-')} part of the score" for axis, words in PERSON_AXES.items()},
        "p_top_k": "the chance of being in the top K",
    },
}
EXTRA = {"area": ["is_listed"], "market": ["grade"], "hotspot": []}
# Below this relative change a place counts as unchanged, and the reason names the other places.
SMALLEST_MOVE = 0.01
PLACE_COLUMNS = ["place_kind", "place_id", "change", "rank_before", "rank_after", "why"]
PERSON_COLUMNS = ["person_id", "change", "tier_before", "tier_after", "why"]


def place_changes(before: pd.DataFrame, after: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Compare the tables of one kind of place in two runs.

    Parameters
    ----------
    before, after : pd.DataFrame
        `area_ranking`, `market` or `hotspot` of two runs: `<kind>_id`, rank and the measures of that kind. Areas also
        have is_listed: they enter or leave the target list; other places enter or leave the table.
    kind : str
        area, market or hotspot.

    Returns
    -------
    pd.DataFrame
        Rows of `place_change` without the run's columns and outlines, sorted by place_id, unchanged places left out.

    Raises
    ------
    ValueError
        `kind` is unknown.
    """
    if kind not in ("area", "market", "hotspot"):
        raise ValueError(f"kind={kind!r}: expected area, market or hotspot")
    key = f"{kind}_id"
    both = _join_runs(before, after, key, ["rank", *EXTRA[kind], *MEASURES[kind]])
    was, now = _is_member(both, "before"), _is_member(both, "after")
    # Rank 1 is the top, so a smaller rank is a rise.
    step = (both["rank_before"].astype(float) - both["rank_after"].astype(float)).fillna(0)
    # An area that a change of boundaries adds or removes is reported whether it is listed or not.
    was, now = was | ~both["is_there"].to_numpy(), now | ~both["was_there"].to_numpy()
    changed = both.assign(change=_change(was, now, step))
    changed["why"] = _why(changed, MEASURES[kind], subject="place")
    changed = changed[changed["change"] != ""].reset_index(names="place_id").assign(place_kind=kind)
    return changed[PLACE_COLUMNS].astype({"rank_before": "Int32", "rank_after": "Int32"})


def with_rank_before(after: pd.DataFrame, before: pd.DataFrame | None, key: Sequence[str]) -> pd.DataFrame:
    """Add to a ranked table where each place stood in the predecessor run.

    Parameters
    ----------
    after : pd.DataFrame
        Columns `key` and rank, 1 the worst, and further columns.
    before : pd.DataFrame or None
        Columns `key` and rank of the predecessor; None for a first run.
    key : sequence of str
        Columns that identify a place in both.

    Returns
    -------
    pd.DataFrame
        `after` with rank_before and rank_change (rank_before less rank, so that a rise is positive); both null for a
        place that the predecessor does not have.
    """
    columns = [*key, "rank"]
    ranks = after.iloc[:0][columns] if before is None else before[columns]
    ranked_before = after[list(key)].merge(ranks, on=list(key), how="left").set_index(after.index)["rank"]
    rank_before = ranked_before.astype("Int32")
    return after.assign(rank_before=rank_before, rank_change=rank_before - after["rank"].astype("Int32"))


def person_changes(before: pd.DataFrame, after: pd.DataFrame, why_now: pd.Series) -> pd.DataFrame:
    """Compare the tables `person_tier` of two runs.

    Parameters
    ----------
    before, after : pd.DataFrame
        person_id, tier, score, p_top_k and the three shares.
    why_now : pd.Series
        reason of the current tier by person_id, as text. For people in both runs, the measure that changed most is
        appended.

    Returns
    -------
    pd.DataFrame
        Rows of `person_change` without the run's columns, sorted by person_id; people with the same tier are left out.
    """
    both = _join_runs(_with_parts(before), _with_parts(after), "person_id", ["tier", *MEASURES["person"]])
    levels = {"warn": 1, "target": 2}
    level_before, level_after = (
        both[f"tier_{side}"].map(levels).astype(float).fillna(0) for side in ("before", "after")
    )
    step = level_after - level_before
    changed = both.assign(change=_change(level_before.to_numpy() > 0, level_after.to_numpy() > 0, step))
    moved = _why(changed, MEASURES["person"], subject="person")
    is_in_both = changed["was_there"] & changed["is_there"]
    changed["why"] = (why_now.reindex(changed.index).fillna("") + (" " + moved).where(is_in_both, "")).str.strip()
    return changed[changed["change"] != ""].reset_index(names="person_id")[PERSON_COLUMNS]


def _with_parts(person_tier: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the additive parts of the score by axis added."""
    return person_tier.assign(**{axis: person_tier[f"{axis}_share"] * person_tier["score"] for axis in PERSON_AXES})


def _join_runs(before: pd.DataFrame, after: pd.DataFrame, key: str, columns: list[str]) -> pd.DataFrame:
    left, right = (frame.set_index(key)[columns] for frame in (before, after))
    both = left.add_suffix("_before").join(right.add_suffix("_after"), how="outer").sort_index()
    return both.rename_axis(key).assign(was_there=both.index.isin(left.index), is_there=both.index.isin(right.index))


def _is_member(both: pd.DataFrame, side: str) -> npt.NDArray[np.bool_]:
    present = both["was_there" if side == "before" else "is_there"].to_numpy(dtype=bool)
    if f"is_listed_{side}" not in both:
        return present
    return present & both[f"is_listed_{side}"].eq(True).to_numpy(dtype=bool)


def _change(
    was: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_], step: "Floats | pd.Series[float]"
) -> npt.NDArray[np.str_]:
    return np.select([~was & now, was & ~now, step > 0, step < 0], ["entered", "left", "rose", "fell"], "")


def _why(changed: pd.DataFrame, measures: Mapping[str, str], *, subject: str) -> pd.Series:
    """Name the measure that changed most in the direction of the change; if none did, the others changed."""
    upward = np.where(changed["change"].isin(["entered", "rose"]), 1.0, -1.0)
    moves = np.stack([_relative_move(changed, column) for column in measures], axis=1) * upward[:, None]
    best = moves.argmax(axis=1)
    why = pd.Series(f"This {subject} hardly moved; others did.", index=changed.index, dtype=object)
    for position, (column, name) in enumerate(measures.items()):
        is_reason = (best == position) & (moves[:, position] >= SMALLEST_MOVE)
        why = why.mask(is_reason, _sentence(changed, column, name))
    only_after = changed["is_there"] & ~changed["was_there"]
    only_before = changed["was_there"] & ~changed["is_there"]
    why = why.mask(only_after, f"This {subject} was not in the run before.")
    return why.mask(only_before, f"This {subject} meets no test for the table any more.") + _regraded(changed)


def _relative_move(changed: pd.DataFrame, column: str) -> Floats:
    """Return the difference over the sum of absolute values, from −1 to 1; zero if one is unknown or both are zero."""
    before, after = (changed[f"{column}_{side}"].to_numpy(dtype=float, na_value=np.nan) for side in ("before", "after"))
    size = np.abs(before) + np.abs(after)
    move = np.divide(after - before, size, out=np.zeros(len(size)), where=size > 0)
    return np.nan_to_num(move)


def _sentence(changed: pd.DataFrame, column: str, name: str) -> pd.Series:
    before, after = (
        changed[f"{column}_{side}"].astype(float).map("{:.3g}".format).astype(object) for side in ("before", "after")
    )
    return name[0].upper() + name[1:] + " went from " + before + " to " + after + "."


def _regraded(changed: pd.DataFrame) -> pd.Series:
    """Return a sentence on a market's change of grade; empty without one."""
    nothing = pd.Series("", index=changed.index, dtype=object)
    if "grade_before" not in changed:
        return nothing
    before, after = changed["grade_before"].astype(object), changed["grade_after"].astype(object)
    is_regraded = before.notna() & after.notna() & (before != after)
    return nothing.mask(is_regraded, " Its grade went from " + before + " to " + after + ".")
