"""Weekly reports at places around one starting date, and what a method expects of them after it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import Bools, Floats


@dataclass(frozen=True, slots=True)
class Series:
    """Reports by place and week; `is_placebo` marks the places where nothing was done."""

    before: Floats  # (places, weeks before the start), oldest first
    after: Floats  # (places, weeks since)
    is_placebo: Bools
    is_apart: Bools  # (places, places): whether their rings share no ground

    @property
    def others(self) -> Floats:
        """1 where a place (row) is compared with another (column), 0 with itself and with those whose rings it shares.

        Placebos lie apart from the operation's place, and neighbours move alike: held against its neighbours a placebo
        would depart less than the operation's place can. That place is among the others of its placebos: else they
        would be compared with one place fewer.
        """
        return (self.is_apart & ~np.eye(len(self.before), dtype=bool)).astype(np.float64)


Expect = Callable[[Series], Floats]  # reports expected had nothing been done: (places, weeks since)
