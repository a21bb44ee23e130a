"""The question of the day: areas by a chosen offence and shift, from planted rates."""

from dataclasses import replace

import numpy as np
import pandas as pd

from flows.home.settings import load_settings
from models.area_review.offence_ranking import offence_groups, rank_offences

CODEBOOK = pd.DataFrame(
    [
        ("burglary_home", "Home burglary", "property", "none", 200.0, "burglary"),
        ("burglary_shop", "Shop burglary", "property", "none", 100.0, "burglary"),
        ("rape", "Rape", "violence", "violence", 2000.0, ""),
        ("drug_possession", "Possession", "drugs", "none", 3.0, "burglary"),
        ("contact_stop", "Stop", "contact", "none", 0.0, ""),
        ("overdose", "Overdose", "health", "none", 0.0, ""),
    ],
    columns=["offence_code", "label", "category", "axis", "harm_days", "groups"],
).set_index("offence_code")
CONFIG = replace(load_settings(environment={}).places, draws=500, top_k=3)
AREAS = pd.DataFrame({"area_id": [f"a{i:02}" for i in range(20)]}).assign(area_name=lambda t: t["area_id"].str.upper())


def planted(
    mean: float, code: str = "burglary_home", shift: str = "all", seed: int = 1
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return counts of Poisson days, and the rate a day of each area; the last areas are the worst."""
    random, rates = np.random.default_rng(seed), mean * np.linspace(0.2, 3.0, len(AREAS))
    n = random.poisson(rates[:, None], (len(AREAS), CONFIG.learning_days))
    area, age = np.nonzero(n)
    rows = {"area_id": AREAS["area_id"].to_numpy()[area], "offence_code": code, "is_weapon": False,
            "is_weapon_injury": False, "shift": shift, "age_days": age, "n": n[area, age]}  # fmt: skip
    return pd.DataFrame(rows), rates


def rank(counts: pd.DataFrame) -> pd.DataFrame:
    return rank_offences(counts, AREAS, CODEBOOK, shifts=["late"], config=CONFIG, seed=7)


def test_planted_order_and_days_ahead_are_found() -> None:
    counts, rates = planted(0.5)
    rows = rank(counts).query("offence_group == 'burglary' and shift == 'all'").set_index("area_id")
    assert set(rows.nsmallest(3, "rank").index) <= {"a16", "a17", "a18", "a19"}
    assert np.corrcoef(rows["expected_count"].sort_index(), rates)[0, 1] > 0.95
    assert abs(rows["p_top_k"].sum() - 3) < 1e-9
    come = np.random.default_rng(5).poisson(30 * rates, (200, 20))
    by_area = rows.sort_index()
    held = (come >= by_area["expected_lo"].to_numpy()) & (come <= by_area["expected_hi"].to_numpy())
    assert 0.75 <= held.mean() <= 0.95


def test_few_reports_have_no_rank() -> None:
    rows = rank(planted(0.5)[0].head(25).assign(n=1, age_days=3))
    assert rows["rank"].isna().all()
    assert rows["p_top_k"].isna().all()
    assert rows["count_365_days"].gt(0).all()


def test_drugs_contacts_and_health_are_never_ranked() -> None:
    assert set(offence_groups(CODEBOOK)) == {"burglary_home", "burglary_shop", "rape", "burglary"}
    assert offence_groups(CODEBOOK)["burglary"] == ("Burglary", ["burglary_home", "burglary_shop"])
    refused = [planted(0.5, code)[0].assign(is_weapon=True) for code in ("drug_possession", "contact_stop", "overdose")]
    assert rank(pd.concat(refused)).empty


def test_offences_whose_time_may_not_be_told_have_no_shift() -> None:
    counts = pd.concat(
        [planted(0.5, code, shift)[0] for code in ("rape", "burglary_home") for shift in ("all", "late")]
    )
    assert set(rank(counts).groupby("offence_group")["shift"].unique().map(tuple).to_dict().items()) == {
        ("rape", ("all",)), ("burglary", ("all", "late")), ("burglary_home", ("all", "late")),
    }  # fmt: skip


def test_a_group_does_not_depend_on_others_nor_on_the_order_of_rows() -> None:
    counts, more = planted(0.5)[0], planted(0.3, "burglary_shop", seed=2)[0]
    alone, beside = (
        rank(rows).query("offence_group == 'burglary_home'") for rows in (counts, pd.concat([more, counts]))
    )
    pd.testing.assert_frame_equal(alone.reset_index(drop=True), beside.reset_index(drop=True))
    pd.testing.assert_frame_equal(rank(counts), rank(counts.sample(frac=1, random_state=3)))
