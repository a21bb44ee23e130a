"""No group of anybody and no figure of what was done reaches a score, a list or a plan."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.home.home import Home
from flows.run import prioritise
from flows.schedule.daily import daily_run
from tests.same_answers import tables_of
from tests.town import AS_OF, TownRun

ROOT = Path(__file__).parents[3]
MEASURED = (
    *("harm_matrix", "enforcement_ledger", "enforcement_cost", "arrest_policy", "scoreboard", "consequence"),
    *("operation_effect", "operation_register"),
)
OF_THE_RUN = ("run", "content_hash")  # hashes of the configuration and of rows
OF_THE_CAP = ("allocation_cost",)  # what caps on the hours of groups cost, for a person to choose one
ANY_CAP = 1e9  # times the hours of today: binds nowhere


def test_other_groups_and_other_outcomes_give_the_same_scores_lists_and_plans_to_the_bit(
    town_run: TownRun, loaded_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The town's run has no file of groups, no census shares, and the outcomes as measured; this one has all otherwise.

    The cap on the hours of groups (`allocation.equity_cap_ratio`) reads census shares on purpose, and binds nowhere.
    """
    home = loaded_home(tmp_path / "home")
    ids, areas = town_run.truth("people")["person_id"], town_run.published("area_ranking")["area_id"]
    (home.path / "groups.csv").write_text("person_id,quarter\n" + "".join(f"{each},east\n" for each in ids))
    census = tmp_path / "census.csv"
    census.write_text("area_id,group,share\n" + "".join(f"{each},tenants,0.{n % 10}\n" for n, each in enumerate(areas)))
    force, allocation = home.settings.force, home.settings.allocation
    home.settings = replace(
        home.settings,
        force=replace(force, equity_shares=census),
        allocation=replace(allocation, equity_cap_ratio=ANY_CAP),
    )
    measure, measured = prioritise.measure_outcomes, {}

    def measure_otherwise(*given: Any, **named: Any) -> dict[str, pd.DataFrame]:
        measured.update(measure(*given, **named))
        return {name: otherwise(table, number) for number, (name, table) in enumerate(measured.items())}

    monkeypatch.setattr(prioritise, "measure_outcomes", measure_otherwise)
    daily_run(home, AS_OF)
    assert measured.keys() == set(MEASURED)
    there, here = tables_of(town_run.home.path), tables_of(home.path)
    left_out = {
        f"{file}.{name}" for file in ("published", "restricted") for name in (*MEASURED, *OF_THE_RUN, *OF_THE_CAP)
    }
    assert there.keys() == here.keys()
    assert {
        "published.area_ranking",
        "published.officer_allocation",
        "restricted.person_tier",
    } < there.keys() - left_out
    differ = [name for name in sorted(there.keys() - left_out) if not there[name].equals(here[name])]
    assert differ == []


def otherwise(table: pd.DataFrame, number: int) -> pd.DataFrame:
    """Every second table of outcomes is empty, and the figures of the others are doubled."""
    return table.iloc[:0] if number % 2 else table.assign(**{c: 2 * table[c] for c in table.select_dtypes("float")})


def test_what_a_run_measures_is_published_and_nothing_else() -> None:
    """`measured` is bound once and spread once into the published tables; no other line of a run names it."""
    tree = ast.parse(inspect.getsource(prioritise))
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "measured"]
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    spread = [value for each in dicts for key, value in zip(each.keys, each.values, strict=True) if key is None]
    assert [type(node.ctx) for node in uses] == [ast.Store, ast.Load]
    assert uses[1] in spread


def test_no_score_list_or_plan_names_a_table_of_outcomes() -> None:
    """Not of this run and not of the one before. In life cycles, `consequence` is that of a notice.

    `harm_book` reads which figures of the ledger the settings of the harm matrix may name.
    """
    quiet = [*(ROOT / "flows/run").rglob("*.py"), *(ROOT / "flows/inputs").rglob("*.py")]
    quiet.remove(ROOT / "flows/inputs/harm_book.py")
    quiet += [path for path in (ROOT / "models").rglob("*.py") if path.parent.name not in LOUD]
    named = {
        (str(path.relative_to(ROOT)), node.value)
        for path in quiet
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in MEASURED
    }
    assert not named


LOUD = ("outcomes", "effects", "governance")
