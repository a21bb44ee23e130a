"""How near the list is: the reports named bring the nearest area on, and the sentence says why nobody is."""

import pandas as pd
import pytest

from models.area_review.near_list import check_list, moves_in_if, near_line, nearest
from models.places.ranking import rank_areas
from tests.models.places.test_ranking import CODEBOOK, NO_EVIDENCE, config, events, hours

CONFIG = config(top_k=1, draws=1000)
STAFFING = hours(**dict.fromkeys("abcdef", 10.0))
CLOSE = events(*zip("abcdef", ["robbery"] * 6, [80, 79, 78, 77, 20, 5], strict=True))


def ranked(area_events: pd.DataFrame) -> pd.DataFrame:
    table = rank_areas(area_events, NO_EVIDENCE, CODEBOOK, STAFFING, config=CONFIG, seed=7)
    said = moves_in_if(table, area_events, CODEBOOK, STAFFING, config=CONFIG, seed=7)
    return table.assign(area_name=table["area_id"].str.upper(), moves_in_if=said)


def test_the_reports_named_bring_the_area_on_and_far_fewer_do_not() -> None:
    table = ranked(CLOSE)
    assert not table["is_listed"].any()
    first = table.iloc[0]
    count = int(first["moves_in_if"].split()[7].replace(",", ""))
    said = f"It would be on the list with {count} more reports of robbery in the last 30 days (there were 80)."
    assert first["moves_in_if"] == said

    def is_listed_with(more: int) -> bool:
        added = events((first["area_id"], "robbery", more)).assign(age_days=15)
        again = rank_areas(pd.concat([CLOSE, added]), NO_EVIDENCE, CODEBOOK, STAFFING, config=CONFIG, seed=7)
        return bool(again.set_index("area_id").loc[first["area_id"], "is_listed"])

    assert is_listed_with(2 * count)
    assert not is_listed_with(count // 2)
    assert table["moves_in_if"].notna().tolist() == [True] * 3 + [False] * 3


def test_an_empty_list_says_who_is_nearest_how_near_and_why_nobody_is_on() -> None:
    table = ranked(CLOSE)
    summary = pd.DataFrame(
        {"variant": ["published", "x", "y"], "meaning": ["", "half-life 90 days", "equal weights of the measures"],
         "largest_p_top_k": [0.3, 0.25, 0.41]}
    )  # fmt: skip
    check = check_list(table, summary, top_k=1, list_enter=0.6).iloc[0]
    assert check["outcome"] == "warning"
    name, chance = table.iloc[0]["area_name"], table.iloc[0]["p_top_k"]
    start = (
        f"No area is on the list; the nearest is {name}, with a chance of {chance:.0%} of being among the 1 worst (the "
    )
    assert check["detail"].startswith(start + "list begins at 60%). " + table.iloc[0]["moves_in_if"])
    some = int((table["p_top_k"] > 0.1).sum())
    assert f"{some} areas have a chance above 10% and lie too close together" in check["detail"]
    assert "from 25% (half-life 90 days) to 41% (equal weights of the measures)" in check["detail"]


def test_beside_a_list_the_next_area_is_named_without_a_warning() -> None:
    table = ranked(events(("a", "robbery", 900), ("b", "robbery", 30), ("c", "robbery", 1)))
    checks = check_list(table, None, top_k=1, list_enter=0.6)
    assert checks["outcome"].tolist() == ["passed"]
    assert (near_line(checks) or "").startswith("Next on the list is B, with a chance of")
    assert near_line(check_list(table, None, top_k=1, list_enter=0.6, area_set="beat")) is None
    assert nearest(table)["area_id"].tolist() == ["b", "c"]  # the others have no incident


def test_what_the_police_discovered_is_not_among_the_reports_there_were() -> None:
    codebook = CODEBOOK.rename(index={"antisocial_behaviour": "drug_dealing_report"})
    area_events = CLOSE.assign(offence_code="drug_dealing_report")
    found = area_events.assign(discovery="police", n=500)
    table = rank_areas(area_events, NO_EVIDENCE, codebook, STAFFING, config=CONFIG, seed=7)
    both = pd.concat([area_events, found])
    said = moves_in_if(table, both, codebook, STAFFING, config=CONFIG, seed=7).iloc[0]
    assert "more reports of drug dealing in the last 30 days" in said
    assert "(there were 80)" in said or "(there were 79)" in said


@pytest.mark.parametrize("top_k", [6, 9])
def test_a_list_that_cannot_choose_has_nobody_near(top_k: int) -> None:
    assert check_list(ranked(CLOSE), None, top_k=top_k, list_enter=0.6).empty


def test_an_empty_list_of_areas_that_the_rates_tell_apart_does_not_call_them_close() -> None:
    table = ranked(CLOSE).assign(p_top_k_now=[0.99, *[0.0] * 5], is_listed=False)
    check = check_list(table, None, top_k=1, list_enter=0.6, area_set="beat").iloc[0]
    assert "too close together" not in check["detail"]
    assert "By the level of harm now 1 would be among the 1 worst with a chance of at least 60%" in check["detail"]
    assert check["way_out"] == "The limits stay as they are."  # table sensitivity is of the main set
