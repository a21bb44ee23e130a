"""One verdict per operation, the cautious one."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.effects.verdict import EARLIEST_DAYS, NOT_LATEST, OWN_COMPARISON, judge_operation, judge_operations

START = pd.Timestamp("2026-02-10", tz="UTC")
METHODS = ("interrupted_time_series", "difference_in_differences", "synthetic_control")
FALL, RISE, NEITHER = (-60.0, -20.0), (20.0, 60.0), (-30.0, 20.0)
NONE = (np.nan, np.nan)
HARM = {"harm_target_change_lo": np.nan, "harm_target_change_hi": np.nan}


def ways(
    *changes: tuple[float, float], net: tuple[float, float] = FALL, doubtful: tuple[int, ...] = ()
) -> pd.DataFrame:
    """Return rows of operation_effect, one per interval of the change; NONE is not measured."""
    rows = []
    for number, (low, high) in enumerate(changes):
        is_measured = not np.isnan(low)
        rows.append(
            {
                **{"market_id": "market_1_1", "started_at": START, "method": METHODS[number], "window_days": 63},
                **{"observed": 58, "expected": 98.0, "change": (low + high) / 2, "change_lo": low, "change_hi": high},
                **{"net_change": sum(net) / 2, "net_change_lo": net[0], "net_change_hi": net[1], "least_fall": 0.35},
                **{"finding": ("fall" if high < 0 else "rise" if low > 0 else "undecided") if is_measured else None},
                **{"is_doubtful": number in doubtful, "why": "not measured: no place to compare with"},
            }
        )
    return pd.DataFrame(rows)


def harm(low: float, high: float) -> dict[str, float]:
    return {"harm_target_change_lo": low, "harm_target_change_hi": high}


CASES = [
    (
        ways(FALL, FALL, FALL),
        HARM,
        "better",
        "better by more than chance: 58 reports at the market in the first 9 weeks, ",
    ),
    (ways(FALL, FALL), harm(-9, 3), "better", "98 expected: -40 (likely range -60 to -20)"),
    (ways(RISE, RISE, net=RISE), {}, "worse", "worse by more than chance"),
    (ways(FALL, NEITHER), HARM, "cannot_tell", "the ways of measuring do not agree"),
    (ways(FALL, RISE), HARM, "cannot_tell", "the ways of measuring do not agree"),
    (
        ways(NEITHER, NEITHER),
        HARM,
        "cannot_tell",
        "chance alone may explain it, a fall by 35% or more would likely",
    ),
    (ways(NEITHER), harm(5, 90), "cannot_tell", "harm rose by more than chance, reports did not"),
    (ways(FALL, FALL), harm(5, 90), "cannot_tell", "but harm rose by more than chance"),
    (ways(RISE, RISE, doubtful=(0, 1)), harm(5, 90), "cannot_tell", "no way of measuring fits"),
    (ways(RISE, FALL, doubtful=(0,)), HARM, "better", "better by more than chance"),
    (ways(FALL, net=RISE), HARM, "cannot_tell", "with 500 m around the market it is not so"),
    (ways(FALL, net=(-9.0, 30.0)), HARM, "cannot_tell", "with 500 m around the market it is not so"),
    (ways(FALL, net=NONE), HARM, "better", "whether it moved nearby could not be measured"),
    (ways(NONE, NONE), harm(5, 90), "cannot_tell", "cannot tell: no place to compare with"),
    (ways(), harm(5, 90), "cannot_tell", NOT_LATEST),
]


@pytest.mark.parametrize(("effects", "of_harm", "answer", "words"), CASES)
def test_better_and_worse_need_agreement_and_all_else_cannot_be_told(
    effects: pd.DataFrame, of_harm: dict[str, float], answer: str, words: str
) -> None:
    if effects.empty:
        effects = ways(FALL)[:0]
    found, told = judge_operation(effects, of_harm)
    assert (found, words in told) == (answer, True), told
    assert not any(name.replace("_", " ") in told for name in METHODS) and "80%" not in told
    assert told.endswith("; ".join(OWN_COMPARISON)) or effects["finding"].isna().all()


@given(st.lists(st.sampled_from([FALL, RISE, NEITHER, NONE]), min_size=1, max_size=3), st.sets(st.integers(0, 2)))
def test_no_doubt_and_no_missing_figure_ever_makes_an_answer_surer(
    changes: list[tuple[float, float]], doubtful: set[int]
) -> None:
    """With any interval of harm, better and worse are never both possible, and need a sound way that says so."""
    effects = ways(*changes, net=NONE, doubtful=tuple(doubtful))
    sound = {interval for number, interval in enumerate(changes) if number not in doubtful} - {NONE}
    answers = {judge_operation(effects, harm(*of_harm))[0] for of_harm in (FALL, RISE, NEITHER, NONE)}
    assert ("better" in answers) == (sound == {FALL})
    assert ("worse" in answers) == (sound == {RISE})


def test_before_28_days_it_is_too_early_to_say_whatever_was_measured() -> None:
    begun = pd.DataFrame({"market_id": ["market_1_1"], "started_at": [START]})
    displacement = pd.DataFrame([{"market_id": "market_1_1", "started_at": START, "split": "all", **harm(5, 90)}])

    def told(days: int, effects: pd.DataFrame) -> dict[str, Any]:
        verdicts = judge_operations(begun, effects, displacement, START + pd.Timedelta(days=days))
        return verdicts.to_dict("records")[0]

    for days, changes in product((0, 9, EARLIEST_DAYS - 1), (FALL, RISE)):
        early = told(days, ways(changes, changes))
        assert early["answer"] == "too_early"
        assert early["measured"] == f"too early to say: 28 days are needed, {days} have passed"
    assert told(EARLIEST_DAYS, ways(RISE, RISE, net=RISE))["answer"] == "worse"
    assert told(EARLIEST_DAYS, ways(FALL, FALL))["answer"] == "cannot_tell"  # harm rose
    later = pd.DataFrame({"market_id": ["market_1_1"], "started_at": [pd.NaT]})
    assert judge_operations(later, ways(FALL), displacement, START).empty
