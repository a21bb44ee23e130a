"""Whether an operation helped: one answer, the cautious one, for every table and page that tells of it.

Better and worse need all ways of measuring whose assumptions hold to agree with each other, and neither the 500 m
around the market nor the harm that was reported to say the opposite. Anything else cannot be told.
"""

import numpy as np
import pandas as pd

from models.arrays import Row
from models.places.displacement import WHOLE

EARLIEST_DAYS = 28  # after fewer no operation is judged
FIRST = "difference_in_differences"  # the method whose figures are told where its assumptions hold
VERDICT_COLUMNS = ("market_id", "started_at", "answer", "measured")
NOT_LATEST = "only the latest operation at a market is measured, for a year"
OWN_COMPARISON = (
    "measured beside places without an operation that had about as many reports",
    "what was registered as comparison is for whoever evaluates it",
)
_WORDS = {"better": "better by more than chance", "worse": "worse by more than chance", "cannot_tell": "cannot tell"}


def judge_operations(
    operations: pd.DataFrame, effects: pd.DataFrame, displacement: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Return the verdict of each operation that started, in an answer and in words.

    Parameters
    ----------
    operations : DataFrame
        `models.operations.history.operations_of`.
    effects : DataFrame
        `models.effects.operation_effect.measure_effects`.
    displacement : DataFrame
        `models.places.displacement.measure_displacement`, whose harm at the market counts, too.
    as_of : Timestamp
        End of the reports.

    Returns
    -------
    DataFrame
        VERDICT_COLUMNS. answer is better, worse, cannot_tell or too_early (EARLIEST_DAYS); measured has reasons and
        figures.
    """
    begun = operations.dropna(subset=["market_id", "started_at"])
    rows = []
    for each in begun.to_dict("records"):
        days = (as_of - each["started_at"]) / pd.Timedelta(days=1)
        if days < EARLIEST_DAYS:
            told = f"too early to say: {EARLIEST_DAYS} days are needed, {int(days)} have passed"
            answer, measured = "too_early", told
        else:
            own, whole = _of(effects, each), _of(displacement, each)
            harm = whole[whole["split"] == WHOLE].to_dict("records")
            answer, measured = judge_operation(own, harm[0] if harm else {})
        rows.append({"market_id": each["market_id"], "started_at": each["started_at"], "answer": answer,
                     "measured": measured})  # fmt: skip
    return pd.DataFrame(rows, columns=[*VERDICT_COLUMNS])


def judge_operation(effects: pd.DataFrame, harm: Row) -> tuple[str, str]:
    """Return the answer of one operation after EARLIEST_DAYS, and the sentence that says it.

    Parameters
    ----------
    effects : DataFrame
        Its rows of `measure_effects`.
    harm : mapping
        harm_target_change_lo, harm_target_change_hi, in harm points; empty where it was not measured.
    """
    measured = effects.dropna(subset="finding")
    if measured.empty:
        why = _first(effects)["why"].removeprefix("not measured: ") if len(effects) else NOT_LATEST
        return "cannot_tell", f"cannot tell: {why}"
    sound = measured[~measured["is_doubtful"].astype(bool)]
    answer, because = _judged(sound, _sign(harm.get("harm_target_change_lo"), harm.get("harm_target_change_hi")))
    first = _first(sound if len(sound) else measured)
    return answer, "; ".join([f"{_WORDS[answer]}: {_figures(first)}", *because, *OWN_COMPARISON])


def _first(effects: pd.DataFrame) -> Row:
    row: Row = effects.sort_values("method", key=lambda name: name != FIRST, kind="stable").iloc[0].to_dict()
    return row


def _of(table: pd.DataFrame, operation: Row) -> pd.DataFrame:
    is_own = (table["market_id"] == operation["market_id"]) & (table["started_at"] == operation["started_at"])
    return table[is_own]


def _sign(low: float | None, high: float | None) -> int:
    """Return -1 where an interval lies below zero, 1 above, 0 else or where there is none."""
    if low is None or high is None:
        return 0
    return -1 if high < 0 else 1 if low > 0 else 0


def _judged(sound: pd.DataFrame, harm: int) -> tuple[str, list[str]]:
    """Return the answer, and what it rests on or what forbids a better one."""
    if sound.empty:
        return "cannot_tell", ["no way of measuring fits what was reported before it began"]
    here = [_sign(low, high) for low, high in sound[["change_lo", "change_hi"]].to_numpy().tolist()]
    around = [_sign(low, high) for low, high in sound[["net_change_lo", "net_change_hi"]].to_numpy(float).tolist()]
    way = here[0]
    if len(set(here)) > 1:
        return "cannot_tell", ["the ways of measuring do not agree"]
    if way == 0:
        of_harm = {-1: ["harm fell by more than chance, reports did not"],
                   1: ["harm rose by more than chance, reports did not"]}.get(harm, [])  # fmt: skip
        nearby = ["with 500 m around the market they rose by more than chance"] if 1 in around else []
        return "cannot_tell", [f"chance alone may explain it, {_least(sound)}", *nearby, *of_harm]
    if -way in around or (way < 0 and (sound["net_change"] >= 0).any()):
        return "cannot_tell", ["with 500 m around the market it is not so"]
    if harm == -way:
        return "cannot_tell", [f"but harm {'rose' if harm > 0 else 'fell'} by more than chance"]
    known = [] if sound["net_change"].notna().all() else ["whether it moved nearby could not be measured"]
    return ("better" if way < 0 else "worse"), known


def _figures(row: Row) -> str:
    middle, low, high = (f"{row[f'change{end}']:+.0f}" for end in ("", "_lo", "_hi"))
    return (
        f"{row['observed']} reports at the market in the first {row['window_days'] // 7} weeks, "
        f"{row['expected']:.0f} expected: {middle} (likely range {low} to {high})"
    )


def _least(sound: pd.DataFrame) -> str:
    """Return which fall would have been seen by the way of measuring that sees most."""
    least = sound["least_fall"].astype(float).min()
    deep = "no fall, however deep, would" if np.isnan(least) else f"a fall by {least:.0%} or more would likely"
    return f"{deep} have been seen"
