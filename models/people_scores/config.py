"""Settings of the scores and lists of people."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.checks import expect
from models.people_scores.evidence import AXES


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """Settings of the lists of people; configs/default.yaml gives meanings and units beside the defaults."""

    window_days: int
    half_life_days: float
    top_k: int
    top_share: float
    draws: int
    concentration: float
    weights: Mapping[str, float]
    target_probability: float
    warn_probability: float
    leave_margin: float
    minimum_exposure_days: float
    term_days: int
    call_in_size: int
    attendance_probability: float

    def __post_init__(self) -> None:
        counts = "window_days half_life_days top_k draws concentration minimum_exposure_days term_days"
        for name in counts.split():
            expect(getattr(self, name) > 0, "", self, name, "a number above zero")
        is_per_axis = set(self.weights) == set(AXES) and all(weight >= 0 for weight in self.weights.values())
        expect(is_per_axis, "", self, "weights", f"{', '.join(AXES)}, each zero or more")
        expect(sum(self.weights.values()) > 0, "", self, "weights", "at least one above zero")
        expect(0 < self.top_share <= 1, "", self, "top_share", "a share above zero and at most one")
        is_in_order = 0 < self.warn_probability <= self.target_probability <= 1
        in_order = "probabilities above zero, the first no greater than the second"
        expect(is_in_order, "", self, "warn_probability target_probability", in_order)
        is_call_in = self.call_in_size >= 1 and 0 < self.attendance_probability <= 1
        call_in = "a whole number of at least one and a probability above zero"
        expect(is_call_in, "", self, "call_in_size attendance_probability", call_in)
        is_less = 0 <= self.leave_margin < self.warn_probability
        expect(is_less, "", self, "leave_margin", "zero or more and less than warn_probability")

    @property
    def axis_weights(self) -> list[float]:
        """Weights in the order of AXES."""
        return [self.weights[axis] for axis in AXES]
