"""Embargoes: nothing published, drawn, told or printed names a market under one; it ends by itself and is audited."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions import partners
from flows.decisions.desk import Desk, at_desk
from flows.decisions.embargoes import embargo_market, lift_embargo, read_embargoes
from flows.decisions.notice_decisions import Decision, NoticeRefusedError, all_notices, do, open_notice
from flows.decisions.place_actions import (
    announced_start,
    evaluate_operation,
    find_plan,
    operations_at,
    record_action,
    register_operation,
)
from flows.home.home import Home
from flows.home.stage import direct
from flows.home.store_access import open_home_store
from flows.human_log.embargoes import Cover, is_covered
from flows.human_log.ledger import read_ledger
from flows.ingest.live import CHANGES, Live, start_live, write_live
from flows.inputs.assembly import read_map
from flows.outputs import render
from flows.outputs.plan_page import write_plan_page
from flows.outputs.render import write_outputs
from flows.run.plans import hidden_sites, shown_markets
from flows.run.prioritise import prioritise
from flows.schedule.daily import daily_run, identify_run, publish_run
from geo.cells import Grid
from geo.same_place import ground_of
from models.places.markets import Markets
from pipeline.errors import ClockError, HarmspotError, PublicationError, PurposeError, SourceError
from pipeline.messages.outbox import make_message
from pipeline.publication.publish import changed_tables, read_published, runs
from tests.town import AS_OF, CLOCK, TownRun

SECRET = {"reason": "a covert inquiry until the arrests", "by": "Supt. A. Lee"}
UNTIL = AS_OF + timedelta(days=20)
NAMED = re.compile(r"(?:market|place)_(-?\d+)_(-?\d+)")


def near(market_id: str, text: str) -> list[str]:
    """The markets that a text names within the drift of a market: under its own id or another."""
    x, y = map(int, NAMED.fullmatch(market_id).groups())  # type: ignore[union-attr]
    found = {each[0]: each.groups() for each in NAMED.finditer(text)}
    return [name for name, (ix, iy) in found.items() if max(abs(int(ix) - x), abs(int(iy) - y)) <= 3]


def contents(home: Home) -> Iterator[tuple[str, str]]:
    """Everything in the home that is not encrypted, as text; databases and Parquet files also by their bytes."""
    for path in sorted(home.path.rglob("*")):
        if path.is_file() and path.name not in ("store.duckdb", "restricted.duckdb", "key"):
            yield str(path.relative_to(home.path)), path.read_bytes().decode("latin-1")
    for path in sorted(home.path.rglob("*.parquet")):
        yield f"{path.name} (rows)", str(pq.read_table(path).to_pylist())
    for path in sorted(home.path.rglob("*.gpkg")):
        yield f"{path.name} (bytes)", path.read_bytes().decode("latin-1")
    with closing(duckdb.connect(str(home.published), read_only=True)) as connection:
        for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
            yield f"table {name}", str(connection.table(name).fetchall())


def naming(home: Home, market_id: str) -> list[str]:
    """The files and tables of the home that name the market, under its id or that of its drift."""
    return [where for where, text in contents(home) if near(market_id, text)]


@pytest.fixture
def market(town_run: TownRun) -> str:
    """A market with a notice, that is first in the plan."""
    noticed = set(town_run.published("area_notice")["market_id"])
    plan = town_run.published("crackdown_plan").sort_values("position")
    return str(next(market_id for market_id in plan["market_id"] if market_id in noticed))


def harmspot(home: Home, *words: str) -> str:
    clock = ["--home", str(home.path), "--config", str(home.config_file), "--clock", home.now().isoformat()]
    done = CliRunner().invoke(cli, [*clock, *words])
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.output


def test_after_the_command_nothing_in_the_home_names_the_market(home: Home, market: str) -> None:
    """The kept run, layers in all formats, report, live figures: old rows, free space and all."""
    write_outputs(home)
    assert {"table market", "table crackdown_plan", "table area_notice", "layers/markets.geojson"} <= set(
        naming(home, market)
    )
    ranks = len(read_published(home.path, "market"))
    harmspot(home, "plan", "embargo", market, "--until", str(UNTIL), "--reason", SECRET["reason"], "--by", SECRET["by"])
    assert naming(home, market) == []
    assert (home.layers / "markets.geojson").exists() and home.report.exists()
    left = read_published(home.path, "market")
    assert 0 < len(left) < ranks and sorted(left["rank"]) == list(range(1, len(left) + 1))
    assert changed_tables(home.path, home.key) == []
    page = home.path / "plans.html"
    write_plan_page(home, None, page)
    assert near(market, page.read_text()) == []
    assert near(market, "".join(harmspot(home, "show", name, "--json") for name in SHOWN)) == []


def test_an_act_that_a_wrong_clock_refuses_shows_nothing_of_it(home: Home, market: str) -> None:
    """By a clock years ahead the embargo would be over; the refused act publishes nothing by it."""
    embargo_market(home, market, until=UNTIL, **SECRET)
    before = home.published.stat().st_mtime_ns
    home.clock = CLOCK + timedelta(days=4000)
    with pytest.raises(ClockError), at_desk(home):
        raise ClockError("the clock reads a day years ahead")
    assert home.published.stat().st_mtime_ns == before and naming(home, market) == []


SHOWN = ("markets", "crackdowns", "visits", "notices", "notice-states", "promises", "displacement", "changes")


def test_runs_meanwhile_name_it_nowhere_and_the_first_after_it_does(home: Home, market: str) -> None:
    before = read_published(home.path, "market")
    embargo_market(home, market, until=UNTIL, **SECRET)
    others = read_published(home.path, "market")
    home.clock = CLOCK + timedelta(days=1)
    during = daily_run(home, AS_OF + timedelta(days=1))
    assert during.is_new and naming(home, market) == []
    assert set(read_published(home.path, "market")["market_id"]) <= set(others["market_id"])
    assert market not in set(read_published(home.path, "place_change")["place_id"])
    home.clock = home.midnight(UNTIL + timedelta(days=1)) - timedelta(microseconds=1)
    daily_run(home, UNTIL)
    assert naming(home, market) == []
    home.clock = home.midnight(UNTIL + timedelta(days=1))
    daily_run(home, UNTIL + timedelta(days=1))
    assert market in set(before["market_id"])
    assert near(market, str(read_published(home.path, "market")["market_id"].tolist()))
    assert naming(home, market)


def test_a_run_is_one_of_its_embargoes_and_repeats_as_it_was(home: Home, market: str) -> None:
    geography = read_map(home.settings)

    def run_id(day: date, known_at: datetime | None = None) -> str:
        return identify_run(home, geography, home.midnight(day), known_at).run_id

    day, earlier = AS_OF + timedelta(days=2), run_id(AS_OF)
    plain = run_id(day)
    home.clock = CLOCK + timedelta(hours=1)
    embargo_market(home, market, until=UNTIL, **SECRET)
    home.clock = CLOCK + timedelta(days=2)
    hidden = run_id(day)
    assert hidden != plain
    assert run_id(AS_OF) != earlier  # an earlier day that is run meanwhile is another run: it names it neither
    home.clock = home.midnight(UNTIL) + timedelta(days=3)
    assert run_id(day) == hidden  # what held at its clocks holds when it is repeated later
    assert run_id(AS_OF) == earlier
    assert identify_run(home, geography, home.midnight(UNTIL + timedelta(days=1)), None).withheld_cells == ()


def test_a_backfill_meanwhile_names_it_neither(home: Home, market: str) -> None:
    embargo_market(home, market, until=UNTIL, **SECRET)
    home.clock = CLOCK + timedelta(hours=1)
    assert daily_run(home, AS_OF - timedelta(days=1), CLOCK).is_new
    assert naming(home, market) == []


def test_what_was_computed_before_is_not_published_after(home: Home, market: str) -> None:
    """A run that began before the embargo and ends after it."""
    home.clock = CLOCK + timedelta(days=1)
    geography = read_map(home.settings)
    identity = identify_run(home, geography, home.midnight(AS_OF + timedelta(days=1)), None)
    products = prioritise(home, identity, geography, direct)
    assert market in set(products.published["market"]["market_id"])
    embargo_market(home, market, until=UNTIL, **SECRET)
    publish_run(home, identity, products)
    assert len(runs(home.path)) == 2 and naming(home, market) == []
    assert changed_tables(home.path, home.key) == []


def test_what_was_being_drawn_is_not_put_in_place(home: Home, market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reads its tables, the embargo comes, and the layers that name the market are complete only then."""
    drawn = render.place_layers

    def overtaken(tables: render.Drawn) -> dict:
        monkeypatch.setattr(render, "place_layers", drawn)
        embargo_market(home, market, until=UNTIL, **SECRET)
        return drawn(tables)

    monkeypatch.setattr(render, "place_layers", overtaken)
    with pytest.raises(PublicationError, match="was changed while it was drawn"):
        write_outputs(home)
    assert naming(home, market) == []
    write_outputs(home)
    assert naming(home, market) == [] and (home.layers / "markets.geojson").exists()


