"""What the methods say together."""

import numpy as np
import pandas as pd
import pytest

from models.effects.agreement import together


@pytest.mark.parametrize(
    ("findings", "doubtful", "expected"),
    [
        ([None, None, None], 0, "No method could measure it: nothing can be said."),
        (["fall"] * 3, 0, "All 3 methods find a fall beyond chance."),
        (["rise"] * 3, 1, "All 3 methods find a rise beyond chance. The assumptions of 1 of 3 are in doubt."),
        (["fall", None, None], 0, "One method could measure, and it finds a fall beyond chance."),
        (["fall", "undecided", "undecided"], 0,
         "1 of 3 methods find a fall beyond chance, the others cannot tell: weak evidence."),
        (["fall", "rise", "undecided"], 0,
         "The methods contradict each other: 1 find a fall, 1 a rise. Take it as undecided."),
        (["undecided", "undecided", None], 0,
         "Undecided by all 2 methods: no change can be told from chance."),
        (["undecided", None, None], 0,
         "Undecided: the one method that could measure cannot tell a change from chance."),
    ],
)  # fmt: skip
def test_agreement_and_disagreement_are_said(findings: list[str | None], doubtful: int, expected: str) -> None:
    rows = pd.DataFrame({"finding": findings, "change": -1.0, "is_doubtful": np.arange(len(findings)) < doubtful})
    assert together(rows) == expected
