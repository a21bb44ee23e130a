"""The release test of feedback: where officers are and what they find moves no ranking, however long it goes on.

A ranking that counts what police discover leaves the truth within a year, so this test can fail.
"""

import pandas as pd
import pytest

from tests.models.places.feedback_rounds import Town, play
from tests.soak import sample

ROUNDS, SEEDS = sample((26, 2), whole=(500, 10))
TOLERATED = 0.05  # of the true share, in either direction
TOWNS = [(0.5, 0.5), (0.6, 0.4), (0.25, 0.25, 0.25, 0.25)]

pytestmark = pytest.mark.sampled


def furthest(town: Town, seed: int) -> pd.Series:
    """Return how far from the truth the shares of each round are, at most over areas."""
    shares = pd.DataFrame(list(play(town, rounds=ROUNDS, seed=seed)))
    return (shares - list(town.shares)).abs().max(axis=1).reset_index(drop=True)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("shares", TOWNS)
def test_published_shares_stay_at_the_truth(shares: tuple[float, ...], seed: int) -> None:
    assert furthest(Town(shares), seed).max() <= TOLERATED


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("shares", TOWNS)
def test_a_ranking_of_what_police_discover_runs_away_from_it(shares: tuple[float, ...], seed: int) -> None:
    """A source that calls discoveries reports of the public: no setting allows it, and this is why."""
    off = furthest(Town(shares, discovered_as="public"), seed)
    assert off.iloc[-1] > 2 * TOLERATED
    assert off.iloc[-1] > off.iloc[0]
