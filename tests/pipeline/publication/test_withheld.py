"""Tables without withheld markets: none is named, ranks close up, and the other rows stay as they were."""

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.publication.tables import RUN_COLUMNS, read_tables
from pipeline.publication.withheld import named_markets, without_markets

IDS = [f"market_{number}_{-number}" for number in range(12)]  # market_1_-1 is no part of market_11_-11
TABLES = ("market", "crackdown_plan", "visit_plan", "area_notice", "displacement", "place_change", "promise")


def schema_of(name: str) -> pa.Schema:
    return pa.schema([(column.name, column.arrow_type) for column in read_tables().find(name).columns])


def rows_of(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = schema_of(name)
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema=schema)


@st.composite
def runs(draw: st.DrawFn) -> dict[str, pa.Table]:
    """The tables of one run with some markets, and where these stood in the run before."""
    ids, before = draw(st.permutations(IDS)), draw(st.permutations(IDS))
    now, was = ids[: draw(st.integers(0, 12))], before[: draw(st.integers(0, 12))]
    rank, earlier = ({market: n for n, market in enumerate(those, 1)} for those in (now, was))
    changes = [
        {"place_kind": "market", "place_id": market, "rank_before": earlier.get(market), "rank_after": rank.get(market),
         "change": "entered" if market not in earlier else "left" if market not in rank
         else "rose" if rank[market] < earlier[market] else "fell", "why": "More dealing reports."}
        for market in sorted({*now, *was}) if rank.get(market) != earlier.get(market)
    ]  # fmt: skip
    controls = {market: draw(st.lists(st.sampled_from(IDS), max_size=4, unique=True)) for market in now}
    return {
        "market": rows_of("market", [
            {"market_id": market, "rank": rank[market], "rank_before": earlier.get(market),
             "rank_change": earlier[market] - rank[market] if market in earlier else None, "score": 0.5}
            for market in now]),
        "crackdown_plan": rows_of("crackdown_plan", [
            {"market_id": market, "position": rank[market], "why": f"after {draw(st.sampled_from(IDS))}"}
            for market in now]),
        "visit_plan": rows_of("visit_plan", [{"cell_id": f"c{market}", "chosen_for": market} for market in now]
                              + [{"cell_id": "c", "chosen_for": "forecast"}]),
        "area_notice": rows_of("area_notice", [{"notice_id": f"n{market}", "market_id": market} for market in now]),
        "displacement": rows_of("displacement", [
            {"market_id": market, "control_ids": controls[market], "control_count": len(controls[market])}
            for market in now]),
        "place_change": rows_of("place_change", changes),
        "promise": rows_of("promise", [{"area_id": market, "market_id": market} for market in now]),
    }  # fmt: skip


def test_a_market_is_found_in_whatever_text_of_a_run_names_it() -> None:
    for name, table in read_tables().published.items():
        for column in table.columns if table.is_of_one_run else ():
            text = "the market_3_-4, and what is near"
            value = {"VARCHAR": text, "VARCHAR[]": [text]}.get(column.duckdb_type)
            if value and column.name not in RUN_COLUMNS:
                assert named_markets({name: rows_of(name, [{column.name: value}])}) == {"market_3_-4"}, column.name


@settings(max_examples=150)
@given(runs(), st.sets(st.sampled_from(IDS)))
def test_no_row_names_a_hidden_market_and_the_others_stand_as_if_there_were_no_more(
    tables: dict[str, pa.Table], hidden: set[str]
) -> None:
    left = tables | without_markets(tables, hidden)
    assert {name: rows.schema for name, rows in left.items()} == {name: rows.schema for name, rows in tables.items()}
    assert not named_markets(left) & hidden
    texts = [value for rows in left.values() for row in rows.to_pylist() for value in row.values()]
    flat = [
        text for value in texts for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)
    ]
    assert not any(part in hidden for text in flat for part in text.split())
    for name, key in (("market", "rank"), ("displacement", "market_id"), ("visit_plan", "cell_id")):
        kept = [row for row in tables[name].to_pylist() if row.get("market_id", row.get("chosen_for")) not in hidden]
        assert len(left[name]) == len(kept), (name, key)
    market = {row["market_id"]: row for row in left["market"].to_pylist()}
    assert sorted(row["rank"] for row in market.values()) == list(range(1, len(market) + 1))
    for row in left["displacement"].to_pylist():
        assert len(row["control_ids"]) == row["control_count"]
    for row in market.values():
        if row["rank_before"] is not None:
            assert row["rank_change"] == row["rank_before"] - row["rank"]


@settings(max_examples=150)
@given(runs(), st.sets(st.sampled_from(IDS)))
def test_the_ranks_are_those_of_a_run_that_never_had_the_hidden_markets(
    tables: dict[str, pa.Table], hidden: set[str]
) -> None:
    """Ranks of this run and of the one before, in market and place_change, have no hole that tells of one more."""
    left = tables | without_markets(tables, hidden)
    old = {row["place_id"]: row for row in tables["place_change"].to_pylist()}
    was = {row["market_id"]: row["rank_before"] for row in tables["market"].to_pylist()}
    was |= {market: row["rank_before"] for market, row in old.items()}
    was = {market: rank for market, rank in was.items() if rank is not None}
    shown_before = [market for market in sorted(was, key=lambda market: was[market]) if market not in hidden]
    expected = {market: rank for rank, market in enumerate(shown_before, 1)}
    for row in left["market"].to_pylist():
        assert row["rank_before"] == expected.get(row["market_id"])
    for row in left["place_change"].to_pylist():
        assert row["rank_before"] == expected.get(row["place_id"])
        assert row["rank_before"] != row["rank_after"]
        if row["rank_before"] and row["rank_after"]:
            assert row["change"] == ("rose" if row["rank_after"] < row["rank_before"] else "fell")


def test_nothing_hidden_changes_nothing() -> None:
    rows = {name: rows_of(name, [{"market_id": "market_1_1"}] if name == "market" else []) for name in TABLES}
    assert without_markets(rows, set()) == {}
    assert without_markets(rows, {"market_11_1"}) == {}


def test_places_on_hidden_ground_leave_the_texts_and_lists_that_name_them() -> None:
    rows = [
        {"market_id": "market_9_9", "part": "next places", "control_ids": ["place_1_1", "place_2_2"],
         "control_count": 7,
         "why": "12 reports; next places: place_1_1, place_2_2, place_3_3"},
        {"market_id": "market_8_8", "part": "next places", "control_ids": [], "why": "next places: place_2_2"},
    ]  # fmt: skip
    tables = {"market": rows_of("market", []), "displacement": rows_of("displacement", rows)}
    assert named_markets(tables) == {"market_9_9", "market_8_8", "place_1_1", "place_2_2", "place_3_3"}
    left = without_markets(tables, {"place_2_2"})["displacement"].to_pylist()
    assert [row["why"] for row in left] == [
        "12 reports; next places: place_1_1, place_3_3",
        "next places: none that is shown",
    ]
    assert (left[0]["control_ids"], left[0]["control_count"]) == (["place_1_1"], 7)
