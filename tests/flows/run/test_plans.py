"""Plans of a run: in the tables, on the page, and no announcement before its time."""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from flows.command import cli
from flows.decisions.notice_decisions import Decision, NoticeRefusedError, do, open_notice
from flows.decisions.place_actions import (
    announced_start,
    evaluate_operation,
    find_plan,
    operations_at,
    record_action,
    refuse_start,
    register_operation,
)
from flows.evaluation.benefit_cases import weigh_file
from flows.evaluation.visit_compliance import visit_delivery
from flows.home.home import Home
from flows.home.settings import SettingsError
from flows.home.store_access import open_home_store
from flows.inputs.assembly import areas_of, place_incidents, query, read_map, read_run_codebook
from flows.inputs.report_history import read_reports
from flows.outputs.plan_page import write_plan_page
from flows.run.plans import overdose_watch, read_checklist, where_harm_went
from models.operations.crackdowns import FACTS
from models.operations.history import operations_of
from models.operations.overdose_watch import count_alarms
from models.operations.visits import BY_LOT
from pipeline.database import connect
from pipeline.errors import HarmspotError, PublicationError, SourceError
from pipeline.store.snapshot import open_snapshot
from tests.town import CLOCK, TownRun


def test_one_flagrant_market_has_its_turn_and_the_others_wait(town_run: TownRun) -> None:
    plan = town_run.published("crackdown_plan").sort_values("position")
    flagrant = town_run.published("market").query("grade == 'flagrant'")
    assert set(plan["market_id"]) == set(town_run.published("market")["market_id"])
    assert (plan["phase"] == "announce").sum() == 1
    assert plan["market_id"].iloc[0] in set(flagrant["market_id"])
    assert plan["hours_today"].sum() <= town_run.home.settings.crackdowns.officer_hours_per_day


def test_both_plans_keep_every_bound_to_a_millionth(town_run: TownRun) -> None:
    plan = town_run.published("officer_allocation")
    for name in ("proposed_hours", "marginal_hours", "marginal_hours_half", "marginal_hours_double"):
        assert plan[name].sum() == pytest.approx(plan["today_hours"].sum(), abs=1e-6)
        assert (plan[name] >= plan["floor_hours"] - 1e-6).all()
        assert (plan[name] <= plan["ceiling_hours"] + 1e-6).all()


def test_visits_are_planned_for_the_day_and_compared_with_those_made(town_run: TownRun) -> None:
    visits = town_run.published("visit_plan")
    config = town_run.home.settings.visits
    by_lot = visits["chosen_for"] == BY_LOT
    assert visits.loc[~by_lot, "cell_id"].nunique() == config.forecast_cells
    expected = visits.loc[~by_lot, "minutes"].sum() / visits["minutes"].sum()
    assert expected == pytest.approx(1 - config.exploration_share, abs=0.015)
    assert (visits["visit_chance"] < 1).eq(by_lot).all()
    cells = town_run.published("cell_forecast")["cell_id"]
    others = cells[~cells.isin(visits.loc[~by_lot, "cell_id"])]
    assert set(visits.loc[by_lot, "cell_id"]) <= set(others)
    assert set(visits["starts_at"].dt.tz_convert("Europe/London").dt.date) == {CLOCK.date()}
    table = visit_delivery(town_run.home, datetime(2026, 1, 2, tzinfo=UTC))
    assert table["planned_visits"].sum() == len(visits)
    assert (table["delivered_minutes"] >= 0).all()


def test_nothing_is_announced_before_its_time(town_run: TownRun) -> None:
    plan = find_plan(town_run.home, town_run.published("crackdown_plan").sort_values("position")["market_id"].iloc[0])
    with pytest.raises(SourceError) as refused:
        announced_start(town_run.home, plan, None, CLOCK)
    for words in ("not registered beforehand", "health partners have not been told", "no notice was served"):
        assert words in str(refused.value)
    with pytest.raises(SourceError, match="n_1 is not a notice"):
        announced_start(town_run.home, plan, "n_1", CLOCK)
    with pytest.raises(PublicationError, match="known are market_"):
        find_plan(town_run.home, "nowhere")


