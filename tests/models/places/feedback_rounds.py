"""A minimal town, round after round: incidents, ranking, hours by the plan, and what officers then discover.

The loop of Ensign et al. (2018, Proceedings of Machine Learning Research 81): officers find more where more of them
are. Reports by the public follow the true rates alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.operations.allocation import AllocationConfig, allocate
from models.places.ranking import rank_areas
from tests.models.places.test_ranking import CODEBOOK, NO_EVIDENCE, config

WEEK = 7
OFFENCE = "robbery"
HOURS_A_DAY = 80.0  # of the whole town
REPORTED_A_DAY = 12.0  # incidents of the whole town
FOUND_AN_HOUR = 0.3  # where the rate is the mean of the town's areas
PLACES = config(draws=100)
PLAN = AllocationConfig(floor_share=0.5, ceiling_share=2.0, averted_share=0.2, equity_cap_ratio=1.0)

Week = dict[str, Any]  # incidents [areas] by who a source says found them
# What a round publishes by area_id: harm_per_day and marginal_hours. It gets the weeks, latest first, and the hours.
Publish = Callable[[list[Week], pd.Series], pd.DataFrame]


@dataclass(frozen=True)
class Town:
    """Areas with their shares of the true rate; `discovered_as` is what a source calls that which police discover."""

    shares: Sequence[float]
    discovered_as: str = "police"

    @property
    def area_ids(self) -> pd.Index:
        """The ids, by area."""
        return pd.Index([f"area-{number}" for number in range(len(self.shares))], name="area_id")

    def week(self, hours: pd.Series, random: np.random.Generator) -> Week:
        """Draw the incidents of a week."""
        truth = np.array(self.shares)
        found = random.poisson(WEEK * FOUND_AN_HOUR * hours.to_numpy() * truth * len(truth))
        reported = random.poisson(WEEK * REPORTED_A_DAY * truth)
        return {"public": reported + (found if self.discovered_as == "public" else 0), "police": found}


def play(town: Town, *, rounds: int, seed: int, publish: Publish | None = None) -> Iterator[pd.Series]:
    """Yield the share of harm that each week's ranking gives each area, by area_id.

    Hours begin evenly and then follow the plan that averts most harm; the plan of a week starts from the hours of the
    week before.
    """
    publish = publish or ranked_and_planned(town, seed)
    random = np.random.default_rng(seed)
    hours = pd.Series(HOURS_A_DAY / len(town.shares), town.area_ids)
    weeks = PLACES.learning_days // WEEK
    past = [town.week(hours, random) for _ in range(weeks)]
    for _ in range(rounds):
        published = publish(past, hours)
        yield published["harm_per_day"] / published["harm_per_day"].sum()
        hours = published["marginal_hours"]
        past = [town.week(hours, random), *past[: weeks - 1]]


def ranked_and_planned(town: Town, seed: int) -> Publish:
    """Return the ranking and the plan of officers, without files around them."""

    def publish(past: list[Week], hours: pd.Series) -> pd.DataFrame:
        events = pd.DataFrame(
            [
                (area, OFFENCE, discovery, WEEK * age + 3, n)
                for age, week in enumerate(past)
                for discovery, counts in counted(town, week).items()
                for area, n in zip(town.area_ids, counts, strict=True)
            ],
            columns=["area_id", "offence_code", "discovery", "age_days", "n"],
        ).assign(is_minor_used_by_adult=False)
        staff = hours.rename("hours_per_day").reset_index().assign(is_assumed=False)
        ranked = rank_areas(events, NO_EVIDENCE, CODEBOOK, staff, config=PLACES, seed=seed)
        ranked = ranked.set_index("area_id").reindex(town.area_ids)
        counted_a_day = ranked["public_count"] / PLACES.window_days
        plan = allocate(counted_a_day, ranked["harm_per_day"], hours, config=PLAN).areas.set_index("area_id")
        return ranked[["harm_per_day"]].join(plan["marginal_hours"])

    return publish


def counted(town: Town, week: Week) -> Week:
    """Return a week's incidents by discovery as the source gives them: each incident once."""
    return {"public": week["public"]} if town.discovered_as == "public" else week
