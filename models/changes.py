"""Real changes between two runs: which places and people entered, left, rose or fell, and which measure changed most.

A place rises or falls when its own figure moved by a fifth (of the larger value) and its rank by two or more in the
same direction, both since a change of this place was last announced. So what only follows other places, or other draws
of the same ranking, is no change; a slow drift is announced once; and a place that goes to and fro is not announced.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from math import floor, log10

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
    "hotspot": {"harm_days": "harm, in points,", "cell_count": "the number of cells"},
    "person": {
        **{axis: f"the {words.replace(' ', '-')} part of the score" for axis, words in PERSON_AXES.items()},
        "p_top_k": "the chance of being in the top K",
    },
}
EXTRA = {"area": ["is_listed"], "market": ["grade"], "hotspot": []}
# Kind of place → the figure that has to move for a rise or fall, and how a sentence names it and its unit.
FIGURES = {
    "area": ("harm_per_day", "Harm", " harm points a day"),
    "market": ("score", "The score of the market", ""),
    "hotspot": ("harm_days", "Harm", " harm points"),
}
GRADES = {"suspected": 0, "flagrant": 1}
FIGURE_MOVE = 0.2  # of the larger of the two values
RANK_MOVE = 2
ANNOUNCED = ["rank_announced", "figure_announced", "announced_on"]
# Below this relative change a measure is no reason for entering or leaving.
SMALLEST_MOVE = 0.01
PLACE_COLUMNS = [
    "place_kind", "place_id", "change", "announced_on", "rank_announced", "rank_before", "rank_after", "why",
]  # fmt: skip
PERSON_COLUMNS = ["person_id", "change", "tier_before", "tier_after", "why"]


def place_changes(before: pd.DataFrame, after: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Compare the tables of one kind of place in two runs.

    Parameters
    ----------
    before, after : pd.DataFrame
        `area_ranking`, `market` or `hotspot` of two runs: `<kind>_id`, rank, the figure and the measures of that kind.
        Areas also have is_listed: they enter or leave the target list; other places enter or leave the table. `before`
        has the columns ANNOUNCED; where they are null or missing, its own rank and figure count as announced.
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
    if kind not in FIGURES:
        raise ValueError(f"kind={kind!r}: expected area, market or hotspot")
    key, figure = f"{kind}_id", FIGURES[kind][0]
    columns = list(dict.fromkeys(["rank", figure, *EXTRA[kind], *MEASURES[kind]]))
    both = _join_runs(_with_announced(before, kind), after, key, columns)
    was, now = _is_member(both, "before"), _is_member(both, "after")
    # An area that a change of boundaries adds or removes is reported whether it is listed or not.
    was, now = was | ~both["is_there"].to_numpy(), now | ~both["was_there"].to_numpy()
    changed = both.assign(change=_change(was, now, _real_step(both, figure)))
    if kind == "market":
        changed["change"] = changed["change"].mask(
            changed["change"].eq("") & _is_regraded(changed), _grade_step(changed)
        )
    changed["why"] = _why(changed, MEASURES[kind], subject="place")
    is_step = changed["change"].isin(["rose", "fell"])
    changed["why"] = changed["why"].mask(is_step, _figure_sentence(changed, kind) + _regraded(changed))
    for name in ("rank_announced", "announced_on"):
        changed[name] = changed[name].where(is_step)
    changed = changed[changed["change"] != ""].reset_index(names="place_id").assign(place_kind=kind)
    ranks = ["rank_announced", "rank_before", "rank_after"]
    return changed[PLACE_COLUMNS].astype(dict.fromkeys(ranks, "Int32") | {"announced_on": object})


def with_announced(
    after: pd.DataFrame, before: pd.DataFrame | None, changes: pd.DataFrame, kind: str, today: date
) -> pd.DataFrame:
    """Add to the table of one kind of place what was last announced of each place: rank, figure and day.

    Parameters
    ----------
    after, before : pd.DataFrame
        As in `place_changes`; None for a first run.
    changes : pd.DataFrame
        place_kind and place_id of what this run announces, as `place_changes` returns them; also of other kinds.
    kind : str
        area, market or hotspot.
    today : date
        Local day of the run. It stands with today's rank and figure at each place that is new or announced today.

    Returns
    -------
    pd.DataFrame
        `after` with the columns ANNOUNCED.
    """
    key, figure = f"{kind}_id", FIGURES[kind][0]
    fresh = after.assign(rank_announced=after["rank"], figure_announced=after[figure], announced_on=today)
    if before is not None:
        told = changes.loc[changes["place_kind"] == kind, "place_id"]
        kept = _with_announced(before, kind).set_index(key)
        stays = after[key].isin(kept.index) & ~after[key].isin(told)
        for name in ANNOUNCED:
            fresh[name] = fresh[name].mask(stays, after[key].map(kept[name]))
    return fresh.astype({"rank_announced": "Int32", "figure_announced": float, "announced_on": object})


def _with_announced(before: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the table of the predecessor with ANNOUNCED filled by its own rank and figure where they are unknown."""
    known = before.reindex(columns=[*before.columns, *(name for name in ANNOUNCED if name not in before)])
    is_unknown = known["rank_announced"].isna()
    return known.assign(
        rank_announced=known["rank_announced"].astype("Int32").mask(is_unknown, known["rank"].astype("Int32")),
        figure_announced=known["figure_announced"].astype(float).mask(is_unknown, known[FIGURES[kind][0]]),
        announced_on=pd.to_datetime(known["announced_on"].astype(object)).dt.date,
    )