def test_its_notice_is_neither_read_nor_approved_nor_served_nor_listed(home: Home, market: str) -> None:
    drafts = read_published(home.path, "area_notice")
    notice_id = str(drafts.loc[drafts["market_id"] == market, "notice_id"].iloc[0])
    reason = {"reason": "read the records and they hold"}
    for reader in ("Sgt. B", "Insp. C"):
        open_notice(home, notice_id, reader=reader, purpose="to decide on it")
    do(home, notice_id, Decision("reviewed", "Sgt. B", reason))
    plan = find_plan(home, market)
    assert embargo_market(home, market, until=UNTIL, **SECRET) == UNTIL
    assert embargo_market(home, market, until=UNTIL - timedelta(days=5), **SECRET) == UNTIL  # the later one holds
    assert notice_id not in {notice.notice_id for notice in all_notices(home, ["area"])}
    assert read_published(home.path, "area_notice_state").empty
    for refused in (
        lambda: open_notice(home, notice_id, reader="Insp. C", purpose="to print it"),
        lambda: open_notice(home, notice_id, reader=None, purpose=None),
        lambda: do(home, notice_id, Decision("approved", "Insp. C", reason)),
        lambda: do(home, notice_id, Decision("served", "PC D", {"served_at": home.now(), "manner": "displayed"})),
    ):
        with pytest.raises(NoticeRefusedError, match="on hold by a decision of a supervisor"):
            refused()
    with pytest.raises(PublicationError) as unknown:
        find_plan(home, market)
    assert near(market, str(unknown.value).replace(repr(market), "")) == []
    with pytest.raises(HarmspotError):
        announced_start(home, plan, notice_id, home.now())
    do(home, notice_id, Decision("contested", "Sgt. B", {**reason, "by": "resident"}))  # an objection is always heard
    home.clock = home.midnight(UNTIL + timedelta(days=1))
    open_notice(home, notice_id, reader="Insp. C", purpose="to decide on it")


