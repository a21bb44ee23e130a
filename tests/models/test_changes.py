import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.changes import MEASURES, person_changes, place_changes, plain_number, with_announced, with_rank_before

TABLES = yaml.safe_load((Path(__file__).parents[2] / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))
# The run adds the outline.
CHANGE_COLUMNS = [
    name for name in TABLES["published"]["place_change"]["columns"] if name not in ("geometry_wkb", "place")
]
AREA = ["area_id", "rank", "is_listed", "violence_per_day", "disorder_per_day", "minors_per_day"]
TIER = ["person_id", "tier", "score", "p_top_k", "violence_share", "disorder_share", "minors_share"]


def areas(*rows: tuple[str, int, bool, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=AREA).assign(
        crimes_per_officer_hour=float("nan"),
        harm_per_day=lambda table: table["violence_per_day"] + table["disorder_per_day"],
    )


def tiers(*rows: tuple[str, str, float, float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=TIER)


def test_areas_by_hand() -> None:
    """The list is told always; ranks alone, a small move, or one against the rank are not."""
    before = areas(
        ("a", 1, True, 9.0, 1.0, 0.0),
        ("b", 2, False, 4.0, 1.0, 0.0),
        ("passed", 3, False, 2.0, 1.0, 0.0),
        ("small", 4, False, 10.0, 1.0, 0.0),
        ("old", 5, False, 0.0, 0.0, 0.0),
        ("same", 6, False, 1.0, 0.0, 0.0),
        ("up", 9, False, 1000.0, 230.0, 0.0),
    )
    after = areas(
        ("a", 2, False, 5.0, 1.0, 0.0),
        ("b", 1, True, 8.0, 1.1, 0.0),
        ("passed", 7, False, 2.0, 1.0, 0.0),
        ("small", 8, False, 9.0, 1.0, 0.0),
        ("new", 5, False, 0.0, 0.0, 0.0),
        ("same", 5, False, 4.0, 3.0, 0.0),
        ("up", 3, False, 1300.0, 240.0, 0.0),
    )
    changes = place_changes(before, after, "area").set_index("place_id")
    assert changes["change"].to_dict() == {"a": "left", "b": "entered", "new": "entered", "old": "left", "up": "rose"}
    assert changes["why"].to_dict() == {
        "a": "Violence, in harm points a day, went from 9 to 5.",
        "b": "Violence, in harm points a day, went from 4 to 8.",
        "new": "This place was not in the run before.",
        "old": "This place meets no test for the table any more.",
        "up": "Harm went from 1,230 to 1,540 harm points a day.",
    }
    assert changes.loc["b", ["rank_before", "rank_after"]].tolist() == [2, 1]
    assert changes.loc["up", ["rank_announced", "rank_before", "rank_after"]].tolist() == [9, 9, 3]
    assert pd.isna(changes.loc["new", "rank_before"])
    assert pd.isna(changes.loc["old", "rank_after"])


def mornings(*steps: tuple[int, float]) -> list[tuple[str, str]]:
    """Return what is announced of a hot spot with these ranks and days of harm, morning by morning."""
    told, before = [], None
    for day, (rank, harm_days) in enumerate(steps, 1):
        after = pd.DataFrame({"hotspot_id": ["h"], "rank": [rank], "harm_days": [harm_days], "cell_count": [4]})
        changes = place_changes(after if before is None else before, after, "hotspot")
        told += [(change, why) for change, why in zip(changes["change"], changes["why"], strict=True)]
        before = with_announced(after, before, changes, "hotspot", date(2019, 11, day))
    return told


def test_a_slow_drift_is_announced_once_and_from_where_it_began() -> None:
    assert mornings((9, 100.0), (8, 108.0), (7, 117.0), (6, 126.0), (5, 130.0), (5, 133.0)) == [
        ("rose", "Harm went from 100 to 126 harm points since 2019-11-01.")
    ]


def test_a_place_that_goes_to_and_fro_is_not_announced() -> None:
    assert mornings(*[(4, 118.0), (6, 100.0)] * 5) == []


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 30), st.floats(1.0, 1000.0)), min_size=2, max_size=8))
def test_what_is_announced_has_moved_by_a_fifth_and_two_ranks_since_the_announcement_before(
    steps: list[tuple[int, float]],
) -> None:
    told_rank, told_harm = steps[0]
    expected = []
    for rank, harm in steps[1:]:
        is_large = abs(harm - told_harm) >= 0.2 * max(harm, told_harm) and abs(rank - told_rank) >= 2
        if is_large and (harm > told_harm) == (rank < told_rank):
            expected.append("rose" if harm > told_harm else "fell")
            told_rank, told_harm = rank, harm
    assert [change for change, _ in mornings(*steps)] == expected


@given(st.floats(0, 1e12))
def test_numbers_are_plain(value: float) -> None:
    text = plain_number(value)
    assert re.fullmatch(r"[0-9,]+(\.[0-9]+)?", text)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.005, abs=1e-300 if value >= 1e-300 else 1e-299)


