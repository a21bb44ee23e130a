"""What the report says first: what was left out, which questions have an answer; tables that the page must be given."""

import base64
import gzip
import json
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from flows.outputs.render import TABLES
from pipeline.briefing.embedded import answered, packed_tables, question_json
from pipeline.briefing.today import left_out, letters_today, offences_here, passed_over
from pipeline.pages.report import LATER
from pipeline.wording.catalogue import Catalogue, read_catalogue
from tests.pipeline.pages.test_report import page, rows, tables

SQUARE = "EPSG:32618:150:3288:29534"


def counted(**values: float) -> pd.DataFrame:
    return pd.DataFrame({"measure": list(values), "value": list(values.values())})


def test_the_page_is_given_every_table_that_it_reads() -> None:
    assert set(LATER) <= set(TABLES)


def test_reports_without_location_are_counted_once() -> None:
    all_without = counted(dead_letters=3730.0, dead_letters_no_location=3730.0, rows_in=373_000.0)
    assert left_out(all_without, 0, Catalogue()) == [
        "3,730 reports were left out: they have no location (1% of all rows that came in)."
    ]
    assert left_out(counted(dead_letters=5.0, dead_letters_no_location=1.0), 0, Catalogue()) == [
        "1 report was left out: it has no location (an unknown part of all rows that came in).",
        "4 reports were left out: they could not be used (an unknown part of all rows that came in).",
    ]
    assert left_out(counted(dead_letters=0.0), 0, Catalogue()) == []
    assert left_out(all_without, 0, read_catalogue("es")) == [
        "3.730 avisos se dejaron fuera: no tienen ubicación (1\N{NO-BREAK SPACE}% de todas las filas llegadas)."
    ]


def test_only_what_is_ranked_in_the_main_set_is_an_answer() -> None:
    ranking = rows("offence_ranking", 3, area_id=["a", "b", "of another set"], rank=[None, 2, 1])
    found = answered(ranking, ["a", "b"])
    assert found["area_id"].tolist() == ["b"]
    told = json.loads(question_json(found))
    assert dict(zip(told["columns"], told["values"], strict=True))["rank"] == [2]
    assert question_json(answered(ranking.iloc[:0], ["a"])) == ""


def test_a_warning_names_squares_by_their_place() -> None:
    of = tables()
    said = {"measure": "passed_over", "unit": "cells", "detail": f"squares passed over: {SQUARE} (rank 1)"}
    of["data_quality"] = pd.concat([of["data_quality"], rows("data_quality", 1, value=1.0, is_warning=True, **said)])
    of["cell_forecast"] = of["cell_forecast"].assign(
        cell_id=[SQUARE, *of["cell_forecast"]["cell_id"][1:]], place="Mill"
    )
    warnings = page(of).split('id="warnings"')[1].split("</section>")[0]
    assert "Squares passed over: Mill (rank 1)" in warnings
    assert SQUARE not in warnings


@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan"), None, pd.NA, pd.NaT])
@pytest.mark.parametrize("kind", ["float", "object"])
def test_what_is_no_number_is_null_in_the_embedded_tables(bad: object, kind: str) -> None:
    column = pd.Series([1.5, bad], dtype="object").astype(kind, errors="ignore")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    packed = packed_tables({"area_ranking": pd.DataFrame({"harm": column})}, ZoneInfo("UTC"))
    told = json.loads(gzip.decompress(base64.b64decode(packed)), parse_constant=refuse)
    assert told["area_ranking"]["values"] == [[1.5, None]]
    asked = rows("offence_ranking", 2, expected_hi=column)
    assert json.loads(question_json(asked), parse_constant=refuse)["values"][-1] == [1.5, None]


def test_a_warning_names_areas_by_their_names() -> None:
    of = tables()
    ids = ["4@2024", "24@2024"]
    of["area_ranking"] = of["area_ranking"].assign(area_id=ids, area_name=["4", "Old Town"])
    said = {"measure": "areas_redrawn", "detail": "outlines crossed: 24@2024 (5 m²), 4@2024 (1 m²), 124@2024"}
    of["data_quality"] = pd.concat([of["data_quality"], rows("data_quality", 1, value=3.0, is_warning=True, **said)])
    for name in ("cell_forecast", "officer_allocation", "market", "area_notice", "address_pile", "place_change"):
        of[name] = of[name].iloc[:0]
    warnings = page(of).split('id="warnings"')[1].split("</section>")[0]
    assert "3 outlines crossed: Old Town (5 m²), Area 4 (1 m²), 124@2024" in warnings


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_table_whose_areas_have_no_names_in_runs_of_before_is_shown(missing: object) -> None:
    of = tables()
    of["officer_allocation"] = of["officer_allocation"].assign(area_name=pd.Series([missing] * 2, dtype=object))
    assert "Old Town" in page(of)


def test_what_was_left_out_is_told_beside_what_it_is_part_of() -> None:
    quality = counted(dead_letters_no_location=30, dead_letters=40, rows_in=1000, incidents_in_window=150,
                      outside_areas=10, police_discovered=40)  # fmt: skip
    said = " ".join(left_out(quality, 0, Catalogue()))
    assert "30 reports were left out: they have no location (3% of all rows that came in)" in said
    assert "10 reports were left out: they could not be used (1% of all rows" in said
    assert "10 incidents lie outside every area and are not ranked (5% of those in the window)" in said
    assert "40 incidents that police found themselves raise no rank (20% of those in the window)" in said


def forecast_of(*piles: bool) -> pd.DataFrame:
    ranks = range(1, len(piles) + 1)
    return pd.DataFrame({"cell_id": [f"c{n}" for n in ranks], "rank": list(ranks), "is_address_pile": list(piles),
                         "place": [f"{n} High St" for n in ranks]})  # fmt: skip


def test_squares_that_rank_higher_and_are_not_visited_are_named() -> None:
    forecast = forecast_of(True, False, True, False, False, False, False, True)
    visits = pd.DataFrame({"cell_id": ["c2", "c4", "c5", "c6", "c7"]})
    letters = letters_today(visits, forecast)
    assert letters == {"c2": "A", "c4": "B", "c5": "C", "c6": "D", "c7": "E"}
    assert passed_over(forecast, [{"cell_id": cell} for cell in letters]) == ["1 High St", "3 High St"]
    assert passed_over(forecast, []) == []


def test_what_happens_most_at_a_place_is_said_in_the_language_of_the_page() -> None:
    assert offences_here(["Robbery", "Burglary"], Catalogue()) == "Mostly: Robbery, Burglary."
    assert offences_here([], Catalogue()) is None