def test_an_operation_there_is_hidden_with_it(home: Home, market: str) -> None:
    plan = find_plan(home, market)
    record_action(home, kind="registration", area_id=plan["area_id"], actor="Insp. A",
                  detail=f"market_id={market}; outcome=o; comparison=c; stop_on=2026-09-01")  # fmt: skip
    record_action(home, kind="announcement", area_id=plan["area_id"], actor="Insp. A", hours=20.0)
    record_action(home, kind="crackdown_start", area_id=plan["area_id"], actor="Insp. A", hours=20.0)
    home.clock = CLOCK + timedelta(days=1)
    daily_run(home, AS_OF + timedelta(days=1))
    shown = {where for where in naming(home, market) if where.startswith("table")}
    assert {"table promise", "table visit_plan", "table displacement"} <= shown
    embargo_market(home, market, until=UNTIL, **SECRET)
    assert naming(home, market) == []
    home.clock = CLOCK + timedelta(days=2)
    daily_run(home, AS_OF + timedelta(days=2))
    assert naming(home, market) == []
    assert len(read_published(home.path, "cell_forecast")) and len(read_published(home.path, "visit_plan"))


def begin_beside(home: Home, market: str, *steps: dict) -> tuple[str, str]:
    """Begin an operation ten cells from a market, in its area, and embargo it after the next run; return both."""
    plan = find_plan(home, market)
    x, y = map(int, NAMED.fullmatch(market).groups())  # type: ignore[union-attr]
    secret = f"market_{x + 10}_{y}"
    for step in (
        {"kind": "registration", "detail": f"market_id={secret}; outcome=o; comparison=c; stop_on=2026-09-01"},
        *steps,
    ):
        record_action(home, area_id=plan["area_id"], actor="Insp. A", **step)
    home.clock = CLOCK + timedelta(days=3)
    daily_run(home, AS_OF + timedelta(days=3))
    assert "table crackdown_plan" in naming(home, secret)
    embargo_market(home, secret, until=UNTIL, **SECRET)
    home.clock = CLOCK + timedelta(days=4)
    daily_run(home, AS_OF + timedelta(days=4))
    assert naming(home, secret) == []
    return secret, str(plan["area_id"])


