"""The description of the tables, its page in docs, and frames made to fit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.database import ARROW_TYPES
from pipeline.errors import PublicationError
from pipeline.publication.tables import Table, _columns, conform, read_tables, tables_markdown

ROOT = Path(__file__).resolve().parents[3]
RUN = {
    "run_id": "r1",
    "as_of": pd.Timestamp("2026-01-02T00:00Z"),
    "valid_to": pd.Timestamp("2026-01-04T00:00Z"),
}
CHANGES = pd.DataFrame(
    {
        "place_kind": ["market", "area", "area"],
        "place": [None, None, None],
        "place_id": ["m", "b", "a"],
        "change": ["entered", "left", "rose"],
        "announced_on": [None, None, None],
        "rank_announced": [None, None, 3],
        "rank_before": [np.nan, 2.0, 3.0],
        "rank_after": [1, None, 2],
        "why": ["x", None, "z"],
        "geometry_wkb": [b"outline", None, None],
    }
)


def test_the_page_in_docs_is_the_description() -> None:
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    assert page == tables_markdown(), "run: python -m pipeline.publication.tables > docs/tables.md"


def test_every_column_has_a_known_type_and_a_meaning_and_keys_are_columns() -> None:
    tables = read_tables()
    for table in [*tables.published.values(), *tables.restricted.values()]:
        assert set(table.key) <= set(table.column_names)
        assert all(column.duckdb_type in ARROW_TYPES and column.meaning.endswith(".") for column in table.columns)
        begins_with_run = table.column_names[:3] == ["run_id", "as_of", "valid_to"]
        assert begins_with_run is (table.is_of_one_run or table.name == "run"), table.name
        assert table.shared_by is None or table.shared_by in tables.published["run"].column_names, table.name


def test_both_files_say_which_runs_they_hold() -> None:
    assert read_tables().published["run"] == read_tables().restricted["run"]


def test_published_tables_have_no_column_about_a_person() -> None:
    names = [name for table in read_tables().published.values() for name in table.column_names]
    assert not [name for name in names if "person" in name]


def test_conform_casts_orders_and_sorts() -> None:
    rows = conform("place_change", CHANGES[CHANGES.columns[::-1]], RUN)
    assert rows.schema.names == read_tables().published["place_change"].column_names
    assert rows["place_id"].to_pylist() == ["a", "b", "m"]
    assert rows["rank_before"].to_pylist() == [3, 2, None]
    assert rows.schema.field("rank_after").type == pa.int32()
    assert rows.schema.field("as_of").type == pa.timestamp("us", tz="UTC")
    assert rows["run_id"].to_pylist() == ["r1"] * 3


def test_conform_leaves_its_input_alone() -> None:
    before = CHANGES.copy()
    conform("place_change", CHANGES, RUN)
    pd.testing.assert_frame_equal(CHANGES, before)


def test_an_empty_frame_conforms() -> None:
    for table in read_tables().restricted.values():
        has_run = table.is_of_one_run
        names = table.column_names[3:] if has_run else table.column_names
        rows = conform(table.name, pd.DataFrame(columns=names), RUN if has_run else None)
        assert len(rows) == 0
        assert rows.schema.types == [column.arrow_type for column in table.columns]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (CHANGES.drop(columns="why"), r"'place_change'.*missing columns \['why'\]"),
        (CHANGES.assign(mood="bad"), r"unexpected \['mood'\]"),
        (CHANGES.assign(rank_after=[1.5, 2, 3]), r"place_change\.rank_after holds a value that is not INTEGER"),
        (CHANGES.assign(place_id="a", place_kind="area"), r"rows with a null or duplicate key"),
        (CHANGES.assign(place_id=pd.Series(["a", "b", None], dtype=object)), r"\['place_id'\] is null"),
    ],
)
def test_misfits_are_named(frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(PublicationError, match=said):
        conform("place_change", frame, RUN)


def test_a_misfit_value_is_not_quoted() -> None:
    with pytest.raises(PublicationError) as caught:
        conform("place_change", CHANGES.assign(rank_after="p_" + "0" * 32), RUN)
    assert "p_0" not in str(caught.value)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(PublicationError, match="as_of"):
        conform("place_change", CHANGES, {**RUN, "as_of": pd.Timestamp("2026-01-02")})


def test_an_unknown_table_is_named_with_those_there_are() -> None:
    with pytest.raises(PublicationError, match=r"'gossip'.*area_ranking"):
        conform("gossip", CHANGES, RUN)


def test_columns_are_shown_in_the_order_of_the_file_but_for_first_and_after() -> None:
    columns = _columns(
        {
            "a": {"type": "DOUBLE", "meaning": "A.", "show": {"command": True, "after": "c"}},
            "hidden": {"type": "DOUBLE", "meaning": "Not shown."},
            "b": {"type": "DOUBLE", "meaning": "B.", "show": {"report": {"head": "B"}}},
            "c": {"type": "DOUBLE", "meaning": "C.", "show": {"first": True, "report": [{"head": "C"}, {"head": "D"}]}},
        }
    )
    shown = Table("t", "About.", ("a",), columns).shown
    assert [column.name for column in shown] == ["c", "a", "b"]
    assert [cell.head for column in shown for cell in column.show.report] == ["C", "D", "B"]


def test_a_table_may_have_the_columns_of_another_behind_its_own() -> None:
    main, sets = (read_tables().published[name] for name in ("area_ranking", "area_set_ranking"))
    assert sets.key == ("area_set", "area_id")
    assert sets.columns[:3] == main.columns[:3]  # those of every row
    assert sets.column_names[3:5] == ["area_set", "top_k"]
    assert sets.columns[5:] == main.columns[3:]


@pytest.mark.parametrize("show", [{"comand": True}, {"report": {"head": "A", "colour": "red"}}, {"report": {}}])
def test_a_wrong_word_under_show_is_named(show: dict[str, object]) -> None:
    with pytest.raises(PublicationError, match=r"column 'a' has show: .*expected command, report.*in report head, tip"):
        _columns({"a": {"type": "DOUBLE", "meaning": "A.", "show": show}})


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT, pd.NA])
def test_a_column_without_any_value_conforms_whatever_its_type(missing: object) -> None:
    """As the weeks of an operation that is not measured yet."""
    tried = 0
    for name, table in {**read_tables().published, **read_tables().restricted}.items():
        key_types = {column.duckdb_type for column in table.columns if column.name in table.key}
        if key_types <= {"VARCHAR"} and table.is_of_one_run:
            given = {each: ["x" if each in table.key else missing] for each in table.column_names if each not in RUN}
            assert len(conform(name, pd.DataFrame(given), RUN)) == 1
            tried += 1
    assert tried > 20