@pytest.mark.parametrize(
    ("value", "text"), [(1234.4, "1,234"), (99.97, "100"), (12.34, "12.3"), (0.81, "0.81"), (0, "0")]
)
def test_numbers_by_hand(value: float, text: str) -> None:
    assert plain_number(value) == text


def test_a_market_that_changes_grade_says_so() -> None:
    columns = {column: [1.0] for column in MEASURES["market"]}
    before = pd.DataFrame({"market_id": ["m"], "rank": [2], "grade": ["suspected"], "score": [0.4], **columns})
    after = before.assign(rank=1, grade="flagrant", caller_count=12.0)
    changes = place_changes(before, after, "market")
    assert changes["why"].tolist() == [
        "The score of the market went from 0.4 to 0.4. Its grade went from suspected to flagrant."
    ]
    assert list(changes.columns) == CHANGE_COLUMNS
    assert place_changes(before[:0], after, "market")["change"].tolist() == ["entered"]
    assert place_changes(before, after[:0], "market")["change"].tolist() == ["left"]


def test_unchanged_and_empty_runs_say_nothing() -> None:
    table = pd.DataFrame({"hotspot_id": ["h"], "rank": [1], "harm_days": [3.0], "cell_count": [2]})
    for before, after in ((table, table), (table[:0], table[:0])):
        changes = place_changes(before, after, "hotspot")
        assert changes.empty
        assert list(changes.columns) == CHANGE_COLUMNS


def test_two_runs_without_people_say_nothing() -> None:
    """As they come from a publication: no rows, and text columns that know they hold text."""
    none = tiers().astype({"person_id": "str", "tier": "str"})
    assert person_changes(none, none, pd.Series(dtype=object)).empty


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="kind='street'"):
        place_changes(areas(), areas(), "street")


def test_people_by_hand() -> None:
    before = tiers(
        ("p1", "warn", 0.5, 0.5, 0.6, 0.2, 0.2),
        ("p2", "target", 0.9, 0.9, 0.6, 0.2, 0.2),
        ("p3", "target", 0.9, 0.9, 0.6, 0.2, 0.2),
        ("p4", "warn", 0.4, 0.5, 0.6, 0.2, 0.2),
    )
    after = tiers(
        ("p1", "target", 0.9, 0.5, 0.9, 0.05, 0.05),
        ("p2", "warn", 0.9, 0.6, 0.6, 0.2, 0.2),
        ("p4", "warn", 0.6, 0.6, 0.6, 0.2, 0.2),
        ("p5", "warn", 0.6, 0.6, 0.6, 0.2, 0.2),
    )
    why = pd.Series({"p1": "So it is.", "p3": "The person has died.", "p5": "Likely among the worst."})
    changes = person_changes(before, after, why).set_index("person_id")
    assert changes["change"].to_dict() == {"p1": "rose", "p2": "fell", "p3": "left", "p5": "entered"}
    assert changes.loc["p1", "why"] == "So it is. The violence part of the score went from 0.3 to 0.81."
    assert changes.loc["p2", "why"] == "The chance of being in the top K went from 0.9 to 0.6."
    assert changes.loc[["p3", "p5"], "why"].tolist() == [why["p3"], why["p5"]]
    assert changes.loc["p1", ["tier_before", "tier_after"]].tolist() == ["warn", "target"]
    assert pd.isna(changes.loc["p3", "tier_after"])
    assert list(changes.reset_index().columns) == [*TABLES["restricted"]["person_change"]["columns"]]
    assert not changes["why"].str.contains("p[0-9]", regex=True).any()


def test_a_place_keeps_its_rank_of_the_run_before() -> None:
    after = pd.DataFrame({"cell_id": ["new", "a", "b", "same"], "rank": [1, 2, 3, 4]})
    before = pd.DataFrame({"cell_id": ["a", "b", "same", "gone"], "rank": [5, 1, 4, 2]})
    moved = with_rank_before(after, before, ["cell_id"]).set_index("cell_id")
    assert moved["rank_before"].dropna().to_dict() == {"a": 5, "b": 1, "same": 4}
    assert moved["rank_change"].dropna().to_dict() == {"a": 3, "b": -2, "same": 0}
    assert moved.loc["new", ["rank_before", "rank_change"]].isna().all()
    assert moved["rank"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "before", [None, pd.DataFrame({"cell_id": pd.Series(dtype="str"), "rank": pd.Series(dtype="Int32")})]
)
def test_without_a_run_before_nothing_has_moved(before: pd.DataFrame | None) -> None:
    moved = with_rank_before(pd.DataFrame({"cell_id": ["a"], "rank": [1]}), before, ["cell_id"])
    assert moved[["rank_before", "rank_change"]].isna().all(axis=None)
    assert moved.dtypes[["rank_before", "rank_change"]].astype(str).tolist() == ["Int32", "Int32"]