STARTED = {"kind": "crackdown_start", "hours": 5000.0}


def test_the_commands_neither_name_nor_end_the_operation_beside_it(home: Home, market: str, tmp_path: Path) -> None:
    secret, area_id = begin_beside(home, market, STARTED)
    report = tmp_path / "report.txt"
    report.write_text("reports fell by a third")
    said = {"found": "reports fell by a third", "report": report}
    for by in ("M. Ito", "harmspot"):
        with pytest.raises(SourceError, match=r"cannot be evaluated: this place is on hold$") as refused:
            evaluate_operation(home, market, by=by, **said)
        assert near(secret, str(refused.value)) == []
    terms = {"outcome": "o", "comparison": "c", "stop_on": UNTIL, "by": "Insp. A"}
    with pytest.raises(SourceError, match=r"cannot be registered: this place is on hold$"):
        register_operation(home, market, **terms)
    operations = operations_at(home, home.now())
    own = operations[operations["area_id"] == area_id]
    assert own["market_id"].tolist() == [secret] and own["ended_at"].isna().all()


def test_partners_hear_nothing_of_what_is_done_there(home: Home, market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seizure = {"kind": "seizure"}
    _, area_id = begin_beside(home, market, STARTED, seizure)
    areas = read_published(home.path, "area_ranking")["area_id"]
    other = record_action(home, kind="seizure", area_id=areas[areas != area_id].iloc[0], actor="Insp. A", at=CLOCK)
    monkeypatch.setattr(partners, "_watch", lambda desk, cause_id, *rest: [cause_id])
    lists = {"referral": pd.DataFrame(), "safeguarding": pd.DataFrame()}
    with open_home_store(home) as store:
        actions = store.place_actions(home.now())
        assert area_id.rsplit("@", 1)[0] in set(actions.loc[actions["kind"] == "seizure", "area_id"])
        told = partners.run_messages(Desk(home, store), lists, actions, home.now())
    assert told == [other]


def test_hours_and_area_of_a_hidden_operation_stay_taken(home: Home, market: str) -> None:
    assert "announce" in set(read_published(home.path, "crackdown_plan")["phase"])
    _, area_id = begin_beside(home, market, STARTED)
    plan = read_published(home.path, "crackdown_plan")
    assert set(plan["phase"]) == {"hold"} and sorted(plan["position"]) == list(range(1, len(plan) + 1))
    own = plan[plan["area_id"] == area_id]
    assert len(own) and all("this place is on hold" in reasons for reasons in own["refused_because"])
    assert not any("another operation" in reason for reasons in plan["refused_because"] for reason in reasons)


def test_the_promises_of_a_hidden_operation_still_count(home: Home, market: str) -> None:
    begin_beside(home, market, {"kind": "announcement", "hours": 20.0, "detail": f"starts_on={AS_OF}"})
    assert read_published(home.path, "promise").empty
    reasons = [reason for each in read_published(home.path, "crackdown_plan")["refused_because"] for reason in each]
    assert any("only 0% of promises were kept" in reason for reason in reasons)
    assert "ANNOUNCING STOPS" in harmspot(home, "promises")


def test_ground_is_hidden_in_metres_by_whatever_cells() -> None:
    """The same ground has other indices in cells of 300 m, and the same indices are other ground."""
    cells = ("EPSG:27700:150:3600:1200",)
    assert is_covered(cells, "market_3600_1200", 150) and is_covered(cells, "place_1800_600", 300)
    assert not is_covered(cells, "market_3600_1200", 300) and not is_covered(cells, "market_1800_600", 150)
    cover, none = Cover(cells), pd.DataFrame({"market_id": [], "geometry_wkb": []})
    named = {"market_3600_1200", "market_1800_600", "place_1801_600"}
    assert cover("EPSG:27700", 150, none, named) == {"market_3600_1200"}
    assert cover("EPSG:27700", 300, none, named) == {"market_1800_600", "place_1801_600"}


def test_an_operation_at_a_market_with_a_cell_on_hidden_ground_is_hidden_with_it() -> None:
    """Its middle lies outside; the market's table and the operation's agree."""
    grid = Grid("EPSG:27700", 150)
    cells = pd.DataFrame({"market_id": "market_10_10", "cell_ix": [10, 14], "cell_iy": [10, 10]})
    markets = pd.DataFrame({"market_id": ["market_10_10"], "rank": [1]})
    found = Markets(markets, cells, pd.DataFrame({"market_id": pd.Series(dtype=str)}))
    ground = ground_of(grid.cell_id([17], [10]), grid.crs, reach_cells=3)
    geography = SimpleNamespace(grid=grid)
    operations = pd.DataFrame({"market_id": ["market_10_10", "market_9_10", "market_40_40", None]})
    assert shown_markets(found, geography, ground).markets.empty
    assert hidden_sites(found, operations, geography, ground) == {"market_10_10", "market_9_10"}


def test_waiting_messages_are_withdrawn_and_none_follow(home: Home, market: str) -> None:
    other = f"market_{10**6}_0"
    messages = [
        make_message(CHANGES, place, "harmspot.place.changed.v1", {"place_id": place}, time=CLOCK, identity=[place])
        for place in (market, other)
    ]
    with open_home_store(home) as store:
        store.add_messages(messages, home.now())
    embargo_market(home, market, until=UNTIL, **SECRET)
    with open_home_store(home) as store:
        assert [message.key for message in store.undelivered(10, CHANGES)] == [messages[1].key]


def test_live_figures_name_it_no_longer(home: Home, market: str) -> None:
    """A stream that runs on, with what it had read before the embargo: it writes its figures anew with every batch."""
    live = start_live(home)
    assert live is not None

    def look() -> list[dict]:
        with open_home_store(home) as store:
            messages = live.tell(store)
            write_live(home, live)
        assert near(market, str([(message.key, message.payload) for message in messages])) == []
        rows = pq.read_table(home.path / "live.parquet").to_pylist()
        return [row for row in rows if row["place_kind"] == "market"]

    with closing(live):
        live._last_batch -= 1  # as if the last batch had just come
        assert near(market, str(look()))
        embargo_market(home, market, until=UNTIL, **SECRET)
        assert naming(home, market) == []  # the file that lay there
        after = look()  # nothing new has come since
        assert [row["rank"] for row in after] == list(range(1, len(after) + 1))
        assert naming(home, market) == []
        live._last_batch -= 1
        look()
        assert naming(home, market) == []
        home.clock = home.midnight(UNTIL + timedelta(days=1))
        assert near(market, str(look_again(home, live)))


def look_again(home: Home, live: Live) -> list[dict]:
    with open_home_store(home) as store:
        live.tell(store)
    assert live.table is not None
    return list(live.table.to_pylist())


WRONG = {
    "two different words": {"reason": "secret"},
    "a named person": {"by": "harmspot"},
    "actor is missing": {"by": "  "},
    "today or later": {"until": AS_OF - timedelta(days=1)},
    "within 90 days": {"until": AS_OF + timedelta(days=90)},
}


def test_an_embargo_needs_a_name_a_reason_and_a_near_end(home: Home, market: str) -> None:
    for words, change in WRONG.items():
        with pytest.raises(PublicationError, match=words):
            embargo_market(home, market, **{"until": UNTIL, **SECRET, **change})
    assert market in set(read_published(home.path, "market")["market_id"])
    embargo_market(home, market, **{"until": AS_OF + timedelta(days=89), **SECRET})


def test_an_unknown_market_is_named_with_those_known(home: Home, market: str) -> None:
    with pytest.raises(PublicationError, match=f"'market_x' is not in the latest run; known are .*{market}"):
        embargo_market(home, "market_x", until=UNTIL, **SECRET)
    with pytest.raises(PublicationError, match="no embargo of it is in force"):
        lift_embargo(home, market, reason="the arrests are made", by="Supt. A. Lee")


def test_the_last_day_ends_at_local_midnight_also_where_the_clocks_change(home: Home, market: str) -> None:
    """London: on 29 March 2026 summer time begins, so that the day after it begins at 23:00 UTC."""
    home.clock = datetime(2026, 3, 1, 12, tzinfo=UTC)
    embargo_market(home, market, until=date(2026, 3, 29), **SECRET)
    read = {"is_all": False, "reader": "Supt. A. Lee", "purpose": "before the briefing"}
    assert read_embargoes(home, **read)["ends_at"].tolist() == [pd.Timestamp("2026-03-29T23:00Z")]
    home.clock = datetime(2026, 3, 29, 22, 59, 59, tzinfo=UTC)
    assert len(read_embargoes(home, **read)) == 1
    home.clock = datetime(2026, 3, 29, 23, tzinfo=UTC)
    assert read_embargoes(home, **read).empty


def test_who_hid_what_and_why_is_kept_and_reading_it_is_logged_without_names(home: Home, market: str) -> None:
    embargo_market(home, market, until=UNTIL, **SECRET)
    home.clock = CLOCK + timedelta(days=3)
    embargo_market(home, market, until=UNTIL + timedelta(days=5), reason="the inquiry goes on", by="Supt. A. Lee")
    assert naming(home, market) == []
    lift_embargo(home, market, reason="the arrests are made", by="Supt. K. Orr")
    with pytest.raises(PurposeError):
        read_embargoes(home, is_all=True, reader=None, purpose=None)
    printed = harmspot(home, "audit", "embargoes", "--json", "--purpose", "yearly audit", "--reader", "J. Sol")
    rows = json.loads(printed)
    assert {(row["market_id"], row["state"], row["lifted_by"]) for row in rows} == {(market, "lifted", "Supt. K. Orr")}
    assert {row["reason"] for row in rows} == {SECRET["reason"], "the inquiry goes on"}
    assert (
        json.loads(harmspot(home, "plan", "embargoes", "--json", "--purpose", "audit it", "--reader", "J. Sol")) == []
    )
    entry = list(home.access_log.entries())[-2]
    assert (entry["reader"], entry["detail"]) == ("J. Sol", {"all": True, "table": "embargoes"})
    assert near(market, home.access_log.path.read_text()) == []


def test_the_store_says_what_was_said(home: Home, market: str, new_home: Callable[..., Home], tmp_path: Path) -> None:
    """The ledger is encrypted; a copy of the home is under the same embargo."""
    embargo_market(home, market, until=UNTIL, **SECRET)
    assert SECRET["reason"].encode() not in home.store.read_bytes()
    shutil.copytree(home.path, tmp_path / "copy")
    copy = new_home(tmp_path / "copy")
    [event] = read_ledger(copy).about("market")
    assert (event.kind, event.actor, event.subject) == ("embargoed", SECRET["by"], market)
