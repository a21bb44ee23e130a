"""What the methods say together."""

import numpy as np
import pandas as pd
import pytest

from models.effects.agreement import together


@pytest.mark.parametrize(
    ("findings", "doubtful", "expected"),
    [
        ([None, None, None], 0, "nothing can be said: no method could measure it"),
        (["fall"] * 3, 0, "all 3 methods agree on a fall beyond chance"),
        (["rise"] * 3, 1, "all 3 methods agree on a rise beyond chance; the assumptions of 1 of 3 are in doubt"),
        (["fall", None, None], 0, "the only method that could measure says a fall beyond chance"),
        (["fall", "undecided", "undecided"], 0, "1 of 3 methods say a fall, the rest cannot tell: weak evidence"),
        (["fall", "rise", "undecided"], 0,
         "the methods contradict each other: 1 say a fall, 1 a rise; take it as undecided"),
        (["undecided", "undecided", None], 0,
         "undecided by every one of 2 methods: no change can be told from chance"),
    ],
)  # fmt: skip
def test_agreement_and_disagreement_are_said(findings: list[str | None], doubtful: int, expected: str) -> None:
    rows = pd.DataFrame({"finding": findings, "change": -1.0, "is_doubtful": np.arange(len(findings)) < doubtful})
    assert together(rows) == expected
