"""What deserves attention in an area: visible, harmful, reported; never use, never what police found."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from models.places.crime_focus import rank_focus

CODEBOOK = pd.DataFrame(
    [
        ("robbery", "Robbery", "violence", 365.0, True),
        ("shoplifting", "Shoplifting", "property", 1.0, True),
        ("fraud", "Fraud", "property", 50.0, False),
        ("drug_possession", "Possession", "drugs", 3.0, True),
        ("contact_stop", "Stop", "contact", 0.0, False),
    ],
    columns=["offence_code", "label", "category", "harm_days", "is_visible"],
).set_index("offence_code")
EVENTS = pd.DataFrame(
    [
        ("a", "robbery", "public", 6), ("a", "robbery", "police", 50), ("a", "shoplifting", "public", 100),
        ("a", "fraud", "public", 40), ("a", "drug_possession", "public", 900), ("b", "robbery", "public", 4),
        ("b", "shoplifting", "partner", 10), ("b", "contact_stop", "police", 70),
    ],
    columns=["area_id", "offence_code", "discovery", "n"],
)  # fmt: skip


def focus(events: pd.DataFrame = EVENTS) -> pd.DataFrame:
    return rank_focus(events, CODEBOOK, discoveries=["public", "partner"]).set_index(["area_id", "offence_code"])


def test_harm_visibility_and_reports_decide() -> None:
    rows = focus()
    assert rows["focus_rank"].dropna().to_dict() == {
        ("a", "robbery"): 1, ("a", "shoplifting"): 2, ("b", "shoplifting"): 1,
    }  # fmt: skip
    assert rows.loc[("a", "robbery"), "harm_days"] == 6 * 365
    assert rows.loc[("a", "robbery"), "harm_share"] == pytest.approx(2190 / (2190 + 100 + 2000))
    assert not {"drug_possession", "contact_stop"} & set(rows.index.get_level_values(1))


def test_what_police_found_is_shown_and_moves_nothing() -> None:
    more = EVENTS.assign(n=EVENTS["n"].where(EVENTS["discovery"] != "police", 9999))
    moved = [c for c in focus() if not focus()[c].equals(focus(more)[c])]
    assert moved == ["police_count"]


def test_an_area_with_more_than_its_share_stands_out() -> None:
    rows = focus()
    assert rows.loc[("a", "fraud"), "rate_ratio"] > 1 > rows.loc[("b", "shoplifting"), "rate_ratio_lo"]


def test_columns_are_those_described() -> None:
    text = (Path(__file__).parents[3] / "pipeline/publication/tables.yml").read_text(encoding="utf-8")
    *expected, _ = yaml.safe_load(text)["published"]["crime_focus"]["columns"]  # names of areas are added by the run
    assert list(rank_focus(EVENTS, CODEBOOK, discoveries=["public"]).columns) == expected
    assert list(rank_focus(EVENTS[:0], CODEBOOK, discoveries=["public"]).columns) == expected
