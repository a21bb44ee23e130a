"""Settings of the scores and lists of people."""

from collections.abc import Mapping
from dataclasses import dataclass

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
        for name in (
            "window_days",
            "half_life_days",
            "top_k",
            "draws",
            "concentration",
            "minimum_exposure_days",
            "term_days",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: expected a number above zero")
        if set(self.weights) != set(AXES) or not all(weight >= 0 for weight in self.weights.values()):
            raise ValueError(f"weights={dict(self.weights)!r}: expected {', '.join(AXES)}, each zero or more")
        if not sum(self.weights.values()) > 0:
            raise ValueError(f"weights={dict(self.weights)!r}: expected at least one above zero")
        if not 0 < self.top_share <= 1:
            raise ValueError(f"top_share={self.top_share!r}: expected a share above zero and at most one")
        if not 0 < self.warn_probability <= self.target_probability <= 1:
            raise ValueError(
                f"warn_probability={self.warn_probability!r} and target_probability={self.target_probability!r}: "
                "expected probabilities above zero, the first no greater than the second"
            )
        if not self.call_in_size >= 1 or not 0 < self.attendance_probability <= 1:
            raise ValueError(
                f"call_in_size={self.call_in_size!r} and attendance_probability={self.attendance_probability!r}: "
                "expected a whole number of at least one and a probability above zero"
            )
        if not 0 <= self.leave_margin < self.warn_probability:
            raise ValueError(
                f"leave_margin={self.leave_margin!r}: expected zero or more and less than warn_probability"
            )

    @property
    def axis_weights(self) -> list[float]:
        """Weights in the order of AXES."""
        return [self.weights[axis] for axis in AXES]