def test_a_registration_counts_at_once(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> None:
    shutil.copytree(town_run.home.path, tmp_path / "home")
    home = new_home(tmp_path / "home")
    plan = find_plan(home, town_run.published("crackdown_plan").sort_values("position")["market_id"].iloc[0])
    detail = f"market_id={plan['market_id']}; outcome=o; comparison=c; stop_on=2026-09-01"
    record_action(home, kind="registration", area_id=plan["area_id"], actor="Insp. A", detail=detail)
    with pytest.raises(SourceError, match="health partners have not been told") as refused:
        announced_start(home, plan, None, home.now())
    assert "not registered" not in str(refused.value)


SAID = {"outcome": "public reports", "comparison": "the other markets", "by": "Insp. A"}


def test_no_operation_is_renewed_without_its_evaluation(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    """By whatever name, and after the stop date as before it, until somebody evaluates the last one."""
    shutil.copytree(town_run.home.path, tmp_path / "home")
    home, report = new_home(tmp_path / "home"), tmp_path / "evaluation.txt"
    report.write_text("reports fell by a third, elsewhere by a fifth")
    plan = find_plan(home, town_run.published("crackdown_plan").sort_values("position")["market_id"].iloc[0])
    names = (plan["market_id"], plan["area_id"], plan["area_id"].rsplit("@", 1)[0])
    stop_on = home.today() + timedelta(days=3)
    with pytest.raises(SourceError, match="no operation there waits"):
        evaluate_operation(home, names[0], found="reports fell by a third", report=report, by="M. Ito")
    register_operation(home, names[0], stop_on=stop_on, **SAID)
    for name in names:
        with pytest.raises(SourceError, match="is registered already"):
            register_operation(home, name, stop_on=stop_on, **SAID)
    home.clock = CLOCK + timedelta(days=5)
    for name in names:
        with pytest.raises(SourceError, match=f"its stop date {stop_on} has come: evaluate it"):
            register_operation(home, name, stop_on=stop_on + timedelta(days=9), **SAID)
    with pytest.raises(SourceError, match="cannot be started: its stop date"):
        refuse_start(home, plan, home.now())
    with pytest.raises(SourceError, match="cannot be started: its stop date"):
        refuse_start(home, plan, home.midnight(stop_on) - timedelta(hours=1))  # recorded only now
    with pytest.raises(SourceError, match=r"its stop date .* harmspot plan evaluate"):
        announced_start(home, plan, None, home.now())
    record_action(home, kind="crackdown_end", area_id=plan["area_id"], actor="Insp. A")
    with pytest.raises(SourceError, match=r"its operation ended on .* evaluate it"):
        register_operation(home, names[2], stop_on=stop_on + timedelta(days=9), **SAID)
    for found, by in (("fine", "M. Ito"), ("reports fell by a third", "harmspot"), ("reports fell by a third", " ")):
        with pytest.raises(SourceError, match="cannot be evaluated: it takes a named person"):
            evaluate_operation(home, names[0], found=found, report=report, by=by)
    with pytest.raises(PublicationError, match="no such file"):
        evaluate_operation(home, names[0], found="reports fell by a third", report=tmp_path / "none", by="M. Ito")
    market_id, _ = evaluate_operation(home, names[2], found="reports fell by a third", report=report, by="M. Ito")
    assert market_id == plan["market_id"]
    home.clock = home.now() + timedelta(minutes=1)
    register_operation(home, names[0], stop_on=stop_on + timedelta(days=9), **SAID)
    operations = operations_at(home, home.now())
    own = operations[operations["area_id"] == plan["area_id"]]
    assert own["evaluated_at"].notna().tolist() == [True, False]


def test_the_commands_register_evaluate_and_refuse(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    shutil.copytree(town_run.home.path, tmp_path / "home")
    home, report = new_home(tmp_path / "home"), tmp_path / "evaluation.txt"
    report.write_text("reports fell by a third, elsewhere by a fifth")
    market = town_run.published("crackdown_plan").sort_values("position")["market_id"].iloc[0]

    def plan(minute: int, *words: str) -> Result:
        clock = (CLOCK + timedelta(minutes=minute)).isoformat()
        options = ["--home", str(home.path), "--config", str(home.config_file), "--clock", clock]
        return CliRunner().invoke(cli, [*options, "plan", *words])

    registration = ["--outcome", "public reports", "--comparison", "the others", "--actor", "Insp. A", "--stop-on"]
    too_far = plan(0, "register", market, *registration, "2027-06-01")
    assert too_far.exit_code == 2 and "more than 366 days away" in too_far.output
    assert f"registered {market} as C" in plan(1, "register", market, *registration, "2026-02-01").output
    refused = plan(2, "register", market, *registration, "2026-02-01")
    assert refused.exit_code != 0 and f"harmspot plan evaluate {market}" in str(refused.output) + str(refused.exception)
    found = ["--found", "reports fell by a third", "--report", str(report), "--by", "M. Ito"]
    too_soon = plan(3, "evaluate", market, *found)
    assert too_soon.exit_code != 0 and "its operation has not started" in str(too_soon.exception)
    assert plan(3, "record", "crackdown_start", market, "--actor", "Insp. A", "--hours", "20").exit_code == 0
    assert f"evaluated {market} as C" in plan(4, "evaluate", market, *found).output
    assert plan(5, "evaluate", market, *found).exit_code != 0
    assert f"registered {market} as C" in plan(6, "register", market, *registration, "2026-02-01").output
    semicolon = plan(7, "evaluate", market, "--found", "fell; a third", *found[2:])
    assert semicolon.exit_code == 2 and "without a semicolon" in semicolon.output
    home.clock = CLOCK + timedelta(days=40)
    not_finite = plan(8, "record", "visit", market, "--actor", "Insp. A", "--hours", "nan")
    assert not_finite.exit_code == 2 and "'nan' is not a finite number" in not_finite.output
    late = plan(60 * 24 * 40, "record", "crackdown_start", market, "--actor", "Insp. A", "--hours", "20")
    assert late.exit_code != 0 and "cannot be started" in str(late.output) + str(late.exception)


def test_a_notice_tells_of_no_operation_before_the_last_is_evaluated(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    shutil.copytree(town_run.home.path, tmp_path / "home")
    home = new_home(tmp_path / "home")
    draft = town_run.published("area_notice").iloc[0]
    stop_on = home.today() + timedelta(days=1)
    register_operation(home, draft["market_id"], stop_on=stop_on, **SAID)
    reason = {"reason": "read the records and they hold"}
    for reader in ("Sgt. B", "Insp. C"):
        open_notice(home, draft["notice_id"], reader=reader, purpose="to decide on it")
    do(home, draft["notice_id"], Decision("reviewed", "Sgt. B", reason))
    home.clock = home.midnight(stop_on)
    with pytest.raises(NoticeRefusedError, match=f"its stop date {stop_on} has come.*harmspot plan evaluate"):
        do(home, draft["notice_id"], Decision("approved", "Insp. C", reason))
    home.clock = home.now() - timedelta(microseconds=1)
    do(home, draft["notice_id"], Decision("approved", "Insp. C", reason))


def test_what_is_recorded_is_an_action_like_any_other(new_home: Callable[..., Home], tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    detail = "market_id=market_1_2; outcome=o; comparison=c; stop_on=2026-09-01"
    first = record_action(home, kind="registration", area_id="A03@1", actor="Insp. A", detail=detail)
    assert record_action(home, kind="registration", area_id="A03@1", actor="Insp. A", detail=detail) == first
    operations = operations_at(home, home.now())
    assert operations[["area_id", "market_id"]].to_numpy().tolist() == [["A03@1", "market_1_2"]]


def test_what_is_recorded_late_counts_from_when_it_was_done(new_home: Callable[..., Home], tmp_path: Path) -> None:
    home, done_at = new_home(tmp_path / "home"), CLOCK - timedelta(days=3)
    detail = "market_id=market_1_2; outcome=o; comparison=c; stop_on=2026-09-01"
    said = {"area_id": "A03@1", "actor": "Insp. A"}
    record_action(home, kind="registration", at=done_at - timedelta(hours=1), detail=detail, **said)
    record_action(home, kind="crackdown_start", hours=40.0, at=done_at, **said)
    assert operations_at(home, CLOCK)["started_at"].tolist() == [pd.Timestamp(done_at)]
    assert operations_at(home, done_at - timedelta(hours=2)).empty
    with open_home_store(home) as store:
        assert store.batches()["ingested_at"].min() == pd.Timestamp(CLOCK)
    with pytest.raises(SourceError, match="future_date"):
        record_action(home, kind="visit", at=CLOCK + timedelta(days=1), **said)


def test_the_page_holds_every_market_and_picture(town_run: TownRun, tmp_path: Path) -> None:
    path = tmp_path / "plans.html"
    write_plan_page(town_run.home, None, path)
    html = path.read_text(encoding="utf-8")
    assert all(market_id in html for market_id in town_run.published("crackdown_plan")["market_id"])
    assert html.count("<svg") == 3
    assert "http" not in html.replace("http-equiv", "")
    write_plan_page(town_run.home, None, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()


def test_the_shipped_checklist_reads_and_a_broken_one_is_named(town_run: TownRun, tmp_path: Path) -> None:
    assert {item["fact"] for item in read_checklist(town_run.home.settings.force.fidelity)} == set(FACTS)
    path = tmp_path / "list.yaml"
    path.write_text("- {item: x, fact: registered}\n")
    with pytest.raises(SettingsError, match="expected item, fact and due"):
        read_checklist(path)


GOOD = (
    "{proposal_id: op, kind: operation, harm_averted: 9, harm_averted_lo: 5, harm_averted_hi: 12, "
    "expected_averted: 4, expected_averted_lo: 3, custody_days: 1, prison_days: 1}"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "expected a list"),
        ("- {kind: arrest}", "proposal 1: expected at least proposal_id"),
        (f"- {GOOD}\n- {{proposal_id: p_{'0' * 32}, kind: arrest}}", "proposal 2: proposal_id names a person"),
        ("- {proposal_id: a, kind: sweep}", "expected arrest or operation"),
        ("- {proposal_id: a, kind: arrest, custody_days: many}", "custody_days is not a number"),
        ("- {proposal_id: a, kind: arrest, glory: 3}", "unknown 'glory'"),
        (f"- {GOOD}\n- {GOOD}", "proposal 2: its proposal_id is that of an earlier one"),
    ],
)
def test_proposals_that_cannot_be_weighed_are_named_by_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "proposals.yaml"
    path.write_text(text)
    with pytest.raises(HarmspotError, match=words) as refused:
        weigh_file(path)
    assert "0" * 32 not in str(refused.value)


def test_proposals_are_weighed_in_order(tmp_path: Path) -> None:
    path = tmp_path / "proposals.yaml"
    path.write_text(f"- {GOOD}\n- {{proposal_id: a, kind: arrest, officer_hours: 3}}\n")
    assert weigh_file(path)["is_accepted"].tolist() == [True, False]


def watch_of(home: Home) -> pd.DataFrame:
    """Return the overdose watch of what is recorded today."""
    as_of, settings = home.midnight(CLOCK.date()), home.settings
    chart = read_map(settings)
    with open_snapshot(home.store, home.key, as_of=as_of, wait_s=1) as known:
        place_incidents(known.connection, chart, read_run_codebook(settings, as_of), as_of, settings)
        operations = operations_of(query(known.connection, "place_action")).assign(is_hidden=False)
        return overdose_watch(known.connection, operations, chart, as_of, settings)


def test_a_seizure_is_watched_by_its_point_and_one_without_says_why(
    loaded_home: Callable[..., Home], tmp_path: Path
) -> None:
    """Neither its point nor its actor is in the table."""
    home = loaded_home(tmp_path / "home")
    area_id = str(areas_of(home.settings.force)["area_id"].iloc[0])
    at = CLOCK - timedelta(days=5)
    points = ("lon=1.35; lat=54.02", "found in a bin", "lon=east; lat=54", "lon=400; lat=54", None)
    recorded = [
        record_action(home, kind="seizure", area_id=area_id, actor="Sgt. M. Okafor", at=at, detail=detail)
        for detail in points
    ]
    table = watch_of(home)
    ids = ["seizure_" + hashlib.sha256(action_id.encode()).hexdigest()[:12] for action_id in recorded]
    own = table[table["cause"] == "seizure"].set_index("event_id")
    assert own.groupby(level=0).size().to_dict() == dict.fromkeys(ids, 9)
    measured = own.loc[[ids[0]]]
    assert measured["not_measurable_because"].isna().all()
    assert set(zip(measured["radius_m"], measured["days"], strict=True)) == {
        (radius, days) for radius in (100, 250, 500) for days in (7, 14, 21)
    }
    assert measured["expected"].gt(0).all()
    assert own.loc[ids[1:], "not_measurable_because"].str.contains("no point").all()
    assert own.loc[ids[1:], "observed"].isna().all()
    assert set(own["started_at"]) == {pd.Timestamp(home.midnight(at.date()))}
    secrets = "|".join(["Okafor", "54.02", "in a bin", *recorded])
    assert not table.astype(str).apply(lambda column: column.str.contains(secrets)).any(axis=None)


def test_an_operation_that_ends_early_is_watched_to_the_day_that_partners_were_told(
    loaded_home: Callable[..., Home], tmp_path: Path
) -> None:
    home = loaded_home(tmp_path / "home")
    watch_days = home.settings.crackdowns.watch_days
    for area_id, began, ended in (("A03@1", 12, 7), ("A04@1", watch_days + 30, 20), ("A05@1", watch_days + 30, None)):
        said = {"area_id": area_id, "actor": "Insp. A"}
        detail = f"market_id=market_{area_id[2]}0_20; outcome=o; comparison=c; stop_on=2026-09-01"
        start = CLOCK - timedelta(days=began)
        record_action(home, kind="registration", at=start - timedelta(days=9), detail=detail, **said)
        record_action(home, kind="crackdown_start", hours=40.0, at=start, **said)
        if ended is not None:
            record_action(home, kind="crackdown_end", at=CLOCK - timedelta(days=ended), **said)
    own = watch_of(home).query("cause == 'operation'")
    assert own.groupby("event_id").size().to_dict() == {"market_30_20": 9, "market_50_20": 9}


def test_the_watch_of_a_run_is_published_and_shown(town_run: TownRun) -> None:
    table = town_run.published("overdose_watch")
    assert set(table["cause"]) <= {"operation", "seizure", "all seizures"}
    shown = CliRunner().invoke(cli, ["--home", str(town_run.home.path), "show", "overdoses"])
    assert shown.exit_code == 0, shown.output
    assert f"Overdose watch: {count_alarms(table)}." in shown.stderr


def test_operations_out_of_reach_of_displacement_read_no_reports(town_run: TownRun) -> None:
    """The connection has no tables: a query fails."""
    settings, as_of = town_run.home.settings, CLOCK
    market = town_run.published("market").iloc[0]
    started = pd.to_datetime([as_of - timedelta(days=400), as_of - timedelta(days=20)], utc=True)
    rows = pd.DataFrame({"market_id": market["market_id"], "area_id": market["area_id"], "started_at": started})
    rows = rows.assign(
        is_hidden=False, **dict.fromkeys(["announced_at", "ended_at"], pd.to_datetime([None, None], utc=True))
    )
    with closing(connect(is_encrypting=False)) as connection:
        chart = read_map(settings)

        def measured(operations: pd.DataFrame) -> pd.DataFrame:
            reports = read_reports(connection, operations, chart, as_of, settings)
            return where_harm_went(reports, operations, as_of, settings)

        assert measured(rows.iloc[:1])["why"].tolist() == [
            "it began more than 365 days ago: runs of that time measured it"
        ]
        assert measured(rows.iloc[:0]).empty
        with pytest.raises(duckdb.CatalogException, match="point_placed"):
            measured(rows)