def _real_step(both: pd.DataFrame, figure: str) -> Floats:
    """Return 1 for a rise, -1 for a fall, else 0: figure and rank moved enough, and in the same direction."""
    # Rank 1 is the top, so a smaller rank is a rise.
    step = (both["rank_announced"].astype(float) - both["rank_after"].astype(float)).to_numpy()
    was, now = both["figure_announced"].to_numpy(float), both[f"{figure}_after"].to_numpy(float, na_value=np.nan)
    move = now - was
    is_large = (np.abs(move) >= FIGURE_MOVE * np.maximum(np.abs(was), np.abs(now))) & (np.abs(step) >= RANK_MOVE)
    return np.where(is_large & (np.sign(step) == np.sign(move)), np.sign(np.nan_to_num(step)), 0.0)


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
    if "rank_announced" in before:
        both = both.join(before.set_index(key)[ANNOUNCED])
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
    """Name the measure that changed most in the direction of the change, if one did."""
    upward = np.where(changed["change"].isin(["entered", "rose"]), 1.0, -1.0)
    moves = np.stack([_relative_move(changed, column) for column in measures], axis=1) * upward[:, None]
    best = moves.argmax(axis=1)
    why = pd.Series(f"No real change of this {subject}'s own.", index=changed.index, dtype=object)
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
        changed[f"{column}_{side}"].astype(float).map(plain_number).astype(object) for side in ("before", "after")
    )
    return name[0].upper() + name[1:] + " went from " + before + " to " + after + "."


def _figure_sentence(changed: pd.DataFrame, kind: str) -> pd.Series:
    figure, name, unit = FIGURES[kind]
    was, now = (
        changed[column].astype(float).map(plain_number).astype(object)
        for column in ("figure_announced", f"{figure}_after")
    )
    since = changed["announced_on"].map(lambda day: f" since {day}" if pd.notna(day) else "").astype(object)
    return (name + " went from " + was + " to " + now + unit + since + ".").astype(object)


def plain_number(value: float) -> str:
    """Return a number with three significant digits, never with an exponent; whole and grouped from 100 on."""
    if not np.isfinite(value):
        return "unknown"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:.{max(0, 2 - floor(log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _regraded(changed: pd.DataFrame) -> pd.Series:
    """Return a sentence on a market's change of grade; empty without one."""
    nothing = pd.Series("", index=changed.index, dtype=object)
    if "grade_before" not in changed:
        return nothing
    before, after = changed["grade_before"].astype(object), changed["grade_after"].astype(object)
    return nothing.mask(_is_regraded(changed), " Its grade went from " + before + " to " + after + ".")


def _is_regraded(changed: pd.DataFrame) -> pd.Series:
    before, after = changed["grade_before"], changed["grade_after"]
    return before.notna() & after.notna() & (before.astype(object) != after.astype(object))


def _grade_step(changed: pd.DataFrame) -> pd.Series:
    """Return rose where the grade is worse than in the predecessor, else fell."""
    before, after = (changed[f"grade_{side}"].map(GRADES).astype(float) for side in ("before", "after"))
    return pd.Series(np.where(after > before, "rose", "fell"), index=changed.index)
