"""A guess about a file: what was decided, what was seen, and how sure it is."""

from dataclasses import dataclass
from typing import Literal

Sureness = Literal["sure", "likely", "check"]


@dataclass(frozen=True, slots=True)
class Guess:
    """One decision, in words for people; `value` is what the written files say."""

    about: str  # our column or setting: `occurred_at`, `time_zone`
    value: str
    saw: str
    sureness: Sureness

    def line(self) -> str:
        """Return one line: what, how sure, what was seen."""
        return f"{self.about}: {self.value} ({self.sureness}; {self.saw})"


def graded(name: float, values: float) -> Sureness:
    """Return how sure a guess is by the strength of the column's name and the share of its values that fit, 0 to 1."""
    if name >= 0.9 and values >= 0.98:
        return "sure"
    return "likely" if name >= 0.5 and values >= 0.9 else "check"
