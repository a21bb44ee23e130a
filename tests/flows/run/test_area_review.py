"""What a run says beside its ranking: other choices, and how near the next area is to the list."""

import json

from click.testing import CliRunner

from flows.command import cli
from pipeline.publication.publish import read_published
from tests.town import CLOCK, TownRun


def test_a_run_publishes_other_choices_and_how_near_the_list_is(town_run: TownRun) -> None:
    home = town_run.home
    ranking = read_published(home.path, "area_ranking").set_index("area_id")
    summary = read_published(home.path, "sensitivity_summary").set_index("variant")
    areas = read_published(home.path, "sensitivity")
    assert {"published", "per_area_km2", "half_life_halved", "severity_scores", "weights_equal"} <= set(summary.index)
    assert len(areas) == len(ranking) * (len(summary) - 1)
    assert summary.loc["published", "largest_p_top_k"] == ranking["p_top_k"].max()
    assert ranking["moves_in_if"].notna().sum() <= 3
    assert (ranking["area_km2"] > 0).all()
    assert ranking["harm_per_1000_residents"].isna().all()  # its boundary file has no residents
    near = read_published(home.path, "quality_check").set_index("check_name")["detail"].get("near_list")
    assert near is not None
    said = town_run.summary.near or " ".join(town_run.summary.warnings)
    assert near in said


def test_commands_show_them(town_run: TownRun) -> None:
    def show(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["--home", str(town_run.home.path), "--clock", CLOCK, "show", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "Next on the list is" in show("areas")
    assert {row["variant"] for row in json.loads(show("sensitivity", "--json"))} >= {"per_area_km2", "severity_scores"}
    assert "half-life" in show("sensitivity-summary")
