"""Areas kept up to date are, to the bit, those of all events at once with the same priors."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.area_review.live_areas import LiveAreas
from models.places.ranking import draw_areas, fit_band_priors, rank_drawn
from tests.models.places.test_ranking import CODEBOOK, config, hours

COLUMNS = ["area_id", "offence_code", "discovery", "is_minor_used_by_adult", "age_days"]
SHOWN = ["area_id", "rank", "p_top_k", "score", "is_listed", "harm_per_day"]
STAFFING = hours(a=10.0, b=0.0, c=20.0, d=5.0)
CONFIG = config(draws=50, top_k=2)


def some(seed: int, n: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "area_id": rng.choice(["a", "b", "c", "d"], n),
            "offence_code": rng.choice(CODEBOOK.index, n),
            "discovery": rng.choice(["public", "police", "partner", "sensor"], n),
            "is_minor_used_by_adult": rng.random(n) < 0.2,
            "age_days": rng.choice([-1, 0, 1, 30, 364, 365, 900], n),
        }
    )


def counted(incidents: pd.DataFrame) -> pd.DataFrame:
    return incidents.groupby(COLUMNS).size().rename("n").reset_index()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999))
def test_change_by_change_the_ranking_is_that_of_all_events_at_once(seed: int) -> None:
    rng, before = np.random.default_rng(seed), some(seed, 200)
    priors = fit_band_priors(counted(before), CODEBOOK, STAFFING, config=CONFIG)
    live, held = LiveAreas(counted(before), CODEBOOK, STAFFING, config=CONFIG, seed=3), before
    for change in range(4):
        gone, come = held.sample(8, random_state=rng.integers(1 << 30)), some(1000 * seed + change, 8)
        live.change(pd.concat([gone.assign(n=-1), come.assign(n=1)]))
        held = pd.concat([held.drop(gone.index), come], ignore_index=True)
        drawn = draw_areas(counted(held), CODEBOOK, STAFFING, config=CONFIG, seed=3, band_priors=priors)
        listed = frozenset({"a", "c"})
        at_once = rank_drawn(drawn, config=CONFIG, seed=3, previously_listed=listed)
        pd.testing.assert_frame_equal(live.rank(listed)[SHOWN], at_once[SHOWN], check_exact=True)


def test_an_incident_before_the_window_counts_nowhere_whatever_its_offence() -> None:
    """The codebook of the run need not know an offence that entered it later."""
    live = LiveAreas(counted(some(1, 50)), CODEBOOK, STAFFING, config=CONFIG, seed=3)
    before = live.rank(frozenset())
    batch = pd.concat([some(2, 1).assign(offence_code="mischief", age_days=age) for age in (CONFIG.window_days, 900)])
    live.change(batch.assign(n=1))
    pd.testing.assert_frame_equal(live.rank(frozenset()), before, check_exact=True)


@pytest.mark.parametrize(("column", "value"), [("area_id", "z"), ("offence_code", "mischief")])
def test_what_the_run_does_not_know_is_refused(column: str, value: str) -> None:
    live = LiveAreas(counted(some(1, 50)), CODEBOOK, STAFFING, config=CONFIG, seed=3)
    with pytest.raises(ValueError, match=f"area_events: {column} '{value}' is not known to the run"):
        live.change(some(2, 1).assign(n=1, age_days=1, **{column: value}))


def test_areas_with_sizes_are_kept_up_to_date_by_rates_per_size() -> None:
    sized = STAFFING.assign(size=[1.0, 0.2, 5.0, None])
    before, come = some(1, 200), some(2, 20)
    live = LiveAreas(counted(before), CODEBOOK, sized, config=CONFIG, seed=3)
    live.change(counted(come))
    priors = fit_band_priors(counted(before), CODEBOOK, sized, config=CONFIG)
    held = counted(pd.concat([before, come]))
    drawn = draw_areas(held, CODEBOOK, sized, config=CONFIG, seed=3, band_priors=priors)
    at_once = rank_drawn(drawn, config=CONFIG, seed=3, previously_listed=frozenset())
    pd.testing.assert_frame_equal(live.rank(frozenset())[SHOWN], at_once[SHOWN], check_exact=True)
    assert at_once.set_index("area_id").loc["d", ["rank", "p_top_k", "is_listed"]].tolist() == [4, 0, False]
